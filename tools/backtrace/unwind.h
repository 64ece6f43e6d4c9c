// From one frame to its caller's, by the compiler's own description (DWARF 4, section 6.4).

#ifndef TUTTI_TOOLS_BACKTRACE_UNWIND_H
#define TUTTI_TOOLS_BACKTRACE_UNWIND_H

#include "tools/backtrace/image.h"

#define TT_UNWIND_REGISTERS 64

typedef struct tt_frame {
    uint64_t pc, value[TT_UNWIND_REGISTERS]; // by DWARF's numbers of the machine
    bool known[TT_UNWIND_REGISTERS];
} tt_frame;

// Reads a word of the dumped stack; false where the dump does not hold it.
typedef bool tt_read_word(void *context, uint64_t address, uint64_t *word);

unsigned tt_unwind_stack_register(const tt_image *image);

// Is there a description of the code at the address?
bool tt_unwind_knows(const tt_image *image, uint64_t address);

// Makes `frame` its caller's. `exact`: pc is where it faulted, otherwise a return address, whose
// call lies before it. False where the way ends: NULL in `why` for the outermost frame, else a
// sentence.
bool tt_unwind(const tt_image *image, tt_frame *frame, bool exact, tt_read_word *read,
               void *context, const char **why);

#endif
