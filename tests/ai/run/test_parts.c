// Programs that are compiled while they run: with the same bits all the time, never waiting, and
// nothing is left of it where somebody has enough before it is done.

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "ai/run/session_internal.h"
#include "tests/ai/run/compile_test.h"
#include "tutti/check.h"
#include "tutti/session.h"

#define ELEMENTS 64
#define SOON_S 5.0  // for what takes milliseconds, on a machine that is busy
#define AGES_S 90.0 // for a compiler

static unsigned tasks_before; // a watcher for races may have a thread of its own, from the first on

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Each of another shape, so that each is a step: `count` of them.
static tt_graph *graph_of(unsigned count)
{
    tt_graph *g = tt_graph_new();
    for (unsigned i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "x%u", i);
        tt_value x = tt_input(g, name, TT_TYPE(TT_F32, ELEMENTS + (int64_t)i));
        snprintf(name, sizeof(name), "y%u", i);
        tt_graph_result(g, name, tt_exp(g, tt_scale(g, x, 1.0 / (i + 1))));
    }
    return g;
}

static float inputs[4096];

// A session with a program that counts as interpreted for long enough, if it is to be compiled.
static tt_session *open_program(tt_way way, unsigned count, tt_program **program)
{
    tt_session *session;
    tt_graph *g = graph_of(count);
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1, .way = way}, &session, NULL) ==
            TT_OK);
    REQUIRE(tt_session_load(session, g, program, NULL) == TT_OK);
    for (unsigned i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "x%u", i);
        REQUIRE(tt_program_set(*program, name, inputs) == TT_OK);
    }
    EXPECT_EQUAL(tt_program_steps(*program), count);
    (*program)->interpreted = (uint64_t)1 << 27;
    tt_graph_free(g);
    return session;
}

static void *do_nothing(void *context)
{
    return context;
}

static void run(tt_program *program)
{
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
}

static unsigned with_code(const tt_program *program)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < program->step_count; i++)
        count += program->steps[i].code != NULL;
    return count;
}

