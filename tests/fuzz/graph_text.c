// The text of a graph. What is read is printed and read again, to the same text, and is run within
// narrow limits, its inputs all zeros.

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
    tt_graph_free(graph);
    tt_graph_free(again);
    tt_graph_free(third);
    free(text);
    free(more);
    free(last);
    return 0;
}
