// Forms printed to C, compiled as shared objects by each compiler for each width, and called.

#ifndef TUTTI_TESTS_PRINTED_H
#define TUTTI_TESTS_PRINTED_H

#include "ai/emit/c.h"

#define PRINTED_WAYS 8    // four widths by gcc and clang
#define PRINTED_ALL 0xffu // a bit each

typedef void printed_function(void *const *buffers, long from, long to, void *local);

const char *printed_way(unsigned way); // "gcc avx2"
bool printed_runs(unsigned way);       // whether the machine can; says so once where not

// Writes f0, f1 ... of the forms to folder/NAME.c and compiles it in each of `ways`, two at a time.
// Prints what the compiler says and returns false where one fails. A compiler that is not there is
// skipped.
bool printed_compile(const char *folder, const char *name, const tt_form *forms, unsigned count,
                     unsigned ways);
// The shared object of one way, for dlsym; NULL where it is not there, and the test's end where it
// cannot be loaded. Never closed.
void *printed_open(const char *folder, const char *name, unsigned way);

// Makes an empty folder, which is removed when the program ends.
const char *printed_folder(void);

#endif
