// What tutti/medium.h promises, tried on any medium: on each board (medium.c) and on the host's
// file (test_medium_file.c).

#ifndef TUTTI_TESTS_OS_MEDIUM_CONTRACT_H
#define TUTTI_TESTS_OS_MEDIUM_CONTRACT_H

#include <stdbool.h>

#include "tutti/medium.h"

typedef struct medium_report {
    const char *broken; // what was not as promised, or NULL
    unsigned start;     // so many times the medium has been tried, this time included
    bool overwrites;    // programming a unit twice leaves the second, and not both by AND
    unsigned waited;    // operations that went on after their call
    unsigned told;      // calls of `ready`
    unsigned polls;     // that said TT_BUSY
} medium_report;

// Tries it all, and leaves what the next start finds again.
medium_report medium_try(tt_medium *medium);

// Given by the program: lets some time pass, at most a few milliseconds.
void medium_pause(void);

#endif
