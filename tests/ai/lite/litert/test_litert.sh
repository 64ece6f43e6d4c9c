#!/bin/sh
# The int8 kernels against LiteRT's reference kernels: 1,200 random operations, whole tensors.
# Skips with its reason where the wheel cannot be had. 1.2.0 and no later: from 1.3.0 on, the
# reference kernel of dense layers rounds otherwise.
set -eu
python=/usr/bin/python3
folder=$TUTTI_BUILD/litert-1.2.0
cases=$TUTTI_LINUX/litert-cases.bin

skip() {
    echo "skipped: $1"
    exit 77
}

if [ ! -f "$folder/complete" ]; then
    rm -rf "$folder"
    "$python" -m venv "$folder" >"$folder.log" 2>&1 || skip "no Python virtual environment (python3-venv): see $folder.log"
    timeout 200 "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
        ai-edge-litert==1.2.0 flatbuffers==25.2.10 numpy==2.2.6 >>"$folder.log" 2>&1 ||
        skip "ai-edge-litert 1.2.0 cannot be installed from the package index: see $folder.log"
    touch "$folder/complete"
fi
"$folder/bin/python" "$(dirname "$0")/make_cases.py" "$cases" 1200 2>"$cases.log" || {
    cat "$cases.log"
    exit 1
}
"$TUTTI_LINUX/tests/ai/lite/litert/compare_cases" "$cases"
rm -f "$cases" "$cases.log"
