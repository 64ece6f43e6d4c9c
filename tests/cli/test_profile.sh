#!/bin/sh
# `tutti profile`: a table that fits a terminal, JSON and a trace that agree with it, operations counted as by hand,
# a step of training, and what it is given by mistake.
set -u
tutti=$TUTTI_LINUX/cli/tutti
tests=$(pwd)/tests
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export XDG_CACHE_HOME="$scratch/cache"
mkdir cache
failed=0
fail() {
    echo "test_profile: $1"
    failed=$((failed + 1))
}

# expect STATUS TEXT WORD...: runs tutti profile; its status and a text that it must say, in 80 columns.
expect() {
    status=$1 text=$2
    shift 2
    timeout 60 "$tutti" profile "$@" >out 2>err </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" out err; then
        echo "tutti profile $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' out err
        failed=$((failed + 1))
    fi
    [ "$(awk '{ if (length($0) > most) most = length($0) } END { print most + 0 }' out)" -le "${columns:-80}" ] ||
        fail "tutti profile $*: a line of more than ${columns:-80} columns: $(cat out)"
}

cat >graph.txt <<'END'
%0 = input "image" : f32[8,12,12,3]
%1 = parameter "conv.weights" : f32[4,3,3,3]
%2 = parameter "conv.bias" : f32[4]
%3 = conv %0 %1 stride=[1,1] dilation=[1,1] spread=[1,1] before=[1,1] after=[1,1] groups=1 : f32[8,12,12,4] @"conv"
%4 = add %3 %2 : f32[8,12,12,4] @"conv"
%5 = constant {0} : f32[]
%6 = greater_of %5 %4 : f32[8,12,12,4] @"conv"
%7 = pool_greatest %6 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0] : f32[8,6,6,4], i32[8,6,6,4] @"pool"
%8 = reshape %7 sizes=[8,144] : f32[8,144] @"a layer with quite a long name, so that it does not fit"
%9 = parameter "dense.weights" : f32[144,10]
%10 = matmul %8 %9 : f32[8,10] @"a layer with quite a long name, so that it does not fit"
%11 = exp %10 : f32[8,10] @"a layer with quite a long name, so that it does not fit"
%12 = log_sum_exp %11 axes=[1] : f32[8,1] @"head"
result "logits" = %10
result "sums" = %12
END
made=$((2 * 8 * 12 * 12 * 4 * 27 + 2 * 8 * 12 * 12 * 4 + 8 * 6 * 6 * 4 * 4 + 2 * 8 * 144 * 10 + 80 + 80))

expect 0 "graph.txt: a program of " graph.txt --runs 5
for text in ", 5 runs, 1 thread; medians" "FLOP/s in registers (" "64 KiB at " "  MFLOP " "conv: transpose conv" "head: log_sum_exp" "total "; do
    grep -qF -- "$text" out || fail "no '$text' in: $(cat out)"
done
expect 0 "and " graph.txt --runs 5 --top 1
expect 0 " 2 threads; medians" graph.txt --runs 3 --threads 2

# All that is told of it is the same, and adds up; the trace is what its viewers read.
columns=1000 expect 0 '"steps"' --json --seconds 1 --trace trace.json graph.txt
python3 - "$made" <<'END' || fail "JSON and trace"
import json, sys

told, trace = json.load(open("out")), json.load(open("trace.json"))
steps = told["steps"]
assert told["flop"] == int(sys.argv[1]) == sum(s["flop"] for s in steps), (told["flop"], sys.argv[1])
assert told["bytes"] == sum(s["bytes"] for s in steps if not s["kept"]) > 4 * 8 * 12 * 12 * 3
assert [s["what"] for s in steps if s["kept"]] == ["conv: transpose"], steps
assert abs(told["seconds"] - sum(s["seconds"] for s in steps)) < 1e-9
assert 0.2 * told["run_seconds"] < told["seconds"] < 1.2 * told["run_seconds"], told
assert 0 < told["peak_share"] < 1.5 and told["runs"] >= 3 and told["threads"] == 1
assert told["peak_flop_per_s"] > 1e8 and len(told["peak_copies"]) == 3
events = trace["traceEvents"]
assert {e["ph"] for e in events} == {"M", "X"}
assert [e["args"]["name"] for e in events if e["ph"] == "M"] == ["graph.txt", "steps"]
assert all(e["pid"] == 1 and e["tid"] == 1 for e in events)
runs = [e for e in events if e.get("cat") == "run"]
inside = [e for e in events if "step" in e["args"]]
assert len(runs) == min(20, told["runs"]) and len(inside) == len(runs) * len(steps)
for at, run in enumerate(runs):
    here = inside[at * len(steps):(at + 1) * len(steps)]
    taken = sum(e["dur"] for e in here)
    assert run["ts"] <= here[0]["ts"] and here[-1]["ts"] + here[-1]["dur"] <= run["ts"] + run["dur"] + 0.01
    assert taken <= run["dur"] + 0.01 and [e["args"]["flop"] for e in here] == [s["flop"] for s in steps]
    assert all(a["ts"] + a["dur"] <= b["ts"] + 0.01 for a, b in zip(here, here[1:]))
