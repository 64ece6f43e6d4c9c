#!/bin/sh
# The compiler refuses a function whose frame could step over a stack's guard, in our device code and in lwIP:
# a probe with such a frame is compiled by the very commands of the build, and must fail; a small one must not.
set -u
failed=0
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
frame() { # frame BYTES: a function with such a frame
    printf 'void use(char *bytes);\nvoid probe(void);\nvoid probe(void)\n{\n    char bytes[%s];\n    use(bytes);\n}\n' "$1" \
        >"$probe/probe.c"
}
compile() { # compile BUILD FILE: the probe, as BUILD compiles FILE
    command=$(sed -n "s|^  \"command\": \"\(.*\) -o .*$2\",*\$|\1|p" "$1/compile_commands.json" | head -n 1 | sed 's/\\"/"/g')
    [ -n "$command" ] || { echo "$1 does not compile $2"; failed=1; return 0; }
    (cd "$1" && sh -c "$command -c $probe/probe.c -o $probe/probe.o") >"$probe/said" 2>&1
}
for preset in cortex-m4:800 riscv64:3100 aarch64:3100 linux:4200; do
    build=${TUTTI_BUILD:-build}/${preset%:*}
    [ "$preset" = linux:4200 ] && build=$TUTTI_LINUX
    [ -f "$build/compile_commands.json" ] || { echo "skipped: $build is not built; make images"; exit 77; }
    for file in os/kernel/queue.c bus/server.c node/node.c src/core/udp.c; do
        frame 64
        compile "$build" $file || { cat "$probe/said"; echo "$preset, $file: a small frame was refused"; failed=1; }
        frame "${preset#*:}"
        compile "$build" $file && { echo "$preset, $file: a frame of ${preset#*:} bytes was accepted"; failed=1; }
        grep -q 'frame size\|stack usage' "$probe/said" || { cat "$probe/said"; echo "refused for another reason"; failed=1; }
    done
done
exit $failed
