// A tensor as files and programs hand it to one another: its type, its sizes, where its bytes lie.

#ifndef TUTTI_TENSOR_H
#define TUTTI_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

#define TT_TENSOR_RANK_MAX 8

// Floats are IEEE 754's; bf16 is the upper half of an f32; a bool is a byte, 0 or 1.
typedef enum tt_element {
    TT_ELEMENT_F64,
    TT_ELEMENT_F32,
    TT_ELEMENT_BF16,
    TT_ELEMENT_F16,
    TT_ELEMENT_I8,
    TT_ELEMENT_I16,
    TT_ELEMENT_I32,
    TT_ELEMENT_I64,
    TT_ELEMENT_U8,
    TT_ELEMENT_U16,
    TT_ELEMENT_U32,
    TT_ELEMENT_U64,
    TT_ELEMENT_BOOL,
} tt_element;
#define TT_ELEMENTS 13

// Elements lie row by row, the last axis innermost, each in the byte order of the machine and
// aligned to its own size. A rank of 0 is one element; a size may be 0.
typedef struct tt_tensor {
    tt_element element;
    unsigned rank; // at most TT_TENSOR_RANK_MAX
    int64_t size[TT_TENSOR_RANK_MAX];
    const void *data; // not owned
} tt_tensor;

// Bytes of one element; "f64", "bool". Any context.
size_t tt_element_bytes(tt_element element);
const char *tt_element_name(tt_element element);

// The bytes of all elements; false where a size is negative, the rank too high, or there are more
// than SIZE_MAX / 2.
bool tt_tensor_bytes(const tt_tensor *tensor, size_t *bytes);

TT_C_END

#endif
