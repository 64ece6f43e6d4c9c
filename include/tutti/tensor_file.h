// Tensors in files of others: safetensors (https://github.com/huggingface/safetensors#format) and
// NumPy's .npy and .npz
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//
// What is read is checked whole first: a hostile file gives a sentence. What is written any reader
// of the format takes, ours included. For hosts: memory is allocated. Whole files lie in memory.
//
//     tt_tensor_file file = {0};
//     tt_status status = tt_safetensors_read(&file, "model.safetensors", &why);
//     const tt_tensor *weights;
//     if (status == TT_OK)
//         status = tt_tensor_file_get(&file, "conv1.weights", &weights, &why);
//     ...
//     tt_tensor_file_free(&file);
//
// No function locks: one thread uses a file at a time, several may use several.

#ifndef TUTTI_TENSOR_FILE_H
#define TUTTI_TENSOR_FILE_H

#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/tensor.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_TENSORS_MAX 65536                   // in a file
#define TT_TENSOR_HEADER_MAX ((size_t)1 << 24) // bytes of a header
#define TT_TENSOR_FILE_MAX ((int64_t)1 << 30)  // bytes of a file, and of what it unpacks to

// A tensor and its name: UTF-8 of `name_bytes` bytes, terminated; it may hold any character, a zero
// byte among them.
typedef struct tt_tensor_entry {
    char *name; // the file's own
    size_t name_bytes;
    tt_tensor tensor;
    char foreign[16]; // "", or the type of a tensor that is none of the thirteen: it has no data
    void *own;        // its bytes, where they had to be laid out anew; the file's own
} tt_tensor_entry;

// A word about the file, of safetensors' metadata.
typedef struct tt_tensor_note {
    char *key, *value; // terminated, the file's own
    size_t key_bytes, value_bytes;
} tt_tensor_note;

// All zeros is an empty file. What is in it is freed by tt_tensor_file_free.
typedef struct tt_tensor_file {
    tt_tensor_entry *entries; // in the order of the file
    size_t count;
    tt_tensor_note *notes;
    size_t note_count;
    void *memory; // of a file that was read from a path
} tt_tensor_file;

// To make a file: each adds a copy of the words, and refers to `tensor->data`, which the caller
// keeps. TT_FULL without memory, or beyond TT_TENSORS_MAX.
tt_status tt_tensor_file_add(tt_tensor_file *file, const char *name, const tt_tensor *tensor);
tt_status tt_tensor_file_describe(tt_tensor_file *file, const char *key, const char *value);

// The tensor of that name, valid as long as the file; a walk over all of them. TT_NOT_FOUND, or
// TT_UNSUPPORTED for one whose type is none of the thirteen, with a sentence.
tt_status tt_tensor_file_get(const tt_tensor_file *file, const char *name, const tt_tensor **tensor,
                             tt_text *why);
// The value, or NULL where there is no such key.
const char *tt_tensor_file_note(const tt_tensor_file *file, const char *key);

// Frees what the file holds, and leaves an empty one.
void tt_tensor_file_free(tt_tensor_file *file);

// Reading: `file` is empty before, and after a failure. From memory, which the caller keeps as long
// as the file; or from a path, which then begins the sentence. TT_DAMAGED (cut short, or a checksum
// fails), TT_MALFORMED, TT_UNSUPPORTED (what the format allows and this reader does not know),
// TT_TOO_LARGE, TT_FULL (no memory); TT_INVALID for a plan that is taken for a checkpoint; and from
// a path TT_NOT_FOUND and TT_IO. Each with a sentence.
//
// A safetensors file may hold tensors of types that are newer than this reader: they are there,
// named by `foreign`, and tt_tensor_file_get refuses them.
tt_status tt_safetensors_parse(tt_tensor_file *file, const void *bytes, size_t length,
                               tt_text *why);
tt_status tt_safetensors_read(tt_tensor_file *file, const char *path, tt_text *why);
// One tensor, whose name is "". Format versions 1.0 to 3.0, either byte order, rows or columns
// first.
tt_status tt_npy_parse(tt_tensor_file *file, const void *bytes, size_t length, tt_text *why);
tt_status tt_npy_read(tt_tensor_file *file, const char *path, tt_text *why);
// A zip of .npy files, stored or deflated; names without their ".npy".
tt_status tt_npz_parse(tt_tensor_file *file, const void *bytes, size_t length, tt_text *why);
tt_status tt_npz_read(tt_tensor_file *file, const char *path, tt_text *why);

// Writing: the bytes of a file, to be freed with free(), NULL after a failure. TT_INVALID (a name
// twice, a name or word that is no UTF-8 or that the format keeps for itself, a tensor without
// data, with a negative size or a type that the format does not have), TT_TOO_LARGE, each with a
// sentence; TT_FULL.
tt_status tt_safetensors_make(const tt_tensor_file *file, uint8_t **bytes, size_t *length,
                              tt_text *why);
// The notes have no place in these two. NumPy has no bf16, and cuts a member's name at a zero byte:
// both are refused.
tt_status tt_npy_make(const tt_tensor *tensor, uint8_t **bytes, size_t *length, tt_text *why);
tt_status tt_npz_make(const tt_tensor_file *file, uint8_t **bytes, size_t *length, tt_text *why);

TT_C_END

#endif
