#!/bin/sh
# Round trips and rates on this host's loopback interface, beside libcoap and mosquitto in the same run; and sizes on the watch.
set -eu
cd "$(dirname "$0")/../.."
bench/bus/size.sh
build/linux/bench/bus/bench_rtt
build/linux/bench/bus/bench_far
build/linux/bench/bus/bench_gossip
build/linux/bench/bus/bench_find
build/linux/bench/bus/bench_rate
# Thirty and sixty idle nodes, and one that is watched; bench/bus/idle.py --whole takes minutes 3 to 8.
exec python3 bench/bus/idle.py
