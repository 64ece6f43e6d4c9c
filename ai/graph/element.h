// Elements of all types in one form, as the reference computes with them.
//
// A cell holds a floating-point element as a double, a signed integer or bool as an int64_t, an
// unsigned one as a uint64_t, always a number that its element type can hold (floats may be kept
// exact). Every function here is total: no cell can raise a signal.

#ifndef TUTTI_AI_ELEMENT_H
#define TUTTI_AI_ELEMENT_H

#include "tutti/graph.h"

typedef union tt_cell {
    double f;
    int64_t i;
    uint64_t u;
} tt_cell;

typedef enum tt_class {
    TT_CLASS_FLOAT,
    TT_CLASS_SIGNED,
    TT_CLASS_UNSIGNED,
    TT_CLASS_BOOL
} tt_class;
tt_class tt_element_class(tt_element element);
unsigned tt_element_bits(tt_element element); // its width; of bool 1

// The nearest number that the element type holds, ties to even; beyond the greatest, infinity.
double tt_round_to(tt_element element, double number);
// What an operation made: floats rounded, integers wrapped to their width, bools 0 or 1.
tt_cell tt_cell_fit(tt_element element, tt_cell cell);
tt_cell tt_cell_convert(tt_element from, tt_element to, tt_cell cell);
tt_cell tt_cell_of_number(tt_element element, double number);
double tt_cell_number(tt_element element, tt_cell cell); // for people; 64-bit ones are rounded

// From and to the bytes of a tensor, element `index` of it; aligned as the element.
tt_cell tt_cell_load(tt_element element, const void *data, int64_t index);
void tt_cell_store(tt_element element, void *data, int64_t index, tt_cell cell);

// One element of an operation's result, already fit; `element` is that of the operands a and b (of
// `yes` and `no` for select, whose condition is a; b and c then).
tt_cell tt_cell_apply(tt_op op, tt_element element, tt_cell a, tt_cell b, tt_cell c, bool exact);

#endif
