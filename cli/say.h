// What the command says besides its answer: failures, notes and progress, all on standard error.

#ifndef TUTTI_CLI_SAY_H
#define TUTTI_CLI_SAY_H

#include <stdbool.h>

// A sentence on a line of its own; an unfinished progress line is ended first.
void tt_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tt_say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Progress. On a terminal each call rewrites one live line; elsewhere only those calls print that
// are `lasting`, each a plain line.
void tt_say_progress(bool lasting, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Removes an unfinished progress line.
void tt_say_progress_end(void);

// "2 min 05 s" or "12 s".
const char *tt_say_duration(double seconds, char text[32]);

#endif
