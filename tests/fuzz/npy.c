// A .npy file of NumPy's.

#include "tests/fuzz/tensors.h"

static tt_status make(const tt_tensor_file *file, uint8_t **bytes, size_t *length, tt_text *why)
{
    return tt_npy_make(&file->entries[0].tensor, bytes, length, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tensors(tt_npy_parse, make, data, size);
    return 0;
}
