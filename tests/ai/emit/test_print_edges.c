// What the printed C looks like where no bit tells: which pointers are shared or hidden, what is
// stored past the caches, turned or left out, and that who reads it finds its way. And the same
// bits at the edges that random forms seldom meet.

#include <dlfcn.h>
#include <math.h>
#include <stdarg.h>

#include "tests/ai/emit/plain_form.h"
#include "tests/ai/emit/printed.h"
#include "tests/ai/emit/random_form.h"
#include "tests/test.h"
#include "tutti/check.h"

#define WAYS 0x51u // of printed.h's: gcc's plain C, AVX2 and AVX-512
#define FORMS_MAX 100
#define OUT RF_ELEMENTS // the first buffer that is written, of floats
#define OUT_INTEGERS (RF_ELEMENTS + 5)
#define IN_INTEGERS 5

static tt_form forms[FORMS_MAX];
static unsigned form_count;
static tt_form *f; // the one that is built

static void begin(bool split)
{
    REQUIRE(form_count < FORMS_MAX);
    f = &forms[form_count++];
    tt_form_begin(f);
    f->split = split;
}

static uint32_t loop(int64_t first, int64_t end, bool lanes)
{
    return tt_form_loop(f, &(tt_form_axis){.first = first, .end = end, .lanes = lanes});
}

// An access, by pairs of an axis and its stride; the last axis is -1.
static tt_form_access at(unsigned buffer, int64_t offset, ...)
{
    tt_form_access access = {.buffer = (uint16_t)buffer, .element = TT_F32};
    va_list pairs;
    access.place.offset = offset;
    va_start(pairs, offset);
    for (int axis; (axis = va_arg(pairs, int)) >= 0;)
        tt_affine_add(&access.place, (uint32_t)axis, va_arg(pairs, int));
    va_end(pairs);
    return access;
}

static tt_register load(tt_form_access access)
{
    return tt_form_load(f, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

static void store(tt_form_access access, tt_register value)
{
    tt_form_store(f, &access, value);
}

static tt_register add(tt_register a, tt_register b)
{
    return tt_form_2(f, TT_FORM_ADD, a, b);
}

static void end_loops(unsigned count)
{
    while (count-- > 0)
        tt_form_end(f);
}

// ---- looking at the text

static char *text_of(const tt_form *form, tt_isa isa)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    REQUIRE(file != NULL);
    tt_emit_c(file, form, "made", isa);
    REQUIRE(fclose(file) == 0);
    return text;
}

static unsigned count_in(const char *text, const char *word)
{
    unsigned count = 0;
    for (const char *found = text; (found = strstr(found, word)) != NULL; found++)
        count++;
    return count;
}

// Of the form built last, as one register is printed for a machine.
static void expect_words(tt_isa isa, const char *word, unsigned count)
{
    char *text = text_of(f, isa);
    if (count_in(text, word) != count)
        printf("%u and not %u of '%s' in:\n%s", count_in(text, word), count, word, text);
    EXPECT_EQUAL(count_in(text, word), count);
    free(text);
}

// Each line stands four columns further right for each brace that is open, and the one statement
// behind an if without braces once more.
static void check_lines(const tt_form *form, tt_isa isa)
{
    char *text = text_of(form, isa);
    int depth = 0, more = 0;
    bool good =
        strncmp(text, "void made(void *const *buffers, long from, long to, void *local)\n{\n",
                67) == 0;
    for (char *line = text, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n');
        REQUIRE(next != NULL);
        *next++ = '\0';
        int blanks = (int)strspn(line, " ");
        const char *last = next - 2;
        depth -= line[blanks] == '}';
        bool before = good;
        good = good && blanks == 4 * (depth + more) && depth >= 0 && *last != ' ' && *last != ',';
        if (before && !good)
            printf("depth %d: '%s'\n", depth, line);
        more = strncmp(line + blanks, "if (", 4) == 0 && *last != '{';
        depth += *last == '{';
    }
    EXPECT(good && depth == 0);
    free(text);
}

static void check_all_lines(void)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        tt_form form;
        random_form(&form, seed);
        check_lines(&form, (tt_isa)(seed % 4));
        tt_form_free(&form);
    }
    for (unsigned i = 0; i < form_count; i++)
        check_lines(&forms[i], (tt_isa)(i % 4));
}

