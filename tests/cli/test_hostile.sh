#!/bin/sh
# tutti crash and logs of a device that is no friend: see hostile_device.py.
set -u
here=$(dirname "$0")
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
device=
trap '[ -z "$device" ] || kill $device; rm -rf "$scratch"' EXIT
port=$((20000 + $$ % 20000))
failed=0
complain() {
    echo "$*"
    sed 's/^/    /' "$scratch/out"
    failed=$((failed + 1))
}
serve() { # serve MODE
    [ -z "$device" ] || { kill $device; wait $device 2>/dev/null; }
    rm -f "$scratch/count"
    python3 "$here/hostile_device.py" $port "$1" "$scratch/count" &
    device=$!
    for _ in $(seq 100); do
        [ -e "$scratch/count" ] && break
        sleep 0.1
    done
}
ask() { # ask STATUS SECONDS WORD...: which must end by itself in time, with the status
    status=$1 seconds=$2
    shift 2
    timeout "$seconds" "$tutti" "$@" --host "coap://127.0.0.1:$port" >"$scratch/out" 2>&1
    got=$?
    [ $got -eq "$status" ] || complain "tutti $*: expected status $status within $seconds s, got $got"
}

# Nobody follows what is not there: not fast, and not for ever.
serve missing
ask 1 10 logs -f
[ "$(cat "$scratch/count")" -le 2 ] || complain "logs -f asked $(cat "$scratch/count") times for what is not there"
kill $device
wait $device 2>/dev/null
device=
ask 3 10 logs -f

# A device that cannot be observed is asked now and then; one whose power was cut counts from one again.
serve cut
ask 124 5 logs -f # until timeout ends it
asked=$(cat "$scratch/count")
{ [ "$asked" -ge 2 ] && [ "$asked" -le 6 ]; } || complain "logs -f asked $asked times in 5 s"
[ "$(grep -c ready "$scratch/out")" -ge $((asked - 1)) ] || complain "of $asked lives logs -f shows fewer"

# More than any record: the rest is not fetched.
serve endless
ask 1 10 crash
grep -q "over a stated limit" "$scratch/out" || complain "an endless record is not told"
[ "$(cat "$scratch/count")" -le 100 ] || complain "crash fetched $(cat "$scratch/count") blocks of an endless record"

# Nothing commands the terminal, with an image and without.
serve commands
for image in "" "--image $tutti"; do
    # shellcheck disable=SC2086 # words, or none
    ask 0 30 crash $image
    LC_ALL=C grep -qa 'check failed: ?\[31mred?\]0;title? ' "$scratch/out" || complain "the record is not shown"
    LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$scratch/out" && complain "a command for the terminal goes through"
done
[ $failed -eq 0 ] && echo "hostile devices: all as it should be"
exit $failed
