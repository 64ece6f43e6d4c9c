// The int8 kernels, in plain C that a microcontroller's compiler makes good code of.
//
// A convolution lays the input under one window position out once, as 16-bit numbers with the zero
// point taken off and zeros for padding; every output channel is then a plain dot product, four
// channels at a time, so that each loaded input serves four multiplications.
//
// Sums are kept unsigned: the bias and the number of taps come from a plan, so a hostile one can
// make them overflow, which for unsigned numbers is defined and gives the same bits.

#include <string.h>

#include "ai/lite/plan.h"

// gemmlowp's SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT: see ai/graph/quantised.c
// for the definition that this must equal.
static int32_t requantise(int32_t sum, int32_t multiplier, int32_t shift)
{
    int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    int32_t x = (int32_t)((uint32_t)sum << left);
    if (x == INT32_MIN && multiplier == INT32_MIN)
        x = INT32_MAX;
    else {
        int64_t product = (int64_t)x * multiplier;
        int64_t nudge = product >= 0 ? 1 << 30 : 1 - (1 << 30);
        product += nudge;
        // Division by 2^31 towards zero: an arithmetic shift rounds down, so lift negative ones
        // first.
        product += product < 0 ? INT32_MAX : 0;
        x = (int32_t)(product >> 31);
    }
    int32_t mask = (int32_t)((1u << right) - 1), remainder = x & mask;
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> right) + (remainder > threshold);
}

static int8_t finish(const tt_plan_step *s, const tt_step_memory *m, unsigned channel, uint32_t sum)
{
    int32_t y = requantise((int32_t)sum, m->multiplier[channel], m->shift[channel]);
    // Limits first, zero point after: the sum of a large y and a zero point could overflow.
    int32_t least = s->clamp[0] - s->output_zero_point;
    int32_t greatest = s->clamp[1] - s->output_zero_point;
    y = y < least ? least : y;
    y = y > greatest ? greatest : y;
    return (int8_t)(y + s->output_zero_point);
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

// Lays out the input under the window that begins at (row, column) of the input.
static void gather(const tt_plan_step *s, const int8_t *input, int row, int column, int16_t *to)
{
    int channels = s->in[2], width = s->window[1] * channels;
    span rows = inside(row, s->window[0], s->in[0]);
    span columns = inside(column, s->window[1], s->in[1]);
    int16_t zero_point = (int16_t)s->input_zero_point;
    for (int i = 0; i < s->window[0]; i++, to += width) {
        if (i < rows.first || i >= rows.end) {
            memset(to, 0, (size_t)width * sizeof(*to));
            continue;
        }
        int first = columns.first * channels, end = columns.end * channels;
        const int8_t *from =
            input + ((row + i) * s->in[1] + column) * channels; // may begin left of the row
        for (int k = 0; k < first; k++)
            to[k] = 0;
        for (int k = first; k < end; k++)
            to[k] = (int16_t)(from[k] - zero_point);
        for (int k = end; k < width; k++)
            to[k] = 0;
    }
}

// All output channels of one position, from the gathered input.
static void dot_products(const tt_plan_step *s, const tt_step_memory *m, size_t taps,
                         int8_t *output)
{
    const int16_t *x = m->scratch;
    const int8_t *weights = m->weights;
    unsigned channel = 0, channels = s->out[2];
    for (; channel + 4 <= channels; channel += 4) {
        const int8_t *w0 = weights, *w1 = w0 + taps, *w2 = w1 + taps, *w3 = w2 + taps;
        const int32_t *bias = m->bias + channel;
        uint32_t sum0 = (uint32_t)bias[0], sum1 = (uint32_t)bias[1];
        uint32_t sum2 = (uint32_t)bias[2], sum3 = (uint32_t)bias[3];
        for (size_t k = 0; k < taps; k++) {
            int32_t value = x[k];
            sum0 += (uint32_t)(value * w0[k]);
            sum1 += (uint32_t)(value * w1[k]);
            sum2 += (uint32_t)(value * w2[k]);
            sum3 += (uint32_t)(value * w3[k]);
        }
        output[channel] = finish(s, m, channel, sum0);
        output[channel + 1] = finish(s, m, channel + 1, sum1);
        output[channel + 2] = finish(s, m, channel + 2, sum2);
        output[channel + 3] = finish(s, m, channel + 3, sum3);
        weights += 4 * taps;
    }
    for (; channel < channels; channel++, weights += taps) {
        uint32_t sum = (uint32_t)m->bias[channel];
        for (size_t k = 0; k < taps; k++)
            sum += (uint32_t)(x[k] * weights[k]);
        output[channel] = finish(s, m, channel, sum);
    }
}

void tt_lite_conv(const tt_plan_step *s, const tt_step_memory *m)
{
    size_t taps = (size_t)s->window[0] * s->window[1] * s->in[2];
    int8_t *output = m->output;
    for (int row = 0; row < s->out[0]; row++)
        for (int column = 0; column < s->out[1]; column++, output += s->out[2]) {
            gather(s, m->input, row * s->stride_rows - s->before[0],
                   column * s->stride_columns - s->before[1], m->scratch);
            dot_products(s, m, taps, output);
        }
}

void tt_lite_depthwise(const tt_plan_step *s, const tt_step_memory *m)
{
    int in = s->in[2], out = s->out[2], multiplier = out / in;
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
                *output++ = finish(s, m, (unsigned)channel, sum);
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
