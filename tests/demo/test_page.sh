#!/bin/sh
# The report that test_demo left, as a browser shows it: nothing overflows, what scrolls says so, everything can be
# read, on phones, tablets and screens, light and dark (page.py). And a page with each of these faults is refused.
set -u
page=tests/demo/page.py
report=$TUTTI_BUILD/test-demo/report.html
[ -f "$report" ] || { echo "skipped: test_demo has left no report"; exit 77; }
"$page" "$report" || exit $?

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
# refused WORDS STYLE: with STYLE added, page.py says WORDS.
refused() {
    sed "s|</style>|$2</style>|" "$report" >"$work/broken.html"
    "$page" "$work/broken.html" >"$work/said" && { echo "a page with $2 passes"; failed=1; }
    grep -q "$1" "$work/said" || { echo "of a page with $2 it is not said: $1"; failed=1; }
}
refused 'the page is 700 pixels wide' '.gallery { min-width: 684px }'
refused 'scrolls and does not say so' '.hint { display: none !important }'
refused 'pixels high' '.tick { font-size: 6px !important }'
refused 'has a contrast of' ':root { --soft: #bbbbbb !important }'
exit $failed
