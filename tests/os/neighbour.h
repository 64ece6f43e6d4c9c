// A stack with memory below it that somebody else owns: neighbour.c fills that with a pattern, and
// looks at it on the way out (the linker puts it in front of tt_board_stop).

#ifndef TUTTI_TESTS_OS_NEIGHBOUR_H
#define TUTTI_TESTS_OS_NEIGHBOUR_H

#include "tutti/kernel.h"

extern uint8_t *const neighbour_stack; // aligned as a TT_STACK

// Starts `run` on that stack.
void neighbour_start(const char *name, uint8_t priority, void (*run)(void *argument));
void neighbour_join(void);

#endif
