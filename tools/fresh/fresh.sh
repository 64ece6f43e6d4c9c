#!/bin/sh
# Makes a bare Debian in a folder, and runs in it what the README promises, each command in a machine of its own.
# usage: tools/fresh/fresh.sh SUITE [COMMAND...]      SUITE is bookworm or trixie; else the commands are demo and test
#
# The bare machine is debootstrap's minbase, some 210 MB, kept as build/fresh/SUITE; each command gets a copy, with this
# folder's files as git knows them, changed ones as they are. Mirrors, host names and certificates are this machine's
# own. It has processes, mounts and a host name of its own, and this machine's network. Root is needed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
suite=${1:-}
case $suite in
bookworm | trixie) shift ;;
*)
    echo "fresh: expected a suite, bookworm or trixie, got '${suite:-nothing}'" >&2
    exit 2
    ;;
esac
[ $# -gt 0 ] || set -- demo test
[ "$(id -u)" -eq 0 ] || { echo "fresh: a bare machine is made by root only" >&2; exit 1; }

fail() {
    echo "fresh: $1" >&2
    exit 1
}

fresh=$root/build/fresh
base=$fresh/$suite
mkdir -p "$fresh"
uris=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed 's#/*$##' | sort -u)
mirror=$(echo "$uris" | grep -E '^https?://.*/debian$' | head -n 1)
[ -n "$mirror" ] || fail "this machine's apt sources name no Debian mirror"

# The archive, its point releases where this machine has them, and security uploads.
sources() {
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    security=$(echo "$uris" | grep -E '^https?://.*/debian-security$' | head -n 1)
    [ -z "$security" ] || echo "deb $security $suite-security main"
}

if [ ! -f "$base/.made" ]; then
    echo "making a bare $suite in build/fresh/$suite (a minute or two)"
    rm -rf "$base"
    script=/usr/share/debootstrap/scripts/$suite
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid # of a suite that is younger than debootstrap
    debootstrap --variant=minbase "$suite" "$base" "$mirror" "$script" >"$fresh/$suite.log" 2>&1 ||
        { tail -n 5 "$fresh/$suite.log" >&2; fail "debootstrap failed; the whole log is build/fresh/$suite.log"; }
    rm -f "$base/etc/apt/sources.list.d/"*
    sources >"$base/etc/apt/sources.list"
    cp /etc/hosts /etc/resolv.conf "$base/etc/"
    [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$base/etc/"
    # Certificates of a machine behind a proxy: the bundle is made where ca-certificates comes to be installed.
    mkdir -p "$base/usr/local/share/ca-certificates"
    cp /usr/local/share/ca-certificates/*.crt "$base/usr/local/share/ca-certificates/" 2>/dev/null || true
    touch "$base/.made"
fi

# Runs in a root with mounts, processes and a name of its own, and nothing of this environment; in a shell of its own.
enter() { # ROOT COMMAND...
    exec unshare --mount --pid --fork --ipc --uts --propagation private --kill-child sh -eu -c '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
        mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
        for node in null zero full random urandom tty net/tun; do
            [ -e "/dev/$node" ] || continue
            : >"$root/dev/$node"
            mount --bind "/dev/$node" "$root/dev/$node"
        done
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        for number in 0:stdin 1:stdout 2:stderr; do
            ln -s "/proc/self/fd/${number%%:*}" "$root/dev/${number#*:}"
        done
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        hostname fresh
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            TERM=dumb PIP_CERT=/etc/ssl/certs/ca-certificates.crt chroot "$root" "$@"
    ' enter "$@"
}

status=0
for command in "$@"; do
    machine=$fresh/$suite-$command
    rm -rf "$machine"
    cp -a "$base" "$machine"
    mkdir -p "$machine/srv/house"
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T - --ignore-failed-read 2>/dev/null) |
        tar -x -C "$machine/srv/house"
    echo "---- $suite: ./run $command"
    start=$(date +%s)
    code=0
    enter "$machine" sh -c 'cd /srv/house && exec ./run "$@"' run "$command" &
    inside=$!
    trap 'kill -KILL $inside; exit 1' INT TERM # unshare heeds nothing less, and takes all that runs in there with it
    wait $inside || code=$?
    trap - INT TERM
    echo "---- $suite: ./run $command ended with $code after $(($(date +%s) - start)) s"
    [ "$code" -eq 0 ] || { status=1; echo "fresh: the machine stays in build/fresh/$suite-$command" >&2; continue; }
    rm -rf "$machine"
done
exit $status
