// Checks that both sides compute the same, then lets them run in turns.

#include <ftw.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "bench/ai/measure.h"

extern char **environ;

#define PAUSE_NS 100000000 // after the peer's slice: threads of OpenMP look for work a while

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool bench_wanted(const bench_run *run, const char *name)
{
    const char *at = run->only;
    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, ",");
        if (strncmp(name, at, length) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return run->only == NULL;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

void bench_remove(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

double bench_process(const bench_run *run, const char *what, const char *network, size_t count)
{
    char number[32], line[128], file[4096];
    double said = 0;
    pid_t process;
    int status;
    posix_spawn_file_actions_t actions;
    snprintf(number, sizeof(number), "%zu", count);
    snprintf(file, sizeof(file), "%s", bench_path(run, "said"));
    char *words[] = {(char *)"bench_ai",  (char *)what, (char *)network,
                     (char *)run->folder, number,       NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, file, 01101 /* write, create, truncate */, 0600);
    if (posix_spawn(&process, "/proc/self/exe", &actions, NULL, words, environ) != 0 ||
        waitpid(process, &status, 0) != process || status != 0)
        bench_fail("no process for ", network);
    posix_spawn_file_actions_destroy(&actions);
    FILE *out = fopen(file, "r");
    if (out == NULL || fgets(line, sizeof(line), out) == NULL || sscanf(line, "%lf", &said) != 1)
        bench_fail("nothing was said by the process for ", network);
    fclose(out);
    return said;
}

static void run_once(const bench_case *c)
{
    char sentence[256] = "";
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (c->next != NULL)
        c->next(c->context, c->program);
    if (tt_program_run(c->program, &why) != TT_OK)
        bench_fail(c->name, sentence);
}

static double our_slice(const bench_case *c)
{
    double begin = bench_now(), taken;
    unsigned runs = 0;
    do {
        run_once(c);
        runs++;
    } while ((taken = bench_now() - begin) < c->seconds);
    return runs / taken;
}

static double their_slice(const bench_run *run, const bench_case *c)
{
    char answer[BENCH_LINE_BYTES];
    if (!bench_peer_ask(run->peer, answer, "slice %.3f", c->seconds))
        bench_fail("the peer does not run: ", answer);
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    return atof(answer);
}

// How far ours are from the next so many numbers of the peer's file: the greatest difference as a
// share of the greatest number.
static double differ(FILE *theirs, const char *name, const float *ours, size_t count)
{
    float block[1024];
    double worst = 0, greatest = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % 1024 == 0) {
            size_t some = count - i < 1024 ? count - i : 1024;
            if (fread(block, sizeof(float), some, theirs) != some)
                bench_fail(name, ": the peer has fewer numbers");
        }
        double apart = fabs((double)ours[i] - (double)block[i % 1024]);
        if (!(apart <= worst)) // also what is no number
            worst = apart;
        greatest = fmax(greatest, fabs((double)block[i % 1024]));
    }
    return worst == 0 ? 0 : worst / greatest;
}

// The worst of the losses of so many runs, of a parameter after one, or of a run's results.
static double differ_all(const bench_case *c, FILE *theirs)
{
    tt_type type;
    double worst = 0;
    for (unsigned i = 0; i < c->check_runs; i++) {
        run_once(c);
        double apart = differ(theirs, c->name, tt_program_result(c->program, 0, NULL), 1);
        worst = apart <= worst ? worst : apart;
    }
    if (c->check_runs > 0)
        return worst;
    run_once(c);
    if (c->state != NULL) {
        const float *numbers = tt_session_read(c->session, c->state, &type);
        return differ(theirs, c->name, numbers, (size_t)tt_type_count(&type));
    }
    for (uint32_t i = 0; i < c->results; i++) {
        const float *numbers = tt_program_result(c->program, i, &type);
        double apart = differ(theirs, c->name, numbers, (size_t)tt_type_count(&type));
        worst = apart <= worst ? worst : apart;
    }
    return worst;
}

// How far the numbers are apart; ends the program where that is too far.
static double check(const bench_run *run, const bench_case *c)
{
    char answer[BENCH_LINE_BYTES];
    if (!bench_peer_ask(run->peer, answer, "check %s", bench_path(run, "check")))
        bench_fail("the peer does not compute: ", answer);
    FILE *theirs = fopen(bench_path(run, "check"), "rb");
    if (theirs == NULL)
        bench_fail("cannot be read: ", bench_path(run, "check"));
    double apart = differ_all(c, theirs);
    if (fgetc(theirs) != EOF)
        bench_fail(c->name, ": the peer has more numbers");
    fclose(theirs);
    if (!(apart <= c->tolerance)) {
        snprintf(answer, sizeof(answer), ": not the peer's numbers: %.2g apart", apart);
        bench_fail(c->name, answer);
    }
    return apart;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// From runs a second to the case's unit; in order, so that the middle is the median.
static void convert(const bench_case *c, double rates[BENCH_SLICES])
{
    for (unsigned i = 0; i < BENCH_SLICES; i++)
        rates[i] = c->inverse ? 1e9 / (rates[i] * c->amount) : rates[i] * c->amount;
    qsort(rates, BENCH_SLICES, sizeof(rates[0]), by_size);
}

static double median(const double rates[BENCH_SLICES])
{
    return (rates[BENCH_SLICES / 2 - 1] + rates[BENCH_SLICES / 2]) / 2;
}

static void print_line(const char *name, const char *threads, const char *side, double value,
                       const char *unit)
{
    printf("bench %s%s%s %.*f %s\n", name, threads, side,
           value < 10     ? 3
           : value < 1000 ? 1
                          : 0,
           value, unit);
}

static void compare(const bench_run *run, const bench_case *c, const char *mode)
{
    double ours[BENCH_SLICES], theirs[BENCH_SLICES], apart = check(run, c);
    char threads[32] = "", side[32];
    if (run->threads != 1)
        snprintf(threads, sizeof(threads), ".threads%u", run->threads);
    for (unsigned i = 0; i < BENCH_SLICES; i++) {
        ours[i] = our_slice(c);
        theirs[i] = their_slice(run, c);
    }
    convert(c, ours);
    convert(c, theirs);
    printf("%s%s: %u thread%s, %s; %d slices of %.1f s in turns: ours %.4g to %.4g, theirs %.4g "
           "to %.4g; %s %.1g apart\n",
           c->name, threads, run->threads, run->threads == 1 ? "" : "s", mode, BENCH_SLICES,
           c->seconds, ours[0], ours[BENCH_SLICES - 1], theirs[0], theirs[BENCH_SLICES - 1],
           c->check_runs > 0 ? "losses" : "numbers", apart);
    snprintf(side, sizeof(side), ".%s", c->peer);
    print_line(c->name, threads, "", median(ours), c->unit);
    print_line(c->name, threads, side, median(theirs), c->unit);
    fflush(stdout);
}

void bench_case_measure(const bench_run *run, bench_case *c)
{
    char mode[BENCH_LINE_BYTES];
    if (run->peer == NULL)
        run_once(c);
    else if (bench_peer_ask(run->peer, mode, "open %s %s %s", c->name, bench_path(run, "data"),
                            c->detail))
        compare(run, c, mode);
    else
        printf("bench: %s was not measured: %s\n", c->name, mode);
    tt_session_free(c->session);
    for (uint32_t i = 0; i < c->input_count; i++)
        free(c->inputs[i]);
}
