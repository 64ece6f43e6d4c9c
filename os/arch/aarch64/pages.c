// AArch64 page tables (Arm ARM, D8): 39-bit identity map, 4 KiB pages for the image, 2 MiB blocks
// for devices.

#include "os/arch/pages.h"
#include "tutti/check.h"

#define MEGA 0x200000ul
#define GIGA 0x40000000ul
#define IMAGE_TABLES (TT_PAGES_IMAGE_MAX / MEGA)
#define TABLE 3u
#define BLOCK 1u
#define PAGE_ENTRY 3u
#define ACCESSED (1u << 10)
#define INNER_SHAREABLE (3u << 8)
#define READ_ONLY (2u << 6)
#define ATTRIBUTES_DEVICE (0u << 2)
#define ATTRIBUTES_NORMAL (1u << 2)
#define NO_EXECUTE (3ull << 53) // privileged and not

typedef uint64_t table[512];
static table root __attribute__((aligned(TT_PAGE)));
static table devices __attribute__((aligned(TT_PAGE))); // the first GiB
static table memory __attribute__((aligned(TT_PAGE)));  // the GiB of the image
static table image[IMAGE_TABLES] __attribute__((aligned(TT_PAGE)));

static uint64_t *image_entry(uintptr_t address)
{
    uintptr_t base = (uintptr_t)tt_text_begin / MEGA * MEGA;
    return &image[(address - base) / MEGA][address / TT_PAGE % 512];
}

static void map_image(uintptr_t from, uintptr_t to, uint64_t rights)
{
    for (uintptr_t at = from; at < to; at += TT_PAGE)
        *image_entry(at) =
            at | rights | ACCESSED | INNER_SHAREABLE | ATTRIBUTES_NORMAL | PAGE_ENTRY;
}

// Before the caches go on: what they hold of memory that was written past them is older than the
// memory (Arm ARM, B2.8 and D7.5); whoever loaded the image has cleaned it to memory. Nothing is
// written to memory by way of a cache until then.
static void invalidate_caches(uintptr_t from, uintptr_t to)
{
    uint64_t type;
    __asm__ volatile("mrs %0, ctr_el0" : "=r"(type));
    uintptr_t line_bytes = 4ul << (type >> 16 & 15);
    for (uintptr_t at = from / line_bytes * line_bytes; at < to; at += line_bytes)
        __asm__ volatile("dc ivac, %0" ::"r"(at) : "memory");
    __asm__ volatile("dsb sy\n ic iallu\n dsb sy\n isb" ::: "memory");
}

void tt_pages_init(const tt_range *registers, unsigned count)
{
    uintptr_t base = (uintptr_t)tt_text_begin / MEGA * MEGA;
    TT_CHECK((uintptr_t)tt_image_end - base <= TT_PAGES_IMAGE_MAX);
    root[0] = (uintptr_t)devices | TABLE;
    root[base / GIGA] = (uintptr_t)memory | TABLE;
    for (unsigned i = 0; i < count; i++)
        for (uintptr_t at = registers[i].begin; at < registers[i].end; at += MEGA)
            devices[at / MEGA] = at | NO_EXECUTE | ACCESSED | ATTRIBUTES_DEVICE | BLOCK;
    for (unsigned i = 0; i < IMAGE_TABLES; i++)
        memory[base % GIGA / MEGA + i] = (uintptr_t)image[i] | TABLE;
    map_image((uintptr_t)tt_text_begin, (uintptr_t)tt_text_end, READ_ONLY);
    map_image((uintptr_t)tt_text_end, (uintptr_t)tt_rodata_end, READ_ONLY | NO_EXECUTE);
    map_image((uintptr_t)tt_rodata_end, (uintptr_t)tt_image_end, NO_EXECUTE);
    invalidate_caches((uintptr_t)tt_rodata_end, (uintptr_t)tt_image_end);
    // Attribute 0: device nGnRnE; 1: normal, write-back. 39 bits, 4 KiB, the upper half off.
    uint64_t control = 25 | 1u << 8 | 1u << 10 | 3u << 12 | 1ull << 23 | 2ull << 32;
    __asm__ volatile("msr mair_el1, %0\n msr tcr_el1, %1\n msr ttbr0_el1, %2\n isb\n"
                     "dsb sy\n tlbi vmalle1\n dsb sy\n isb" ::"r"(0xff00ull),
                     "r"(control), "r"(root)
                     : "memory");
    uint64_t system;
    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(system));
    system |= 1 | 1u << 2 | 1u << 12; // translation and caches on
    __asm__ volatile("msr sctlr_el1, %0\n isb" ::"r"(system) : "memory");
}

void tt_pages_unmap(uintptr_t address, size_t bytes)
{
    for (uintptr_t at = address; at < address + bytes; at += TT_PAGE)
        *image_entry(at) = 0;
    __asm__ volatile("dsb sy\n tlbi vmalle1\n dsb sy\n isb" ::: "memory");
}

void tt_pages_map(uintptr_t address, size_t bytes)
{
    map_image(address, address + bytes, NO_EXECUTE);
    __asm__ volatile("dsb sy\n isb" ::: "memory"); // what was not there is in no TLB (D8.13)
}
