// IDX files, the format of MNIST and its relatives: big-endian sizes, then the bytes.
//
// A header is four bytes (0, 0, element type 8 for bytes, number of axes) and the axes' sizes. zlib
// reads gzipped and plain files alike.

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tutti/bytes.h"
#include "tutti/dataset.h"

#define IDX_BYTES 8 // the element type that we read
#define PIXELS_MAX ((size_t)1 << 30)
#define DEFAULT_FOLDER "/usr/share/datasets/fashion-mnist"

const char *const tt_fashion_mnist_classes[10] = {
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
};

static tt_status fail(tt_status status, tt_text *why, const char *path, const char *what)
{
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    tt_text_add(why, what);
    return status;
}

static tt_status fail_sizes(tt_text *why, const char *path, const char *what, uint64_t expected,
                            uint64_t found)
{
    fail(TT_DAMAGED, why, path, what);
    tt_text_add(why, ": expected ");
    tt_text_add_unsigned(why, expected);
    tt_text_add(why, ", found ");
    tt_text_add_unsigned(why, found);
    return TT_DAMAGED;
}

// Reads the sizes of `axes` axes and then all bytes, which the caller frees.
static tt_status read_idx(const char *path, unsigned axes, size_t *sizes, uint8_t **bytes,
                          tt_text *why)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return fail(TT_NOT_FOUND, why, path, "cannot be opened");
    uint8_t header[4 + 4 * 3];
    tt_status status = TT_OK;
    size_t total = 1;
    int length = (int)(4 + 4 * axes);
    if (gzread(file, header, (unsigned)length) != length) {
        status = fail(TT_DAMAGED, why, path, "is shorter than its header");
    } else if (header[0] != 0 || header[1] != 0 || header[2] != IDX_BYTES || header[3] != axes) {
        status = fail(TT_MALFORMED, why, path, "is not an IDX file of bytes with ");
        tt_text_add_unsigned(why, axes);
        tt_text_add(why, " axes");
    }
    tt_reader reader;
    tt_reader_init(&reader, header + 4, 4 * axes);
    for (unsigned i = 0; status == TT_OK && i < axes; i++) {
        sizes[i] = tt_read_be32(&reader);
        if (sizes[i] == 0 || sizes[i] > PIXELS_MAX / total)
            status = fail(TT_TOO_LARGE, why, path, "states sizes that are zero or too large");
        else
            total *= sizes[i];
    }
    if (status == TT_OK) {
        *bytes = malloc(total + 1);
        int found = *bytes != NULL ? gzread(file, *bytes, (unsigned)total + 1) : -1;
        if (*bytes == NULL) {
            status = fail(TT_FULL, why, path, "is larger than the memory that is left");
        } else if (found != (int)total) {
            status = fail_sizes(why, path, "is cut short or damaged (bytes after the header)",
                                total, found < 0 ? 0 : (uint64_t)found);
        }
    }
    // What ends inside its trailer has all its bytes, but none that says they are right.
    if (gzclose(file) != Z_OK && status == TT_OK)
        status = fail(TT_DAMAGED, why, path, "is cut short or damaged (its checksum is missing)");
    if (status != TT_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

tt_status tt_dataset_load(tt_dataset *dataset, const char *images_path, const char *labels_path,
                          tt_text *why)
{
    size_t image_sizes[3] = {0}, label_count = 0;
    *dataset = (tt_dataset){0};
    tt_status status = read_idx(images_path, 3, image_sizes, &dataset->images, why);
    if (status == TT_OK)
        status = read_idx(labels_path, 1, &label_count, &dataset->labels, why);
    if (status == TT_OK && label_count != image_sizes[0])
        status = fail_sizes(why, labels_path, "has another number of labels than there are images",
                            image_sizes[0], label_count);
    if (status != TT_OK) {
        tt_dataset_free(dataset);
        return status;
    }
    dataset->count = image_sizes[0];
    dataset->rows = image_sizes[1];
    dataset->columns = image_sizes[2];
    return TT_OK;
}

void tt_dataset_free(tt_dataset *dataset)
{
    free(dataset->images);
    free(dataset->labels);
    *dataset = (tt_dataset){0};
}

static void add_sizes(tt_text *why, size_t count, size_t rows, size_t columns)
{
    tt_text_add_unsigned(why, count);
    tt_text_add(why, " images of ");
    tt_text_add_unsigned(why, rows);
    tt_text_add(why, "x");
    tt_text_add_unsigned(why, columns);
}

static tt_status load_paths(tt_dataset *dataset, const char *folder, const char *part, size_t count,
                            char *images, char *labels, tt_text *why)
{
    if (snprintf(images, PATH_MAX, "%s/%s-images-idx3-ubyte.gz", folder, part) >= PATH_MAX ||
        snprintf(labels, PATH_MAX, "%s/%s-labels-idx1-ubyte.gz", folder, part) >= PATH_MAX) {
        tt_text_add(why, "the path of the folder is too long");
        return TT_INVALID;
    }
    tt_status status = tt_dataset_load(dataset, images, labels, why);
    if (status == TT_FULL)
        return status;
    if (status != TT_OK) {
        tt_text_add(why, "; Fashion-MNIST is in Debian's package dataset-fashion-mnist: apt-get "
                         "install --reinstall dataset-fashion-mnist");
        return status;
    }
    if (dataset->count != count || dataset->rows != 28 || dataset->columns != 28) {
        fail(TT_INVALID, why, images, "is not Fashion-MNIST: expected ");
        add_sizes(why, count, 28, 28);
        tt_text_add(why, ", found ");
        add_sizes(why, dataset->count, dataset->rows, dataset->columns);
        return TT_INVALID;
    }
    for (size_t i = 0; i < count; i++)
        if (dataset->labels[i] > 9)
            return fail(TT_MALFORMED, why, labels, "has a label above 9");
    return TT_OK;
}

// One of the two parts; empty where that fails.
static tt_status load_part(tt_dataset *dataset, const char *folder, const char *part, size_t count,
                           tt_text *why)
{
    *dataset = (tt_dataset){0};
    char *images = malloc(PATH_MAX), *labels = malloc(PATH_MAX);
    tt_status status = images != NULL && labels != NULL
                           ? load_paths(dataset, folder, part, count, images, labels, why)
                           : TT_FULL;
    free(images);
    free(labels);
    if (status != TT_OK)
        tt_dataset_free(dataset);
    return status;
}

tt_status tt_fashion_mnist_load(tt_dataset *train, tt_dataset *test, const char *folder,
                                tt_text *why)
{
    if (folder == NULL)
        folder = DEFAULT_FOLDER;
    *test = (tt_dataset){0};
    tt_status status = load_part(train, folder, "train", 60000, why);
    if (status == TT_OK)
        status = load_part(test, folder, "t10k", 10000, why);
    if (status != TT_OK)
        tt_dataset_free(train);
    return status;
}
