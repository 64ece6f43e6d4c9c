// A thread's context on a Cortex-M4F: everything is on its stack, and the guard is an MPU region.

#ifndef TUTTI_OS_ARCH_CORTEX_M4_CONTEXT_H
#define TUTTI_OS_ARCH_CORTEX_M4_CONTEXT_H

#include <stdint.h>

// A region of the MPU is aligned to its size. No function's frame is larger than TT_STACK_FRAME_MAX
// (the compiler checks), so neither an overflow steps over the guard, nor the 108 bytes at most
// that the CPU saves below such a frame when an interrupt comes before the function has touched it.
#define TT_STACK_GUARD 1024
#define TT_STACK_FRAME_MAX 768
#define TT_STACK_ALIGNMENT 1024
#define TT_FIRST_STACK_BYTES 6144
#define TT_IDLE_STACK_BYTES 1024

// Of the board's linker script. The board has no memory below the stack of
// exceptions: its guard is there.
extern uint8_t tt_exception_stack_low[], tt_exception_stack[];

// Memory that start-up does not clear and a reset keeps.
#define TT_KEPT __attribute__((section(".noinit"), aligned(8)))

typedef struct tt_arch_context {
    uint32_t *stack_pointer; // of the saved registers; first: switch.S
    uint32_t guard;          // value for MPU_RBAR that moves the guard below this stack; second
} tt_arch_context;

// Of os/arch/arch.h; here, because every operation of the kernel begins and ends with them.
static inline uintptr_t tt_arch_lock(void)
{
    uint32_t primask;
    __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(primask)::"memory");
    return primask;
}

static inline void tt_arch_unlock(uintptr_t state)
{
    __asm__ volatile("msr primask, %0\n isb" ::"r"(state) : "memory");
}

static inline _Bool tt_arch_in_interrupt(void)
{
    uint32_t ipsr;
    __asm__("mrs %0, ipsr" : "=r"(ipsr)); // the same throughout a function
    return ipsr != 0;
}

static inline void tt_arch_switch(void)
{
    // PendSV in ICSR: taken when interrupts are on again, after all other interrupts.
    *(volatile uint32_t *)0xe000ed04 = 1u << 28;
}

// For the board's start-up code: FPU, protection of code and data, exception priorities. Sizes are
// powers of two, given by their exponents.
void tt_cm_init(uint32_t code, uint32_t code_log2, uint32_t data, uint32_t data_log2);

#endif
