// Where values lie: what is computed in place of what was read, or straight in the buffer that it
// is assigned to, has the same bits as where each has bytes of its own; and what must not be is
// not.

#include "ai/lower/in_place.h"
#include "tests/ai/run/fused_graph.h"
#include "tests/ai/run/mixed_graph.h"
#include "tests/ai/run/product_graph.h"
#include "tests/ai/run/run_both.h"
#include "tutti/check.h"
#include "tutti/optimiser.h"

#define VALUES_MAX 4096

typedef struct subject {
    tt_session *session;
    tt_program *program;
    void *own[VALUES_MAX]; // bytes of values that were taken apart
    void *given[1024];
} subject;

static subject opened(const tt_graph *graph, tt_way way, uint64_t seed)
{
    subject s = {.session = NULL};
    tt_random random;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 2, .way = way}, &s.session, NULL) ==
            TT_OK);
    s.program = load(s.session, graph);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph) && i < TT_COUNT(s.given); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind == TT_PARAMETER || // an optimiser's states are 0 at first
            (buffer->kind == TT_STATE && strncmp(buffer->name, "optimiser", 9) != 0))
            fill_random(&random, &buffer->type, tt_session_bytes(s.session, buffer->name, NULL),
                        false);
        if (buffer->kind != TT_INPUT)
            continue;
        s.given[i] = calloc((size_t)tt_type_count(&buffer->type) + 1, 8);
        fill_random(&random, &buffer->type, s.given[i], false);
        REQUIRE(tt_program_set(s.program, buffer->name, s.given[i]) == TT_OK);
    }
    memset(s.program->arena, 0xff, s.program->arena_bytes);
    return s;
}

static void closed(subject *s)
{
    tt_session_free(s->session);
    for (size_t i = 0; i < TT_COUNT(s->own); i++)
        free(s->own[i]);
    for (size_t i = 0; i < TT_COUNT(s->given); i++)
        free(s->given[i]);
}

// Gives each value that a step makes bytes of its own, and assigns at the end.
static void take_apart(subject *s)
{
    tt_program *p = s->program;
    REQUIRE(p->value_count <= VALUES_MAX);
    p->straight_count = 0;
    for (uint32_t i = 0; i < p->step_count; i++)
        for (unsigned k = 0; k < tt_step_write_count(p->graph, &p->steps[i]); k++) {
            tt_value value = tt_step_write(&p->steps[i], k);
            uint32_t at = tt_value_place(p->graph, value);
            uint64_t bytes = tt_type_bytes(tt_graph_type(p->graph, value));
            p->data[at] = s->own[at] = tt_run_allocate(bytes);
            memset(s->own[at], 0xff, bytes);
        }
}

// How many of its values lie in place of what their step reads, or in a buffer.
static unsigned in_place(const tt_program *p)
{
    unsigned found = 0, count;
    for (uint32_t i = 0; i < p->step_count; i++)
        for (unsigned k = 0; k < tt_step_write_count(p->graph, &p->steps[i]); k++) {
            uint64_t place = p->place[tt_value_place(p->graph, tt_step_write(&p->steps[i], k))];
            const tt_value *read = tt_step_values(p->graph, &p->steps[i], &count);
            for (unsigned r = 0; place != TT_NOWHERE && r < count; r++)
                found += p->place[p->root[tt_value_place(p->graph, read[r])]] == place;
        }
    return found;
}

static bool same_bits(const subject *a, const subject *b)
{
    const tt_graph *graph = a->program->graph;
    bool same = true;
    tt_type type;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        const void *one = tt_program_result(a->program, i, &type);
        same =
            same && memcmp(one, tt_program_result(b->program, i, NULL), tt_type_bytes(&type)) == 0;
    }
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++) {
        const char *name = tt_graph_buffer(graph, tt_graph_assign_at(graph, i)->buffer)->name;
        const void *one = tt_session_bytes(a->session, name, &type);
        same = same &&
               memcmp(one, tt_session_bytes(b->session, name, NULL), tt_type_bytes(&type)) == 0;
    }
    return same;
}

// ---- random graphs

