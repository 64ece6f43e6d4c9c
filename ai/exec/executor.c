// The executor: which values to compute, what to fuse, where each lives, and the loop over the
// steps.
//
// Planning walks the values in order. A value's place in the arena is taken when it is computed and
// given back after its last use, so the arena is about as large as the widest moment, not the sum.
// A reshape has no step: it shares its input's place.

#include <cblas.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/exec/step.h"
#include "tutti/check.h"
#include "tutti/exec.h"

#define ALIGNMENT 64
#define NEVER SIZE_MAX

typedef struct hole {
    size_t offset, bytes;
} hole;

struct tt_executor {
    const tt_graph *graph;
    size_t values;
    tt_step *steps;
    size_t step_count;
    char *arena;
    size_t arena_bytes;
    float *scratch;
    const void **data; // by value: where its elements are
    size_t *place;     // by value: offset in the arena, or NEVER
};

// What planning knows of each value.
typedef struct plan {
    bool *needed, *fused;
    unsigned *uses;
    size_t *root;     // the value whose place it shares; itself, except for reshapes
    size_t *last_use; // by root: the last value that reads it
    hole holes[256];
    size_t hole_count, end;
} plan;

static void *allocate_or_end(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, ALIGNMENT, bytes > 0 ? bytes : 1) != 0) {
        fprintf(stderr, "tutti: out of memory: %zu bytes for an executor\n", bytes);
        exit(1);
    }
    return memset(memory, 0, bytes);
}

// Inputs have smaller numbers than what is made of them.
static void mark_inputs(const tt_executor *e, plan *p)
{
    for (size_t id = e->values; id > 0; id--) {
        const tt_value *value = tt_graph_value(e->graph, id - 1);
        for (unsigned i = 0; p->needed[id - 1] && i < value->input_count; i++) {
            p->needed[value->inputs[i]->id] = true;
            p->uses[value->inputs[i]->id]++;
        }
    }
}

static bool is(const tt_value *value, const char *primitive)
{
    return strcmp(value->primitive->name, primitive) == 0;
}

static bool is_leaf(const tt_value *value)
{
    return value->input_count == 0;
}

// Finds product, bias_add and relu in a row, each used only by the next, and makes them one step.
static void fuse(plan *p, const tt_value *value, tt_step *step)
{
    const tt_value *at = value;
    if (is(at, "relu") && p->uses[at->inputs[0]->id] == 1 && is(at->inputs[0], "bias_add"))
        at = at->inputs[0];
    if (!is(at, "bias_add"))
        return;
    const tt_value *product = at->inputs[0];
    if (p->uses[product->id] != 1 || (!is(product, "conv2d") && !is(product, "matmul")))
        return;
    step->product = product;
    step->bias = at->inputs[1];
    step->relu = at != value;
    p->fused[product->id] = true;
    p->fused[at->id] = at != value;
}

// Takes a place of `bytes` in the first hole that fits, or at the end.
static size_t take(plan *p, size_t bytes)
{
    for (size_t i = 0; i < p->hole_count; i++) {
        hole *h = &p->holes[i];
        if (h->bytes < bytes)
            continue;
        size_t offset = h->offset;
        h->offset += bytes;
        h->bytes -= bytes;
        if (h->bytes == 0)
            *h = p->holes[--p->hole_count];
        return offset;
    }
    size_t offset = p->end;
    p->end += bytes;
    return offset;
}

static void give_back(plan *p, size_t offset, size_t bytes)
{
    for (size_t i = 0; i < p->hole_count; i++) { // join with a neighbour, then look again
        hole h = p->holes[i];
        if (h.offset + h.bytes != offset && offset + bytes != h.offset)
            continue;
        p->holes[i] = p->holes[--p->hole_count];
        give_back(p, h.offset < offset ? h.offset : offset, h.bytes + bytes);
        return;
    }
    if (p->hole_count < TT_COUNT(p->holes)) // else the place is lost: larger, never wrong
        p->holes[p->hole_count++] = (hole){offset, bytes};
}

