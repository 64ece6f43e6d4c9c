// What each row takes, over a grid of small sizes and attributes and at the limits of large ones,
// against plain loops that say the same from what the row means: what is taken has the type that is
// expected, all else is refused. test_row_errors.c reads the sentences.

#include <limits.h>

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/graph.h"

#define MOST ((int64_t)1 << 48) // TT_SIZE_MAX, as docs/limits.md has it

static unsigned taken, refused; // neither may be all: a grid of one verdict shows nothing

// Applies a row to inputs of these types; expects that it is taken, and makes `out`, or is refused
// (NULL).
static void expect(tt_op op, unsigned count, const tt_type *in, unsigned words, const int64_t *word,
                   const tt_type *out)
{
    char name[4], is[TT_TYPE_TEXT_BYTES], want[TT_TYPE_TEXT_BYTES] = "refusal";
    tt_value given[4];
    tt_graph *g = tt_graph_new();
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "x%u", i);
        given[i] = tt_input(g, name, in[i]);
    }
    REQUIRE(tt_graph_status(g) == TT_OK);
    tt_value value = tt_apply(g, op, count, given, words, word);
    bool fits = tt_is_none(value) ? out == NULL
                                  : out != NULL && tt_type_equal(tt_graph_type(g, value), out);
    EXPECT(fits);
    tt_status status = tt_graph_status(g); // TT_TOO_LARGE: more than 2^48 elements
    EXPECT(tt_is_none(value) ? status == TT_INVALID || status == TT_TOO_LARGE : status == TT_OK);
    if (!fits) {
        printf("%s of", tt_op_name(op));
        for (unsigned i = 0; i < count; i++)
            printf(" %s", tt_type_text(&in[i], is));
        for (unsigned i = 0; i < words; i++)
            printf(" %lld", (long long)word[i]);
        printf(": %s, expected %s\n",
               tt_is_none(value) ? tt_graph_error(g) : tt_type_text(tt_graph_type(g, value), is),
               out != NULL ? tt_type_text(out, want) : want);
    }
    taken += out != NULL;
    refused += out == NULL;
    tt_graph_free(g);
}

static void begin(void)
{
    taken = refused = 0;
}

static void end(void)
{
    EXPECT(taken > 0 && refused > 0);
}

static void check_slices(void)
{
    static const int64_t steps[] = {-1, 0, 1, 2, 3, INT64_MAX};
    begin();
    for (int64_t in = 0; in < 4; in++)
        for (int64_t first = -1; first < 6; first++)
            for (int64_t size = -1; size < 5; size++)
                for (size_t i = 0; i < TT_COUNT(steps); i++) {
                    bool fits = first >= 0 && first <= in && size >= 0 && steps[i] > 0;
                    int64_t at = first;
                    for (int64_t k = 0; fits && k < size; k++) { // each element lies inside
                        fits = at < in;
                        at = steps[i] < in ? at + steps[i] : in;
                    }
                    tt_type x = TT_TYPE(TT_F32, in), out = TT_TYPE(TT_F32, size);
                    expect(TT_OP_SLICE, 1, &x, 6, (int64_t[]){1, first, 1, size, 1, steps[i]},
                           fits ? &out : NULL);
                }
    end();
}

