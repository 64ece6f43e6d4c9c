#!/bin/sh
# Round trips on this host's loopback interface, beside libcoap in the same run.
set -eu
cd "$(dirname "$0")/../.."
exec build/linux/bench/bus/bench_rtt
