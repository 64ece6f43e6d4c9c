#!/bin/sh
# A board outside of the tree: a copy of the watch's under another name, which nothing here knows, is built by its
# path alone and runs the schedule. And what is no board, or another CPU's, is refused with a sentence.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v arm-none-eabi-gcc >/dev/null || { echo "skipped: arm-none-eabi-gcc is not installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

complain() {
    cat "$scratch/log"
    echo "test_own_board: $1"
    exit 1
}
configure() { # configure WORD...: as somebody would who has the board's folder and this tree
    cmake -G Ninja -S "$root" -B "$scratch/cortex-m4" "$@" >"$scratch/log" 2>&1
}
refuse() { # refuse SENTENCE WORD...
    sentence=$1
    shift
    ! configure "$@" || complain "expected to be refused: $*"
    tr '\n' ' ' <"$scratch/log" | tr -s ' ' | grep -qF -- "$sentence" || complain "expected the sentence: $sentence"
    rm -rf "$scratch/cortex-m4"
}

board="$scratch/their boards/wrist"
mkdir -p "$scratch/their boards"
cp -r "$root/os/board/mps2_an386" "$board"
sed -i 's/"mps2-an386"/"wrist"/' "$board/devices.c"

refuse "there is no $root/os/board/nowhere/board.cmake" -DTUTTI_BOARD=nowhere
refuse "the board virt_riscv64 has the CPU riscv64, and this build is for cortex-m4" -DTUTTI_BOARD=virt_riscv64 \
    --toolchain "$root/tools/cmake/cortex-m4.cmake"

# refuse_edited SENTENCE EDIT: a board.cmake that this edit of sed makes wrong
refuse_edited() {
    cp -r "$board" "$scratch/wrong board"
    sed -i "$2" "$scratch/wrong board/board.cmake"
    refuse "$scratch/wrong board/board.cmake$1" "-DTUTTI_BOARD=$scratch/wrong board"
    rm -rf "$scratch/wrong board"
}
refuse_edited ": there is no CPU cortex-m3; TT_BOARD_CPU is one of aarch64, cortex-m4, linux, riscv64" s/cortex-m4/cortex-m3/
refuse_edited " does not set TT_BOARD_CPU" /TT_BOARD_CPU/d
refuse_edited " does not set TT_BOARD_LINKER_SCRIPT" /TT_BOARD_LINKER_SCRIPT/d
there="that is not there:"
refuse_edited " names a file in TT_BOARD_SOURCES $there $scratch/wrong board/clok.c" 's/SOURCES start.c/& clok.c/'
refuse_edited " names a file in TT_BOARD_SHARED $there $root/os/driver/uart.c" s/uart_cmsdk/uart/
refuse_edited " names a file in TT_BOARD_LINKER_SCRIPT $there $scratch/wrong board/bord.ld" s/board.ld/bord.ld/

configure "-DTUTTI_BOARD=$board" || complain "the board cannot be configured"
ninja -C "$scratch/cortex-m4" -j 2 test_schedule watch >"$scratch/log" 2>&1 || complain "the board does not build"
TUTTI_BUILD=$scratch TUTTI_PRESET_PREFIX= tests/os/run_image.sh cortex-m4 test_schedule 0 "schedule: all passed" || exit 1
image=$scratch/cortex-m4/products/watch/watch.elf
strings "$image" | grep -qx wrist || complain "the watch on it is not called wrist"
! grep -qF "$scratch" "$image" || complain "the image holds the path of its board"

# expect_unbuilt SENTENCE FILE EDIT: this edit of sed makes board.h and board.ld contradict each other, or the chip
expect_unbuilt() {
    cp "$board/$2" "$scratch/kept"
    sed -i "$3" "$board/$2"
    ! ninja -C "$scratch/cortex-m4" -j 2 test_schedule >"$scratch/log" 2>&1 || complain "expected not to be built: $3"
    grep -qF -- "$1" "$scratch/log" || complain "expected the sentence: $1"
    cp "$scratch/kept" "$board/$2"
}
expect_unbuilt "the memory DATA of board.ld is not within TT_BOARD_DATA" board.ld 's/0x20000000, LENGTH = 256K/0x20000000, LENGTH = 260K/'
expect_unbuilt "the memory CODE of board.ld is not within TT_BOARD_CODE" board.ld 's/0x00000000, LENGTH = 256K/0x00000000, LENGTH = 512K/'
expect_unbuilt "TT_BOARD_DATA: its base is no multiple of its size" board.h 's/0x20000000u, 18/0x20001000u, 18/'