// ---- pointers

// Two loads in the inner of two loops, the second with one thing otherwise: how many pointers the
// three accesses have.
static void check_pointers(tt_form_access second, unsigned pointers)
{
    begin(true);
    loop(0, 3, false);
    loop(0, 40, true);
    tt_register x = load(at(0, 100, 0, 40, 1, 1, -1));
    tt_register y =
        second.element == TT_F32 ? load(second) : tt_form_1(f, TT_FORM_TO_FLOAT, load(second));
    store(at(OUT, 0, 0, 40, 1, 1, -1), add(x, y));
    end_loops(2);
    expect_words(TT_ISA_AVX2, "*const p", pointers + 1);
}

static void check_shared(void)
{
    tt_form_access integers = at(0, 100, 0, 40, 1, 1, -1);
    integers.element = TT_I32;
    check_pointers(at(0, 100, 0, 40, 1, 1, -1), 1);
    check_pointers(at(0, 107, 0, 40, 1, 1, -1), 1);
    check_pointers(at(0, 100, 1, 1, 0, 40, -1), 1); // terms in another order
    check_pointers(at(0, 100, 0, 40, 1, 3, -1), 1); // the innermost loop's own numbers
    check_pointers(at(0, 100, 0, 40, -1), 1);
    check_pointers(at(0, 100, 0, 41, 1, 1, -1), 2);
    check_pointers(at(0, 100, 1, 1, -1), 2);
    check_pointers(at(OUT, 0, 0, 40, 1, 1, -1), 1); // another buffer's: with what is stored there
    check_pointers(integers, 2);
    // What the outer loop reads itself has a pointer of that loop, before it.
    begin(true);
    loop(0, 3, false);
    tt_register x = load(at(0, 5, 0, 2, -1));
    loop(0, 16, true);
    store(at(OUT, 0, 0, 16, 1, 1, -1), add(x, load(at(0, 5, 0, 2, 1, 1, -1))));
    end_loops(2);
    expect_words(TT_ISA_AVX512, "*const p", 3);
    expect_words(TT_ISA_AVX512, "*const p0 = (tt_f32 *)buffers[0] + (5L);", 1);
    expect_words(TT_ISA_AVX512, " = (tt_f32 *)buffers[0] + (5L + i0 * 2L);", 1);
}

// Sums of three neighbours, as a convolution's window has them, in a loop within lanes.
typedef enum window {
    WINDOW,
    ONE_PLACE,   // the three are one
    OTHER_STEP,  // one of them goes on by two
    NO_STEP,     // none goes on
    OF_LANES,    // they are not uniform
    ONE_GUARDED, // one of them is not, by what decides whether it is read
    LOOP_INSIDE, // it is not the innermost
    NO_LANES,
    TAIL,
    WINDOWS
} window;

static void build_window(window way)
{
    begin(true);
    loop(0, 2, false);
    loop(0, way == TAIL ? 37 : 32, way != NO_LANES);
    tt_register sum = tt_form_start(f, tt_form_number(f, 0.5f), way == NO_LANES);
    loop(0, 5, false);
    if (way == LOOP_INSIDE)
        loop(0, 2, false);
    tt_register weight = load(at(0, 300, 1, 1, 2, 40, -1));
    for (int i = 0; i < 3; i++) {
        int step = way == NO_STEP ? 0 : way == OTHER_STEP && i == 1 ? 2 : 1;
        tt_form_access place = at(0, 20 + (way == ONE_PLACE ? 0 : i), 0, 7, 2, step, -1);
        if (way == OF_LANES)
            tt_affine_add(&place.place, 1, 1);
        tt_register mask = TT_NO_REGISTER;
        if (way == ONE_GUARDED && i == 1)
            mask = tt_form_2(f, TT_FORM_LESS, weight, sum);
        tt_register x = tt_form_load(f, &place, mask, TT_NO_REGISTER);
        tt_form_set(f, sum, tt_form_make(f, TT_FORM_FMA, x, weight, sum));
    }
    if (way == LOOP_INSIDE)
        tt_form_end(f);
    tt_form_end(f);
    store(at(OUT, 0, 0, 40, 1, 1, -1), sum);
    end_loops(2);
}

