// Operations on each element by itself, their operands broadcast, and their derivatives.
//
// A derivative may make a gradient of the result's shape for an operand that was broadcast: who
// differentiates sums it up (gradient.c).

#include <string.h>

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

// Which element types an operation takes.
enum { FLOATS = 1, INTEGERS = 2, BOOLS = 4, NUMBERS = FLOATS | INTEGERS, ALL = 7 };

static unsigned kind_of(const tt_type *type)
{
    tt_class class = tt_element_class((tt_element)type->element);
    return class == TT_CLASS_FLOAT ? FLOATS : class == TT_CLASS_BOOL ? BOOLS : INTEGERS;
}

// The inputs from `first` on have one element type of those allowed; all are broadcast together.
static bool broadcast_type(tt_rule *rule, unsigned first, unsigned allowed)
{
    static const char *const expected[] = {[FLOATS] = "a floating type",
                                           [INTEGERS] = "integers",
                                           [NUMBERS] = "numbers",
                                           [BOOLS] = "bools",
                                           [INTEGERS | BOOLS] = "integers or bools",
                                           [ALL] = "any"};
    char a[TT_TYPE_TEXT_BYTES], b[TT_TYPE_TEXT_BYTES];
    const tt_type *one = tt_rule_in(rule, first);
    if ((kind_of(one) & allowed) == 0)
        return tt_rule_fail(rule, "input %u is %s, expects %s", first, tt_type_text(one, a),
                            expected[allowed]);
    rule->out[0] = *tt_rule_in(rule, 0);
    for (unsigned i = 1; i < rule->input_count; i++) {
        const tt_type *other = tt_rule_in(rule, i);
        if (i > first && other->element != one->element)
            return tt_rule_fail(rule,
                                "input %u is %s, input %u is %s; there is no conversion that "
                                "was not asked for",
                                first, tt_type_text(one, a), i, tt_type_text(other, b));
        if (!tt_shape_join(&rule->out[0], other))
            return tt_rule_fail(rule, "shapes of %s and %s do not go together",
                                tt_type_text(&rule->out[0], a), tt_type_text(other, b));
    }
    rule->out[0].element = one->element;
    return true;
}

static bool float_type(tt_rule *rule)
{
    return broadcast_type(rule, 0, FLOATS);
}

static bool number_type(tt_rule *rule)
{
    return broadcast_type(rule, 0, NUMBERS);
}

static bool bits_type(tt_rule *rule)
{
    return broadcast_type(rule, 0, INTEGERS | BOOLS);
}

static bool integer_type(tt_rule *rule)
{
    return broadcast_type(rule, 0, INTEGERS);
}

static bool order_type(tt_rule *rule) // numbers in, bools out
{
    if (!broadcast_type(rule, 0, NUMBERS))
        return false;
    rule->out[0].element = TT_BOOL;
    return true;
}

static bool equal_type(tt_rule *rule)
{
    if (!broadcast_type(rule, 0, ALL))
        return false;
    rule->out[0].element = TT_BOOL;
    return true;
}

static bool select_type(tt_rule *rule)
{
    char text[TT_TYPE_TEXT_BYTES];
    if (tt_rule_in(rule, 0)->element != TT_BOOL)
        return tt_rule_fail(rule, "the condition is %s, expects bools",
                            tt_type_text(tt_rule_in(rule, 0), text));
    return broadcast_type(rule, 1, ALL);
}

static bool convert_type(tt_rule *rule)
{
    rule->out[0] = *tt_rule_in(rule, 0);
    rule->out[0].element = (uint8_t)rule->attribute[0].word[0];
    return true;
}

static bool itself_type(tt_rule *rule)
{
    rule->out[0] = *tt_rule_in(rule, 0);
    return true;
}

