// The interpreter of forms: what runs them where there is no compiler, and the printer's judge.

#ifndef TUTTI_AI_BLOCKS_H
#define TUTTI_AI_BLOCKS_H

#include "ai/lower/form.h"

// Bytes that a run needs besides.
size_t tt_blocks_scratch(const tt_form *form);
// Runs the turns of the form's axis `split` from `from` to before `to`, or all where there is none.
void tt_blocks_run(const tt_form *form, void *const *buffers, int64_t from, int64_t to,
                   void *scratch);

#endif
