// Lists of steps: whatever bytes one step writes and another touches, one of them waits for the
// other; steps that may do so are done at once; and the numbers are those of one thread.

#include <string.h>

#include "ai/run/lists.h"
#include "bench/ai/networks.h"
#include "tests/ai/run/fused_graph.h"
#include "tests/ai/run/run_both.h"

static tt_session *session_of(unsigned threads)
{
    tt_session *session;
    tt_session_options options = {.threads = threads, .way = TT_RUN_INTERPRETED};
    REQUIRE(tt_session_new(&options, &session, NULL) == TT_OK);
    return session;
}

// ---- who waits for whom

typedef struct range {
    const char *from, *to;
} range;

static range range_of(const tt_program *program, const void *at, tt_value value)
{
    const char *from = at;
    return (range){from, from + tt_type_bytes(tt_graph_type(program->graph, value))};
}

// By where they lay in the last run.
static bool writes_what_touches(const tt_program *program, const tt_step *one, const tt_step *other)
{
    const tt_graph *graph = program->graph;
    unsigned reads, writes = tt_step_write_count(graph, other);
    const tt_value *values = tt_step_values(graph, other, &reads);
    for (unsigned i = 0; i < tt_step_write_count(graph, one); i++) {
        range a = range_of(program, one->out[i], tt_step_write(one, i));
        for (unsigned k = 0; k < reads + writes; k++) {
            range b = k < reads ? range_of(program, other->in[k], values[k])
                                : range_of(program, other->out[k - reads],
                                           tt_step_write(other, k - reads));
            if (a.from < b.to && b.from < a.to)
                return true;
        }
    }
    return false;
}

static uint32_t job_of(const tt_list *list, uint32_t step)
{
    uint32_t job = 0;
    while (step < list->step[job] || step >= list->step[job] + list->steps[job])
        job++;
    REQUIRE(job < list->jobs.count);
    return job;
}

static uint64_t all_before(const tt_list *list, uint32_t job)
{
    uint64_t before = list->jobs.after[job], more = 0;
    for (;; before |= more) {
        for (uint32_t i = 0; i < list->jobs.count; i++)
            more |= ((before >> i) & 1) != 0 ? list->jobs.after[i] : 0;
        if ((more & ~before) == 0)
            return before;
    }
}

typedef struct counts {
    unsigned lists, jobs, joined, beside; // pairs of jobs that may be done at once
} counts;

static void check_list(const tt_program *program, const tt_list *list, counts *c)
{
    unsigned steps = 0, missing = 0;
    for (uint32_t job = 0; job < list->jobs.count; job++) {
        uint64_t before = all_before(list, job);
        steps += list->steps[job];
        EXPECT(((before >> job) & 1) == 0); // no circle
        for (uint32_t i = 0; i < job; i++)
            c->beside += ((before >> i) & 1) == 0 && ((all_before(list, i) >> job) & 1) == 0;
    }
    for (uint32_t i = list->first; i < list->end; i++)
        for (uint32_t k = list->first; k < i; k++) {
            const tt_step *one = &program->steps[k], *other = &program->steps[i];
            uint32_t a = job_of(list, k), b = job_of(list, i);
            if (a != b && ((all_before(list, b) >> a) & 1) == 0)
                missing += writes_what_touches(program, one, other) ||
                           writes_what_touches(program, other, one);
        }
    EXPECT_EQUAL(missing, 0);
    EXPECT_EQUAL(steps, list->end - list->first);
    c->lists++;
    c->jobs += list->jobs.count;
    c->joined += steps - list->jobs.count;
}

// What may fail is in no list: all steps behind it begin later.
static void check_lists(const tt_program *program, counts *c)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < program->list_count; i++) {
        const tt_list *list = program->lists[i];
        EXPECT(list->first >= at && list->end > list->first);
        for (uint32_t step = at; step < list->first; step++)
            EXPECT(program->steps[step].kernel == tt_reference_kernel ||
                   program->steps[step].kernel == tt_gather_kernel);
        for (uint32_t step = list->first; step < list->end; step++)
            EXPECT(program->steps[step].kernel != tt_reference_kernel &&
                   program->steps[step].kernel != tt_gather_kernel);
        check_list(program, list, c);
        at = list->end;
    }
}

// ---- the same numbers

typedef struct network {
    tt_graph *graph;
    uint8_t *image;
    int32_t label[BENCH_BATCH];
    double rate;
} network;

static network make_network(const bench_network *n)
{
    network made = {.graph = bench_training_graph(n), .rate = n->rate / 10};
    size_t bytes = (size_t)(BENCH_BATCH * n->rows * n->rows * n->channels);
    tt_random random;
    tt_random_seed(&random, 3);
    made.image = malloc(bytes);
    REQUIRE(made.image != NULL);
    for (size_t i = 0; i < bytes; i++)
        made.image[i] = (uint8_t)tt_random_below(&random, 256);
    for (unsigned i = 0; i < BENCH_BATCH; i++)
        made.label[i] = (int32_t)tt_random_below(&random, 10);
    return made;
}

// The same weights in each session.
static void set_weights(tt_session *session, const tt_graph *graph)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_PARAMETER)
            continue;
        float *weights = tt_session_bytes(session, buffer->name, NULL);
        for (int64_t k = 0; k < tt_type_count(&buffer->type); k++)
            weights[k] = (float)tt_random_below(&random, 2001) / 10000 - 0.1f;
    }
}

