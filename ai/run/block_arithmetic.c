// Arithmetic on rows of numbers, as ai/lower/form.h defines it. Loops that a compiler makes
// vectors of, in steps that are exact or rounded once, so that the bits are those of printed C.

#include "ai/run/block_elements.h"

#include <math.h>
#include <string.h>

#define EACH(result, expression)                                                                   \
    for (unsigned l = 0; l < n; l++)                                                               \
        to[l].result = (expression);                                                               \
    return
#define MASK(condition) ((condition) ? UINT32_MAX : 0)

// A sum of doubles rounded to odd: where it is not exact, its last bit is set. What it becomes as a
// float is then what the true sum becomes (Boldo and Melquiond, 2008).
static double to_odd(double sum, double a, double b)
{
    double part = sum - a, error = (a - (sum - part)) + (b - part); // none where sum is none
    int64_t bits, away = (int64_t)(error > 0) - (int64_t)(error < 0);
    memcpy(&bits, &sum, sizeof(bits));
    if ((bits & 1) == 0)
        bits += sum < 0 ? -away : away;
    memcpy(&sum, &bits, sizeof(sum));
    return sum;
}

// a b + c rounded once. The product is exact in a double; rounding their sum twice is wrong only
// where the first time gives a tie for the second, whose last 28 bits are 0.
void tt_block_fma(tt_word *to, const tt_word *a, const tt_word *b, const tt_word *c, unsigned n)
{
    for (unsigned l = 0; l < n; l++) {
        double product = (double)a[l].f * (double)b[l].f, sum = product + (double)c[l].f;
        uint64_t bits;
        memcpy(&bits, &sum, sizeof(bits));
        if ((bits & 0x0fffffffu) == 0)
            sum = to_odd(sum, product, (double)c[l].f);
        to[l].f = (float)sum;
    }
}

void tt_block_multiply_add(tt_word *sum, const tt_word *a, int64_t a_step, bool uniform,
                           const tt_word *b, int64_t b_step, unsigned turns, unsigned lanes)
{
    for (unsigned turn = 0; turn < turns; turn++, sum += TT_LANES, a += a_step, b += b_step) {
        tt_word spread[TT_LANES], made[TT_LANES];
        for (unsigned l = 0; l < TT_LANES; l++)
            spread[l] = a[uniform ? 0 : l];
        tt_block_fma(made, spread, b, sum, TT_LANES);
        memcpy(sum, made, lanes * sizeof(*sum));
    }
}

static uint32_t with_sign(float magnitude, uint32_t sign)
{
    tt_word word = {.f = magnitude};
    return word.i | (sign & 0x80000000u);
}

// Beyond 2^23 floats are whole.
static uint32_t rounded(tt_form_op op, tt_word x)
{
    tt_word size = {.i = x.i & 0x7fffffffu};
    if (!(size.f < 8388608.0f))
        return x.i;
    if (op == TT_FORM_NEAREST)
        return with_sign((size.f + 8388608.0f) - 8388608.0f, x.i);
    float cut = (float)(int32_t)x.f;
    if (op == TT_FORM_FLOOR)
        return with_sign(cut > x.f ? cut - 1.0f : cut, x.i);
    return with_sign(cut < x.f ? cut + 1.0f : cut, x.i);
}

static uint32_t to_integer(float x)
{
    if (x >= 2147483648.0f)
        return INT32_MAX;
    if (x < -2147483648.0f)
        return 0x80000000u;
    return x == x ? (uint32_t)(int32_t)x : 0;
}

