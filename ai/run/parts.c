// A program's C in parts, which two threads have compiled beside the program, one part after the
// other each.
//
// Who began it asks between two runs which parts are done (an acquire of the part's mark sees its
// library), or waits and helps. The threads touch only their part, the surroundings and the marks.
// They end soon after `stop`: the compiler's process is looked at every 2 ms. A process that ends
// while they work waits for that, so that neither a compiler nor its files are left behind; one
// that was forked has none of the threads, and leaves them alone.

#include "ai/run/parts.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ai/run/compile.h"

// Of C: a third of a second to one second of the compiler's time. A part takes 0.1 s besides, so
// there are not more than keep the threads at work.
#define PART_BYTES_LEAST 48000
#define PART_BYTES_MOST 128000
#define PARTS_ENOUGH 4
#define THREADS 2     // of a program
#define THREADS_MAX 4 // of the process

typedef struct part {
    char *text;
    size_t length;
    uint32_t first, end; // steps
    tt_compiled *compiled;
    char failed[256]; // why it is interpreted
    atomic_bool done;
    bool taken;
} part;

struct tt_parts {
    tt_surroundings *around;
    tt_isa isa;
    part *part;
    uint32_t count;
    atomic_uint next; // the part that is compiled next
    atomic_bool stop;
    atomic_bool given_up; // a part took too long: the others are not tried
    pid_t process;        // whose threads these are
    pthread_t thread[THREADS];
    unsigned threads;
    tt_parts *before, *behind; // in the list
};

// All of the process that have threads, for its end.
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static tt_parts *list;
static unsigned threads_now;
static pid_t list_process;

// ---- the work

static void compile_part(tt_parts *parts, part *p)
{
    tt_compile_options options = {.isa = parts->isa, .stop = &parts->stop};
    tt_text why;
    tt_text_init(&why, p->failed, sizeof(p->failed));
    tt_status status =
        tt_compile_within(parts->around, &options, p->text, p->length, &p->compiled, &why);
    if (status == TT_OK) // then it tells of the cache
        p->failed[0] = 0;
    else if (p->failed[0] == 0)
        tt_text_add(&why, tt_status_text(status));
    if (status == TT_TIMED_OUT)
        atomic_store(&parts->given_up, true);
}

static void compile_all(tt_parts *parts)
{
    uint32_t at;
    while (!atomic_load(&parts->stop) && (at = atomic_fetch_add(&parts->next, 1)) < parts->count) {
        if (!atomic_load(&parts->given_up))
            compile_part(parts, &parts->part[at]);
        atomic_store_explicit(&parts->part[at].done, true, memory_order_release);
    }
}

static void *thread_main(void *argument)
{
    compile_all(argument);
    return NULL;
}

// Signals are for the program's own threads.
static bool start_thread(tt_parts *parts)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&parts->thread[parts->threads], NULL, thread_main, parts) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    parts->threads += started;
    return started;
}

// ---- the list

// The list is locked.
static void end_threads(tt_parts *parts)
{
    for (; parts->threads > 0; parts->threads--, threads_now--)
        pthread_join(parts->thread[parts->threads - 1], NULL);
}

static void at_exit(void)
{
    if (list_process != getpid())
        return;
    pthread_mutex_lock(&list_lock);
    for (tt_parts *parts = list; parts != NULL; parts = parts->behind)
        atomic_store(&parts->stop, true);
    for (tt_parts *parts = list; parts != NULL; parts = parts->behind)
        end_threads(parts);
    pthread_mutex_unlock(&list_lock);
}

static bool is_busy(void)
{
    pthread_mutex_lock(&list_lock);
    bool busy = threads_now >= THREADS_MAX && list_process == getpid();
    pthread_mutex_unlock(&list_lock);
    return busy;
}

static void enlist(tt_parts *parts, unsigned threads)
{
    pthread_mutex_lock(&list_lock);
    if (list_process != getpid()) { // the first time, or forked: then the list is another's
        bool forked = list_process != 0;
        list = NULL;
        threads_now = 0;
        list_process = forked || atexit(at_exit) == 0 ? getpid() : 0;
    }
    while (list_process != 0 && parts->threads < threads && threads_now < THREADS_MAX &&
           start_thread(parts))
        threads_now++;
    parts->behind = list;
    if (list != NULL)
        list->before = parts;
    list = parts;
    pthread_mutex_unlock(&list_lock);
}

static void delist(tt_parts *parts)
{
    pthread_mutex_lock(&list_lock);
    end_threads(parts);
    if (parts->behind != NULL)
        parts->behind->before = parts->before;
    *(parts->before != NULL ? &parts->before->behind : &list) = parts->behind;
    pthread_mutex_unlock(&list_lock);
}

// ---- parts

// All forms' C, one behind the other.
typedef struct printed {
    char *text;
    size_t length;
    size_t *begin; // by step, and of the end
} printed;

