#!/bin/sh
# Files of tensors against NumPy and the safetensors package, both ways. Skips with its reason where the two cannot be
# had.
set -eu
folder=$TUTTI_BUILD/file-tools-1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
skip() {
    echo "skipped: $1"
    exit 77
}

if [ ! -f "$folder/complete" ]; then
    rm -rf "$folder"
    /usr/bin/python3 -m venv "$folder" >"$folder.log" 2>&1 || skip "no Python virtual environment (python3-venv): see $folder.log"
    timeout 200 "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
        numpy==2.2.6 safetensors==0.5.3 >>"$folder.log" 2>&1 ||
        skip "NumPy 2.2.6 and safetensors 0.5.3 cannot be installed from the package index: see $folder.log"
    touch "$folder/complete"
fi
"$folder/bin/python" "$(dirname "$0")/compare_files.py" "$TUTTI_LINUX/tests/ai/file/convert_files" "$scratch"