static tt_status elementwise_reference(tt_work *work)
{
    tt_op op = (tt_op)tt_graph_node(work->graph, work->node)->op;
    tt_element element = (tt_element)work->in[work->input_count - 1].type.element;
    tt_walk walk[3];
    for (unsigned i = 0; i < work->input_count; i++)
        tt_walk_broadcast(&walk[i], &work->in[i].type, &work->out[0].type);
    int64_t count = tt_type_count(&work->out[0].type);
    for (int64_t at = 0; at < count; at++) {
        tt_cell operand[3] = {{0}, {0}, {0}};
        for (unsigned i = 0; i < work->input_count; i++) {
            operand[i] = work->in[i].cells[walk[i].at];
            tt_walk_next(&walk[i]);
        }
        work->out[0].cells[at] =
            tt_cell_apply(op, element, operand[0], operand[1], operand[2], work->exact);
    }
    return TT_OK;
}

static tt_status convert_reference(tt_work *work)
{
    tt_element from = (tt_element)work->in[0].type.element;
    tt_element to = (tt_element)work->out[0].type.element;
    int64_t count = tt_type_count(&work->out[0].type);
    bool keep = work->exact && tt_element_is_float(from) && tt_element_is_float(to);
    for (int64_t i = 0; i < count; i++) // exact: floats stay double, whatever they are called
        work->out[0].cells[i] =
            keep ? work->in[0].cells[i] : tt_cell_convert(from, to, work->in[0].cells[i]);
    return TT_OK;
}

static tt_status itself_reference(tt_work *work)
{
    size_t count = (size_t)tt_type_count(&work->out[0].type);
    if (count > 0)
        memcpy(work->out[0].cells, work->in[0].cells, count * sizeof(tt_cell));
    return TT_OK;
}

// The derivatives, a line or two each. What they are made of: operands a and b, the result y, its
// gradient dy, and a number like it.
#define A back->in[0]
#define B back->in[1]
#define Y ((tt_value){back->node, 0})
#define DY back->dy[0]
#define NUMBER(n) tt_number(g, like(back), n)
#define DERIVATIVE(name, ...)                                                                      \
    static void name##_derivative(tt_back *back)                                                   \
    {                                                                                              \
        tt_graph *g = back->graph;                                                                 \
        __VA_ARGS__                                                                                \
    }

static tt_element like(const tt_back *back)
{
    return (tt_element)tt_graph_type(back->graph, DY)->element;
}

// dy where the condition holds, else 0.
static tt_value where(tt_back *back, tt_value condition, bool inside)
{
    tt_value zero = tt_number(back->graph, like(back), 0);
    return inside ? tt_select(back->graph, condition, DY, zero)
                  : tt_select(back->graph, condition, zero, DY);
}

// 2 / sqrt(pi)
#define ERF_SLOPE 1.1283791670955126

DERIVATIVE(convert, {
    tt_element from = (tt_element)tt_graph_type(g, A)->element;
    if (tt_element_is_float(from))
        back->dx[0] = tt_convert(g, DY, from);
})
DERIVATIVE(after, {
    back->dx[0] = DY;
    (void)g;
})
DERIVATIVE(negate, back->dx[0] = tt_negate(g, DY);)
DERIVATIVE(absolute, back->dx[0] = tt_multiply(g, DY, tt_unary(g, TT_OP_SIGN, A));)
DERIVATIVE(exp, back->dx[0] = tt_multiply(g, DY, Y);)
DERIVATIVE(log, back->dx[0] = tt_divide(g, DY, A);)
DERIVATIVE(sqrt, back->dx[0] = tt_divide(g, tt_multiply(g, DY, NUMBER(0.5)), Y);)
DERIVATIVE(sin, back->dx[0] = tt_multiply(g, DY, tt_unary(g, TT_OP_COS, A));)
DERIVATIVE(cos, back->dx[0] = tt_negate(g, tt_multiply(g, DY, tt_unary(g, TT_OP_SIN, A)));)
DERIVATIVE(atan, back->dx[0] = tt_divide(g, DY, tt_add(g, tt_multiply(g, A, A), NUMBER(1)));)
DERIVATIVE(tanh, back->dx[0] = tt_multiply(g, DY, tt_subtract(g, NUMBER(1), tt_multiply(g, Y, Y)));)
DERIVATIVE(erf,
           back->dx[0] = tt_multiply(g, DY,
                                     tt_multiply(g, NUMBER(ERF_SLOPE),
                                                 tt_exp(g, tt_negate(g, tt_multiply(g, A, A)))));)
