// The MPS2's memory (Arm DAI 0386, 3): code and data appear twice each, the CPU shows the data's
// bits once more as words (ARMv7-M, B3.1), and there is memory that no linker script gives away.

#include "tests/os/attack.h"
#include "tutti/check.h"

#define CODE_ALIAS 0x00400000u
#define DATA 0x20000000u
#define DATA_ALIAS 0x20400000u
#define PROTECTION "memory protection"

const char *const attack_faults[3] = {PROTECTION, PROTECTION, PROTECTION};

const attack attack_machine[] = {
    {WRITE, 0x00000400, "write the first code"},
    {WRITE, 0x0003fffc, "write the last code"},
    {READ, CODE_ALIAS, "read NULL through the alias"},
    {READ, CODE_ALIAS + 0x400, "read code through the alias"},
    {WRITE, CODE_ALIAS + 0x400, "write code through the alias"},
    {RUN, CODE_ALIAS + 0x400, "run code through the alias"},
    {WRITE, CODE_ALIAS + 0x3fffc, "write the last code through the alias"},
    {READ, 0x00040000, "read behind the code"},
    {WRITE, 0x00040000, "write behind the code"},
    {RUN, 0x00040000, "run behind the code"},
    {RUN, DATA, "run the first data"},
    {RUN, DATA + 0x3fffc, "run the last data"},
    {READ, DATA - 4, "read before the data"},
    {WRITE, DATA - 4, "write before the data"},
    {READ, DATA + 0x40000, "read behind the data"},
    {WRITE, DATA + 0x40000, "write behind the data"},
    {RUN, DATA + 0x40000, "run behind the data"},
    {READ, DATA_ALIAS, "read data through the alias"},
    {WRITE, DATA_ALIAS, "write data through the alias"},
    {RUN, DATA_ALIAS, "run data through the alias"},
    {READ, 0x22000000, "read data through their bits"},
    {WRITE, 0x22000000, "write data through their bits"},
    {WRITE, 0x21000000, "write the medium"},
    {WRITE, 0x210ffffc, "write the last of the medium"},
    {RUN, 0x21000000, "run the medium"},
    {READ, 0x20fffffc, "read before the medium"},
    {READ, 0x21100000, "read the large memory behind the medium"},
    {WRITE, 0x21100000, "write the large memory"},
    {RUN, 0x21100000, "run the large memory"},
    {WRITE, 0x01000000, "write the block memory"},
    {RUN, 0x01000000, "run the block memory"},
    {RUN, 0x40004000, "run a device"},
    {RUN, 0x40200000, "run the last device"},
    {READ, 0x3ffffffc, "read before the devices"},
    {READ, 0x40400000, "read behind the devices"},
    {WRITE, 0x42000000, "write a device through its bits"},
    {RUN, 0xe000ed00, "run the CPU's own registers"},
};
const unsigned attack_machine_count = TT_COUNT(attack_machine);
