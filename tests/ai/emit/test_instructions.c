// Each instruction alone: by the interpreter as libm and C have it, then printed to C, at every
// width by gcc and by clang, as by the interpreter. What is no number counts as equal to any other
// such.

#include <dlfcn.h>
#include <math.h>

#include "ai/run/block_elements.h"
#include "ai/run/blocks.h"
#include "tests/ai/emit/printed.h"
#include "tests/ai/emit/random_form.h"
#include "tests/test.h"

#define FORMS_MAX 400
#define SOME_WAYS 0x79u // of printed.h's: plain by gcc, SSE2 by clang, AVX2 by both, AVX-512 by gcc
#define NUMBERS 1037    // the last turn has 13 lanes
#define IN_FLOATS 3 // buffers: floats a, b, c; integers d, e; then one of each type read, written
#define IN_MASKS 5
#define IN_ELEMENTS 6
#define OUT 17
#define BUFFERS 28
#define BUFFER_BYTES (8 * 3 * 1056)

static tt_form forms[FORMS_MAX];
static char name_of[FORMS_MAX][40];
static unsigned form_count;
static int64_t numbers = NUMBERS; // of the axis
static void *buffers[BUFFERS];
static uint8_t expected[FORMS_MAX][BUFFER_BYTES];

static bool same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (a != a && b != b);
}

// ---- The interpreter against C.

static float by_libm(tt_form_op op, float a, float b, float c)
{
    switch (op) {
    case TT_FORM_FMA:
        return fmaf(a, b, c);
    case TT_FORM_SQRT:
        return sqrtf(a);
    case TT_FORM_FLOOR:
        return floorf(a);
    case TT_FORM_CEIL:
        return ceilf(a);
    default:
        return nearbyintf(a);
    }
}

static void test_against_libm(tt_form_op op)
{
    uint64_t state = 7;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 1000000; i++) {
        tt_word a = {random_form_float(&state)}, b = {random_form_float(&state)},
                c = {random_form_float(&state)}, to;
        if (i % 4 == 0) // near a tie, or where all but a little cancels
            c.f = (i % 8 == 0 ? -1.0f : 0x1p-24f) * a.f * b.f;
        tt_block_arithmetic(op, &to, &a, &b, &c, 1);
        float right = by_libm(op, a.f, b.f, c.f);
        if (!same_float(to.f, right) && wrong++ < 3)
            printf("op %d of %a %a %a: %a, not %a\n", op, (double)a.f, (double)b.f, (double)c.f,
                   (double)to.f, (double)right);
    }
    EXPECT_EQUAL(wrong, 0);
}

static void test_to_integer(float x, int32_t right)
{
    tt_word a = {x}, to;
    tt_block_arithmetic(TT_FORM_TO_INTEGER, &to, &a, NULL, NULL, 1);
    EXPECT_EQUAL((int32_t)to.i, right);
}

static void test_elements(void)
{
    tt_word word = {65519.996f};
    uint16_t half = 0, halves[] = {0x0001, 0x8400, 0x7bff, 0xfc00};
    tt_block_store(TT_F16, &half, 0, 1, &word, 1);
    EXPECT_EQUAL(half, 0x7bff);
    word.f = -65520.0f;
    tt_block_store(TT_F16, &half, 0, 1, &word, 1);
    EXPECT_EQUAL(half, 0xfc00);
    word.f = 0x1.8p-24f; // between the least two: to even
    tt_block_store(TT_F16, &half, 0, 1, &word, 1);
    EXPECT_EQUAL(half, 2);
    word.f = 0x1.008p0f; // a tie: to even
    tt_block_store(TT_BF16, &half, 0, 1, &word, 1);
    EXPECT_EQUAL(half, 0x3f80);
    tt_word read[4];
    tt_block_load(TT_F16, halves, 0, 1, read, 4);
    EXPECT(read[0].f == 0x1p-24f && read[1].f == -0x1p-14f && read[2].f == 65504.0f &&
           read[3].f == -INFINITY);
    for (uint32_t i = 0; i < 65536; i++) { // every half comes back
        uint16_t back = 0;
        halves[0] = (uint16_t)i;
        tt_block_load(TT_F16, halves, 0, 1, read, 1);
        tt_block_store(TT_F16, &back, 0, 1, read, 1);
        if (read[0].f == read[0].f && back != i)
            EXPECT_EQUAL(back, i);
    }
}

// ---- One form an instruction.

static tt_form *begin(const char *name, unsigned number, bool lanes)
{
    REQUIRE(form_count < FORMS_MAX);
    snprintf(name_of[form_count], sizeof(name_of[0]), "%s %u%s", name, number,
             lanes ? "" : " uniform");
    tt_form *form = &forms[form_count++];
    tt_form_begin(form);
    tt_form_axis axis = {.end = numbers, .lanes = lanes};
    form->split = true;
    tt_form_loop(form, &axis);
    return form;
}

