// sin, cos and atan.
//
// Polynomials are of tools/functions/fit.py. An angle from 1 on, however great, is reduced to a
// quadrant by its product with 96 bits of 2 / pi: those above make whole turns, those below are
// too small. There is no branch, so that small angles pay for it, too.

#include "ai/lower/functions.h"

#include <math.h>

#include "ai/lower/arithmetic.h"

// pi / 2 as the sum of two floats.
#define QUADRANT 1.57079637F
#define QUADRANT_REST -4.37113883e-8F

// An angle, of a = |x|, as high + low + quadrant * pi / 2, with |high| <= 1.
typedef struct angle {
    tt_register high, low, quadrant;
} angle;

static tt_register multiply_integer(tt_form *form, tt_register a, tt_register b)
{
    return tt_form_2(form, TT_FORM_MULTIPLY_INTEGER, a, b);
}

static tt_register multiply_high(tt_form *form, tt_register a, tt_register b)
{
    return tt_form_2(form, TT_FORM_MULTIPLY_HIGH, a, b);
}

// Bits place to place + 95 of 25 zeros followed by the digits of 2 / pi, for a place of 0 to 127
// that stands at bit 23 and up.
static void window(tt_form *form, tt_register place, tt_register words[3])
{
    static const uint32_t digits[] = {0x00000051, 0x7cc1b727, 0x220a94fe, 0x13abe8fa,
                                      0x9a6ee06d, 0xb14acc9e, 0x21c820ff};
    tt_register word[7];
    for (int i = 0; i < 7; i++)
        word[i] = tt_form_integer(form, (int32_t)digits[i]);
    tt_register bit_64 =
        tt_form_2(form, TT_FORM_LESS_INTEGER, tt_form_integer(form, (64 << 23) - 1), place);
    tt_register bit_32 = shifted(form, TT_FORM_LEFT, place, 3);
    bit_32 = tt_form_2(form, TT_FORM_LESS_INTEGER, bit_32, tt_form_integer(form, 0));
    for (int i = 0; i < 5; i++)
        word[i] = choose(form, bit_64, word[i + 2], word[i]);
    for (int i = 0; i < 4; i++)
        word[i] = choose(form, bit_32, word[i + 1], word[i]);
    // 2^(place mod 32), from the float -2^(place mod 32), of which no integer is too small.
    tt_register power = tt_form_2(form, TT_FORM_AND, place, tt_form_integer(form, 31 << 23));
    power = tt_form_2(form, TT_FORM_OR, power, tt_form_integer(form, (int32_t)0x80000000));
    power = tt_form_2(form, TT_FORM_ADD_INTEGER, power, tt_form_integer(form, 127 << 23));
    power = tt_form_1(form, TT_FORM_TO_INTEGER, tt_form_1(form, TT_FORM_AS_FLOAT, power));
    power = tt_form_2(form, TT_FORM_SUBTRACT_INTEGER, tt_form_integer(form, 0), power);
    for (int i = 0; i < 3; i++)
        words[i] = tt_form_2(form, TT_FORM_OR, multiply_integer(form, word[i], power),
                             multiply_high(form, word[i + 1], power));
}

static tt_register as_float(tt_form *form, tt_register integer)
{
    return tt_form_1(form, TT_FORM_TO_FLOAT, integer);
}