// Some results become states that keep a part of what they were; some states are shown as well.
static void add_states(tt_graph *g, uint64_t seed)
{
    uint32_t results = tt_graph_result_count(g);
    tt_value result[64];
    REQUIRE(results <= TT_COUNT(result));
    for (uint32_t i = 0; i < results; i++)
        result[i] = tt_graph_result_at(g, i)->value;
    if (seed % 2 == 0)
        tt_graph_forget(g);
    for (uint32_t i = 0; i < results; i++) {
        char name[24], old[24];
        tt_type type = *tt_graph_type(g, result[i]);
        if (type.element != TT_F32)
            continue;
        snprintf(name, sizeof(name), "state %u", (unsigned)i);
        snprintf(old, sizeof(old), "old %u", (unsigned)i);
        tt_value state = tt_state(g, name, type);
        tt_graph_assign(g, state, tt_add(g, tt_scale(g, state, 0.5), result[i]));
        if ((seed + i) % 3 == 0)
            tt_graph_result(g, old, (seed + i) % 2 == 0 ? state : tt_scale(g, state, 3));
    }
}

static unsigned found_in_place, found_straight;

// The graph goes.
static void check_random(tt_graph *g, uint64_t seed, tt_way way)
{
    add_states(g, seed);
    REQUIRE(tt_graph_status(g) == TT_OK);
    subject a = opened(g, way, seed), b = opened(g, way, seed);
    if (a.program->value_count <= VALUES_MAX) {
        take_apart(&b);
        found_in_place += in_place(a.program);
        found_straight += a.program->straight_count;
        for (int run = 0; run < 2; run++) {
            REQUIRE(tt_program_run(a.program, NULL) == TT_OK);
            REQUIRE(tt_program_run(b.program, NULL) == TT_OK);
            bool same = same_bits(&a, &b);
            EXPECT(same);
            if (!same)
                printf("seed %llu, run %d: not the same bits\n", (unsigned long long)seed, run);
        }
    }
    closed(&a);
    closed(&b);
    tt_graph_free(g);
}

// ---- one at a time

// `a` is a product, a step of its own, so that it lies in the arena; y is made of it and b.
typedef tt_value make(tt_graph *g, tt_value a, tt_value b);

static tt_value at_its_place(tt_graph *g, tt_value a, tt_value b)
{
    return tt_add(g, tt_exp(g, a), b);
}
static tt_value turned(tt_graph *g, tt_value a, tt_value b)
{
    return tt_multiply(g, tt_add(g, tt_transpose(g, a, (int64_t[]){1, 0}), a), b);
}
static tt_value row_of_it(tt_graph *g, tt_value a, tt_value b)
{
    tt_value row = tt_slice(g, a, (int64_t[]){1, 0}, (int64_t[]){1, 64}, (int64_t[]){1, 1});
    return tt_add(g, tt_multiply(g, a, row), b);
}
static tt_value read_later(tt_graph *g, tt_value a, tt_value b) // y is stored before the last turn
{
    tt_value y = tt_add(g, a, b), sum = tt_reduce(g, TT_OP_SUM, y, 1, (int64_t[]){1});
    tt_graph_result(g, "z", tt_less(g, a, sum));
    return y;
}
static tt_value read_in_turns(tt_graph *g, tt_value a, tt_value b)
{
    return tt_add(g, tt_multiply(g, a, tt_reduce(g, TT_OP_SUM, a, 1, (int64_t[]){1})), b);
}
static tt_value other_element(tt_graph *g, tt_value a, tt_value b)
{
    (void)b;
    return tt_convert(g, a, TT_I32);
}
static tt_value smaller_element(tt_graph *g, tt_value a, tt_value b)
{
    return tt_less(g, a, b);
}
static tt_value turned_round(tt_graph *g, tt_value a, tt_value b)
{
    return tt_add(g, tt_flip(g, a, 1, (int64_t[]){0}), b);
}

