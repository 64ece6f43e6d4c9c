// Operations on elements as instructions of a form.

#ifndef TUTTI_AI_FORM_COMPUTE_H
#define TUTTI_AI_FORM_COMPUTE_H

#include "ai/lower/form.h"

// What `op` makes of its operands' registers, of `element` (the last operand's), as `made`: any
// operation that tt_can_lower takes and that is no sum.
tt_register tt_form_compute(tt_form *form, tt_op op, tt_element element, tt_element made,
                            const tt_register *operands);

// a where it is greater (or less) than b or no number, else b.
tt_register tt_form_better(tt_form *form, tt_register a, tt_register b, bool greatest);

// The bits of a float with others, by AND, OR or XOR: its sign turned, or taken away.
tt_register tt_form_sign(tt_form *form, tt_register a, tt_form_op op, uint32_t bits);

#endif
