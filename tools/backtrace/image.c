// Reading the parts of an ELF file (System V ABI, chapters 4 and 5), little-endian, 32 and 64 bits.

#include "tools/backtrace/image.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool inside(const tt_image *image, uint64_t offset, uint64_t length)
{
    return offset <= image->length && length <= image->length - offset;
}

// Section headers of both classes in the larger one's shape.
static bool section_header(const tt_image *image, unsigned index, Elf64_Shdr *header)
{
    if (image->word_bytes == 8) {
        const Elf64_Ehdr *elf = (const Elf64_Ehdr *)image->file;
        uint64_t offset = elf->e_shoff + (uint64_t)index * sizeof(Elf64_Shdr);
        if (index >= elf->e_shnum || !inside(image, offset, sizeof(Elf64_Shdr)))
            return false;
        memcpy(header, image->file + offset, sizeof(*header));
    } else {
        const Elf32_Ehdr *elf = (const Elf32_Ehdr *)image->file;
        uint64_t offset = elf->e_shoff + (uint64_t)index * sizeof(Elf32_Shdr);
        Elf32_Shdr small;
        if (index >= elf->e_shnum || !inside(image, offset, sizeof(small)))
            return false;
        memcpy(&small, image->file + offset, sizeof(small));
        *header = (Elf64_Shdr){.sh_name = small.sh_name,
                               .sh_type = small.sh_type,
                               .sh_flags = small.sh_flags,
                               .sh_addr = small.sh_addr,
                               .sh_offset = small.sh_offset,
                               .sh_size = small.sh_size,
                               .sh_link = small.sh_link};
    }
    return header->sh_type == SHT_NOBITS || inside(image, header->sh_offset, header->sh_size);
}

static const char *text_at(const tt_image *image, unsigned table, uint64_t offset)
{
    Elf64_Shdr header;
    if (!section_header(image, table, &header) || offset >= header.sh_size)
        return "";
    const char *text = (const char *)image->file + header.sh_offset + offset;
    return memchr(text, 0, header.sh_size - offset) != NULL ? text : "";
}

bool tt_image_read(tt_image *image, const char *path, const char **why)
{
    *image = (tt_image){0};
    FILE *file = fopen(path, "rb");
    *why = "the file cannot be read";
    if (file == NULL)
        return false;
    if (fseek(file, 0, SEEK_END) == 0) {
        long length = ftell(file);
        rewind(file);
        image->file = length > 0 ? malloc((size_t)length) : NULL;
        if (image->file != NULL)
            image->length = fread(image->file, 1, (size_t)length, file);
    }
    fclose(file);
    *why = "the file is no little-endian ELF file";
    if (image->length < sizeof(Elf64_Ehdr) || memcmp(image->file, ELFMAG, SELFMAG) != 0 ||
        image->file[EI_DATA] != ELFDATA2LSB)
        return false;
    image->word_bytes = image->file[EI_CLASS] == ELFCLASS64 ? 8 : 4;
    image->machine = ((const Elf32_Ehdr *)image->file)->e_machine; // at one place in both
    *why = "the file is for another machine: expected Arm, RISC-V, AArch64 or x86-64";
    return image->machine == EM_ARM || image->machine == EM_RISCV || image->machine == EM_AARCH64 ||
           image->machine == EM_X86_64;
}

tt_image_section tt_image_find(const tt_image *image, const char *section)
{
    unsigned names = image->word_bytes == 8 ? ((const Elf64_Ehdr *)image->file)->e_shstrndx
                                            : ((const Elf32_Ehdr *)image->file)->e_shstrndx;
    Elf64_Shdr header;
    for (unsigned i = 0; section_header(image, i, &header); i++)
        if (header.sh_type != SHT_NOBITS &&
            strcmp(text_at(image, names, header.sh_name), section) == 0)
            return (tt_image_section){image->file + header.sh_offset, header.sh_size,
                                      header.sh_addr};
    return (tt_image_section){0};
}

// One symbol of either class; false past the table's end.
static bool symbol(const tt_image *image, const Elf64_Shdr *table, uint64_t index, Elf64_Sym *out)
{
    if (image->word_bytes == 8) {
        if ((index + 1) * sizeof(Elf64_Sym) > table->sh_size)
            return false;
        memcpy(out, image->file + table->sh_offset + index * sizeof(*out), sizeof(*out));
        return true;
    }
    Elf32_Sym small;
    if ((index + 1) * sizeof(small) > table->sh_size)
        return false;
    memcpy(&small, image->file + table->sh_offset + index * sizeof(small), sizeof(small));
    *out = (Elf64_Sym){.st_name = small.st_name,
                       .st_info = small.st_info,
                       .st_value = small.st_value,
                       .st_size = small.st_size};
    return true;
}

const char *tt_image_function(const tt_image *image, uint64_t address, uint64_t *offset)
{
    Elf64_Shdr table;
    for (unsigned i = 0; section_header(image, i, &table); i++) {
        if (table.sh_type != SHT_SYMTAB)
            continue;
        Elf64_Sym found;
        for (uint64_t k = 0; symbol(image, &table, k, &found); k++) {
            uint64_t start = found.st_value;
            if (image->machine == EM_ARM)
                start &= ~1ull; // Thumb
            if (ELF64_ST_TYPE(found.st_info) != STT_FUNC || address < start)
                continue;
            // A function written in assembly may not say how long it is.
            if (address - start < (found.st_size > 0 ? found.st_size : 4)) {
                *offset = address - start;
                return text_at(image, table.sh_link, found.st_name);
            }
        }
    }
    return NULL;
}

bool tt_image_peek(const tt_image *image, uint64_t address, void *bytes, size_t length)
{
    Elf64_Shdr header;
    for (unsigned i = 0; section_header(image, i, &header); i++) {
        if (header.sh_type == SHT_NOBITS || !(header.sh_flags & SHF_ALLOC) ||
            address < header.sh_addr || address - header.sh_addr > header.sh_size ||
            length > header.sh_size - (address - header.sh_addr))
            continue;
        memcpy(bytes, image->file + header.sh_offset + (address - header.sh_addr), length);
        return true;
    }
    return false;
}
