// The text of a dump, as a device sends it, beside a small image for a Cortex-M with call frame
// information: one function of 64 bytes at 0x1000, full of calls.

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/backtrace/dump.h"
#include "tutti/check.h"

#define TEXT_AT 512
#define FRAMES_AT 640
#define NAMES_AT 800

static uint8_t file[1024];

static void add_section(unsigned number, unsigned name, unsigned type, unsigned address,
                        unsigned offset, unsigned length)
{
    Elf32_Shdr header = {.sh_name = name,
                         .sh_type = type,
                         .sh_flags = address != 0 ? SHF_ALLOC : 0,
                         .sh_addr = address,
                         .sh_offset = offset,
                         .sh_size = length};
    memcpy(file + sizeof(Elf32_Ehdr) + number * sizeof(header), &header, sizeof(header));
}

static tt_image make_image(void)
{
    static const char names[] = "\0.text\0.debug_frame\0.shstrtab";
    static const uint8_t frames[] = {16,   0,    0,    0,    255, 255,  255, 255, 1,  0, 2, 0x7c,
                                     14,   0x0c, 13,   0,    0,   0,    0,   0,   24, 0, 0, 0,
                                     0,    0,    0,    0,    0,   0x10, 0,   0,   64, 0, 0, 0,
                                     0x41, 0x0e, 0x10, 0x8e, 1,   0x84, 2,   0,   0,  0, 0, 0};
    Elf32_Ehdr head = {.e_machine = EM_ARM, .e_shoff = sizeof(head), .e_shnum = 4, .e_shstrndx = 3};
    memcpy(file, &head, sizeof(head));
    add_section(1, 1, SHT_PROGBITS, 0x1000, TEXT_AT, 64);
    add_section(2, 7, SHT_PROGBITS, 0, FRAMES_AT, sizeof(frames));
    add_section(3, 20, SHT_STRTAB, 0, NAMES_AT, sizeof(names));
    for (unsigned i = 0; i < 64; i += 4)
        memcpy(file + TEXT_AT + i, "\x00\xf0\x00\xf8", 4); // BL
    memcpy(file + FRAMES_AT, frames, sizeof(frames));
    memcpy(file + NAMES_AT, names, sizeof(names));
    return (tt_image){.file = file, .length = sizeof(file), .word_bytes = 4, .machine = EM_ARM};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tt_image image;
    if (image.file == NULL) {
        image = make_image();
        FILE *nowhere = freopen("/dev/null", "w", stdout);
        TT_CHECK(nowhere != NULL);
    }
    char *text = malloc(size + 1); // of this size, so that reading past it is seen
    tt_dump_calls calls;
    TT_CHECK(text != NULL);
    memcpy(text, data, size);
    if (tt_dump_read(&image, text, size, &calls))
        TT_CHECK(calls.count >= 1 && calls.count <= TT_DUMP_FRAMES_MAX);
    free(text);
    return 0;
}
