#!/bin/sh
# The command's words: every command has help with examples, every mistake a sentence and its status.
set -u
tutti=$TUTTI_LINUX/cli/tutti
timeout=$(command -v timeout)
path= # of the command, where it differs
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect STATUS TEXT WORD...: runs tutti; its status and a text that its output must contain; with "" it
# must print nothing.
expect() {
    status=$1 text=$2
    shift 2
    PATH=${path:-$PATH} "$timeout" 60 "$tutti" "$@" >"$scratch/out" 2>&1 </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || { [ -z "$text" ] && [ -s "$scratch/out" ]; } ||
        { [ -n "$text" ] && ! grep -qF -- "$text" "$scratch/out"; }; then
        echo "tutti $*: expected status $status and '$text', got $got and:"
        sed 's/^/    /' "$scratch/out"
        failed=$((failed + 1))
    fi
}

expect 0 "Commands:" --help
expect 2 "expected a command" 
expect 2 "there is no command 'tarin'" tarin
for command in $("$tutti" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    expect 0 "Examples:" "$command" --help
    expect 0 "Exit status: 0 done" "$command" --help
    expect 0 "  tutti $command" "$command" --help
    expect 0 "  tutti $command" "$command" -h
    expect 2 "there is no option '--nonsense'" "$command" --nonsense
    commands="${commands:-}$command "
done
[ "${commands:-}" = "train compile show verify profile new up restart kill crash logs ls get put post delete observe data sim completion man " ] ||
    { echo "the commands are: ${commands:-none}"; failed=1; }

# Usage: what was expected, what came.
expect 2 "--epochs takes a number from 1 to 1000, not 'ten'" train --epochs ten
expect 2 "--epochs takes a number from 1 to 1000, not '0'" train --epochs=0
expect 2 "--epochs takes a number from 1 to 1000, not '-3'" train --epochs -3
expect 2 "--epochs takes a number from 1 to 1000, not '1001'" train --epochs 1001
expect 2 "--epochs takes a number from 1 to 1000, not '99999999999999999999'" train --epochs 99999999999999999999
expect 2 "--out needs a value" train --out
expect 2 "options are written with two dashes, not '-e'" train -e 3
expect 2 "options are written with two dashes, not '-v'" get -v watch/x
expect 2 "options are written with two dashes, not '-vv'" observe -vv watch/x
expect 2 "one word too many: 'surplus'" train surplus
expect 2 "expected MODEL" compile
expect 2 "expected TARGET" get
expect 2 "expected NAME/path, kind:KIND/path or coap://HOST[:PORT]/path, found 'watch'" get watch
expect 2 "expected --text or a file, not both" put --text a watch/x "$0"
expect 2 "--format takes text" put --text a --format yaml watch/x
expect 2 "this option takes no value" get --host=yes watch/x
expect 2 "expected --host or --net, not both" get --host --net "$scratch" watch/x
expect 2 "expected --host or --net, not both" ls --host --net "$scratch"
for address in foo 224.0.0.1 127.0.0.1:0x; do
    expect 2 "--directory takes an address such as 127.0.0.1:5683 or [fe80::1%1]:5683, not '$address'" ls --host --directory "$address"
done
expect 2 "a directory on this machine's own address is asked with --host, one elsewhere without it" get --host --directory 10.0.0.1 watch/x
for address in 192.0.2.1 '[2001:db8::1]' '[fe80::1%1]:99' 126.255.255.255; do
    expect 2 "there is no security yet, so --host uses the loopback interface" get --host "coap://$address/x"
done
expect 2 "there is no security yet" get --host coaps://127.0.0.1/x
expect 2 "two hexadecimal digits" get --host coap://127.0.0.1/a%2
expect 2 "--net needs a value" get --net '' watch/x

# What is missing or damaged is named, with what to do.
expect 4 "apt-get install --reinstall dataset-fashion-mnist" train --data "$scratch"
expect 4 "$scratch/none" put kind:watch/x "$scratch/none"
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    head -c 5000 "/usr/share/datasets/fashion-mnist/$name-ubyte.gz" >"$scratch/$name-ubyte.gz"
done
expect 4 "cut short" train --data "$scratch"
# However long a path is, it is told what is wrong with it.
many=$(printf '/%0200d' 1 2 3 4)
expect 4 "idx3-ubyte.gz: cannot be opened" train --data "$scratch$many"
expect 4 "4: cannot be opened" train --resume "$scratch$many"
expect 4 "4: cannot be opened" compile "$scratch$many"
expect 4 "the path of the folder is too long" train --data "$(printf '/%0200d' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22)"
expect 4 "none.safetensors" compile "$scratch/none.safetensors"
head -c 100 /dev/zero >"$scratch/zero.safetensors"
expect 4 "zero.safetensors" compile "$scratch/zero.safetensors"

# What cannot be written is a failure, not silence.
"$TUTTI_LINUX/tools/switch/tutti-switch" --help 2>"$scratch/out" | grep -q "^usage: tutti-switch SOCKET" && [ ! -s "$scratch/out" ] ||
    { echo "tutti-switch has no help"; failed=$((failed + 1)); }
"$tutti" --help >/dev/full 2>"$scratch/out" && { echo "a full disk went unnoticed"; failed=$((failed + 1)); }
grep -q "standard output" "$scratch/out" || { echo "a full disk: $(cat "$scratch/out")"; failed=$((failed + 1)); }

# Nobody there.
expect 3 "no fleet is running" ls --net "$scratch"
expect 3 "start one with 'tutti up'" get --net "$scratch" kind:watch/device
expect 3 "no fleet is running" restart --dir "$scratch" watch-1

# Fleet files, and what a fleet needs.
printf 'watch 1\nphone 1\n' >"$scratch/fleet"
expect 2 "fleet: line 2: expected a kind (watch, car, tv or linux), or image=FILE behind another, found 'phone'" up "$scratch/fleet"
expect 4 "$scratch/nofile" up "$scratch/nofile"
printf 'watch 1\0junk\n' >"$scratch/fleet"
expect 2 "expected text, found a zero byte" up "$scratch/fleet"
printf 'linux 1\n' >"$scratch/fleet"
expect 1 "the folder $scratch/fleet cannot be made: Not a directory" up "$scratch/fleet" --dir "$scratch/fleet"
# A socket's path has a limit, which the control socket, the longer one, meets first.
long=$scratch/$(printf "%0$((95 - ${#scratch}))d" 0)
for words in "up $scratch/fleet --dir" "restart watch-1 --dir" "ls --net"; do
    # shellcheck disable=SC2086 # several words
    expect 2 "a socket's path at most 107" $words "$long/surplus/surplus"
done
expect 2 "$long/control.sock has 109 bytes, a socket's path at most 107" up "$scratch/fleet" --dir "$long"
printf 'watch 1 image=%s/no.elf\n' "$scratch" >"$scratch/fleet"
expect 4 "no.elf is missing; build it: make cortex-m4" up "$scratch/fleet" --dir "$scratch/f"
printf 'watch 1 image=%s\n' "$0" >"$scratch/fleet"
expect 4 "expected an ELF file" up "$scratch/fleet" --dir "$scratch/f"
case $(uname -m) in
x86_64) machine=x86-64 ;;
aarch64) machine=AArch64 ;;
*) machine=RISC-V ;;
esac
# A kind of the file's own is told what it runs as by its image.
printf 'lamp 1 image=%s/no.elf\n' "$scratch" >"$scratch/fleet"
expect 4 "lamp-1: $scratch/no.elf is missing; build it" up "$scratch/fleet" --dir "$scratch/f"
# What is there and cannot be an image is told so, and nothing waits for a pipe's other end.
mkfifo "$scratch/pipe"
ln -s loop "$scratch/loop"
for kind in watch lamp; do
    for image in pipe .; do
        printf '%s 1 image=%s\n' "$kind" "$scratch/$image" >"$scratch/fleet"
        expect 4 "$scratch/$image: expected an image, found what is no file" up "$scratch/fleet" --dir "$scratch/f" --timeout 2 --run true
    done
