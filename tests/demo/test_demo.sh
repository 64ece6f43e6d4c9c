#!/bin/sh
# The demonstration after a single epoch, as a newcomer sees it: training, plan, fleet, answers equal to the
# last bit, device to device, report. Then a fleet with two watches and no Linux node, and what the TV's
# image must not contain.
set -u
out=$TUTTI_BUILD/test-demo
failed=0
fail() {
    echo "$*"
    failed=$((failed + 1))
}
for image in cortex-m4/products/watch/watch riscv64/products/car/car aarch64/products/tv/tv; do
    [ -f "$TUTTI_BUILD/$image.elf" ] || { echo "skipped: $image.elf is not built; make images"; exit 77; }
done
rm -rf "$out"

EPOCHS=1 OUT=$out examples/demo/demo.sh >"$TUTTI_BUILD/test-demo.txt" 2>&1 ||
    { cat "$TUTTI_BUILD/test-demo.txt"; exit 1; }
cat "$TUTTI_BUILD/test-demo.txt"

# bench NAME UNIT LEAST MOST: the demonstration ends with this line, its number within bounds.
bench() {
    line=$(grep "^bench demo\.$1 " "$TUTTI_BUILD/test-demo.txt") || { fail "there is no line bench demo.$1"; return; }
    echo "$line" | awk -v unit="$2" -v least="$3" -v most="$4" \
        '{ exit !($4 == unit && $3 >= least && $3 <= most) }' ||
        fail "expected demo.$1 between $3 and $4 $2: $line"
}
bench accuracy_float percent 84 95
bench accuracy_int8 percent 84 95
bench accuracy_watch percent 82 96
bench watch_equal of_1000 1000 1000
bench train images/s 100 1000000
bench plan bytes 10000 65536
bench watch_inference instructions 1000000 100000000
bench emulated_rtt ms_of_the_host 0.01 1000
bench watch_least_at_25_MHz ms 40 4000
bench watch_arena bytes 1000 24576
for kind in watch car tv linux; do
    bench ${kind}_flash bytes 10000 16000000
    bench ${kind}_ram bytes 10000 64000000
    bench ${kind}_ram_without_models bytes 10000 64000000
done
bench watch_ram bytes 10000 262144 # 256 KB in all
bench watch_ram_without_models bytes 10000 131072 # two slots of 64 KiB
awk '$2 == "demo.accuracy_float" { f = $3 } $2 == "demo.accuracy_int8" { q = $3 } END { exit !(f - q <= 0.3) }' \
    "$TUTTI_BUILD/test-demo.txt" || fail "quantising costs more than 0.3 points"

# The report is one file that asks nobody for anything.
report=$out/report.html
[ -s "$report" ] || fail "there is no report"
grep -oE '(src|href)=.[^ >]{0,24}' "$report" | grep -vE "src='data:image/png|href='#" && fail "the report refers to something outside"
grep -qE '<(script|link|iframe)|@import|url\(' "$report" && fail "the report loads something"
for part in 'What the server learned' 'What it mixes up' 'Who took part' 'The plan to the watch' 'One question to the watch' \
    'asks the watch' polyline 'PUT /ai/models/fashion block 0' 'POST /ai/ask/fashion'; do
    grep -q "$part" "$report" || fail "the report lacks: $part"
done
# Its figures are those of the lines, and who cannot see a drawing is told what it shows.
for name in accuracy_float accuracy_int8; do
    value=$(sed -n "s/^bench demo\.$name \([0-9.]*\) .*/\1/p" "$TUTTI_BUILD/test-demo.txt")
    grep -q "<b>$value<small>" "$report" || fail "the report's figure for $name is not $value"
done
grep -q '<b>1,000<small>of 1,000</small>' "$report" || fail "the report does not say 1,000 of 1,000"
grep -o '<svg[^>]*>' "$report" | grep -qvE "aria-label='[^']|aria-hidden='true'" && fail "a drawing has no description"
grep -o '<img [^>]*>' "$report" | grep -qv "alt='[^']" && fail "an image has no description"

# It says what is emulated, and when, where and with what it was made; the devices say themselves what they are.
for part in 'mps2-an386, Cortex-M4F, emulated under QEMU [0-9]' 'a process of the host' "$(date -u +%Y)-" \
    'right in float, of 10,000 test images' 'right, of 1,000 test images' 'seed 1' 'gcc [0-9.]* for the watch' \
    "$(sed -n 's/^model name[[:space:]:]*//p' /proc/cpuinfo | head -n 1)" 'learned from 60,000 images' 'No board was measured'; do
    grep -q "$part" "$report" || fail "the report does not say: $part"
