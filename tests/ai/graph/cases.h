// How tests written in other languages have graphs run: cases from standard input, answers to
// standard output.
//
// A case: the text's length (u32) and the text; the length of what follows (u64); for each buffer
// that is no constant, in order, its length in bytes (u64; 0: it has no elements) and its elements.
// An answer: the status (i32); its sentence's length (u32) and the sentence; how many results
// (u32); for each its type as text (u32 length, text) and its elements (u64 length, bytes). Numbers
// are little-endian, as the machine's.

#ifndef TUTTI_TESTS_AI_GRAPH_CASES_H
#define TUTTI_TESTS_AI_GRAPH_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/graph.h"

#define TEXT_MAX (64u << 20)
#define DATA_MAX ((uint64_t)256 << 20)

static inline void give_up(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(2);
}

static inline void *allocate(size_t bytes)
{
    void *memory = malloc(bytes > 0 ? bytes : 1);
    if (memory == NULL)
        give_up("no memory");
    return memory;
}

static inline void read_exactly(void *bytes, size_t length)
{
    if (fread(bytes, 1, length, stdin) != length)
        give_up("the input ends within a case");
}

static inline void write_bytes(const void *bytes, size_t length)
{
    if (length > 0 && fwrite(bytes, 1, length, stdout) != length)
        give_up("the output cannot be written");
}

static inline void write_text(const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    write_bytes(&length, sizeof(length));
    write_bytes(text, length);
}

// The elements of each buffer of the graph, copied out of the case; NULL for constants.
static inline void **take_buffers(const tt_graph *graph, const unsigned char *at, uint64_t left)
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

// One result of an answer.
static inline void write_result(const tt_type *type, const void *bytes)
{
    char text[TT_TYPE_TEXT_BYTES];
    uint64_t length = (uint64_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element);
    write_text(tt_type_text(type, text));
    write_bytes(&length, sizeof(length));
    write_bytes(bytes, length);
}

// What stands before the results of an answer.
static inline void begin_answer(tt_status status, const char *why, uint32_t count)
{
    int32_t code = status;
    uint32_t results = status == TT_OK ? count : 0;
    write_bytes(&code, sizeof(code));
    write_text(why);
    write_bytes(&results, sizeof(results));
}

// Runs a graph, whose buffers have `data`, and writes the answer.
typedef void runner(const tt_graph *graph, void **data, tt_text *why);

static inline bool run_case(runner *run)
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
    void *elements = allocate(bytes);
    read_exactly(elements, bytes);
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph *graph = tt_graph_parse(text, length, &why);
    if (graph == NULL) {
        begin_answer(TT_MALFORMED, sentence, 0);
    } else {
        void **data = take_buffers(graph, elements, bytes);
        run(graph, data, &why);
        for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
            free(data[i]);
        free(data);
    }
    if (fflush(stdout) != 0)
        give_up("the output cannot be written");
    tt_graph_free(graph);
    free(elements);
    free(text);
    return true;
}

#endif
