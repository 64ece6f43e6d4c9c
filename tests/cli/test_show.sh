#!/bin/sh
# `tutti show` and `tutti verify`: each form of model, what is kept and compared with an earlier run, and what
# they are given by mistake or in malice.
set -u
tutti=$TUTTI_LINUX/cli/tutti
tests=$(pwd)/tests
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0
fail() {
    echo "test_show: $1"
    failed=$((failed + 1))
}

# expect STATUS TEXT WORD...: runs tutti; its status and a text that it must say.
expect() {
    status=$1 text=$2
    shift 2
    timeout 60 "$tutti" "$@" >out 2>err </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" err out; then
        echo "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' out err
        failed=$((failed + 1))
    fi
    [ "$(awk '{ if (length($0) > most) most = length($0) } END { print most + 0 }' out)" -le "${columns:-80}" ] ||
        fail "tutti $*: a line of more than ${columns:-80} columns: $(cat out)"
}

# says TEXT: the last run printed it, too.
says() {
    grep -qF -- "$1" out || fail "no '$1' in: $(cat out)"
}

cat >graph.txt <<'END'
%0 = input "image" : f32[1,6,6,1]
%1 = parameter "conv.weights" : f32[4,3,3,1]
%2 = parameter "conv.bias" : f32[4]
%3 = conv %0 %1 stride=[1,1] dilation=[1,1] spread=[1,1] before=[1,1] after=[1,1] groups=1 : f32[1,6,6,4] @"conv","line 3"
%4 = add %3 %2 : f32[1,6,6,4] @"conv","line 3"
%5 = constant {0} : f32[]
%6 = greater_of %5 %4 : f32[1,6,6,4] @"relu"
%7 = pool_greatest %6 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0] : f32[1,3,3,4], i32[1,3,3,4] @"pool"
%8 = input "words" : i64[5]
%9 = parameter "table" : f32[3,4]
%10 = gather %9 %8 axis=0 : f32[5,4] @"embedding"
%11 = state "count" : i32[]
%12 = constant {1} : i32[]
%13 = add %11 %12 : i32[]
result "pooled" = %7
result "embedded" = %10
assign "count" = %13
END

# A graph's text: all that it is made of, in lines and as JSON; and as text again, which is the same.
expect 0 "graph.txt: a graph of 14 nodes, in its text form; $(wc -c <graph.txt) bytes" show graph.txt
for text in "node  operation" "%0  input" "f32[1,6,6,1]" "conv, line 3" "1296" "f32[1,3,3,4] +1" "embedding" \
    "result      pooled = %7  f32[1,3,3,4]" "assigns     count = %13" "parameters  4, of 53 elements and 212 bytes" \
    "  conv.weights " "state" "memory      "; do
    says "$text"
done
says "cost        $((1296 + 144 + 144 + 144 + 20 + 1)) multiply-accumulates"
columns=1000 expect 0 "%3 = conv" show --text graph.txt
cp out again.txt
columns=1000 expect 0 "%3 = conv" show --text again.txt
cmp out again.txt || fail "the text of a text is another"
columns=1000 expect 0 '"form": "text"' show --json graph.txt
python3 - <<'END' || fail "the JSON: $(cat out)"
import json

shown = json.load(open("out"))
conv = shown["nodes"][3]
assert conv == {"node": "%3", "operation": "conv", "reads": ["%0", "%1"], "makes": ["f32[1,6,6,4]"], "cost": 1296,
                "from": [{"name": "conv", "place": "line 3"}]}, conv
assert shown["nodes"][1]["name"] == "conv.weights" and shown["nodes"][1]["operation"] == "parameter"
assert shown["results"][0] == {"name": "pooled", "value": "%7", "type": "f32[1,3,3,4]"}
assert shown["assigns"] == [{"name": "count", "value": "%13", "type": "i32[]"}]
assert shown["parameters"][0] == {"name": "conv.weights", "kind": "parameter", "type": "f32[4,3,3,1]", "elements": 36,
                                  "bytes": 144}
