// The `virt` board's memory: the image's first and last bytes of each right, and what is not
// mapped.

#include "os/arch/pages.h"
#include "tests/os/attack.h"
#include "tutti/check.h"

const char *const attack_faults[3] = {"data page", "data page", "instruction page"};

#include "tests/os/attack_pages.h"
const attack attack_machine[] = {
    ATTACK_PAGES,
    {READ, 0x40000000, "read before the image"},
    {WRITE, 0x40000000, "write before the image"},
    {RUN, 0x09000000, "run a device"},
    {READ, 0x04000000, "read a device that nobody uses"},
    {READ, 0x48000000, "read behind the image"},
    {READ, 0xffffff8040200000, "read code in the upper half"},
};
const unsigned attack_machine_count = TT_COUNT(attack_machine);
