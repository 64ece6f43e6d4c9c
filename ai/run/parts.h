// A program's forms on their way to machine code, in parts.

#ifndef TUTTI_AI_PARTS_H
#define TUTTI_AI_PARTS_H

#include "ai/run/session_internal.h"

typedef struct tt_parts tt_parts;

// Prints the program's forms and begins to have them compiled, beside the caller or, where he is
// going to wait, only as far as he does not do it himself. NULL: there is no form, no compiler or
// no memory, with a sentence; or, where `*later` is set, all threads that the process has for that
// are at work.
tt_parts *tt_parts_begin(const tt_program *program, bool beside, bool *later, tt_text *why);

// Gives the program's steps the machine code that is there, not while it runs, and the program the
// sentence of what failed first. True: no more will come.
bool tt_parts_take(tt_parts *parts, tt_program *program);

void tt_parts_finish(tt_parts *parts); // returns when all is compiled

// Ends what is at work, within milliseconds, and unloads the code. NULL is allowed.
void tt_parts_free(tt_parts *parts);

#endif