static void check_case(make *made, unsigned expected, const char *what)
{
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, 64, 64);
    tt_value a = tt_unary(g, TT_OP_SIGN, tt_input(g, "x", type)); // by a step of its own
    tt_graph_result(g, "y", made(g, a, tt_input(g, "b", type)));
    REQUIRE(tt_graph_status(g) == TT_OK);
    for (int way = 0; way < 2; way++) {
        subject s = opened(g, way == 0 ? TT_RUN_INTERPRETED : TT_RUN_COMPILED, 5);
        subject apart = opened(g, TT_RUN_INTERPRETED, 5);
        take_apart(&apart);
        EXPECT_EQUAL(in_place(s.program), expected);
        if (in_place(s.program) != expected)
            printf("%s\n", what);
        REQUIRE(tt_program_run(s.program, NULL) == TT_OK);
        REQUIRE(tt_program_run(apart.program, NULL) == TT_OK);
        EXPECT(same_bits(&s, &apart));
        char *text = tt_program_print(s.program);
        EXPECT((strstr(text, " in place of %") != NULL) == (expected > 0));
        free(text);
        closed(&s);
        closed(&apart);
    }
    tt_graph_free(g);
}

// ---- forms

// Turns of `rows` numbers, each of which reads 8 elements from `stride` times its number on, and
// then writes as many. Where `index_end` is not 0, what is read lies up to so much further on.
static bool rows_in_place(int64_t rows, int64_t stride, bool read_first, int64_t index_end)
{
    tt_form form;
    tt_form_access access = {.buffer = read_first ? 0 : 1, .element = TT_F32};
    tt_form_begin(&form);
    uint32_t row = tt_form_loop(&form, &(tt_form_axis){.end = rows});
    form.split = true;
    tt_register kept = tt_form_start(&form, tt_form_number(&form, 0), false);
    tt_register index = index_end == 0 ? TT_NO_REGISTER : tt_form_integer(&form, 0);
    access.index_stride = 1;
    access.index_end = index_end;
    for (int nest = 0; nest < 2; nest++) {
        uint32_t lanes = tt_form_loop(&form, &(tt_form_axis){.end = 8, .lanes = true});
        access.place = (tt_affine){0};
        tt_affine_add(&access.place, row, stride);
        tt_affine_add(&access.place, lanes, 1);
        if ((nest == 0) == read_first)
            tt_form_set(&form, kept, tt_form_load(&form, &access, TT_NO_REGISTER, index));
        else
            tt_form_store(&form, &access, kept);
        access.buffer = 1 - access.buffer;
        tt_form_end(&form);
    }
    tt_form_end(&form);
    bool may = tt_form_in_place(&form, 0, 1);
    tt_form_free(&form);
    return may;
}

// ---- past the caches

// 34 MB, which compiled code stores past the caches where rows begin at whole vectors.
static void check_streamed(int64_t columns, bool streamed)
{
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, 8, columns);
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 8, 1));
    tt_value y = tt_add(g, tt_iota(g, type, 1), x);
    tt_graph_result(g, "y", tt_add(g, y, tt_input(g, "row", TT_TYPE(TT_F32, 1, columns))));
    subject a = opened(g, TT_RUN_COMPILED, 4), b = opened(g, TT_RUN_INTERPRETED, 4);
    char *text = tt_program_print_c(a.program);
    REQUIRE(tt_program_run(a.program, NULL) == TT_OK && tt_program_run(b.program, NULL) == TT_OK);
    EXPECT(same_bits(&a, &b));
    EXPECT((strstr(text, " tt_stream(p") != NULL) == streamed);
    free(text);
    closed(&a);
    closed(&b);
    tt_graph_free(g);
}

static bool any_streamed(const tt_step *step)
{
    bool streamed = false;
    for (uint32_t i = 0; step->fused != NULL && i < step->fused->form.access_count; i++)
        streamed = streamed || step->fused->form.access[i].streamed;
    return streamed;
}