// Runs it until all is compiled that will be; its results must be `right`'s each time.
static void run_until_compiled(tt_program *program, const tt_program *right)
{
    double end = now_s() + AGES_S;
    while (!program->compiled && now_s() < end) {
        run(program);
        for (uint32_t i = 0; right != NULL && i < program->step_count; i++) {
            tt_type type;
            const void *got = tt_program_result(program, i, &type);
            REQUIRE(memcmp(got, tt_program_result(right, i, NULL),
                           (size_t)tt_type_count(&type) * sizeof(float)) == 0);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    EXPECT(program->compiled);
}

static void nothing_left(unsigned open_before)
{
    EXPECT_EQUAL(entries("/proc/self/fd"), open_before);
    EXPECT_EQUAL(entries("/proc/self/task"), tasks_before);
    EXPECT_EQUAL(entries(in_root("tmp")), 0);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void test_same_bits(void)
{
    tt_program *program, *right;
    unsigned open_before = entries("/proc/self/fd");
    tt_session *slow = open_program(TT_RUN_INTERPRETED, 40, &right);
    tt_session *session = open_program(TT_RUN_FAST, 40, &program);
    run(right);
    run(program);
    EXPECT_EQUAL(with_code(right), 0);
    run_until_compiled(program, right);
    EXPECT_EQUAL(with_code(program), 40);
    EXPECT_TEXT(tt_program_uncompiled(program), "");
    EXPECT_TEXT(tt_program_uncompiled(right), "");
    EXPECT_EQUAL(entries("/proc/self/task"), tasks_before); // the threads have gone
    tt_session_free(slow);
    tt_session_free(session);
    nothing_left(open_before);
}

// Who asks for it waits, as ever.
static void test_waits(void)
{
    tt_program *program;
    unsigned open_before = entries("/proc/self/fd");
    empty_cache();
    tt_session *session = open_program(TT_RUN_COMPILED, 200, &program);
    double begin = now_s();
    run(program);
    EXPECT_EQUAL(with_code(program), 200);
    printf("200 forms, compiled in %.2f s in %u parts\n", now_s() - begin, asked(" -o "));
    EXPECT(asked(" -o ") >= 2 && asked(" -o ") <= 30);
    tt_session_free(session);
    session = open_program(TT_RUN_COMPILED, 200, &program);
    begin = now_s();
    run(program);
    printf("from the cache in %.3f s\n", now_s() - begin);
    EXPECT_EQUAL(with_code(program), 200);
    EXPECT(asked(" -o ") <= 30); // from the cache, each part
    tt_session_free(session);
    nothing_left(open_before);
}

// A compiler that hangs holds up neither a run nor who has enough: `body` is its script.
static void check_hanging(const char *name, const char *body)
{
    tt_program *program;
    unsigned open_before = entries("/proc/self/fd");
    REQUIRE(setenv("TUTTI_CC", script(name, body), 1) == 0);
    for (unsigned pause_ms = 0; pause_ms <= 300; pause_ms += 100) {
        tt_session *session = open_program(TT_RUN_FAST, 3, &program);
        double begin = now_s();
        for (unsigned i = 0; i < 20; i++)
            run(program);
        EXPECT(now_s() - begin < SOON_S);
        EXPECT_EQUAL(with_code(program), 0);
        nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000L}, NULL);
        begin = now_s();
        tt_program_free(program);
        EXPECT(now_s() - begin < SOON_S);
        tt_session_free(session);
        nothing_left(open_before);
    }
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

// Who waits for one does so once, not for each part.
static void test_wait_for_hanging(void)
{
    tt_program *program;
    unsigned open_before = entries("/proc/self/fd");
    REQUIRE(setenv("TUTTI_CC", in_root("sleeps"), 1) == 0);
    remove(in_root("asked"));
    tt_session *session = open_program(TT_RUN_COMPILED, 100, &program);
    double begin = now_s();
    run(program);
    EXPECT(now_s() - begin < TT_COMPILE_TIMEOUT_MS / 1000.0 + SOON_S);
    EXPECT_EQUAL(with_code(program), 0);
    EXPECT_EQUAL(asked(" -o "), 2);
    EXPECT(program->compiled);
    EXPECT(strstr(tt_program_uncompiled(program), "/sleeps took too long and was ended") != NULL);
    tt_session_free(session);
    nothing_left(open_before);
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

static void test_hanging(void)
{
    check_hanging("sleeps", "sleep 1000");
    check_hanging("sleeps-deaf", "trap '' TERM INT HUP; : >$TMPDIR/file; sleep 1000 & sleep 1000");
}

static tt_graph *build_one(void *context, unsigned count, const int64_t *sizes)
{
    (void)context;
    (void)count;
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, sizes[0]));
    tt_graph_result(g, "y", tt_exp(g, tt_multiply(g, x, x)));
    return g;
}

// A session that has enough programs gives one up while it is compiled.
static void test_evicted(void)
{
    tt_session *session;
    tt_program *program;
    unsigned open_before = entries("/proc/self/fd");
    REQUIRE(setenv("TUTTI_CC", in_root("sleeps"), 1) == 0);
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1, .way = TT_RUN_FAST}, &session,
                           NULL) == TT_OK);
    double begin = now_s();
    for (int64_t size = 1; size <= 2 * TT_PROGRAMS_KEPT; size++) {
        REQUIRE(tt_session_program(session, build_one, NULL, 1, &size, &program, NULL) == TT_OK);
        REQUIRE(tt_program_set(program, "x", inputs) == TT_OK);
        program->interpreted = (uint64_t)1 << 27;
        run(program);
    }
    tt_session_free(session);
    EXPECT(now_s() - begin < SOON_S);
    nothing_left(open_before);
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

// More programs at once than are compiled at once: each has its turn.
static void test_many(void)
{
    enum { PROGRAMS = 7 };
    tt_session *session[PROGRAMS];
    tt_program *program[PROGRAMS];
    unsigned open_before = entries("/proc/self/fd");
    for (unsigned i = 0; i < PROGRAMS; i++)
        session[i] = open_program(TT_RUN_FAST, i + 1, &program[i]);
    for (unsigned i = 0; i < PROGRAMS; i++)
        run(program[i]);
    EXPECT(entries("/proc/self/task") <= tasks_before + 4);
    for (unsigned i = 0; i < PROGRAMS; i++) {
        double end = now_s() + AGES_S;
        for (; !program[i]->compiled && now_s() < end; run(program[i]))
            if (program[i]->interpreted < (uint64_t)1 << 27)
                program[i]->interpreted = (uint64_t)1 << 27;
        EXPECT_EQUAL(with_code(program[i]), i + 1);
    }
    for (unsigned i = 0; i < PROGRAMS; i++)
        tt_session_free(session[i]);
    nothing_left(open_before);
}

