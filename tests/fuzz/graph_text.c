// The text of a graph. What is read is printed and read again, to the same text; it is simplified
// and differentiated, with and without recomputation; and it is run within narrow limits, its
// inputs all zeros.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/reference.h"
#include "tutti/check.h"

#define BUFFERS_MAX 64
#define BYTES_MAX 4096 // of an input

static void run(const tt_graph *graph)
{
    static const uint64_t zeros[BYTES_MAX / sizeof(uint64_t)];
    const tt_reference_options options = {.bytes_max = 1 << 18, .cost_max = 1 << 14};
    const void *data[BUFFERS_MAX] = {NULL};
    tt_value values[BUFFERS_MAX];
    char sentence[256];
    tt_text why;
    tt_reference *reference;
    uint32_t buffers = tt_graph_buffer_count(graph), count = tt_graph_result_count(graph);
    if (buffers > BUFFERS_MAX || count > BUFFERS_MAX)
        return;
    for (uint32_t i = 0; i < buffers; i++) {
        tt_type type = tt_graph_buffer(graph, i)->type;
        uint64_t elements = (uint64_t)tt_type_count(&type);
        data[i] = elements <= BYTES_MAX / sizeof(uint64_t) ? zeros : NULL;
    }
    for (uint32_t i = 0; i < count; i++)
        values[i] = tt_graph_result_at(graph, i)->value;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_reference_run(graph, count, values, data, &options, &reference, &why) != TT_OK)
        TT_CHECK(why.length > 0);
    tt_reference_free(reference);
}

static void simplify(const tt_graph *graph)
{
    char sentence[256];
    tt_text why;
    tt_graph *simple = tt_graph_simplify(graph);
    TT_CHECK(simple != NULL); // nothing else is wrong than that there is no memory
    char *text = tt_graph_print(simple);
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph *again = tt_graph_parse(text, strlen(text), &why);
    TT_CHECK(again != NULL);
    run(simple);
    tt_graph_free(again);
    tt_graph_free(simple);
    free(text);
}

// By its first inputs of floating type, the sum of its results of floating type whose sizes are
// known; every other node kept, or none.
static void differentiate(const tt_graph *from, bool recomputed)
{
    tt_graph *graph = tt_graph_copy(from);
    TT_CHECK(graph != NULL);
    tt_value loss = tt_number(graph, TT_F64, 0), wrt[4], gradients[4], kept[8];
    unsigned count = 0, kept_count = 0;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph) && count < 4; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_CONSTANT && tt_element_is_float((tt_element)buffer->type.element))
            wrt[count++] = buffer->value;
    }
    for (uint32_t i = 0; i < tt_graph_result_count(from); i++) {
        tt_value value = tt_graph_result_at(from, i)->value;
        const tt_type *type = tt_graph_type(graph, value);
        bool open = false;
        for (unsigned axis = 0; axis < type->rank; axis++)
            open |= type->size[axis] < 0;
        if (!open && tt_element_is_float((tt_element)type->element))
            loss = tt_add(graph, loss, tt_sum_all(graph, tt_convert(graph, value, TT_F64)));
    }
    for (uint32_t at = 1; recomputed && at < tt_graph_count(from) && kept_count < 8; at += 2)
        kept[kept_count++] = (tt_value){at, 0};
    tt_graph_forget(graph);
    tt_status status =
        tt_graph_gradient_recomputed(graph, loss, count, wrt, gradients, kept_count, kept);
    TT_CHECK(status == TT_OK || tt_graph_error(graph)[0] != '\0');
    for (unsigned i = 0; status == TT_OK && i < count; i++)
        tt_graph_result(graph, (const char *[]){"a", "b", "c", "d"}[i], gradients[i]);
    if (status == TT_OK)
        run(graph);
    tt_graph_free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph *graph = tt_graph_parse((const char *)data, size, &why);
    TT_CHECK(graph != NULL || why.length > 10);
    if (graph == NULL)
        return 0;
    char *text = tt_graph_print(graph);
    tt_graph *again = tt_graph_parse(text, strlen(text), &why);
    TT_CHECK(again != NULL); // what was printed can be read
    char *more = tt_graph_print(again);
    tt_graph *third = tt_graph_parse(more, strlen(more), &why);
    char *last = third != NULL ? tt_graph_print(third) : NULL;
    TT_CHECK(last != NULL && strcmp(more, last) == 0);
    run(graph);
    simplify(graph);
    differentiate(graph, false);
    differentiate(graph, true);
    tt_graph_free(graph);
    tt_graph_free(again);
    tt_graph_free(third);
    free(text);
    free(more);
    free(last);
    return 0;
}
