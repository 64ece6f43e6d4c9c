// The interpreter against the words that say what forms are: random ones give the bits that they
// give one number after the other, whatever part of a form is asked for, and leave memory of others
// alone. What it is fast by is counted, since no bit tells of it.

#include <math.h>

#include "ai/graph/element.h"
#include "ai/run/block_elements.h"
#include "ai/run/blocks.h"
#include "tests/ai/emit/plain_form.h"
#include "tests/ai/emit/random_form.h"
#include "tests/ai/run/count_instructions.h"
#include "tests/test.h"

#define GUARD 256 // bytes before and behind scratch memory

static void *buffers[RF_BUFFERS], *right[RF_BUFFERS];
static _Alignas(TT_FORM_LOCAL_ALIGN) char local[TT_FORM_LOCAL_MAX];

// Runs it in memory of which nothing is known, with nothing to spare.
static void run_guarded(const tt_form *form, void *const *on, int64_t from, int64_t to)
{
    size_t bytes = tt_blocks_scratch(form), all = bytes + 2 * GUARD;
    char *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, all);
    bool sound = true;
    REQUIRE(scratch != NULL && bytes % TT_FORM_LOCAL_ALIGN == 0);
    memset(scratch, 0x7e, all);
    tt_blocks_run(form, on, from, to, scratch + GUARD);
    for (size_t i = 0; i < GUARD; i++)
        sound = sound && scratch[i] == 0x7e && scratch[GUARD + bytes + i] == 0x7e;
    EXPECT(sound);
    free(scratch);
}

static bool same(unsigned buffer)
{
    tt_element element = random_form_element(buffer);
    if (memcmp(buffers[buffer], right[buffer], RF_COUNT * tt_element_bytes(element)) == 0)
        return true;
    for (int64_t i = 0; i < RF_COUNT; i++) {
        tt_cell a = tt_cell_load(element, buffers[buffer], i);
        tt_cell b = tt_cell_load(element, right[buffer], i);
        bool none = tt_element_is_float(element) && isnan(a.f) && isnan(b.f);
        if (!none && a.u != b.u)
            return false;
    }
    return true;
}

static void expect_same(const tt_form *form, uint64_t seed)
{
    static char text[20000];
    bool equal = true;
    for (unsigned b = RF_ELEMENTS; b < RF_BUFFERS; b++)
        equal = same(b) && equal;
    EXPECT(equal);
    if (equal || test_failures > 2)
        return;
    tt_form_print(form, text, sizeof(text));
    printf("seed %llu:\n%s", (unsigned long long)seed, text);
}

static void check_random(uint64_t seed)
{
    tt_form form;
    random_form(&form, seed);
    memset(local, 0x81, sizeof(local));
    random_form_clear(right);
    REQUIRE(plain_form_run(&form, right, INT64_MIN, INT64_MAX, local));
    random_form_clear(buffers);
    run_guarded(&form, buffers, INT64_MIN, INT64_MAX);
    expect_same(&form, seed);
    if (form.split) { // in parts, of which some have nothing to do
        const tt_form_axis *axis = &form.axis[0];
        int64_t middle = axis->first + (axis->end - axis->first) / 32 * 16;
        if (!axis->lanes)
            middle = axis->first + (int64_t)(seed % 3);
        random_form_clear(buffers);
        run_guarded(&form, buffers, middle, axis->end);
        run_guarded(&form, buffers, axis->end, axis->end + 16);
        run_guarded(&form, buffers, axis->first, middle);
        expect_same(&form, seed);
    }
    tt_form_free(&form);
}

// ---- forms that no seed makes

