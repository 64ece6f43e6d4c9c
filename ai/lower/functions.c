// exp and log, and what they make: tanh and erf.
//
// Polynomials are of tools/functions/fit.py. What is greater than all limits is brought to one
// first, by selects that let pass what is no number, so that no result needs mending.

#include "ai/lower/functions.h"

#include <math.h>

#include "ai/lower/arithmetic.h"

#define LOG2_E 1.44269504F
// log(2) as the sum of two floats; the first has 21 bits, so that small multiples are exact.
#define LOG_2 0.693147182F
#define LOG_2_REST -1.90465421e-9F
#define GREATEST 88.8F      // a little more than has a finite exp
#define ROUNDER 12582912.0F // 1.5 2^23: a small number added to it is rounded to an integer

// exp(x) = 2^n exp(r), |r| <= log(2) / 2: returns exp(r), and n + `more` in the last bits of
// `bits`. Of x no less than `least`, and not above 89.
static tt_register exp_of_rest(tt_form *form, tt_register x, float least, float more,
                               tt_register *bits)
{
    static const float c[] = {
        1, 1, 0.49999994F, 0.166665211F, 0.0416683331F, 0.00836871006F, 0.00138142798F};
    tt_register limit = tt_form_number(form, least), rounder = tt_form_number(form, ROUNDER + more);
    x = choose(form, tt_form_2(form, TT_FORM_LESS, x, limit), limit, x);
    tt_register rounded = fused(form, x, tt_form_number(form, LOG2_E), rounder);
    tt_register n = tt_form_2(form, TT_FORM_SUBTRACT, rounded, rounder);
    tt_register r = fused(form, n, tt_form_number(form, -LOG_2), x);
    r = fused(form, n, tt_form_number(form, -LOG_2_REST), r);
    *bits = tt_form_1(form, TT_FORM_AS_INTEGER, rounded);
    return polynomial(form, r, c, 6);
}

// n + 254 are the exponents of two factors, whose product is 2^n also where that is a denormal or
// 2^128.
tt_register tt_form_exp(tt_form *form, tt_register x)
{
    tt_register both, p = exp_of_rest(form, at_most(form, x, GREATEST), -104, 254, &both);
    tt_register half = shifted(form, TT_FORM_RIGHT, both, 1);
    tt_register rest = tt_form_2(form, TT_FORM_SUBTRACT_INTEGER, both, half);
    half = tt_form_1(form, TT_FORM_AS_FLOAT, shifted(form, TT_FORM_LEFT, half, 23));
    rest = tt_form_1(form, TT_FORM_AS_FLOAT, shifted(form, TT_FORM_LEFT, rest, 23));
    return tt_form_2(form, TT_FORM_MULTIPLY, tt_form_2(form, TT_FORM_MULTIPLY, p, half), rest);
}

// 2^n is 0 for -127, where -88 is, and infinite for 128, where 88.8 is.
tt_register tt_form_exp_below(tt_form *form, tt_register x, bool infinite)
{
    x = infinite ? at_most(form, x, GREATEST) : x;
    tt_register bits, p = exp_of_rest(form, x, -88, 127, &bits);
    bits = tt_form_1(form, TT_FORM_AS_FLOAT, shifted(form, TT_FORM_LEFT, bits, 23));
    return tt_form_2(form, TT_FORM_MULTIPLY, p, bits);
}

// Above 0: the logarithm. 0: -infinity. Below, and what is no number: none. Infinity stays.
static tt_register log_limits(tt_form *form, tt_register x, tt_register log)
{
    tt_register zero = tt_form_number(form, 0), infinity = tt_form_number(form, INFINITY);
    tt_register others = choose(form, tt_form_2(form, TT_FORM_EQUAL, x, zero),
                                tt_form_number(form, -INFINITY), tt_form_number(form, NAN));
    log = choose(form, tt_form_2(form, TT_FORM_LESS, zero, x), log, others);
    return choose(form, tt_form_2(form, TT_FORM_EQUAL, x, infinity), infinity, log);
}

// log(x) = n log(2) + log(1 + f), 1 + f from sqrt(1/2) to sqrt(2): the nearer part of 1 + f is
// taken from the bits as they stand above those of sqrt(1/2). The sum s of n log(2) and f loses up
// to half an ulp, which is found again and added to the rest of the logarithm.
tt_register tt_form_log(tt_form *form, tt_register x)
{
    static const float c[] = {-0.499999881F, 0.333333254F, -0.250015825F,
                              0.200019762F,  -0.16609104F, 0.141818449F,
                              -0.132430166F, 0.129044876F, -0.0762185082F};
    const int32_t root = 0x3f3504f3, up = 24; // denormals are multiplied by 2^up
    tt_register denormal = tt_form_2(form, TT_FORM_LESS, x, tt_form_number(form, 0x1p-126F));
    tt_register scaled = tt_form_2(form, TT_FORM_MULTIPLY, x, tt_form_number(form, 0x1p24F));
    tt_register bits = tt_form_1(form, TT_FORM_AS_INTEGER, choose(form, denormal, scaled, x));
    tt_register base = choose(form, denormal, tt_form_integer(form, root + (up << 23)),
                              tt_form_integer(form, root));
    bits = tt_form_2(form, TT_FORM_SUBTRACT_INTEGER, bits, base);
    tt_register n =
        tt_form_1(form, TT_FORM_TO_FLOAT, shifted(form, TT_FORM_RIGHT_SIGNED, bits, 23));
    bits = tt_form_2(form, TT_FORM_AND, bits, tt_form_integer(form, 0x7fffff));
    bits = tt_form_2(form, TT_FORM_ADD_INTEGER, bits, tt_form_integer(form, root));
    tt_register f = tt_form_2(form, TT_FORM_SUBTRACT, tt_form_1(form, TT_FORM_AS_FLOAT, bits),
                              tt_form_number(form, 1));
    tt_register s = fused(form, n, tt_form_number(form, LOG_2), f);
    tt_register kept = fused(form, n, tt_form_number(form, -LOG_2), s);
    tt_register lost = tt_form_2(form, TT_FORM_SUBTRACT, f, kept);
    tt_register square = tt_form_2(form, TT_FORM_MULTIPLY, f, f);
    tt_register rest = fused(form, square, polynomial(form, f, c, 8), lost);
    return log_limits(form, x, tt_form_2(form, TT_FORM_ADD, s, rest));
}

