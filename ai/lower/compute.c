// Operations on elements as instructions of a form.

#include "ai/lower/compute.h"

#include "ai/lower/functions.h"

tt_register tt_form_sign(tt_form *form, tt_register a, tt_form_op op, uint32_t bits)
{
    tt_register whole = tt_form_1(form, TT_FORM_AS_INTEGER, a);
    tt_register made = tt_form_2(form, op, whole, tt_form_integer(form, (int32_t)bits));
    return tt_form_1(form, TT_FORM_AS_FLOAT, made);
}

// a where it wins or is no number, else b.
tt_register tt_form_better(tt_form *form, tt_register a, tt_register b, bool greatest)
{
    tt_register wins =
        greatest ? tt_form_2(form, TT_FORM_LESS, b, a) : tt_form_2(form, TT_FORM_LESS, a, b);
    tt_register none = tt_form_2(form, TT_FORM_EQUAL, a, a); // where it is one
    none = tt_form_2(form, TT_FORM_XOR, none, tt_form_integer(form, -1));
    return tt_form_make(form, TT_FORM_SELECT, tt_form_2(form, TT_FORM_OR, wins, none), a, b);
}

static tt_register converted(tt_form *form, tt_register a, tt_element from, tt_element to)
{
    if (from == to)
        return a;
    if (from == TT_F32 && to == TT_I32)
        return tt_form_1(form, TT_FORM_TO_INTEGER, a);
    if (from == TT_F32) { // a bool: what is not 0, no number too
        tt_register zero = tt_form_2(form, TT_FORM_EQUAL, a, tt_form_number(form, 0));
        return tt_form_2(form, TT_FORM_XOR, zero, tt_form_integer(form, -1));
    }
    if (from == TT_BOOL)
        a = tt_form_2(form, TT_FORM_AND, a, tt_form_integer(form, 1));
    if (to == TT_BOOL) {
        tt_register zero = tt_form_2(form, TT_FORM_EQUAL_INTEGER, a, tt_form_integer(form, 0));
        return tt_form_2(form, TT_FORM_XOR, zero, tt_form_integer(form, -1));
    }
    return to == TT_F32 ? tt_form_1(form, TT_FORM_TO_FLOAT, a) : a;
}

static tt_register compared(tt_form *form, tt_op op, tt_element element, tt_register a,
                            tt_register b)
{
    bool is_float = element == TT_F32;
    if (op == TT_OP_EQUAL)
        return tt_form_2(form, is_float ? TT_FORM_EQUAL : TT_FORM_EQUAL_INTEGER, a, b);
    if (op == TT_OP_LESS)
        return tt_form_2(form, is_float ? TT_FORM_LESS : TT_FORM_LESS_INTEGER, a, b);
    if (is_float)
        return tt_form_2(form, TT_FORM_LESS_OR_EQUAL, a, b);
    return tt_form_2(form, TT_FORM_XOR, tt_form_2(form, TT_FORM_LESS_INTEGER, b, a),
                     tt_form_integer(form, -1));
}

tt_register tt_form_compute(tt_form *form, tt_op op, tt_element element, tt_element made,
                            const tt_register *r)
{
    bool is_float = element == TT_F32;
    switch (op) {
    case TT_OP_IOTA:
        return made == TT_F32 ? tt_form_1(form, TT_FORM_TO_FLOAT, r[0]) : r[0];
    case TT_OP_CONVERT:
        return converted(form, r[0], element, made);
    case TT_OP_NEGATE:
        return tt_form_sign(form, r[0], TT_FORM_XOR, 0x80000000u);
    case TT_OP_ABSOLUTE:
        return tt_form_sign(form, r[0], TT_FORM_AND, 0x7fffffffu);
    case TT_OP_EXP:
        return tt_form_exp(form, r[0]);
    case TT_OP_LOG:
        return tt_form_log(form, r[0]);
    case TT_OP_TANH:
        return tt_form_tanh(form, r[0]);
    case TT_OP_ERF:
        return tt_form_erf(form, r[0]);
    case TT_OP_SIN:
        return tt_form_sin(form, r[0]);
    case TT_OP_COS:
        return tt_form_cos(form, r[0]);
    case TT_OP_ATAN:
        return tt_form_atan(form, r[0]);
    case TT_OP_SQRT:
        return tt_form_1(form, TT_FORM_SQRT, r[0]);
    case TT_OP_FLOOR:
        return tt_form_1(form, TT_FORM_FLOOR, r[0]);
    case TT_OP_CEIL:
        return tt_form_1(form, TT_FORM_CEIL, r[0]);
    case TT_OP_ROUND:
        return tt_form_1(form, TT_FORM_NEAREST, r[0]);
    case TT_OP_ADD:
        return tt_form_2(form, is_float ? TT_FORM_ADD : TT_FORM_ADD_INTEGER, r[0], r[1]);
    case TT_OP_SUBTRACT:
        return tt_form_2(form, is_float ? TT_FORM_SUBTRACT : TT_FORM_SUBTRACT_INTEGER, r[0], r[1]);
    case TT_OP_MULTIPLY:
        return tt_form_2(form, is_float ? TT_FORM_MULTIPLY : TT_FORM_MULTIPLY_INTEGER, r[0], r[1]);
    case TT_OP_DIVIDE:
        return tt_form_2(form, TT_FORM_DIVIDE, r[0], r[1]);
    case TT_OP_GREATER_OF:
    case TT_OP_LESSER_OF:
        return tt_form_better(form, r[0], r[1], op == TT_OP_GREATER_OF);
    case TT_OP_NOT:
        return tt_form_2(form, TT_FORM_XOR, r[0], tt_form_integer(form, -1));
    case TT_OP_AND:
        return tt_form_2(form, TT_FORM_AND, r[0], r[1]);
    case TT_OP_OR:
        return tt_form_2(form, TT_FORM_OR, r[0], r[1]);
    case TT_OP_XOR:
        return tt_form_2(form, TT_FORM_XOR, r[0], r[1]);
    case TT_OP_SELECT:
        return tt_form_make(form, TT_FORM_SELECT, r[0], r[1], r[2]);
    default:
        return compared(form, op, element, r[0], r[1]);
    }
}
