// Which lines of a device's console are new to somebody who follows it over restarts.

#ifndef TUTTI_CLI_LOG_LINES_H
#define TUTTI_CLI_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TT_LOG_LINE_KEPT 512 // bytes of the newest line that are compared

// All zero at the beginning.
typedef struct tt_log_lines {
    unsigned long printed;       // number of the newest line that was printed
    bool any;                    // one was
    char line[TT_LOG_LINE_KEPT]; // its begin
    size_t line_length;
    uint32_t boot; // of the life that is followed; 0: not known
    bool started;  // another life began since lines were printed
    bool again;    // it is asked for a further time, and still told the same boot number
    bool ahead;    // lines were printed then, perhaps of a life whose boot number is yet to come
} tt_log_lines;

// The device that is asked from now on has this boot number; 0 where it tells none. Each start has
// another one: after a reset the lines go on, after a power cut they count from one again.
void tt_log_lines_set_boot(tt_log_lines *lines, uint32_t boot);

// Prints those lines of /log that were not printed yet; the last is left out while it has no end.
// Lines that began anew show by fewer of them, by another line in the place of the newest, or by a
// start that added none: two lives may say the same in the same millisecond.
void tt_log_lines_print(tt_log_lines *lines, FILE *file, const char *text, size_t length);

#endif
