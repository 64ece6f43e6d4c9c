// A thread's context on AArch64 at EL1: every register, in the thread's own structure, so that an
// exception never touches the thread's stack.

#ifndef TUTTI_OS_ARCH_AARCH64_CONTEXT_H
#define TUTTI_OS_ARCH_AARCH64_CONTEXT_H

#include <stdint.h>

#include "tutti/cpu.h"

#define TT_STACK_FRAME_MAX 3072 // of one function (the compiler checks): none steps over it
#define TT_FIRST_STACK_BYTES (16 * 1024)

// The offsets are known to trap.S.
// Memory that start-up does not clear and a reset keeps.
#define TT_KEPT __attribute__((section(".noinit"), aligned(8)))

typedef struct tt_arch_context {
    uint64_t x[31];
    uint64_t sp;     // SP_EL0; of a fault in a handler: SP_EL1
    uint64_t pc;     // ELR_EL1
    uint64_t status; // SPSR_EL1
    uint64_t fpcr, fpsr;
    _Alignas(16) uint64_t q[32][2];
} tt_arch_context;

#define TT_A64_TIMER_LINE 27       // the virtual timer's private interrupt
void tt_a64_timer_interrupt(void); // the board calls it for that line

// Devices that access memory are in the outer shareable domain (Arm ARM, B2.7).
static inline void tt_arch_device_fence(void)
{
    __asm__ volatile("dmb osh" ::: "memory");
}

#endif
