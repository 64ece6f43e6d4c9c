// Page tables of the machines that have an MMU: code executes and is not written, constants are
// neither, data do not execute, the null page and stack guards are not there.

#ifndef TUTTI_OS_ARCH_PAGES_H
#define TUTTI_OS_ARCH_PAGES_H

#include <stddef.h>
#include <stdint.h>

#define TT_PAGE 4096
#define TT_PAGES_IMAGE_MAX (4 * 2097152) // bytes of an image with all its memory

// Marks in the linker script of a board.
extern uint8_t tt_text_begin[], tt_text_end[], tt_rodata_end[], tt_image_end[];
extern uint8_t tt_trap_guard[], tt_trap_stack[]; // the guard's begin, the stack's end

// Registers of a board's devices: whole pages; beyond the first 2 MiB whole pieces of 2 MiB.
typedef struct tt_range {
    uintptr_t begin, end;
} tt_range;

// Maps the image and the devices, all in the first GiB, and turns translation on.
void tt_pages_init(const tt_range *devices, unsigned count);

// Makes the CPU ready for the kernel, once, on the first stack: traps, clock, pages.
void tt_cpu_init(const tt_range *devices, unsigned count);

// Takes pages of the image away: a later access faults.
void tt_pages_unmap(uintptr_t address, size_t bytes);

// Gives pages of the image back as data: read, written, not executed.
void tt_pages_map(uintptr_t address, size_t bytes);

#endif