// Each costs one sentence, and the interpreter goes on.
static void test_failing(void)
{
    tt_program *program;
    unsigned open_before = entries("/proc/self/fd");
    const struct {
        const char *compiler, *sentence;
    } bad[] = {{script("fails", "echo error: no luck >&2; exit 1"),
                "/fails failed with status 1: error: no luck"},
               {script("lies", "echo nonsense >$out"), "/lies made cannot be loaded: "},
               {in_root("nowhere"), "there is no compiler: '"},
               {"", "there is no compiler: TUTTI_CC is empty"}};
    for (unsigned i = 0; i < 4; i++) {
        REQUIRE(setenv("TUTTI_CC", bad[i].compiler, 1) == 0);
        tt_session *session = open_program(TT_RUN_FAST, 3, &program);
        double end = now_s() + AGES_S;
        for (unsigned runs = 0; runs < 5 || (program->parts != NULL && !program->compiled);
             runs++) {
            run(program);
            REQUIRE(now_s() < end);
        }
        EXPECT_EQUAL(with_code(program), 0);
        EXPECT(strstr(tt_program_uncompiled(program), bad[i].sentence) != NULL);
        tt_session_free(session);
        nothing_left(open_before);
    }
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

// ---- processes that end meanwhile

static pid_t wait_for(pid_t child, int *status)
{
    double end = now_s() + SOON_S;
    pid_t got;
    while ((got = waitpid(child, status, WNOHANG)) == 0 && now_s() < end)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (got == 0) {
        kill(child, SIGKILL);
        waitpid(child, status, 0);
    }
    return got;
}

// The compiler's number, as its script wrote it; 0: it has not come so far.
static pid_t compiler_number(void)
{
    int number = 0;
    FILE *file = fopen(in_root("number"), "r");
    if (file != NULL) {
        if (fscanf(file, "%d", &number) != 1)
            number = 0;
        fclose(file);
    }
    return (pid_t)number;
}

// A program that just ends takes its compiler with it.
static void test_exit(void)
{
    char body[300];
    snprintf(body, sizeof(body), "echo $$ >%s; exec sleep 1000", in_root("number"));
    REQUIRE(setenv("TUTTI_CC", script("numbered", body), 1) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        tt_program *program;
        open_program(TT_RUN_FAST, 3, &program);
        run(program);
        while (compiler_number() == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        exit(0);
    }
    int status = -1;
    EXPECT_EQUAL(wait_for(child, &status), child);
    EXPECT_EQUAL(status, 0);
    EXPECT(compiler_number() > 0 && kill(compiler_number(), 0) == -1 && errno == ESRCH);
    EXPECT_EQUAL(entries(in_root("tmp")), 0);
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

// A sanitizer that looks for leaks at the end does not see what threads hold that were not forked.
static bool forked;
static void end_forked(void)
{
    if (forked)
        _exit(0);
}

// What is forked meanwhile may free its copy, and end; the compiler works on for the other.
static void test_fork(void)
{
    tt_program *program;
    empty_cache();
    tt_session *session = open_program(TT_RUN_FAST, 60, &program);
    run(program);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        forked = true;
        tt_session_free(session);
        exit(0);
    }
    int status = -1;
    EXPECT_EQUAL(wait_for(child, &status), child);
    EXPECT_EQUAL(status, 0);
    run_until_compiled(program, NULL);
    EXPECT_EQUAL(with_code(program), 60);
    tt_session_free(session);
}

// A program's environment is its own while the compiler works.
static void test_environment(void)
{
    tt_program *program;
    empty_cache();
    tt_session *session = open_program(TT_RUN_FAST, 60, &program);
    run(program);
    REQUIRE(setenv("TUTTI_CC", "/nowhere", 1) == 0 && setenv("TMPDIR", "/nowhere", 1) == 0);
    char *path = strdup(getenv("PATH"));
    REQUIRE(setenv("PATH", "/nowhere", 1) == 0);
    run_until_compiled(program, NULL);
    EXPECT_EQUAL(with_code(program), 60);
    tt_session_free(session);
    REQUIRE(setenv("PATH", path, 1) == 0 && setenv("TMPDIR", in_root("tmp"), 1) == 0);
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
    free(path);
}

int main(void)
{
    for (unsigned i = 0; i < TT_COUNT(inputs); i++)
        inputs[i] = (float)(i % 97) / 50 - 1;
    atexit(end_forked); // before the others: it is done after them
    set_up();
    pthread_t first;
    REQUIRE(pthread_create(&first, NULL, do_nothing, NULL) == 0 && pthread_join(first, NULL) == 0);
    tasks_before = entries("/proc/self/task");
    unsetenv("TT_RUN");
    test_same_bits();
    test_waits();
    test_hanging();
    test_wait_for_hanging();
    test_evicted();
    test_many();
    test_failing();
    test_environment();
    test_exit();
    test_fork();
    return test_result();
}
