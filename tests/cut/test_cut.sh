#!/bin/sh
# The plugin that cuts an emulated device's power (cut.c): it cuts where it is told to, the medium's file holds what was
# written by then, what fell inside a program or an erase is counted, and the same cut gives the same bytes.
set -u
image=${TUTTI_BUILD:-build}/${TUTTI_PRESET_PREFIX:-}cortex-m4/tests/cut/cut_writes.elf
plugin=$TUTTI_LINUX/tests/cut/cut.so
skip() {
    echo "skipped: $1"
    exit 77
}
command -v qemu-system-arm >/dev/null || skip "qemu-system-arm is not installed"
[ -e "$image" ] || skip "there is no $image: build it with make cortex-m4"
[ -e "$plugin" ] || skip "there is no $plugin: qemu-system-arm was not there when this was built"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
file=$scratch/medium.img
failed=0
fail() {
    echo "test_cut: $1"
    failed=1
}

# where SYMBOL: the address of the function and its end
where() {
    nm -S "$image" | sed -n "s/^\([0-9a-f]*\) \([0-9a-f]*\) [tT] $1\$/\1 \2/p" | while read -r first size; do
        echo "$((0x$first & ~1)) $(((0x$first & ~1) + 0x$size))"
    done
}
set -- $(where nv_program) $(where nv_erase) $(where tt_main)
[ $# -eq 6 ] || { fail "the image lacks a function: $*"; exit 1; }
program=$1 program_end=$2 erase=$3 erase_end=$4 main=$5

emulate() { # emulate CLOCK WORDS: what it says is in said
    timeout 60 qemu-system-arm -M mps2-an386,memory-backend=nv -object "memory-backend-file,id=nv,size=16M,mem-path=$file,share=on" \
        $1 -nic none -semihosting-config enable=on,target=native -display none -monitor none -serial stdio \
        -plugin "$plugin,in=$program-$program_end,in=$erase-$erase_end,$2" -kernel "$image" >"$scratch/said" 2>&1 </dev/null
}
cut() { # cut WORDS LINE: a start on a file of zeros
    rm -f "$file"
    truncate -s 16M "$file"
    emulate "-icount shift=5,sleep=off" "$1"
    code=$?
    { [ $code -eq 70 ] && grep -q "$2" "$scratch/said"; } || { fail "$1: expected 70 and '$2', got $code and:"; cat "$scratch/said"; }
}
# count BYTE: how many of the first 4 KiB are it (octal)
count() {
    head -c 4096 "$file" | tr -dc "\\$1" | wc -c
}
holds() { # holds COUNT-OF-EACH 377 001 002 003 004 000
    got="$(count 377) $(count 001) $(count 002) $(count 003) $(count 004) $(count 000)"
    [ "$got" = "$1" ] || fail "the medium holds $got (of 377 1 2 3 4 0), expected $1"
}

# At an entry: nothing of that call is there, all of those before is.
cut "at=$erase,entry=1,after=0" "^cut: at 0x$(printf %x "$erase"), instruction 0, in range 2\$"
holds "0 0 0 0 0 4096"
cut "at=$program,entry=1,after=0" "^cut: at 0x$(printf %x "$program"), instruction 0, in range 1\$"
holds "4096 0 0 0 0 0"
cut "at=$program,entry=3,after=0,code=70" "in range 1\$"
holds "2048 1024 1024 0 0 0"
cut "at=$erase,entry=2,after=0" "in range 2\$"
holds "0 1024 1024 1024 1024 0"
cut "at=$main,entry=1,after=1" "instruction 1, in range 0\$"
holds "0 0 0 0 0 4096"

# From a place on: what was there before it does not count.
cut "from=$program,at=$erase,entry=1,after=0" "in range 2\$"
holds "0 1024 1024 1024 1024 0"
cut "from=$program,at=$program,entry=3,after=0" "in range 1\$"
holds "2048 1024 1024 0 0 0"
cut "from=$program,after=0" "^cut: at 0x$(printf %x "$program"), instruction 0, in range 1\$"
holds "4096 0 0 0 0 0"

# Behind it: the further, the more is there, and the same again the second time.
before=-1
for after in 500 1000 2000 4000; do
    cut "at=$program,entry=2,after=$after" "^cut: at 0x[0-9a-f]*, instruction $after, in range 1\$"
    now=$(count 002)
    cp "$file" "$scratch/first"
    cut "at=$program,entry=2,after=$after" "in range 1\$"
    cmp -s "$file" "$scratch/first" || fail "the same cut, $after, gave other bytes"
    [ "$now" -gt "$before" ] && [ "$now" -lt 1024 ] || fail "$now bytes at $after, $before earlier"
    [ "$(count 001)" -eq 1024 ] || fail "an earlier program is not whole at $after"
    before=$now
done
cut "at=$erase,entry=1,after=1000" "in range 2\$"
{ [ "$(count 377)" -gt 0 ] && [ "$(count 000)" -gt 0 ] && [ $(($(count 377) + $(count 000))) -eq 4096 ]; } || fail "no torn erase"

# Cuts at random: those from an entry on mostly fall inside.
inside=0 cuts=0
for after in 17 313 911 2711 4217 333; do
    cut "at=$program,entry=$((after % 7 + 1)),after=$after" "^cut: "
    cuts=$((cuts + 1))
    inside=$((inside + $(grep -c "in range [12]\$" "$scratch/said")))
done
[ $inside -ge 5 ] || fail "$inside of $cuts inside a program or an erase"

# By a signal, at a moment that is another's: it runs until then. 39 is SIGRTMIN + 5.
for where in "" "at=$program,entry=2," "from=$erase,at=$program,entry=1,"; do
    truncate -s 16M "$file"
    rm -f "$scratch/pid"
    : >"$scratch/said"
    emulate "-pidfile $scratch/pid" "signal=1,${where}after=1000" &
    shell=$!
    for _ in $(seq 100); do
        grep -q "writes: begins" "$scratch/said" && break
        sleep 0.1
    done
    kill -39 "$(cat "$scratch/pid")"
    wait $shell
    code=$?
    { [ $code -eq 70 ] && grep -q "^cut: at 0x[0-9a-f]*, instruction 1000, in range ${where:+1}" "$scratch/said"; } ||
        { fail "by a signal, $where: got $code and:"; cat "$scratch/said"; }
done

# What is not understood ends the emulator before the guest runs.
for words in "at=$main,entry=1" signal=1 after=x at=7,beyond=3; do
    emulate "" "$words"
    code=$?
    { [ $code -ne 0 ] && [ $code -ne 70 ] && ! grep -q "writes: begins" "$scratch/said"; } || fail "$words was taken, with status $code"
done
[ $failed -eq 0 ] && echo "cut where told; $inside of $cuts inside a program or an erase"
exit $failed