// r and 2^n with k y = n log(2) + k r, for k a power of 2 and n from -126 to 127, which is near k
// `about` / log(2). log(2) is taken as a float, which for so small an n is near enough.
static tt_register reduced(tt_form *form, tt_register y, tt_register about, float k,
                           tt_register *power)
{
    tt_register rounder = tt_form_number(form, ROUNDER + 127);
    tt_register rounded = fused(form, about, tt_form_number(form, LOG2_E * k), rounder);
    tt_register n = tt_form_2(form, TT_FORM_SUBTRACT, rounded, rounder);
    tt_register bits = tt_form_1(form, TT_FORM_AS_INTEGER, rounded);
    *power = tt_form_1(form, TT_FORM_AS_FLOAT, shifted(form, TT_FORM_LEFT, bits, 23));
    return fused(form, n, tt_form_number(form, -LOG_2 / k), y);
}

// With a = n log(2) / 2 + r, r from -log(2) / 8 to 3 log(2) / 8, and u = tanh(r), the sum of two
// angles gives tanh(a) = m / (m + w), m = 2^n - 1 + u (2^n + 1), w = 2 (1 - u). Errors of m fade as
// w does, and where n is 0, m + w is rounded to 2. Beyond 9.02 tanh rounds to 1.
tt_register tt_form_tanh(tt_form *form, tt_register x)
{
    static const float c[] = {-0.333332151F, 0.133226961F, -0.0512264781F};
    tt_register one = tt_form_number(form, 1), sign = sign_of(form, x), power;
    tt_register a = at_most(form, with_sign(form, TT_FORM_XOR, x, sign), 10);
    tt_register about = tt_form_2(form, TT_FORM_SUBTRACT, a, tt_form_number(form, LOG_2 / 8));
    tt_register r = reduced(form, a, about, 2, &power);
    tt_register square = tt_form_2(form, TT_FORM_MULTIPLY, r, r);
    tt_register cube = tt_form_2(form, TT_FORM_MULTIPLY, r, square);
    tt_register u = fused(form, cube, polynomial(form, square, c, 2), r);
    tt_register less = tt_form_2(form, TT_FORM_SUBTRACT, power, one);
    tt_register more = tt_form_2(form, TT_FORM_ADD, power, one);
    tt_register m = fused(form, u, more, less);
    tt_register w = fused(form, u, tt_form_number(form, -2), tt_form_number(form, 2));
    w = tt_form_2(form, TT_FORM_ADD, m, w);
    tt_register result = tt_form_2(form, TT_FORM_DIVIDE, m, w);
    return with_sign(form, TT_FORM_OR, result, sign);
}

// 1 - exp(-y) for y from 0 to 85, relative to itself: with -y = n log(2) - r it is
// 1 - 2^n + 2^n (1 - exp(-r)).
static tt_register less_1(tt_form *form, tt_register y)
{
    // Of exp(r) = 1 + r + r^2 c(r), for -r.
    static const float c[] = {-0.49999997F, 0.166665435F, -0.0416673422F, 0.00836665556F,
                              -0.00138826738F};
    tt_register one = tt_form_number(form, 1), power;
    tt_register r = reduced(form, y, y, -1, &power);
    tt_register square = tt_form_2(form, TT_FORM_MULTIPLY, r, r);
    tt_register p = fused(form, square, polynomial(form, r, c, 4), r);
    return fused(form, power, p, tt_form_2(form, TT_FORM_SUBTRACT, one, power));
}

// erf(a) = 1 - exp(-y), y = -log(1 - erf(a)), which is nearly a polynomial in a; beyond 3.92 erf
// rounds to 1.
tt_register tt_form_erf(tt_form *form, tt_register x)
{
    static const float c[] = {0.128379166F,     0.636619866F,   0.102771245F,     -0.0191177037F,
                              -0.000253061968F, 0.0017993541F,  -0.000740687363F, 0.000167481427F,
                              -2.13547664e-05F, 1.19331412e-06F};
    tt_register sign = sign_of(form, x);
    tt_register a = at_most(form, with_sign(form, TT_FORM_XOR, x, sign), 4);
    tt_register y = fused(form, a, polynomial(form, a, c, 9), a);
    return with_sign(form, TT_FORM_OR, less_1(form, y), sign);
}
