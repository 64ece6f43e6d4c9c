// Layer norm + GELU as a form, of an activation made of instructions alone.

#ifndef TUTTI_TESTS_LAYER_NORM_H
#define TUTTI_TESTS_LAYER_NORM_H

#include "ai/lower/form.h"

#define LN_BUFFERS 4 // x, gamma, beta, y

static inline tt_form_access ln_access(uint16_t buffer, uint32_t row, uint32_t column, int64_t n)
{
    tt_form_access access = {.buffer = buffer, .element = TT_F32};
    if (buffer == 0 || buffer == 3)
        tt_affine_add(&access.place, row, n);
    tt_affine_add(&access.place, column, 1);
    return access;
}

static inline tt_register ln_number(tt_form *f, float number)
{
    return tt_form_number(f, number);
}

// exp with about 1e-7 relative error, for x in -87.3 to 88.
static inline tt_register ln_exp(tt_form *f, tt_register x)
{
    static const float p[] = {1.3981999e-3f, 8.3334519e-3f, 4.1665795e-2f, 1.6666665e-1f, .5f};
    x = tt_form_make(f, TT_FORM_SELECT, tt_form_2(f, TT_FORM_LESS, x, ln_number(f, -87.3f)),
                     ln_number(f, -87.3f), x);
    tt_register magic = ln_number(f, 12582912.f);
    tt_register n = tt_form_make(f, TT_FORM_FMA, x, ln_number(f, 1.44269504f), magic);
    tt_register k =
        tt_form_2(f, TT_FORM_LEFT, tt_form_1(f, TT_FORM_AS_INTEGER, n), tt_form_integer(f, 23));
    n = tt_form_2(f, TT_FORM_SUBTRACT, n, magic);
    tt_register r = tt_form_make(f, TT_FORM_FMA, n, ln_number(f, -0.693145752f), x);
    r = tt_form_make(f, TT_FORM_FMA, n, ln_number(f, -1.42860677e-6f), r);
    tt_register y = ln_number(f, 1.9875691e-4f);
    for (unsigned i = 0; i < sizeof(p) / sizeof(p[0]); i++)
        y = tt_form_make(f, TT_FORM_FMA, y, r, ln_number(f, p[i]));
    y = tt_form_make(f, TT_FORM_FMA, tt_form_2(f, TT_FORM_MULTIPLY, y, r), r,
                     tt_form_2(f, TT_FORM_ADD, r, ln_number(f, 1)));
    y = tt_form_2(f, TT_FORM_ADD_INTEGER, tt_form_1(f, TT_FORM_AS_INTEGER, y), k);
    return tt_form_1(f, TT_FORM_AS_FLOAT, y);
}

// y (1 / (1 + exp(-1.596 (y + 0.0447 y^3)))): GELU by tanh.
static inline tt_register ln_gelu(tt_form *f, tt_register y)
{
    tt_register one = ln_number(f, 1), most = ln_number(f, 80);
    tt_register cube = tt_form_2(f, TT_FORM_MULTIPLY, tt_form_2(f, TT_FORM_MULTIPLY, y, y), y);
    tt_register u = tt_form_make(f, TT_FORM_FMA, cube, ln_number(f, .044715f), y);
    u = tt_form_2(f, TT_FORM_MULTIPLY, u, ln_number(f, -1.5957691f));
    u = tt_form_make(f, TT_FORM_SELECT, tt_form_2(f, TT_FORM_LESS, most, u), most, u);
    return tt_form_2(f, TT_FORM_DIVIDE, y, tt_form_2(f, TT_FORM_ADD, ln_exp(f, u), one));
}

static inline void ln_sum(tt_form *f, uint32_t row, int64_t n, tt_register sum, tt_register mean)
{
    tt_form_axis columns = {.end = n, .lanes = true};
    uint32_t column = tt_form_loop(f, &columns);
    tt_form_access x = ln_access(0, row, column, n);
    tt_register value = tt_form_load(f, &x, TT_NO_REGISTER, TT_NO_REGISTER);
    if (mean != TT_NO_REGISTER) {
        value = tt_form_2(f, TT_FORM_SUBTRACT, value, mean);
        value = tt_form_2(f, TT_FORM_MULTIPLY, value, value);
    }
    tt_form_set(f, sum, tt_form_2(f, TT_FORM_ADD, sum, value));
    tt_form_end(f);
}

static inline tt_register ln_mean(tt_form *f, uint32_t row, int64_t n, tt_register mean)
{
    tt_register sum = tt_form_start(f, ln_number(f, 0), false);
    ln_sum(f, row, n, sum, mean);
    return tt_form_2(f, TT_FORM_MULTIPLY, tt_form_1(f, TT_FORM_JOIN, sum),
                     ln_number(f, 1.f / (float)n));
}

static inline void ln_build(tt_form *f, int64_t rows, int64_t n)
{
    tt_form_axis split = {.end = rows}, columns = {.end = n, .lanes = true};
    tt_form_begin(f);
    f->split = true;
    uint32_t row = tt_form_loop(f, &split);
    tt_register mean = ln_mean(f, row, n, TT_NO_REGISTER);
    tt_register variance = ln_mean(f, row, n, mean);
    tt_register k = tt_form_2(f, TT_FORM_ADD, variance, ln_number(f, 1e-5f));
    k = tt_form_2(f, TT_FORM_DIVIDE, ln_number(f, 1), tt_form_1(f, TT_FORM_SQRT, k));
    uint32_t column = tt_form_loop(f, &columns);
    tt_form_access access[LN_BUFFERS];
    for (uint16_t i = 0; i < LN_BUFFERS; i++)
        access[i] = ln_access(i, row, column, n);
    tt_register x = tt_form_load(f, &access[0], TT_NO_REGISTER, TT_NO_REGISTER);
    x = tt_form_2(f, TT_FORM_MULTIPLY, tt_form_2(f, TT_FORM_SUBTRACT, x, mean), k);
    x = tt_form_make(f, TT_FORM_FMA, x, tt_form_load(f, &access[1], TT_NO_REGISTER, TT_NO_REGISTER),
                     tt_form_load(f, &access[2], TT_NO_REGISTER, TT_NO_REGISTER));
    tt_form_store(f, &access[3], ln_gelu(f, x));
    tt_form_end(f);
    tt_form_end(f);
}

#endif