static tt_register loaded(tt_form *form, uint16_t buffer, uint32_t axis, int64_t stride)
{
    tt_form_access access = {.buffer = buffer, .element = TT_F32};
    tt_affine_add(&access.place, axis, stride);
    return tt_form_load(form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

static void stored(tt_form *form, uint16_t buffer, uint32_t axis, int64_t stride, tt_register value)
{
    tt_form_access access = {.buffer = buffer, .element = TT_F32};
    tt_affine_add(&access.place, axis, stride);
    tt_form_store(form, &access, value);
}

static void check_made(tt_form *form)
{
    char why[200] = "";
    EXPECT(tt_form_sound(form, why, sizeof(why)));
    EXPECT_TEXT(why, "");
    random_form_clear(right);
    REQUIRE(plain_form_run(form, right, INT64_MIN, INT64_MAX, local));
    random_form_clear(buffers);
    run_guarded(form, buffers, INT64_MIN, INT64_MAX);
    expect_same(form, 0);
    tt_form_free(form);
}

// Lanes that are not split have one local memory for all their turns.
static void check_local(void)
{
    tt_form form;
    tt_form_axis lanes = {.end = 64, .lanes = true};
    tt_form_begin(&form);
    form.local_bytes = 64 * sizeof(float);
    uint32_t axis = tt_form_loop(&form, &lanes);
    tt_register x = loaded(&form, 0, axis, 1);
    stored(&form, TT_FORM_LOCAL, axis, 1, tt_form_2(&form, TT_FORM_ADD, x, x));
    stored(&form, RF_ELEMENTS, axis, 1, loaded(&form, TT_FORM_LOCAL, axis, 1));
    tt_form_end(&form);
    check_made(&form);
}

// What one turn stores another reads: element i becomes the sum of itself and of what `back`
// before it has become. They may not run at once.
static void check_dependent(int64_t back, bool lanes)
{
    tt_form form;
    tt_form_axis axis = {.first = 48, .end = 200, .lanes = lanes};
    tt_form_begin(&form);
    uint32_t i = tt_form_loop(&form, &axis);
    tt_form_access before = {.buffer = RF_ELEMENTS, .element = TT_F32, .place.offset = -back};
    tt_affine_add(&before.place, i, 1);
    tt_register old = tt_form_load(&form, &before, TT_NO_REGISTER, TT_NO_REGISTER);
    stored(&form, RF_ELEMENTS, i, 1,
           tt_form_2(&form, TT_FORM_ADD, old, tt_form_number(&form, 1.25f)));
    tt_form_end(&form);
    check_made(&form);
}

// The same where the two differ by their strides alone, or by the loop that they go with: `load`
// and `store` are those of an outer loop and of the lanes in it.
static void check_strides(const int64_t load[2], const int64_t store[2])
{
    tt_form form;
    tt_form_axis outer = {.end = 3}, lanes = {.end = 150, .lanes = true};
    tt_form_access from = {.buffer = RF_ELEMENTS, .element = TT_F32}, to = from;
    tt_form_begin(&form);
    uint32_t axis[2] = {tt_form_loop(&form, &outer), tt_form_loop(&form, &lanes)};
    for (unsigned i = 0; i < 2; i++) {
        if (load[i] != 0)
            tt_affine_add(&from.place, axis[i], load[i]);
        if (store[i] != 0)
            tt_affine_add(&to.place, axis[i], store[i]);
    }
    tt_register old = tt_form_load(&form, &from, TT_NO_REGISTER, TT_NO_REGISTER);
    tt_form_store(&form, &to, tt_form_2(&form, TT_FORM_ADD, old, tt_form_number(&form, 1.25f)));
    tt_form_end(&form);
    tt_form_end(&form);
    check_made(&form);
}

static void check_all_strides(void)
{
    static const int64_t some[][2] = {{0, 1}, {0, 2}, {1, 0}, {1, 1}, {20, 1}, {40, 1}, {1, 20}};
    for (unsigned i = 0; i < 7; i++)
        for (unsigned k = 0; k < 7; k++)
            if (some[k][1] != 0) // one element is no place for all lanes
                check_strides(some[i], some[k]);
}

// Lanes that a loop before has set are read by each turn of a loop that runs in blocks.
static void check_lanes_before(void)
{
    tt_form form;
    tt_form_axis few = {.end = 16, .lanes = true}, many = {.end = 90, .lanes = true};
    tt_form_begin(&form);
    tt_register kept = tt_form_start(&form, tt_form_number(&form, 2), false);
    tt_form_set(&form, kept, loaded(&form, 0, tt_form_loop(&form, &few), 1));
    tt_form_end(&form);
    uint32_t axis = tt_form_loop(&form, &many);
    tt_form_access whole = {.buffer = 5, .element = TT_I32};
    tt_affine_add(&whole.place, axis, 1);
    tt_register x = tt_form_load(&form, &whole, TT_NO_REGISTER, TT_NO_REGISTER);
    x = tt_form_1(&form, TT_FORM_TO_FLOAT, x);
    stored(&form, RF_ELEMENTS, axis, 1, tt_form_2(&form, TT_FORM_MULTIPLY, x, kept));
    tt_form_end(&form);
    check_made(&form);
}

// ---- arithmetic that machines with instructions for it do not come to

static bool same_number(float a, float b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

// a b + c as any machine does it; now and then near a tie, or where all but a little cancels.
static void check_fma(void)
{
    uint64_t state = 11;
    tt_word a[3], b[3], c[3], made[3];
    for (unsigned i = 0; i < 200000; i++) {
        for (unsigned l = 0; l < 3; l++) {
            a[l].f = random_form_float(&state);
            b[l].f = random_form_float(&state);
            c[l].f = random_form_float(&state);
            if (i % 4 == 0)
                c[l].f = (i % 8 == 0 ? -1.0f : 0x1p-24f) * a[l].f * b[l].f;
        }
        tt_block_fma(made, a, b, c, 3);
        for (unsigned l = 0; l < 3; l++) {
            bool same = same_number(made[l].f, fmaf(a[l].f, b[l].f, c[l].f));
            EXPECT(same);
            if (!same)
                return;
        }
    }
}

// Rows of sums, of all lanes or the first few, by each way that there is.
static void check_multiply_add(tt_block_rows *rows)
{
    uint64_t state = 12;
    tt_word a[400], b[400], sum[4 * TT_LANES], expected[4 * TT_LANES];
    for (unsigned i = 0; i < 400; i++) {
        a[i].f = (float)(random_form_next(&state) % 997) / 64 - 7;
        b[i].f = (float)(random_form_next(&state) % 991) / 32 - 15;
    }
    for (unsigned i = 0; i < 2 * TT_LANES; i++) {
        bool uniform = i % 2 > 0;
        unsigned lanes = 1 + i / 2, turns = 1 + i % 4;
        int64_t a_step = i % 3 == 0 ? 0 : 17 + i, b_step = i % 5 == 0 ? 0 : 40 + i;
        for (unsigned k = 0; k < 4 * TT_LANES; k++)
            sum[k].f = expected[k].f = (float)k / 3;
        for (unsigned turn = 0; turn < turns; turn++)
            for (unsigned l = 0; l < lanes; l++) {
                tt_word *to = &expected[turn * TT_LANES + l];
                to->f = fmaf(a[turn * a_step + (uniform ? 0 : l)].f, b[turn * b_step + l].f, to->f);
            }
        rows(sum, a, a_step, uniform, b, b_step, turns, lanes);
        EXPECT(memcmp(sum, expected, sizeof(sum)) == 0);
    }
}

// ---- what it is fast by

static tt_form counted;
static int64_t counted_to;

static void run_counted(void *scratch)
{
    tt_blocks_run(&counted, buffers, 0, counted_to, scratch);
}

static long count_to(int64_t to)
{
    void *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, tt_blocks_scratch(&counted));
    REQUIRE(scratch != NULL);
    counted_to = to;
    long count = count_instructions(run_counted, scratch);
    free(scratch);
    return count;
}

#define OPERATIONS 6

// A chain of arithmetic, of rows of 16 or of single numbers.
static void build_counted(bool lanes, bool split, bool outer)
{
    tt_form_axis once = {.end = 1}, axis = {.end = 16 * (lanes ? TT_LANES : 1), .lanes = lanes};
    tt_form_begin(&counted);
    counted.split = split;
    if (outer)
        tt_form_loop(&counted, &once);
    uint32_t i = tt_form_loop(&counted, &axis);
    tt_register x = loaded(&counted, 0, i, 1), y = x;
    for (unsigned k = 0; k < OPERATIONS; k++)
        y = tt_form_2(&counted, TT_FORM_ADD, y, x);
    stored(&counted, RF_ELEMENTS, i, 1, y);
    tt_form_end(&counted);
    if (outer)
        tt_form_end(&counted);
}

// 16 turns are dispatched as one, and cost no more than three do.
static void check_blocks(void)
{
    static const struct {
        bool lanes, split, outer;
    } forms[] = {
        {true, true, false}, {true, false, false}, {false, true, false}, {true, true, true}};
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        build_counted(forms[i].lanes, forms[i].split, forms[i].outer);
        tt_form_axis *axis = &counted.axis[counted.axis_count - 1];
        long all = count_to(INT64_MAX);
        axis->end = forms[i].lanes ? TT_LANES : 1;
        long one = count_to(INT64_MAX);
        EXPECT(all > 0 && all < 3 * one);
        if (all >= 3 * one)
            printf("form %u: one turn takes %ld instructions, sixteen take %ld\n", i, one, all);
        tt_form_free(&counted);
    }
}

// Where the axis that is split has few turns, those of the lanes within it are taken at once.
static void check_few_turns(void)
{
    tt_form_axis rows = {.end = 4}, lanes = {.end = 256, .lanes = true};
    tt_form_begin(&counted);
    counted.split = true;
    tt_form_loop(&counted, &rows);
    uint32_t i = tt_form_loop(&counted, &lanes);
    tt_register x = loaded(&counted, 0, i, 1), y = x;
    for (unsigned k = 0; k < OPERATIONS; k++)
        y = tt_form_2(&counted, TT_FORM_ADD, y, x);
    stored(&counted, RF_ELEMENTS, i, 1, y);
    tt_form_end(&counted);
    tt_form_end(&counted);
    long none = count_to(0), one = count_to(1), all = count_to(4);
    EXPECT(none > 0 && all - none < 5 * (one - none));
    if (all - none >= 5 * (one - none))
        printf("none: %ld instructions, one turn: %ld, four: %ld\n", none, one, all);
    tt_form_free(&counted);
}

int main(void)
{
    REQUIRE(random_form_buffers(buffers, 1) && random_form_buffers(right, 1));
    for (uint64_t seed = 1; seed <= 1500; seed++)
        check_random(seed);
    check_local();
    for (int64_t back = 0; back <= 48; back += 1)
        for (int lanes = 0; lanes < 2; lanes++)
            check_dependent(back, lanes != 0);
    check_all_strides();
    check_fma();
    check_multiply_add(tt_block_multiply_add);
    check_multiply_add(tt_block_multiply_add_of_machine());
    check_lanes_before();
    if (can_count_instructions()) {
        check_blocks();
        check_few_turns();
    }
    random_form_free(buffers);
    random_form_free(right);
    return test_result();
}
