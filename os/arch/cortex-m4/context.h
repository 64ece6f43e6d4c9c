// A thread's context on a Cortex-M4F: everything is on its stack, and the guard is an MPU region.

#ifndef TUTTI_OS_ARCH_CORTEX_M4_CONTEXT_H
#define TUTTI_OS_ARCH_CORTEX_M4_CONTEXT_H

#include <stdint.h>

#include "tutti/cpu.h"

// No function's frame is larger than this (the compiler checks), so neither an overflow steps over
// the guard, nor the 108 bytes at most that the CPU saves below such a frame when an interrupt
// comes before the function has touched it.
#define TT_STACK_FRAME_MAX 768
#define TT_FIRST_STACK_BYTES 6144

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
    // PendSV in ICSR: taken when interrupts are on again, after all other interrupts. No later: a
    // CPU with a write buffer (M7, M55) must have seen it before it goes on (Arm DAI 0321).
    *(volatile uint32_t *)0xe000ed04 = 1u << 28;
    __asm__ volatile("dsb" ::: "memory");
}

static inline void tt_arch_device_fence(void)
{
    __asm__ volatile("dmb" ::: "memory");
}

// A piece of the memory map: 2^log2 bytes (at least 32), aligned to its size.
typedef struct tt_cm_region {
    uint32_t base, log2;
} tt_cm_region;

// What can be accessed, and nothing beside it: no second address of the same memory, no memory that
// the linker script does not give away. `null` (inside code that begins at 0) cannot be, either:
// there are the vectors, which only the CPU reads. `window` is a medium's, which is only read. A
// piece of no log2 is none.
typedef struct tt_cm_map {
    tt_cm_region code, data, devices, null, more_data, window;
} tt_cm_map;

// For the board's start-up code, the FPU being on: protection, exception priorities.
void tt_cm_init(const tt_cm_map *map);

// Lets the window be written, or not any more: for the medium's driver, while it does. From a
// thread.
void tt_cm_window_write(tt_cm_region window, _Bool may);

#endif
