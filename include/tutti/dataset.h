// Data sets: images of one byte a pixel and their labels.
//
// What a file can cause is a status with a sentence in `why`, which may be NULL.

#ifndef TUTTI_DATASET_H
#define TUTTI_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/text.h"

TT_C_BEGIN

// Owned, freed by tt_dataset_free.
typedef struct tt_dataset {
    size_t count, rows, columns;
    uint8_t *images; // (count, rows, columns)
    uint8_t *labels; // (count)
} tt_dataset;

// Reads a pair of IDX files, gzipped or not. TT_NOT_FOUND, TT_MALFORMED, TT_DAMAGED (cut short),
// TT_TOO_LARGE, each with a sentence that names the file, what was expected and what came; TT_FULL.
tt_status tt_dataset_load(tt_dataset *dataset, const char *images_path, const char *labels_path,
                          tt_text *why);
void tt_dataset_free(tt_dataset *dataset);

// The 60,000 training and 10,000 test images of Fashion-MNIST in `folder`; NULL for where Debian's
// package dataset-fashion-mnist puts them. Errors as above, and TT_INVALID for another data set or
// a path that is too long; both are empty then.
tt_status tt_fashion_mnist_load(tt_dataset *train, tt_dataset *test, const char *folder,
                                tt_text *why);
extern const char *const tt_fashion_mnist_classes[10];

TT_C_END

#endif
