// Finer turns: of the axis that threads share, and of the loop right inside it.

#ifndef TUTTI_AI_TURNS_H
#define TUTTI_AI_TURNS_H

#include "ai/lower/form.h"

// Makes the axis `split` count the turns of both loops, where that is right: the second loop is all
// that the first one holds, and its turns, too, may run in any order. Returns how many turns there
// are then; 0: the form is as it was. `memory` tells by buffer which lie in the same place: these
// have the same number. What is computed stays the same to the bit.
int64_t tt_form_refine(tt_form *form, const uint32_t *memory);

#endif