static void check_padding(void)
{
    const int64_t far = (int64_t)1 << 40;
    tt_type x[2] = {TT_TYPE(TT_F32, 0), TT_SCALAR(TT_F32)}, out = TT_TYPE(TT_F32, 0);
    begin();
    for (int64_t in = 0; in < 4; in++)
        for (int64_t before = -3; before < 4; before++)
            for (int64_t after = -3; after < 4; after++)
                for (int64_t between = -1; between < 3; between++) {
                    out.size[0] = before + after;
                    for (int64_t i = 0; i < in; i++)
                        out.size[0] += i == 0 ? 1 : 1 + between;
                    x[0].size[0] = in;
                    expect(TT_OP_PAD, 2, x, 6, (int64_t[]){1, before, 1, after, 1, between},
                           between >= 0 && out.size[0] >= 0 ? &out : NULL);
                }
    for (int64_t over = 0; over < 2; over++) { // at the limit of each number, and one beyond
        x[0].size[0] = 2;
        out.size[0] = 2 + far;
        expect(TT_OP_PAD, 2, x, 6, (int64_t[]){1, far + over, 1, 0, 1, 0}, over == 0 ? &out : NULL);
        expect(TT_OP_PAD, 2, x, 6, (int64_t[]){1, 0, 1, far + over, 1, 0}, over == 0 ? &out : NULL);
        expect(TT_OP_PAD, 2, x, 6, (int64_t[]){1, 0, 1, 0, 1, far + over}, over == 0 ? &out : NULL);
        x[0].size[0] = far + 1;
        out.size[0] = 1;
        expect(TT_OP_PAD, 2, x, 6, (int64_t[]){1, -far - over, 1, over, 1, 0},
               over == 0 ? &out : NULL);
        expect(TT_OP_PAD, 2, x, 6, (int64_t[]){1, over, 1, -far - over, 1, 0},
               over == 0 ? &out : NULL);
    }
    end();
}

// NumPy's rule for two sizes of one axis; -1: they do not go together.
static int64_t joined(int64_t a, int64_t b)
{
    return a == b || b == 1 ? a : a == 1 ? b : -1;
}

// Types of rank 0 to 2 with sizes of 0 to 3: `number` of 21.
static tt_type small(unsigned number, tt_element element)
{
    return number == 0  ? TT_SCALAR(element)
           : number < 5 ? TT_TYPE(element, number - 1)
                        : TT_TYPE(element, (number - 5) / 4, (number - 5) % 4);
}

static void check_broadcasting(void)
{
    for (int which = 0; which < 2; which++) {
        begin();
        for (unsigned i = 0; i < 21; i++)
            for (unsigned k = 0; k < 21; k++) {
                tt_type in[2] = {small(i, TT_I8), small(k, TT_I8)};
                unsigned rank = in[0].rank > in[1].rank ? in[0].rank : in[1].rank;
                tt_type out = {.element = TT_I8, .rank = (uint8_t)rank};
                bool fits = true;
                for (unsigned axis = 1; axis <= rank; axis++) {
                    int64_t a = axis <= in[0].rank ? in[0].size[in[0].rank - axis] : 1;
                    int64_t b = axis <= in[1].rank ? in[1].size[in[1].rank - axis] : 1;
                    out.size[rank - axis] = joined(a, b);
                    fits = fits && joined(a, b) >= 0;
                }
                int64_t sizes[3] = {in[1].rank, in[1].size[0], in[1].size[1]};
                if (which == 0)
                    expect(TT_OP_ADD, 2, in, 0, NULL, fits ? &out : NULL);
                else // to what is asked for, and nothing larger
                    expect(TT_OP_BROADCAST, 1, in, 1 + in[1].rank, sizes,
                           fits && tt_type_equal(&out, &in[1]) ? &out : NULL);
            }
        end();
    }
}

static void check_reshapes(void)
{
    begin();
    for (unsigned i = 0; i < 21; i++)
        for (int64_t a = -2; a < 8; a++)
            for (int64_t b = -2; b < 8; b++) {
                tt_type in = small(i, TT_BOOL), out = TT_TYPE(TT_BOOL, a, b);
                expect(TT_OP_RESHAPE, 1, &in, 3, (int64_t[]){2, a, b},
                       a >= 0 && b >= 0 && a * b == tt_type_count(&in) ? &out : NULL);
            }
    end();
}

