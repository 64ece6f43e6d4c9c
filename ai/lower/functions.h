// exp, log and their like as instructions of a form: what the printer and the interpreter have no
// instruction for is made of what they have, so that all of them give the same bits.
//
// Each appends to the form and returns the register of the result. Within 1 ulp of the true value
// (tanh, erf: 2) for all floats; what is no number stays none, and limits are
// those of C's math.h.

#ifndef TUTTI_AI_FORM_FUNCTIONS_H
#define TUTTI_AI_FORM_FUNCTIONS_H

#include "ai/lower/form.h"

tt_register tt_form_exp(tt_form *form, tt_register x);
// The same of what is not above 0, or, where that is told, infinite; what would be below 2^-126 may
// be 0. For sums of what was made small by their greatest.
tt_register tt_form_exp_below(tt_form *form, tt_register x, bool infinite);
tt_register tt_form_log(tt_form *form, tt_register x);
tt_register tt_form_tanh(tt_form *form, tt_register x);
tt_register tt_form_erf(tt_form *form, tt_register x);
tt_register tt_form_sin(tt_form *form, tt_register x);
tt_register tt_form_cos(tt_form *form, tt_register x);
tt_register tt_form_atan(tt_form *form, tt_register x);

#endif
