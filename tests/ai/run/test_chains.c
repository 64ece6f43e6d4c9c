// What becomes a chain and what does not, and that it is the same numbers, in less memory.

#include "ai/run/blocks.h"
#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

typedef struct made {
    tt_session *session;
    tt_program *program;
} made;

static void *bytes[16];

static made make(const tt_graph *g, tt_way way, made_as as, unsigned threads)
{
    made m;
    m.program = load_poisoned(g, bytes, &(tt_session_options){.threads = threads, .way = way}, as,
                              &m.session);
    REQUIRE(tt_program_run(m.program, NULL) == TT_OK);
    return m;
}

static void expect_bits(const made *a, const made *b, const char *what)
{
    for (uint32_t i = 0; i < tt_graph_result_count(a->program->graph); i++) {
        tt_type type;
        const void *x = tt_program_result(a->program, i, &type);
        bool same = memcmp(x, tt_program_result(b->program, i, NULL), tt_type_bytes(&type)) == 0;
        EXPECT(same);
        if (!same)
            printf("%s: result %u\n", what, (unsigned)i);
    }
}

// "3 1": of each step with a form how many became it.
static void tell_links(const tt_program *program, char *told, size_t size)
{
    size_t length = 0, scratch = 0;
    told[0] = '\0';
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_fused *fused = program->steps[i].fused;
        char why[200];
        if (fused == NULL)
            continue;
        REQUIRE(tt_form_sound(&fused->form, why, sizeof(why)));
        size_t own = tt_blocks_scratch(&fused->form);
        scratch = own > scratch ? own : scratch;
        length += (size_t)snprintf(told + length, size - length, "%s%u", length > 0 ? " " : "",
                                   (unsigned)(fused->between_count + 1));
        REQUIRE(length < size);
    }
    EXPECT_EQUAL(program->scratch_bytes, scratch); // of one thread
}

// The graph is freed. Returns how many bytes of the arena the chains save.
static int64_t check(const char *what, tt_graph *g, const char *links)
{
    char told[100];
    tt_random random;
    int failures = test_failures;
    if (tt_graph_status(g) != TT_OK)
        printf("%s\n", tt_graph_error(g));
    REQUIRE(tt_graph_status(g) == TT_OK && tt_graph_buffer_count(g) <= TT_COUNT(bytes));
    tt_random_seed(&random, 5);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++) {
        const tt_type *type = &tt_graph_buffer(g, i)->type;
        bytes[i] = calloc((size_t)tt_type_count(type) + 1, 8);
        fill_random(&random, type, bytes[i], false);
    }
    made chained = make(g, TT_RUN_INTERPRETED, AS_ALWAYS, 1);
    made apart = make(g, TT_RUN_INTERPRETED, UNCHAINED, 1);
    made shared = make(g, TT_RUN_COMPILED, AS_ALWAYS, 3);
    made slow = make(g, TT_RUN_REFERENCE, AS_ALWAYS, 1);
    tell_links(chained.program, told, sizeof(told));
    EXPECT_TEXT(told, links);
    expect_bits(&chained, &apart, "otherwise apart");
    expect_bits(&chained, &shared, "otherwise compiled");
    for (uint32_t i = 0; i < tt_graph_result_count(g); i++) {
        tt_type type;
        const void *x = tt_program_result(chained.program, i, &type);
        EXPECT(difference(&type, x, tt_program_result(slow.program, i, NULL)) < 1e-5);
    }
    int64_t saved = (int64_t)apart.program->arena_bytes - (int64_t)chained.program->arena_bytes;
    tt_session_free(chained.session);
    tt_session_free(apart.session);
    tt_session_free(shared.session);
    tt_session_free(slow.session);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++)
        free(bytes[i]);
    tt_graph_free(g);
    if (test_failures > failures)
        printf("%s\n", what);
    return saved;
}

typedef struct image {
    int64_t batch, size, in, out, window, stride, over; // of the pool
} image;

// A convolution of 3 x 3 with its ReLU, and a pool.
static tt_graph *conv_pool(const image *is, bool shows, bool again)
{
    tt_graph *g = tt_graph_new();
    int64_t one[2] = {1, 1}, window[2] = {is->window, is->window};
    int64_t stride[2] = {is->stride, is->stride};
    int64_t over[2] = {is->over, is->over};
    tt_windows same = {.before = one, .after = one}, pool = {.stride = stride, .after = over};
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, is->batch, is->size, is->size, is->in));
    tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, is->out, 3, 3, is->in));
    tt_value y = tt_relu(
        g, tt_add(g, tt_conv(g, x, w, &same, 1), tt_input(g, "b", TT_TYPE(TT_F32, is->out))));
    tt_value z = tt_pool_greatest(g, y, window, &pool);
    tt_graph_result(g, "z", z);
    tt_graph_result(g, "place", tt_output(z, 1));
    if (shows)
        tt_graph_result(g, "y", y);
    if (again) // another form reads it
        tt_graph_result(g, "sum", tt_reduce(g, TT_OP_SUM, y, 1, (int64_t[]){0}));
    return g;
}

