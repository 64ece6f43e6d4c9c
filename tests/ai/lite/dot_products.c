// The innermost loops of ai/lite on the machine that they are written for: each against the loop
// that defines it, for every number of taps up to 70, weights that begin anywhere, and extreme
// values. An image for every machine, since each kind of CPU may have loops of its own.

#include <string.h>

#include "ai/lite/plan.h"
#include "tutti/kernel.h"
#include "tutti/random.h"
#include "tutti/text.h"

#define TAPS_MAX 70
#define ROUNDS 8

static int16_t x[TAPS_MAX] __attribute__((aligned(4))),
    arranged[TAPS_MAX] __attribute__((aligned(4)));
static int8_t weights[4 * TAPS_MAX + 4];
static tt_random generator;

// Every round has other values; the first two have only the greatest and only the least.
static void fill(unsigned round)
{
    for (size_t k = 0; k < TAPS_MAX; k++)
        x[k] = (int16_t)((int)tt_random_below(&generator, 511) - 255);
    tt_random_bytes(&generator, weights, sizeof(weights));
    for (size_t k = 0; round < 2 && k < TAPS_MAX; k++)
        x[k] = round == 0 ? 255 : -255;
    if (round < 2)
        memset(weights, -128, sizeof(weights));
}

static unsigned wrong(size_t taps, const int8_t *w)
{
    static const uint32_t starts[4] = {0, 0x7ffffff0, 0x80000000, 0xfffffff3}; // sums that overflow
    uint32_t sums[4];
    unsigned differ = 0;
    memcpy(sums, starts, sizeof(sums));
    memcpy(arranged, x, sizeof(arranged));
    tt_lite_arrange(arranged, taps);
    tt_lite_dot4(arranged, w, taps, sums);
    for (size_t channel = 0; channel < 4; channel++) {
        uint32_t expected = starts[channel];
        for (size_t k = 0; k < taps; k++)
            expected += (uint32_t)(x[k] * w[channel * taps + k]);
        differ += sums[channel] != expected;
        differ += tt_lite_dot1(arranged, w + channel * taps, taps, starts[channel]) != expected;
    }
    return differ;
}

void tt_main(void)
{
    unsigned compared = 0, differ = 0;
    tt_random_seed(&generator, 1);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (size_t taps = 0; taps <= TAPS_MAX; taps++)
            for (size_t offset = 0; offset < 4; offset++, compared += 8) {
                fill(round);
                differ += wrong(taps, weights + offset);
            }
    char line[80];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, "dot products: ");
    tt_text_add_unsigned(&text, compared);
    tt_text_add(&text, " compared, ");
    tt_text_add_unsigned(&text, differ);
    tt_text_add(&text, " differ\n");
    tt_console_write(line, text.length);
    tt_board_stop(differ == 0 ? 0 : 1);
}
