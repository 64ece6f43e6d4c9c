// A thread's context inside one Linux process: a ucontext, and pages that may not be touched.

#ifndef TUTTI_OS_ARCH_LINUX_CONTEXT_H
#define TUTTI_OS_ARCH_LINUX_CONTEXT_H

#include <ucontext.h>

#include "tutti/cpu.h"

// Below a frame of the largest size, which the compiler checks, lies what the host saves for a
// signal: under 4 KiB with the vector registers of today. Both together do not step over the guard.
#define TT_STACK_FRAME_MAX 4096
#define TT_FIRST_STACK_BYTES (256 * 1024) // the host's library is not frugal

// Memory that start-up does not clear and a reset keeps.
#define TT_KEPT __attribute__((section(".noinit"), aligned(8)))

typedef struct tt_arch_context {
    ucontext_t state;
    void (*entry)(void *argument);
    void *argument;
} tt_arch_context;

#define TT_LINUX_LINES 8 // of interrupts

// A file descriptor as a source of interrupts: `line` is raised when it can be read. The descriptor
// is made non-blocking. Returns false where the host refuses.
_Bool tt_linux_interrupt_on_read(int descriptor, unsigned line);

// For the start-up code: signals, the timer, where faults go.
void tt_linux_cpu_init(void);
void tt_linux_provision(void); // of the board: reads the device's seed
void tt_linux_recall(void);    // of the board: takes what a reset kept

// The words after the program's name, for a device's tt_main.
extern int tt_linux_argument_count;
extern char **tt_linux_arguments;

static inline void tt_arch_device_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