static void check_images(void)
{
    // Images in blocks of 16; one by one; one alone; one of which rows are cut.
    image blocks = {32, 16, 2, 3, 2, 2, 0}, several = {9, 8, 4, 16, 2, 2, 0};
    image overlaps = {9, 9, 4, 16, 3, 2, 0}, alone = {1, 32, 4, 16, 2, 2, 0};
    EXPECT(check("blocks", conv_pool(&blocks, false, false), "2") >= 32 * 16 * 16 * 3 * 4 / 2);
    EXPECT(check("several", conv_pool(&several, false, false), "2") >= 9 * 8 * 8 * 16 * 4 / 2);
    check("overlaps", conv_pool(&overlaps, false, false), "2");
    check("alone", conv_pool(&alone, false, false), "2");
    // Windows of one image that overlap; of which some end at an edge; what others see.
    overlaps.batch = 1;
    check("overlaps alone", conv_pool(&overlaps, false, false), "1 1");
    image beyond = {1, 16, 4, 16, 3, 2, 1}; // as many rows as strides, and one more is seen
    check("overlaps, and padded", conv_pool(&beyond, false, false), "1 1");
    alone.size = 33;
    check("left at the edge", conv_pool(&alone, false, false), "1 1");
    check("shown", conv_pool(&blocks, true, false), "1 1");
    check("read twice", conv_pool(&blocks, false, true), "1 1 1");
    // What lies in between of one image, and is 256 KB; a little more.
    image full = {9, 64, 1, 16, 64, 64, 0}, more = {9, 65, 1, 16, 65, 65, 0};
    check("256 KB", conv_pool(&full, false, false), "2");
    check("more", conv_pool(&more, false, false), "1 1");
}

// Query by key, softmax, by value.
static tt_graph *attention(int64_t heads, int64_t tokens, int64_t each, bool masked)
{
    tt_graph *g = tt_graph_new();
    tt_value q = tt_input(g, "q", TT_TYPE(TT_F32, heads, tokens, each));
    tt_value k = tt_input(g, "k", TT_TYPE(TT_F32, heads, each, tokens));
    tt_value v = tt_input(g, "v", TT_TYPE(TT_F32, heads, tokens, each));
    tt_value s = tt_scale(g, tt_matmul(g, q, k), 0.05);
    if (masked)
        s = tt_add(g, s, tt_input(g, "mask", TT_TYPE(TT_F32, tokens, tokens)));
    s = tt_exp(g, tt_subtract(g, s, tt_reduce(g, TT_OP_LOG_SUM_EXP, s, 1, (int64_t[]){2})));
    tt_graph_result(g, "y", tt_matmul(g, s, v));
    return g;
}

static void check_attention(void)
{
    EXPECT(check("attention", attention(12, 40, 8, false), "3") >= 12 * 40 * 40 * 4);
    EXPECT(check("masked", attention(8, 128, 16, true), "3") >= 8 * 128 * 128 * 4);
    // Scores of a head are 1 MB or more: rows are cut, too.
    EXPECT(check("rows", attention(2, 512, 8, false), "3") >= 2 * 512 * 512 * 4);
    EXPECT(check("long rows", attention(2, 1088, 4, false), "3") >= 2 * 1088 * 1088 * 4);
    check("odd", attention(3, 67, 5, true), "1 1 1"); // rows are walked four at a time
    check("one", attention(1, 64, 8, false), "1 1 1");
}

// A convolution that takes images and channels in parts, and rows of five numbers of each of its
// elements: one loop of theirs counts all four axes, and two of these are cut.
static void check_digits(void)
{
    tt_graph *g = tt_graph_new();
    int64_t one[2] = {1, 1}, five[5] = {16, 8, 8, 64, 1};
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 16, 8, 8, 64));
    tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 64, 3, 3, 64));
    tt_value y = tt_conv(g, x, w, &(tt_windows){.before = one, .after = one}, 1);
    y = tt_multiply(g, tt_reshape(g, y, 5, five), tt_input(g, "z", TT_TYPE(TT_F32, 5)));
    tt_graph_result(g, "sum", tt_reduce(g, TT_OP_SUM, y, 1, (int64_t[]){4}));
    check("digits", g, "2");
}

// What stands between two forms and reads the first stays behind it.
static void check_order(void)
{
    tt_graph *g = tt_graph_new();
    int64_t two[2] = {2, 2};
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 16, 8, 8, 2));
    tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 3, 1, 1, 2));
    tt_value y = tt_conv(g, x, w, NULL, 1), low = tt_less(g, y, tt_number(g, TT_F32, 0));
    tt_value z = tt_pool_greatest(g, y, two, &(tt_windows){.stride = two});
    tt_value count = tt_reduce(g, TT_OP_SUM, tt_convert(g, low, TT_F32), 2, (int64_t[]){1, 2});
    tt_graph_result(g, "sum", tt_add(g, z, count));
    check("order", g, "1 1 2");
}

int main(void)
{
    setenv("XDG_CACHE_HOME", "/dev/null", 1); // each is compiled anew, and none is kept
    check_images();
    check_attention();
    check_digits();
    check_order();
    return test_result();
}
