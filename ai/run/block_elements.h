// What the interpreter of forms does to a row of numbers at once: arithmetic, loads and stores.

#ifndef TUTTI_AI_BLOCK_ELEMENTS_H
#define TUTTI_AI_BLOCK_ELEMENTS_H

#include "ai/lower/form.h"

typedef union tt_word {
    float f;
    uint32_t i;
} tt_word;

// Any instruction of arithmetic but the JOINs, on n numbers; `to` may be no operand.
void tt_block_arithmetic(tt_form_op op, tt_word *to, const tt_word *a, const tt_word *b,
                         const tt_word *c, unsigned n);
// The lanes of one register added, or their greatest.
tt_word tt_block_join(tt_form_op op, const tt_word *lanes,
                      const tt_word *low); // low: NULL, or of JOIN_BOTH

// n numbers from, or to, the elements `place`, `place` + stride ... of a buffer.
void tt_block_load(tt_element element, const void *buffer, int64_t place, int64_t stride,
                   tt_word *to, unsigned n);
void tt_block_store(tt_element element, void *buffer, int64_t place, int64_t stride,
                    const tt_word *from, unsigned n);

// a b + c, rounded once, of n numbers: by any machine, and as this one does it best. isa_*.c
typedef void tt_block_three(tt_word *to, const tt_word *a, const tt_word *b, const tt_word *c,
                            unsigned n);
tt_block_three tt_block_fma;
tt_block_three *tt_block_fma_of_machine(void);

// sum += a b, so rounded, in the first `lanes` numbers of `turns` rows of 16. Rows of a and b begin
// `a_step` and `b_step` apart; a has one number for all of a row where it is `uniform`.
typedef void tt_block_rows(tt_word *sum, const tt_word *a, int64_t a_step, bool uniform,
                           const tt_word *b, int64_t b_step, unsigned turns, unsigned lanes);
tt_block_rows tt_block_multiply_add;
tt_block_rows *tt_block_multiply_add_of_machine(void);

#endif
