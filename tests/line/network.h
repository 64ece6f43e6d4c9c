// The network with made-up weights that the asker's device is given. A file of its own, since a
// node of a graph and a node of the network have one name.

#ifndef TUTTI_TESTS_LINE_NETWORK_H
#define TUTTI_TESTS_LINE_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#define PIXELS 784
#define CLASSES 10

// Its plan, to be freed with free(); NULL where there is none.
uint8_t *network_plan(size_t *length);
// What its plan must answer; the program ends where that cannot be computed.
void network_run(const uint8_t image[PIXELS], int8_t answer[CLASSES]);

#endif
