#!/bin/sh
# The demonstration, from real images to answers on a watch; docs/demo.md goes through it.
# Run by `make demo` once everything is built. EPOCHS, SEED, IMAGES, OTHERS and OUT may be set; FLEET
# names another fleet file; REPORT=no leaves the page out.
set -eu
cd "$(dirname "$0")/../.."
EPOCHS=${EPOCHS:-10} SEED=${SEED:-1} IMAGES=${IMAGES:-1000} OTHERS=${OTHERS:-100}
OUT=${OUT:-build/demo} FLEET=${FLEET:-examples/demo/fleet.txt}
linux=${TUTTI_LINUX:-build/linux}
tutti=$linux/cli/tutti
mkdir -p "$OUT"

title=
step() {
    title=$1
    printf '\n%s\n' "$title"
}
ended() {
    status=$?
    [ "$status" -eq 0 ] ||
        printf '\nthe demonstration failed at: %s\nits files are in %s\n' "$title" "$OUT" >&2
    exit "$status"
}
trap ended EXIT

step "1. Train on 60,000 images of Fashion-MNIST, $EPOCHS epochs"
"$tutti" train --epochs "$EPOCHS" --seed "$SEED" --out "$OUT/model.safetensors" --history "$OUT/history.json"

step "2. Quantise to int8 and compile to a plan"
"$tutti" compile "$OUT/model.safetensors" --out "$OUT/fashion.plan" --report "$OUT/plan.json" \
    --reference "$OUT/reference.bin" --reference-count "$IMAGES"

step "3. Count the instructions of one inference on the watch, from the same image"
WATCH_INSTRUCTIONS=$(bench/ai/watch.sh "$OUT/fashion.plan")
export WATCH_INSTRUCTIONS
echo "$WATCH_INSTRUCTIONS instructions"

# Every device's QEMU is of one version; the report tells it.
EMULATOR=$(qemu-system-arm --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')
export EMULATOR

step "4. Boot the fleet, send the plan, ask, and let the TV ask"
"$tutti" up "$FLEET" --dir "$OUT/fleet" --capture "$OUT/fleet.pcap" \
    --run "'$linux/examples/demo/tutti-demo' '$OUT' $IMAGES $OTHERS"

[ "${REPORT:-yes}" = yes ] || exit 0
step "5. Draw the report: $OUT/report.html"
"$linux/examples/demo/tutti-report" "$OUT"