// Lists of up to three axes of (2, 3) and of (2, 0).
static void check_axes(void)
{
    static const tt_op ops[] = {TT_OP_SUM,   TT_OP_GREATEST,       TT_OP_LEAST_PLACE,
                                TT_OP_FLIP,  TT_OP_TRANSPOSE,      TT_OP_LOG_SUM_EXP,
                                TT_OP_LEAST, TT_OP_GREATEST_PLACE, TT_OP_PRODUCT};
    for (size_t i = 0; i < TT_COUNT(ops); i++) {
        tt_op op = ops[i];
        bool place = op == TT_OP_LEAST_PLACE || op == TT_OP_GREATEST_PLACE;
        bool extreme = place || op == TT_OP_GREATEST || op == TT_OP_LEAST;
        bool moves = op == TT_OP_FLIP || op == TT_OP_TRANSPOSE;
        begin();
        for (int64_t columns = 0; columns < 4; columns += 3)
            for (int64_t word = 0; word < 4 * 4 * 4 * 4; word++) {
                int64_t count = word / 64;
                int64_t words[4] = {count, word % 4 - 1, word / 4 % 4 - 1, word / 16 % 4 - 1};
                tt_type in = TT_TYPE(TT_F32, 2, columns), out = in;
                bool fits = true;
                for (int64_t k = 1; k <= count; k++) {
                    fits = fits && words[k] >= 0 && words[k] < 2;
                    for (int64_t j = 1; j < k; j++) // once each, and in order where it is a set
                        fits = fits && words[j] != words[k] && (moves || words[j] < words[k]);
                    if (fits && !moves)
                        out.size[words[k]] = 1;
                    fits = fits && !(extreme && in.size[words[k]] == 0);
                }
                if (op == TT_OP_TRANSPOSE) {
                    fits = fits && count == 2;
                    for (int64_t k = 0; fits && k < 2; k++)
                        out.size[k] = in.size[words[k + 1]];
                }
                if (place) {
                    fits = fits && count == 1;
                    out.element = TT_I64;
                }
                expect(op, 1, &in, 1 + (unsigned)count, words, fits ? &out : NULL);
            }
        end();
    }
}

// Rows of one axis: -1 to 3 of (2, 3).
static void check_axis(void)
{
    begin();
    for (int64_t axis = -1; axis < 4; axis++) {
        bool fits = axis == 0 || axis == 1;
        tt_type x[3] = {TT_TYPE(TT_I32, 2, 3), TT_TYPE(TT_I32, 4), TT_TYPE(TT_I32, 2, 3)};
        tt_type gathered = x[0], doubled = x[0];
        if (fits) {
            gathered.size[axis] = 4;
            doubled.size[axis] *= 2;
        }
        const tt_type *same = fits ? &x[0] : NULL;
        expect(TT_OP_CUMULATIVE_SUM, 1, x, 3, (int64_t[]){axis, 0, 0}, same);
        expect(TT_OP_SORT, 1, x, 2, (int64_t[]){axis, 0}, same);
        expect(TT_OP_IOTA, 0, x, 5, (int64_t[]){TT_I32, 2, 2, 3, axis}, same);
        expect(TT_OP_GATHER, 2, x, 1, &axis, fits ? &gathered : NULL);
        expect(TT_OP_CONCATENATE, 2, (tt_type[]){x[0], x[0]}, 1, &axis, fits ? &doubled : NULL);
        x[2] = gathered;
        for (int64_t kind = -1; kind < 6; kind++)
            expect(TT_OP_SCATTER, 3, x, 2, (int64_t[]){axis, kind},
                   kind >= 0 && kind < 5 ? same : NULL);
        x[0].element = x[2].element = TT_BOOL; // which are only put
        for (int64_t kind = -1; kind < 6; kind++)
            expect(TT_OP_SCATTER, 3, x, 2, (int64_t[]){axis, kind}, kind == 0 ? same : NULL);
    }
    for (int64_t count = -1; count < 6; count++) {
        tt_type x = TT_TYPE(TT_F32, 2, 3), out = TT_TYPE(TT_F32, 2, count);
        expect(TT_OP_TOP, 1, &x, 3, (int64_t[]){1, 0, count},
               count >= 0 && count < 4 ? &out : NULL);
    }
    end();
}

// How many windows fit, one by one.
static int64_t windows(int64_t size, int64_t window, int64_t stride, int64_t dilation,
                       int64_t spread, int64_t before, int64_t after)
{
    int64_t length = before + after, count = 0;
    for (int64_t i = 0; i < size; i++)
        length += i == 0 ? 1 : spread;
    while (count * stride + (window - 1) * dilation + 1 <= length)
        count++;
    return count;
}

