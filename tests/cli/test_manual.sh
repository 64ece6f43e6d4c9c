#!/bin/sh
# The manual page and the completions: whole, of every command and option, and sound to those who read them.
set -u
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
    echo "test_manual: $1"
    failed=$((failed + 1))
}

version=$(cat VERSION)
commit=unknown # the commit that was built; this tree may have gone on since
[ ! -e .git ] || ! command -v git >/dev/null || commit='[0-9a-f]*'
for word in --version version; do
    # shellcheck disable=SC2254 # a pattern
    case $("$tutti" $word) in
    "tutti $version ("$commit")") ;;
    *) fail "$word says $("$tutti" $word), not tutti $version ($commit)" ;;
    esac
done

# Each command with each of its options stands in the page and in the completions.
"$tutti" man >"$scratch/tutti.1" || fail "no page"
cmp "$scratch/tutti.1" "$TUTTI_LINUX/cli/tutti.1" || fail "the build's page is another one"
sed 's/\\-/-/g; s/\\fB//g; s/\\fR//g' "$scratch/tutti.1" >"$scratch/plain"
for shell in bash zsh fish; do
    "$tutti" completion $shell >"$scratch/$shell" || fail "no completion for $shell"
done
"$tutti" completion csh >"$scratch/said" 2>&1
[ $? -eq 2 ] && grep -q "expected bash, zsh or fish, not 'csh'" "$scratch/said" || fail "csh: $(cat "$scratch/said")"
for command in $("$tutti" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    commands="${commands:-}$command "
    grep -q "^\.SS \"tutti $command[ \"]" "$scratch/plain" || fail "the page lacks $command"
    for option in $("$tutti" "$command" --help | sed -n 's/^  \(-[a-z], \)\{0,1\}--\([a-z-]*\).*/\2/p'); do
        sed -n "/^\.SS \"tutti $command[ \"]/,/^\.S[SH] /p" "$scratch/plain" | grep -q -- "--$option" || fail "the page lacks $command --$option"
        sed -n "/^    $command)/,/;;\$/p" "$scratch/zsh" | grep -q -- "--$option" || fail "zsh lacks $command --$option"
        grep -q -- "_from $command' -l $option " "$scratch/fish" || fail "fish lacks $command --$option"
    done
done
grep -q "^\.SH \"EXIT STATUS\"" "$scratch/plain" && grep -q "TUTTI_NET" "$scratch/plain" || fail "the page's end is missing"

# Sound: as the shells and the readers of pages say.
bash -n "$scratch/bash" || fail "bash does not read its completion"
for shell in zsh fish; do
    command -v $shell >/dev/null || continue
    $shell -n "$scratch/$shell" || fail "$shell does not read its completion"
done
checked=
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$scratch/tutti.1" | grep -v 'missing date' && fail "mandoc finds something"
    checked=mandoc
fi
if command -v groff >/dev/null; then
    groff -man -Tutf8 -ww -z "$scratch/tutti.1" 2>&1 | grep . && fail "groff finds something"
    checked="$checked groff"
fi
echo "the page was checked by: ${checked:-nobody}"

# complete WORD...: what bash offers for the last word.
complete() {
    bash -c '. "$1"; shift; COMP_WORDS=(tutti "$@"); COMP_CWORD=$#; compopt() { :; }; _tutti; printf "%s " "${COMPREPLY[@]}"' \
        bash "$scratch/bash" "$@"
}
expect() {
    expected=$1
    shift
    got=$(complete "$@")
    [ "$got" = "$expected" ] || fail "bash offers '$got' for '$*', expected '$expected'"
}
mkdir "$scratch/work"
cd "$scratch/work" || exit 1
mkdir folder
touch file "with space"
expect "${commands}--help --version " ""
expect "train " tr
expect "--json " ls --js
expect "--net " ls --ne
expect "folder " ls --net fo
expect "folder " ls --net = fo
expect "file folder " compile f
expect "with space " compile w
expect "file folder " up --capture f
expect "octets " put --format o
expect "bash " completion b
expect " " ls --for ""

# Names of the running fleet's devices: none where none runs; and one that a shell would run is not offered.
export TUTTI_NET="$scratch/net" PATH="${tutti%/*}:$PATH"
expect " " logs ""
mkdir "$TUTTI_NET"
python3 - "$TUTTI_NET/control.sock" <<'END' &
import socket, sys
fleet = socket.socket(socket.AF_UNIX)
fleet.bind(sys.argv[1])
fleet.listen()
while True:
    asker = fleet.accept()[0]
    assert asker.recv(100) == b'names \n'
    asker.send(b'watch-3f9a\nbad name\n$(touch pwned)\n`touch pwned`\n;x\ncar_1.B\n\n')
    asker.close()
END
fleet=$!
trap 'kill $fleet; rm -rf "$scratch"' EXIT
for _ in $(seq 100); do
    [ -e "$TUTTI_NET/control.sock" ] && break
    sleep 0.1
done
expect "watch-3f9a car_1.B " logs ""
expect "watch-3f9a " kill wa
expect "car_1.B " restart c
expect "watch-3f9a " crash wat
expect "car_1.B/ " get c
expect "file folder " put watch-3f9a/x f
expect " " ls wa
[ ! -e pwned ] || fail "a device's name was run as a command"
grep -q 'tutti completion names' "$scratch/zsh" && grep -q 'tutti completion names' "$scratch/fish" || fail "zsh or fish asks for no names"
[ $failed -eq 0 ] && echo "page and completions are whole"
exit $failed