// As large, but the bytes were just read: in place of another value, or in a state's own bytes.
static void check_read_before(void)
{
    tt_type type = TT_TYPE(TT_F32, 8, 1 << 20);
    for (int state = 0; state < 2; state++) {
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", type);
        if (state > 0) {
            tt_value s = tt_state(g, "s", type);
            tt_graph_assign(g, s, tt_add(g, tt_scale(g, s, 0.5), x));
        } else {
            x = tt_exp(g, x); // which is stored, for all of it is summed first
            tt_graph_result(g, "y", tt_multiply(g, x, tt_sum_all(g, x)));
        }
        tt_session *session;
        REQUIRE(tt_session_new(&(tt_session_options){.threads = 1, .way = TT_RUN_INTERPRETED},
                               &session, NULL) == TT_OK);
        tt_program *p = load(session, g);
        EXPECT_EQUAL(p->straight_count, state > 0);
        EXPECT_EQUAL(in_place(p), state == 0);
        EXPECT(p->step_count > 0 && !any_streamed(&p->steps[p->step_count - 1]));
        tt_session_free(session);
        tt_graph_free(g);
    }
}

// ---- assignments

// A step of an optimiser lies in its buffers; guarded it is aside, and gives the same bits.
static void check_optimiser(void)
{
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, 48, 100);
    tt_value p = tt_parameter(g, "p", type), d = tt_input(g, "d", type);
    REQUIRE(tt_optimise(g, &TT_ADAMW_DEFAULT, 1, &p, &d, NULL,
                        tt_input(g, "rate", TT_SCALAR(TT_F64))) == TT_OK);
    subject a = opened(g, TT_RUN_FAST, 3), b = opened(g, TT_RUN_FAST, 3);
    EXPECT_EQUAL(a.program->straight_count, 3); // not the steps' number, which a failure may follow
    EXPECT_EQUAL(tt_program_guard(b.program, NULL), TT_OK);
    double rate = 0.01;
    for (int run = 0; run < 3; run++) {
        tt_program_set(a.program, "rate", &rate);
        tt_program_set(b.program, "rate", &rate);
        REQUIRE(tt_program_run(a.program, NULL) == TT_OK);
        REQUIRE(tt_program_run(b.program, NULL) == TT_OK);
        EXPECT(same_bits(&a, &b));
    }
    EXPECT(a.program->aside == NULL && b.program->aside != NULL);
    char *text = tt_program_print(a.program);
    EXPECT(strstr(text, " in 'p' in place of %") != NULL);
    free(text);
    float was[48 * 100];
    memcpy(was, tt_session_bytes(b.session, "p", NULL), sizeof(was));
    rate = (double)NAN;
    EXPECT_EQUAL(tt_program_run(b.program, NULL), TT_TOO_LARGE);
    EXPECT(memcmp(was, tt_session_bytes(b.session, "p", NULL), sizeof(was)) == 0);
    closed(&a);
    closed(&b);
    tt_graph_free(g);
}

#define COUNT 100

// State s becomes itself plus itself turned round, its own bytes being the input x; frees the
// graph.
static void check_turned_sum(tt_graph *g, unsigned straight)
{
    float was[COUNT];
    subject a = opened(g, TT_RUN_INTERPRETED, 9);
    float *now = tt_session_bytes(a.session, "s", NULL);
    EXPECT_EQUAL(a.program->straight_count, straight);
    memcpy(was, now, sizeof(was));
    tt_program_set(a.program, "x", now);
    REQUIRE(tt_program_run(a.program, NULL) == TT_OK);
    for (int i = 0; i < COUNT; i++)
        EXPECT(now[i] == was[COUNT - 1 - i] + was[i]);
    closed(&a);
    tt_graph_free(g);
}

