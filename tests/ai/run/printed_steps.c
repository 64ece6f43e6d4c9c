#include "tests/ai/run/printed_steps.h"

#include <dlfcn.h>

#include "tests/ai/run/lone_step.h"
#include "tests/ai/run/run_both.h"
#include "tutti/session.h"

#define FORMS_MAX 2000
#define SESSIONS_MAX 1000

static tt_session *session[SESSIONS_MAX]; // whose the forms are
static unsigned session_count, count;
static tt_form form[FORMS_MAX];
static lone expected[FORMS_MAX];
static uint64_t filled[FORMS_MAX];

// What is read is fractions, of every other form with infinities and what is no number among them.
static lone make_filled(const tt_graph *graph, const tt_step *step, uint64_t seed)
{
    lone made = make_lone(graph, step, seed);
    tt_random random;
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < made.reads; i++) {
        tt_type type = buffer_type(&made, i);
        fill_random(&random, &type, made.buffers[i], seed % 2 == 1);
    }
    return made;
}

unsigned printed_steps_add(const tt_graph *graph, uint64_t seed, uint32_t longest)
{
    tt_session_options options = {.threads = 1, .way = TT_RUN_INTERPRETED};
    tt_program *program;
    REQUIRE(session_count < SESSIONS_MAX);
    tt_session **made = &session[session_count++];
    REQUIRE(tt_session_new(&options, made, NULL) == TT_OK);
    (*made)->unchained = false; // what is printed is chained
    REQUIRE(tt_session_load(*made, graph, &program, NULL) == TT_OK);
    for (uint32_t i = 0; i < program->step_count && count < FORMS_MAX; i++) {
        const tt_fused *fused = program->steps[i].fused;
        if (fused == NULL || fused->form.length > longest)
            continue;
        form[count] = fused->form;
        filled[count] = seed + i;
        expected[count] = make_filled(program->graph, &program->steps[i], seed + i);
        run_lone(&expected[count++], INT64_MIN, INT64_MAX);
    }
    return count;
}

static bool run_printed(void *object, unsigned way, unsigned i)
{
    static _Alignas(TT_FORM_LOCAL_ALIGN) char local[TT_FORM_LOCAL_MAX];
    char symbol[20];
    printed_function *function = NULL;
    snprintf(symbol, sizeof(symbol), "f%u", i);
    *(void **)&function = dlsym(object, symbol);
    REQUIRE(function != NULL);
    lone made = make_filled(expected[i].graph, expected[i].step, filled[i]);
    memset(local, 0xff, sizeof(local));
    int64_t middle = made.step->fused->turns / 2;
    function(made.buffers, (long)middle, INT64_MAX, local);
    function(made.buffers, INT64_MIN, (long)middle, local);
    bool same = same_lone(&made, &expected[i]), sound = free_lone(&made);
    if (!same || !sound)
        fprintf(stderr, "%s: form %u, seed %llu: %s\n", printed_way(way), i,
                (unsigned long long)filled[i], sound ? "other bits" : "beside its buffers");
    return same && sound;
}

bool printed_steps_check(const char *folder, unsigned ways)
{
    bool all = printed_compile(folder, "steps", form, count, ways);
    for (unsigned way = 0; way < PRINTED_WAYS; way++) {
        void *object =
            (ways >> way & 1) != 0 && printed_runs(way) ? printed_open(folder, "steps", way) : NULL;
        for (unsigned i = 0; object != NULL && i < count; i++)
            all = run_printed(object, way, i) && all;
        if (object != NULL)
            dlclose(object);
    }
    for (unsigned i = 0; i < count; i++)
        free_lone(&expected[i]);
    for (unsigned i = 0; i < session_count; i++)
        tt_session_free(session[i]);
    count = session_count = 0;
    return all;
}
