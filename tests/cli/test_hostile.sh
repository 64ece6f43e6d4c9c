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

# Who is observed may be quiet for longer than --timeout: that is for an answer that is due.
serve quiet
ask 124 5 logs -f --timeout 1 # until timeout ends it
{ [ "$(cat "$scratch/out")" = "1 0.0 first" ] && [ "$(cat "$scratch/count")" -eq 1 ]; } || complain "following a quiet device:"

# One that was heard has --timeout to come back, and no longer; having come back, as long again.
serve fading
ask 3 30 logs -f --timeout 2
[ "$(cat "$scratch/count")" -eq 5 ] || complain "a device that answered 1 and 3 was asked $(cat "$scratch/count") times, expected 5"
{ grep -q "^1 0.0 first$" "$scratch/out" && grep -q "no answer in time" "$scratch/out"; } || complain "a device that went silent:"

# Nobody reads any more: that ends it, in silence where the system ends it, and told where that is held off.
mkfifo "$scratch/pipe"
unread() { # unread MODE STATUS SIGNAL-OPTION: of a device that has more to say
    serve "$1"
    env "$3" timeout 20 "$tutti" logs --host "coap://127.0.0.1:$port" -f >"$scratch/pipe" 2>"$scratch/out" &
    follower=$!
    head -n 1 <"$scratch/pipe" >"$scratch/first"
    wait $follower
    got=$?
    { [ $got -eq "$2" ] && grep -q first "$scratch/first"; } || complain "logs -f of a $1 device into a closed pipe, $3: status $got"
}
for mode in cut talking; do
    unread $mode 141 --default-signal=PIPE
    [ ! -s "$scratch/out" ] || complain "a closed pipe is no failure, but this was said:"
    unread $mode 1 --ignore-signal=PIPE
    grep -q "standard output could not be written" "$scratch/out" || complain "a lost output was not told:"
done

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