// Of three reads the first makes the pointer, and all of the same step go by the hidden one.
static void check_hidden(void)
{
    static const struct {
        unsigned hidden, reads, others;
    } expected[WINDOWS] = {
        [WINDOW] = {1, 3, 0},      [ONE_PLACE] = {1, 3, 0}, [OTHER_STEP] = {1, 2, 1},
        [NO_STEP] = {0, 0, 3},     [OF_LANES] = {0, 0, 0},  [ONE_GUARDED] = {1, 2, 0},
        [LOOP_INSIDE] = {0, 0, 3}, [NO_LANES] = {0, 0, 4},  [TAIL] = {2, 6, 0},
    };
    for (int way = WINDOW; way < WINDOWS; way++) {
        build_window((window)way);
        expect_words(TT_ISA_AVX512, "__asm__(", expected[way].hidden);
        expect_words(TT_ISA_AVX512, "tt_get_f32(q", expected[way].reads);
        expect_words(TT_ISA_AVX512, "tt_get_f32(p", expected[way].others);
        expect_words(TT_ISA_AVX512, "tt_loadg_f32(p", way == ONE_GUARDED);
    }
    build_window(WINDOW);
    char *text = text_of(f, TT_ISA_AVX512);
    EXPECT(strstr(text, "tt_get_f32(q1)") != NULL && strstr(text, "tt_get_f32(q1 + 1L)") != NULL &&
           strstr(text, "tt_get_f32(q1 + 2L)") != NULL);
    EXPECT(strstr(text, "tt_f32 *q1 = p1 + i2 * 1L;") != NULL);
    free(text);
}

// ---- past the caches

typedef struct streaming {
    int64_t first, end, offset, row, step; // of the lanes; of the place
    bool streamed, lanes, bounded, integers;
    bool told; // whether whole vectors of it go past the caches
} streaming;

static void check_streamed(void)
{
    static const streaming all[] = {
        {0, 64, 0, 64, 1, true, true, false, false, true},
        {0, 64, 0, 64, 1, false, true, false, false, false},
        {0, 64, 16, 80, 1, true, true, false, false, true},
        {16, 64, 32, 64, 1, true, true, false, false, true},
        {0, 40, 0, 48, 1, true, true, false, false, true}, // but its last eight
        {8, 64, 0, 64, 1, true, true, false, false, false},
        {0, 64, 8, 64, 1, true, true, false, false, false},
        {0, 64, 0, 72, 1, true, true, false, false, false},
        {0, 64, 0, 256, 2, true, true, false, false, false},
        {0, 64, 0, 64, 1, true, false, false, false, false},
        {0, 64, 0, 64, 1, true, true, true, false, false},
        {0, 64, 0, 64, 1, true, true, false, true, false},
    };
    for (unsigned i = 0; i < TT_COUNT(all); i++) {
        const streaming *s = &all[i];
        begin(true);
        loop(0, 3, false);
        tt_form_axis axis = {.first = s->first, .end = s->end, .lanes = s->lanes};
        if (s->bounded) {
            axis.bounded = true;
            axis.divisor = 1;
            axis.to.offset = s->end;
        }
        tt_form_loop(f, &axis);
        tt_form_access from = at(s->integers ? IN_INTEGERS : 0, 3, 0, 64, 1, 1, -1);
        tt_form_access to =
            at(s->integers ? OUT_INTEGERS : OUT, s->offset, 0, (int)s->row, 1, (int)s->step, -1);
        from.element = to.element = s->integers ? TT_I32 : TT_F32;
        to.streamed = s->streamed;
        store(to, load(from));
        end_loops(2);
        expect_words(TT_ISA_AVX512, "tt_stream(", s->told);
        expect_words(TT_ISA_PLAIN, "tt_stream(", s->told ? 4 : 0);
        expect_words(TT_ISA_AVX2, "TT_STREAMED;", s->streamed);
        expect_words(
            TT_ISA_AVX2, "tt_store",
            s->lanes ? (s->told ? 0 : 2) + 2 * (s->bounded) + ((s->end - s->first) % 16 > 0) : 0);
    }
}

