#!/bin/sh
# tutti sim: the same seed does the same, to the last byte; what is wrong with faults is told by its line; a
# scenario that fails tells how to replay it; a soak ends when it is told to.
set -u
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
soak=
trap '[ -z "$soak" ] || kill $soak; rm -rf "$scratch"' EXIT
failed=0
cd "$scratch" || exit 1
complain() {
    echo "test_sim: $*"
    sed 's/^/    /' said
    failed=$((failed + 1))
}
sim() { # sim STATUS WORD...
    status=$1
    shift
    timeout 60 "$tutti" sim "$@" >said 2>&1
    got=$?
    [ $got -eq "$status" ] || complain "tutti sim $*: expected status $status, got $got"
}
says() {
    grep -qF -- "$1" said || complain "it does not say: $1"
}

# A world: everything known, everything told, twice the same.
printf 'delay 5ms jitter 2ms\nloss 12%%\nblock multicast from 0 at 1s\nrestart 3 at 3s\n' >faults
sim 0 --nodes 6 --seed 9 --seconds 6 --faults faults --trace one --pcap one.pcap
cp said first
for what in "6 nodes, seed 9" "     6.0       6 " "mDNS question" "CoAP CON" "  arrived" "  lost" "  multicast blocked"; do
    says "$what"
done
sim 0 --nodes 6 --seed 9 --seconds 6 --faults faults --trace two --pcap two.pcap
cmp one two || complain "another trace for the same seed"
cmp one.pcap two.pcap || complain "another capture for the same seed"
sed 's/[0-9.]* s of CPU//' first >a
sed 's/[0-9.]* s of CPU//' said >b
cmp a b || complain "another report for the same seed"
sim 0 --nodes 6 --seed 10 --seconds 6 --faults faults --trace three
cmp -s one three && complain "the same trace for another seed"
[ "$(grep -c ': lost$' one)" -gt 20 ] && grep -q '^3.000000000 3: starts, life 3$' one || complain "the trace lacks what happened"
sim 0 --nodes 6 --seed 9 --seconds 6 --faults faults --json
python3 - said first <<'END' || complain "the JSON is not what the report says"
import json, sys
world = json.load(open(sys.argv[1]))
report = open(sys.argv[2]).read()
assert world["sum"] in report and world["nodes"] == 6 and len(world["times"]) == 6, world
last = world["times"][-1]
assert last["seconds"] == 6 and last["alive"] == 6 and 4 <= last["knows_least"] <= last["knows_most"] <= 5, last
assert sum(kind["datagrams"] for kind in world["sent"]) == last["datagrams"], world
assert world["fates"]["lost"] > 20 and world["fates"]["multicast blocked"] > 0, world
END
if command -v tshark >/dev/null; then
    tshark -r one.pcap -Y '!_ws.malformed' -T fields -e udp.length >lengths 2>/dev/null
    [ "$(wc -l <lengths)" -eq "$(python3 -c 'import json; print(json.load(open("said"))["times"][-1]["datagrams"])')" ] ||
        complain "tshark reads another number of datagrams"
fi

# A thousand nodes that cannot find one another cost next to nothing.
echo 'block multicast' >blocked
sim 0 --nodes 1000 --seconds 3 --faults blocked
says "1000              0       0       0"

# What is wrong.
printf '# one\nloss 5\n' >wrong
sim 2 --faults wrong
says "tutti sim: wrong: line 2: expected a percentage to 100%, such as 0.5%, not '5'"
sim 2 --nodes 3 --faults faults
says "tutti sim: faults: line 4: there are nodes 0 to 2, not '3'"
printf 'loss 5%%\0' >zero
sim 2 --faults zero
says "tutti sim: zero: a text was expected, and it holds a byte 0"
sim 4 --faults nowhere
sim 2 --faults faults --trace faults
sim 2 nonsense
says "there is no scenario 'nonsense'"
sim 2 posts --nodes 2
says "posts takes --nodes 3 to 10, not 2"
sim 2 --seeds 5
sim 2 posts --seeds 5 --trace trace
sim 2 --soak --json
sim 2 posts --seconds 5
says "tutti sim: --seconds and --watch go without a scenario, which has its own"
sim 2 posts --watch
sim 2 --nodes 1001

# Scenarios: each of the help's is there; one that holds, and one that does not and is replayed.
for scenario in $("$tutti" sim --help | tr '\n' ' ' | sed 's/.*of the tests.: \([^.]*\)\..*/\1/; s/,//g; s/ or / /'); do
    names="${names:-}$scenario "
    timeout 60 "$tutti" sim "$scenario" >said 2>&1
    grep -q "^$scenario: seed" said || complain "$scenario"
done
[ "$names" = "posts blocks observe discovery restart hard movers watchers crowd gossip tells " ] || complain "the help has other scenarios: $names"
sim 0 posts --seed 5 --seeds 3
says "posts: seeds 5 to 7 hold"
sim 0 blocks --seed 5 --json
says '"broken": null'
# As long as a fault is known (docs/simulator.md): among which faults it shows.
if ! timeout 60 "$tutti" sim crowd --seeds 50 >said 2>&1; then
    says "a handler ran twice for one request"
    says "among 16 nodes with these faults:"
    says "    delay 0.2ms jitter "
fi
echo 'kill 1 at 3s' >faults
sim 1 posts --seed 7 --seeds 3 --nodes 4 --faults faults
says "posts: seed 7: a call never ended"
says "replay: tutti sim posts --seed 7 --nodes 4 --faults faults --trace FILE"
sim 1 posts --seed 7 --nodes 4 --faults faults --trace trace
says "posts: seed 7: a call never ended"
grep -q '^3.000000000 1: ends, life 1$' trace || complain "the trace of the failure"
sim 1 posts --seed 7 --faults faults --json
says '"broken": "a call never ended"'

# Whatever a file asks for, a scenario ends by itself.
for line in 'restart all at 2.1s every 0.3s' 'tear all at 1s every 5s within 4s' 'delay 1000s' 'kill all at 2.1s\nstart all at 15s'; do
    printf "%b" "$line" >faults
    for scenario in $names; do
        timeout -s KILL 60 "$tutti" sim "$scenario" --seed 3 --faults faults >said 2>&1
        got=$?
        [ $got -le 1 ] || complain "$scenario among '$line' ended with $got"
    done
done

# Until it is told to stop, a world too, however long a row of its report takes.
timeout -s KILL 60 "$tutti" sim --nodes 300 --seconds 1000000 --json >said 2>&1 &
soak=$!
sleep 1
kill -INT $soak
wait $soak
[ $? -eq 0 ] || complain "a world that was stopped has another status"
soak=
says '"sum": '
"$tutti" sim --soak --seed 100 >said 2>&1 &
soak=$!
sleep 1
kill -TERM $soak
wait $soak
[ $? -eq 0 ] || complain "a soak that was stopped has another status"
soak=
says "stopped after"
says "seeds of every scenario"
exit $failed
