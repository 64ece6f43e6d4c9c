// What the command says besides its answer: failures, notes and progress, all on standard error.

#ifndef TUTTI_CLI_SAY_H
#define TUTTI_CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// Bytes for a sentence about a file: the longest path there is, and what is wrong with it.
#define TT_SENTENCE_MAX 4608

// Text that a device sent must not command the terminal it is shown on: control characters (C0
// without newline and tab, DEL, and C1 as UTF-8 has it) are written as '?'.
void tt_say_put(FILE *out, const char *text, size_t length);

// What a sentence says may come from anywhere: each goes through tt_say_put.
//
// A sentence on a line of its own; an unfinished progress line is ended first.
void tt_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tt_say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Progress. On a terminal each call rewrites one live line, which never is wider than the terminal
// (as it says, else $COLUMNS, else 80); on one that cannot rewrite (TERM is dumb or not set) a
// plain line comes every ten seconds. Elsewhere only those calls print that are `lasting`, each a
// plain line, as they do everywhere.
void tt_say_progress(bool lasting, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Removes an unfinished progress line.
void tt_say_progress_end(void);

// "2 min 05 s" or "12 s".
const char *tt_say_duration(double seconds, char text[32]);

#endif