static tt_form_access access_to(unsigned buffer, tt_element element, int64_t stride)
{
    tt_form_access access = {.buffer = (uint16_t)buffer, .element = (uint8_t)element};
    access.place.offset = stride < 0 ? -stride * (numbers - 1) : 0;
    tt_affine_add(&access.place, 0, stride);
    return access;
}

static tt_register load(tt_form *form, unsigned buffer, tt_element element, int64_t stride)
{
    tt_form_access access = access_to(buffer, element, stride);
    return tt_form_load(form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

static void end(tt_form *form, tt_element element, int64_t stride, tt_register value)
{
    tt_form_access access = access_to(OUT, element, stride);
    tt_form_store(form, &access, value);
    tt_form_end(form);
}

static bool takes_integers(tt_form_op op)
{
    return (op >= TT_FORM_ADD_INTEGER && op <= TT_FORM_EQUAL_INTEGER) || op == TT_FORM_TO_FLOAT ||
           op == TT_FORM_AS_FLOAT;
}

static void add_arithmetic(tt_form_op op, bool lanes)
{
    tt_form *form = begin("arithmetic", op, lanes);
    bool integers = takes_integers(op);
    tt_register from[3];
    for (unsigned i = 0; i < 3; i++)
        from[i] = integers ? load(form, IN_FLOATS + i % 2, TT_I32, 1) : load(form, i, TT_F32, 1);
    if (op >= TT_FORM_LEFT && op <= TT_FORM_RIGHT_SIGNED)
        from[1] = lanes ? tt_form_integer(form, 7)
                        : tt_form_2(form, TT_FORM_AND, from[1], tt_form_integer(form, 31));
    if (op == TT_FORM_SELECT)
        from[0] = load(form, IN_MASKS, TT_BOOL, 1);
    for (unsigned i = tt_form_operands(op); i < 3; i++)
        from[i] = TT_NO_REGISTER;
    tt_register made = tt_form_make(form, op, from[0], from[1], from[2]);
    end(form, form->code[made].kind == TT_FORM_F32 ? TT_F32 : TT_I32, 1, made);
}

static void add_element(unsigned element, int64_t stride, bool lanes)
{
    tt_element type = random_form_element(element);
    tt_form *form = begin(tt_element_name(type), (unsigned)(stride + 10), lanes);
    tt_register read = load(form, IN_ELEMENTS + element, type, stride);
    end(form, tt_form_kind_of(type) == TT_FORM_F32 ? TT_F32 : TT_I32, 1, read);
    form = begin("store", element * 20 + (unsigned)(stride + 10), lanes);
    tt_form_kind kind = tt_form_kind_of(type);
    end(form, type, stride,
        kind == TT_FORM_F32 ? load(form, 0, TT_F32, 1)
        : type == TT_BOOL   ? load(form, IN_MASKS, TT_BOOL, 1)
                            : load(form, IN_FLOATS, TT_I32, 1));
}

// What the printer makes one instruction of: the least and greatest.
static void add_choices(bool lanes)
{
    for (unsigned way = 0; way < 4; way++) {
        tt_form *form = begin("choice", way, lanes);
        tt_register a = load(form, 0, TT_F32, 1), b = load(form, 1, TT_F32, 1);
        tt_register less = tt_form_2(form, TT_FORM_LESS, a, b);
        end(form, TT_F32, 1,
            way == 0   ? tt_form_make(form, TT_FORM_SELECT, less, a, b)
            : way == 1 ? tt_form_make(form, TT_FORM_SELECT, less, b, a)
            : way == 2 ? tt_form_make(form, TT_FORM_SELECT, less, load(form, 2, TT_F32, 1), a)
                       : tt_form_make(form, TT_FORM_SELECT, less, a, a));
    }
}

// A sum within the loop counts the idle lanes, too, which have loaded 0.
static void add_counted(void)
{
    tt_form *form = begin("joined", (unsigned)numbers, true);
    tt_register x = load(form, 0, TT_F32, 1);
    tt_register whole = tt_form_2(form, TT_FORM_AND, load(form, IN_FLOATS, TT_I32, 1),
                                  tt_form_integer(form, 0xffff)); // no sum is infinite
    tt_register joined = tt_form_1(form, TT_FORM_JOIN, tt_form_1(form, TT_FORM_TO_FLOAT, whole));
    end(form, TT_F32, 1,
        tt_form_make(form, TT_FORM_SELECT, tt_form_2(form, TT_FORM_EQUAL, x, x), joined, x));
}

// Turns that have idle lanes: as few as one, and as many as fill one vector or several.
static void add_tails(void)
{
    for (numbers = 1; numbers < 40; numbers++) {
        if (numbers < 24)
            add_counted();
        for (unsigned i = 0; i < RF_ELEMENTS; i++)
            if (i == 0 ? numbers < 24 : numbers % 10 == i % 4)
                add_element(i, i > 0 && numbers > 30 ? 3 : 1, true);
    }
    numbers = NUMBERS;
}

static void build(void)
{
    for (unsigned lanes = 0; lanes < 2; lanes++) {
        for (unsigned op = TT_FORM_JOIN; op < TT_FORM_OP_COUNT; op++)
            if (op >= TT_FORM_ADD || lanes)
                add_arithmetic((tt_form_op)op, lanes);
        add_choices(lanes);
        for (unsigned i = 0; i < RF_ELEMENTS; i++)
            add_element(i, 1, lanes);
    }
    for (unsigned i = 0; i < RF_ELEMENTS; i++) {
        add_element(i, 3, true);
        if (i % 3 == 0)
            add_element(i, -1, true);
    }
    add_tails();
}

static void fill(void)
{
    uint64_t state = 3;
    for (unsigned b = 0; b < BUFFERS; b++) {
        buffers[b] = malloc(BUFFER_BYTES);
        REQUIRE(buffers[b] != NULL);
        bool mask = b == IN_MASKS || b == IN_ELEMENTS + RF_ELEMENTS - 1;
        for (unsigned i = 0; i < BUFFER_BYTES; i++)
            ((uint8_t *)buffers[b])[i] = (uint8_t)(random_form_next(&state) & (mask ? 1 : 255));
    }
    for (unsigned b = 0; b < IN_FLOATS; b++)
        for (unsigned i = 0; i < BUFFER_BYTES / sizeof(float); i++)
            ((float *)buffers[b])[i] = random_form_float(&state);
    for (unsigned i = 0; i < BUFFER_BYTES / sizeof(float); i += 5) // as it came, but shifted
        ((float *)buffers[1])[i] = -((float *)buffers[0])[i];
}

static bool same(const void *a, const void *b, const tt_form *form)
{
    const float *x = a, *y = b;
    bool equal = memcmp(a, b, BUFFER_BYTES) == 0;
    if (equal || form->access[form->access_count - 1].element != TT_F32)
        return equal;
    for (unsigned i = 0; i < BUFFER_BYTES / sizeof(*x); i++)
        if (!same_float(x[i], y[i]))
            return false;
    return true;
}

static void test_way(const char *folder, unsigned way)
{
    void *object = printed_runs(way) ? printed_open(folder, "instructions", way) : NULL;
    for (unsigned i = 0; object != NULL && i < form_count; i++) {
        char symbol[20];
        snprintf(symbol, sizeof(symbol), "f%u", i);
        printed_function *function = NULL;
        *(void **)&function = dlsym(object, symbol);
        REQUIRE(function != NULL);
        memset(buffers[OUT], 0, BUFFER_BYTES);
        function(buffers, 0, NUMBERS, NULL);
        bool equal = same(expected[i], buffers[OUT], &forms[i]);
        EXPECT(equal);
        if (!equal)
            printf("%s, %s\n", name_of[i], printed_way(way));
    }
}

// "all": every width by both compilers; else both for AVX2 only.
int main(int argc, char **argv)
{
    unsigned ways = argc > 1 && strcmp(argv[1], "all") == 0 ? PRINTED_ALL : SOME_WAYS;
    const char *folder = printed_folder();
    REQUIRE(folder != NULL);
    test_against_libm(TT_FORM_FMA);
    test_against_libm(TT_FORM_SQRT);
    test_against_libm(TT_FORM_FLOOR);
    test_against_libm(TT_FORM_CEIL);
    test_against_libm(TT_FORM_NEAREST);
    test_to_integer(NAN, 0);
    test_to_integer(0x1p31f, INT32_MAX);
    test_to_integer(-0x1p31f, INT32_MIN);
    test_to_integer(-INFINITY, INT32_MIN);
    test_to_integer(-1.75f, -1);
    test_elements();
    fill();
    build();
    for (unsigned i = 0; i < form_count; i++) {
        char why[200];
        if (!tt_form_sound(&forms[i], why, sizeof(why)))
            printf("%s: %s\n", name_of[i], why);
        EXPECT(tt_form_sound(&forms[i], why, sizeof(why)));
        void *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, tt_blocks_scratch(&forms[i]));
        REQUIRE(scratch != NULL);
        memset(buffers[OUT], 0, BUFFER_BYTES);
        tt_blocks_run(&forms[i], buffers, 0, NUMBERS, scratch);
        memcpy(expected[i], buffers[OUT], BUFFER_BYTES);
        free(scratch);
    }
    EXPECT(printed_compile(folder, "instructions", forms, form_count, ways));
    for (unsigned way = 0; way < PRINTED_WAYS; way++)
        if ((ways >> way & 1) != 0)
            test_way(folder, way);
    for (unsigned i = 0; i < form_count; i++)
        tt_form_free(&forms[i]);
    for (unsigned b = 0; b < BUFFERS; b++)
        free(buffers[b]);
    return test_result();
}
