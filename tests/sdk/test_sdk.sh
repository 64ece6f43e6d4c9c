#!/bin/sh
# The SDK elsewhere than where it was installed; a C++ program with its libraries, compiled or with limits of its own;
# and what is said where a project asks for what there cannot be.
set -u
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v ninja >/dev/null || { echo "skipped: ninja is not installed"; exit 77; }
cxx=clang++
command -v $cxx >/dev/null || cxx=g++
command -v $cxx >/dev/null || { echo "skipped: there is no C++ compiler"; exit 77; }
failed=0
cmake --install "$TUTTI_LINUX" --prefix "$scratch/first" >"$scratch/said" 2>&1 || { cat "$scratch/said"; exit 1; }
mv "$scratch/first" "$scratch/an SDK"
sdk="$scratch/an SDK"
[ "$("$sdk/bin/tutti" --version)" = "$("$TUTTI_LINUX/cli/tutti" --version)" ] || { echo "another version"; failed=1; }
for page in first-device crash cli limits; do
    [ -s "$sdk/share/doc/tutti/$page.md" ] || { echo "the SDK has no page $page.md"; failed=1; }
done
cmp "$sdk/share/tutti/version.h" "$TUTTI_LINUX/generated/tutti/version.h" || failed=1

mkdir "$scratch/program"
cd "$scratch/program" || exit 1
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
if(NOT LATE)
    find_package(tutti REQUIRED)
endif()
project(program LANGUAGES C CXX ASM)
if(LATE)
    find_package(tutti REQUIRED)
endif()
set(CMAKE_CXX_STANDARD 17)
add_executable(program program.cc)
target_link_libraries(program PRIVATE tutti::node tutti::platform_linux)
END
cat >program.cc <<'END'
#include <stdio.h>
#include "tutti/node.h"
#include "tutti/platform_linux.h"

static tt_platform_linux platform;
static tt_node node;

int main()
{
    tt_node_options options = {};
    options.browse = true;
    if (tt_platform_linux_init(&platform) != TT_OK || tt_node_init(&node, &platform.platform, &options) != TT_OK)
        return 1;
    tt_node_poll(&node);
    printf("%d\n", TT_NODE_PEERS_MAX);
}
END
configure() { # FOLDER OPTION...
    folder=$1
    shift
    cmake -B "$folder" -G Ninja -DCMAKE_CXX_COMPILER=$cxx -DCMAKE_PREFIX_PATH="$sdk" "$@" >said 2>&1
}
expect() { # PEERS COMPILED FOLDER OPTION...
    peers=$1
    compiled=$2
    folder=$3
    shift 2
    configure "$@" && cmake --build "$folder" >>said 2>&1 && [ "$("$folder/program")" = "$peers" ] || {
        echo "the program in $folder:"
        tail -n 20 said
        failed=1
    }
    built=$(find "$folder" -name '*.a' | wc -l)
    [ $((built == 0)) -eq "$compiled" ] || { echo "$folder built $built libraries"; failed=1; }
}
expect 16 1 build
expect 16 1 build-late -DLATE=ON
expect 16 0 build-tree "-Dtutti_DIR=$root" # the sources as they lie
expect 5 0 build-limits -DTUTTI_LIMITS=TT_NODE_PEERS_MAX=5

refuse() { # SENTENCE OPTION...
    sentence=$1
    shift
    configure refused "$@"
    [ $? -ne 0 ] && tr -s '\n ' ' ' <said | grep -qF "$sentence" || { echo "expected '$sentence':"; cat said; failed=1; }
    rm -rf refused
}
refuse "find_package(tutti) comes before project(): the board mps2_an386 decides on the compiler" -DLATE=ON -DTUTTI_BOARD=mps2_an386
refuse "TUTTI_BOARD: expected the name of a folder in os/board" -DTUTTI_BOARD=none
refuse "TUTTI_LIMITS: there is no limit TT_NODE_PEER_MAX that can be set" '-DTUTTI_LIMITS=TT_BUS_BUFFERS_MAX=8;TT_NODE_PEER_MAX=8'
# The path of a board by the project's own CMakeLists.txt, or by a cache that says it is a text, is from the project's folder.
cp -r "$root/os/board/linux" wrist
configure typed -DTUTTI_BOARD:STRING=./wrist || { echo "a board's path of another type:"; cat said; failed=1; }
exit $failed
