#!/bin/sh
# The table of operations in docs/ai.md is the table's own.
set -eu
"$TUTTI_LINUX/tests/ai/graph/list_rows" >"$TUTTI_LINUX/rows.md"
sed -n '/^| operation /,$p' docs/ai.md | diff -u - "$TUTTI_LINUX/rows.md" || { echo "docs/ai.md: its table is not what list_rows prints"; exit 1; }
