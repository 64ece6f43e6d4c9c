#!/bin/sh
# tutti new: which names it takes, that it writes over nothing, that no word of the example is left, and that a board is
# the SDK's, file by file.
set -u
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# As an SDK has it: example and board lie where the program is, wherever that is.
mkdir -p "$scratch/bin" "$scratch/share/tutti/examples" "$scratch/share/tutti/os/board" "$scratch/work"
tutti=$scratch/bin/tutti
cp "$TUTTI_LINUX/cli/tutti" "$tutti"
cp -r examples/sensor "$scratch/share/tutti/examples"
cp -r os/board/netduinoplus2 "$scratch/share/tutti/os/board"
cd "$scratch/work" || exit 1
failed=0
expect() { # STATUS SENTENCE WORD...
    status=$1
    sentence=$2
    shift 2
    "$tutti" new "$@" >said 2>&1
    got=$?
    [ $got -eq "$status" ] && grep -qF -- "$sentence" said || {
        echo "tutti new $*: expected $status and '$sentence', got $got and '$(cat said)'"
        failed=1
    }
}
expect 2 "expected device|board NAME" device
expect 2 "expected 'device' or 'board', not 'phone'" phone lamp
for name in Lamp a 0lamp lamp- -lamp ../lamp lamp/x 'la mp' abcdefghijklmnop ''; do
    expect 2 "a name has 2 to 15 small letters, digits and dashes and begins with a letter, unlike '$name'" device -- "$name"
done
for name in watch tv all tutti test preinstall fleet netduinoplus2 mps2-an386; do
    expect 2 "'$name' is the name of something else" device $name
    expect 2 "'$name' is the name of something else" board $name
done
[ "$(ls)" = said ] || { echo "a refusal left something: $(ls)"; failed=1; }
expect 0 "made abcdefghijklm-9" device abcdefghijklm-9
expect 0 "made lamp" device lamp
ls lamp | tr '\n' ' ' | grep -qx 'CMakeLists.txt README.md fleet.txt lamp.c ' || { ls lamp; failed=1; }
! grep -rn sensor lamp || { echo "the example's own name is left"; failed=1; }
grep -qF '.kind = "lamp"' lamp/lamp.c || failed=1
echo mine >lamp/lamp.c
expect 1 "the folder lamp cannot be made: File exists" device lamp
expect 1 "the folder lamp cannot be made: File exists" board lamp
[ "$(cat lamp/lamp.c)" = mine ] || { echo "a folder was written over"; failed=1; }
expect 0 "made wrist; wrist/README.md says" board wrist
diff -r wrist "$scratch/share/tutti/os/board/netduinoplus2" || { echo "the board is another"; failed=1; }
# A program without its SDK.
rm -r "$scratch/share"
for what in device board; do
    expect 4 "the $what to begin with is missing; this program belongs into the bin/ of an SDK" $what other
    [ ! -e other ] || { echo "a folder was made of nothing"; failed=1; }
done
exit $failed