END

# A step of training: gradients and SGD besides, and it assigns; state that no file has.
columns=1000 expect 0 '"kind": "assign"' --train --json --runs 3 graph.txt
python3 - "$made" <<'END' || fail "training: $(cat out)"
import json, sys

told = json.load(open("out"))
assert told["flop"] > 2 * int(sys.argv[1]), told
assert any("conv gradient: " in s["what"] for s in told["steps"])
assert any("optimiser: " in s["what"] for s in told["steps"])
END
expect 0 "graph.txt: a training step of " --train --runs 3 graph.txt
grep -q " assignments" out || fail "no assignments: $(cat out)"
cat >step.txt <<'END'
%0 = state "count" : f32[4]
%1 = exp %0 : f32[4]
assign "count" = %1
END
expect 0 "a program of 1 step," --runs 3 step.txt
expect 1 "step.txt assigns by itself, as a step of training does; leave --train out" --train step.txt
printf '%%0 = input "x" : f32[3,4,5]\n%%1 = exp %%0 : f32[3,4,5]\nresult "y" = %%1\n' >plain.txt
expect 1 "plain.txt cannot be trained: none of its results is a loss, one f32, or logits" --train plain.txt

# Without a compiler it says so; a line stays a line, whatever a name is.
TUTTI_CC='' expect 0 "1 of 1 forms are interpreted: there is no compiler: TUTTI_CC is empty" --runs 3 plain.txt
TT_RUN=interpreted expect 0 "1 of 1 forms are interpreted: no compiler was asked" --runs 3 plain.txt
TT_RUN=reference expect 1 "TT_RUN is 'reference', and the reference has no steps" plain.txt
printf '%%0 = input "x" : f32[4]\n%%1 = exp %%0 : f32[4] @"a\\x1b[31mb\\x07"\nresult "y" = %%1\n' >shy.txt
expect 0 'a?[31mb?: exp' --runs 3 shy.txt
grep -q "$(printf '\033')" out && fail "a name got to the terminal"

# By mistake.
cp "$tests"/fuzz/corpus/plan/slow_pooling "$tests"/ai/convert/fashion.safetensors .
printf '%%0 = input "x" : f32[4]\n' >nothing.txt
printf '%%0 = iota element=f32 sizes=[1000000,1000000] axis=0 : f32[1000000,1000000]\n%%1 = exp %%0 : f32[1000000,1000000]\nresult "y" = %%1\n' >vast.txt
expect 1 "slow_pooling is a plan, which devices run; profile the model it was made of" slow_pooling
expect 1 "fashion.safetensors holds no graph, only tensors" fashion.safetensors
expect 1 "nothing.txt computes nothing: it has no results" nothing.txt
expect 1 "vast.txt: the graph takes bytes of memory" vast.txt
expect 1 "--batch takes a file that tutti train wrote" --batch 4 plain.txt
expect 2 "the model has no input that --input 'z=z.npy' names" --input z=z.npy plain.txt
expect 2 "are one file" --trace ./plain.txt plain.txt
expect 1 "none/trace.json cannot be written" --trace none/trace.json plain.txt
expect 4 "nowhere cannot be read: No such file" nowhere
expect 2 "--runs takes a number from 0 to 100000, not 'many'" --runs many plain.txt
expect 2 "expected MODEL"
"$tutti" profile --runs 3 plain.txt >/dev/full 2>err && fail "a full disk is not told"
grep -q "^result" plain.txt || fail "a model was written over"
[ $failed -eq 0 ] || echo "$failed failed"
exit $failed
