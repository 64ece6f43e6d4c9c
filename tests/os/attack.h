// Attacks on memory protection: what must fault, and how it is told.

#ifndef TUTTI_TESTS_OS_ATTACK_H
#define TUTTI_TESTS_OS_ATTACK_H

#include <stddef.h>
#include <stdint.h>

typedef enum attack_kind { READ, WRITE, RUN } attack_kind;

typedef struct attack {
    attack_kind kind;
    uintptr_t address; // of 4 bytes
    const char *what;
} attack;

// Of one machine (attack_MACHINE.c): its names of the faults of each kind, and the attacks that its
// memory map allows beside those that attack.c makes everywhere.
extern const char *const attack_faults[3];
extern const attack attack_machine[];
extern const unsigned attack_machine_count;

#endif