done
printf 'linux 1 image=%s\n' "$scratch/pipe" >"$scratch/fleet"
expect 4 "$scratch/pipe cannot be run: Permission denied" up "$scratch/fleet" --dir "$scratch/f"
printf 'lamp 1 image=%s\n' "$scratch/loop" >"$scratch/fleet"
expect 4 "$scratch/loop: Too many levels of symbolic links" up "$scratch/fleet" --dir "$scratch/f"
printf 'lamp 1 image=%s\n' "$0" >"$scratch/fleet"
expect 4 "expected an ELF file" up "$scratch/fleet" --dir "$scratch/f"
printf 'lamp 1 image=/bin/true\n' >"$scratch/fleet"
case $machine in
x86-64) expect 4 "it is no device's image: a program for x86-64" up "$scratch/fleet" --dir "$scratch/f" ;;
*) expect 4 "expected the symbol tt_provision" up "$scratch/fleet" --dir "$scratch/f" ;; # as a car, or a TV
esac
printf 'watch 1 image=/bin/true\n' >"$scratch/fleet"
expect 4 "/bin/true: it is for $machine, and a watch here needs an image for 32-bit Arm" up "$scratch/fleet" --dir "$scratch/f"
# One for 32-bit Arm by its header, and nothing else of an image in it; and of a machine that nobody has.
cp /bin/true "$scratch/arm.elf"
printf '\050\000' | dd of="$scratch/arm.elf" bs=1 seek=18 conv=notrunc 2>/dev/null
printf 'watch 1 image=%s/arm.elf\n' "$scratch" >"$scratch/fleet"
expect 4 "expected the symbol tt_provision" up "$scratch/fleet" --dir "$scratch/f"
printf 'linux 1 image=%s/arm.elf\n' "$scratch" >"$scratch/fleet"
expect 4 "it is for 32-bit Arm, and a linux here needs an image for $machine" up "$scratch/fleet" --dir "$scratch/f"
printf '\377\376' | dd of="$scratch/arm.elf" bs=1 seek=18 conv=notrunc 2>/dev/null
expect 4 "it is for another processor" up "$scratch/fleet" --dir "$scratch/f"
# An image for another board: the watch's with another name for it, and the STM32F405's.
watch=$TUTTI_BUILD/cortex-m4/products/watch/watch.elf band=$TUTTI_BUILD/netduinoplus2/products/band/band.elf
if [ -f "$watch" ] && [ -f "$band" ]; then
    LC_ALL=C sed 's/mps2-an386/wrist-1234/' "$watch" >"$scratch/wrist.elf"
    printf 'lamp 1 image=%s\n' "$scratch/wrist.elf" >"$scratch/fleet"
    expect 4 "lamp-1: $scratch/wrist.elf: it is for the board wrist-1234, for which there is no emulator; board=BOARD" \
        up "$scratch/fleet" --dir "$scratch/f"
    printf 'lamp 1 image=%s board=qemu-riscv64-virt\n' "$scratch/wrist.elf" >"$scratch/fleet"
    expect 4 "it is for 32-bit Arm, and the board qemu-riscv64-virt here needs an image for RISC-V" \
        up "$scratch/fleet" --dir "$scratch/f"
    printf 'lamp 1 image=%s board=mps2-an386\n' "$scratch/wrist.elf" >"$scratch/fleet"
    expect 0 "lamp-1    watch-" up "$scratch/fleet" --dir "$scratch/wrist, my own" --run true
    printf 'lamp 1 image=%s\n' "$band" >"$scratch/fleet"
    expect 0 "all 1 found" up "$scratch/fleet" --dir "$scratch/band, my own" --run true
    printf 'watch 1 image=%s\n' "$band" >"$scratch/fleet"
    expect 4 "it is for the board netduinoplus2, and a watch here needs an image for mps2-an386" \
        up "$scratch/fleet" --dir "$scratch/f"
