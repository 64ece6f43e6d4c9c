#!/bin/sh
# Round trips on this host's loopback interface, beside libcoap in the same run; and sizes on the watch.
set -eu
cd "$(dirname "$0")/../.."
bench/bus/size.sh
exec build/linux/bench/bus/bench_rtt
