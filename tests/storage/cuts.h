// Every cut of power, up to three deep: what is enumerated, and what was found (cuts.c).

#ifndef TUTTI_TESTS_STORAGE_CUTS_H
#define TUTTI_TESTS_STORAGE_CUTS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cuts_plan {
    const char *name;
    uint32_t unit, sector_bytes, sectors, extent_sectors; // the latter of the sectors
    uint32_t keys, updates;
    int depth;      // cuts in a row
    uint32_t every; // bytes of a program: each so many-eth, and the first and the last
    bool four_torn; // the torn byte is old, new, old & new, or random; else old or new
    bool aged;      // it begins with a store whose sectors are all in use
} cuts_plan;

typedef struct cuts_found {
    uint64_t states, cuts;                  // images that were opened; cuts that led to them
    uint64_t lost, unmountable, unwritable; // and what was wrong with how many
    uint64_t collections;                   // of the workload
    bool until_wrong;                       // stop where something is
    bool no_batches;                        // of what runs each write is one change
} cuts_found;

// Runs a plan and adds to `found`; says what is wrong with the first few.
void cuts_run(const cuts_plan *plan, cuts_found *found);

// A line of what was found, behind `of`.
void cuts_say(const char *of, const cuts_plan *plan, const cuts_found *found, double seconds);

// Whether a plan's name begins with one of a command line's words.
bool cuts_is_named(const char *name, int count, char **words);

#endif