// Who waits for what went past the caches does so once.
static void check_streamed_twice(void)
{
    begin(true);
    loop(0, 32, true);
    for (int i = 0; i < 2; i++) {
        tt_form_access to = at(OUT, 64 * i, 0, 1, -1);
        to.streamed = true;
        store(to, load(at(0, 3 + i, 0, 1, -1)));
    }
    end_loops(1);
    expect_words(TT_ISA_AVX512, "tt_stream(", 2);
    expect_words(TT_ISA_AVX512, "TT_STREAMED;", 1);
}

// ---- turned copies

typedef enum panel {
    TURNED,
    FROM_LOCAL,
    TO_BUFFER,
    BYTES,
    LANE_STEP,   // not neighbours where they come from
    COLUMN_STEP, // nor where they go
    GUARDED,
    INDEXED,
    COPIED_TWICE,
    CHANGED,
    WITHOUT_LANES,
    PANELS
} panel;

static void build_panel(panel way)
{
    tt_form_access from = at(way == FROM_LOCAL ? TT_FORM_LOCAL
                             : way == BYTES    ? 3u
                                               : 0u,
                             0, 0, way == LANE_STEP ? 2 : 1, 1, 100, -1);
    tt_form_access to =
        at(way == TO_BUFFER ? OUT : TT_FORM_LOCAL, 2048, 0, 40, 1, way == COLUMN_STEP ? 2 : 1, -1);
    begin(false);
    f->local_bytes = 16384;
    if (way == BYTES)
        from.element = to.element = TT_I8;
    if (way == TO_BUFFER)
        to.place.offset = 0;
    tt_register mask = tt_form_integer(f, -1), index = tt_form_integer(f, 2);
    loop(0, 32, way != WITHOUT_LANES);
    loop(0, 16, false);
    from.index_stride = 1;
    tt_register read = tt_form_load(f, &from, way == GUARDED ? mask : TT_NO_REGISTER,
                                    way == INDEXED ? index : TT_NO_REGISTER);
    if (way == CHANGED)
        read = add(read, read);
    store(to, read);
    if (way == COPIED_TWICE) {
        to.place.offset += 1400;
        store(to, read);
    }
    end_loops(2);
}

static void check_turned(void)
{
    for (int way = TURNED; way < PANELS; way++) {
        build_panel((panel)way);
        expect_words(TT_ISA_AVX2, "tt_turn(", way == TURNED);
        expect_words(TT_ISA_AVX2, "else\n", way == TURNED);
        form_count--; // what they copy is not written to a buffer
        tt_form_free(f);
    }
    build_panel(TURNED);
    char *text = text_of(f, TT_ISA_AVX2);
    EXPECT(strstr(text, "if (e1 - i1 == 16)\n") != NULL);
    EXPECT(strstr(text, "tt_turn((tt_word *)(p1 + i1 * 1L), 40L, "
                        "(const tt_word *)(p0 + i1 * 100L), 100L);\n") != NULL);
    free(text);
    loop(0, 32, true); // of a second part of it
    loop(0, 16, false);
    store(at(OUT, 0, 2, 16, 3, 1, -1), load(at(TT_FORM_LOCAL, 2048, 2, 40, 3, 1, -1)));
    end_loops(2);
}

// ---- idle lanes

// y = x x + x of `count` numbers, the turns, and the sum of all y + 1 where that is asked for; a
// sum within the loop counts idle lanes.
static void build_lanes(int64_t count, bool sum, bool within)
{
    begin(false);
    tt_register one = tt_form_number(f, 1);
    tt_register all = tt_form_start(f, tt_form_number(f, 0), false);
    tt_register turns = tt_form_start(f, tt_form_number(f, 0), true);
    loop(0, count, true);
    tt_form_set(f, turns, add(turns, one));
    tt_register x = load(at(0, 9, 0, 1, -1));
    tt_register y = tt_form_2(f, TT_FORM_MULTIPLY, x, x), own = tt_form_start(f, x, false);
    tt_form_set(f, own, add(own, y));
    if (sum)
        tt_form_set(f, all, add(all, add(own, one)));
    if (within)
        y = tt_form_2(f, TT_FORM_LESS_OR_EQUAL, tt_form_1(f, TT_FORM_JOIN, x), y);
    if (within)
        y = tt_form_1(f, TT_FORM_TO_FLOAT, y);
    store(at(OUT, 0, 0, 1, -1), add(y, own));
    tt_form_end(f);
    store(at(OUT, 301, -1), turns);
    if (sum)
        store(at(OUT, 300, -1), tt_form_1(f, TT_FORM_JOIN, all));
}

