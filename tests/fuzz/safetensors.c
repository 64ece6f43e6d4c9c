// A safetensors file.

#include "tests/fuzz/tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_tensors(tt_safetensors_parse, tt_safetensors_make, data, size);
    return 0;
}
