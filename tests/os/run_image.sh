#!/bin/sh
# Runs a device's image and checks how it ended: under QEMU, or as a process on Linux.
# usage: run_image.sh MACHINE NAME EXIT_CODE [LINE...]
# NAME is an image of tests/os, or FOLDER/NAME one of tests/FOLDER.
# Each LINE is a text that the output must hold, `whole=TEXT` as a line of its own, `without=TEXT` not at all,
# `count=N:PATTERN` so many lines like it. `at=pc`: the fault's address is where the program was.
# `backtrace=A,B,C` gives the output to tools/backtrace and expects the functions A, B and C among its frames in this
# order. `clock=host` lets the machine's clock be the host's (QEMU 7.2's RISC-V machine stands still after some resets
# otherwise). The image is sought in $TUTTI_BUILD/MACHINE, or in $TUTTI_PRESET_PREFIX if a developer builds elsewhere.
# $TUTTI_IMAGE_ARGUMENTS are words more for QEMU, or for the process; $TUTTI_MACHINE_OPTIONS follow the name of the machine, after
# a comma; $TUTTI_IMAGE_SECONDS is how long it may take.
set -u
machine=$1 name=$2 expected=$3
shift 3
case $name in
*/*) ;;
*) name=os/$name ;;
esac
build=${TUTTI_BUILD:-build}/${TUTTI_PRESET_PREFIX:-}$machine
skip() {
    echo "skipped: $1"
    exit 77
}
# Under -icount an image's clock counts its instructions, so that no load of the host changes a schedule.
command_for() {
    case $machine in
    linux) echo "$TUTTI_LINUX/tests/$name" ;;
    cortex-m4) echo "qemu-system-arm -M mps2-an386${TUTTI_MACHINE_OPTIONS:-} -icount shift=5,sleep=off -nic none" \
        "-semihosting-config enable=on,target=native" ;;
    netduinoplus2) echo "qemu-system-arm -M netduinoplus2 -icount shift=5,sleep=off -nic none" \
        "-semihosting-config enable=on,target=native" ;;
    ast1030) echo "qemu-system-arm -M ast1030-evb${TUTTI_MACHINE_OPTIONS:-} -icount shift=5,sleep=off -nic none" \
        "-semihosting-config enable=on,target=native" ;;
    riscv64) echo "qemu-system-riscv64 -M virt -m 64M -icount shift=5,sleep=off -nic none" ;;
    aarch64) echo "qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a53 -m 64M -icount shift=5,sleep=off -nic none" \
        "-semihosting-config enable=on,target=native" ;;
    *)
        echo "run_image: $machine is no machine: expected linux, cortex-m4, netduinoplus2, ast1030, riscv64 or aarch64" >&2
        exit 2
        ;;
    esac
}
command=$(command_for) || exit 2
case " $* " in
*" clock=host "*) command=$(echo "$command" | sed 's/-icount [^ ]*//') ;;
esac
if [ "$machine" = linux ]; then
    image=$TUTTI_LINUX/tests/$name
else
    image=$build/tests/$name.elf
    command -v "${command%% *}" >/dev/null || skip "${command%% *} is not installed"
    command="$command -display none -monitor none -serial stdio -kernel $image"
fi
[ -e "$image" ] || skip "there is no $image: build it with make $machine"

output=$(mktemp) || exit 2
trap 'rm -f "$output" "$output.frames"' EXIT
# shellcheck disable=SC2086 # the command is a list of words
timeout "${TUTTI_IMAGE_SECONDS:-60}" $command ${TUTTI_IMAGE_ARGUMENTS:-} >"$output" 2>&1 </dev/null
code=$?
cat "$output"
failed=0
if [ $code -ne "$expected" ]; then
    echo "run_image: exit code $code, expected $expected"
    failed=1
fi
for line; do
    case $line in
    clock=host) ;;
    at=pc)
        at=$(tr -d '\r' <"$output" | sed -n 's/^tutti dump: fault: .* at //p')
        grep -qF "tutti dump: register pc $at" "$output" || {
            echo "run_image: the fault is at $at, which is not the program counter"
            failed=1
        }
        ;;
    backtrace=*)
        "$TUTTI_LINUX/tools/backtrace/tt_backtrace" "$image" <"$output" >"$output.frames" || failed=1
        cat "$output.frames"
        names=$(sed -n 's/^#[0-9]* *0x[0-9a-f]* \([^ ]*\).*/\1/p' "$output.frames" | tr '\n' ',')
        pattern=$(echo "${line#backtrace=}" | sed 's/,/,(.*,)?/g')
        echo ",$names" | grep -qE ",$pattern," || {
            echo "run_image: the frames are $names expected ${line#backtrace=}"
            failed=1
        }
        ;;
    whole=*)
        tr -d '\r' <"$output" | grep -qxF -- "${line#whole=}" || {
            echo "run_image: the output lacks the line: ${line#whole=}"
            failed=1
        }
        ;;
    count=*)
        want=${line#count=} pattern=${want#*:} want=${want%%:*}
        got=$(tr -d '\r' <"$output" | grep -cxE -- "$pattern")
        [ "$got" -eq "$want" ] || {
            echo "run_image: $got lines are like $pattern, expected $want"
            failed=1
        }
        ;;
    without=*)
        ! grep -F -- "${line#without=}" "$output" || {
            echo "run_image: the output must not have: ${line#without=}"
            failed=1
        }
        ;;
    *)
        grep -qF -- "$line" "$output" || {
            echo "run_image: the output lacks: $line"
            failed=1
        }
        ;;
    esac
done
exit $failed
