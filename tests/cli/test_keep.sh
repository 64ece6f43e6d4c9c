#!/bin/sh
# tutti up --keep: what devices write to their media outlasts the fleet, and so do their seeds; without it both end with
# the fleet. The devices are images that try their medium and say at which start (tests/os/medium.c): they end, and the
# launcher stays. A medium of another size, a seed that is none and a folder that is in use are refused.
set -u
. "$(dirname "$0")/../fleet.sh"
failed=0
fail() {
    echo "test_keep: $1"
    failed=1
}
kinds='linux'
echo "here 1 image=$TUTTI_LINUX/tests/os/test_medium" >"$scratch/fleet"
for machine in cortex-m4 riscv64 aarch64; do
    case $machine in
    riscv64) emulator=qemu-system-riscv64 ;;
    aarch64) emulator=qemu-system-aarch64 ;;
    *) emulator=qemu-system-arm ;;
    esac
    image=$TUTTI_BUILD/$machine/tests/os/test_medium.elf
    if [ -e "$image" ] && command -v $emulator >/dev/null; then
        echo "on-$machine 1 image=$image" >>"$scratch/fleet"
        kinds="$kinds $machine"
    else
        echo "not tried: $machine, which is not built or not installed"
    fi
done
devices=$(sed 's/ .*//' "$scratch/fleet")

# wait_for WHAT COMMAND...: until it is so, 60 s at most
wait_for() {
    what=$1
    shift
    for _ in $(seq 300); do
        "$@" && return
        kill -0 "$launcher" 2>/dev/null || break
        sleep 0.2
    done
    echo "test_keep: not in 60 s: $what"
    cat "$scratch/up" "$scratch/f"/*.log
    exit 1
}
all_at() { # all_at N: every console tells of start N, as its last
    for device in $devices; do
        [ -e "$scratch/f/$device-1.log" ] || return 1
        [ "$(tr -d '\r' <"$scratch/f/$device-1.log" | sed -n 's/^medium: as promised at start //p' | tail -n 1)" = "$1" ] || return 1
    done
}
up() { # up OPTION...
    rm -f "$scratch/f"/*.log # of the fleet before, which told the same
    "$tutti" up "$scratch/fleet" --dir "$scratch/f" "$@" >"$scratch/up" 2>&1 &
    launcher=$!
}
is_boot() { # is_boot N: the last start of each was given that number
    for device in $devices; do
        [ "$(tr -d '\r' <"$scratch/f/$device-1.log" | sed -n 's/^medium: boot //p' | tail -n 1)" = "$1" ] ||
            fail "$device-1 was not given boot number $1"
    done
}
down() {
    kill -INT "$launcher"
    wait "$launcher" || fail "the fleet ended with status $?"
    launcher=
}
seeds() { # of all devices: 32 bytes behind six numbers
    for device in $devices; do
        tail -c +25 "$scratch/f/$device-1.provision" | head -c 32 | od -An -tx1 -v
    done
}

keep=$scratch/kept/a,b # the comma parts the options of an emulator
for start in 1 2; do
    up --keep "$keep"
    wait_for "start $start of each on what is kept" all_at "$start"
    is_boot $start
    seeds >"$scratch/seeds.$start"
    down
done
up --keep "$keep"
wait_for "start 3" all_at 3
# A second fleet, in another folder, may not have the same media.
"$tutti" up "$scratch/fleet" --dir "$scratch/g" --keep "$keep" >"$scratch/second" 2>&1
{ [ $? -eq 1 ] && grep -q "another fleet's media are in use there" "$scratch/second"; } || { fail "a second fleet:"; cat "$scratch/second"; }
for device in $devices; do
    "$tutti" restart --dir "$scratch/f" "$device-1" || fail "no restart of $device-1"
done
wait_for "start 4, after a restart" all_at 4
is_boot 4
down
for device in $devices; do
    [ "$(stat -c %a "$keep/$device-1.img" "$keep/$device-1.seed" | tr '\n' ' ')" = "600 600 " ] || fail "others can read what $device-1 keeps"
done
cmp -s "$scratch/seeds.1" "$scratch/seeds.2" || fail "the seeds are not the same"
ls "$scratch/f" | grep -qv '\.log$' && fail "left behind: $(ls "$scratch/f")"

# A launcher that is killed, and a new one at once: what the first one leaves behind, its switch and its forwards, here
# stopped so that they end late, is waited for.
port=$(python3 -c "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
up --keep "$keep" --forward "here-1:$port"
wait_for "start 5" all_at 5
left=
for status in $(grep -ls "^PPid:[^0-9]*$launcher\$" /proc/[0-9]*/status); do
    grep -q '^Name:[^a-z]*tutti$' "$status" && left="$left $(basename "${status%/status}")" # the others are devices
