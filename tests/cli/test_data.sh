#!/bin/sh
# tutti data: values of a device, put, listed, read, watched and deleted, over a restart; what is refused; and an image
# of its medium, read here, sound and damaged.
set -u
. "$(dirname "$0")/../fleet.sh"
failed=0
expect() { # expect STATUS TEXT WORD...: what tutti must say and return
    status=$1 text=$2
    shift 2
    timeout 60 "$tutti" "$@" >"$scratch/out" 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" "$scratch/out"; then
        echo "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' "$scratch/out"
        failed=$((failed + 1))
    fi
}
silent() { # silent WORD...: it succeeds and says nothing
    timeout 60 "$tutti" "$@" >"$scratch/out" 2>&1 </dev/null
    got=$?
    { [ $got -eq 0 ] && [ ! -s "$scratch/out" ]; } || { echo "tutti $*: got $got and:"; cat "$scratch/out"; failed=$((failed + 1)); }
}

# What needs no device.
expect 2 "expected ls, get, put, rm, watch or check, found 'move'" data move a/b
expect 2 "expected ls|get|put|rm|watch|check WHERE" data ls
expect 2 "expected NAME/KEY, kind:KIND/KEY or coap://HOST[:PORT]/KEY, found 'watch'" data get watch
expect 2 "expected NAME/KEY" data rm kind:watch/
expect 2 "expected NAME/KEY" data get 'watch/a?b=c'
expect 2 "put expects --text or a file" data put watch/a
expect 2 "put expects --text or a file, not both" data put watch/a "$0" --text x
expect 2 "get takes one word, not 'surplus'" data get watch/a surplus
expect 2 "a key has at most 58 bytes, this one has 59" data get "watch/$(head -c 59 /dev/zero | tr '\0' k)"
expect 4 "cannot be read" data put watch/a "$scratch/nothing"
expect 2 "expected --host or --net, not both" data ls watch --host --net "$scratch"
expect 4 "No such file or directory" data check "$scratch/nothing"
expect 4 "expected a medium's image" data check "$scratch"
: >"$scratch/empty"
expect 4 "expected a medium's image" data check "$scratch/empty"
head -c 100000 /dev/urandom >"$scratch/noise"
expect 4 "expected a store, found no header of one" data check "$scratch/noise"

mkfifo "$scratch/fifo"
expect 4 "expected a medium's image" data check "$scratch/fifo"
expect 2 "found 'watch/a/'" data put watch/a/ --text x
expect 2 "found 'kind:watch/a/'" data get kind:watch/a/
expect 2 "found 'coap://127.0.0.1/a/'" data rm coap://127.0.0.1/a/

start_device linux
at=coap://$address
silent data ls "$at"
silent data put "$at/settings/volume" --text 7
expect 0 "settings/volume 1" data ls "$at"
expect 0 "settings/volume 1" data ls kind:linux/settings
expect 0 "settings/volume 1" data ls "$name/settings/volume"
[ "$("$tutti" data get "$name/settings/volume")" = 7 ] || { echo "the volume is another"; failed=$((failed + 1)); }
head -c 2000 /dev/urandom >"$scratch/octets"
silent data put "$at/notes/long" "$scratch/octets"
"$tutti" data get "$at/notes/long" >"$scratch/back" && cmp -s "$scratch/octets" "$scratch/back" || { echo "octets came back as others"; failed=$((failed + 1)); }
silent data put "$at/notes/empty" --text ''
silent data get "$at/notes/empty"
printf 'from a pipe' | "$tutti" data put "$at/notes/piped" - || failed=$((failed + 1))
expect 0 '"key": "notes/empty",' data ls --json "$at/notes"
expect 1 "there is no value, but others below it" data get "$at/notes"
expect 1 "4.04 Not Found: nothing is kept under data/nothing" data get "$at/nothing"
expect 1 "4.04 Not Found" data rm "$at/nothing"
expect 1 "4.04 Not Found" data ls "$at/nothing"
expect 1 "4.04 Not Found" data watch "$at/nothing"
expect 1 "4.00 Bad Request: a path below /data is of letters" data put "$at/a%20b" --text x
expect 1 "4.02 Bad Option" data put "$at/../a" --text x # RFC 7252, 5.10.1
head -c 3000 /dev/zero >"$scratch/large"
expect 1 "4.13 Request Entity Too Large: a value has at most 2048 bytes; this one has 3000" data put "$at/large" "$scratch/large"
# Too much says how much is free.
silent data put "$at/settings/fill.1" "$scratch/octets"
expect 1 "4.13 Request Entity Too Large: full: data/settings/ may hold 4096 bytes, of which 2023 are free" data put "$at/settings/fill.2" "$scratch/octets"
grep -q " are free; this value may have " "$scratch/out" || { cat "$scratch/out"; failed=$((failed + 1)); }
silent data rm "$at/settings/fill.1"

# watch: each change of a value, and of the keys below a prefix.
timeout 60 "$tutti" data watch "$at/settings/volume" --count 2 >"$scratch/value" 2>&1 &
value=$!
timeout 60 "$tutti" data watch "$at" --count 3 >"$scratch/keys" 2>&1 &
keys=$!
sleep 2
for new in 8 9; do
    silent data put "$at/settings/volume" --text $new
    sleep 0.3
