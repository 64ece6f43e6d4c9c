// The interpreter of forms: what runs them where there is no compiler, and the printer's judge.

#ifndef TUTTI_AI_BLOCKS_H
#define TUTTI_AI_BLOCKS_H

#include "ai/lower/form.h"

// Bytes that a run needs besides, a multiple of 64. The form's local memory is the first of them.
size_t tt_blocks_scratch(const tt_form *form);
// Runs the numbers of the form's axis `split` from `from` to before `to`, where they lie in it, or
// all where there is none. Of an axis of lanes both are its first or a multiple of 16 above, or
// beyond its end. `scratch` is aligned to 64 bytes, and for one run at a time.
void tt_blocks_run(const tt_form *form, void *const *buffers, int64_t from, int64_t to,
                   void *scratch);

#endif
