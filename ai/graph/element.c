// Element types: their names, their widths, how numbers become them, and one element's arithmetic.

#include "ai/graph/element.h"

#include <math.h>
#include <string.h>

#include "tutti/check.h"

static const struct {
    uint8_t bits, class;
} elements[TT_ELEMENT_COUNT] = {
    [TT_F64] = {64, TT_CLASS_FLOAT},    [TT_F32] = {32, TT_CLASS_FLOAT},
    [TT_BF16] = {16, TT_CLASS_FLOAT},   [TT_F16] = {16, TT_CLASS_FLOAT},
    [TT_I8] = {8, TT_CLASS_SIGNED},     [TT_I16] = {16, TT_CLASS_SIGNED},
    [TT_I32] = {32, TT_CLASS_SIGNED},   [TT_I64] = {64, TT_CLASS_SIGNED},
    [TT_U8] = {8, TT_CLASS_UNSIGNED},   [TT_U16] = {16, TT_CLASS_UNSIGNED},
    [TT_U32] = {32, TT_CLASS_UNSIGNED}, [TT_U64] = {64, TT_CLASS_UNSIGNED},
    [TT_BOOL] = {1, TT_CLASS_BOOL},
};

unsigned tt_element_bits(tt_element element)
{
    return elements[element].bits;
}

tt_class tt_element_class(tt_element element)
{
    return elements[element].class;
}

bool tt_element_is_float(tt_element element)
{
    return elements[element].class == TT_CLASS_FLOAT;
}

bool tt_element_find(const char *name, tt_element *element)
{
    for (int i = 0; i < TT_ELEMENT_COUNT; i++)
        if (strcmp(tt_element_name((tt_element)i), name) == 0) {
            *element = (tt_element)i;
            return true;
        }
    return false;
}

// The number as a format with `precision` bits of significand and exponents from `least` on holds
// it: the multiples of one unit in the last place, found exactly in double.
static double round_format(double number, int precision, int least, double greatest)
{
    int exponent;
    if (number == 0 || !isfinite(number))
        return number;
    frexp(number, &exponent); // number = m * 2^exponent, m in [0.5, 1)
    if (exponent - 1 < least)
        exponent = least + 1;
    double unit = ldexp(1, exponent - precision);
    double rounded = rint(number / unit) * unit; // a power of two: both are exact
    return fabs(rounded) > greatest ? copysign(INFINITY, number) : rounded;
}

double tt_round_to(tt_element element, double number)
{
    switch (element) {
    case TT_F32:
        return (double)(float)number;
    case TT_BF16:
        return round_format(number, 8, -126, 0x1.fep127);
    case TT_F16:
        return round_format(number, 11, -14, 65504);
    default:
        return number;
    }
}

// The lowest `bits` of a word as a signed number, without relying on shifts of negative ones.
static int64_t wrap_signed(uint64_t word, unsigned bits)
{
    uint64_t sign = (uint64_t)1 << (bits - 1);
    uint64_t mask = sign | (sign - 1);
    return (int64_t)(((word & mask) ^ sign) - sign);
}

static uint64_t wrap_unsigned(uint64_t word, unsigned bits)
{
    return bits == 64 ? word : word & (((uint64_t)1 << bits) - 1);
}

tt_cell tt_cell_fit(tt_element element, tt_cell cell)
{
    switch (elements[element].class) {
    case TT_CLASS_FLOAT:
        return (tt_cell){.f = tt_round_to(element, cell.f)};
    case TT_CLASS_SIGNED:
        return (tt_cell){.i = wrap_signed(cell.u, elements[element].bits)};
    case TT_CLASS_UNSIGNED:
        return (tt_cell){.u = wrap_unsigned(cell.u, elements[element].bits)};
    default:
        return (tt_cell){.i = cell.i != 0};
    }
}