done
silent data rm "$at/notes/piped"
wait $value && wait $keys || { echo "watch failed:"; cat "$scratch/value" "$scratch/keys"; failed=$((failed + 1)); }
[ "$(tr '\n' ' ' <"$scratch/keys")" = "put settings/volume 1 put settings/volume 1 rm notes/piped 11 " ] || { echo "watched:"; cat "$scratch/keys"; failed=$((failed + 1)); }
[ "$(tr -d '\n ' <"$scratch/value")" = 3839 ] || { echo "watched a value:"; cat "$scratch/value"; failed=$((failed + 1)); }
"$tutti" data watch "$at" >"$scratch/keys" 2>&1 &
watcher=$!
sleep 1
kill -INT $watcher
wait $watcher || { echo "an interrupted watch failed:"; cat "$scratch/keys"; failed=$((failed + 1)); }

# The image of its medium, which is never changed.
"$tutti" kill linux-1 >"$scratch/out" 2>&1
image=$scratch/medium.img
cp "$TUTTI_NET/linux-1.medium" "$image"
sum=$(sha256sum <"$image")
expect 0 "data/notes/long: 2000 bytes, version " data check "$image"
grep -q "^data/settings/volume: 1 bytes" "$scratch/out" && grep -q "^device/start: 36 bytes" "$scratch/out" && grep -q "^4 keys, " "$scratch/out" || { echo "checked:"; cat "$scratch/out"; failed=$((failed + 1)); }
chmod a-w "$image"
expect 0 "store: version 1, 64 sectors of 4096 bytes for the log, 960 behind them, units of 4 bytes" data check "$image"
expect 0 "sector 0: log, number 1, erased 1 times, " data check "$image" --sectors
"$tutti" data check "$image" >/dev/full 2>"$scratch/out" && { echo "check succeeded, and nobody could read it"; failed=$((failed + 1)); }
[ "$(sha256sum <"$image")" = "$sum" ] || { echo "the image was changed"; failed=$((failed + 1)); }
chmod u+w "$image"

# Damaged ones: never a crash, never a word of what was not written, and each ends in time.
python3 - "$image" "$scratch/broken" "$tutti" <<'END' || failed=$((failed + 1))
import random, re, subprocess, sys
image, broken, tutti = sys.argv[1:]
whole = open(image, "rb").read()
used = len(whole.rstrip(b"\xff\0")) + 4096
draw = random.Random(11)
known = {"data/settings/volume", "data/notes/long", "data/notes/empty", "data/notes/piped", "data/settings/fill.1", "data/settings/fill.2", "device/start"}
codes = {}
for i in range(300):
    bytes_ = bytearray(whole)
    for _ in range(draw.choice((1, 3, 30, 300))):
        at = draw.randrange(min(used, len(bytes_)))
        bytes_[at] = draw.choice((0, 255, draw.randrange(256), bytes_[at] ^ 1 << draw.randrange(8)))
    if i % 5 == 0:
        del bytes_[draw.randrange(len(bytes_)):]
    with open(broken, "wb") as file:
        file.write(bytes_)
    said = subprocess.run([tutti, "data", "check", broken], capture_output=True, timeout=20)
    codes[said.returncode] = codes.get(said.returncode, 0) + 1
    keys = set(re.findall(r"^(\S+): \d+ bytes, version", said.stdout.decode(), re.M))
    if said.returncode not in (0, 1, 4) or not keys <= known:
        print("image", i, said)
        sys.exit(1)
print("damaged images by status:", codes)
END
# A header of another version, which is whole: refused, and unchanged.
python3 - "$image" <<'END'
import sys, zlib
with open(sys.argv[1], "r+b") as file:
    for at in range(0, 64 * 4096, 4096):
        file.seek(at)
        header = bytearray(file.read(32))
        if header[:4] == b"TTSL":
            header[4] = 9
            header[28:] = zlib.crc32(header[:28]).to_bytes(4, "little")
            file.seek(at)
            file.write(header)
END
expect 4 "its store has another version of the format" data check "$image"

# The device refuses it, too, says so on its console, goes on without, and leaves it as it is.
cp "$image" "$TUTTI_NET/linux-1.medium"
sum=$(sha256sum <"$image")
"$tutti" restart linux-1 >"$scratch/out" 2>&1
for _ in $(seq 100); do
    "$tutti" get "$at/device" >"$scratch/out" 2>&1 && break
    sleep 0.2
done
grep -q '"name"' "$scratch/out" && ! grep -q '"starts"' "$scratch/out" || { echo "a device with another's medium:"; cat "$scratch/out"; failed=$((failed + 1)); }
grep -q "tutti: nothing is kept without power: it is of another version of the format" "$TUTTI_NET/linux-1.log" || { cat "$TUTTI_NET/linux-1.log"; failed=$((failed + 1)); }
expect 1 "4.04 Not Found" data ls "$at"
[ "$(sha256sum <"$TUTTI_NET/linux-1.medium")" = "$sum" ] || { echo "a medium of another version was changed"; failed=$((failed + 1)); }
[ $failed -eq 0 ] && echo "values, lists, watches and images are as they should be"
exit $failed
