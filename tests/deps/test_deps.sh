#!/bin/sh
# deps/fetch and deps/install where something cannot be had. The package tools are stand-ins that answer as
# a test says and write down that they were asked; nothing is installed and nothing is asked of a network.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
mkdir "$work/tools" "$work/few"

# tool NAME: standard input becomes a stand-in for the program NAME.
tool() {
    { echo '#!/bin/sh'; echo "echo \"$1 \$*\" >>'$work/asked'"; cat; } >"$work/tools/$1"
    chmod +x "$work/tools/$1"
}
# expect STATUS TEXT COMMAND...: how a command must end, and what it must say on standard error.
expect() {
    status=$1 text=$2
    shift 2
    : >"$work/asked"
    "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ "$got" -ne "$status" ] || { [ -n "$text" ] && ! grep -qF -- "$text" "$work/err"; }; then
        echo "expected status $status and '$text', got $got and:"
        cat "$work/out" "$work/err"
        failed=$((failed + 1))
    fi
}
fetch() { PATH="$work/tools:$PATH" TUTTI_LOCK="$work/lock" TUTTI_DEPS="$work/deps" deps/fetch; }

# ---- fetch: an archive whose lwip is what the test says
junk=$(echo junk | sha256sum | cut -d ' ' -f 1)
mirror=http://mirror.invalid/debian
archive() { # archive VERSION: the version that the suite has
    tool apt-get <<STAND_IN
case "\$*" in
*indextargets*) echo $mirror ;;
*--download-only*) echo junk >lwip_$1.orig.tar.xz; echo dsc >lwip_$1-1.dsc ;;
esac
STAND_IN
}
lock() { echo "$*" >"$work/lock"; }

lock lwip 2.2.1 trixie "$junk"
tool apt-get <<'STAND_IN'
case "$*" in *indextargets*) exit 0 ;; esac
exit 100
STAND_IN
expect 1 "the sources of lwip could not be had: this machine's apt sources name no Debian mirror" fetch

tool apt-get <<STAND_IN
case "\$*" in *indextargets*) echo $mirror/; exit 0 ;; esac
echo 'E: Failed to fetch the list' >&2
exit 100
STAND_IN
expect 1 "the source package of lwip in trixie could not be had from $mirror" fetch
grep -q '^E: Failed to fetch the list' "$work/err" || { echo "apt's own error is not shown"; failed=1; }

archive 2.2.1
tool dpkg-source <<'STAND_IN'
for folder; do :; done
mkdir -p "$folder" && echo source >"$folder/file.c"
STAND_IN
lock lwip 2.2.1 trixie 0000000000000000000000000000000000000000000000000000000000000000
expect 1 "expected 0000" fetch
grep -q "SHA-256 $junk" "$work/err" || { echo "the digest that came is not shown"; failed=1; }
[ ! -e "$work/deps/lwip-2.2.1" ] || { echo "sources with a wrong digest were unpacked"; failed=1; }

archive 2.3.0
lock lwip 2.2.1 trixie "$junk"
expect 1 "trixie has lwip 2.3.0 now, which deps/lock does not list" fetch
grep -qx "lwip 2.3.0 trixie $junk" "$work/err" && grep -q "run the tests, which decide whether it serves:  ./run test" "$work/err" ||
    { echo "it does not say what to add:"; cat "$work/err"; failed=1; }

lock lwip 2.2.1 trixie
expect 1 "expected NAME VERSION FROM SHA256" fetch

# Fetched once, it is not asked for again: so it works without a network.
archive 2.2.1
lock lwip 2.2.1 trixie "$junk"
expect 0 "" fetch
[ -f "$work/deps/lwip-2.2.1/file.c" ] || { echo "the sources were not unpacked"; failed=1; }
expect 0 "" fetch
[ ! -s "$work/asked" ] || { echo "fetched already, and yet:"; cat "$work/asked"; failed=1; }
# Another digest in the lock is another package: it is fetched anew, and refused.
lock lwip 2.2.1 trixie 1111111111111111111111111111111111111111111111111111111111111111
expect 1 "expected 1111" fetch

