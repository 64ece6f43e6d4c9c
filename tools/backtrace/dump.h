// From a device's dump and its image to the calls that led to its end.

#ifndef TUTTI_TOOLS_BACKTRACE_DUMP_H
#define TUTTI_TOOLS_BACKTRACE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/backtrace/image.h"

#define TT_DUMP_FRAMES_MAX 32

typedef struct tt_dump_calls {
    uint64_t pcs[TT_DUMP_FRAMES_MAX]; // from the place of the end outwards
    unsigned count;
    bool exact;      // the first is the place itself; else it is where the first call returns to
    const char *why; // it ends there, a static text; or NULL
} tt_dump_calls;

// Prints on standard output what the lines `tutti dump: ...` among `text` say (see tutti/crash.h)
// and where the image is not the one that the dump names; finds the calls. The text is hostile.
// False where it holds no dump.
bool tt_dump_read(const tt_image *image, const char *text, size_t length, tt_dump_calls *calls);

// The same, and prints a line a call. False with a sentence in `why`, a static text, where the
// image cannot be used or the text holds no dump; `in_image` tells which.
bool tt_dump_print_calls(const char *text, size_t length, const char *image_path, const char **why,
                         bool *in_image);

#endif