static void check_idle(void)
{
    for (int64_t count = 1; count <= 50; count += count < 20 ? 1 : 7) {
        unsigned rest = (unsigned)(count % 16), vectors = (rest + 3) / 4;
        build_lanes(count, true, false);
        expect_words(TT_ISA_PLAIN, "for (;", count >= 16);
        expect_words(TT_ISA_PLAIN, "const long n = ", rest > 0);
        expect_words(TT_ISA_PLAIN, "const tt_u tt_busy_", rest > 0 ? 4 : 0);
        expect_words(TT_ISA_PLAIN, "tt_load", 4 * (count >= 16) + vectors);
        expect_words(TT_ISA_PLAIN, "tt_loadn_", rest % 4 > 0);
        expect_words(TT_ISA_PLAIN, "tt_storen_", rest % 4 > 0);
        // Who is set where it was made in the loop keeps nothing; who was before, of the last
        // vector.
        expect_words(TT_ISA_PLAIN, "tt_select(tt_busy_", rest % 4 > 0);
        build_lanes(count, true, true);
        expect_words(TT_ISA_PLAIN, "tt_load", 4 * (count >= 16) + 4 * (rest > 0));
        expect_words(TT_ISA_PLAIN, "tt_select(tt_busy_", rest > 0 ? 2 * (4 - rest / 4) : 0);
        if (count > 18)
            continue;
        for (unsigned gone = 0; gone < 2; gone++) // of these the text is enough
            tt_form_free(&forms[--form_count]);
    }
}

// How many lanes there are is known only when it runs: both bodies are there, and masks.
static void check_bounded(void)
{
    begin(false);
    loop(0, 6, false);
    tt_form_axis axis = {.first = 1, .end = 40, .lanes = true, .bounded = true, .divisor = 2};
    tt_affine_add(&axis.from, 0, 1);
    tt_affine_add(&axis.to, 0, 13);
    axis.to.offset = 3;
    tt_form_loop(f, &axis);
    store(at(OUT, 0, 0, 40, 1, 1, -1), load(at(0, 9, 0, 11, 1, 1, -1)));
    end_loops(2);
    expect_words(TT_ISA_AVX512, "for (; i1 + 16 <= e1; i1 += 16) {", 1);
    expect_words(TT_ISA_AVX512, "const long n = e1 - i1;", 1);
    expect_words(TT_ISA_AVX512, "tt_mask(n - 0L)", 1);
    expect_words(TT_ISA_AVX512, "tt_storen_f32(", 1);
}

// Lanes added, alone and with others of which some are no numbers, and their greatest: of each
// vector of a register.
static void check_joins(void)
{
    static const tt_form_op joins[] = {TT_FORM_JOIN, TT_FORM_JOIN_BOTH, TT_FORM_JOIN_GREATEST};
    begin(false);
    loop(0, 12, false);
    tt_register sum[2];
    for (int i = 0; i < 2; i++)
        sum[i] = tt_form_start(f, tt_form_number(f, 0), false);
    loop(0, 32, true);
    for (int i = 0; i < 2; i++) {
        tt_form_access whole = at(IN_INTEGERS, 5, 0, 17, 1, 3 + i, -1);
        whole.element = TT_I32;
        tt_register x = tt_form_2(f, TT_FORM_RIGHT_SIGNED, load(whole), tt_form_integer(f, 5));
        x = tt_form_1(f, TT_FORM_TO_FLOAT, x);
        if (i > 0) // the root of half of them is no number
            x = tt_form_1(f, TT_FORM_SQRT, x);
        tt_form_set(f, sum[i], add(sum[i], x));
    }
    tt_form_end(f);
    for (unsigned i = 0; i < 3; i++)
        store(at(OUT, 20 * (int64_t)i, 0, 1, -1),
              tt_form_make(f, joins[i], sum[0], i == 1 ? sum[1] : TT_NO_REGISTER, TT_NO_REGISTER));
    tt_form_end(f);
}

