// The boards that the launcher has an emulator for.

#ifndef TUTTI_CLI_EMULATOR_H
#define TUTTI_CLI_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "tutti/text.h"

#define TT_EMULATOR_WORDS_MAX 12
#define TT_EMULATOR_MEDIUM_MAX 6

typedef struct tt_emulator {
    const char *board; // by the name that its images have for it: tt_board_name
    unsigned machine;  // of them: see cli/elf.h
    const char *program, *package;
    const char *network; // the -device of its Ethernet; NULL: the board's own
    bool line;           // its Ethernet is its second serial line, its address made from its seed
    const char *arguments[TT_EMULATOR_WORDS_MAX + 1];
    // What makes a file the board's medium, the file's name behind the last word; none: it has
    // none. And how large that file has to be.
    const char *medium[TT_EMULATOR_MEDIUM_MAX + 1];
    uint64_t medium_bytes;
} tt_emulator;

// NULL where there is none for that board.
const tt_emulator *tt_emulator_of(const char *board);

// Adds the names of all boards, with commas between.
void tt_emulator_list(tt_text *text);

#endif