assert shown["parameter_bytes"] == 212 and shown["fast_steps"] == 4 and shown["arena_bytes"] > 0
END

# Safetensors with the graph in its metadata, one tensor of another type, one missing, one that is nobody's; as a
# file without a graph; with one that cannot be read. And inputs as .npy.
python3 - <<'END' || fail "no files"
import json, struct


def write(name, tensors, metadata):
    header, body = {"__metadata__": metadata}, b""
    for key, (kind, shape, data) in tensors.items():
        header[key] = {"dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    open(name, "wb").write(struct.pack("<Q", len(text)) + text + body)


def npy(name, kind, shape, data):
    text = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    open(name, "wb").write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + data)


graph = open("graph.txt").read()
floats = lambda count: struct.pack("<%df" % count, *[(i % 7 - 3) / 4 for i in range(count)])
good = {"conv.weights": ("F32", [4, 3, 3, 1], floats(36)), "conv.bias": ("F32", [4], floats(4)),
        "table": ("F32", [3, 4], floats(12)), "count": ("I32", [], struct.pack("<i", 7))}
write("model", good, {"graph": graph})
write("half", {"conv.weights": good["conv.weights"], "conv.bias": ("F32", [2, 2], floats(4)),
               "velocity": ("F32", [3], floats(3))}, {"graph": graph})
write("tensors", good, {"epochs": "3", "note": "a\nb"})
write("broken", good, {"graph": "%0 = nonsense"})
npy("image.npy", "<f4", (1, 6, 6, 1), floats(36))
npy("double.npy", "<f8", (1, 6, 6, 1), floats(72))
npy("words.npy", "<i8", (5,), struct.pack("<5q", 2, 1, 0, 1, 2))
npy("outside.npy", "<i8", (5,), struct.pack("<5q", 2, 1, 3, 1, 2))
open("shy.txt", "w").write('%0 = input "a\\x1b[31mb" : f32[2]\n%1 = exp %0 : f32[2] @"\\x9b"\nresult "\\x07" = %1\n')
open("huge.txt", "w").write('%0 = parameter "w" : f32[1000000,1000000]\nresult "y" = %0\n')
open("vast.txt", "w").write('%0 = input "x" : f32[1000000,1000000]\nresult "y" = %0\n')
open("long.txt", "w").write('%0 = iota element=f32 sizes=[1000000,1000000] axis=0 : f32[1000000,1000000]\n'
                            '%1 = exp %0 : f32[1000000,1000000]\nresult "y" = %1\n')
open("open.txt", "w").write('%0 = input "x" : f32[4]\n%1 = unique %0 sorted=1 : f32[-1], i64[-1], i64[4], i64[-1]\n'
                            'result "y" = %1.2\n')
