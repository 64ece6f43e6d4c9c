// Forms run one number after the other, word for word as ai/lower/form.h says what they are: slow,
// and with nothing in common with what runs them fast.

#ifndef TUTTI_TESTS_PLAIN_FORM_H
#define TUTTI_TESTS_PLAIN_FORM_H

#include "ai/lower/form.h"

// As tt_blocks_run; `local` is as many bytes as the form has. False: no memory.
bool plain_form_run(const tt_form *form, void *const *buffers, int64_t from, int64_t to,
                    void *local);

#endif
