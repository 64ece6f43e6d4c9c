#!/bin/sh
# Runs each fuzz target for SECONDS_EACH (a minute in all), then the one with the planted overflow, which
# must be found. What breaks a target is kept in build/fuzz. SECONDS_EACH=3600 tests/fuzz/run.sh for a night.
set -u
build=${TUTTI_BUILD:-build}
targets=$build/linux-fuzz/tests/fuzz
work=$build/fuzz
seconds=${SECONDS_EACH:-7}
[ -x "$targets/fuzz_coap" ] || { echo "skipped: the fuzz targets are not built (make linux-fuzz)"; exit 77; }
rm -rf "$work/seeds"
mkdir -p "$work/seeds" "$work/found"
"${TUTTI_LINUX:-$build/linux}/tests/fuzz/fuzz_seeds" "$work/seeds" || exit 1
cp -r "$(dirname "$0")/corpus/." "$work/seeds" # those that are kept
failed=0

fuzz() { # fuzz TARGET SEEDS SECONDS
    mkdir -p "$work/$1"
    "$targets/fuzz_$1" -max_total_time="$3" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 -max_len=4200 \
        -artifact_prefix="$work/found/$1-" "$work/$1" "$work/seeds/$2" >"$work/$1.log" 2>&1
}

for target in coap stream gossip dns cbor plan graph_text line dump safetensors npy npz store faults; do
    if fuzz $target $target "$seconds"; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log") inputs, nothing found"
    else
        tail -n 60 "$work/$target.log"
        echo "$target: an input breaks it; see $work/found"
        failed=1
    fi
done

rm -rf "$work/planted"
if fuzz planted dns 60; then
    echo "the planted overflow was not found in 60 s"
    failed=1
elif grep -q 'AddressSanitizer: .*-overflow' "$work/planted.log"; then
    echo "planted overflow: found"
else
    tail -n 30 "$work/planted.log"
    echo "the planted target broke, but not by its overflow"
    failed=1
fi
exit $failed
