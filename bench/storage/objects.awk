# From a linker's map: how many bytes of flash come from each object of the library LIBRARY.
# usage: awk -v LIBRARY=libtt_storage.a -f objects.awk image.elf.map
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
(pending || /^ \.[^ ]+ +0x/) && index(file, LIBRARY "(") && section ~ /^\.(text|rodata|data|ARM.ex)/ {
    object = file
    sub(/.*\(/, "", object)
    sub(/\.c\.obj\)$|\.c\.o\)$/, "", object)
    flash[object] += decimal(size)
}
{ pending = 0 }
END { for (object in flash) print object, flash[object] }
