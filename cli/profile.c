// tutti profile: where the time of a model goes, or of a step of its training: each step of the
// program that runs it, beside what this machine can do at most.

#include "cli/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/data.h"
#include "cli/feed.h"
#include "cli/file.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/model.h"
#include "tutti/optimiser.h"

#define RUNS_MAX 100000
#define RUNS_LEAST 3
#define TIMES_BYTES ((size_t)64 << 20) // for the times of all runs

static unsigned runs_wanted, seconds_wanted = 1, threads = 1, batch, top;
static const char *trace_path;
static tt_words inputs;
static bool train_wanted, json_wanted;

static const tt_option options[] = {
    {"runs", "N", "so many runs; 0: as many as --seconds allows", .number = &runs_wanted,
     .least = 0, .most = RUNS_MAX},
    {"seconds", "N", "run for so long, three times at least", .number = &seconds_wanted, .least = 0,
     .most = 3600},
    {"threads", "N", "0: one a processor; the results are the same", .number = &threads, .least = 0,
     .most = 256},
    {"batch", "N", "images a run, of a network that tutti train made; 0: as the file says",
     .number = &batch, .least = 0, .most = 4096},
    {"train", NULL, "a step of training: loss, gradients and SGD", .flag = &train_wanted},
    {"input", "NAME=FILE", "an input from a .npy file; may be given several times",
     .words = &inputs},
    {"top", "N", "only the N steps that take longest, longest first; 0: all, in their order",
     .number = &top, .least = 0, .most = 100000},
    {"trace", "FILE", "write a trace for ui.perfetto.dev or chrome://tracing", .text = &trace_path},
    {"json", NULL, "print the result as JSON", .flag = &json_wanted},
};

typedef struct profiling {
    tt_opened opened;
    tt_session *session;
    tt_feed feed;
    double rate;
    tt_profile profile;
} profiling;

static tt_exit no_memory(void)
{
    tt_say_error("tutti profile: no memory is left");
    return TT_EXIT_FAILED;
}

// ---- the graph

// For another number of images than the file says: its network says how.
static tt_exit rebatch(tt_opened *opened)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_model *model = NULL;
    tt_graph *graph;
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (opened->form != TT_FORM_TENSORS || strcmp(opened->path, "-") == 0) {
        tt_say_error("tutti profile: --batch takes a file that tutti train wrote; the sizes in %s "
                     "are what they are",
                     opened->path);
        return TT_EXIT_FAILED;
    }
    tt_status status =
        tt_model_open(opened->path, &(tt_session_options){.threads = 1}, &model, &why);
    if (status == TT_OK)
        status = tt_model_graph(model, batch, &graph, &why);
    tt_model_free(model);
    if (status != TT_OK)
        return tt_data_refuse_file("profile", opened->path, status, sentence);
    tt_graph_free(opened->graph);
    opened->graph = graph;
    return TT_EXIT_OK;
}

// A result that is one number, or the cross-entropy of one that is (batch, classes).
static tt_value find_loss(tt_graph *g)
{
    tt_value logits = TT_NONE;
    for (uint32_t i = 0; i < tt_graph_result_count(g); i++) {
        tt_value value = tt_graph_result_at(g, i)->value;
        const tt_type *type = tt_graph_type(g, value);
        if (type->element == TT_F32 && tt_type_count(type) == 1)
            return type->rank == 0 ? value : tt_reshape(g, value, 0, NULL);
        if (type->element == TT_F32 && type->rank == 2 && tt_is_none(logits))
            logits = value;
    }
    if (tt_is_none(logits))
        return logits;
    tt_graph_at(g, "loss", NULL);
    int64_t rows = tt_graph_type(g, logits)->size[0];
    tt_value label = tt_input(g, "label", TT_TYPE(TT_I32, rows));
    return tt_cross_entropy(g, logits, label);
}

static void add_step(tt_graph *g, tt_value loss, tt_value *parameters, tt_value *gradients)
{
    unsigned count = 0;
    tt_graph_forget(g);
    tt_graph_result(g, "loss", loss);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++)
        if (tt_graph_buffer(g, i)->kind == TT_PARAMETER &&
            tt_graph_buffer(g, i)->type.element == TT_F32)
            parameters[count++] = tt_graph_buffer(g, i)->value;
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F64));
    tt_graph_at(g, "gradient", NULL);
    if (tt_graph_gradient(g, loss, count, parameters, gradients) != TT_OK)
        return;
    tt_graph_at(g, "optimiser", NULL);
    tt_optimise(g, &TT_SGD_DEFAULT, count, parameters, gradients, NULL, rate);
}