// Truncated; what is too small or too large becomes the least or greatest, no number becomes 0.
static tt_cell saturate(tt_element element, double number)
{
    unsigned bits = elements[element].bits;
    bool is_signed = elements[element].class == TT_CLASS_SIGNED;
    if (isnan(number))
        return (tt_cell){.i = 0};
    double whole = trunc(number), end = ldexp(1, (int)bits - (is_signed ? 1 : 0)); // first beyond
    if (is_signed) {
        if (whole >= end)
            return (tt_cell){.i = (int64_t)(((uint64_t)1 << (bits - 1)) - 1)};
        return (tt_cell){.i = whole < -end ? wrap_signed((uint64_t)1 << (bits - 1), bits)
                                           : (int64_t)whole};
    }
    if (whole >= end)
        return (tt_cell){.u = wrap_unsigned(UINT64_MAX, bits)};
    return (tt_cell){.u = whole <= 0 ? 0 : (uint64_t)whole};
}

// A whole number to a float, rounded once: double does not hold all of 64 bits.
static double float_of_integer(tt_element to, tt_class class, tt_cell cell)
{
    if (to == TT_F32)
        return class == TT_CLASS_UNSIGNED ? (double)(float)cell.u : (double)(float)cell.i;
    double high = class == TT_CLASS_UNSIGNED ? (double)cell.u : (double)cell.i;
    if (to == TT_F64 || fabs(high) < 0x1p53)
        return tt_round_to(to, high);
    // Beyond 2^53 the narrow formats have units of 2^43 and more: what double rounded away matters
    // only where it hides on which side of a tie the number lies; an odd last bit keeps that.
    uint64_t magnitude = class != TT_CLASS_UNSIGNED && cell.i < 0 ? 0 - cell.u : cell.u;
    uint64_t kept = magnitude & ~(uint64_t)0xfff;
    double sticky = (double)(kept | ((magnitude & 0xfff) != 0 ? 0x1000 : 0));
    return tt_round_to(to, high < 0 ? -sticky : sticky);
}

tt_cell tt_cell_convert(tt_element from, tt_element to, tt_cell cell)
{
    tt_class source = elements[from].class, target = elements[to].class;
    if (target == TT_CLASS_BOOL)
        return (tt_cell){.i = source == TT_CLASS_FLOAT ? cell.f != 0 : cell.u != 0};
    if (source == TT_CLASS_FLOAT)
        return target == TT_CLASS_FLOAT ? (tt_cell){.f = tt_round_to(to, cell.f)}
                                        : saturate(to, cell.f);
    if (target == TT_CLASS_FLOAT)
        return (tt_cell){.f = float_of_integer(to, source, cell)};
    return tt_cell_fit(to, cell);
}

tt_cell tt_cell_of_number(tt_element element, double number)
{
    return tt_cell_convert(TT_F64, element, (tt_cell){.f = number});
}

double tt_cell_number(tt_element element, tt_cell cell)
{
    return tt_cell_convert(element, TT_F64, cell).f;
}

static double half_of_bits(uint16_t bits)
{
    int exponent = bits >> 10 & 31, significand = bits & 1023;
    double number = exponent == 0    ? ldexp(significand, -24)
                    : exponent == 31 ? (significand == 0 ? (double)INFINITY : (double)NAN)
                                     : ldexp(significand + 1024, exponent - 25);
    return (bits & 0x8000) != 0 ? -number : number;
}

static uint16_t bits_of_half(double number) // rounded already
{
    uint16_t sign = signbit(number) ? 0x8000 : 0;
    double size = fabs(number);
    int exponent;
    if (isnan(number))
        return sign | 0x7e00;
    if (isinf(number))
        return sign | 0x7c00;
    if (size < 0x1p-14)
        return (uint16_t)(sign | (uint16_t)ldexp(size, 24));
    double fraction = frexp(size, &exponent); // size = fraction * 2^exponent
    return (uint16_t)(sign | (exponent + 14) << 10 | ((int)ldexp(fraction, 11) & 1023));
}

