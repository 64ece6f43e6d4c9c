// What both sides of the comparison of rates share: bodies that can be checked, and the time.

#ifndef TUTTI_BENCH_BUS_RATE_H
#define TUTTI_BENCH_BUS_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_MAX 1024

// Word i of body n is n + i; so the sum of all words of some bodies follows from how many there
// are and the sum of their numbers.
typedef struct tally {
    uint64_t count, numbers, words;
} tally;

void make_body(uint8_t *bytes, size_t length, uint64_t number);
void take_body(tally *t, const uint8_t *bytes, size_t length);
// Whether these are bodies of that length, each whole, none twice where none of `sent` is missing.
bool is_right(const tally *t, size_t length, uint64_t sent);

double now_seconds(void);
_Noreturn void fail(const char *what);

// Prints the rate and the loss under a name; ends the program where the tally is not right.
void print_rate(const char *name, const tally *t, size_t length, uint64_t sent, double seconds);

// mosquitto between a process that publishes and one that subscribes.
void measure_mosquitto(const char *name, size_t length, double seconds);

#endif
