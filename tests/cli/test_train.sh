#!/bin/sh
# `tutti train` and `tutti compile` on a small part of the images: a training that is interrupted, killed,
# resumed, extended, that diverges, or cannot write; what the two are given by mistake; their JSON.
set -u
tutti=$TUTTI_LINUX/cli/tutti
export PATH="$TUTTI_LINUX/cli:$PATH" # the command that an interrupted training prints is run as it is
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0
fail() {
    echo "test_train: $1"
    failed=$((failed + 1))
}

# expect STATUS TEXT WORD...: runs tutti; its status and a text that it must say.
expect() {
    status=$1 text=$2
    shift 2
    timeout 120 "$tutti" "$@" >out 2>err </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" err out; then
        echo "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' out err
        failed=$((failed + 1))
    fi
}

# after N PROCESS FILE: waits until FILE has N lines, at most a minute.
after() {
    for _ in $(seq 600); do
        [ "$(wc -l <"$3" 2>/dev/null || echo 0)" -ge "$1" ] && return 0
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

small="--images 640 --seed 7"
# shellcheck disable=SC2086 # several words
timeout 120 "$tutti" train $small --epochs 3 --out whole --json >whole.json 2>whole.err
code=$?
if [ $code -eq 4 ]; then
    echo "skipped: no data set: $(cat whole.err)"
    exit 77
fi
[ $code -eq 0 ] || fail "the training ended with $code: $(cat whole.err)"

# The result as JSON on standard output, and nothing else there.
for field in '"status": "done"' '"checkpoint": "whole"' '"epochs": 3' '"epochs_done": 3' '"steps_done": 0' \
    '"seed": 7' '"images": 640' '"loss": 0*[0-9.]*' '"accuracy": 0\.[0-9]*' '"test_accuracy": 0\.[0-9]*'; do
    grep -q "^$field[,}]" whole.json || fail "no $field in: $(cat whole.json)"
done
[ "$(wc -l <whole.err)" -eq 4 ] || fail "progress is not three lines and one on standard error: $(cat whole.err)"

# Without a compiler it goes on, to the same bytes, and says so once.
TT_RUN=compiled TUTTI_CC=/nowhere timeout 120 "$tutti" train $small --epochs 3 --out slow >out 2>err || fail "no compiler: $(cat err)"
[ "$(grep -c "the steps are interpreted, which is slower: there is no compiler: '/nowhere' is no program" err)" -eq 1 ] ||
    fail "no sentence, or more, where there is no compiler: $(cat err)"
cmp whole slow || fail "interpreted it is another model"

# An interrupt ends it after its step; what it says to run goes on to the same bits, as often as it takes.
for signal in INT TERM; do
    name="cut '$signal" json=
    [ $signal = INT ] || json=" --json" # tells it there, too
    rm -f err # of an earlier run: what starts in the background empties it too late for `after`
    # shellcheck disable=SC2086
    "$tutti" train $small --epochs 3 --out "$name" --threads 2$json >out 2>err &
    process=$!
    after 1 $process err || fail "SIG$signal: the first epoch did not end: $(cat err)"
    kill -$signal $process
    start=$(date +%s)
    wait $process
    code=$?
    [ $(($(date +%s) - start)) -le 20 ] || fail "SIG$signal: it took more than 20 s to end"
    [ $code -eq 1 ] || fail "SIG$signal: status $code: $(cat err)"
    grep -q "^tutti train: interrupted after [12] of 3 epochs and [0-9] of 10 steps$" err || fail "SIG$signal: $(cat err)"
    command=$(sed -n 's/^  tutti/tutti/p' err)
    [ "$command" = "tutti train --resume 'cut '\\''$signal' --out 'cut '\\''$signal' --threads 2$json" ] ||
        fail "to go on: $command"
    [ $signal = INT ] || { grep -q '^"status": "interrupted",$' out && grep -qF '"resume": "tutti train --resume ' out; } ||
        fail "the interrupt as JSON: $(cat out)"
    eval "timeout 120 $command" >out 2>err || fail "SIG$signal: going on: $(cat err)"
    cmp whole "$name" || fail "SIG$signal: other bits"
done

# A second signal ends it at once, here in the middle of measuring what one step an epoch has learned. The step
# itself may be over too soon for it, so it may take a few times.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    rm -f err
    "$tutti" train --images 64 --epochs 1000 --out twice >out 2>err &
    process=$!
    after 2 $process err || fail "no second epoch: $(cat err)"
    kill -TERM $process
    sleep 0.05
    kill -TERM $process 2>/dev/null
    wait $process
    code=$?
    [ $code -eq 143 ] && ! grep -q interrupted err && break
done
[ $code -eq 143 ] && ! grep -q interrupted err || fail "a second signal: status $code after $attempt times: $(cat err)"
[ -s twice ] || fail "a second signal took the checkpoint before"
rm -f twice .tutti-*

# The command is whole for any path: quotes, of which each takes four bytes.
deep="deep"
for _ in 1 2 3 4 5 6 7 8; do deep="$deep/$(printf "'%.0s" $(seq 200))"; done
mkdir -p "$deep"
ln -s /usr/share/datasets/fashion-mnist here
rm -f err
# shellcheck disable=SC2086
"$tutti" train $small --epochs 3 --out "$deep/model" --history "$deep/history" --data here >out 2>err &
process=$!
after 1 $process err || fail "in a deep folder: $(cat err)"
kill $process
wait $process
command=$(sed -n 's/^  tutti/tutti/p' err)
case $command in *" --data here"*) ;; *) fail "to go on without its data: $command" ;; esac
eval "timeout 120 $command" >out 2>err || fail "going on in a deep folder: $(cat err)"
cmp whole "$deep/model" || fail "in a deep folder: other bits"
grep -q '^"epoch": 3,$' "$deep/history" || fail "the history of a deep folder"
rm -r deep here

