#!/bin/sh
# What bus, node and codec take of the watch's flash, object by object, from its link map: the list is what the watch is made of. Then
# the same of a watch without streams (linked here with bus/stream_none.c), and of the band, which finds others as well. And what a node
# takes of the watch's RAM with room for no peer, its buffers included, table by table, and what each peer adds.
set -eu
cd "$(dirname "$0")/../.."
build=build/cortex-m4
[ -f $build/products/watch/watch.elf.map ] || { echo "bench/bus: no image of the watch; make cortex-m4" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

objects_of() { # MAP
    for library in libtt_bus.a libtt_node.a libtt_codec.a; do
        awk -v LIBRARY=$library -f bench/storage/objects.awk "$1"
    done | sort
}
sum_of() { # MAP
    objects_of "$1" | awk '{ sum += $2 } END { print sum }'
}
objects_of $build/products/watch/watch.elf.map | awk '{ printf "bench bus.m4.flash_%s %d bytes\n", $1, $2 }'
echo "bench bus.m4.bus_flash $(sum_of $build/products/watch/watch.elf.map) bytes"

# As the watch is built, with its limits.
compile=$(ninja -C $build -t commands bus/libtt_bus.a | sed -n 's/ -MD .*bus\/stream\.c$//p')
link=$(ninja -C $build -t commands products/watch/watch.elf | tail -n 1)
cp $build/bus/libtt_bus.a "$scratch"
arm-none-eabi-ar d "$scratch/libtt_bus.a" stream.c.obj stream_rate.c.obj stream_send.c.obj stream_receive.c.obj
eval "$compile" -c bus/stream_none.c -o "$scratch/stream_none.c.obj"
arm-none-eabi-ar rs "$scratch/libtt_bus.a" "$scratch/stream_none.c.obj"
(cd $build && eval "$(echo "$link" | sed "s# bus/libtt_bus.a# $scratch/libtt_bus.a#; s#-Map=[^ ]*#-Map=$scratch/watch.map#
    s#-o products/watch/watch.elf#-o $scratch/watch.elf#")")
echo "bench bus.m4.bus_flash_without_streams $(sum_of "$scratch/watch.map") bytes"
band=build/netduinoplus2/products/band/band.elf.map
[ ! -f $band ] || echo "bench bus.m4.bus_flash_that_finds $(sum_of $band) bytes"

size_of() { # NAME PEERS: of a variable of size.c
    eval "$compile" "-DTT_NODE_PEERS_MAX=$2" "-DTT_BUS_SESSIONS_MAX=$2" "-DTT_BUS_PAST_MAX=$((6 * $2))" -c bench/bus/size.c -o "$scratch/size.o"
    echo $((0x$(arm-none-eabi-nm -S "$scratch/size.o" | awk -v NAME="$1" '$4 == NAME { print $2 }')))
}
eight=$(size_of counted 8)
each=$(($(size_of counted 9) - eight))
for table in buffers datagram observers owed transfers streams asks strangers others discovery; do
    echo "bench bus.m4.ram_$table $(size_of $table 8) bytes"
done
echo "bench bus.m4.ram $((eight - 8 * each)) bytes"
echo "bench bus.m4.ram_per_peer $each bytes"
