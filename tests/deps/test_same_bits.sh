#!/bin/sh
# Images are the same bits wherever their sources lie: two copies of this tree, under names of other lengths, each
# build the watch's image and the Linux node.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v arm-none-eabi-gcc >/dev/null || { echo "skipped: arm-none-eabi-gcc is not installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

build() { # TREE
    mkdir -p "$1/build"
    tar -C "$root" --exclude=./build --exclude=./.git -c . | tar -C "$1" -x
    cp -r "$root/build/deps" "$1/build/deps"
    for target in cortex-m4:watch linux:tutti-node; do
        (cd "$1" && cmake --preset "${target%%:*}" && ninja -C "build/${target%%:*}" -j 2 "${target##*:}") >"$scratch/log" 2>&1 || {
            tail -n 20 "$scratch/log"
            echo "test_same_bits: $target does not build"
            exit 1
        }
    done
}

build "$scratch/one"
build "$scratch/another/folder/with a longer name"
for image in cortex-m4/products/watch/watch.elf linux/products/linux/tutti-node; do
    cmp "$scratch/one/build/$image" "$scratch/another/folder/with a longer name/build/$image" || failed=1
done
[ $failed -eq 0 ] && echo "two folders, the same bits"
exit $failed