done
for image in cortex-m4 riscv64 aarch64; do
    commit=$(sed -n 's/^#define TUTTI_COMMIT "\([^"]*\)".*/\1/p' "$TUTTI_BUILD/$image/generated/tutti/version.h")
    grep -q "<small>$commit</small>" "$report" || fail "the report does not give the commit of $image, $commit"
done
# The only milliseconds in words are those that the board takes at least: no host's time is sold as a watch's.
least=$(awk '$2 == "demo.watch_least_at_25_MHz" { printf "%.0f", $3 }' "$TUTTI_BUILD/test-demo.txt")
sed 's/<svg.*//; s/<style>.*//; s/base64,[A-Za-z0-9+/=]*//g' "$report" | grep -oE '[0-9.]+(<small>)? ?ms' | grep -vE "^$least(<small>| )ms\$" &&
    fail "the report has a time that is no board's"
grep -q "<b>&ge; $least<small>ms</small>" "$report" || fail "the report has no least time at 25 MHz"
# The transfer of the plan has its name in the timeline, and is magnified.
[ "$(grep -o "class='band-name[^>]*>the plan: [0-9,]* bytes" "$report" | wc -l)" -eq 2 ] ||
    fail "the timelines do not show the plan"

# A name comes from a device: it must stay text. Damaged results are named.
hostile=$TUTTI_BUILD/test-demo-hostile
rm -rf "$hostile"
cp -r "$out" "$hostile"
sed -e 's/"name": "watch-[^"]*"/"name": "<script>\&"/' -e 's/"cpu": "Cortex-M4F"/"cpu": "<script>\&"/' -e 's/"answers": \[[0-9],[0-9],[0-9],/"answers": [-5,1e300,null,/' \
    "$out/results.json" >"$hostile/results.json"
rm "$hostile/report.html"
"$TUTTI_LINUX/examples/demo/tutti-report" "$hostile" >/dev/null || fail "strange results have no report"
grep -q '&lt;script&gt;&amp;' "$hostile/report.html" && ! grep -q '<script' "$hostile/report.html" ||
    fail "a device's name reaches the report as it came"
grep -c '<b>?</b>' "$hostile/report.html" | grep -qx 6 || fail "an answer that is no class is not shown as unknown"
head -c 200 "$out/results.json" >"$hostile/results.json"
"$TUTTI_LINUX/examples/demo/tutti-report" "$hostile" >/dev/null 2>"$hostile/said"
[ $? -eq 4 ] && grep -q 'results.json: line [0-9]*: expected' "$hostile/said" || fail "damaged results: $(cat "$hostile/said")"

# Another run, without a Linux node and with a second watch, which has no model: other addresses and names,
# and the TV finds the right watch all the same. A capture of something else shows no frame between the two:
# then the demonstration fails.
again=$TUTTI_BUILD/test-demo-again
rm -rf "$again"
mkdir -p "$again"
cp "$out/fashion.plan" "$out/reference.bin" "$again"
printf 'watch 2\ncar 1\ntv 1\n' >"$again/fleet.txt"
mkdir "$again/other"
cp "$out/fashion.plan" "$out/reference.bin" "$out/fleet.pcap" "$again/other"
ln -s ../fleet "$again/other/fleet"
cat >"$again/inside" <<EOF
'$TUTTI_LINUX/examples/demo/tutti-demo' '$again' 20 10 || exit 1
'$TUTTI_LINUX/examples/demo/tutti-demo' '$again/other' 2 2 2>'$again/other/said' && exit 1
grep -q 'in the capture, found 0 frames' '$again/other/said' || { cat '$again/other/said'; exit 1; }
EOF
"$TUTTI_LINUX/cli/tutti" up "$again/fleet.txt" --dir "$again/fleet" --capture "$again/fleet.pcap" \
    --run "sh '$again/inside'" || fail "with two watches and no Linux node it fails, or a wrong capture goes unnoticed"
values() { # values FILE KEY: the devices' names or addresses
    tr ',' '\n' <"$1" | sed -n "s/^\"$2\": \"\(.*\)\"\$/\1/p"
}
for key in name address; do
    values "$out/results.json" $key >"$again/first"
    values "$again/results.json" $key >"$again/second"
    [ -s "$again/first" ] && [ -s "$again/second" ] || fail "the results have no ${key}s"
    grep -qxFf "$again/first" "$again/second" && fail "a device's $key is the same in two runs"
done

# Nothing of the watch is in the TV's image.
strings -n 4 "$TUTTI_BUILD/aarch64/products/tv/tv.elf" >"$again/strings"
for word in $(values "$out/results.json" name) $(values "$again/results.json" name) fe80: 169.254.; do
    grep -qF "$word" "$again/strings" && fail "the TV's image contains $word"
done
exit "$failed"
