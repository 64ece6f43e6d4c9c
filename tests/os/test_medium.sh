#!/bin/sh
# The medium of MACHINE as its image finds it (medium.c): started three times on one file, then without any.
# usage: test_medium.sh MACHINE
set -u
machine=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
file=$scratch/medium.img

# What names the file to the machine, which has one of BYTES; how the image tells of it; what it says without one.
bytes=0 unit=1 sector=4096 twice=both missing=''
case $machine in
linux)
    words="0 02:00:00:00:00:01 /dev/null $file" without=' ' bytes=4194304 unit=4 sectors=1024 twice='the second'
    missing='board: there is no medium: no file is named for it'
    ;;
cortex-m4)
    words="-object memory-backend-file,id=nv,size=16M,mem-path=$file,share=on" sectors=256
    export TUTTI_MACHINE_OPTIONS=,memory-backend=nv
    ;;
riscv64 | aarch64)
    disk="-global virtio-mmio.force-legacy=false -device virtio-rng-device"
    disk="$disk -device virtio-blk-device,drive=m,werror=report,rerror=report"
    words="$disk -drive if=none,id=m,format=raw,file=$file" bytes=4194304 unit=512 sectors=1024 twice='the second'
    without='-global virtio-mmio.force-legacy=false -device virtio-rng-device' missing='board: there is no virtio disk'
    ;;
ast1030)
    export TUTTI_MACHINE_OPTIONS=,fmc-model=w25q64
    words="-drive if=mtd,format=raw,file=$file" bytes=8388608 sectors=2048
    without=' ' missing='board: the SPI flash is of a kind that is not known' # one that programs byte by byte
    other=,fmc-model=sst25vf032b
    ;;
*)
    echo "test_medium: $machine is no machine with a medium"
    exit 2
    ;;
esac
[ $machine = linux ] || truncate -s "$bytes" "$file" # all zeros, which no sector's erased bytes are

start() { # start CODE WORDS LINE... : one start of the image
    code=$1
    export TUTTI_IMAGE_ARGUMENTS="$2"
    shift 2
    tests/os/run_image.sh "$machine" test_medium "$code" "$@" >"$scratch/said" 2>&1
    result=$?
    cat "$scratch/said"
    [ $result -eq 0 ] || exit $result
}

for number in 1 2 3; do
    start 0 "$words" "whole=medium: unit $unit" "whole=medium: sector $sector" "whole=medium: sectors $sectors" \
        "whole=medium: twice programmed: $twice" "whole=medium: as promised at start $number" without="not so"
done
case $machine in
linux | riscv64 | aarch64) # these have an end that is told of
    waited=$(tr -d '\r' <"$scratch/said" | sed -n 's/^medium: waited //p') told=$(tr -d '\r' <"$scratch/said" | sed -n 's/^medium: told //p')
    [ "$told" -ge "$waited" ] && [ "$told" -gt 0 ] || { echo "test_medium: $waited operations went on, told of $told"; exit 1; }
    ;;
esac
[ -n "$missing" ] || exit 0
export TUTTI_MACHINE_OPTIONS=${other:-}
start 3 "$without" "whole=$missing" "whole=medium: there is none"
case $machine in
riscv64 | aarch64) # a disk that is full, or fails
    for errno in 28 5; do
        failing="file.driver=blkdebug,file.image.filename=$file,file.inject-error.0.event=write_aio,file.inject-error.0.errno=$errno"
        start 1 "$disk -drive if=none,id=m,format=raw,$failing" "whole=medium: not so: status == TT_OK"
    done
    start 3 "$disk -drive if=none,id=m,format=raw,read-only=on,file=$file" "whole=board: the virtio disk can only be read"
    ;;
esac
