// What the launcher and the reports need from a device image: for which processor it is, where a
// symbol lies or what text it stands for, and how much flash and RAM the image takes.
//
// The bytes are treated as hostile: every offset is checked against the file's length.

#ifndef TUTTI_CLI_ELF_H
#define TUTTI_CLI_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "tutti/status.h"
#include "tutti/text.h"

typedef struct tt_elf_sizes {
    uint64_t flash; // bytes of code, constants and initial values of variables
    uint64_t ram;   // bytes of variables and reserved memory, stacks included
} tt_elf_sizes;

#define TT_ELF_X86_64 62
#define TT_ELF_ARM 40
#define TT_ELF_AARCH64 183
#define TT_ELF_RISCV 243

// Little-endian ELF files of 32 and 64 bits. TT_MALFORMED or TT_DAMAGED with a sentence that says
// what was expected; those that find also TT_NOT_FOUND.
tt_status tt_elf_find(const void *bytes, size_t length, const char *symbol, uint64_t *address,
                      tt_text *why);
// How many bytes a symbol's thing takes.
tt_status tt_elf_find_size(const void *bytes, size_t length, const char *symbol, uint64_t *size,
                           tt_text *why);
// The constant text that a symbol stands for, copied with its terminator; TT_DAMAGED also where it
// has more than `capacity` bytes.
tt_status tt_elf_read_text(const void *bytes, size_t length, const char *symbol, char *text,
                           size_t capacity, tt_text *why);

// For which processor it is: a number of the ELF specification (e_machine), and its name or
// "another processor". Anything that is a little-endian ELF file of its class will do.
tt_status tt_elf_machine(const void *bytes, size_t length, unsigned *machine, tt_text *why);
const char *tt_elf_machine_name(unsigned machine);

tt_status tt_elf_measure(const void *bytes, size_t length, tt_elf_sizes *sizes, tt_text *why);

#endif
