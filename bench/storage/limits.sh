#!/bin/sh
# Whether the store's figures are within what is promised.
set -eu
"$(dirname "$0")/run.sh" --quick | awk '
    BEGIN {
        most["storage.m4.flash"] = 8192; most["storage.m4.ram"] = 512; most["storage.m4.ram_per_key"] = 8
        most["storage.programmed"] = 56; most["storage.put_longest"] = 64; most["storage.put_longest_erases"] = 1
        most["storage.open_1mib"] = 1153433; most["storage.open_1mib_clean"] = 65536
    }
    { print }
    $1 == "bench" && $2 in most {
        seen++
        if ($3 > most[$2]) { print $2 " is above " most[$2]; failed = 1 }
    }
    END { if (seen != 8) print "not all figures are there"; exit failed || seen != 8 }'
