#!/bin/sh
# The instructions of one inference on the watch, and the size of its plan, after one epoch of training:
# neither depends on how well the network has learned.
set -eu
cd "$(dirname "$0")/../.."
tutti=build/linux/cli/tutti
out=build/bench-ai
mkdir -p "$out"
"$tutti" train --epochs 1 --seed 1 --out "$out/model.safetensors" >/dev/null 2>"$out/log"
"$tutti" compile "$out/model.safetensors" --out "$out/fashion.plan" --reference "$out/reference.bin" \
    --reference-count 100 >/dev/null 2>>"$out/log"
echo "bench ai.plan $(wc -c <"$out/fashion.plan") bytes"
echo "bench ai.watch_inference $(bench/ai/watch.sh "$out/fashion.plan" "$out/reference.bin") instructions"
build/linux/bench/ai/bench_step 1
build/linux/bench/ai/bench_step 2
peers=${TUTTI_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/tutti/peers}
if [ ! -f "$peers/complete" ]; then
    echo "bench: nothing was measured beside PyTorch and ONNX Runtime: ./run peers installs them"
    exit 0
fi
inputs=${TUTTI_SHARED:-../shared}/data/mlperf-tiny/inputs.tar.xz # MLPerf Tiny's images of CIFAR-10
[ ! -f "$inputs" ] || tar -xJf "$inputs" -C "$out" inputs/ic01
export TORCHINDUCTOR_CACHE_DIR="$PWD/$out/inductor" # what PyTorch has compiled, for the next time
build/linux/bench/ai/bench_ai --peer "$peers/venv/bin/python" bench/ai/peer.py --cifar "$out/inputs/ic01" "$@" 2>>"$out/log" ||
    { tail -n 20 "$out/log" >&2; exit 1; }
