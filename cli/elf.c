// A reader of ELF section and symbol tables (System V ABI, chapter 4), for 32 and 64 bits.

#include <stdbool.h>
#include <string.h>

#include "cli/elf.h"
#include "tutti/bytes.h"

#define CLASS_64 2
#define LITTLE_ENDIAN_DATA 1
#define SECTION_SYMBOLS 2 // SHT_SYMTAB
#define SECTION_NO_BITS 8 // SHT_NOBITS
#define FLAG_WRITE 1      // SHF_WRITE
#define FLAG_ALLOCATED 2  // SHF_ALLOC
#define FLAG_THREAD 0x400 // SHF_TLS: a template, copied for each thread

typedef struct elf {
    const uint8_t *bytes;
    size_t length;
    bool wide; // 64 bits
    uint64_t sections;
    unsigned section_bytes, section_count;
} elf;

typedef struct section {
    uint32_t type, link;
    uint64_t flags, address, offset, size, entry_bytes;
} section;

typedef struct symbol {
    uint64_t address, size;
    unsigned section; // its index, or a reserved number
} symbol;

static tt_status fail(tt_status status, tt_text *why, const char *sentence)
{
    tt_text_add(why, sentence);
    return status;
}

// Whether `size` bytes from `offset` lie in the file; written so that nothing overflows.
static bool inside(const elf *file, uint64_t offset, uint64_t size)
{
    return offset <= file->length && size <= file->length - offset;
}

static uint64_t read_word(tt_reader *reader, bool wide)
{
    return wide ? tt_read_le64(reader) : tt_read_le32(reader);
}

static tt_status open_elf(elf *file, const void *bytes, size_t length, tt_text *why)
{
    *file = (elf){.bytes = bytes, .length = length};
    if (length < 52 || memcmp(bytes, "\177ELF", 4) != 0)
        return fail(TT_MALFORMED, why, "expected an ELF file, found something else");
    if (file->bytes[4] < 1 || file->bytes[4] > CLASS_64 || file->bytes[5] != LITTLE_ENDIAN_DATA)
        return fail(TT_MALFORMED, why, "expected a little-endian ELF file of 32 or 64 bits");
    file->wide = file->bytes[4] == CLASS_64;
    tt_reader reader;
    tt_reader_init(&reader, bytes, length);
    tt_read_bytes(&reader, file->wide ? 40 : 32); // up to e_shoff
    file->sections = read_word(&reader, file->wide);
    tt_read_bytes(&reader, 10); // e_flags, e_ehsize, e_phentsize, e_phnum
    file->section_bytes = tt_read_le16(&reader);
    file->section_count = tt_read_le16(&reader);
    if (reader.failed || file->section_bytes < (file->wide ? 64u : 40u) ||
        !inside(file, file->sections, (uint64_t)file->section_bytes * file->section_count))
        return fail(TT_DAMAGED, why, "the ELF file's section table lies outside of it");
    return TT_OK;
}

static section section_at(const elf *file, unsigned index)
{
    tt_reader reader;
    tt_reader_init(&reader, file->bytes + file->sections + (uint64_t)index * file->section_bytes,
                   file->section_bytes);
    section found;
    tt_read_le32(&reader); // sh_name
    found.type = tt_read_le32(&reader);
    found.flags = read_word(&reader, file->wide);
    found.address = read_word(&reader, file->wide);
    found.offset = read_word(&reader, file->wide);
    found.size = read_word(&reader, file->wide);
    found.link = tt_read_le32(&reader);
    tt_read_le32(&reader);          // sh_info
    read_word(&reader, file->wide); // sh_addralign
    found.entry_bytes = read_word(&reader, file->wide);
    return found;
}

// Whether the text at `offset` of a string table is `name`, terminator included.
static bool is_named(const elf *file, const section *names, uint64_t offset, const char *name)
{
    size_t length = strlen(name) + 1;
    return offset <= names->size && length <= names->size - offset &&
           memcmp(file->bytes + names->offset + offset, name, length) == 0;
}

static symbol symbol_at(const elf *file, const section *symbols, uint64_t index, uint32_t *name)
{
    unsigned symbol_bytes = file->wide ? 24 : 16;
    tt_reader reader;
    symbol found;
    tt_reader_init(&reader, file->bytes + symbols->offset + index * symbol_bytes, symbol_bytes);
    *name = tt_read_le32(&reader);
    if (file->wide) { // st_info, st_other, st_shndx stand before the value, else behind the size
        tt_read_le16(&reader);
        found.section = tt_read_le16(&reader);
    }
    found.address = read_word(&reader, file->wide);
    found.size = read_word(&reader, file->wide);
    if (!file->wide) {
        tt_read_le16(&reader);
        found.section = tt_read_le16(&reader);
    }
    return found;
}

