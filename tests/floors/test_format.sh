#!/bin/sh
# `make format` must change nothing: every source is as clang-format lays it out.
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format-14 >/dev/null || { echo "skipped: the layout is judged by clang-format-14, which is not installed"; exit 77; }
wrong=$(find . -name build -prune -o -name '*.[ch]' -print | xargs clang-format-14 --dry-run -Werror 2>&1 |
    sed -n 's/:[0-9]*:[0-9]*: error:.*//p' | sort -u)
if [ -n "$wrong" ]; then
    echo "these files differ from what ./run format makes of them:"
    echo "$wrong"
    exit 1
fi
echo "every source is laid out"