# Several versions, newest first. What is there serves without a network, the newest first of all.
rm -rf "$work/deps"
printf '%s\n' "lwip 2.3.0 trixie $junk" "lwip 2.2.1 trixie $junk" >"$work/lock"
archive 2.2.1+dfsg1
expect 0 "" fetch
[ "$(readlink "$work/deps/lwip")" = lwip-2.2.1 ] || { echo "of two versions the archive's was not taken"; failed=1; }
archive 2.3.0
expect 0 "" fetch
[ ! -s "$work/asked" ] || { echo "an older version is there, and yet:"; cat "$work/asked"; failed=1; }
rm -rf "$work/deps/lwip-2.2.1"
expect 0 "" fetch
[ "$(readlink "$work/deps/lwip")" = lwip-2.3.0 ] || { echo "the newest version was not taken"; failed=1; }
archive 2.4.0
lock lwip 2.2.1 trixie "$junk"
expect 1 "trixie has lwip 2.4.0 now, which deps/lock does not list" fetch
[ -f "$work/deps/lwip-2.3.0/file.c" ] || { echo "a refusal took what was there"; failed=1; }

# ---- fetch: a source that only tests need, by the real pip from a folder that stands in for the package index
index=$work/index
mkdir -p "$index" "$work/some_fs-1.2/fs/deeper"
printf 'Metadata-Version: 2.1\nName: some-fs\nVersion: 1.2\n' >"$work/some_fs-1.2/PKG-INFO"
echo 'raise SystemExit("the code of a distribution was run")' >"$work/some_fs-1.2/setup.py"
for file in fs.c fs.h LICENSE.md deeper/other.c deeper/more.py fs.py ../LICENSE; do echo "$file" >"$work/some_fs-1.2/fs/$file"; done
tar -C "$work" -czf "$index/some_fs-1.2.tar.gz" some_fs-1.2
sum=$(sha256sum "$index/some_fs-1.2.tar.gz" | cut -d ' ' -f 1)
fetch_test() { PATH="$work/tools:$PATH" TUTTI_LOCK="$work/lock" TUTTI_DEPS="$work/deps" PIP_NO_INDEX=1 PIP_FIND_LINKS=$1 deps/fetch test; }

lock fs 1.2 pypi:some-fs==1.2 "$sum" test
expect 0 "" fetch
[ ! -e "$work/deps/fs" ] && [ ! -e "$work/deps/fs.missing" ] || { echo "what only tests need is fetched for others"; failed=1; }
lock fs 1.2 pypi:some-fs==1.2 "$sum" test more
expect 1 "expected NAME VERSION FROM SHA256 [GROUP]" fetch

lock fs 1.2 pypi:some-fs==1.2 "$sum" test
tool python3 <<'STAND_IN'
exit 1
STAND_IN
expect 0 "fs could not be had: there is no Python that makes environments with pip" fetch_test "$index"
grep -qF "python3-venv" "$work/deps/fs.missing" || { echo "the reason is not kept for the tests that skip"; failed=1; }
rm "$work/tools/python3"
if python3 -c 'import ensurepip' 2>/dev/null; then
    mkdir "$work/empty"
    expect 0 "fs could not be had: pip could not download some-fs==1.2; is the package index reachable?" fetch_test "$work/empty"
    [ ! -e "$work/deps/fs" ] && [ -f "$work/deps/fs.missing" ] || { echo "without the index something is there"; failed=1; }

    lock fs 1.2 pypi:some-fs==1.2 2222222222222222222222222222222222222222222222222222222222222222 test
    expect 1 "expected 2222" fetch_test "$index"
    grep -q "SHA-256 $sum" "$work/err" || { echo "the digest that came is not shown"; failed=1; }
    [ ! -e "$work/deps/fs-1.2" ] || { echo "sources with a wrong digest were unpacked"; failed=1; }

    lock fs 1.2 pypi:some-fs==1.2 "$sum" test
    expect 0 "" fetch_test "$index"
    there=$(ls "$work/deps/fs" | paste -s -d ' ')
    [ "$there" = "LICENSE.md fs.c fs.h" ] && [ ! -e "$work/deps/fs.missing" ] || { echo "unpacked were: $there"; failed=1; }
    expect 0 "" fetch_test "$work/empty" # once there, it is not asked for again

    lock fs 1.2 python:some-fs==1.2 "$sum" test # the same as a package of Python
    expect 0 "" fetch_test "$index"
    there=$(cd "$work/deps/fs" && find . -type f ! -name .fetched | sort | paste -s -d ' ')
    [ "$there" = "./LICENSE ./fs/deeper/more.py ./fs/fs.py" ] || { echo "unpacked of a package of Python were: $there"; failed=1; }
