// A Linux process: its memory is the host's, and so is the protection.

#include "tests/os/attack.h"
#include "tutti/check.h"

#define PROTECTION "memory protection"

extern const uint8_t __executable_start[], etext[]; // of the host's linker

const char *const attack_faults[3] = {PROTECTION, PROTECTION, PROTECTION};

const attack attack_machine[] = {
    {WRITE, (uintptr_t)__executable_start, "write the file's header"},
    {WRITE, (uintptr_t)etext - 4, "write the last code"},
};
const unsigned attack_machine_count = TT_COUNT(attack_machine);
