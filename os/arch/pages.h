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

// Maps the image and the board's devices, and turns translation on.
void tt_pages_init(void);

// Takes pages of the image away: a later access faults.
void tt_pages_unmap(uintptr_t address, size_t bytes);

#endif