static void check_windows(void)
{
    tt_type x = TT_TYPE(TT_F32, 1, 0, 2), out = x;
    begin();
    for (int64_t size = 0; size < 5; size++)
        for (int64_t window = 0; window < 4; window++)
            for (int64_t k = 0; k < 3 * 3 * 3; k++)
                for (int64_t padding = 0; padding < 4 * 4; padding++) {
                    int64_t stride = k % 3, dilation = k / 3 % 3, spread = k / 9;
                    int64_t before = padding % 4 - 1, after = padding / 4 - 1;
                    bool fits = window > 0 && stride > 0 && dilation > 0 && spread > 0;
                    if (fits)
                        out.size[1] =
                            windows(size, window, stride, dilation, spread, before, after);
                    x.size[1] = size;
                    int64_t words[] = {1, window, 1, stride, 1, dilation,
                                       1, spread, 1, before, 1, after};
                    expect(TT_OP_POOL_SUM, 1, &x, 12, words, fits ? &out : NULL);
                }
    // Each number at its limit, and one beyond. A size of one makes dilation and spread unseen.
    static const struct {
        int64_t word[6], windows; // window, stride, dilation, spread, before, after
    } far[] = {
        {{(int64_t)1 << 40, 1, 1, 1, 0, 0}, 0},
        {{1, (int64_t)1 << 40, 1, 1, 0, 0}, 1},
        {{1, 1, (int64_t)1 << 40, 1, 0, 0}, 1},
        {{1, 1, 1, (int64_t)1 << 40, 0, 0}, 1},
        {{1, 1, 1, 1, (int64_t)1 << 40, 0}, ((int64_t)1 << 40) + 1},
        {{1, 1, 1, 1, 0, (int64_t)1 << 40}, ((int64_t)1 << 40) + 1},
        {{1, 1, 1, 1, -((int64_t)1 << 40), 0}, 0},
        {{1, 1, 1, 1, 0, -((int64_t)1 << 40)}, 0},
    };
    for (size_t i = 0; i < TT_COUNT(far); i++)
        for (int over = 0; over < 2; over++) {
            int64_t words[12];
            for (unsigned k = 0; k < 6; k++) {
                int64_t word = far[i].word[k];
                words[2 * k] = 1;
                words[2 * k + 1] = word > 1 ? word + over : word < 0 ? word - over : word;
            }
            x.size[1] = 1;
            out.size[1] = far[i].windows;
            expect(TT_OP_POOL_SUM, 1, &x, 12, words, over == 0 ? &out : NULL);
        }
    end();
}

static void check_groups(void)
{
    begin();
    for (int64_t in = 1; in < 7; in++)
        for (int64_t out = 1; out < 7; out++)
            for (int64_t share = 0; share < 7; share++)
                for (int64_t groups = -1; groups < 7; groups++) {
                    tt_type x[2] = {TT_TYPE(TT_F32, 2, 5, in), TT_TYPE(TT_F32, out, 2, share)};
                    tt_type y = TT_TYPE(TT_F32, 2, 4, out);
                    bool fits = groups > 0 && groups * share == in;
                    for (int64_t each = 0; fits && each * groups != out; each++)
                        fits = each < out;
                    int64_t words[] = {1, 1, 1, 1, 1, 1, 1, 0, 1, 0, groups};
                    expect(TT_OP_CONV, 2, x, 11, words, fits ? &y : NULL);
                }
    end();
}