static size_t rounded_bytes(const tt_value *value)
{
    return (tt_value_bytes(value) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

// What a step reads, the fused bias last; NULL past the end.
static const tt_value *step_input(const tt_step *step, unsigned i)
{
    const tt_value *from = step->product != NULL ? step->product : step->value;
    if (i < from->input_count)
        return from->inputs[i];
    return i == from->input_count ? step->bias : NULL;
}

// Decides which steps there are, and until when each value is needed.
static void choose_steps(tt_executor *e, plan *p, tt_value *const *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p->needed[outputs[i]->id] = true;
        p->uses[outputs[i]->id] += 2; // never fused away
    }
    mark_inputs(e, p);
    tt_step *fusions = allocate_or_end(e->values * sizeof(tt_step));
    for (size_t id = e->values; id > 0; id--) { // later values first: relu before its bias_add
        const tt_value *value = tt_graph_value(e->graph, id - 1);
        if (p->needed[id - 1] && !p->fused[id - 1])
            fuse(p, value, &fusions[id - 1]);
    }
    for (size_t id = 0; id < e->values; id++) {
        const tt_value *value = tt_graph_value(e->graph, id);
        p->root[id] = is(value, "reshape") ? p->root[value->inputs[0]->id] : id;
        if (!p->needed[id] || p->fused[id] || is_leaf(value) || is(value, "reshape"))
            continue;
        tt_step *step = &e->steps[e->step_count++];
        *step = fusions[id];
        step->value = value;
        for (unsigned i = 0; step_input(step, i) != NULL; i++)
            p->last_use[p->root[step_input(step, i)->id]] = id;
    }
    for (size_t i = 0; i < count; i++)
        p->last_use[p->root[outputs[i]->id]] = NEVER;
    free(fusions);
}

// Gives every computed value its place, and forgets places after their last use.
static void choose_places(tt_executor *e, plan *p)
{
    for (size_t i = 0; i < e->step_count; i++) {
        const tt_value *value = e->steps[i].value;
        e->place[value->id] = take(p, rounded_bytes(value));
        for (size_t id = 0; id < e->values; id++)
            if (e->place[id] != NEVER && p->last_use[id] == value->id)
                give_back(p, e->place[id], rounded_bytes(tt_graph_value(e->graph, id)));
    }
    e->arena_bytes = p->end;
    e->arena = allocate_or_end(e->arena_bytes);
    for (size_t id = 0; id < e->values; id++) {
        const tt_value *value = tt_graph_value(e->graph, id);
        if (e->place[p->root[id]] != NEVER)
            e->data[id] = e->arena + e->place[p->root[id]];
        else if (value->data != NULL)
            e->data[id] = value->data;
        else if (p->root[id] != id)
            e->data[id] = tt_graph_value(e->graph, p->root[id])->data; // a reshaped leaf
    }
}

static void reference_kernel(const tt_step *step)
{
    step->value->primitive->reference(step->value, step->inputs, step->output);
}

static void choose_kernels(tt_executor *e)
{
    size_t scratch_floats = 0;
    for (size_t i = 0; i < e->step_count; i++) {
        tt_step *step = &e->steps[i];
        const tt_value *product = step->product != NULL ? step->product : step->value;
        const tt_kernel *kernel = tt_kernel_find(product);
        TT_CHECK(kernel != NULL || step->product == NULL);
        step->kernel = kernel != NULL ? kernel->run : reference_kernel;
        size_t wanted = kernel != NULL && kernel->scratch != NULL ? kernel->scratch(product) : 0;
        scratch_floats = wanted > scratch_floats ? wanted : scratch_floats;
    }
    e->scratch = allocate_or_end(scratch_floats * sizeof(float));
}

// The threads are ours: one product on all of them is slower than one product on each.
static void keep_products_on_one_thread(void)
{
    openblas_set_num_threads(1);
}

tt_executor *tt_executor_new(const tt_graph *graph, tt_value *const *outputs, size_t count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT; // executors are made by several threads at once
    for (size_t i = 0; i < count; i++)
        if (outputs[i] == NULL || outputs[i]->graph != graph)
            return NULL;
    pthread_once(&once, keep_products_on_one_thread);
    tt_executor *e = allocate_or_end(sizeof(*e));
    e->graph = graph;
    e->values = tt_graph_count(graph);
    e->steps = allocate_or_end(e->values * sizeof(tt_step));
    e->data = allocate_or_end(e->values * sizeof(void *));
    e->place = allocate_or_end(e->values * sizeof(size_t));
    plan *p = allocate_or_end(sizeof(*p));
    p->needed = allocate_or_end(e->values);
    p->fused = allocate_or_end(e->values);
    p->uses = allocate_or_end(e->values * sizeof(unsigned));
    p->root = allocate_or_end(e->values * sizeof(size_t));
    p->last_use = allocate_or_end(e->values * sizeof(size_t));
    for (size_t id = 0; id < e->values; id++)
        e->place[id] = NEVER;
    choose_steps(e, p, outputs, count);
    choose_places(e, p);
    choose_kernels(e);
    free(p->needed);
    free(p->fused);
    free(p->uses);
    free(p->root);
    free(p->last_use);
    free(p);
    return e;
}

void tt_executor_free(tt_executor *e)
{
    if (e == NULL)
        return;
    free(e->steps);
    free(e->data);
    free(e->place);
    free(e->arena);
    free(e->scratch);
    free(e);
}

void tt_executor_set(tt_executor *e, const tt_value *input, const void *data)
{
    TT_CHECK(is(input, "input"));
    e->data[input->id] = data;
    for (size_t id = input->id + 1; id < e->values; id++) { // reshapes of it
        const tt_value *value = tt_graph_value(e->graph, id);
        if (is(value, "reshape") && e->place[id] == NEVER && value->inputs[0]->id < id &&
            e->data[value->inputs[0]->id] == data)
            e->data[id] = data;
    }
}

void tt_executor_run(tt_executor *e)
{
    for (size_t i = 0; i < e->step_count; i++) {
        tt_step *step = &e->steps[i];
        for (unsigned k = 0; step_input(step, k) != NULL; k++) {
            step->inputs[k] = e->data[step_input(step, k)->id];
            TT_CHECK(step->inputs[k] != NULL); // an input that was not set
        }
        step->bias_data = step->bias != NULL ? e->data[step->bias->id] : NULL;
        step->output = e->arena + e->place[step->value->id];
        step->scratch = e->scratch;
        step->kernel(step);
    }
}

const void *tt_executor_get(const tt_executor *e, const tt_value *output)
{
    return e->data[output->id];
}

size_t tt_executor_arena_bytes(const tt_executor *e)
{
    return e->arena_bytes;
}

size_t tt_executor_steps(const tt_executor *e)
{
    return e->step_count;
}