// ---- several turns at once

typedef enum together {
    LONG_ENOUGH,
    TOO_SHORT,
    SUMMED,     // the sum goes from turn to turn
    SAME_PLACE, // reads the buffer where it writes
    ELSEWHERE,  // reads it where the turn before wrote
    OF_SUMS,    // stores what the sum was
    TOGETHER
} together;

static void build_together(together way, int64_t count)
{
    begin(false);
    tt_register all = tt_form_start(f, tt_form_number(f, 0.25f), false);
    loop(0, count, true);
    tt_register x = load(at(0, 9, 0, 1, -1)), y = x;
    tt_register half = tt_form_number(f, 0.5f); // made once for all turns
    if (way == SAME_PLACE || way == ELSEWHERE)
        y = load(at(OUT, 20, 0, 1, -1));
    for (int i = 0; i < (way == TOO_SHORT ? 8 : 9); i++)
        y = tt_form_make(f, TT_FORM_FMA, y, half, x);
    if (way == SUMMED || way == OF_SUMS)
        tt_form_set(f, all, tt_form_make(f, TT_FORM_FMA, all, half, y));
    store(at(OUT, way == ELSEWHERE ? 36 : 20, 0, 1, -1), add(way == OF_SUMS ? all : y, x));
    tt_form_end(f);
    store(at(OUT, 0, -1), tt_form_1(f, TT_FORM_JOIN, all));
}

// As many as eight vectors are, four where something is added up, and none too many of them.
static void check_together(void)
{
    static const unsigned turns[TOGETHER] = {[LONG_ENOUGH] = 8, [SUMMED] = 4, [SAME_PLACE] = 8};
    static const struct {
        int64_t count;
        unsigned turns;
    } counts[] = {{15, 0}, {31, 0}, {32, 2}, {5 * 16, 5}, {9 * 16 - 1, 8}, {15 * 16, 7}};
    char word[40];
    for (int way = LONG_ENOUGH; way < TOGETHER; way++) {
        build_together((together)way, 150);
        snprintf(word, sizeof(word), "i0 += %u)", 16 * turns[way]);
        expect_words(TT_ISA_AVX512, word, turns[way] > 0);
        expect_words(TT_ISA_AVX512, "i0 += ", 1 + (turns[way] > 0));
        snprintf(word, sizeof(word), "i0 += %u)", 4 * turns[way]);
        expect_words(TT_ISA_AVX2, "i0 += ", 1 + (turns[way] > 0));
        expect_words(TT_ISA_PLAIN, "i0 += ", 1 + (turns[way] == 8));
    }
    for (unsigned i = 0; i < TT_COUNT(counts); i++) {
        build_together(LONG_ENOUGH, counts[i].count);
        snprintf(word, sizeof(word), "i0 += %u)", 16 * counts[i].turns);
        expect_words(TT_ISA_AVX512, word, counts[i].turns > 0);
    }
}

// Numbers of axes, of lanes and not, as integers.
static void check_index(int64_t first, int64_t count)
{
    static const int strides[][2] = {{7, 1}, {-3, 5}, {100, -1}, {1, 0}, {0, 3}};
    begin(true);
    loop(-1, 3, false);
    loop(first, first + count, true);
    for (int i = 0; i < 5; i++) {
        tt_form_access to = at(OUT_INTEGERS, 64 + 600 * i - (int)first, 0, 64, 1, 1, -1);
        to.element = TT_I32;
        tt_affine place = at(0, 11 - i, 0, strides[i][0], 1, strides[i][1], -1).place;
        store(to, tt_form_index(f, &place));
    }
    end_loops(2);
}

// ---- guards and indexes

