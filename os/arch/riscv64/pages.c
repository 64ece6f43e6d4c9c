// Sv39 page tables (Privileged Architecture, 4.4): identity, 4 KiB pages for the image, 2 MiB pages
// for devices.

#include <string.h>

#include "os/arch/pages.h"
#include "tutti/check.h"

#define MEGA 0x200000ul
#define GIGA 0x40000000ul
#define VALID 1u
#define READ 2u
#define WRITE 4u
#define EXECUTE 8u
#define ACCESSED_DIRTY 0xc0u
#define IMAGE_TABLES (TT_PAGES_IMAGE_MAX / MEGA)

typedef uint64_t table[512];
static table root __attribute__((aligned(TT_PAGE)));
static table devices __attribute__((aligned(TT_PAGE)));     // the first GiB
static table low_devices __attribute__((aligned(TT_PAGE))); // the first 2 MiB of it
static table memory __attribute__((aligned(TT_PAGE)));      // the GiB of the image
static table image[IMAGE_TABLES] __attribute__((aligned(TT_PAGE)));

static uint64_t entry(uintptr_t address, uint64_t flags)
{
    return (uint64_t)address >> 12 << 10 | flags | VALID;
}

static uint64_t *image_entry(uintptr_t address)
{
    uintptr_t base = (uintptr_t)tt_text_begin / MEGA * MEGA;
    return &image[(address - base) / MEGA][address / TT_PAGE % 512];
}

static void map_image(uintptr_t from, uintptr_t to, uint64_t flags)
{
    for (uintptr_t at = from; at < to; at += TT_PAGE)
        *image_entry(at) = entry(at, flags | ACCESSED_DIRTY);
}

static void map_device(tt_range registers)
{
    uintptr_t at = registers.begin;
    for (; at < registers.end && at < MEGA; at += TT_PAGE)
        low_devices[at / TT_PAGE] = entry(at, READ | WRITE | ACCESSED_DIRTY);
    for (; at < registers.end; at += MEGA)
        devices[at / MEGA] = entry(at, READ | WRITE | ACCESSED_DIRTY);
}

void tt_pages_init(const tt_range *registers, unsigned count)
{
    uintptr_t base = (uintptr_t)tt_text_begin / MEGA * MEGA;
    TT_CHECK((uintptr_t)tt_image_end - base <= TT_PAGES_IMAGE_MAX);
    root[0] = entry((uintptr_t)devices, 0);
    root[base / GIGA] = entry((uintptr_t)memory, 0);
    devices[0] = entry((uintptr_t)low_devices, 0); // so that the null page need not exist
    for (unsigned i = 0; i < count; i++)
        map_device(registers[i]);
    for (unsigned i = 0; i < IMAGE_TABLES; i++)
        memory[base % GIGA / MEGA + i] = entry((uintptr_t)image[i], 0);
    map_image((uintptr_t)tt_text_begin, (uintptr_t)tt_text_end, READ | EXECUTE);
    map_image((uintptr_t)tt_text_end, (uintptr_t)tt_rodata_end, READ);
    map_image((uintptr_t)tt_rodata_end, (uintptr_t)tt_image_end, READ | WRITE);
    // The tables before the translation; and instructions as whoever loaded them wrote them.
    __asm__ volatile(
        "sfence.vma\n csrw satp, %0\n sfence.vma\n fence.i" ::"r"(8ul << 60 | (uintptr_t)root >> 12)
        : "memory");
}

void tt_pages_unmap(uintptr_t address, size_t bytes)
{
    for (uintptr_t at = address; at < address + bytes; at += TT_PAGE)
        *image_entry(at) = 0;
    __asm__ volatile("sfence.vma" ::: "memory");
}

void tt_pages_map(uintptr_t address, size_t bytes)
{
    map_image(address, address + bytes, READ | WRITE);
    __asm__ volatile("sfence.vma" ::: "memory"); // a TLB may hold that it was not there (4.2.1)
}