// The fraction of the turn is that of 24 bits of the number times the window's 96: `turn` has the
// quadrant in its upper two bits and what is left of it below, `below` follows, in units of
// 2^-32 and less.
static angle reduce(tt_form *form, tt_register a)
{
    tt_register bits = tt_form_1(form, TT_FORM_AS_INTEGER, a), w[3];
    window(form, tt_form_2(form, TT_FORM_SUBTRACT_INTEGER, bits, tt_form_integer(form, 127 << 23)),
           w);
    tt_register m = tt_form_2(form, TT_FORM_AND, bits, tt_form_integer(form, 0x7fffff));
    m = tt_form_2(form, TT_FORM_OR, m, tt_form_integer(form, 0x800000));
    tt_register turn = tt_form_2(form, TT_FORM_ADD_INTEGER, multiply_integer(form, m, w[0]),
                                 multiply_high(form, m, w[1]));
    tt_register half = tt_form_integer(form, 1 << 29);
    tt_register quadrant =
        shifted(form, TT_FORM_RIGHT, tt_form_2(form, TT_FORM_ADD_INTEGER, turn, half), 30);
    turn = shifted(form, TT_FORM_LEFT, turn, 2);
    tt_register more = tt_form_2(form, TT_FORM_AND, turn, tt_form_integer(form, -256));
    // A small negative angle is no difference of two greater ones.
    tt_register near = tt_form_2(form, TT_FORM_EQUAL_INTEGER, more, tt_form_integer(form, -256));
    more = choose(form, near, tt_form_integer(form, 0), more);
    tt_register less = tt_form_2(form, TT_FORM_SUBTRACT_INTEGER, turn, more);
    tt_register below = shifted(form, TT_FORM_RIGHT, multiply_integer(form, m, w[1]), 1);
    tt_register rest = fused(form, as_float(form, multiply_high(form, m, w[2])),
                             tt_form_number(form, 0x1p-1F), as_float(form, below));
    rest = fused(form, rest, tt_form_number(form, 0x1p-29F), as_float(form, less));
    more = as_float(form, more);
    // What was counted in units of 2^-32 quadrants, in two floats.
    tt_register unit = tt_form_number(form, QUADRANT * 0x1p-32F);
    tt_register high = tt_form_2(form, TT_FORM_MULTIPLY, more, unit);
    tt_register low =
        fused(form, more, unit, tt_form_2(form, TT_FORM_SUBTRACT, tt_form_number(form, 0), high));
    low = fused(form, more, tt_form_number(form, QUADRANT_REST * 0x1p-32F), low);
    low = fused(form, rest, tt_form_number(form, QUADRANT_REST * 0x1p-32F), low);
    low = fused(form, rest, unit, low);
    tt_register small = tt_form_2(form, TT_FORM_LESS, a, tt_form_number(form, 1));
    return (angle){choose(form, small, a, high), choose(form, small, tt_form_number(form, 0), low),
                   choose(form, small, tt_form_integer(form, 0), quadrant)};
}

// sin(high) + low cos(high), as high + (high z s(z) + low w); w is 1 - z / 2.
static tt_register sine(tt_form *form, const angle *r, tt_register z, tt_register w)
{
    static const float c[] = {-0.166666672F, 0.00833332352F, -0.000198360533F, 2.69482416e-06F};
    tt_register cube = tt_form_2(form, TT_FORM_MULTIPLY, r->high, z);
    tt_register low = tt_form_2(form, TT_FORM_MULTIPLY, r->low, w);
    tt_register rest = fused(form, cube, polynomial(form, z, c, 3), low);
    return tt_form_2(form, TT_FORM_ADD, r->high, rest);
}

// cos(high) - low sin(high), as w + (what the rounding of w lost + z z c(z) - low sine).
static tt_register cosine(tt_form *form, const angle *r, tt_register z, tt_register w,
                          tt_register sine)
{
    static const float c[] = {0.0416666679F, -0.00138888822F, 2.47958724e-05F, -2.69841109e-07F};
    tt_register lost = tt_form_2(form, TT_FORM_SUBTRACT, tt_form_number(form, 1), w);
    lost = fused(form, z, tt_form_number(form, -0.5F), lost);
    tt_register square = tt_form_2(form, TT_FORM_MULTIPLY, z, z);
    tt_register rest = fused(form, square, polynomial(form, z, c, 3), lost);
    tt_register turned = tt_form_2(form, TT_FORM_MULTIPLY, r->low, sine);
    return tt_form_2(form, TT_FORM_ADD, w, tt_form_2(form, TT_FORM_SUBTRACT, rest, turned));
}