static tt_exit make_training(tt_opened *opened)
{
    tt_graph *g = opened->graph;
    if (tt_graph_assign_count(g) > 0) {
        tt_say_error("tutti profile: %s assigns by itself, as a step of training does; leave "
                     "--train out",
                     opened->path);
        return TT_EXIT_FAILED;
    }
    tt_value loss = find_loss(g);
    if (tt_is_none(loss) && tt_graph_status(g) == TT_OK) {
        tt_say_error("tutti profile: %s cannot be trained: none of its results is a loss, one "
                     "f32, or logits, f32[BATCH,CLASSES]",
                     opened->path);
        return TT_EXIT_FAILED;
    }
    uint32_t buffers = tt_graph_buffer_count(g);
    tt_value *values = calloc(2 * (size_t)buffers + 2, sizeof(*values));
    if (values == NULL)
        return no_memory();
    add_step(g, loss, values, values + buffers + 1);
    free(values);
    return TT_EXIT_OK; // what is wrong with the graph is told when it is loaded
}

static tt_exit open_graph(profiling *p, const char *path)
{
    tt_exit result = tt_open_model("profile", path, &p->opened);
    if (result != TT_EXIT_OK)
        return result;
    if (p->opened.graph == NULL) {
        tt_say_error("tutti profile: %s %s", path,
                     p->opened.form == TT_FORM_PLAN
                         ? "is a plan, which devices run; profile the model it was made of"
                         : "holds no graph, only tensors");
        return TT_EXIT_FAILED;
    }
    if (batch > 0)
        result = rebatch(&p->opened);
    if (result == TT_EXIT_OK && train_wanted)
        result = make_training(&p->opened);
    const tt_graph *graph = p->opened.graph;
    if (result == TT_EXIT_OK && tt_graph_result_count(graph) + tt_graph_assign_count(graph) == 0) {
        tt_say_error("tutti profile: %s computes nothing: it has no results", path);
        return TT_EXIT_FAILED;
    }
    return result;
}

static tt_exit load(profiling *p)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_session_options how = {.threads = threads};
    const char *told = getenv("TT_RUN");
    if (told == NULL || told[0] == '\0')
        how.way = TT_RUN_COMPILED;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_session_new(&how, &p->session, &why);
    if (status == TT_OK)
        status = tt_session_load(p->session, p->opened.graph, &p->profile.program, &why);
    if (status != TT_OK)
        return tt_data_refuse_file("profile", p->opened.path, status, sentence);
    if (told != NULL && strcmp(told, "reference") == 0) {
        tt_say_error("tutti profile: TT_RUN is 'reference', and the reference has no steps");
        return TT_EXIT_FAILED;
    }
    tt_exit result = tt_feed_programs(&p->feed, "profile", &p->opened, 1, &inputs, &p->session,
                                      &p->profile.program, 1);
    if (result == TT_EXIT_OK && train_wanted) // nothing is learned, whatever the numbers
        tt_program_set(p->profile.program, "rate", &p->rate);
    return result;
}

// ---- the runs

static tt_exit run_all(profiling *p)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_profile *f = &p->profile;
    size_t times = tt_program_steps(f->program) + 2u, most = TIMES_BYTES / 8 / times;
    tt_status status = TT_OK;
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    most = most < RUNS_LEAST ? RUNS_LEAST : most > RUNS_MAX ? RUNS_MAX : most;
    most = runs_wanted > 0 && runs_wanted < most ? runs_wanted : most;
    f->begun_ns = calloc(most * times, sizeof(*f->begun_ns));
    if (f->begun_ns == NULL)
        return no_memory();
    for (unsigned i = 0; status == TT_OK && i < 2; i++) // which compile and warm up
        status = tt_program_profile(f->program, f->begun_ns, &why);
    for (; status == TT_OK && f->runs < most; f->runs++) {
        int64_t *now = f->begun_ns + f->runs * times;
        status = tt_program_profile(f->program, now, &why);
        double taken = (double)(now[times - 1] - f->begun_ns[0]) * 1e-9;
        if (runs_wanted == 0 && f->runs + 1 >= RUNS_LEAST && taken >= seconds_wanted)
            most = f->runs + 1;
    }
    return status == TT_OK ? TT_EXIT_OK
                           : tt_data_refuse_file("profile", p->opened.path, status, sentence);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Seconds from one of a run's times to another, the median; `room` is for as many numbers as runs.
static double median_between(const tt_profile *f, size_t from, size_t to, int64_t *room)
{
    size_t times = f->steps + 2u;
    for (unsigned i = 0; i < f->runs; i++)
        room[i] = f->begun_ns[i * times + to] - f->begun_ns[i * times + from];
    qsort(room, f->runs, sizeof(*room), by_time);
    return (double)(room[(f->runs - 1) / 2] + room[f->runs / 2]) / 2e9;
}

static uint64_t assigned_bytes(const tt_graph *graph)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++) {
        const tt_type *type = tt_graph_type(graph, tt_graph_assign_at(graph, i)->value);
        bytes += 2 * (uint64_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element);
    }
    return bytes;
}

// How long it would take where nothing but the machine's peak bounded it. What is up to four times
// as large as what was copied may lie where that lay; copying from memory is not faster with more
// threads.
static double least_seconds(const tt_profile *f, tt_profiled_step *step)
{
    const tt_peak *peak = &f->peak;
    unsigned size = 0;
    while (size < TT_PEAK_COPIES - 1 && step->about.bytes > 4 * peak->copy[size].bytes)
        size++;
    double rate = peak->copy[size].bytes_per_s * (size < TT_PEAK_COPIES - 1 ? f->threads : 1);
    double of_bytes = rate > 0 ? (double)step->about.bytes / rate : 0;
    double of_flop = (double)step->about.flop / (peak->flop_per_s * f->threads);
    step->by_bytes = of_bytes > of_flop;
    return fmax(of_bytes, of_flop);
}

