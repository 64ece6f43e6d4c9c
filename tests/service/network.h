// What the tests of models on the bus share: two networks with random weights and their plans, an
// image, and whether an answer is that of one of them.

#ifndef TUTTI_TESTS_SERVICE_NETWORK_H
#define TUTTI_TESTS_SERVICE_NETWORK_H

#include "tests/ai/convert/made_up_plan.h"
#include "tests/bus/devices.h"

#define PATH "ai/models/fashion"
#define SLOT_BYTES (80 * 1024)
#define ARENA_BYTES (16 * 1024)
#define PIXELS MADE_UP_PIXELS
#define CLASSES MADE_UP_CLASSES

typedef struct network {
    tt_quantised *quantised;
    uint8_t *plan;
    size_t length;
} network;

static network first, second;
static uint8_t image[PIXELS];

static network make_network(uint64_t seed)
{
    network n = {.quantised = made_up_network(seed)};
    REQUIRE(tt_quantised_emit(n.quantised, &n.plan, &n.length, NULL) == TT_OK);
    return n;
}

static bool answers_as(const asked *answer, const network *n)
{
    int8_t expected[CLASSES];
    REQUIRE(tt_quantised_run(n->quantised, image, expected) == TT_OK);
    return answer->done && answer->code == TT_CONTENT && answer->length == CLASSES &&
           memcmp(answer->payload, expected, CLASSES) == 0;
}

#endif
