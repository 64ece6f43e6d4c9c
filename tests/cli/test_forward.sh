#!/bin/sh
# Stock tools reach devices of a fleet: `tutti up --forward`, and libcoap's client as an ordinary user. The
# fleet is two Linux nodes, so that nothing is emulated; test_faults does the same with a watch.
set -u
tutti=$TUTTI_LINUX/cli/tutti
command -v coap-client-notls >/dev/null || { echo "skipped: coap-client-notls (libcoap3-bin) is not installed"; exit 77; }
scratch=$(mktemp -d)
chmod 755 "$scratch"
port=$(python3 -c "
import random, socket
while True: # three ports in a row that nobody has
    port = random.randrange(10000, 32000)
    try:
        for i in range(3):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.bind(('127.0.0.1', port + i))
        break
    except OSError:
        pass
print(port)")
second=$((port + 1))
failed=0
fail() {
    echo "test_forward: $1"
    failed=$((failed + 1))
}
launcher=
trap '[ -z "$launcher" ] || kill $launcher; wait; rm -rf "$scratch"' EXIT

# ordinary WORD...: as nobody, where this test runs as root.
ordinary() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}
coap() { ordinary timeout 30 coap-client-notls -B 20 "$@"; }

# Words that make no sense, and a port that is taken.
printf 'linux 2\n' >"$scratch/fleet"
expect() {
    status=$1 text=$2
    shift 2
    timeout 30 "$tutti" up "$scratch/fleet" --dir "$scratch/f" "$@" >"$scratch/out" 2>&1
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" "$scratch/out"; then
        fail "up $*: expected $status and '$text', got $got and: $(cat "$scratch/out")"
    fi
}
for word in linux-1 linux-1: :5700 linux-1:0 linux-1:65536 linux-1:x linux-1:5700x linux-1:+5 "linux-1:$port," \
    a-name-that-is-longer-than-any-device-may-have:5700; do
    expect 2 "expected NAME:PORT" --forward "$word"
done
expect 2 "leads to another device already" --forward "linux-1:$port,linux-2:$port"
expect 2 "leads to another device already" --forward "linux-1:$port" --forward "linux-2:$port"
many=$(for i in $(seq 17); do printf ',a:%d' $((port + i)); done)
expect 2 "there are 16 forwards at most" --forward "${many#,}"
python3 -c "
import socket, time
taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taken.bind(('127.0.0.1', $port))
open('$scratch/bound', 'w').close()
time.sleep(60)" &
taken=$!
for _ in $(seq 100); do
    [ -e "$scratch/bound" ] && break
    sleep 0.1
done
expect 1 "another program uses this port" --forward "linux-1:$port"
kill $taken
wait $taken 2>/dev/null # until then it has the port

"$tutti" up "$scratch/fleet" --dir "$scratch/f" --forward "linux-1:$port" --forward "linux-2:$second,nobody:$((port + 2))" \
    >"$scratch/up" 2>&1 &
launcher=$!
for _ in $(seq 100); do
    grep -q "^all 2 found" "$scratch/up" && break
    sleep 0.1
done
grep -q "coap://127.0.0.1:$port leads to it" "$scratch/up" || fail "the port is not told: $(cat "$scratch/up")"
grep -q -- "--forward nobody:$((port + 2)) leads nowhere" "$scratch/up" || fail "a forward that leads nowhere is not told"
name_1=$(sed -n 's/^linux-1  *\([^ ]*\) .* ms$/\1/p' "$scratch/up")
name_2=$(sed -n 's/^linux-2  *\([^ ]*\) .* ms$/\1/p' "$scratch/up")

coap -m get "coap://127.0.0.1:$port/device" | grep -qa "$name_1" || fail "the first device does not answer"
coap -m get "coap://127.0.0.1:$second/device" | grep -qa "$name_2" || fail "the second device does not answer"
coap -m get "coap://[::1]:$port/.well-known/core" | grep -q '</ai/models>' || fail "over IPv6"
"$tutti" get --host "coap://127.0.0.1:$port/device" | grep -q "$name_1" || fail "tutti get --host"

# Several clients at once, each with its own answer; a body of many blocks.
seq 16 | while read -r i; do
    at=$port name=$name_1
    [ $((i % 2)) -eq 0 ] || { at=$second; name=$name_2; }
    (coap -m get "coap://127.0.0.1:$at/device" | grep -qa "$name" && echo right) &
done >"$scratch/at-once"
for _ in $(seq 100); do
    [ "$(wc -l <"$scratch/at-once")" -eq 16 ] && break
    sleep 0.1
done
[ "$(wc -l <"$scratch/at-once")" -eq 16 ] || fail "of 16 clients at once $(wc -l <"$scratch/at-once") got their answer"
head -c 30000 /dev/urandom >"$scratch/body"
chmod 644 "$scratch/body"
coap -m put -b 256 -f "$scratch/body" "coap://127.0.0.1:$port/ai/models/x" >"$scratch/put" 2>&1
grep -qa "refused" "$scratch/put" || fail "a body in blocks: $(cat "$scratch/put")"

# The device restarts, and the port leads to it again.
"$tutti" restart --dir "$scratch/f" linux-1 || fail "no restart"
coap -m get "coap://127.0.0.1:$port/device" | grep -qa "$name_1" || fail "the device does not answer after its restart"

kill -INT $launcher
wait $launcher || fail "the fleet did not end in order: $(cat "$scratch/up")"
launcher=
timeout 10 "$tutti" get --host --timeout 5 "coap://127.0.0.1:$port/device" 2>&1 | grep -q "nothing listens there" ||
    fail "the port is still open after the fleet"
[ $failed -eq 0 ] && echo "stock tools reach the fleet as an ordinary user"
exit $failed
