#!/bin/sh
# Each public header compiles alone, and all of them together, as C17 and as C++17, for the CPU of every machine, and sees nothing but
# include/; and a C++ program finds what it calls in the libraries.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
compilers=0

alone() { # CPU COMPILER...
    cpu=$1
    shift
    command -v "$1" >/dev/null || { echo "$1 is not installed"; return; }
    compilers=$((compilers + 1))
    for header in "$root"/include/tutti/*.h "$root/include/cpu/$cpu/tutti/cpu.h"; do
        name=tutti/$(basename "$header")
        case $cpu:$name in
        linux:* | *:tutti/cpu.h) ;;
        *:tutti/platform_host.h | *:tutti/platform_linux.h | *:tutti/medium_file.h) continue ;; # of a host alone
        esac
        { echo "#include \"$name\""; echo "#include \"$name\""; echo "extern int alone;"; } >"$scratch/alone"
        "$@" -Wall -Wextra -Werror -pedantic -I"$root/include" -I"$root/include/cpu/$cpu" -fsyntax-only "$scratch/alone" \
            2>"$scratch/said" || { echo "$name does not compile alone with $*:"; head -n 5 "$scratch/said"; failed=1; }
        echo "#include \"$name\"" >>"$scratch/all.$compilers"
    done
    "$@" -Wall -Wextra -Werror -pedantic -I"$root/include" -I"$root/include/cpu/$cpu" -fsyntax-only "$scratch/all.$compilers" \
        2>"$scratch/said" || { echo "the headers do not compile together with $*:"; head -n 5 "$scratch/said"; failed=1; }
}
alone linux gcc -std=c17 -x c
alone linux g++ -std=c++17 -x c++
alone linux clang -std=c17 -x c
alone linux clang++ -std=c++17 -x c++
alone cortex-m4 arm-none-eabi-gcc --specs=picolibc.specs -mcpu=cortex-m4 -mthumb -std=c17 -x c
alone riscv64 riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv64imafdc_zicsr -mabi=lp64d -std=c17 -x c
alone aarch64 aarch64-linux-gnu-gcc --specs=/usr/lib/picolibc/aarch64-linux-gnu/picolibc.specs -std=c17 -x c

if command -v clang++ >/dev/null; then
    cat >"$scratch/calls.cc" <<'END'
#include "tutti/bus_storage.h"
#include "tutti/check.h"
int main()
{
    static tt_bus bus;
    tt_bus_init(&bus, TT_SECONDS(1), 1);
    TT_CHECK(tt_bus_busy(&bus) == 0);
    return tt_status_name(TT_OK)[0] == 'T' ? 0 : 1;
}
END
    linux=${TUTTI_LINUX:-$root/build/linux}
    clang++ -std=c++17 -I"$root/include" -c "$scratch/calls.cc" -o "$scratch/calls.o" &&
        gcc "$scratch/calls.o" "$linux/bus/libtt_bus.a" "$linux/codec/libtt_codec.a" "$linux/base/libtt_base.a" \
            -o "$scratch/calls" && "$scratch/calls" || { echo "a C++ program that calls the libraries fails"; failed=1; }
fi
[ $failed -ne 0 ] || echo "each header compiles alone with $compilers compilers"
exit $failed