# Killed at any moment: a whole checkpoint lies there, and goes on.
for pause in 0.1 0.6; do
    rm -f err
    # shellcheck disable=SC2086
    "$tutti" train $small --epochs 3 --out killed 2>err &
    process=$!
    after 1 $process err || fail "no first epoch: $(cat err)"
    sleep $pause
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null
    expect 0 "3 epochs" train --resume killed # into the same file
    cmp whole killed || fail "killed after $pause s: other bits"
    rm -f killed
done
rm -f .tutti-*

# A checkpoint is a plan: what contradicts it is refused with both, and extended where that is asked for.
cp whole before
expect 2 "--epochs 4 contradicts whole, which was made with --epochs 3" train --resume whole --epochs 4 --out whole
expect 2 "--seed 8 contradicts whole, which was made with --seed 7" train --resume whole --seed 8 --out whole
expect 2 "--images 704 contradicts whole, which was made with --images 640" train --resume whole --images 704 --out whole
expect 2 "--extend needs --resume" train --extend 5
expect 1 "whole: has begun epoch 3, which is beyond epochs 2" train --resume whole --extend 2 --out whole
cmp whole before || fail "a refusal changed the checkpoint"
# shellcheck disable=SC2086
expect 0 "whole: 3 epochs" train --resume whole $small --epochs 3 --out whole # the same said again
cmp whole before || fail "nothing was left to do, yet the checkpoint changed"
expect 0 "longer: 4 epochs" train --resume whole --extend 4 --out longer
cmp -s whole longer && fail "the extension did nothing"

# Not written: found before the training, except for a disk that fills up.
[ "$(id -u)" -ne 0 ] || expect 1 "/dev/full cannot be written: it is no regular file" train --out /dev/full
[ -c /dev/full ] || fail "the device node was replaced"
start=$(date +%s)
expect 1 "none/model cannot be written: No such file" train --out none/model
expect 1 "none/history cannot be written: No such file" train --history none/history
expect 1 "none/plan cannot be written: No such file" compile whole --out none/plan
expect 1 "none/report cannot be written: No such file" compile whole --report none/report
expect 1 "none/reference cannot be written: No such file" compile whole --reference none/reference
[ $(($(date +%s) - start)) -le 10 ] || fail "it took long to say so"
# 400 KiB are the most that a file may have (ulimit counts 512 bytes): each epoch says so, the training goes
# on, and what was there before stays.
cp whole full
(trap '' XFSZ; ulimit -f 800; exec timeout 120 "$tutti" train --images 640 --epochs 2 --out full) 2>err
code=$?
[ $code -eq 1 ] || fail "a full disk ended with $code"
[ "$(grep -c '^tutti train: writing full failed: ' err)" -eq 3 ] || fail "a full disk was told otherwise: $(cat err)"
grep -q "^epoch 1 is not saved; the training goes on, the next epoch tries again$" err || fail "a full disk: $(cat err)"
cmp whole full || fail "a full disk took the checkpoint before"
[ -z "$(ls -A | grep '^\.tutti-')" ] || fail "a full disk left half a file"

# What is written takes the place of nothing that is read or written besides.
for words in "compile whole --out whole" "compile whole --report ./whole" "compile whole --out p --report p" \
    "compile whole --reference p --report p" "train --out h --history h" "train --resume whole --history whole"; do
    # shellcheck disable=SC2086
    expect 2 "are one file, which would lose what it holds" $words
done
cmp whole full || fail "a file took the place of what was read"

# A checkpoint that was changed since says so to whoever goes on or compiles.
cp whole changed
sed -i 's/"learning_rate":"0.05/"learning_rate":"0.06/' changed
cmp -s whole changed && fail "no rate stands in the checkpoint"
expect 4 "changed: is damaged or was changed since it was saved: its CRC is " train --resume changed --extend 4
expect 4 "changed: is damaged or was changed since it was saved: its CRC is " compile changed