static tt_program *run_steps(tt_session *session, const network *n, unsigned steps)
{
    tt_program *program = load(session, n->graph);
    set_weights(session, n->graph);
    REQUIRE(tt_program_set(program, "image", n->image) == TT_OK);
    REQUIRE(tt_program_set(program, "label", n->label) == TT_OK);
    REQUIRE(tt_program_set(program, "rate", &n->rate) == TT_OK);
    memset(program->arena, 0xff, program->arena_bytes);
    memset(program->scratch, 0xff, program->scratch_bytes);
    for (unsigned i = 0; i < steps; i++)
        REQUIRE(tt_program_run(program, NULL) == TT_OK);
    return program;
}

static bool same_weights(tt_session *a, tt_session *b, const tt_graph *graph)
{
    bool same = true;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind == TT_PARAMETER || buffer->kind == TT_STATE)
            same = same && memcmp(tt_session_bytes(a, buffer->name, NULL),
                                  tt_session_bytes(b, buffer->name, NULL),
                                  tt_type_bytes(&buffer->type)) == 0;
    }
    return same;
}

// Trained on one thread, which has no lists, and on several.
static counts check_network(const bench_network *n, unsigned steps)
{
    network made = make_network(n);
    counts c = {0};
    tt_session *one = session_of(1);
    EXPECT_EQUAL(run_steps(one, &made, steps)->list_count, 0);
    for (unsigned threads = 2; threads <= 5; threads += 3) {
        tt_session *several = session_of(threads);
        c = (counts){0};
        check_lists(run_steps(several, &made, steps), &c);
        EXPECT(same_weights(one, several, made.graph));
        tt_session_free(several);
    }
    tt_session_free(one);
    tt_graph_free(made.graph);
    free(made.image);
    return c;
}

static void check_random(uint64_t seed, counts *c)
{
    tt_graph *graph = fused_graph(seed, seed % 10 == 3  ? FUSED_LARGE
                                        : seed % 5 == 0 ? FUSED_SMOOTH
                                                        : 0);
    uint32_t buffers = tt_graph_buffer_count(graph);
    void **data = calloc(buffers + 1u, sizeof(*data));
    tt_random random;
    tt_session *one = session_of(1), *three = session_of(3);
    tt_program *a = load(one, graph), *b = load(three, graph);
    REQUIRE(data != NULL);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < buffers; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_INPUT)
            continue;
        data[i] = calloc((size_t)tt_type_count(&buffer->type) + 1, 8);
        fill_random(&random, &buffer->type, data[i], false);
        REQUIRE(tt_program_set(a, buffer->name, data[i]) == TT_OK);
        REQUIRE(tt_program_set(b, buffer->name, data[i]) == TT_OK);
    }
    REQUIRE(tt_program_run(a, NULL) == TT_OK && tt_program_run(b, NULL) == TT_OK);
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        tt_type type;
        const void *made = tt_program_result(a, i, &type);
        EXPECT(memcmp(made, tt_program_result(b, i, NULL), tt_type_bytes(&type)) == 0);
    }
    check_lists(b, c);
    tt_session_free(one);
    tt_session_free(three);
    tt_graph_free(graph);
    for (uint32_t i = 0; i < buffers; i++)
        free(data[i]);
    free(data);
}

// ---- more than a list holds

// A thousand steps that wait for nothing, or each for the last.
static void check_long(bool chain)
{
    enum { STEPS = 1000, SIZE = 100 };
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, SIZE)), y = x;
    char name[16];
    for (unsigned i = 0; i < STEPS; i++) {
        y = tt_flip(g, tt_add(g, chain ? y : x, tt_number(g, TT_F32, i)), 1, (int64_t[]){0});
        snprintf(name, sizeof(name), "y%u", i);
        tt_graph_result(g, name, y);
    }
    float data[SIZE] = {0};
    counts c = {0};
    tt_session *session = session_of(2);
    tt_program *program = load(session, g);
    REQUIRE(tt_program_set(program, "x", data) == TT_OK);
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    for (unsigned i = 0; i < STEPS; i += 37) {
        const float *made = tt_program_result(program, i, NULL);
        float expected = (float)(chain ? i * (i + 1) / 2 : i);
        EXPECT(made[0] == expected && made[SIZE - 1] == expected);
    }
    check_lists(program, &c);
    EXPECT(c.lists > 1 && c.joined > 0);
    tt_session_free(session);
    tt_graph_free(g);
}

// With an argument the large network is left out.
int main(int count, char **arguments)
{
    (void)arguments;
    counts c = check_network(&bench_lenet5, count > 1 ? 1 : 3);
    EXPECT(c.lists == 4 && c.joined > 0 && c.beside > 20); // the first of what is settled
    if (count == 1) {
        c = check_network(&bench_resnet8, 1);
        EXPECT(c.lists == 4 && c.joined > 40 && c.beside > 100);
    }
    c = (counts){0};
    for (uint64_t seed = 1; seed <= 60; seed++)
        check_random(seed, &c);
    EXPECT(c.jobs > c.lists && c.beside > 5); // most graphs are too small
    check_long(false);
    check_long(true);
    return test_result();
}