tt_cell tt_cell_load(tt_element element, const void *data, int64_t index)
{
    uint32_t word;
    float single;
    switch (element) {
    case TT_F64:
        return (tt_cell){.f = ((const double *)data)[index]};
    case TT_F32:
        return (tt_cell){.f = (double)((const float *)data)[index]};
    case TT_BF16:
        word = (uint32_t)((const uint16_t *)data)[index] << 16;
        memcpy(&single, &word, sizeof(single));
        return (tt_cell){.f = (double)single};
    case TT_F16:
        return (tt_cell){.f = half_of_bits(((const uint16_t *)data)[index])};
    case TT_I8:
        return (tt_cell){.i = ((const int8_t *)data)[index]};
    case TT_I16:
        return (tt_cell){.i = ((const int16_t *)data)[index]};
    case TT_I32:
        return (tt_cell){.i = ((const int32_t *)data)[index]};
    case TT_I64:
        return (tt_cell){.i = ((const int64_t *)data)[index]};
    case TT_U8:
        return (tt_cell){.u = ((const uint8_t *)data)[index]};
    case TT_U16:
        return (tt_cell){.u = ((const uint16_t *)data)[index]};
    case TT_U32:
        return (tt_cell){.u = ((const uint32_t *)data)[index]};
    case TT_U64:
        return (tt_cell){.u = ((const uint64_t *)data)[index]};
    default:
        return (tt_cell){.i = ((const uint8_t *)data)[index] != 0};
    }
}

void tt_cell_store(tt_element element, void *data, int64_t index, tt_cell cell)
{
    uint32_t word;
    cell = tt_cell_fit(element, cell);
    switch (element) {
    case TT_F64:
        ((double *)data)[index] = cell.f;
        break;
    case TT_F32:
        ((float *)data)[index] = (float)cell.f;
        break;
    case TT_BF16: {
        float single = (float)cell.f; // exact: cell.f was rounded
        memcpy(&word, &single, sizeof(word));
        ((uint16_t *)data)[index] = (uint16_t)(word >> 16 | (isnan(single) ? 0x40 : 0));
        break;
    }
    case TT_F16:
        ((uint16_t *)data)[index] = bits_of_half(cell.f);
        break;
    default: // integers: the lowest bytes
        switch (tt_element_bytes(element)) {
        case 1:
            ((uint8_t *)data)[index] = (uint8_t)cell.u;
            break;
        case 2:
            ((uint16_t *)data)[index] = (uint16_t)cell.u;
            break;
        case 4:
            ((uint32_t *)data)[index] = (uint32_t)cell.u;
            break;
        default:
            ((uint64_t *)data)[index] = cell.u;
        }
    }
}

// No number wins over every number, from either side.
static double greater_of(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : a > b ? a : b;
}

static double lesser_of(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : a < b ? a : b;
}

static double apply_float(tt_op op, double a, double b)
{
    switch (op) {
    case TT_OP_NEGATE:
        return -a;
    case TT_OP_ABSOLUTE:
        return fabs(a);
    case TT_OP_SIGN:
        return isnan(a) ? a : (double)((a > 0) - (a < 0));
    case TT_OP_EXP:
        return exp(a);
    case TT_OP_LOG:
        return log(a);
    case TT_OP_SQRT:
        return sqrt(a);
    case TT_OP_SIN:
        return sin(a);
    case TT_OP_COS:
        return cos(a);
    case TT_OP_ATAN:
        return atan(a);
    case TT_OP_TANH:
        return tanh(a);
    case TT_OP_ERF:
        return erf(a);
    case TT_OP_FLOOR:
        return floor(a);
    case TT_OP_CEIL:
        return ceil(a);
    case TT_OP_ROUND:
        return rint(a); // ties to even
    case TT_OP_ADD:
        return a + b;
    case TT_OP_SUBTRACT:
        return a - b;
    case TT_OP_MULTIPLY:
        return a * b;
    case TT_OP_DIVIDE:
        return a / b;
    case TT_OP_REMAINDER:
        return fmod(a, b);
    case TT_OP_POWER:
        return pow(a, b);
    case TT_OP_GREATER_OF:
        return greater_of(a, b);
    case TT_OP_LESSER_OF:
        return lesser_of(a, b);
    default:
        TT_CHECK(false); // the type rule refuses the others
        return 0;
    }
}