done
[ "$(echo $left | wc -w)" -eq 2 ] || fail "expected a switch and forwards, found $left"
kill -STOP $left
kill -KILL "$launcher"
wait "$launcher" 2>/dev/null
(sleep 0.5; kill -CONT $left) &
up --keep "$keep" --forward "here-1:$port"
wait_for "start 6, at once after a launcher that was killed" all_at 6
down

# Without --keep: new, but for restarts.
for fleet in first second; do
    up
    wait_for "start 1 of the $fleet fleet" all_at 1
    down
done
up
wait_for "start 1" all_at 1
is_boot 1
seeds >"$scratch/seeds.3"
cmp -s "$scratch/seeds.1" "$scratch/seeds.3" && fail "seeds that are not kept are the same"
"$tutti" restart --dir "$scratch/f" here-1
wait_for "start 2 after a restart" grep -q 'start 2$' "$scratch/f/here-1.log"
down
ls "$scratch/f" | grep -qv '\.log$' && fail "left behind: $(ls "$scratch/f")"

# A fleet that keeps nothing, in the folder of one that did, takes nothing from it.
ends() { # once the first device has tried its medium
    wait_for "start $1" grep -q "start $1\$" "$scratch/f/here-1.log"
    down
}
up --keep "$scratch/f"
ends 1
up
ends 1
up --keep "$scratch/f"
ends 2

# refused STATUS TEXT: the fleet with what is kept
refused() {
    "$tutti" up "$scratch/fleet" --dir "$scratch/f" --keep "$keep" --timeout 1 --run true >"$scratch/up" 2>&1
    status=$?
    { [ $status -eq "$1" ] && grep -qF -- "$2" "$scratch/up"; } || { fail "expected status $1 and '$2', got $status:"; cat "$scratch/up"; }
}
cp "$keep/here-1.img" "$scratch/good"
head -c 1000 "$scratch/good" >"$keep/here-1.img"
refused 4 "here-1.img: expected a medium of 4194304 bytes, found 1000; it is left as it is"
[ "$(wc -c <"$keep/here-1.img")" -eq 1000 ] || fail "a medium of another size was changed"
rm "$keep/here-1.img"
mkdir "$keep/here-1.img"
refused 4 "here-1.img: expected a device's medium, found what is no file"
rmdir "$keep/here-1.img"
mv "$scratch/good" "$keep/here-1.img"
cp "$keep/here-1.seed" "$scratch/good"
printf x | dd of="$keep/here-1.seed" bs=1 seek=20 conv=notrunc 2>/dev/null
refused 4 "here-1.seed: expected a device's seed, found something else"
head -c 20 "$scratch/good" >"$keep/here-1.seed"
refused 4 "here-1.seed: expected a device's seed, found something else"
cp "$scratch/good" "$keep/here-1.seed"
# Where a seed cannot be written, no half of one is left, and the next start is one as any other.
for there in none old; do
    [ $there = none ] && rm "$keep/here-1.seed"
    (trap '' XFSZ && ulimit -f 0 && exec "$tutti" up "$scratch/fleet" --dir "$scratch/f" --keep "$keep" --timeout 1 --run true 2>&1) | cat >"$scratch/up"
    grep -q "here-1.seed: File too large" "$scratch/up" || { fail "on a full disk:"; cat "$scratch/up"; }
    if [ $there = none ]; then
        ls -A "$keep" | grep -q -e here-1.seed -e '^\.tutti' && fail "left behind: $(ls -A "$keep")"
        up --keep "$keep"
        wait_for "a start behind that" grep -qs "^medium: as promised" "$scratch/f/here-1.log"
        down
        cp "$keep/here-1.seed" "$scratch/good"
    else
        cmp -s "$keep/here-1.seed" "$scratch/good" || fail "a full disk changed the seed"
    fi
done
# A store of another version of the format is told of.
python3 - "$keep/here-1.img" <<'END'
import struct, sys, zlib
header = struct.pack("<IBBHI", 0x4C535454, 9, 2, 64, 4096) + bytes(16)
with open(sys.argv[1], "r+b") as file:
    file.write(header + struct.pack("<I", zlib.crc32(header)))
END
"$tutti" up "$scratch/fleet" --dir "$scratch/f" --keep "$keep" --timeout 1 --run true >"$scratch/up" 2>&1
grep -qF "here-1.img: its store has another version of the format; here-1 leaves it as it is, and keeps nothing" "$scratch/up" || { fail "another version:"; cat "$scratch/up"; }
[ "$(grep -c "another version" "$scratch/up")" = 1 ] || fail "told of media that have none"
touch "$scratch/file"
keep=$scratch/file
refused 1 "cannot be made: Not a directory"
[ $failed -eq 0 ] && echo "kept: $kinds"
exit $failed
