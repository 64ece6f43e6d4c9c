// Convolutions of 3 by 3 taps by fewer multiplications; for winograd.c, which describes them and
// makes their results, and winograd_gradient.c, which makes the gradients of their weights.

#ifndef TUTTI_AI_WINOGRAD_H
#define TUTTI_AI_WINOGRAD_H

#include "ai/lower/tiles.h"

#define SIDE 4 // positions of a tile along an axis
#define POSITIONS (SIDE * SIDE)
#define STEP 2      // elements of the result
#define TOGETHER 16 // tiles that are multiplied at once; or those of a row

// What lies in local memory, 16 positions of each: the one factor, which are weights or what came
// back of the result; the image; what is made of both.
enum { WEIGHTS, IMAGE, MADE, PARTS };

typedef struct winograd {
    product *p;
    fusing *f;
    tt_form *form;
    const window *row, *column;
    int64_t rows, columns;       // of tiles
    int64_t block, blocks;       // rows of tiles that are multiplied at once; how many such blocks
    int64_t in, out;             // channels of the image, and those of the result in a turn
    int64_t images, turn_blocks; // of a turn
    int64_t at[PARTS],
        apart[PARTS]; // in local memory: where each begins; from position to position
    tt_affine first;  // row of tiles of the open block
} winograd;

// Sums at each position, of `length` numbers: of vectors, `lanes` in all, with one number each,
// `numbers` in all. Where something was made already, they are added to it.
typedef struct tt_winograd_sums {
    unsigned vector, one; // in local memory
    int64_t length, lanes, numbers;
    int64_t vector_step, one_step; // from one of `length` to the next
    int64_t one_apart, made_apart; // from number to number
    bool more;
} tt_winograd_sums;

int64_t tt_winograd_divisor(int64_t of, int64_t most); // the greatest

// Finds places in local memory for positions of so many elements. False where there is no room.
bool tt_winograd_place(winograd *w, const int64_t size[PARTS]);

tt_affine tt_winograd_local(const winograd *w, unsigned part);
tt_register tt_winograd_load(winograd *w, uint16_t buffer, const tt_affine *where, int64_t more);
void tt_winograd_store(winograd *w, const tt_affine *where, int64_t more, tt_register value);

// Of the open block, the image's positions; and the sums at each.
void tt_winograd_image(winograd *w);
void tt_winograd_multiply(winograd *w, const tt_winograd_sums *sums);

// An element of what is made, so far from the place that is open, and what the group makes of it.
void tt_winograd_finish(winograd *w, int64_t row, int64_t column, tt_register made);

// The gradient of such a convolution's weights; false where it is none or too small.
bool tt_winograd_walk_gradient(product *p);

static inline tt_register tt_winograd_add(winograd *w, tt_register a, tt_register b)
{
    return tt_form_2(w->form, TT_FORM_ADD, a, b);
}

static inline tt_register tt_winograd_subtract(winograd *w, tt_register a, tt_register b)
{
    return tt_form_2(w->form, TT_FORM_SUBTRACT, a, b);
}

static inline tt_register tt_winograd_half(winograd *w, tt_register a)
{
    return tt_form_2(w->form, TT_FORM_MULTIPLY, a, tt_form_number(w->form, 0.5f));
}

#endif
