#!/bin/sh
# tutti get, put, post, delete, observe and ls against a node on this machine's loopback.
set -u
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
port=$((20000 + $$ % 20000))
"$TUTTI_LINUX/examples/hello/hello" "$port" >"$scratch/node" 2>&1 &
node=$!
trap 'kill $node 2>/dev/null; rm -rf "$scratch"' EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do
    grep -q loopback "$scratch/node" && break
    sleep 0.1
done
grep -q loopback "$scratch/node" || { cat "$scratch/node"; exit 1; }
failed=0
at=coap://127.0.0.1:$port

# expect STATUS TEXT WORD...: what tutti must say and return.
expect() {
    status=$1 text=$2
    shift 2
    timeout 30 "$tutti" "$@" >"$scratch/out" 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" "$scratch/out"; then
        echo "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' "$scratch/out"
        failed=$((failed + 1))
    fi
}

expect 0 "hello from tutti" get --host "$at/hello"
expect 0 "hello from tutti" get --host "coap://[::1]:$port/hello"
expect 0 "hello from tutti" get --host hello/hello
expect 0 "</hello>" get --host "$at/.well-known/core"
expect 0 "2.04 Changed" post --host "$at/count"
expect 0 "1" get --host "$at/count"
expect 1 "4.04 Not Found" get --host "$at/nowhere"
expect 1 "4.05 Method Not Allowed" delete --host "$at/hello"
# A closed port is told at once, not after --timeout; one that is silent takes all of it.
closed=$((port + 1))
for address in 127.0.0.1 '[::1]'; do
    start=$(date +%s%N)
    expect 3 "nothing listens there" get --host "coap://$address:$closed/hello"
    expect 3 "nothing listens there" put --host --text a "coap://$address:$closed/hello"
    expect 3 "nothing listens there" observe --host "coap://$address:$closed/hello"
    taken=$((($(date +%s%N) - start) / 1000000))
    [ "$taken" -lt 3000 ] || { echo "three calls to a closed port took $taken ms"; failed=$((failed + 1)); }
done
python3 -c "
import socket, time
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(('127.0.0.1', $closed))
open('$scratch/bound', 'w').close()
time.sleep(60)" &
silent=$!
for _ in $(seq 100); do
    [ -e "$scratch/bound" ] && break
    sleep 0.1
done
expect 3 "no answer in time" get --host --timeout 2 "coap://127.0.0.1:$closed/hello"
kill "$silent"
expect 3 "no device named 'nobody' was found in 1 s" get --host --timeout 1 nobody/x
expect 0 "/hello /count /store" ls --host --for 3

# A body of more than 16 MiB.
truncate -s 16777217 "$scratch/body"
expect 4 "larger than the 16777216 bytes" put --host "$at/store" "$scratch/body"

# Percent-encoding, the root, an empty text.
expect 0 "hello from tutti" get --host "$at/%68ell%6f"
expect 1 "4.04 Not Found" get --host "$at"
expect 1 "4.04 Not Found" get --host "$at/"
expect 0 "2.04 Changed" put --host "$at/store" --text full
expect 0 "2.04 Changed" put --host "$at/store" --text ''
[ -z "$("$tutti" get --host "$at/store")" ] || { echo "an empty text was not stored"; failed=$((failed + 1)); }

# Octets survive the way there and back, in several blocks; text and standard input too.
head -c 20000 /dev/urandom >"$scratch/octets"
expect 0 "2.04 Changed" put --host "$at/store" "$scratch/octets"
"$tutti" get --host "$at/store" >"$scratch/back"
cmp "$scratch/octets" "$scratch/back" || failed=$((failed + 1))
printf 'piped' | "$tutti" put --host "$at/store" - 2>"$scratch/out" || failed=$((failed + 1))
[ "$("$tutti" get --host "$at/store")" = piped ] || { echo "standard input was not stored"; failed=$((failed + 1)); }

