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
if [ -f "$peers/complete" ]; then
    "$peers/venv/bin/python" bench/ai/fashion.py "$tutti" 1
    "$peers/venv/bin/python" bench/ai/fashion.py "$tutti" 2
else
    echo "bench: ai.train.fashion was not measured beside PyTorch: ./run peers installs it"
fi
