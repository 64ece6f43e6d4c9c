// From a device's dump and its image to the calls that led to its end.

#ifndef TUTTI_TOOLS_BACKTRACE_DUMP_H
#define TUTTI_TOOLS_BACKTRACE_DUMP_H

#include <stdbool.h>
#include <stddef.h>

// Prints on standard output what the lines `tutti dump: ...` among `text` say (see tutti/crash.h),
// then a line a call, from the place of the end outwards; says where the image is not the one that
// the dump names. The text is hostile. False with a sentence in `why`, a static text, where the
// image cannot be used or the text holds no dump; `in_image` tells which.
bool tt_dump_print_calls(const char *text, size_t length, const char *image_path, const char **why,
                         bool *in_image);

#endif
