// safetensors files: eight bytes of header length, a JSON header, then the tensors' bytes.
// Format: https://github.com/huggingface/safetensors#format

#ifndef TUTTI_AI_TRAIN_SAFETENSORS_H
#define TUTTI_AI_TRAIN_SAFETENSORS_H

#include "tutti/graph.h"

#define TT_TENSORS_MAX 256 // in a file
#define TT_TENSOR_NAME_MAX 96
#define TT_TENSOR_HEADER_MAX ((size_t)1 << 20) // bytes of the JSON header
#define TT_METADATA_MAX 32
#define TT_TENSOR_FILE_MAX ((int64_t)1 << 30) // bytes of a file

typedef struct tt_tensor {
    char name[TT_TENSOR_NAME_MAX];
    tt_shape shape;    // f32 only
    const float *data; // when writing: the caller's; when read: inside the file's memory
} tt_tensor;

typedef struct tt_metadata {
    char key[32], value[64];
} tt_metadata;

typedef struct tt_tensor_file {
    tt_tensor tensors[TT_TENSORS_MAX];
    size_t count;
    tt_metadata metadata[TT_METADATA_MAX];
    size_t metadata_count;
    void *memory; // of a file that was read
} tt_tensor_file;

// The bytes of such a file, to be freed with free(); TT_FULL without memory.
tt_status tt_tensor_file_make(const tt_tensor_file *file, uint8_t **bytes, size_t *length);

// Reads and checks a whole file: every tensor lies inside the data, none overlaps another. `why`
// gets the path and a colon, and behind it what is wrong, if something is: TT_NOT_FOUND, TT_IO,
// TT_TOO_LARGE, TT_DAMAGED, TT_MALFORMED; TT_INVALID for a plan.
tt_status tt_tensor_file_read(tt_tensor_file *file, const char *path, tt_text *why);
tt_status tt_tensor_file_parse(tt_tensor_file *file, const void *bytes, size_t length,
                               tt_text *why); // the same, from memory that outlives it
void tt_tensor_file_free(tt_tensor_file *file);

const tt_tensor *tt_tensor_file_find(const tt_tensor_file *file, const char *name);
const char *tt_tensor_file_metadata(const tt_tensor_file *file, const char *key);

#endif