# A training whose loss is no number ends with its place, and the checkpoint stays as it was. The first weights
# are made huge numbers, and the CRC right.
first=$(python3 - <<'END'
import json, struct, zlib

data = bytearray(open("whole", "rb").read())
length = struct.unpack_from("<Q", data)[0]
header = json.loads(data[8:8 + length])
metadata = header.pop("__metadata__")
body = 8 + length
stated = metadata.pop("crc")


def crc():
    text = b"".join(key.encode() + b"\0" + value.encode() + b"\0" for key, value in metadata.items())
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        text += name.encode() + b"\0" + data[body + begin:body + end]
    return str(zlib.crc32(text))


assert crc() == stated, "another CRC than this program's"
first = body + header["conv1.weights"]["data_offsets"][0]
data[first:first + 36] = struct.pack("<9f", *[3.4028234e38] * 9)
changed = json.loads(data[8:8 + length])
changed["__metadata__"]["crc"] = crc()
text = json.dumps(changed, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
open("huge", "wb").write(struct.pack("<Q", len(text)) + text + data[body:])
print(8 + len(text) + first - body)
END
) || fail "no huge weights"
cp huge before
expect 1 "epoch 4, step 1: result 'loss' is not finite: conv (conv1) made infinity at [" \
    train --resume huge --extend 4 --out huge --json
grep -q '; everything it read is finite; the training has diverged; no checkpoint was written$' err || fail "a divergence: $(cat err)"
grep -q '^"status": "diverged",$' out || fail "a divergence as JSON: $(cat out)"
cmp huge before || fail "a training that diverged wrote a checkpoint"
printf '\000\000\300\177' | dd of=huge bs=1 seek="$first" conv=notrunc 2>/dev/null # one that is no number
expect 1 "huge: tensor conv1.weights holds a number that is infinite or none" train --resume huge --extend 4
expect 1 "huge: tensor conv1.weights holds a number that is infinite or none" compile huge

# compile, its JSON, and its report, which is the same.
expect 0 '"accuracy_int8": 0.' compile whole --out plan --json --report report
cmp out report || fail "the report is another than the result"
for field in '"plan": "plan"' '"plan_bytes": [0-9]*' '"arena_bytes": [0-9]*' '"multiplications": [0-9]*' \
    '"images": 10000' '"accuracy_float": 0\.[0-9]*'; do
    grep -q "^$field," report || fail "no $field in: $(cat report)"
done
[ "$(grep -c '"kind": ' report)" -eq 7 ] || fail "the steps: $(cat report)"
grep -q '^{"plan"\|^{$' report || fail "the report does not begin as an object"
command -v python3 >/dev/null && { python3 -c 'import json, sys; json.load(open("report")); json.load(open("whole.json"))' || fail "no JSON"; }

# The int8 accuracy is what the reference gets: of 100 images, whose answers it gives, 10,000 are made,
# and labels of which 4 in 10 are right, the last one among them.
expect 0 "" compile whole --out plan --reference answers --reference-count 100
mkdir crafted && ln -s /usr/share/datasets/fashion-mnist/train-* crafted
python3 - <<'END' || fail "no data set could be made"
import gzip
logits = open('answers', 'rb').read()
answers = [max(range(10), key=lambda c: logits[10 * i + c] ^ 128) for i in range(100)]
assert len(logits) == 1000 and len(set(answers)) >= 5, answers
right = [i * 7 % 10 < 4 for i in range(10000)]
assert right[9999] and sum(right) == 4000
labels = bytes((answers[i % 100] + (0 if right[i] else 1 + i % 9)) % 10 for i in range(10000))
images = gzip.open('/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz').read()
with gzip.open('crafted/t10k-images-idx3-ubyte.gz', 'wb', 1) as file:
    file.write(images[:16] + images[16:16 + 100 * 784] * 100)
with gzip.open('crafted/t10k-labels-idx1-ubyte.gz', 'wb', 1) as file:
    file.write(b'\0\0\x08\x01' + (10000).to_bytes(4, 'big') + labels)
END
expect 0 '"accuracy_int8": 0.4,' compile whole --data crafted --out plan --json

# One file for another.
for words in "train --resume" compile; do
    # shellcheck disable=SC2086
    expect 1 "plan: is a plan, the int8 network that devices run; expected a checkpoint" $words plan
    # shellcheck disable=SC2086
    expect 4 "report: is cut short or not a safetensors file" $words report
    # shellcheck disable=SC2086
    expect 4 ".: is no regular file" $words .
    # shellcheck disable=SC2086
    expect 4 "nothing: cannot be opened" $words nothing
done
header='{"fc.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ' # 64 bytes
printf '\100\0\0\0\0\0\0\0%s\0\0\0\0\0\0\0\0' "$header" >other
expect 1 "other: is no checkpoint that can go on: it states no format" train --resume other
expect 1 "other: is no checkpoint of this network: tensor conv1.weights is missing, expected f32[12,3,3,1]" compile other

[ "$failed" -eq 0 ] && echo "trainings went on, and mistakes were told"
exit "$failed"
