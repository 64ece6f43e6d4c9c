#!/bin/sh
# Installs what our speed is compared with, PyTorch and ONNX Runtime from PyPI, outside the tree: into
# $TUTTI_PEERS, else ~/.cache/tutti/peers. 5.4 GB, of which most are libraries for GPUs that PyPI's PyTorch
# wants to find; its compiled modes want g++. Nothing but `./run bench B=ai` uses them.
set -eu
folder=${TUTTI_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/tutti/peers}
if [ -f "$folder/complete" ]; then
    echo "the peers are in $folder"
    exit 0
fi
command -v g++ >/dev/null || echo "g++ is not installed: PyTorch's compiled modes will be left out"
echo "installing PyTorch and ONNX Runtime from PyPI into $folder (5.4 GB, some minutes)"
mkdir -p "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check torch==2.15.0 onnxruntime==1.32.0 numpy
touch "$folder/complete"
