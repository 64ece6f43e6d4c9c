// What a graph is run on: inputs from files or a seed, parameters from its file or a seed.

#ifndef TUTTI_CLI_FEED_H
#define TUTTI_CLI_FEED_H

#include "cli/model.h"

// All zeros holds nothing.
typedef struct tt_feed {
    void **data; // by buffer of the graph: of inputs, their elements
    uint32_t count;
} tt_feed;

// Gives each of `count` programs of the opened model's graph the same inputs, and their sessions
// the same parameters and state: the file's; where it has none, parameters are random and state
// stays zero. Inputs are as `files` say ("image=image.npy"), else random: floats between 0 and 1,
// i8 and u8 of all kinds, indices within the axis that they choose from where that is known, other
// whole numbers below 4. The same seed gives the same. A failure is said on behalf of `command`.
tt_exit tt_feed_programs(tt_feed *feed, const char *command, const tt_opened *opened, unsigned seed,
                         const tt_words *files, tt_session *const *sessions,
                         tt_program *const *programs, unsigned count);
void tt_feed_free(tt_feed *feed);

#endif