// (a..., m, k) and (b..., l, n) with batches of up to one axis.
static void check_matrices(void)
{
    begin();
    for (unsigned word = 0; word < 5 * 5 * 81; word++) {
        int64_t a = word % 5 - 1, b = word / 5 % 5 - 1; // -1: no such axis
        int64_t size[4] = {word / 25 % 3, word / 75 % 3, word / 225 % 3, word / 675 % 3};
        tt_type in[2], out = TT_TYPE(TT_I32, size[0], size[3]);
        in[0] = a < 0 ? TT_TYPE(TT_I32, size[0], size[1]) : TT_TYPE(TT_I32, a, size[0], size[1]);
        in[1] = b < 0 ? TT_TYPE(TT_I32, size[2], size[3]) : TT_TYPE(TT_I32, b, size[2], size[3]);
        int64_t batch = joined(a < 0 ? 1 : a, b < 0 ? 1 : b);
        if (a >= 0 || b >= 0)
            out = TT_TYPE(TT_I32, batch, size[0], size[3]);
        expect(TT_OP_MATMUL, 2, in, 0, NULL, batch >= 0 && size[1] == size[2] ? &out : NULL);
    }
    tt_type vector[2] = {TT_TYPE(TT_I32, 2), TT_TYPE(TT_I32, 2, 2)};
    expect(TT_OP_MATMUL, 2, vector, 0, NULL, NULL);
    expect(TT_OP_MATMUL, 2, (tt_type[]){vector[1], vector[0]}, 0, NULL, NULL);
    end();
}

static void check_requantising(void)
{
    static const int64_t numbers[] = {-129, -128, -1, 127, 128};
    tt_type x[3] = {TT_TYPE(TT_I32, 5, 4), TT_TYPE(TT_I32, 4), TT_TYPE(TT_I32, 1)};
    tt_type out = TT_TYPE(TT_I8, 5, 4);
    begin();
    for (unsigned i = 0; i < 125; i++) {
        int64_t word[3] = {numbers[i % 5], numbers[i / 5 % 5], numbers[i / 25]};
        bool fits = word[1] <= word[2];
        for (int k = 0; k < 3; k++)
            fits = fits && word[k] >= -128 && word[k] <= 127;
        expect(TT_OP_REQUANTISE, 3, x, 3, word, fits ? &out : NULL);
    }
    for (unsigned i = 0; i < 36; i++) { // factors of as many numbers
        int64_t a = i % 6, b = i / 6;
        x[1].size[0] = a;
        x[2].size[0] = b;
        expect(TT_OP_REQUANTISE, 3, x, 3, (int64_t[]){0, 0, 0},
               (a == 1 || a == 4) && (b == 1 || b == 4) ? &out : NULL);
    }
    end();
}