else
    echo "skipped in part: there is no python3-venv to fetch with"
fi

# ---- install: a machine that has no package at all
tool dpkg-query </dev/null
tool id <<'STAND_IN'
echo 0
STAND_IN
tool apt-get <<'STAND_IN'
case "$*" in *update*) exit 0 ;; esac
echo 'E: Unable to locate package make'
exit 100
STAND_IN
install() { PATH="$work/tools:$PATH" deps/install "$@"; }
expect 1 "some of these packages could not be installed: make cmake" install build
grep -q 'Unable to locate package make' "$work/err" || { echo "apt's own error is not shown"; failed=1; }
grep -q '^These Debian packages will be installed' "$work/out" || { echo "it does not say what it installs"; failed=1; }
grep -q -- '--no-install-recommends' "$work/asked" || { echo "it installs Recommends"; failed=1; }
expect 2 "no group 'other'" install other

tool apt-get <<'STAND_IN'
exit 100
STAND_IN
expect 1 "the package lists could not be refreshed" install build

# Alternatives: the first that the suite has, and none where it does without.
mkdir "$work/other"
cp deps/install "$work/other"
printf '%s\n' 'test one 1' 'test old-14|new-19 1' 'test format-14|- 1' >"$work/other/packages"
tool apt-get <<'STAND_IN'
exit 0
STAND_IN
alternatives() { PATH="$work/tools:$PATH" "$work/other/install" test; }
for row in '14:one old-14 format-14' '19:one new-19' 'none:one old-14'; do
    tool apt-cache <<STAND_IN
case \$2 in *-${row%%:*}) echo '  Candidate: 1:14' ;; esac
STAND_IN
    expect 1 "one is at none, but at least 1 is needed" alternatives
    grep -q "install .* ${row#*:}\$" "$work/asked" || { echo "expected of alternatives: $row, got:"; cat "$work/asked"; failed=1; }
done
rm "$work/tools/apt-cache"

# Installed, but too old a version, even after installing.
tool dpkg-query <<'STAND_IN'
case "$*" in *Status*) echo "installed 0.1" ;; *) echo 0.1 ;; esac
STAND_IN
tool apt-get </dev/null
expect 1 "make is at 0.1, but at least 4.3 is needed" install build

# Neither root nor sudo: it says what to run. Only the tools that it needs are in reach.
for name in sh dirname dpkg tail mktemp sleep wc sed grep paste; do
    ln -s "$(command -v $name)" "$work/few/$name"
done
for name in dpkg-query apt-get; do ln -s "$work/tools/$name" "$work/few/$name"; done
printf '#!/bin/sh\necho 1000\n' >"$work/few/id"
chmod +x "$work/few/id"
as_nobody() { PATH="$work/few" deps/install build; }
expect 1 "neither root nor sudo; run as root:  apt-get install --no-install-recommends make" as_nobody
grep -q '^apt-get' "$work/asked" && { echo "without rights it asked apt-get"; failed=1; }

# Nothing is missing: nothing is said and nothing asked.
tool dpkg-query <<'STAND_IN'
echo "installed 99:99"
STAND_IN
expect 0 "" install build test
{ [ -s "$work/out" ] || grep -q '^apt-get' "$work/asked"; } && { echo "nothing is missing, and yet:"; cat "$work/out" "$work/asked"; failed=1; }

# ---- a compiler that is missing, as the cross presets ask for theirs
printf 'include(tools/cmake/need.cmake)\ntt_need(no-such-compiler its-package)\n' >"$work/need.cmake"
expect 1 "no-such-compiler is not installed." cmake -P "$work/need.cmake"
grep -q "package its-package" "$work/err" || { echo "it does not name the compiler's package"; failed=1; }
exit $failed
