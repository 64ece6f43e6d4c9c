# To be sourced by the test of a page of docs: runs the page's every command, in order, as a new user types them, in a
# home of its own, against an SDK that is installed there from this build, without a network. What they print is in
# $HOME/said.
# usage: run_page PAGE PROGRAM...      skips where a program is missing
root=$(cd "$(dirname "$0")/../.." && pwd)

fail() {
    echo "$1"
    cat "$HOME/said"
    exit 1
}

run_page() {
    page=$root/docs/$1
    shift
    for program in cmake ninja "$@"; do
        command -v "$program" >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
    done
    HOME=$(mktemp -d)
    export HOME
    trap 'rm -rf "$HOME"' EXIT
    unset TUTTI_NET
    # What the page leaves running ends with it.
    echo 'trap "{ jobs -p >\"$HOME/left\"; xargs -r kill <\"$HOME/left\" || true; } 2>/dev/null" EXIT' >"$HOME/commands"
    awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >>"$HOME/commands"
    [ "$(grep -c '^\(cmake\|tutti\) ' "$HOME/commands")" -ge 4 ] || { echo "the page's commands are not found"; exit 1; }
    # The page's own folder of the build is build/linux.
    sed -i "s|build/linux|$TUTTI_LINUX|" "$HOME/commands"
    alone=
    unshare -rn true 2>/dev/null && alone="unshare -rn"
    [ -n "$alone" ] || echo "this machine gives no network of its own: whether the network was used is not seen"
    cd "$root" || exit 1
    # A path that a shell here has beside, so that nothing of this build is found by chance.
    PATH=/usr/local/bin:/usr/bin:/bin timeout 560 $alone sh -eux "$HOME/commands" >"$HOME/said" 2>&1 || {
        tail -n 40 "$HOME/said"
        exit 1
    }
}

# Nothing that lies there names the folder that the SDK was made in.
expect_no_root() { # FOLDER...
    ! grep -rlE "(^|[^[:alnum:]_.}-])$root(/|\$)" "$HOME/tutti-sdk/share" "$HOME/tutti-sdk/lib" "$@" >"$HOME/found" ||
        fail "something names the folder that the SDK was made in: $(cat "$HOME/found")"
}
