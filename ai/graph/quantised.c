// Int8: sums become int8 as TFLite's do, gemmlowp's two roundings written from their definition in
// 64-bit integers (https://arxiv.org/abs/1712.05877, 2.2; TFLite's reference kernels). The sums
// themselves are ordinary convolutions and products of i32.

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

static bool is_int8(int64_t number)
{
    return number >= INT8_MIN && number <= INT8_MAX;
}

static bool requantise_type(tt_rule *rule)
{
    const tt_type *sums = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (sums->element != TT_I32 || sums->rank == 0)
        return tt_rule_fail(rule, "input 0 is %s, expects i32 of (..., channels)",
                            tt_type_text(sums, text));
    for (unsigned i = 1; i < 3; i++) {
        const tt_type *factor = tt_rule_in(rule, i);
        if (factor->element != TT_I32 || factor->rank != 1 ||
            (factor->size[0] != 1 && factor->size[0] != sums->size[sums->rank - 1]))
            return tt_rule_fail(rule, "input %u is %s, expects i32 of (channels) or (1)", i,
                                tt_type_text(factor, text));
    }
    if (!is_int8(rule->attribute[0].word[0]) || !is_int8(rule->attribute[1].word[0]) ||
        !is_int8(rule->attribute[2].word[0]) ||
        rule->attribute[1].word[0] > rule->attribute[2].word[0])
        return tt_rule_fail(rule, "zero point and limits must lie between -128 and 127, and the "
                                  "limits in order");
    rule->out[0] = *sums;
    rule->out[0].element = TT_I8;
    return true;
}

// gemmlowp's SaturatingRoundingDoublingHighMul: the high half of twice the product, rounded to
// nearest, ties away from zero. The only overflow, of two least values, saturates.
static int64_t rounding_doubling_high(int64_t a, int64_t b)
{
    if (a == INT32_MIN && b == INT32_MIN)
        return INT32_MAX;
    int64_t product = a * b;
    int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (product + nudge) / ((int64_t)1 << 31); // division truncates towards zero
}

// gemmlowp's RoundingDivideByPOT: rounded to nearest, ties away from zero.
static int64_t rounding_divide(int64_t a, int exponent)
{
    int64_t divisor = (int64_t)1 << exponent;
    int64_t quotient = a / divisor, remainder = a % divisor;
    if (2 * (remainder < 0 ? -remainder : remainder) >= divisor)
        quotient += a < 0 ? -1 : 1;
    return quotient;
}

// A shift beyond 31 leaves nothing of 32 bits, on either side.
static int64_t multiply(int64_t sum, int64_t multiplier, int64_t shift)
{
    if (shift < -31 || shift > 31)
        return 0;
    uint32_t shifted = (uint32_t)sum << (shift > 0 ? shift : 0); // wraps, as TFLite's int32 does
    return rounding_divide(rounding_doubling_high((int32_t)shifted, multiplier),
                           shift < 0 ? (int)-shift : 0);
}

static tt_status requantise_reference(tt_work *work)
{
    int64_t count = tt_type_count(&work->out[0].type);
    tt_walk multiplier, shift;
    tt_walk_broadcast(&multiplier, &work->in[1].type, &work->out[0].type);
    tt_walk_broadcast(&shift, &work->in[2].type, &work->out[0].type);
    for (int64_t i = 0; i < count; i++, tt_walk_next(&multiplier), tt_walk_next(&shift)) {
        int64_t result = multiply(work->in[0].cells[i].i, work->in[1].cells[multiplier.at].i,
                                  work->in[2].cells[shift.at].i) +
                         work->attribute[0].word[0];
        int64_t least = work->attribute[1].word[0], greatest = work->attribute[2].word[0];
        work->out[0].cells[i].i = result < least ? least : result > greatest ? greatest : result;
    }
    return TT_OK;
}

const tt_row tt_quantised_rows[] = {
    {.name = "requantise",
     .inputs_min = 3,
     .inputs_max = 3,
     .attributes = {{"zero_point", TT_ATTRIBUTE_NUMBER},
                    {"least", TT_ATTRIBUTE_NUMBER},
                    {"greatest", TT_ATTRIBUTE_NUMBER}},
     .type = requantise_type,
     .reference = requantise_reference,
     .constant = true,
     .help = "i32 sums times b / 2^31 * 2^c a channel, rounded as TFLite, to i8"},
};
