// What the readers and writers of tensor files share.

#ifndef TUTTI_AI_FILE_FILE_H
#define TUTTI_AI_FILE_FILE_H

#include "tutti/tensor_file.h"

typedef tt_status tt_tensor_parser(tt_tensor_file *file, const void *bytes, size_t length,
                                   tt_text *why);

// Adds an entry with a copy of the name and no more; NULL without memory or beyond TT_TENSORS_MAX.
tt_tensor_entry *tt_tensor_file_add_entry(tt_tensor_file *file, const char *name,
                                          size_t name_bytes);
tt_tensor_note *tt_tensor_file_add_note(tt_tensor_file *file, const char *key, size_t key_bytes,
                                        const char *value, size_t value_bytes);

// An entry whose name another has, too; NULL if there is none. Without memory `*full` is set.
const tt_tensor_entry *tt_tensor_file_duplicate(const tt_tensor_file *file, bool *full);
// Likewise a note whose key another has.
const tt_tensor_note *tt_tensor_file_duplicate_note(const tt_tensor_file *file, bool *full);

// Points the entry's tensor at `data` in the file, or, where its elements would not be aligned or
// `copy` says so, at a copy. False without memory.
bool tt_tensor_entry_place(tt_tensor_entry *entry, const uint8_t *data, size_t bytes, bool copy);

// Whether all of a bool tensor's bytes are 0 or 1; true of other types.
bool tt_tensor_is_sound(const tt_tensor *tensor, size_t bytes);

// Reads the file at `path` and parses it; a sentence begins with the path.
tt_status tt_tensor_file_load(tt_tensor_file *file, const char *path, tt_tensor_parser *parse,
                              tt_text *why);

// Adds WHAT and the name in quotes, cut short if it is long; returns `status`.
tt_status tt_tensor_refuse(tt_text *why, tt_status status, const char *what, const char *name,
                           size_t name_bytes);

// What every writer wants of a tensor: a sound type and sizes, data if it is not empty. Its bytes
// go to `bytes`.
tt_status tt_tensor_check(const tt_tensor_entry *entry, size_t *bytes, tt_text *why);
// Of all of them, and that their names are UTF-8 and each is there once. The bytes of each go to
// `bytes`, which has a place for each.
tt_status tt_tensor_file_check(const tt_tensor_file *file, size_t *bytes, tt_text *why);

// ---- npy.c, for npz

// A .npy file into an entry that has its name. `copy`: the bytes do not outlive the call.
tt_status tt_npy_parse_entry(tt_tensor_entry *entry, const uint8_t *bytes, size_t length, bool copy,
                             tt_text *why);
// The header of a tensor that tt_tensor_check has seen, of at most TT_NPY_HEADER_BYTES; its length,
// or 0 for a type that NumPy does not have.
#define TT_NPY_HEADER_BYTES 320
size_t tt_npy_header(const tt_tensor *tensor, uint8_t header[TT_NPY_HEADER_BYTES]);
tt_status tt_npy_refuse_type(const tt_tensor_entry *entry, tt_text *why);

#endif
