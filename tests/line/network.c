// See network.h.

#include "tests/line/network.h"
#include "tests/ai/convert/made_up_plan.h"

#define SEED 7

_Static_assert(PIXELS == MADE_UP_PIXELS && CLASSES == MADE_UP_CLASSES, "the same network");

uint8_t *network_plan(size_t *length)
{
    uint8_t *plan;
    tt_quantised *network = made_up_network(SEED);
    tt_quantised_emit(network, &plan, length, NULL);
    tt_quantised_free(network);
    return plan;
}

void network_run(const uint8_t image[PIXELS], int8_t answer[CLASSES])
{
    tt_quantised *network = made_up_network(SEED);
    REQUIRE(tt_quantised_run(network, image, answer) == TT_OK);
    tt_quantised_free(network);
}