static void check_streams(void)
{
    tt_type key = TT_SCALAR(TT_U64), out = TT_TYPE(TT_U32, 2);
    static const int64_t streams[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    begin();
    for (size_t i = 0; i < TT_COUNT(streams); i++)
        expect(TT_OP_RANDOM, 1, &key, 3, (int64_t[]){streams[i], 1, 2},
               streams[i] >= 0 && streams[i] < INT64_MAX ? &out : NULL);
    end();
}

// Sizes and ranks at their limits, and one beyond.
static void check_size(void)
{
    const int64_t root = (int64_t)1 << 24;
    tt_type one = TT_TYPE(TT_F32, 1), huge = TT_TYPE(TT_F32, MOST);
    int64_t ones[10] = {8, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    tt_type deep = {.element = TT_F32, .rank = 8, .size = {1, 1, 1, 1, 1, 1, 1, 1}};
    begin();
    expect(TT_OP_BROADCAST, 1, &one, 2, (int64_t[]){1, MOST}, &huge);
    expect(TT_OP_BROADCAST, 1, &one, 2, (int64_t[]){1, MOST + 1}, NULL);
    tt_type square = TT_TYPE(TT_F32, root, root);
    expect(TT_OP_BROADCAST, 1, &one, 3, (int64_t[]){2, root, root}, &square);
    expect(TT_OP_BROADCAST, 1, &one, 3, (int64_t[]){2, root, root + 1}, NULL);
    expect(TT_OP_RESHAPE, 1, &huge, 3, (int64_t[]){2, root, root}, &square);
    expect(TT_OP_RESHAPE, 1, &huge, 3, (int64_t[]){2, root, root - 1}, NULL);
    expect(TT_OP_RESHAPE, 1, &one, 9, ones, &deep);
    expect(TT_OP_BROADCAST, 1, &one, 9, ones, &deep);
    ones[0] = 9;
    expect(TT_OP_RESHAPE, 1, &one, 10, ones, NULL);
    expect(TT_OP_BROADCAST, 1, &one, 10, ones, NULL);
    tt_type half = TT_TYPE(TT_F32, MOST / 2), more = TT_TYPE(TT_F32, MOST / 2 + 1);
    expect(TT_OP_CONCATENATE, 2, (tt_type[]){half, half}, 1, (int64_t[]){0}, &huge);
    expect(TT_OP_CONCATENATE, 2, (tt_type[]){half, more}, 1, (int64_t[]){0}, NULL);
    // Indices of a rank that their axis' place still has room for.
    tt_type in[2] = {TT_TYPE(TT_F32, 3, 1, 1, 1), TT_TYPE(TT_I32, 1, 1, 1, 1, 1)};
    expect(TT_OP_GATHER, 2, in, 1, (int64_t[]){0}, &deep);
    in[1] = TT_TYPE(TT_I32, 1, 1, 1, 1, 1, 1);
    expect(TT_OP_GATHER, 2, in, 1, (int64_t[]){0}, NULL);
    end();
}

// Which classes of elements the rows of elements take: floats 1, integers 2, bools 4.
static void check_elements(void)
{
    static const struct {
        tt_op op;
        unsigned inputs, classes;
        bool gives_bools;
    } rows[] = {
        {TT_OP_NEGATE, 1, 3, false},       {TT_OP_ABSOLUTE, 1, 3, false},
        {TT_OP_SIGN, 1, 3, false},         {TT_OP_NOT, 1, 6, false},
        {TT_OP_EXP, 1, 1, false},          {TT_OP_LOG, 1, 1, false},
        {TT_OP_SQRT, 1, 1, false},         {TT_OP_SIN, 1, 1, false},
        {TT_OP_COS, 1, 1, false},          {TT_OP_ATAN, 1, 1, false},
        {TT_OP_TANH, 1, 1, false},         {TT_OP_ERF, 1, 1, false},
        {TT_OP_FLOOR, 1, 1, false},        {TT_OP_CEIL, 1, 1, false},
        {TT_OP_ROUND, 1, 1, false},        {TT_OP_ADD, 2, 3, false},
        {TT_OP_SUBTRACT, 2, 3, false},     {TT_OP_MULTIPLY, 2, 3, false},
        {TT_OP_DIVIDE, 2, 3, false},       {TT_OP_REMAINDER, 2, 3, false},
        {TT_OP_POWER, 2, 3, false},        {TT_OP_GREATER_OF, 2, 3, false},
        {TT_OP_LESSER_OF, 2, 3, false},    {TT_OP_AND, 2, 6, false},
        {TT_OP_OR, 2, 6, false},           {TT_OP_XOR, 2, 6, false},
        {TT_OP_SHIFT_LEFT, 2, 2, false},   {TT_OP_SHIFT_RIGHT, 2, 2, false},
        {TT_OP_EQUAL, 2, 7, true},         {TT_OP_LESS, 2, 3, true},
        {TT_OP_LESS_OR_EQUAL, 2, 3, true}, {TT_OP_STOP, 1, 7, false},
        {TT_OP_MATMUL, 2, 3, false},
    };
    begin();
    for (size_t i = 0; i < TT_COUNT(rows); i++)
        for (int a = 0; a < TT_ELEMENT_COUNT; a++)
            for (int b = 0; b < TT_ELEMENT_COUNT; b++) {
                tt_element element = (tt_element)a;
                unsigned class = tt_element_is_float(element) ? 1 : element == TT_BOOL ? 4 : 2;
                tt_type in[2] = {TT_TYPE(element, 2, 2), TT_TYPE((tt_element)b, 2, 2)};
                tt_type out = TT_TYPE(rows[i].gives_bools ? TT_BOOL : element, 2, 2);
                bool fits = (rows[i].classes & class) != 0 && (rows[i].inputs == 1 || a == b);
                expect(rows[i].op, rows[i].inputs, in, 0, NULL, fits ? &out : NULL);
            }
    end();
}

int main(void)
{
    check_slices();
    check_padding();
    check_broadcasting();
    check_reshapes();
    check_axes();
    check_axis();
    check_windows();
    check_groups();
    check_matrices();
    check_requantising();
    check_streams();
    check_size();
    check_elements();
    return test_result();
}