static bool print_all(const tt_program *program, tt_isa isa, printed *all)
{
    all->begin = calloc(program->step_count + 1u, sizeof(*all->begin));
    FILE *file = all->begin != NULL ? open_memstream(&all->text, &all->length) : NULL;
    if (file == NULL)
        return false;
    for (uint32_t i = 0; i < program->step_count; i++) {
        if (program->steps[i].fused != NULL)
            tt_program_print_form(program, i, isa, file);
        fflush(file);
        all->begin[i + 1] = all->length;
    }
    return fclose(file) == 0;
}

// The steps from `p->first` on as one source, behind what all need; at least one has a form.
static bool make_part(const printed *all, uint32_t steps, size_t bytes, tt_isa isa, part *p)
{
    size_t begin = all->begin[p->first];
    p->end = p->first + 1;
    while (p->end < steps && all->begin[p->end] - begin < bytes)
        p->end++;
    FILE *file = open_memstream(&p->text, &p->length);
    if (file == NULL)
        return false;
    tt_emit_c_prelude(file, isa);
    fwrite(all->text + begin, 1, all->begin[p->end] - begin, file);
    return fclose(file) == 0;
}

static bool make_parts(tt_parts *parts, const tt_program *program, const printed *all)
{
    size_t bytes = all->length / PARTS_ENOUGH;
    bytes = bytes < PART_BYTES_LEAST ? PART_BYTES_LEAST : bytes;
    bytes = bytes > PART_BYTES_MOST ? PART_BYTES_MOST : bytes;
    parts->part = calloc(all->length / bytes + 1, sizeof(*parts->part));
    if (parts->part == NULL)
        return false;
    for (uint32_t at = 0; at < program->step_count && all->begin[at] < all->length;) {
        part *made = &parts->part[parts->count++];
        made->first = at;
        atomic_init(&made->done, false);
        if (!make_part(all, program->step_count, bytes, parts->isa, made))
            return false;
        at = made->end;
    }
    return parts->count > 0;
}

static bool print_parts(tt_parts *parts, const tt_program *program)
{
    printed all = {0};
    bool made = print_all(program, parts->isa, &all) && make_parts(parts, program, &all);
    free(all.text);
    free(all.begin);
    return made;
}

static unsigned threads_for(const tt_parts *parts, bool beside)
{
    unsigned threads = parts->count < THREADS ? parts->count : THREADS;
    return beside ? threads : threads - 1; // who waits is one of them
}

tt_parts *tt_parts_begin(const tt_program *program, bool beside, bool *later, tt_text *why)
{
    *later = beside && is_busy();
    tt_parts *parts = *later ? NULL : calloc(1, sizeof(*parts));
    if (parts == NULL)
        return NULL;
    parts->isa = tt_isa_here(NULL);
    parts->process = getpid();
    atomic_init(&parts->next, 0);
    atomic_init(&parts->stop, false);
    atomic_init(&parts->given_up, false);
    if (!print_parts(parts, program) || tt_surroundings_take(NULL, &parts->around, why) != TT_OK) {
        parts->process = 0; // it is in no list
        tt_parts_free(parts);
        return NULL;
    }
    enlist(parts, threads_for(parts, beside));
    if (parts->threads > 0 || !beside)
        return parts;
    tt_parts_free(parts);
    return NULL;
}

static void take(tt_program *program, part *p)
{
    for (uint32_t i = p->first; p->compiled != NULL && i < p->end; i++) {
        char name[24];
        snprintf(name, sizeof(name), "step_%u", (unsigned)i);
        if (program->steps[i].fused != NULL)
            program->steps[i].code = (tt_code *)tt_compiled_find(p->compiled, name);
    }
    if (program->uncompiled[0] == 0)
        memcpy(program->uncompiled, p->failed, sizeof(p->failed));
    p->taken = true;
}

bool tt_parts_take(tt_parts *parts, tt_program *program)
{
    bool all = true;
    for (uint32_t i = 0; i < parts->count; i++) {
        part *p = &parts->part[i];
        if (!p->taken && atomic_load_explicit(&p->done, memory_order_acquire))
            take(program, p);
        all = all && p->taken;
    }
    if (all)
        tt_parts_finish(parts); // others may have the threads' places
    return all;
}

void tt_parts_finish(tt_parts *parts)
{
    compile_all(parts);
    pthread_mutex_lock(&list_lock);
    end_threads(parts);
    pthread_mutex_unlock(&list_lock);
}

void tt_parts_free(tt_parts *parts)
{
    if (parts == NULL)
        return;
    atomic_store(&parts->stop, true);
    if (parts->process == getpid())
        delist(parts);
    for (uint32_t i = 0; i < parts->count; i++) {
        free(parts->part[i].text);
        tt_compiled_free(parts->part[i].compiled);
    }
    tt_surroundings_free(parts->around);
    free(parts->part);
    free(parts);
}
