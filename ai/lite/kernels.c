// The int8 kernels, in plain C that a microcontroller's compiler makes good code of.
//
// A convolution lays the input under one window position out once, as 16-bit numbers with the zero
// point taken off and zeros for padding; every output channel is then a plain dot product, four
// channels at a time, so that each loaded input serves four multiplications: dot_plain.c, or the
// file of a CPU that has instructions for it.
//
// Sums are kept unsigned: the bias and the number of taps come from a plan, so a hostile one can
// make them overflow, which for unsigned numbers is defined and gives the same bits.

#include <string.h>

#include "ai/lite/plan.h"

// gemmlowp's SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT: see
// ai/graph/quantised.c for the definition that this must equal. Opening a plan has seen to it
// that no multiplier is negative, so nothing saturates.
static inline int32_t requantise(uint32_t sum, int32_t multiplier, int32_t shift)
{
    int left = shift > 0 ? shift : 0, right = left - shift;
    int64_t product = (int64_t)(int32_t)(sum << left) * multiplier;
    // To nearest, a tie upwards: what gemmlowp's nudge and truncation come to for either sign.
    int32_t x = (int32_t)((product + (1 << 30)) >> 31);
    int32_t mask = (int32_t)((1u << right) - 1), remainder = x & mask;
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> right) + (remainder > threshold);
}

// How a step's sums become its outputs; a copy, since the compiler must assume that writing an int8
// changes anything that it reads through a pointer.
typedef struct output_rule {
    const int32_t *multiplier, *shift;
    int32_t least, greatest, zero_point; // the limits before the zero point is added: a large sum
                                         // and a zero point together could overflow
} output_rule;

static output_rule output_rule_of(const tt_plan_step *s, const tt_step_memory *m)
{
    return (output_rule){m->multiplier, m->shift, s->clamp[0] - s->output_zero_point,
                         s->clamp[1] - s->output_zero_point, s->output_zero_point};
}

static inline int8_t finish(output_rule rule, unsigned channel, uint32_t sum)
{
    int32_t y = requantise(sum, rule.multiplier[channel], rule.shift[channel]);
    y = y < rule.least ? rule.least : y;
    y = y > rule.greatest ? rule.greatest : y;
    return (int8_t)(y + rule.zero_point);
}

// The part of a window that lies inside the input, as window coordinates [first, end).
typedef struct span {
    int first, end;
} span;

static span inside(int at, int window, int in)
{
    span s = {at < 0 ? -at : 0, in - at < window ? in - at : window};
    return s;
}

static inline int16_t *zeros(int16_t *to, int count)
{
    for (int16_t *end = to + count; to < end; to++)
        *to = 0;
    return to;
}

// Lays out the input under the window that begins at (row, column) of the input.
static void gather(const tt_plan_step *s, const int8_t *input, int row, int column, int16_t *to)
{
    int channels = s->in[2], width = s->window[1] * channels, window_rows = s->window[0];
    span rows = inside(row, window_rows, s->in[0]),
         columns = inside(column, s->window[1], s->in[1]);
    int before = columns.first * channels, seen = (columns.end - columns.first) * channels;
    int after = width - before - seen, row_bytes = s->in[1] * channels;
    int16_t zero_point = (int16_t)s->input_zero_point;
    const int8_t *from =
        input + (row + rows.first) * row_bytes + (column + columns.first) * channels;
    to = zeros(to, rows.first * width);
    for (int i = rows.first; i < rows.end; i++, from += row_bytes) {
        to = zeros(to, before);
        for (const int8_t *x = from, *end = from + seen; x < end; x++)
            *to++ = (int16_t)(*x - zero_point);
        to = zeros(to, after);
    }
    zeros(to, (window_rows - rows.end) * width);
}

// All output channels of one position, from the gathered input.
static void dot_products(const tt_step_memory *m, output_rule rule, size_t taps, unsigned channels,
                         int8_t *output)
{
    const int8_t *weights = m->weights;
    const int32_t *bias = m->bias;
    for (unsigned channel = 0, group; channel < channels; channel += group) {
        uint32_t sums[4];
        group = channels - channel < 4 ? 1 : 4;
        memcpy(sums, bias + channel, group * sizeof(sums[0]));
        if (group == 4)
            tt_lite_dot4(m->scratch, weights, taps, sums);
        else
            sums[0] = tt_lite_dot1(m->scratch, weights, taps, sums[0]);
        for (unsigned i = 0; i < group; i++)
            output[channel + i] = finish(rule, channel + i, sums[i]);
        weights += group * taps;
    }
}