# An observer sees a change.
timeout 30 "$tutti" observe --host --count 2 "$at/count" >"$scratch/seen" 2>&1 &
observer=$!
sleep 1
expect 0 "2.04 Changed" post --host "$at/count"
wait "$observer" || failed=$((failed + 1))
[ "$(tr '\n' ' ' <"$scratch/seen")" = "1 2 " ] || { echo "observed:"; cat "$scratch/seen"; failed=$((failed + 1)); }
# With -v each has its time and its number, which grows.
timeout 30 "$tutti" observe --host -v --count 2 "$at/count" >"$scratch/seen" 2>&1 &
observer=$!
sleep 1
expect 0 "2.04 Changed" post --host "$at/count"
wait "$observer" || failed=$((failed + 1))
[ "$(grep -cE "^$(date +%Y)-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} #[0-9]+ [23]\$" "$scratch/seen")" -eq 2 ] &&
    [ "$(sed 's/.*#\([0-9]*\) .*/\1/' "$scratch/seen" | sort -nu | wc -l)" -eq 2 ] || { echo "observed with -v:"; cat "$scratch/seen"; failed=$((failed + 1)); }
expect 1 "/hello cannot be observed" observe --host "$at/hello"
# As JSON, which a stranger reads.
json() { # json STATUS EXPRESSION WORD...
    status=$1 expression=$2
    shift 2
    timeout 30 "$tutti" "$@" >"$scratch/json" 2>"$scratch/out"
    got=$?
    python3 -c "import base64, json; it = json.load(open('$scratch/json')); assert $expression, it" 2>>"$scratch/out" && [ $got -eq "$status" ] ||
        { echo "tutti $*: status $got, $expression:"; cat "$scratch/json" "$scratch/out"; failed=$((failed + 1)); }
}
json 0 "it == {'code': '2.05', 'format': 0, 'bytes': 16, 'text': 'hello from tutti'}" get --host --json "$at/hello"
json 1 "it['code'] == '4.04' and 'nowhere' in it['text']" get --host --json "$at/nowhere"
json 0 "[d['resources'] for d in it if d['name'] == 'hello' and d['kind'] == 'example'] == [['/hello', '/count', '/store']]" ls --host --for 3 --json
expect 0 "2.04 Changed" put --host "$at/store" "$scratch/octets"
json 0 "it['bytes'] == 20000 and base64.urlsafe_b64decode(it['base64url'] + '=' * (-len(it['base64url']) % 4)) == open('$scratch/octets', 'rb').read()" get --host --json "$at/store"
timeout 30 "$tutti" observe --host "$at/count" >/dev/full 2>"$scratch/out"
[ $? -eq 1 ] || { echo "an observer went on with its output lost:"; cat "$scratch/out"; failed=$((failed + 1)); }
timeout 30 "$tutti" get --host "$at/hello" >/dev/full 2>"$scratch/out" && { echo "an answer was lost in silence"; failed=$((failed + 1)); }
# The interrupt key ends an observer in order.
"$tutti" observe --host "$at/count" >"$scratch/seen" 2>&1 &
observer=$!
sleep 1
kill -INT "$observer"
wait "$observer" || { echo "an interrupted observer failed:"; cat "$scratch/seen"; failed=$((failed + 1)); }
# It ends at once whoever looks for a device that is not there.
for command in logs "logs -f" "observe -v"; do
    python3 - "$tutti" $command <<'END' || failed=$((failed + 1))
import signal, subprocess, sys, time
name = "nobody/x" if "observe" in sys.argv else "nobody"
looking = subprocess.Popen([*sys.argv[1:], "--host", "--timeout", "600", name], stderr=subprocess.PIPE,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
time.sleep(1)
looking.send_signal(signal.SIGINT)
try:
    looking.wait(30)
except subprocess.TimeoutExpired:
    looking.kill()
    sys.exit(f"{sys.argv[2:]} looks on after the interrupt key")
END
done
# A device with as many observers as it takes: the next one is told that, and not that it cannot be observed.
# Observers of above may have a place still: whoever ends without a word keeps it until he is missed.
observers=
for i in 1 2 3 4 5 6 7 8; do # TT_BUS_OBSERVERS_MAX
    timeout 60 "$tutti" observe --host "$at/count" >"$scratch/seen$i" 2>&1 &
    observers="$observers $!"
done
for i in 1 2 3 4 5 6 7 8; do
    for _ in $(seq 100); do
        [ -s "$scratch/seen$i" ] && break
        sleep 0.1
    done
done
expect 1 "/count can be observed, but its device takes no more observers now" observe --host "$at/count"
kill $observers 2>/dev/null
wait $observers
exit "$failed"