static tt_exit sum_up(tt_profile *f)
{
    const tt_graph *graph = tt_program_graph(f->program);
    bool assigns = tt_graph_assign_count(graph) > 0;
    double least = 0;
    int64_t *room = calloc(f->runs, sizeof(*room));
    f->step = calloc(f->steps + 1u, sizeof(*f->step));
    if (room == NULL || f->step == NULL) {
        free(room);
        return no_memory();
    }
    f->run_seconds = median_between(f, 0, f->steps + 1u, room);
    for (f->count = 0; f->count < f->steps + assigns; f->count++) {
        tt_profiled_step *step = &f->step[f->count];
        step->number = f->count;
        step->about = (tt_step_about){.kind = "assign", .bytes = assigned_bytes(graph)};
        if (f->count < f->steps && tt_program_step(f->program, f->count, &step->about) != TT_OK) {
            free(room);
            return no_memory();
        }
        bool form = strcmp(step->about.kind, "form") == 0 || strcmp(step->about.kind, "chain") == 0;
        f->forms += form;
        f->interpreted += form && !step->about.compiled;
        step->seconds = median_between(f, f->count, f->count + 1u, room);
        f->seconds += step->seconds;
        double could = least_seconds(f, step);
        step->peak = step->seconds > 0 && !step->about.kept ? could / step->seconds : 0;
        if (step->about.kept) // which no run that was timed has done
            continue;
        least += could;
        f->flop += (double)step->about.flop;
        f->bytes += (double)step->about.bytes;
    }
    f->share = least / f->seconds;
    free(room);
    return TT_EXIT_OK;
}

// ---- the command

static tt_exit write_trace(const tt_profile *f)
{
    tt_file_out out;
    tt_exit result = tt_file_begin(&out, "profile", trace_path);
    if (result != TT_EXIT_OK)
        return result;
    tt_profile_trace(out.stream, f);
    return tt_file_commit(&out);
}

static tt_exit print(const tt_profile *f)
{
    char *text = NULL;
    size_t length = 0;
    if (json_wanted) {
        tt_profile_json(stdout, f);
        return TT_EXIT_OK;
    }
    FILE *out = open_memstream(&text, &length);
    if (out != NULL)
        tt_profile_print(out, f, top);
    bool good = out != NULL && fclose(out) == 0;
    if (good)
        tt_say_put(stdout, text, length); // names come from the file
    free(text);
    return good ? TT_EXIT_OK : no_memory();
}

static tt_exit profile(profiling *p, const char *path)
{
    tt_profile *f = &p->profile;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    f->path = path;
    f->train = train_wanted;
    f->threads = threads > 0 ? threads : processors > 0 ? (unsigned)processors : 1;
    tt_exit result = open_graph(p, path);
    if (result == TT_EXIT_OK)
        result = load(p);
    if (result != TT_EXIT_OK)
        return result;
    f->steps = tt_program_steps(f->program);
    f->peak = tt_peak_measure();
    result = run_all(p);
    if (result == TT_EXIT_OK)
        result = sum_up(f);
    if (result == TT_EXIT_OK && trace_path != NULL)
        result = write_trace(f);
    return result == TT_EXIT_OK ? print(f) : result;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    static profiling p;
    (void)count;
    tt_exit result = tt_file_expect_apart("profile", arguments[0], trace_path);
    if (result == TT_EXIT_OK && trace_path != NULL)
        result = tt_file_try("profile", trace_path);
    if (result == TT_EXIT_OK)
        result = profile(&p, arguments[0]);
    for (uint32_t i = 0; i < p.profile.count; i++)
        free(p.profile.step[i].about.nodes);
    free(p.profile.step);
    free(p.profile.begun_ns);
    tt_session_free(p.session);
    tt_feed_free(&p.feed);
    tt_close_model(&p.opened);
    return result;
}

const tt_command tt_command_profile = {
    .name = "profile",
    .arguments = "MODEL",
    .summary = "Tell where a model's time goes, step by step",
    .help = "MODEL is a graph's text, or a safetensors file with a graph. Its program is compiled\n"
            "and run on random inputs, or on those of --input. Of each step the table tells the\n"
            "median time, the operations on numbers, the bytes it reads and writes, and the share\n"
            "of what this machine could do, which is measured first. --train adds to a model what\n"
            "learns: the gradients of its loss, or of the cross-entropy of its logits, and SGD.",
    .examples = "  tutti profile model.safetensors\n"
                "  tutti profile --train --batch 64 model.safetensors\n"
                "  tutti profile --top 5 --threads 2 graph.txt\n"
                "  tutti profile --trace trace.json model.safetensors",
    .options = options,
    .option_count = TT_COUNT(options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
