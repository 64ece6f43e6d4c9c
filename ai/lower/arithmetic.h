// Short names for building a form's arithmetic; each appends one instruction, or as many as it
// says.

#ifndef TUTTI_AI_FORM_ARITHMETIC_H
#define TUTTI_AI_FORM_ARITHMETIC_H

#include "ai/lower/form.h"

#define SIGN INT32_MIN // of a float's bits

static inline tt_register fused(tt_form *form, tt_register a, tt_register b, tt_register c)
{
    return tt_form_make(form, TT_FORM_FMA, a, b, c);
}

static inline tt_register choose(tt_form *form, tt_register mask, tt_register a, tt_register b)
{
    return tt_form_make(form, TT_FORM_SELECT, mask, a, b);
}

static inline tt_register shifted(tt_form *form, tt_form_op op, tt_register a, int by)
{
    return tt_form_2(form, op, a, tt_form_integer(form, by));
}

// The less of x and `limit`; what is no number stays. Two instructions.
static inline tt_register at_most(tt_form *form, tt_register x, float limit)
{
    tt_register most = tt_form_number(form, limit);
    return choose(form, tt_form_2(form, TT_FORM_LESS, most, x), most, x);
}

// c[0] + c[1] x + ... + c[degree] x^degree, `degree` instructions.
static inline tt_register polynomial(tt_form *form, tt_register x, const float *c, int degree)
{
    tt_register sum = tt_form_number(form, c[degree]);
    for (int i = degree - 1; i >= 0; i--)
        sum = fused(form, sum, x, tt_form_number(form, c[i]));
    return sum;
}

static inline tt_register sign_of(tt_form *form, tt_register x)
{
    return tt_form_2(form, TT_FORM_AND, tt_form_1(form, TT_FORM_AS_INTEGER, x),
                     tt_form_integer(form, SIGN));
}

// |x|, x without its sign, and back.
static inline tt_register with_sign(tt_form *form, tt_form_op op, tt_register x, tt_register sign)
{
    x = tt_form_2(form, op, tt_form_1(form, TT_FORM_AS_INTEGER, x), sign);
    return tt_form_1(form, TT_FORM_AS_FLOAT, x);
}

#endif