// a to the b, wrapping; a negative b gives what truncating 1 / a^-b gives, 0 / 0 being 0.
static uint64_t integer_power(uint64_t a, uint64_t b, bool negative)
{
    uint64_t result = 1;
    if (negative)
        return a == 1 ? 1 : a == UINT64_MAX ? ((b & 1) != 0 ? a : 1) : 0;
    for (; b > 0; b >>= 1, a *= a)
        if ((b & 1) != 0)
            result *= a;
    return result;
}

static uint64_t divide_signed(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    return b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b); // least / -1 wraps
}

// Two integers; both are in their element's range, the result is wrapped by the caller.
static uint64_t apply_integer(tt_op op, tt_element element, tt_cell a, tt_cell b)
{
    unsigned bits = elements[element].bits;
    bool is_signed = elements[element].class != TT_CLASS_UNSIGNED;
    bool below = is_signed ? a.i < b.i : a.u < b.u;
    switch (op) {
    case TT_OP_NEGATE:
        return 0 - a.u;
    case TT_OP_ABSOLUTE:
        return is_signed && a.i < 0 ? 0 - a.u : a.u;
    case TT_OP_SIGN:
        return is_signed && a.i < 0 ? UINT64_MAX : a.u != 0;
    case TT_OP_NOT:
        return elements[element].class == TT_CLASS_BOOL ? a.u == 0 : ~a.u;
    case TT_OP_ADD:
        return a.u + b.u;
    case TT_OP_SUBTRACT:
        return a.u - b.u;
    case TT_OP_MULTIPLY:
        return a.u * b.u;
    case TT_OP_DIVIDE:
        return is_signed ? divide_signed(a.i, b.i) : b.u == 0 ? 0 : a.u / b.u;
    case TT_OP_REMAINDER: // of the dividend's sign
        if (b.u == 0)
            return 0;
        return is_signed ? (b.i == -1 ? 0 : (uint64_t)(a.i % b.i)) : a.u % b.u;
    case TT_OP_POWER:
        return integer_power(a.u, b.u, is_signed && b.i < 0);
    case TT_OP_GREATER_OF:
        return below ? b.u : a.u;
    case TT_OP_LESSER_OF:
        return below ? a.u : b.u;
    case TT_OP_AND:
        return a.u & b.u;
    case TT_OP_OR:
        return a.u | b.u;
    case TT_OP_XOR:
        return a.u ^ b.u;
    case TT_OP_SHIFT_LEFT: // a negative distance is beyond the width, too
        return b.u >= bits ? 0 : a.u << b.u;
    case TT_OP_SHIFT_RIGHT: // of signed ones with their sign; beyond the width 0
        if (b.u >= bits)
            return 0;
        return is_signed && a.i < 0 ? ~(~a.u >> b.u) : a.u >> b.u;
    default:
        TT_CHECK(false);
        return 0;
    }
}

static bool compare(tt_op op, tt_class class, tt_cell a, tt_cell b)
{
    bool equal = class == TT_CLASS_FLOAT ? a.f == b.f : a.u == b.u;
    bool less = class == TT_CLASS_FLOAT      ? a.f < b.f
                : class == TT_CLASS_UNSIGNED ? a.u < b.u
                                             : a.i < b.i;
    return op == TT_OP_EQUAL ? equal : op == TT_OP_LESS ? less : less || equal;
}

tt_cell tt_cell_apply(tt_op op, tt_element element, tt_cell a, tt_cell b, tt_cell c, bool exact)
{
    tt_class class = elements[element].class;
    switch (op) {
    case TT_OP_EQUAL:
    case TT_OP_LESS:
    case TT_OP_LESS_OR_EQUAL:
        return (tt_cell){.i = compare(op, class, a, b)};
    case TT_OP_SELECT:
        return a.i != 0 ? b : c;
    default:
        break;
    }
    if (class == TT_CLASS_FLOAT) {
        double number = apply_float(op, a.f, b.f);
        return (tt_cell){.f = exact ? number : tt_round_to(element, number)};
    }
    return tt_cell_fit(element, (tt_cell){.u = apply_integer(op, element, a, b)});
}
