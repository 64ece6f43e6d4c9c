#!/bin/sh
# A tree that was copied or moved with its build folder builds its own sources, and says that it begins
# anew. Our Makefile, with a project of one file.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
    echo "test_copied_tree: $1"
    cat "$scratch/said"
    failed=1
}

mkdir "$scratch/first"
cp "$root/Makefile" "$scratch/first"
cat >"$scratch/first/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(copied NONE)
add_custom_command(OUTPUT product DEPENDS ${PROJECT_SOURCE_DIR}/source
    COMMAND ${CMAKE_COMMAND} -E copy ${PROJECT_SOURCE_DIR}/source product)
add_custom_target(products ALL DEPENDS product)
END
cat >"$scratch/first/CMakePresets.json" <<'END'
{"version": 6, "configurePresets": [{"name": "linux", "generator": "Ninja", "binaryDir": "${sourceDir}/build/linux"}]}
END
echo first >"$scratch/first/source"

# build TREE PRODUCT: makes it, and tells whether the product is right.
build() {
    make --no-print-directory -C "$scratch/$1" linux >"$scratch/said" 2>&1 || fail "$1 does not build"
    [ "$(cat "$scratch/$1/build/linux/product")" = "$2" ] || fail "$1 did not build its own sources"
}
anew() { grep -q "build/linux was made from the sources in $scratch/$1: it is made anew" "$scratch/said"; }

build first first
anew first && fail "a first build is none anew"
cp -r "$scratch/first" "$scratch/second"
echo second >"$scratch/second/source"
build second second
anew first || fail "a copy is told"
build second second
grep -q anew "$scratch/said" && fail "a copy is told once"
echo changed >"$scratch/first/source"
build first changed
grep -q anew "$scratch/said" && fail "the original goes on"
ln -s first "$scratch/link" # the same tree under another name
build link changed
grep -q anew "$scratch/said" && fail "a symbolic link is no copy"
mv "$scratch/first" "$scratch/moved"
build moved changed
anew first || fail "a moved tree is told"
[ $failed -eq 0 ] && echo "copied and moved trees build their own sources"
exit $failed