// Loads of which a mask decides, or an index says where: none, one for all lanes, one each; in a
// loop of lanes, some of them idle, or of single numbers. They leave nothing else of a buffer that
// ends where a mask says so.
static void check_chosen(bool lanes, int64_t count)
{
    begin(true);
    loop(0, 3, false);
    loop(0, count, lanes);
    tt_form_access bytes = at(10, 7, 0, 1, -1), each = at(IN_INTEGERS, 9, 0, 3, 1, 1, -1);
    bytes.element = TT_BOOL;
    each.element = TT_I32;
    tt_register seven = tt_form_integer(f, 7), whole = load(each);
    tt_register guards[3] = {TT_NO_REGISTER, load(bytes), 0}, indexes[3] = {TT_NO_REGISTER, 0, 0};
    guards[2] = tt_form_2(f, TT_FORM_LESS_INTEGER, seven, whole);
    indexes[2] = tt_form_2(f, TT_FORM_AND, whole, seven);
    each.place = at(IN_INTEGERS, 90, 0, 3, -1).place;
    indexes[1] = tt_form_2(f, TT_FORM_AND, load(each), seven);
    for (int i = 0; i < 9; i++) {
        tt_form_access from = at(0, 40 + i, 0, 2, 1, i % 2 + 1, -1);
        tt_form_access to = at(OUT, 400 * i, 0, 100, 1, 1, -1);
        from.index_stride = i % 2 > 0 ? -3 : 5;
        store(to, tt_form_load(f, &from, guards[i / 3], indexes[i % 3]));
    }
    end_loops(2);
    expect_words(TT_ISA_AVX512, " != 0)\n", lanes && count % 16 > 0 ? 6 : lanes ? 3 : 6);
}

// ---- words

static tt_register select_of(tt_register mask, tt_register a, tt_register b)
{
    return tt_form_make(f, TT_FORM_SELECT, mask, a, b);
}

// A choice by LESS of what was compared is the least or the greatest; equal numbers are the same.
static void check_choices(void)
{
    begin(true);
    loop(0, 16, true);
    tt_register x = load(at(0, 0, 0, 1, -1)), y = load(at(0, 50, 0, 1, -1));
    tt_register two = tt_form_number(f, 2), again = tt_form_number(f, 2),
                three = tt_form_number(f, 3);
    tt_register whole = tt_form_integer(f, 2), too = tt_form_integer(f, 2);
    tt_register less = tt_form_2(f, TT_FORM_LESS, x, y), least = tt_form_2(f, TT_FORM_LESS, x, two);
    tt_register equal = tt_form_2(f, TT_FORM_LESS_OR_EQUAL, x, y);
    tt_register zero = tt_form_number(f, 0), above = tt_form_2(f, TT_FORM_LESS, zero, x);
    tt_register made[] = {
        select_of(less, y, zero),    select_of(less, zero, y),   select_of(less, zero, x),
        select_of(less, x, zero),    select_of(above, x, y),     select_of(above, y, x),
        select_of(above, y, zero),   select_of(above, zero, y),  select_of(less, x, y),
        select_of(less, y, x),       select_of(less, x, x),      select_of(equal, x, y),
        select_of(equal, y, x),      select_of(least, x, again), select_of(least, again, x),
        select_of(least, three, x),  select_of(least, x, three), select_of(less, y, three),
        select_of(least, two, again)};
    for (unsigned i = 0; i < TT_COUNT(made); i++)
        store(at(OUT, 20 * (int64_t)i, 0, 1, -1), made[i]);
    tt_form_access integers = at(OUT_INTEGERS, 0, 0, 1, -1);
    integers.element = TT_I32;
    store(integers, select_of(less, whole, less));
    integers.place.offset = 20;
    store(integers, select_of(tt_form_2(f, TT_FORM_LESS_INTEGER, less, whole), less, too));
    end_loops(1);
    expect_words(TT_ISA_AVX512, "tt_min(", 2);
    expect_words(TT_ISA_AVX512, "tt_max(", 2);
    expect_words(TT_ISA_AVX512, "tt_select(", 15);
    expect_words(TT_ISA_AVX512, "tt_pick(", 2);
}

