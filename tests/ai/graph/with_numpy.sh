#!/bin/sh
# with_numpy.sh SCRIPT ARGUMENTS...: runs a Python script with NumPy: of the system's Python where it has it, else of a
# virtual environment. Skips with its reason where NumPy cannot be had.
set -eu
python=/usr/bin/python3
folder=$TUTTI_BUILD/numpy-2.2.6

skip() {
    echo "skipped: $1"
    exit 77
}

if ! "$python" -c 'import numpy' 2>/dev/null; then
    if [ ! -f "$folder/complete" ]; then
        rm -rf "$folder"
        "$python" -m venv "$folder" >"$folder.log" 2>&1 || skip "no Python virtual environment (python3-venv): see $folder.log"
        timeout 200 "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
            numpy==2.2.6 >>"$folder.log" 2>&1 ||
            skip "NumPy 2.2.6 cannot be installed from the package index: see $folder.log"
        touch "$folder/complete"
    fi
    python=$folder/bin/python
fi
"$python" -B "$@"
