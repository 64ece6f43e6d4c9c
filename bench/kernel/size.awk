# From a linker's map: how many bytes of flash and of RAM come from the library LIBRARY.
# usage: awk -v LIBRARY=libtt_kernel.a -f size.awk image.elf.map
function decimal(hex,    i, n) {
    for (i = 3; i <= length(hex); i++) # after 0x
        n = 16 * n + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return n
}
/^Linker script and memory map/ { inside = 1 }
!inside { next }
/^\./ { section = $1 }
/^ \.[^ ]+$/ { pending = 1; next } # a long name; its numbers are on the next line
/^ \.[^ ]+ +0x/ { size = $3; file = $4 }
pending { size = $2; file = $3 }
(pending || /^ \.[^ ]+ +0x/) && index(file, LIBRARY "(") {
    if (section ~ /^\.(text|rodata|data|ARM.ex)/) flash += decimal(size)
    if (section ~ /^\.(bss|data|noinit|exceptions)/) ram += decimal(size)
}
{ pending = 0 }
END { print flash + 0, ram + 0 }
