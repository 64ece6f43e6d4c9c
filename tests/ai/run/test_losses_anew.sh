#!/bin/sh
# PyTorch's losses made anew, where `./run peers` has been run; else those that lie here are all there is.
set -eu
peers=${TUTTI_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/tutti/peers}
[ -f "$peers/complete" ] || { echo "skipped: PyTorch is not installed, ./run peers does that"; exit 77; }
made=$TUTTI_LINUX/tests/ai/run/losses.txt
"$peers/venv/bin/python" -B "$(dirname "$0")/losses.py" >"$made"
"$TUTTI_LINUX/tests/ai/run/test_losses" "$made"
