#!/bin/sh
# What bus, node and codec take of the watch's flash, object by object, from its link map; what a node takes of its
# RAM with room for no peer, its buffers included, and what each peer adds.
set -eu
cd "$(dirname "$0")/../.."
map=build/cortex-m4/products/watch/watch.elf.map
[ -f "$map" ] || { echo "bench/bus: no image of the watch; make cortex-m4" >&2; exit 1; }
for library in libtt_bus.a libtt_node.a libtt_codec.a; do
    awk -v LIBRARY=$library -f bench/storage/objects.awk "$map"
done | sort | awk '
    { printf "bench bus.m4.flash_%s %d bytes\n", $1, $2; sum += $2 }
    END { printf "bench bus.m4.bus_flash %d bytes\n", sum }'
object=$(mktemp)
trap 'rm -f "$object"' EXIT
node_for() { # PEERS
    arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 --specs=picolibc.specs -std=gnu17 \
        -I. -Iinclude -Iinclude/cpu/cortex-m4 "-DTT_NODE_PEERS_MAX=$1" "-DTT_BUS_SESSIONS_MAX=$1" \
        "-DTT_BUS_PAST_MAX=$((6 * $1))" -DTT_BUS_STREAMS_MAX=1 -DTT_BUS_STREAM_WINDOW=2048 -c bench/bus/size.c -o "$object"
    echo $((0x$(arm-none-eabi-nm -S "$object" | awk '$4 == "counted" { print $2 }')))
}
eight=$(node_for 8)
each=$(($(node_for 9) - eight))
echo "bench bus.m4.ram $((eight - 8 * each)) bytes"
echo "bench bus.m4.ram_per_peer $each bytes"
