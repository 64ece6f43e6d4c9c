// A file of tensors, as it may come from anywhere: what is read can be written again, and what was
// written is read as the same.

#ifndef TUTTI_TESTS_FUZZ_TENSORS_H
#define TUTTI_TESTS_FUZZ_TENSORS_H

#include <stdlib.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/tensor_file.h"

typedef tt_status tensor_parser(tt_tensor_file *file, const void *bytes, size_t length,
                                tt_text *why);
typedef tt_status tensor_maker(const tt_tensor_file *file, uint8_t **bytes, size_t *length,
                               tt_text *why);

static inline void compare_tensors(const tt_tensor_file *a, const tt_tensor_file *b)
{
    TT_CHECK(a->count == b->count && a->note_count == b->note_count);
    for (size_t i = 0; i < a->count; i++) {
        const tt_tensor_entry *x = &a->entries[i], *y = &b->entries[i];
        size_t bytes;
        TT_CHECK(x->name_bytes == y->name_bytes && memcmp(x->name, y->name, x->name_bytes) == 0);
        TT_CHECK(x->tensor.element == y->tensor.element && x->tensor.rank == y->tensor.rank);
        TT_CHECK(memcmp(x->tensor.size, y->tensor.size,
                        x->tensor.rank * sizeof(x->tensor.size[0])) == 0);
        TT_CHECK(tt_tensor_bytes(&x->tensor, &bytes));
        TT_CHECK(bytes == 0 || memcmp(x->tensor.data, y->tensor.data, bytes) == 0);
    }
}

static inline void fuzz_tensors(tensor_parser *parse, tensor_maker *make, const uint8_t *data,
                                size_t size)
{
    uint8_t *bytes = malloc(size), *made; // exactly: the sanitizer sees one byte too many
    size_t made_bytes;
    char sentence[400];
    tt_text why;
    tt_tensor_file file, again;
    memcpy(bytes, data, size);
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = parse(&file, bytes, size, &why);
    TT_CHECK((status == TT_OK) == (why.length == 0) && !why.cut);
    bool known = status == TT_OK;
    for (size_t i = 0; known && i < file.count; i++)
        known = file.entries[i].foreign[0] == '\0';
    if (known) {
        TT_CHECK(make(&file, &made, &made_bytes, NULL) == TT_OK);
        TT_CHECK(parse(&again, made, made_bytes, NULL) == TT_OK);
        compare_tensors(&file, &again);
        tt_tensor_file_free(&again);
        free(made);
    }
    if (status == TT_OK)
        tt_tensor_file_free(&file);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
