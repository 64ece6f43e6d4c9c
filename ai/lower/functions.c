// Functions of floats as instructions. (A stub until the fitted ones are there: exp only.)

#include "ai/lower/functions.h"

// TEMPORARY
static tt_register num(tt_form *f, float x)
{
    return tt_form_number(f, x);
}
tt_register tt_form_exp(tt_form *f, tt_register x)
{
    tt_register n =
        tt_form_1(f, TT_FORM_NEAREST, tt_form_2(f, TT_FORM_MULTIPLY, x, num(f, 1.44269504f)));
    tt_register r = tt_form_make(f, TT_FORM_FMA, n, num(f, -0.693145752f), x);
    r = tt_form_make(f, TT_FORM_FMA, n, num(f, -1.42860677e-6f), r);
    static const float c[] = {
        1.3981999e-3f, 8.3334519e-3f, 4.1665795e-2f, 1.6666665e-1f, .5f, 1, 1};
    tt_register p = num(f, 1.9875691e-4f);
    for (int i = 0; i < 7; i++)
        p = tt_form_make(f, TT_FORM_FMA, p, r, num(f, c[i]));
    tt_register k = tt_form_1(f, TT_FORM_TO_INTEGER, n);
    k = tt_form_2(f, TT_FORM_LEFT, tt_form_2(f, TT_FORM_ADD_INTEGER, k, tt_form_integer(f, 127)),
                  tt_form_integer(f, 23));
    tt_register y = tt_form_2(f, TT_FORM_MULTIPLY, p, tt_form_1(f, TT_FORM_AS_FLOAT, k));
    y = tt_form_make(f, TT_FORM_SELECT, tt_form_2(f, TT_FORM_LESS, x, num(f, -87)), num(f, 0), y);
    y = tt_form_make(f, TT_FORM_SELECT, tt_form_2(f, TT_FORM_LESS, num(f, 88.7f), x),
                     num(f, __builtin_inff()), y);
    return y;
}
tt_register tt_form_log(tt_form *f, tt_register x)
{
    (void)f;
    return x;
}
tt_register tt_form_tanh(tt_form *f, tt_register x)
{
    (void)f;
    return x;
}
tt_register tt_form_erf(tt_form *f, tt_register x)
{
    (void)f;
    return x;
}
tt_register tt_form_sin(tt_form *f, tt_register x)
{
    (void)f;
    return x;
}
tt_register tt_form_cos(tt_form *f, tt_register x)
{
    (void)f;
    return x;
}
