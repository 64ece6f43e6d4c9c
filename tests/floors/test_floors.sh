#!/bin/sh
# Every #include of the product must point to the own room or to a room below it: a line that points
# upward or sideways is printed and fails. The table is floors.txt; headers.txt says which room owns
# a public header. With a folder as argument, that tree is checked instead (the test of the test).
set -eu
here=$(cd "$(dirname "$0")" && pwd)

check() { # check TREE: prints the offending lines, fails if there are any
    (cd "$1" && find . -name build -prune -o \( -name '*.c' -o -name '*.h' -o -name '*.S' \) -print |
        sed 's|^\./||' | sort | xargs grep -nE '^ *# *include *"' /dev/null) |
    awk -v floors="$here/floors.txt" -v headers="$here/headers.txt" '
    BEGIN {
        while ((getline line < floors) > 0) {
            if (line ~ /^#/ || line == "") continue
            split(line, part, ":")
            order[++rooms] = part[1]
            may[part[1]] = part[2] " "
        }
        while ((getline line < headers) > 0) {
            if (line ~ /^#/) continue
            split(line, part, " ")
            owner[part[1]] = part[2]
        }
    }
    function room_of(path,   i, best) { # the longest room that the path lies in
        best = ""
        for (i = 1; i <= rooms; i++)
            if (index(path "/", order[i] "/") == 1 && length(order[i]) > length(best)) best = order[i]
        return best
    }
    function allowed(from, to,   n, list, i) {
        if (index(to "/", from "/") == 1 || index(from "/", to "/") == 1) return 1
        n = split(may[from], list, " ")
        for (i = 1; i <= n; i++)
            if (index(to "/", list[i] "/") == 1) return 1
        return 0
    }
    {
        match($0, /:[0-9]+:/)
        file = substr($0, 1, RSTART - 1)
        target = $0
        sub(/^[^"]*"/, "", target)
        sub(/".*/, "", target)
        if (file ~ /^(tests|bench)\//) next
        if (file ~ /^include\/tutti\//) {
            name = file; sub(/^include\/tutti\//, "", name); sub(/\.h$/, "", name)
            from = owner[name]
            if (from == "") { print file ": no room owns this header; add it to headers.txt"; bad = 1; next }
        } else from = room_of(file)
        if (from == "") { print file ": lies in no room of floors.txt"; bad = 1; next }
        if (target ~ /^tutti\//) {
            name = target; sub(/^tutti\//, "", name); sub(/\.h$/, "", name)
            to = owner[name]
            if (to == "") { print $0 "  (no room owns this header; add it to headers.txt)"; bad = 1; next }
        } else if (target ~ /\//) {
            to = room_of(target)
            if (to == "" && target !~ /^(lwip|netif|arch)\//) { print $0 "  (lies in no room of floors.txt)"; bad = 1; next }
            if (to == "") next
        } else next # a file beside the including one
        if (!allowed(from, to)) { print $0 "  (" from " may not use " to ")"; bad = 1 }
    }
    END { exit bad }'
}

if [ $# -gt 0 ]; then
    check "$1"
    exit
fi

root=$(cd "$here/../.." && pwd)
check "$root" || { echo "includes point upward or sideways"; exit 1; }

# The check itself must fail where it should: one upward and one sideways include in a small tree.
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
mkdir -p "$probe/base" "$probe/bus" "$probe/codec"
echo '#include "tutti/bus.h"' >"$probe/base/upward.c"
echo '#include "wasm/decode.h"' >"$probe/bus/sideways.c"
echo '#include "tutti/bytes.h"' >"$probe/codec/fine.c"
if check "$probe" >"$probe/found"; then
    echo "the check accepted an upward include"
    exit 1
fi
grep -q '^base/upward.c:1:' "$probe/found" && grep -q '^bus/sideways.c:1:' "$probe/found" || {
    echo "the check did not name the offending lines:"; cat "$probe/found"; exit 1
}
if grep -q 'fine.c' "$probe/found"; then
    echo "the check refused a downward include"
    exit 1
fi
echo "every include points down"