void tt_lite_conv(const tt_plan_step *s, const tt_step_memory *m)
{
    size_t taps = (size_t)s->window[0] * s->window[1] * s->in[2];
    output_rule rule = output_rule_of(s, m);
    int8_t *output = m->output;
    for (int row = 0; row < s->out[0]; row++)
        for (int column = 0; column < s->out[1]; column++, output += s->out[2]) {
            gather(s, m->input, row * s->stride_rows - s->before[0],
                   column * s->stride_columns - s->before[1], m->scratch);
            tt_lite_arrange(m->scratch, taps);
            dot_products(m, rule, taps, s->out[2], output);
        }
}

void tt_lite_depthwise(const tt_plan_step *s, const tt_step_memory *m)
{
    int in = s->in[2], out = s->out[2], multiplier = out / in;
    output_rule rule = output_rule_of(s, m);
    int8_t *output = m->output;
    for (int row = 0; row < s->out[0]; row++)
        for (int column = 0; column < s->out[1]; column++) {
            int row_at = row * s->stride_rows - s->before[0];
            int column_at = column * s->stride_columns - s->before[1];
            span rows = inside(row_at, s->window[0], s->in[0]);
            span columns = inside(column_at, s->window[1], s->in[1]);
            for (int channel = 0; channel < out; channel++) {
                uint32_t sum = (uint32_t)m->bias[channel];
                for (int i = rows.first; i < rows.end; i++)
                    for (int j = columns.first; j < columns.end; j++) {
                        int at = ((row_at + i) * s->in[1] + column_at + j) * in;
                        int32_t x = m->input[at + channel / multiplier] - s->input_zero_point;
                        sum += (uint32_t)(x * m->weights[(i * s->window[1] + j) * out + channel]);
                    }
                *output++ = finish(rule, (unsigned)channel, sum);
            }
        }
}

void tt_lite_max_pool(const tt_plan_step *s, const tt_step_memory *m)
{
    int channels = s->in[2];
    int8_t *output = m->output;
    for (int row = 0; row < s->out[0]; row++)
        for (int column = 0; column < s->out[1]; column++, output += channels) {
            int row_at = row * s->stride_rows - s->before[0];
            int column_at = column * s->stride_columns - s->before[1];
            span rows = inside(row_at, s->window[0], s->in[0]);
            span columns = inside(column_at, s->window[1], s->in[1]);
            memset(output, -128, (size_t)channels);
            for (int i = rows.first; i < rows.end; i++)
                for (int j = columns.first; j < columns.end; j++) {
                    const int8_t *x =
                        m->input + ((row_at + i) * s->in[1] + column_at + j) * channels;
                    for (int k = 0; k < channels; k++)
                        output[k] = x[k] > output[k] ? x[k] : output[k];
                }
        }
}

void tt_lite_average_pool(const tt_plan_step *s, const tt_step_memory *m)
{
    int channels = s->in[2];
    int8_t *output = m->output;
    for (int row = 0; row < s->out[0]; row++)
        for (int column = 0; column < s->out[1]; column++)
            for (int k = 0; k < channels; k++) {
                int row_at = row * s->stride_rows - s->before[0];
                int column_at = column * s->stride_columns - s->before[1];
                span rows = inside(row_at, s->window[0], s->in[0]);
                span columns = inside(column_at, s->window[1], s->in[1]);
                int32_t sum = 0;
                int32_t count = (rows.end - rows.first) * (columns.end - columns.first);
                for (int i = rows.first; i < rows.end; i++)
                    for (int j = columns.first; j < columns.end; j++)
                        sum += m->input[((row_at + i) * s->in[1] + column_at + j) * channels + k];
                int32_t y = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                y = y < s->clamp[0] ? s->clamp[0] : y;
                *output++ = (int8_t)(y > s->clamp[1] ? s->clamp[1] : y);
            }
}
