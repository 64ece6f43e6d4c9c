// Makes a case ready: its session, its program, and numbers from a seed, which both sides read.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/ai/measure.h"
#include "tutti/random.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define HUGE_FROM ((size_t)4 << 20) // bytes, as in NumPy

const char *bench_path(const bench_run *run, const char *file)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", run->folder, file);
    return path;
}

// Weights by He et al. 2015, of even distribution; scales near 1, shifts
// 0; inputs between -2 and 2.
static float reach(const tt_buffer *buffer)
{
    const tt_type *type = &buffer->type;
    if (buffer->kind == TT_INPUT)
        return 2;
    if (type->rank < 2)
        return strstr(buffer->name, "scale") != NULL ? 0.1f : 0;
    return sqrtf(6 * (float)type->size[0] / (float)tt_type_count(type));
}

static void fill(const tt_buffer *buffer, int64_t classes, tt_random *random, void *data)
{
    int64_t count = tt_type_count(&buffer->type);
    float most = reach(buffer), middle = strstr(buffer->name, "scale") != NULL ? 1 : 0;
    float *number = data;
    int32_t *label = data;
    uint8_t *byte = data;
    for (int64_t i = 0; i < count; i++) {
        double part = (double)(tt_random_u64(random) >> 11) * 0x1p-53; // in [0, 1)
        if (buffer->type.element == TT_F32)
            number[i] = middle + most * (float)(2 * part - 1);
        else if (buffer->type.element == TT_I32)
            label[i] = (int32_t)(part * (double)classes);
        else if (buffer->type.element == TT_BOOL)
            byte[i] = part < 0.125;
        else
            bench_fail("has no numbers: ", buffer->name);
    }
}

static size_t bytes_of(const tt_type *type)
{
    size_t one = type->element == TT_F32 || type->element == TT_I32 ? 4 : 1;
    return (size_t)tt_type_count(type) * one;
}

// As NumPy has the peer's: on huge pages where there are many.
static void *allocate(size_t bytes)
{
    void *data = NULL;
    bool many = bytes >= HUGE_FROM;
    if (posix_memalign(&data, many ? HUGE_PAGE : 64, bytes) != 0)
        return NULL;
    if (many)
        madvise(data, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); // it may as well not
    return data;
}

static void *input_bytes(bench_case *c, const tt_buffer *buffer)
{
    if (c->input_count == sizeof(c->inputs) / sizeof(c->inputs[0]))
        bench_fail("has too many inputs: ", buffer->name);
    void *data = allocate(bytes_of(&buffer->type) + 64);
    if (data == NULL)
        bench_fail("no room for ", buffer->name);
    c->inputs[c->input_count++] = data;
    if (tt_program_set(c->program, buffer->name, data) != TT_OK)
        bench_fail("has no use for ", buffer->name);
    return data;
}

static void fill_all(const bench_run *run, bench_case *c, const tt_graph *graph)
{
    static double rate = 0.001; // scalars are not in the file
    tt_random random;
    tt_random_seed(&random, 1);
    FILE *file = fopen(bench_path(run, "data"), "wb");
    if (file == NULL)
        bench_fail("cannot be written: ", bench_path(run, "data"));
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        void *data;
        if (buffer->kind == TT_PARAMETER)
            data = calloc((size_t)tt_type_count(&buffer->type) + 1, sizeof(float));
        else if (buffer->kind == TT_INPUT && c->next == NULL && buffer->type.rank > 0)
            data = input_bytes(c, buffer);
        else
            continue;
        fill(buffer, c->classes, &random, data);
        if (fwrite(data, 1, bytes_of(&buffer->type), file) != bytes_of(&buffer->type))
            bench_fail("cannot be written: ", bench_path(run, "data"));
        if (buffer->kind == TT_PARAMETER) {
            if (tt_session_write(c->session, buffer->name, 0, tt_type_count(&buffer->type), data) !=
                TT_OK)
                bench_fail("has no parameter ", buffer->name);
            free(data);
        }
    }
    tt_program_set(c->program, "rate", &rate); // where there is one
    if (fclose(file) != 0)
        bench_fail("cannot be written: ", bench_path(run, "data"));
}

void bench_case_load(const bench_run *run, bench_case *c, tt_graph *graph)
{
    char sentence[256] = "";
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_graph_status(graph) != TT_OK)
        bench_fail(c->name, tt_graph_error(graph));
    // Compiled beside, it would take the processor from the first slices.
    tt_way way = getenv("TT_RUN") != NULL ? TT_RUN_AS_TOLD : TT_RUN_COMPILED;
    if (tt_session_new(&(tt_session_options){.threads = run->threads, .way = way}, &c->session,
                       &why) != TT_OK ||
        tt_session_load(c->session, graph, &c->program, &why) != TT_OK)
        bench_fail(c->name, sentence);
    c->results = tt_graph_result_count(graph);
    fill_all(run, c, graph);
    tt_graph_free(graph);
}