static tt_status find_in(const elf *file, const section *symbols, const char *name, symbol *found,
                         tt_text *why)
{
    unsigned symbol_bytes = file->wide ? 24 : 16;
    if (symbols->link >= file->section_count || symbols->entry_bytes != symbol_bytes ||
        !inside(file, symbols->offset, symbols->size))
        return fail(TT_DAMAGED, why, "the ELF file's symbol table contradicts itself");
    section names = section_at(file, symbols->link);
    if (!inside(file, names.offset, names.size))
        return fail(TT_DAMAGED, why, "the ELF file's symbol names lie outside of it");
    for (uint64_t i = 0; i < symbols->size / symbol_bytes; i++) {
        uint32_t name_offset;
        *found = symbol_at(file, symbols, i, &name_offset);
        if (is_named(file, &names, name_offset, name))
            return TT_OK;
    }
    return TT_NOT_FOUND;
}

static tt_status find(elf *file, const void *bytes, size_t length, const char *name, symbol *found,
                      tt_text *why)
{
    tt_status status = open_elf(file, bytes, length, why);
    for (unsigned i = 0; status == TT_OK && i < file->section_count; i++) {
        section candidate = section_at(file, i);
        if (candidate.type != SECTION_SYMBOLS)
            continue;
        status = find_in(file, &candidate, name, found, why);
        if (status != TT_NOT_FOUND)
            return status;
        status = TT_OK;
    }
    if (status == TT_OK) {
        tt_text_add(why, "expected the symbol ");
        tt_text_add(why, name);
        tt_text_add(why, ", which the ELF file does not have");
        status = TT_NOT_FOUND;
    }
    return status;
}

tt_status tt_elf_find(const void *bytes, size_t length, const char *name, uint64_t *address,
                      tt_text *why)
{
    elf file;
    symbol found = {0};
    tt_status status = find(&file, bytes, length, name, &found, why);
    *address = found.address;
    return status;
}

tt_status tt_elf_find_size(const void *bytes, size_t length, const char *name, uint64_t *size,
                           tt_text *why)
{
    elf file;
    symbol found = {0};
    tt_status status = find(&file, bytes, length, name, &found, why);
    *size = found.size;
    return status;
}

tt_status tt_elf_read_text(const void *bytes, size_t length, const char *name, char *text,
                           size_t capacity, tt_text *why)
{
    elf file;
    symbol found;
    tt_status status = find(&file, bytes, length, name, &found, why);
    if (status != TT_OK)
        return status;
    section in = {.type = SECTION_NO_BITS};
    if (found.section < file.section_count)
        in = section_at(&file, found.section);
    uint64_t offset = found.address - in.address; // too large where it lies before the section
    if (in.type == SECTION_NO_BITS || !inside(&file, in.offset, in.size) || offset > in.size)
        return fail(TT_DAMAGED, why, "the ELF file's symbol lies outside of it");
    size_t most = in.size - offset < capacity ? (size_t)(in.size - offset) : capacity;
    const char *begin = (const char *)file.bytes + in.offset + offset;
    size_t used = strnlen(begin, most);
    if (used == most)
        return fail(TT_DAMAGED, why, "the ELF file's text is too long, or has no end");
    memcpy(text, begin, used + 1);
    return TT_OK;
}

tt_status tt_elf_machine(const void *bytes, size_t length, unsigned *machine, tt_text *why)
{
    elf file;
    tt_status status = open_elf(&file, bytes, length, why);
    if (status == TT_OK)
        *machine = file.bytes[18] | (unsigned)file.bytes[19] << 8; // e_machine
    return status;
}

const char *tt_elf_machine_name(unsigned machine)
{
    switch (machine) {
    case TT_ELF_X86_64:
        return "x86-64";
    case TT_ELF_ARM:
        return "32-bit Arm";
    case TT_ELF_AARCH64:
        return "AArch64";
    case TT_ELF_RISCV:
        return "RISC-V";
    default:
        return "another processor";
    }
}

tt_status tt_elf_measure(const void *bytes, size_t length, tt_elf_sizes *sizes, tt_text *why)
{
    elf file;
    *sizes = (tt_elf_sizes){0};
    tt_status status = open_elf(&file, bytes, length, why);
    if (status != TT_OK)
        return status;
    for (unsigned i = 0; i < file.section_count; i++) {
        section counted = section_at(&file, i);
        bool takes_no_ram = (counted.flags & FLAG_THREAD) != 0 && counted.type == SECTION_NO_BITS;
        if ((counted.flags & FLAG_ALLOCATED) == 0 || takes_no_ram)
            continue;
        if (counted.type != SECTION_NO_BITS)
            sizes->flash += counted.size;
        if ((counted.flags & FLAG_WRITE) != 0)
            sizes->ram += counted.size;
    }
    return TT_OK;
}
