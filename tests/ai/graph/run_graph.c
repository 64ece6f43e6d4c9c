// Runs graphs from standard input by the reference, for tests written in other languages.
//
//     run_graph --table      each operation's name, least and greatest number of inputs, a line
//     each run_graph [exact]      cases from standard input until it ends, answers to standard
//     output
//
// A case: the text's length (u32) and the text; the length of what follows (u64); for each buffer
// that is no constant, in order, its length in bytes (u64; 0: it has no elements) and its elements.
// An answer: the status (i32); its sentence's length (u32) and the sentence; how many results
// (u32); for each its type as text (u32 length, text) and its elements (u64 length, bytes). Numbers
// are little-endian, as the machine's.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/reference.h"

#define TEXT_MAX (64u << 20)
#define DATA_MAX ((uint64_t)256 << 20)

static void give_up(const char *why)
{
    fprintf(stderr, "run_graph: %s\n", why);
    exit(2);
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes > 0 ? bytes : 1);
    if (memory == NULL)
        give_up("no memory");
    return memory;
}

static void read_exactly(void *bytes, size_t length)
{
    if (fread(bytes, 1, length, stdin) != length)
        give_up("the input ends within a case");
}

static void write_bytes(const void *bytes, size_t length)
{
    if (length > 0 && fwrite(bytes, 1, length, stdout) != length)
        give_up("the output cannot be written");
}

static void write_text(const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    write_bytes(&length, sizeof(length));
    write_bytes(text, length);
}

// The elements of each buffer of the graph, copied out of the case; NULL for constants.
static void **take_buffers(const tt_graph *graph, const unsigned char *at, uint64_t left)
{
    uint32_t count = tt_graph_buffer_count(graph);
    void **data = allocate((count + 1) * sizeof(*data));
    for (uint32_t i = 0; i < count; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        uint64_t length = 0, wanted = (uint64_t)tt_type_count(&buffer->type) *
                                      tt_element_bytes((tt_element)buffer->type.element);
        data[i] = NULL;
        if (buffer->kind == TT_CONSTANT)
            continue;
        if (left < sizeof(length))
            give_up("a buffer has no length");
        memcpy(&length, at, sizeof(length));
        at += sizeof(length);
        left -= sizeof(length);
        if (length > left || (length != wanted && length > 0))
            give_up("a buffer has another length than its type");
        if (length > 0)
            data[i] = memcpy(allocate(length), at, length);
        at += length;
        left -= length;
    }
    if (left > 0)
        give_up("there are more elements than the graph has buffers for");
    return data;
}

static void write_result(const tt_cells *tensor)
{
    char text[TT_TYPE_TEXT_BYTES];
    uint64_t length =
        (uint64_t)tt_type_count(&tensor->type) * tt_element_bytes((tt_element)tensor->type.element);
    void *bytes = allocate(length);
    tt_cells_store(tensor, bytes);
    write_text(tt_type_text(&tensor->type, text));
    write_bytes(&length, sizeof(length));
    write_bytes(bytes, length);
    free(bytes);
}

static void answer(tt_status status, const char *why, const tt_reference *reference, uint32_t count)
{
    int32_t code = status;
    uint32_t results = status == TT_OK ? count : 0;
    write_bytes(&code, sizeof(code));
    write_text(why);
    write_bytes(&results, sizeof(results));
    for (uint32_t i = 0; i < results; i++)
        write_result(tt_reference_result(reference, i));
    if (fflush(stdout) != 0)
        give_up("the output cannot be written");
}

static void run(const tt_graph *graph, const void *bytes, uint64_t length,
                const tt_reference_options *options, tt_text *why)
{
    uint32_t count = tt_graph_result_count(graph);
    void **data = take_buffers(graph, bytes, length);
    tt_value *values = allocate((count + 1) * sizeof(*values));
    tt_reference *reference;
    for (uint32_t i = 0; i < count; i++)
        values[i] = tt_graph_result_at(graph, i)->value;
    tt_status status =
        tt_reference_run(graph, count, values, (const void *const *)data, options, &reference, why);
    answer(status, why->data, reference, count);
    tt_reference_free(reference);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        free(data[i]);
    free(data);
    free(values);
}

static bool run_case(const tt_reference_options *options)
{
    uint32_t length;
    uint64_t bytes;
    char sentence[1024], *text;
    tt_text why;
    size_t got = fread(&length, 1, sizeof(length), stdin);
    if (got == 0)
        return false;
    if (got != sizeof(length) || length > TEXT_MAX)
        give_up("no length of a text");
    text = allocate(length);
    read_exactly(text, length);
    read_exactly(&bytes, sizeof(bytes));
    if (bytes > DATA_MAX)
        give_up("too many elements");
    void *data = allocate(bytes);
    read_exactly(data, bytes);
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph *graph = tt_graph_parse(text, length, &why);
    if (graph == NULL)
        answer(TT_MALFORMED, sentence, NULL, 0);
    else
        run(graph, data, bytes, options, &why);
    tt_graph_free(graph);
    free(data);
    free(text);
    return true;
}

int main(int argument_count, char **arguments)
{
    if (argument_count > 1 && strcmp(arguments[1], "--table") == 0) {
        for (int op = 0; op < TT_OP_COUNT; op++)
            printf("%s %u %u\n", tt_op_name((tt_op)op), tt_row_of((tt_op)op)->inputs_min,
                   tt_row_of((tt_op)op)->inputs_max);
        return 0;
    }
    tt_reference_options options = {.exact =
                                        argument_count > 1 && strcmp(arguments[1], "exact") == 0,
                                    .bytes_max = (uint64_t)1 << 28,
                                    .cost_max = (uint64_t)1 << 32};
    while (run_case(&options))
        continue;
    return 0;
}
