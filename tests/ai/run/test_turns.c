// Finer turns: the same numbers in any order of them, and none where they would not be apart.

#include <stdlib.h>
#include <string.h>

#include "ai/lower/turns.h"
#include "ai/run/blocks.h"
#include "tests/test.h"

enum { ROWS = 5, BLOCKS = 3, NUMBERS = ROWS * BLOCKS * TT_LANES };

// What is otherwise than in a form whose turns are apart.
typedef enum otherwise {
    NOTHING,
    BLOCKS_APART,     // all rows of a block lie together
    SAME_PLACE,       // reads and writes lie in the same place, element by element
    SAME_PLACE_MOVED, // the same, but the reads lie in another block
    ALL_IN_ONE,       // each block writes over the one before
    OVERLAPPING,      // over half of it
    SECOND_OVERLAPS,  // a second store does
    BESIDE,           // something stands beside the second loop
    ONE_BLOCK,
    BOUNDED,       // a third loop by the second one's number
    LOCAL_APART,   // local memory by the second one's number
    LOCAL_GUARDED, // loads of local memory only in some turns
    NO_ROOM,       // for a term
    WAYS
} otherwise;

static bool may_be_finer(otherwise way)
{
    return way == NOTHING || way == BLOCKS_APART || way == SAME_PLACE;
}

static tt_form_access at(uint16_t buffer, const int64_t strides[3], const uint32_t axes[3])
{
    tt_form_access access = {.buffer = buffer, .element = TT_F32};
    for (unsigned i = 0; i < 3; i++)
        tt_affine_add(&access.place, axes[i], strides[i]);
    return access;
}

// out[row, block, lane] = in[row, block, lane] * 3 + row + 10 block, through local memory.
static void make(tt_form *form, otherwise way)
{
    uint32_t axes[3];
    int64_t row = BLOCKS * TT_LANES, block = TT_LANES, end = way == ONE_BLOCK ? 1 : BLOCKS;
    if (way == BLOCKS_APART) {
        row = TT_LANES;
        block = ROWS * TT_LANES;
    }
    tt_form_begin(form);
    form->split = true;
    form->local_bytes = TT_FORM_LOCAL_ALIGN * BLOCKS;
    axes[0] = tt_form_loop(form, &(tt_form_axis){.end = ROWS});
    axes[1] = tt_form_loop(form, &(tt_form_axis){.end = end});
    tt_form_axis lanes = {.end = TT_LANES, .lanes = true};
    if (way == BOUNDED) {
        lanes.bounded = true;
        lanes.divisor = 1;
        lanes.to.offset = TT_LANES;
        tt_affine_add(&lanes.to, axes[1], -1);
    }
    axes[2] = tt_form_loop(form, &lanes);
    tt_form_access in = at(0, (int64_t[]){row, block, 1}, axes);
    if (way == SAME_PLACE_MOVED)
        in.place.offset = TT_LANES;
    if (way == NO_ROOM) { // none of the first loop, and as many others as there can be
        in = at(0, (int64_t[]){0, block, 1}, axes);
        while (in.place.count < TT_TERMS_MAX)
            in.place.term[in.place.count++] = (tt_term){axes[2], 0};
    }
    tt_form_access local = at(TT_FORM_LOCAL, (int64_t[]){0, way == LOCAL_APART ? 16 : 0, 1}, axes);
    int64_t out_block = way == ALL_IN_ONE ? 0 : way == OVERLAPPING ? block / 2 : block;
    tt_form_access out = at(1, (int64_t[]){row, out_block, 1}, axes);
    tt_register x = tt_form_load(form, &in, TT_NO_REGISTER, TT_NO_REGISTER);
    tt_form_store(form, &local, x);
    tt_affine number = {0};
    tt_affine_add(&number, axes[0], 1);
    tt_affine_add(&number, axes[1], 10);
    tt_register index = tt_form_index(form, &number);
    tt_register guard = TT_NO_REGISTER;
    if (way == LOCAL_GUARDED)
        guard = tt_form_2(form, TT_FORM_LESS_INTEGER, index, tt_form_integer(form, 10));
    x = tt_form_load(form, &local, guard, TT_NO_REGISTER);
    tt_register more = tt_form_1(form, TT_FORM_TO_FLOAT, index);
    tt_form_store(form, &out, tt_form_make(form, TT_FORM_FMA, x, tt_form_number(form, 3), more));
    if (way == SECOND_OVERLAPS) {
        out.place.offset = 1;
        tt_form_store(form, &out, more);
    }
    tt_form_end(form);
    tt_form_end(form);
    if (way == BESIDE)
        tt_form_number(form, 1);
    tt_form_end(form);
}

static void fill(float *numbers, float first)
{
    for (unsigned i = 0; i < NUMBERS + TT_LANES; i++)
        numbers[i] = first + (float)i;
}

static void run(const tt_form *form, float *in, float *out, int64_t from, int64_t to)
{
    void *const buffers[] = {in, out};
    void *scratch = NULL;
    size_t bytes = tt_blocks_scratch(form);
    REQUIRE(posix_memalign(&scratch, TT_FORM_LOCAL_ALIGN, bytes) == 0);
    memset(scratch, 0xff, bytes); // local memory is no turn's that has not stored there
    tt_blocks_run(form, buffers, from, to, scratch);
    free(scratch);
}

static void check(otherwise way)
{
    static float in[NUMBERS + TT_LANES], expected[NUMBERS + TT_LANES], made[NUMBERS + TT_LANES];
    tt_form form;
    char why[128] = "";
    bool same = way == SAME_PLACE || way == SAME_PLACE_MOVED;
    make(&form, way);
    EXPECT(tt_form_sound(&form, why, sizeof(why)));
    fill(in, 0);
    fill(expected, 0);
    fill(made, 0);
    run(&form, in, expected, 0, ROWS);
    int64_t turns = tt_form_refine(&form, (uint32_t[]){0, same ? 0 : 1});
    EXPECT_EQUAL(turns, may_be_finer(way) ? ROWS * BLOCKS : 0);
    EXPECT(tt_form_sound(&form, why, sizeof(why)));
    for (int64_t turn = turns; turn > 0; turn--) // in another order than they had
        run(&form, same ? made : in, made, (turn * 7) % turns, (turn * 7) % turns + 1);
    if (turns == 0)
        run(&form, in, made, 0, ROWS);
    EXPECT(memcmp(made, expected, sizeof(made)) == 0);
    tt_form_free(&form);
}

int main(void)
{
    for (int way = 0; way < WAYS; way++)
        check((otherwise)way);
    return test_result();
}
