// Checks for what only a bug can cause. A failed check stops the program with a report.
//
// TT_CHECK stays on in release builds. What a failure does is the program's choice: the kernel
// prints registers and stack and stops the device, a host program prints and aborts.

#ifndef TUTTI_CHECK_H
#define TUTTI_CHECK_H

#define TT_CHECK(condition)                                                                        \
    ((condition) ? (void)0 : tt_check_failed(__FILE__, __LINE__, #condition))

// Reports a failed check to the handler, and never returns: a handler that returns is followed by
// a trap instruction.
_Noreturn void tt_check_failed(const char *file, int line, const char *condition);

// Called with the place and the text of a failed check. Set once at start; NULL traps at once.
typedef void tt_check_handler(const char *file, int line, const char *condition);
void tt_check_set_handler(tt_check_handler *handler);

#define TT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TT_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