else
    echo "images of other boards are not tried: cortex-m4 and netduinoplus2 are not built"
fi
printf 'watch 1\n' >"$scratch/fleet"
path=$scratch # no emulator is found there
expect 4 "apt-get install --no-install-recommends qemu-system-arm" up "$scratch/fleet" --dir "$scratch/f"
path=
printf 'linux 1 image=/bin/false\n' >"$scratch/fleet"
expect 3 "linux-1 was not found in 2 s" up "$scratch/fleet" --dir "$scratch/f" --timeout 2 --run true
expect 3 "linux-1 ended by itself with status 1" up "$scratch/fleet" --dir "$scratch/f" --timeout 2 --run true
[ ! -e "$scratch/f/switch.sock" ] || { echo "the switch's socket was left behind"; failed=1; }
printf '#!/bin/sh\necho first\necho "no such machine" >&2\nexit 3\n' >"$scratch/device"
chmod +x "$scratch/device"
printf 'linux 1 image=%s\n' "$scratch/device" >"$scratch/fleet"
expect 3 "ended by itself with status 3; its console, $scratch/f/linux-1.log, ends with: no such machine" \
    up "$scratch/fleet" --dir "$scratch/f" --timeout 2 --run true
# A path without a slash is a file of this folder, too, and no program's name.
here=$PWD
cd "$scratch" || exit 1
printf 'linux 1 image=device\n' >"$scratch/here"
expect 3 "ended by itself with status 3" up "$scratch/here" --dir "$scratch/f" --timeout 2 --run true
cd "$here" || exit 1

