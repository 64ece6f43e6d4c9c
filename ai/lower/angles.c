// sin, cos and atan. Until they are made, the argument.

#include "ai/lower/functions.h"

tt_register tt_form_sin(tt_form *form, tt_register x)
{
    (void)form;
    return x;
}

tt_register tt_form_cos(tt_form *form, tt_register x)
{
    (void)form;
    return x;
}

tt_register tt_form_atan(tt_form *form, tt_register x)
{
    (void)form;
    return x;
}