open("nothing.txt", "w").write('%0 = input "x" : f32[4]\n')
open("words", "w").write("what is this?\n")
open("zeros", "wb").write(b"graph\0text")
END
expect 0 "model: a graph of 14 nodes, with tensors (safetensors)" show model
grep -q "  and [0-9]* tensor" out && fail "a tensor of the graph is told as none of it: $(cat out)"
columns=120 expect 0 "tensor conv.bias is f32[2,2], the graph has f32[4]" show half
says "the file has no tensor of that name"
says "  and 1 tensor in the file that the graph does not name"
expect 0 "tensors: 4 tensors, no graph (safetensors)" show tensors
says "  conv.weights                        f32[4,3,3,1]"
says "  note: a..."
columns=1000 expect 0 '"metadata": {' show --json tensors
cp "$tests"/fuzz/corpus/safetensors/foreign "$tests"/fuzz/corpus/plan/* "$tests"/ai/convert/fashion.safetensors .
expect 0 "F8_E4M3[3]" show foreign
[ "$(wc -l <out)" -eq 3 ] || fail "a name takes more than a line: $(cat out)"
expect 0 "no graph" show fashion.safetensors
cat graph.txt | timeout 60 "$tutti" show - | grep -q "^-: a graph of 14 nodes" || fail "standard input"

# A plan.
expect 0 "slow_pooling: a plan of 10 steps; 800 bytes" show slow_pooling
says "step  kind"
says "memory      "
expect 0 '"form": "plan"' show --json slow_pooling
expect 1 "slow_pooling holds no graph" show --text slow_pooling

# Names command no terminal.
expect 0 'a?[31mb' show shy.txt
expect 0 'the same both ways' verify shy.txt
grep -q "$(printf '[\033\007]')" out && fail "a name got to the terminal: $(od -c out)"

# Both ways, on random inputs, indices among them; files; a state is not counted on.
expect 0 "model: the same both ways, 3 tensors" verify model
cp out first
expect 0 "model: the same both ways" verify model
cmp out first || fail "the same seed gives another answer"
expect 0 "graph.txt: the same both ways, 3 tensors" verify graph.txt --seed 7
expect 0 "model: the same both ways" verify --input image=image.npy --input words=words.npy model
expect 1 "gather (embedding): index 3 is outside axis 0 of f32[3,4]" verify --input words=outside.npy model
expect 1 "double.npy holds f64[1,6,6,1], input 'image' is f32[1,6,6,1]" verify --input image=double.npy model
expect 2 "the model has no input that --input 'imag=image.npy' names" verify --input imag=image.npy model
expect 2 "--input takes NAME=FILE, not 'image'" verify --input image model
expect 4 "none.npy" verify --input image=none.npy model
expect 1 "model: not the same both ways: 'pooled'" verify --tolerance 0 model --seed 3
says "first: pool_greatest (pool), with conv (conv, line 3) in one step, gives"
columns=1000 expect 1 '"same": false' verify --tolerance 0 --json --seed 3 model
expect 0 '"same": true' verify --json model
expect 2 "--tolerance takes a number from 0, not 'little'" verify --tolerance little model
expect 2 "--tolerance takes a number from 0, not '-1'" verify --tolerance=-1 model
expect 1 "half: tensor conv.bias is f32[2,2], the graph has f32[4]" verify half

# Random indices lie within the shortest axis that they choose from; weights lie around zero.
cat >tables.txt <<'END'
%0 = input "words" : i32[8,8]
%1 = convert %0 element=i64 : i64[8,8]
%2 = reshape %1 sizes=[64] : i64[64]
%3 = parameter "few" : f32[2,4]
%4 = gather %3 %2 axis=0 : f32[64,4]
%5 = parameter "many" : f32[300,4]
%6 = gather %5 %0 axis=0 : f32[8,8,4]
result "few rows" = %4
result "many rows" = %6
END
expect 0 "tables.txt: the same both ways" verify --keep words --keep few tables.txt
says "words           i32[8,8]                   0           1 "
grep -q "^few  *f32\[2,4\]  *-[0-9.]*  *[0-9]" out || fail "random weights: $(cat out)"

# What is kept: printed, written, and compared with by the next version.
expect 0 "kept            type " verify --keep conv --keep %10 --keep table --keep count --keep-to before.npz model
says "conv            f32[1,6,6,4] "
says "%10             f32[5,4] "
says "count           i32[]                      7           7           7           0"
expect 0 "against before.npz: the same" verify --keep conv --against before.npz model
expect 0 '"same_as_before": true' verify --json --keep conv --against before.npz model
expect 1 "against before.npz: not the same; first: 'conv', which at [" verify --keep conv --seed 2 --against before.npz model
expect 1 '"first_since": "conv"' verify --json --keep conv --seed 2 --against before.npz model
expect 4 "before.npz: there is no tensor 'relu'" verify --keep relu --against before.npz model
expect 4 "none.npz" verify --against none.npz model
expect 4 "graph.txt" verify --against graph.txt model
expect 2 "model has no value 'cnv'; 'tutti show model' lists them" verify --keep cnv model
cp model same
expect 2 "are one file" verify --keep-to ./model model
expect 2 "are one file" verify --against before.npz --keep-to before.npz model
cmp model same || fail "a model was written over"
expect 1 "none/kept.npz cannot be written" verify --keep-to none/kept.npz model

# Hostile and mistaken.
for command in show verify; do
    expect 4 "nowhere cannot be read: No such file" $command nowhere
    expect 4 "reading . failed: Is a directory" $command .
    expect 4 "/dev/null: is empty" $command /dev/null
    expect 4 "before.npz: is a zip or .npz file, which holds no model" $command before.npz
    expect 4 "image.npy: is a .npy file, which holds no model" $command image.npy
    expect 4 "is a program" $command "$tutti"
    expect 4 "zeros: is no plan, no safetensors file and no graph's text: there are zero bytes in it" $command zeros
    expect 4 "words: is no plan, no safetensors file and no graph's text: line 1: " $command words
    expect 4 "broken: its graph cannot be read: line 1: there is no operation 'nonsense'" $command broken
    expect 4 "unwritten: step 0: bytes that nothing before wrote" $command unwritten
    head -c 100 model >cut
    expect 4 "cut: is cut short" $command cut
    head -c 3 model >cut
    expect 4 "cut: " $command cut
    head -c 700 slow_pooling >cut
    expect 4 "cut: length of the plan in bytes: expected 800, found 700" $command cut
    expect 2 "expected MODEL" $command
done
columns=120 expect 0 "memory      not known: the graph takes, with what is kept, bytes of memory: 4000000000000; the limit is " show huge.txt
columns=110 expect 0 "memory      not known: the graph takes bytes of memory: 8000000000000; the limit is " show long.txt
columns=110 expect 0 "memory      not known: unique: makes a size that only running tells" show open.txt
expect 1 "huge.txt: the graph takes, with what is kept, bytes of memory: 4000000000000; the limit is " verify huge.txt
expect 1 "input 'x' is f32[1000000,1000000], larger than the 1073741824 bytes that fit" verify vast.txt
expect 1 "long.txt: the graph takes bytes of memory" verify long.txt
expect 1 "open.txt: unique: makes a size that only running tells" verify open.txt
expect 1 "nothing.txt computes nothing: it has no results" verify nothing.txt
expect 1 "slow_pooling is a plan, which there is one way to run" verify slow_pooling
expect 1 "tensors holds no graph, only tensors" verify tensors
expect 2 "expected one of --text, --json, --program and --c" show --text --json model
expect 2 "expected one of --text, --json, --program and --c" show --c --program model
columns=2000 expect 0 "step 0: " show --program model
says "chain: conv (conv, line 3), add (conv, line 3), greater_of (relu), pool_greatest (pool)"
says "  keeps near %8 f32[1,6,6,4]"
columns=2000 expect 0 "void step_" show --c model
expect 1 "slow_pooling holds no graph" show --program slow_pooling
expect 1 "tensors holds no graph" show --c tensors
columns=120 expect 1 "huge.txt: the graph takes, with what is kept, bytes of memory: 4000000000000; the limit is " show --program huge.txt
"$tutti" show model >/dev/full 2>err && fail "a full disk is not told"

# TT_RUN says which way sessions run.
TT_RUN=both expect 1 "TT_RUN is 'both', expected 'reference', 'fast', 'interpreted' or 'compiled'" compile fashion.safetensors
TT_ISA=nonsense expect 1 "TT_ISA is 'nonsense', expected 'avx512', 'avx2' or 'sse2'" compile fashion.safetensors
[ $failed -eq 0 ] || echo "$failed failed"
exit $failed