// Every number comes back as it is.
static void check_numbers(void)
{
    static const float numbers[] = {0, -0.0f, 1, -1, 0.1f, 3.4028234e38f, 1e-45f, 1.17549435e-38f};
    begin(false);
    for (unsigned i = 0; i < TT_COUNT(numbers); i++)
        store(at(OUT, i, -1), tt_form_number(f, numbers[i]));
    store(at(OUT, 20, -1), tt_form_number(f, INFINITY));
    store(at(OUT, 21, -1), tt_form_number(f, -INFINITY));
    store(at(OUT, 22, -1), tt_form_number(f, NAN));
    tt_form_access integers = at(OUT_INTEGERS, 0, -1);
    integers.element = TT_I32;
    for (unsigned i = 0; i < 3; i++, integers.place.offset++)
        store(integers, tt_form_integer(f, (int32_t[]){INT32_MIN, -1, INT32_MAX}[i]));
    expect_words(TT_ISA_PLAIN, "tt_as_float1(", 3);
    expect_words(TT_ISA_PLAIN, "0x1p+0f;", 2);
    expect_words(TT_ISA_PLAIN, "{\n", 1);
    expect_words(TT_ISA_PLAIN, "TT_STREAMED", 0);
}

// Far more accesses than any form has, each with a pointer of its own, and loops in one another.
static void check_many(void)
{
    begin(false);
    tt_register sum = tt_form_start(f, tt_form_number(f, 0), true);
    for (int i = 0; i < 3000; i++) {
        uint32_t axis = loop(0, 1 + i % 2, false);
        tt_form_set(f, sum, add(sum, load(at(0, i, (int)axis, 3, -1))));
        tt_form_end(f);
    }
    store(at(OUT, 0, -1), sum);
    expect_words(TT_ISA_PLAIN, "*const p", 3001);
    tt_form_free(&forms[--form_count]);
}

// ---- the same bits

static void *buffers[RF_BUFFERS], *right[RF_BUFFERS];
static _Alignas(64) float stored[RF_COUNT]; // what goes past the caches begins so
static _Alignas(TT_FORM_LOCAL_ALIGN) char local[TT_FORM_LOCAL_MAX];

static bool same_floats(const float *a, const float *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof(*a)) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

static void check_way(const char *folder, unsigned way)
{
    void *object = printed_runs(way) ? printed_open(folder, "edges", way) : NULL;
    for (unsigned i = 0; object != NULL && i < form_count; i++) {
        char symbol[20];
        printed_function *function = NULL;
        snprintf(symbol, sizeof(symbol), "f%u", i);
        *(void **)&function = dlsym(object, symbol);
        REQUIRE(function != NULL);
        random_form_clear(right);
        REQUIRE(plain_form_run(&forms[i], right, INT64_MIN, INT64_MAX, local));
        random_form_clear(buffers);
        memset(stored, 0, sizeof(stored));
        function(buffers, INT64_MIN, INT64_MAX, local);
        bool equal = same_floats(buffers[OUT], right[OUT], RF_COUNT) &&
                     memcmp(buffers[OUT_INTEGERS], right[OUT_INTEGERS], RF_COUNT * 4) == 0;
        EXPECT(equal);
        if (!equal)
            printf("form %u, %s\n%s", i, printed_way(way), text_of(&forms[i], TT_ISA_AVX512));
    }
}

int main(void)
{
    check_shared();
    check_hidden();
    check_streamed();
    check_streamed_twice();
    check_turned();
    check_idle();
    check_bounded();
    check_joins();
    check_together();
    check_index(0, 48);
    check_index(-5, 21);
    check_chosen(true, 32);
    check_chosen(true, 37);
    check_chosen(false, 5);
    check_choices();
    check_numbers();
    check_many();
    check_all_lines();
    const char *folder = printed_folder();
    REQUIRE(folder != NULL && random_form_buffers(buffers, 5) && random_form_buffers(right, 5));
    for (unsigned i = 0; i < form_count; i++) {
        char why[200] = "";
        EXPECT(tt_form_sound(&forms[i], why, sizeof(why)));
        EXPECT_TEXT(why, "");
    }
    void *own = buffers[OUT];
    buffers[OUT] = stored;
    EXPECT(printed_compile(folder, "edges", forms, form_count, WAYS));
    for (unsigned way = 0; way < PRINTED_WAYS; way++)
        if ((WAYS >> way & 1) != 0)
            check_way(folder, way);
    for (unsigned i = 0; i < form_count; i++)
        tt_form_free(&forms[i]);
    buffers[OUT] = own;
    random_form_free(buffers);
    random_form_free(right);
    return test_result();
}
