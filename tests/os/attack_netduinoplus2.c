// The STM32F405's memory (ST RM0090, 2.3): flash appears at 0, too, the CPU shows the data's and
// the devices' bits once more as words (ARMv7-M, B3.1), and there is memory that no linker script
// gives away: 64 KiB beside the data where no image uses them, the system's, what QEMU 7.2 has
// behind the data.

#include "tests/os/attack.h"
#include "tutti/check.h"

#define CODE 0x08000000u
#define CODE_END (CODE + 0x100000u)
#define DATA 0x20000000u
#define DATA_END (DATA + 0x20000u)
#define CCM 0x10000000u
#define PROTECTION "memory protection"

const char *const attack_faults[3] = {PROTECTION, PROTECTION, PROTECTION};

const attack attack_machine[] = {
    {WRITE, CODE, "write the vectors"},
    {WRITE, CODE_END - 4, "write the last code"},
    {READ, CODE - 4, "read before the code"},
    {READ, CODE_END, "read behind the code"},
    {WRITE, CODE_END, "write behind the code"},
    {RUN, CODE_END, "run behind the code"},
    {READ, 0x400, "read code through the alias"},
    {WRITE, 0x400, "write code through the alias"},
    {RUN, 0x400, "run code through the alias"},
    {RUN, 0xffffc, "run the last code through the alias"},
    {RUN, DATA, "run the first data"},
    {RUN, DATA_END - 4, "run the last data"},
    {READ, DATA - 4, "read before the data"},
    {WRITE, DATA - 4, "write before the data"},
    {READ, DATA_END, "read behind the data"},
    {WRITE, DATA_END, "write behind the data"},
    {RUN, DATA_END, "run behind the data"},
    {READ, 0x22000000, "read data through their bits"},
    {WRITE, 0x22000000, "write data through their bits"},
    {WRITE, CCM, "write the CPU's own memory"},
    {RUN, CCM, "run the CPU's own memory"},
    {READ, 0x1fff0000, "read the system's memory"},
    {RUN, 0x1fff0000, "run the system's memory"},
    {RUN, 0x40011000, "run a device"},
    {READ, 0x3ffffffc, "read before the devices"},
    {READ, 0x40080000, "read behind the devices"},
    {WRITE, 0x42000000, "write a device through its bits"},
    {RUN, 0x50060800, "run a device that nobody uses"},
    {RUN, 0xe000ed00, "run the CPU's own registers"},
};
const unsigned attack_machine_count = TT_COUNT(attack_machine);
