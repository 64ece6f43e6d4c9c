#!/bin/sh
# Two devices of one seed want one name. The one that gives way keeps its other name: it has it at its next start, too,
# though nobody is there that it would conflict with.
set -u
. "$(dirname "$0")/../fleet.sh"
keep=$scratch/kept
mkdir "$keep"
# The seeds' files as the launcher writes them (cli/keep.c), with addresses of their own.
python3 - "$keep" <<'END'
import os, sys, zlib
for number in (1, 2):
    bytes_ = b"TSED" + (1).to_bytes(4, "little") + bytes([2, 0, 0, 0, 9, number]) + bytes(range(32))
    with open(f"{sys.argv[1]}/linux-{number}.seed", "wb") as file:
        file.write(bytes_ + zlib.crc32(bytes_).to_bytes(4, "little"))
END
echo "linux 2" >"$scratch/fleet"
start() {
    "$tutti" up "$scratch/fleet" --dir "$TUTTI_NET" --keep "$keep" >"$scratch/up" 2>&1 &
    launcher=$!
}
wait_for() { # wait_for PATTERN COUNT: so many lines of what `up` says, 30 s at most
    for _ in $(seq 150); do
        [ "$(grep -c "$1" "$scratch/up" 2>/dev/null)" -ge "$2" ] && return
        sleep 0.2
    done
    echo "not $2 lines of '$1' in 30 s:"
    cat "$scratch/up"
    exit 1
}
start
wait_for '^linux-[12]  *linux-[0-9a-f]*-2 .* ms$' 1
other=$(sed -n 's/^\(linux-[12]\)  *linux-[0-9a-f]*-2 .* ms$/\1/p' "$scratch/up" | head -n 1)
first=$(sed -n 's/^linux-[12]  *\(linux-[0-9a-f]*\) .* ms$/\1/p' "$scratch/up" | head -n 1)
sleep 62 # a name is kept once it was owned for a minute, at the device's next turn, which being asked for is
"$tutti" find --dir "$TUTTI_NET" >"$scratch/out" 2>&1
sleep 1 # for the name to be durable: nobody is told when it is
kill -INT "$launcher"
wait "$launcher"
echo "linux 1" >"$scratch/fleet"
[ "$other" = linux-1 ] || { # it is alone in the next fleet
    mv "$keep/$other.img" "$keep/linux-1.img"
    mv "$keep/$other.seed" "$keep/linux-1.seed"
}
start
wait_for '^linux-1  *linux-.* ms$' 1
grep -q "^linux-1  *$first-2 " "$scratch/up" || { echo "expected $first-2:"; cat "$scratch/up"; exit 1; }
"$tutti" data check "$keep/linux-1.img" >"$scratch/out" 2>&1
grep -q "^device/name: $((${#first} + 2)) bytes" "$scratch/out" || { cat "$scratch/out"; exit 1; }
kill -INT "$launcher"
wait "$launcher"

# With another seed the device has a name of its own again.
python3 - "$keep/linux-1.seed" <<'END'
import sys, zlib
with open(sys.argv[1], "r+b") as file:
    bytes_ = bytearray(file.read())
    bytes_[20] ^= 1
    bytes_[-4:] = zlib.crc32(bytes_[:-4]).to_bytes(4, "little")
    file.seek(0)
    file.write(bytes_)
END
start
wait_for '^linux-1  *linux-.* ms$' 1
grep -q "^linux-1  *$first-2 " "$scratch/up" && { echo "another device has the name of the first:"; cat "$scratch/up"; exit 1; }
grep -q "^linux-1  *linux-[0-9a-f]* .* ms" "$scratch/up" || { cat "$scratch/up"; exit 1; }
echo "$first-2 was kept"
