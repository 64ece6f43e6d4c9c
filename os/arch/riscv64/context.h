// A thread's context on RISC-V 64 in supervisor mode: every register, in the thread's own
// structure, so that a trap never touches the thread's stack.

#ifndef TUTTI_OS_ARCH_RISCV64_CONTEXT_H
#define TUTTI_OS_ARCH_RISCV64_CONTEXT_H

#include <stdint.h>

#include "tutti/cpu.h"

#define TT_STACK_FRAME_MAX 3072 // of one function (the compiler checks): none steps over it
#define TT_FIRST_STACK_BYTES (16 * 1024)

// The offsets are known to trap.S.
// Memory that start-up does not clear and a reset keeps.
#define TT_KEPT __attribute__((section(".noinit"), aligned(8)))

typedef struct tt_arch_context {
    uint64_t x[32];        // x[0]: the program counter
    uint64_t status;       // sstatus
    uint64_t float_status; // fcsr
    uint64_t f[32];
} tt_arch_context;

// A fence of memory alone says nothing about device registers (Unprivileged Architecture, 2.7).
static inline void tt_arch_device_fence(void)
{
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}

#endif