DERIVATIVE(add, {
    back->dx[0] = DY;
    back->dx[1] = DY;
    (void)g;
})
DERIVATIVE(subtract, {
    back->dx[0] = DY;
    if (back->wanted[1])
        back->dx[1] = tt_negate(g, DY);
})
DERIVATIVE(multiply, {
    if (back->wanted[0])
        back->dx[0] = tt_multiply(g, DY, B);
    if (back->wanted[1])
        back->dx[1] = tt_multiply(g, DY, A);
})
DERIVATIVE(divide, {
    back->dx[0] = tt_divide(g, DY, B);
    if (back->wanted[1]) // d(a / b) / db = -(a / b) / b
        back->dx[1] = tt_negate(g, tt_multiply(g, back->dx[0], Y));
})
DERIVATIVE(remainder, { // a - trunc(a / b) b, whose second factor is a step
    back->dx[0] = DY;
    if (back->wanted[1])
        back->dx[1] = tt_multiply(g, DY, tt_divide(g, tt_subtract(g, Y, A), B));
})
// Where a is 0, what would be infinite is replaced before it is multiplied by 0, so that
// derivatives of these derivatives are numbers, too.
DERIVATIVE(power, {
    tt_value a_is_0 = tt_equal(g, A, NUMBER(0));
    if (back->wanted[0]) { // at b = 0 nothing depends on a, whatever a^-1 is
        tt_value both_are = tt_binary(g, TT_OP_AND, a_is_0, tt_equal(g, B, NUMBER(0)));
        tt_value below = tt_binary(g, TT_OP_POWER, tt_select(g, both_are, NUMBER(1), A),
                                   tt_subtract(g, B, NUMBER(1)));
        back->dx[0] = tt_multiply(g, DY, tt_multiply(g, B, below));
    }
    if (back->wanted[1]) { // at a = 0 the power is flat, where log a is none
        tt_value slope = tt_ln(g, tt_select(g, a_is_0, NUMBER(1), A));
        back->dx[1] = tt_multiply(g, DY, tt_multiply(g, Y, slope));
    }
})
// The first of two equal ones gets the whole gradient; where either is no number, both do. They are
// compared with the result, which is kept for the next layer anyway.
DERIVATIVE(greater_of, {
    if (back->wanted[0])
        back->dx[0] = where(back, tt_less(g, A, Y), false);
    if (back->wanted[1])
        back->dx[1] = where(back, tt_binary(g, TT_OP_LESS_OR_EQUAL, Y, A), false);
})
DERIVATIVE(lesser_of, {
    if (back->wanted[0])
        back->dx[0] = where(back, tt_less(g, Y, A), false);
    if (back->wanted[1])
        back->dx[1] = where(back, tt_binary(g, TT_OP_LESS_OR_EQUAL, A, Y), false);
})
DERIVATIVE(select, {
    if (back->wanted[1])
        back->dx[1] = where(back, A, true);
    if (back->wanted[2])
        back->dx[2] = where(back, A, false);
    (void)g;
})

#define ROW(n, count, rule)                                                                        \
    .name = n, .inputs_min = count, .inputs_max = count, .type = rule,                             \
    .reference = elementwise_reference