# A capture goes to a regular file, and on a full disk (of 16 KiB here, for the switch) the fleet goes on: the file ends
# with a whole frame, and the status tells.
expect 1 "it is no regular file" up "$scratch/fleet" --dir "$scratch/f" --capture /dev/full
expect 2 "are one file, which would lose what it holds" up "$scratch/fleet" --dir "$scratch/f" --capture "$scratch/fleet"
[ -c /dev/full ] || { echo "the device node was replaced"; failed=$((failed + 1)); }
expect 1 "No such file or directory" up "$scratch/fleet" --dir "$scratch/f" --capture "$scratch/none/x"
many=$(for i in $(seq 17); do printf ' --forward a:%d' $((41000 + i)); done)
# shellcheck disable=SC2086 # several words
expect 2 "--forward is given more than 16 times" up "$scratch/fleet" $many
printf 'linux 2\n' >"$scratch/two"
(
    trap '' XFSZ # a write over the limit fails instead of killing
    ulimit -c 0
    "$tutti" up "$scratch/two" --dir "$scratch/g" --capture "$scratch/full.pcap" \
        --run "for status in \$(grep -ls \"^PPid:[^0-9]*\$PPID\$\" /proc/[0-9]*/status); do
                   ! grep -q '^Name:[^a-z]*tutti\$' \$status || prlimit --fsize=16384 --pid \$(basename \${status%/status})
               done # the switch alone: devices have media, which are larger
               while [ \"\$(stat -c %s '$scratch/full.pcap')\" -lt 15500 ]; do '$tutti' ls --for 1 >/dev/null 2>&1; done
               '$tutti' ls --for 1; '$tutti' get kind:linux/device" >"$scratch/out" 2>"$scratch/said"
)
[ $? -eq 1 ] && grep -q "the capture ends here, $scratch/full.pcap cannot be written: " "$scratch/said" &&
    grep -q '"linux"' "$scratch/out" ||
    { echo "a capture on a full disk:"; cat "$scratch/out" "$scratch/said"; failed=$((failed + 1)); }
python3 - "$scratch/full.pcap" <<'END' || failed=$((failed + 1))
import struct, sys
data = open(sys.argv[1], 'rb').read()
at, frames = 24, 0
while at < len(data):
    at += 16 + struct.unpack_from('=I', data, at + 8)[0]
    frames += 1
if at != len(data) or frames < 10 or len(data) > 16384:
    sys.exit(f'{frames} frames end at {at} of {len(data)} bytes')
END

# Whatever ends the launcher ends its devices: the interrupt key, and a kill that it cannot catch.
printf '#!/bin/sh\necho $$ >"$0.pid"\nexec sleep 60\n' >"$scratch/device"
start_fleet() {
    rm -f "$scratch/device.pid"
    "$tutti" up "$scratch/fleet" --dir "$scratch/f" >"$scratch/up" 2>&1 &
    launcher=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        [ -s "$scratch/device.pid" ] && break
        sleep 0.2
    done
}
for signal in INT KILL; do
    start_fleet
    # Another fleet in the same folder is refused, and takes nothing from the first.
    expect 1 "a fleet is running in $scratch/f already" up "$scratch/fleet" --dir "$scratch/f"
    { [ -e "$scratch/f/linux-1.log" ] && [ -e "$scratch/f/linux-1.provision" ]; } ||
        { echo "a refused fleet removed the files of the one that runs"; failed=$((failed + 1)); }
    [ "$(stat -c %a "$scratch/f/linux-1.provision")" = 600 ] || { echo "others can read a seed"; failed=$((failed + 1)); }
    expect 0 "" kill --dir "$scratch/f" linux-1
    expect 1 "linux-1 does not run" kill --dir "$scratch/f" Linux-1
    expect 0 "" restart --dir "$scratch/f" linux-1
    expect 2 "--host does" get --net "$scratch/f" coap://127.0.0.1/x
    expect 1 "this fleet has no device named nobody" restart --dir "$scratch/f" nobody
    # No name, which a device that was not found yet has, too; one with more behind it; one too long.
    for name in '' 'linux-1
more' "$(printf '%0200d' 1)"; do
        expect 2 "no device can be named '" kill --dir "$scratch/f" "$name"
    done
    sleep 0.3
    device=$(cat "$scratch/device.pid")
    kill -0 "$device" || { echo "the device does not run"; failed=$((failed + 1)); }
    kill -$signal $launcher
    wait $launcher 2>/dev/null
    sleep 0.5
    # In order, nothing but the consoles is left.
    [ "$signal" = KILL ] || [ "$(ls "$scratch/f")" = linux-1.log ] || { echo "left behind: $(ls "$scratch/f")"; failed=$((failed + 1)); }
    # A zombie that nobody has collected yet has ended too.
    grep -q '^State:.[^Z]' "/proc/$device/status" 2>/dev/null && { echo "the device outlived its launcher, SIG$signal"; failed=$((failed + 1)); }
done

# The command of --run: one that does not end when it is told to is ended; it finds the fleet from any folder;
# and a restart is told once, under any case of the name.
printf 'linux 1\n' >"$scratch/one"
"$tutti" up "$scratch/one" --dir "$scratch/g" --run "trap '' TERM; touch '$scratch/runs'; sleep 30; sleep 30" 2>"$scratch/up" &
launcher=$!
for _ in $(seq 200); do
    [ -e "$scratch/runs" ] && break
    sleep 0.1
done
start=$(date +%s)
kill $launcher
wait $launcher
[ $(($(date +%s) - start)) -le 15 ] || { echo "a command that ignores SIGTERM kept the fleet"; failed=$((failed + 1)); }
(cd "$scratch" && "$tutti" up one --dir g --run "cd / && name=\$('$tutti' ls --json --for 3 | sed -n 's/^\"name\": \"\(.*\)\",/\1/p') &&
    [ \"\$('$tutti' completion names)\" = \"\$name\" ] && '$tutti' restart \$(echo \$name | tr a-z A-Z) && sleep 6" >up 2>&1) || { cat "$scratch/up"; failed=$((failed + 1)); }
[ "$(grep -c '^linux-1 .* ms$' "$scratch/up")" -eq 2 ] || { echo "a restart:"; cat "$scratch/up"; failed=$((failed + 1)); }

# Who dies while it is looked for is not listed.
(cd "$scratch" && "$tutti" up one --dir g --run "'$tutti' ls --for 2 >said 2>&1 & looking=\$!; sleep 1.5; '$tutti' kill linux-1; wait \$looking" >up 2>&1)
[ $? -eq 3 ] && grep -q "no device was found" "$scratch/said" && [ "$(wc -l <"$scratch/said")" -eq 1 ] ||
    { echo "one that died meanwhile:"; cat "$scratch/up" "$scratch/said"; failed=$((failed + 1)); }

# Without its switch a fleet is none: the launcher says so and ends, and so does who asks in it.
start_fleet
"$tutti" get --net "$scratch/f" --timeout 60 nobody/x >"$scratch/out" 2>&1 &
asker=$!
timeout -s KILL 60 "$tutti" ls --net "$scratch/f" --for 3600 >"$scratch/listed" 2>&1 &
lister=$!
sleep 0.5
for status in $(grep -ls "^PPid:[^0-9]*$launcher\$" /proc/[0-9]*/status); do
    grep -q '^Name:[^a-z]*tutti$' "$status" && kill -KILL "$(basename "${status%/status}")" # no device is
done
wait $launcher
[ $? -eq 1 ] && grep -q "the switch ended by itself" "$scratch/up" ||
    { echo "without its switch:"; cat "$scratch/up"; failed=$((failed + 1)); }
wait $asker
[ $? -eq 3 ] && grep -q "the fleet has ended" "$scratch/out" ||
    { echo "who asked in it:"; cat "$scratch/out"; failed=$((failed + 1)); }
wait $lister
[ $? -eq 3 ] && [ "$(cat "$scratch/listed")" = "tutti ls: the fleet has ended, and with it its network" ] ||
    { echo "who listed it:"; cat "$scratch/listed"; failed=$((failed + 1)); }

[ "$failed" -eq 0 ] && echo "every command said what it should"
exit "$failed"
