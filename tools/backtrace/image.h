// What a backtrace needs from an ELF file: its machine, its sections, its functions.
//
// The file was built here and is trusted to be well meant, not to be whole: every offset is
// checked.

#ifndef TUTTI_TOOLS_BACKTRACE_IMAGE_H
#define TUTTI_TOOLS_BACKTRACE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tt_image_section {
    const uint8_t *bytes; // NULL: there is none
    size_t length;
    uint64_t address;
} tt_image_section;

typedef struct tt_image {
    uint8_t *file;
    size_t length;
    unsigned word_bytes; // 4 or 8
    unsigned machine;    // EM_ARM, EM_RISCV, EM_AARCH64 or EM_X86_64
} tt_image;

// False with a sentence in `why`, a static text, where the file cannot be used.
bool tt_image_read(tt_image *image, const char *path, const char **why);
tt_image_section tt_image_find(const tt_image *image, const char *section);

// The function that holds an address and how far into it; NULL where there is none.
const char *tt_image_function(const tt_image *image, uint64_t address, uint64_t *offset);

// Bytes of the loaded image at an address; false where it has none.
bool tt_image_peek(const tt_image *image, uint64_t address, void *bytes, size_t length);

#endif