const tt_row tt_element_rows[] = {
    {.name = "convert",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"element", TT_ATTRIBUTE_ELEMENT}},
     .type = convert_type,
     .reference = convert_reference,
     .derivative = convert_derivative,
     .help = "to another element type: floats round to nearest even; to integers truncate and "
             "saturate, no number becomes 0; integers wrap; bools say whether it is not 0"},
    {.name = "stop",
     .inputs_min = 1,
     .inputs_max = 1,
     .flags = TT_ROW_MOVEMENT,
     .type = itself_type,
     .reference = itself_reference,
     .constant = true,
     .help = "a itself, taken for a constant by who differentiates"},
    {.name = "after",
     .inputs_min = 2,
     .inputs_max = 2,
     .flags = TT_ROW_MOVEMENT,
     .type = itself_type,
     .reference = itself_reference,
     .derivative = after_derivative,
     .help = "a itself once b is there: another node than a, so that what hangs on it is computed "
             "anew"},
    {ROW("negate", 1, number_type), .derivative = negate_derivative, .help = "-a"},
    {ROW("absolute", 1, number_type), .derivative = absolute_derivative,
     .help = "a without its sign"},
    {ROW("sign", 1, number_type), .constant = true, .help = "-1, 0 or 1; no number stays"},
    {ROW("not", 1, bits_type), .constant = true, .help = "each bit turned over"},
    {ROW("exp", 1, float_type), .derivative = exp_derivative, .help = "e to the a"},
    {ROW("log", 1, float_type), .derivative = log_derivative, .help = "natural logarithm"},
    {ROW("sqrt", 1, float_type), .derivative = sqrt_derivative, .help = "square root"},
    {ROW("sin", 1, float_type), .derivative = sin_derivative, .help = "sine of radians"},
    {ROW("cos", 1, float_type), .derivative = cos_derivative, .help = "cosine of radians"},
    {ROW("atan", 1, float_type), .derivative = atan_derivative, .help = "inverse tangent"},
    {ROW("tanh", 1, float_type), .derivative = tanh_derivative, .help = "hyperbolic tangent"},
    {ROW("erf", 1, float_type), .derivative = erf_derivative, .help = "error function"},
    {ROW("floor", 1, float_type), .constant = true, .help = "the next whole number below"},
    {ROW("ceil", 1, float_type), .constant = true, .help = "the next whole number above"},
    {ROW("round", 1, float_type), .constant = true, .help = "the nearest, ties to even"},
    {ROW("add", 2, number_type), .flags = TT_ROW_COMMUTATIVE, .derivative = add_derivative,
     .help = "a + b; integers wrap"},
    {ROW("subtract", 2, number_type), .derivative = subtract_derivative, .help = "a - b"},
    {ROW("multiply", 2, number_type), .flags = TT_ROW_COMMUTATIVE,
     .derivative = multiply_derivative, .help = "a b"},
    {ROW("divide", 2, number_type), .derivative = divide_derivative,
     .help = "a / b; integers truncate, by 0 give 0"},
    {ROW("remainder", 2, number_type), .derivative = remainder_derivative,
     .help = "what truncated division leaves, of a's sign; integers by 0 give 0"},
    {ROW("power", 2, number_type), .derivative = power_derivative, .help = "a to the b"},
    {ROW("greater_of", 2, number_type), .derivative = greater_of_derivative,
     .help = "the greater; no number wins"},
    {ROW("lesser_of", 2, number_type), .derivative = lesser_of_derivative,
     .help = "the lesser; no number wins"},
    {ROW("and", 2, bits_type), .flags = TT_ROW_COMMUTATIVE, .constant = true, .help = "of bits"},
    {ROW("or", 2, bits_type), .flags = TT_ROW_COMMUTATIVE, .constant = true, .help = "of bits"},
    {ROW("xor", 2, bits_type), .flags = TT_ROW_COMMUTATIVE, .constant = true, .help = "of bits"},
    {ROW("shift_left", 2, integer_type), .constant = true,
     .help = "by b bits; 0 beyond the width and for a negative b"},
    {ROW("shift_right", 2, integer_type), .constant = true,
     .help = "by b bits, with the sign; 0 beyond the width and for a negative b"},
    {ROW("equal", 2, equal_type), .flags = TT_ROW_COMMUTATIVE, .constant = true,
     .help = "a = b, a bool"},
    {ROW("less", 2, order_type), .constant = true, .help = "a < b, a bool"},
    {ROW("less_or_equal", 2, order_type), .constant = true, .help = "a <= b, a bool"},
    {ROW("select", 3, select_type), .derivative = select_derivative,
     .help = "b where the bool a holds, else c"},
};
