// The reference executor: computes every value that the outputs need, one after the other, with the
// reference kernels, each into memory of its own. Slow, and obviously right.

#include <stdio.h>
#include <stdlib.h>

#include "ai/oldgraph/primitive.h"
#include "tutti/check.h"

struct tt_reference {
    size_t count;
    void **owned; // by value; NULL for what the caller or the graph owns
};

// Inputs have smaller numbers than what is made of them.
static void mark_inputs(const tt_graph *graph, bool *needed)
{
    for (size_t id = tt_graph_count(graph); id > 0; id--) {
        const tt_value *value = tt_graph_value(graph, id - 1);
        for (unsigned i = 0; needed[id - 1] && i < value->input_count; i++)
            needed[value->inputs[i]->id] = true;
    }
}

static void *allocate_or_end(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL) {
        fprintf(stderr, "tutti: out of memory: %zu bytes for a tensor\n", count * bytes);
        exit(1);
    }
    return memory;
}

tt_reference *tt_reference_run(const tt_graph *graph, tt_value *const *outputs, size_t count,
                               void **data)
{
    size_t values = tt_graph_count(graph);
    for (size_t i = 0; i < count; i++)
        if (outputs[i] == NULL || outputs[i]->graph != graph)
            return NULL;
    tt_reference *reference = allocate_or_end(1, sizeof(*reference));
    bool *needed = allocate_or_end(values, sizeof(bool));
    reference->count = values;
    reference->owned = allocate_or_end(values, sizeof(void *));
    for (size_t i = 0; i < count; i++)
        needed[outputs[i]->id] = true;
    mark_inputs(graph, needed);
    for (size_t id = 0; id < values; id++) {
        const tt_value *value = tt_graph_value(graph, id);
        if (!needed[id] || data[id] != NULL)
            continue;
        if (value->data != NULL) {
            data[id] = value->data;
            continue;
        }
        TT_CHECK(value->primitive->reference != NULL); // an input that the caller did not give
        const void *inputs[TT_INPUTS_MAX];
        for (unsigned i = 0; i < value->input_count; i++)
            inputs[i] = data[value->inputs[i]->id];
        data[id] = reference->owned[id] = allocate_or_end(tt_value_bytes(value), 1);
        value->primitive->reference(value, inputs, data[id]);
    }
    free(needed);
    return reference;
}

void tt_reference_free(tt_reference *reference)
{
    if (reference == NULL)
        return;
    for (size_t id = 0; id < reference->count; id++)
        free(reference->owned[id]);
    free(reference->owned);
    free(reference);
}
