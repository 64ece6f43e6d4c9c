// The first steps of whole trainings have the same bits at every width, by each compiler, on any
// number of threads and interpreted: all parameters and all that an optimiser keeps, byte for byte.

#include <math.h>

#include "ai/run/compile.h"
#include "bench/ai/networks.h"
#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

#define PIXELS_MAX (BENCH_BATCH * 32 * 32 * 3)
#define STEPS_MAX 100

static uint8_t images[STEPS_MAX][PIXELS_MAX];
static int32_t labels[STEPS_MAX][BENCH_BATCH];

typedef struct way {
    const char *isa, *compiler; // NULL: interpreted
    unsigned threads;
} way;

static const way ways[] = {{"avx512", "gcc", 1}, {"avx2", "gcc", 3},     {"sse2", "gcc", 1},
                           {NULL, NULL, 2},      {"avx512", "clang", 2}, {"avx2", "clang", 1},
                           {"sse2", "clang", 2}};

// Squares whose place and colour tell the class, with noise.
static void make_images(void)
{
    tt_random random;
    tt_random_seed(&random, 11);
    for (unsigned step = 0; step < STEPS_MAX; step++)
        for (unsigned i = 0; i < BENCH_BATCH; i++) {
            labels[step][i] = (int32_t)tt_random_below(&random, 10);
            for (unsigned p = 0; p < PIXELS_MAX / BENCH_BATCH; p++)
                images[step][i * (PIXELS_MAX / BENCH_BATCH) + p] =
                    (uint8_t)(tt_random_below(&random, 100) +
                              (p / 64 % 10 == (unsigned)labels[step][i] ? 150 : 0));
        }
}

// Weights as large as their sums are long asks for, scales of one, everything else zero.
static void fill_parameters(tt_session *session, unsigned seed)
{
    tt_random random;
    tt_random_seed(&random, seed);
    for (uint32_t k = 0; k < session->kept_count; k++) {
        const bytes_of *kept = &session->kept[k];
        int64_t count = tt_type_count(&kept->type);
        bool weights = strstr(kept->name, "weights") != NULL && kept->type.element == TT_F32;
        bool scale = strstr(kept->name, ".scale") != NULL;
        float *at = kept->data;
        memset(kept->data, 0, (size_t)tt_type_bytes(&kept->type));
        for (int64_t i = 0; (weights || scale) && i < count; i++) {
            double bound = sqrt(3.0 * (double)kept->type.size[0] / (double)count);
            double share = (double)tt_random_below(&random, 20001) / 10000 - 1;
            at[i] = weights ? (float)(bound * share) : 1;
        }
    }
}

// All that a session keeps and the loss, one behind the other.
typedef struct kept_bytes {
    uint8_t *data;
    size_t length;
} kept_bytes;

static void add(kept_bytes *to, const void *data, size_t bytes)
{
    to->data = realloc(to->data, to->length + bytes);
    REQUIRE(to->data != NULL);
    memcpy(to->data + to->length, data, bytes);
    to->length += bytes;
}

static void keep(kept_bytes *to, const tt_session *session, const tt_program *program)
{
    const float *loss = tt_program_result(program, 0, NULL);
    for (uint32_t k = 0; k < session->kept_count; k++)
        add(to, session->kept[k].data, (size_t)tt_type_bytes(&session->kept[k].type));
    EXPECT(isfinite(*loss));
    add(to, loss, sizeof(*loss));
}

typedef struct plan {
    unsigned steps, ways, early, seeds; // early: the steps of the interpreter
} plan;

// After the early steps, and after all, of each seed.
typedef struct trained {
    kept_bytes early, late;
} trained;