// A step that may fail after an assignment was computed; an input that is the buffer itself; a
// buffer that is read after it could have been written.
static void check_what_stays(void)
{
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, COUNT);
    tt_value x = tt_input(g, "x", type), s = tt_state(g, "s", type), t = tt_state(g, "t", type);
    tt_value next = tt_add(g, s, x);
    tt_graph_assign(g, s, next);
    tt_value found = tt_gather(g, next, tt_input(g, "at", TT_TYPE(TT_I32, 3)), 0);
    tt_graph_assign(g, t, tt_add(g, t, tt_reduce(g, TT_OP_SUM, found, 1, (int64_t[]){0})));
    subject a = opened(g, TT_RUN_INTERPRETED, 9);
    int32_t at[3] = {0, COUNT, 1};
    float was[2][COUNT],
        *now[2] = {tt_session_bytes(a.session, "s", NULL), tt_session_bytes(a.session, "t", NULL)};
    for (int i = 0; i < 2; i++)
        memcpy(was[i], now[i], sizeof(was[i]));
    tt_program_set(a.program, "at", at);
    EXPECT_EQUAL(tt_program_run(a.program, NULL), TT_INVALID);
    for (int i = 0; i < 2; i++)
        EXPECT(memcmp(was[i], now[i], sizeof(was[i])) == 0);
    at[1] = 2;
    tt_program_set(a.program, "x", now[0]); // s + s
    REQUIRE(tt_program_run(a.program, NULL) == TT_OK);
    float sum = 2 * was[0][0] + 2 * was[0][2] + 2 * was[0][1];
    for (int i = 0; i < COUNT; i++) {
        EXPECT(now[0][i] == 2 * was[0][i]);
        EXPECT(fabsf(now[1][i] - (was[1][i] + sum)) < 1e-5f);
    }
    closed(&a);
    tt_graph_free(g);
    g = tt_graph_new();
    s = tt_state(g, "s", type);
    tt_value turned = tt_flip(g, s, 1, (int64_t[]){0});
    tt_graph_assign(g, s, tt_add(g, turned, tt_input(g, "x", type)));
    check_turned_sum(g, 0);
    g = tt_graph_new(); // straight, but for an input in its way
    s = tt_state(g, "s", type);
    tt_graph_assign(g, s, tt_add(g, tt_flip(g, tt_input(g, "x", type), 1, (int64_t[]){0}), s));
    check_turned_sum(g, 1);
}

static void check_seed(uint64_t seed)
{
    static const unsigned kinds[] = {0, FUSED_SHORT, FUSED_SMOOTH | FUSED_SHORT};
    for (unsigned i = 0; i < TT_COUNT(kinds); i++)
        check_random(fused_graph(seed, kinds[i]), seed, TT_RUN_INTERPRETED);
    check_random(mixed_graph(seed, seed % 2 == 0), seed, TT_RUN_INTERPRETED);
    product_kind kind = (product_kind)(seed % PRODUCT_KINDS);
    check_random(product_graph(seed, kind, 10000), seed, TT_RUN_INTERPRETED);
}

// SEEDS [FIRST]
int main(int argc, char **argv)
{
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 0) : 60;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    check_case(at_its_place, 1, "at its place");
    check_case(turned, 0, "turned");
    check_case(row_of_it, 0, "a row of it");
    check_case(read_later, 0, "read later");
    check_case(read_in_turns, 1, "read in turns");
    check_case(other_element, 0, "another element");
    check_case(smaller_element, 0, "a smaller element");
    check_case(turned_round, 0, "turned round");
    EXPECT(rows_in_place(5, 8, true, 0) && rows_in_place(5, 100, true, 0));
    EXPECT(!rows_in_place(5, 7, true, 0) && !rows_in_place(5, 0, true, 0));
    EXPECT(rows_in_place(1, 0, true, 0));
    EXPECT(!rows_in_place(5, -8, true, 0) && !rows_in_place(5, 8, false, 0));
    EXPECT(rows_in_place(5, 8, true, 1) && rows_in_place(5, 12, true, 5));
    EXPECT(!rows_in_place(5, 12, true, 6) && !rows_in_place(5, 12, true, -1));
    check_streamed((int64_t)1 << 20, true);
    check_streamed(((int64_t)1 << 20) + 1, false);
    check_streamed((int64_t)1 << 12, false);
    check_read_before();
    check_optimiser();
    check_what_stays();
    for (uint64_t seed = first; seed < first + seeds; seed++)
        check_seed(seed);
    for (uint64_t seed = 100; seed < 110; seed++)
        check_random(fused_graph(seed, FUSED_LARGE), seed,
                     seed < 103 ? TT_RUN_COMPILED : TT_RUN_INTERPRETED);
    printf("%u in place, %u straight\n", found_in_place, found_straight);
    EXPECT(found_in_place > 20 && found_straight > 20);
    return test_result();
}