// The sine of the angle a >= 0 that is `ahead` quadrants on; without a number for infinity.
static tt_register sine_from(tt_form *form, tt_register a, int ahead)
{
    angle r = reduce(form, a);
    tt_register z = tt_form_2(form, TT_FORM_MULTIPLY, r.high, r.high);
    tt_register q = r.quadrant;
    if (ahead > 0)
        q = tt_form_2(form, TT_FORM_ADD_INTEGER, q, tt_form_integer(form, ahead));
    tt_register odd = shifted(form, TT_FORM_LEFT, q, 31);
    odd = shifted(form, TT_FORM_RIGHT_SIGNED, odd, 31);
    tt_register w = fused(form, z, tt_form_number(form, -0.5F), tt_form_number(form, 1));
    tt_register even = sine(form, &r, z, w);
    tt_register result = choose(form, odd, cosine(form, &r, z, w, even), even);
    tt_register sign =
        sign_of(form, tt_form_1(form, TT_FORM_AS_FLOAT, shifted(form, TT_FORM_LEFT, q, 30)));
    result = with_sign(form, TT_FORM_XOR, result, sign);
    tt_register finite = tt_form_2(form, TT_FORM_LESS, a, tt_form_number(form, INFINITY));
    return choose(form, finite, result, tt_form_number(form, NAN));
}

tt_register tt_form_sin(tt_form *form, tt_register x)
{
    tt_register sign = sign_of(form, x);
    tt_register a = with_sign(form, TT_FORM_XOR, x, sign);
    return with_sign(form, TT_FORM_XOR, sine_from(form, a, 0), sign);
}

tt_register tt_form_cos(tt_form *form, tt_register x)
{
    tt_register a = with_sign(form, TT_FORM_XOR, x, sign_of(form, x));
    return sine_from(form, a, 1);
}

// Up to 1 the polynomial; beyond it atan(a) = pi / 2 + atan(-1 / a). What the division and the
// first sum lose, and what pi / 2 has below a float, join the small terms. What the division loses
// is weighted by about the derivative of atan, 1 / (1 + t^2), where it counts.
tt_register tt_form_atan(tt_form *form, tt_register x)
{
    // Moved by last places from where fit.py has them: of such, the least error over all floats.
    static const float c[] = {-0.333332986F,  0.1999854F,     -0.142642289F,
                              0.109521851F,   -0.0840346739F, 0.0579578504F,
                              -0.0311780386F, 0.0109147727F,  -0.00179372774F};
    tt_register zero = tt_form_number(form, 0), one = tt_form_number(form, 1);
    tt_register sign = sign_of(form, x);
    tt_register a = with_sign(form, TT_FORM_XOR, x, sign);
    tt_register great = tt_form_2(form, TT_FORM_LESS, one, a);
    tt_register t = tt_form_2(form, TT_FORM_DIVIDE, tt_form_number(form, -1), a);
    tt_register lost = fused(form, t, at_most(form, a, 0x1p100F), one);
    lost = tt_form_2(form, TT_FORM_MULTIPLY, lost, tt_form_number(form, 0.546875F));
    tt_register low = fused(form, lost, t, tt_form_number(form, QUADRANT_REST));
    t = choose(form, great, t, a);
    tt_register base = choose(form, great, tt_form_number(form, QUADRANT), zero);
    low = choose(form, great, low, zero);
    tt_register z = tt_form_2(form, TT_FORM_MULTIPLY, t, t);
    tt_register cube = tt_form_2(form, TT_FORM_MULTIPLY, t, z);
    tt_register sum = tt_form_2(form, TT_FORM_ADD, base, t);
    tt_register kept = tt_form_2(form, TT_FORM_SUBTRACT, sum, base);
    low = tt_form_2(form, TT_FORM_ADD, low, tt_form_2(form, TT_FORM_SUBTRACT, t, kept));
    tt_register rest = fused(form, cube, polynomial(form, z, c, 8), low);
    return with_sign(form, TT_FORM_OR, tt_form_2(form, TT_FORM_ADD, sum, rest), sign);
}