static trained train(const bench_network *network, const way *w, const plan *p)
{
    trained t = {{NULL, 0}, {NULL, 0}};
    tt_graph *graph = bench_training_graph(network);
    tt_session *session;
    tt_session_options options = {.threads = w->threads,
                                  .way = w->isa == NULL ? TT_RUN_INTERPRETED : TT_RUN_COMPILED};
    REQUIRE(tt_session_new(&options, &session, NULL) == TT_OK);
    tt_program *program = load(session, graph);
    for (unsigned seed = 1; seed <= p->seeds; seed++) {
        fill_parameters(session, seed);
        for (unsigned step = 0; step < (w->isa == NULL ? p->early : p->steps); step++) {
            tt_program_set(program, "image", images[step]);
            tt_program_set(program, "label", labels[step]);
            tt_program_set(program, "rate", &network->rate);
            REQUIRE(tt_program_run(program, NULL) == TT_OK);
            if (step + 1 == p->early)
                keep(&t.early, session, program);
        }
        if (w->isa != NULL)
            keep(&t.late, session, program);
    }
    for (uint32_t i = 0; w->isa != NULL && i < program->step_count; i++)
        EXPECT(program->steps[i].fused == NULL || program->steps[i].code != NULL);
    tt_session_free(session);
    tt_graph_free(graph);
    return t;
}

static bool same_bytes(const kept_bytes *a, const kept_bytes *b)
{
    return a->data == NULL || b->data == NULL ||
           (a->length == b->length && memcmp(a->data, b->data, a->length) == 0);
}

static bool has(const char *compiler)
{
    char command[60];
    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", compiler);
    return system(command) == 0;
}

// Whether the machine and its compilers can; says why not.
static bool can(const way *w)
{
    char why[200];
    tt_text text;
    tt_text_init(&text, why, sizeof(why));
    if (w->isa == NULL)
        return true;
    REQUIRE(setenv("TT_ISA", w->isa, 1) == 0 && setenv("TUTTI_CC", w->compiler, 1) == 0);
    tt_isa_here(&text);
    if (why[0] != 0)
        printf("skipped: %s\n", why);
    else if (!has(w->compiler))
        printf("skipped: there is no %s\n", w->compiler);
    return why[0] == 0 && has(w->compiler);
}

// Each way against the first of them that can be.
static void check(const bench_network *network, const plan *p)
{
    trained first = {{NULL, 0}, {NULL, 0}};
    for (unsigned i = 0; i < p->ways; i++) {
        const way *w = &ways[i];
        if (!can(w))
            continue;
        trained t = train(network, w, p);
        bool one = first.early.data == NULL;
        bool same = same_bytes(&t.early, &first.early) && same_bytes(&t.late, &first.late);
        EXPECT(same);
        printf("%s, %u seeds, %u steps %s%s%s: %s\n", network->name, p->seeds,
               w->isa == NULL ? p->early : p->steps, w->isa == NULL ? "interpreted" : w->compiler,
               w->isa == NULL ? "" : " for ", w->isa == NULL ? "" : w->isa,
               one    ? "held against"
               : same ? "the same bits"
                      : "OTHER BITS");
        free(one ? NULL : t.early.data);
        free(one ? NULL : t.late.data);
        first = one ? t : first;
    }
    free(first.early.data);
    free(first.late.data);
}

static unsigned number(int argc, char **argv, int place, unsigned usual)
{
    return argc > place ? (unsigned)strtoul(argv[place], NULL, 0) : usual;
}

// STEPS WAYS EARLY SEEDS: of the demonstration's network; of others up to ten steps of one seed,
// and all of them where it is all ways.
int main(int argc, char **argv)
{
    plan p = {number(argc, argv, 1, 2), number(argc, argv, 2, 4), number(argc, argv, 3, 1),
              number(argc, argv, 4, 1)};
    REQUIRE(p.early >= 1 && p.early <= p.steps && p.steps <= STEPS_MAX);
    REQUIRE(p.ways <= TT_COUNT(ways));
    REQUIRE(setenv("XDG_CACHE_HOME", "/dev/null", 1) == 0); // compiled anew, and not kept
    make_images();
    check(&bench_fashion, &p);
    p.steps = p.steps > 10 ? 10 : p.steps;
    p.seeds = 1;
    check(&bench_lenet5, &p);
    if (p.ways == TT_COUNT(ways))
        check(&bench_resnet8, &p);
    return test_result();
}
