// Checks for what only a bug can cause. A failed check stops the program with a report.
//
// TT_CHECK stays on in release builds. What a failure does is the program's choice: the kernel
// prints registers and stack and ends the device, a program on a host prints the sentence
// "check failed: FILE:LINE: CONDITION" on standard error and aborts.

#ifndef TUTTI_CHECK_H
#define TUTTI_CHECK_H

#include <stddef.h>

#include "tutti/language.h"

TT_C_BEGIN

#define TT_CHECK(condition)                                                                        \
    ((condition) ? (void)0 : tt_check_failed(__FILE__, __LINE__, #condition))

// Reports a failed check to the handler, and never returns: a handler that returns is followed by
// what follows where none is set, a trap on a device, the sentence and an abort on a host.
TT_NORETURN void tt_check_failed(const char *file, int line, const char *condition);

// Called with the place and the text of a failed check. Set once at start; NULL: none.
typedef void tt_check_handler(const char *file, int line, const char *condition);
void tt_check_set_handler(tt_check_handler *handler);

#define TT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TT_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

TT_C_END

#endif
