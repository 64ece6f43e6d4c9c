// Whether what a form writes may lie where what it reads lies.

#ifndef TUTTI_AI_IN_PLACE_H
#define TUTTI_AI_IN_PLACE_H

#include "ai/lower/form.h"

// Whether the buffers `read`, which nothing in the form is stored to, and `written` may be the same
// memory. Each load must be done before a store overwrites what it reads, also where turns of the
// outermost loop run in any order, and 16 turns of a loop go instruction by instruction (as the
// interpreter does): a load stands before each store, in the same loops at the same place of the
// same elements, or in loops of its own that end before, within a part that no other turn of the
// loops around both touches. Loads by an index reach as far as it may be.
bool tt_form_in_place(const tt_form *form, uint16_t read, uint16_t written);

#endif
