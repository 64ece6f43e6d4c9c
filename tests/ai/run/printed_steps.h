// The forms of programs' steps, of some fifty programs in one file of C, compiled in several ways
// and held against the interpreter, bit for bit.

#ifndef TUTTI_TESTS_PRINTED_STEPS_H
#define TUTTI_TESTS_PRINTED_STEPS_H

#include "tests/ai/emit/printed.h"
#include "tutti/graph.h"

// Makes a program of the graph and runs the forms of it by the interpreter, each on memory filled
// from the seed; but those longer than so many instructions. Returns how many there are by now, of
// up to a thousand graphs.
unsigned printed_steps_add(const tt_graph *graph, uint64_t seed, uint32_t longest);

// Compiles all of them in each of these ways, runs them in two parts, the later one first, and
// forgets them. False, which it says, where bits are others or something is written beside their
// buffers.
bool printed_steps_check(const char *folder, unsigned ways);

#endif
