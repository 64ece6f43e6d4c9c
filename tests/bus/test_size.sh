#!/bin/sh
# What the bus takes of the watch, by bench/bus/size.sh, is no more than what it took when this was last looked at, and 2 %. Whoever adds
# something that is worth its bytes says so here, and in bus/README.md.
set -eu
command -v arm-none-eabi-nm >/dev/null || { echo "skipped: no compiler for the watch"; exit 77; }
[ -e build/cortex-m4/products/watch/watch.elf.map ] || { echo "skipped: the watch is not built"; exit 77; }
bench/bus/size.sh | awk '
    BEGIN {
        most["bus_flash"] = 33405
        most["bus_flash_without_streams"] = 26944
        most["ram"] = 8918
        most["ram_per_peer"] = 734
    }
    { sub(/.*\./, "", $2) }
    $2 in most { seen++; if ($3 + 0 > most[$2]) { print "the watch: " $2 " is " $3 " bytes, expected at most " most[$2]; failed = 1 } }
    END { if (seen != 4) { print "the watch: not four sizes but " seen + 0; failed = 1 } exit failed }'
