# A fleet of one device, for scripts that source this file. It is in $TUTTI_NET and ends with the script, whose files may
# lie in $scratch.
tutti=$TUTTI_LINUX/cli/tutti
scratch=$(mktemp -d)
launcher=
end_fleet() {
    [ -n "$launcher" ] && kill -INT "$launcher" 2>/dev/null && wait "$launcher"
    rm -rf "$scratch"
}
trap end_fleet EXIT
export TUTTI_NET="$scratch/f"

# need_emulator KIND: skips the test where what runs such devices is not installed.
need_emulator() {
    case $1 in
    linux) return ;;
    watch | band) emulator=qemu-system-arm ;;
    car) emulator=qemu-system-riscv64 ;;
    tv) emulator=qemu-system-aarch64 ;;
    *) exit 2 ;;
    esac
    command -v $emulator >/dev/null || { echo "skipped: $emulator is not installed"; exit 77; }
}

# start_device KIND [image=FILE]: it was found as $name at $address.
start_device() {
    echo "$1 1${2:+ $2}" >"$scratch/fleet"
    "$tutti" up "$scratch/fleet" --dir "$TUTTI_NET" >"$scratch/up" 2>&1 &
    launcher=$!
    found=
    for _ in $(seq 150); do
        found=$(sed -n "s/^$1-1  *\([^ ]*\)  *\(\[.*\]\):[0-9]* .* ms\$/\1 \2/p" "$scratch/up" | tail -n 1)
        [ -n "$found" ] && break
        sleep 0.2
    done
    [ -n "$found" ] || { echo "the device was not found:"; cat "$scratch/up"; exit 1; }
    name=${found% *} address=${found#* }
}
