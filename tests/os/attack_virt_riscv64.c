// The `virt` board's memory: the image's first and last bytes of each right, the firmware's memory
// below it, and what is not mapped.

#include "os/arch/pages.h"
#include "tests/os/attack.h"
#include "tutti/check.h"

const char *const attack_faults[3] = {"load page", "store page", "instruction page"};

#include "tests/os/attack_pages.h"
const attack attack_machine[] = {
    ATTACK_PAGES,
    {READ, 0x80000000, "read the firmware"},
    {WRITE, 0x80000000, "write the firmware"},
    {RUN, 0x10000000, "run a device"},
    {RUN, 0x00100000, "run a device of small pages"},
    {RUN, 0x0c000000, "run a device of large pages"},
    {READ, 0x00101000, "read a device that nobody uses"},
    {READ, 0x88000000, "read behind the image"},
    {READ, 0xffffffc080200000, "read code in the upper half"},
};
const unsigned attack_machine_count = TT_COUNT(attack_machine);