static void floats(tt_form_op op, tt_word *to, const tt_word *a, const tt_word *b, const tt_word *c,
                   unsigned n)
{
    switch (op) {
    case TT_FORM_ADD:
        EACH(f, a[l].f + b[l].f);
    case TT_FORM_SUBTRACT:
        EACH(f, a[l].f - b[l].f);
    case TT_FORM_MULTIPLY:
        EACH(f, a[l].f * b[l].f);
    case TT_FORM_DIVIDE:
        EACH(f, a[l].f / b[l].f);
    case TT_FORM_FMA:
        tt_block_fma_of_machine()(to, a, b, c, n);
        return;
    case TT_FORM_SQRT:
        EACH(f, sqrtf(a[l].f));
    case TT_FORM_FLOOR:
        EACH(i, rounded(TT_FORM_FLOOR, a[l]));
    case TT_FORM_CEIL:
        EACH(i, rounded(TT_FORM_CEIL, a[l]));
    case TT_FORM_NEAREST:
        EACH(i, rounded(TT_FORM_NEAREST, a[l]));
    case TT_FORM_LESS:
        EACH(i, MASK(a[l].f < b[l].f));
    case TT_FORM_LESS_OR_EQUAL:
        EACH(i, MASK(a[l].f <= b[l].f));
    default:
        EACH(i, MASK(a[l].f == b[l].f)); // EQUAL
    }
}

static void integers(tt_form_op op, tt_word *to, const tt_word *a, const tt_word *b, unsigned n)
{
    switch (op) {
    case TT_FORM_ADD_INTEGER:
        EACH(i, a[l].i + b[l].i);
    case TT_FORM_SUBTRACT_INTEGER:
        EACH(i, a[l].i - b[l].i);
    case TT_FORM_MULTIPLY_INTEGER:
        EACH(i, a[l].i * b[l].i);
    case TT_FORM_MULTIPLY_HIGH:
        EACH(i, (uint32_t)(((uint64_t)a[l].i * b[l].i) >> 32));
    case TT_FORM_AND:
        EACH(i, a[l].i & b[l].i);
    case TT_FORM_OR:
        EACH(i, a[l].i | b[l].i);
    case TT_FORM_XOR:
        EACH(i, a[l].i ^ b[l].i);
    case TT_FORM_LEFT:
        EACH(i, a[l].i << (b[l].i & 31));
    case TT_FORM_RIGHT:
        EACH(i, a[l].i >> (b[l].i & 31));
    case TT_FORM_RIGHT_SIGNED:
        EACH(i, (uint32_t)((int32_t)a[l].i >> (b[l].i & 31)));
    case TT_FORM_LESS_INTEGER:
        EACH(i, MASK((int32_t)a[l].i < (int32_t)b[l].i));
    default:
        EACH(i, MASK(a[l].i == b[l].i)); // EQUAL_INTEGER
    }
}

void tt_block_arithmetic(tt_form_op op, tt_word *to, const tt_word *a, const tt_word *b,
                         const tt_word *c, unsigned n)
{
    switch (op) {
    case TT_FORM_SELECT:
        EACH(i, (a[l].i & b[l].i) | (~a[l].i & c[l].i));
    case TT_FORM_TO_FLOAT:
        EACH(f, (float)(int32_t)a[l].i);
    case TT_FORM_TO_INTEGER:
        EACH(i, to_integer(a[l].f));
    case TT_FORM_AS_FLOAT:
    case TT_FORM_AS_INTEGER:
        memcpy(to, a, n * sizeof(*to));
        return;
    default:
        if (op >= TT_FORM_ADD_INTEGER)
            integers(op, to, a, b, n);
        else
            floats(op, to, a, b, c, n);
    }
}

tt_word tt_block_join(tt_form_op op, const tt_word *lanes, const tt_word *low)
{
    tt_word x[TT_LANES];
    double sum[TT_LANES];
    for (unsigned l = 0; l < TT_LANES; l++) {
        x[l] = lanes[l];
        sum[l] = (double)lanes[l].f;
        if (low != NULL && low[l].f == low[l].f)
            sum[l] += (double)low[l].f;
    }
    for (unsigned width = TT_LANES / 2; width > 0; width /= 2)
        for (unsigned l = 0; l < width; l++) {
            float y = x[l + width].f;
            sum[l] += sum[l + width];
            if (x[l].f < y || y != y)
                x[l].f = y;
        }
    return op == TT_FORM_JOIN_GREATEST ? x[0] : (tt_word){.f = (float)sum[0]};
}
