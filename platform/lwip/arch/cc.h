// What lwIP asks of its compiler and surroundings. Its checks are ours, its randomness comes from
// stack.c, and it prints nothing.

#ifndef TUTTI_LWIP_ARCH_CC_H
#define TUTTI_LWIP_ARCH_CC_H

#include <stdint.h>
#include <sys/types.h>

#include "tutti/check.h"

// sys/types.h has the type; without this lwIP would define it again.
#ifndef SSIZE_MAX
#define SSIZE_MAX INT_MAX
#endif
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_PLATFORM_DIAG(arguments)
#define LWIP_PLATFORM_ASSERT(text) tt_check_failed("lwip", __LINE__, text)

uint32_t tt_stack_random(void);
#define LWIP_RAND() tt_stack_random()

#endif
