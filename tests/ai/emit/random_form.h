// Random sound forms, and the buffers that they read and write.

#ifndef TUTTI_TESTS_RANDOM_FORM_H
#define TUTTI_TESTS_RANDOM_FORM_H

#include "ai/lower/form.h"

#define RF_ELEMENTS 11               // types that forms know
#define RF_COUNT 4096                // elements of a buffer
#define RF_BUFFERS (2 * RF_ELEMENTS) // one of each type to read, then one of each to write

tt_element random_form_element(unsigned buffer);
uint64_t random_form_next(uint64_t *state);
float random_form_float(uint64_t *state); // often one at which arithmetic changes

// Buffers are filled alike for each seed; those to write with zeros. False: no memory.
bool random_form_buffers(void *buffers[RF_BUFFERS], uint64_t seed);
void random_form_clear(void *buffers[RF_BUFFERS]); // those to write
void random_form_free(void *buffers[RF_BUFFERS]);

// The same form for the same seed. A float's bits become an integer only where it is a number: of
// those that are none, processors choose sign and payload.
void random_form(tt_form *form, uint64_t seed);

#endif
