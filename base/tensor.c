// Elements of tensors: their names and how many bytes they take.

#include "tutti/tensor.h"

#include "tutti/check.h"

static const struct {
    const char *name;
    size_t bytes;
} elements[TT_ELEMENTS] = {
    [TT_ELEMENT_F64] = {"f64", 8},  [TT_ELEMENT_F32] = {"f32", 4}, [TT_ELEMENT_BF16] = {"bf16", 2},
    [TT_ELEMENT_F16] = {"f16", 2},  [TT_ELEMENT_I8] = {"i8", 1},   [TT_ELEMENT_I16] = {"i16", 2},
    [TT_ELEMENT_I32] = {"i32", 4},  [TT_ELEMENT_I64] = {"i64", 8}, [TT_ELEMENT_U8] = {"u8", 1},
    [TT_ELEMENT_U16] = {"u16", 2},  [TT_ELEMENT_U32] = {"u32", 4}, [TT_ELEMENT_U64] = {"u64", 8},
    [TT_ELEMENT_BOOL] = {"bool", 1}};

size_t tt_element_bytes(tt_element element)
{
    TT_CHECK((unsigned)element < TT_ELEMENTS);
    return elements[element].bytes;
}

const char *tt_element_name(tt_element element)
{
    TT_CHECK((unsigned)element < TT_ELEMENTS);
    return elements[element].name;
}

bool tt_tensor_bytes(const tt_tensor *tensor, size_t *bytes)
{
    uint64_t product = tt_element_bytes(tensor->element);
    bool empty = false;
    if (tensor->rank > TT_TENSOR_RANK_MAX)
        return false;
    for (unsigned i = 0; i < tensor->rank; i++) {
        if (tensor->size[i] < 0)
            return false;
        empty = empty || tensor->size[i] == 0;
    }
    for (unsigned i = 0; i < tensor->rank && !empty; i++)
        if (__builtin_mul_overflow(product, (uint64_t)tensor->size[i], &product) ||
            product > SIZE_MAX / 2)
            return false;
    *bytes = empty ? 0 : (size_t)product;
    return true;
}
