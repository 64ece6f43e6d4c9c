// Images into memory, of one byte a value as files have them.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ai/images.h"
#include "bench/ai/networks.h"
#include "bench/ai/peer.h"
#include "tutti/dataset.h"

#define FASHION_IMAGES 8192
#define CIFAR_BYTES ((size_t)32 * 32 * 3)
#define CIFAR_IMAGES_MAX 1000

static void allocate(bench_images *images, size_t count, size_t bytes)
{
    *images = (bench_images){.count = count, .bytes = bytes};
    images->pixels = calloc(count, bytes);
    images->labels = calloc(count, sizeof(int32_t));
    if (images->pixels == NULL || images->labels == NULL)
        bench_fail("no memory for images", "");
}

void bench_images_free(bench_images *images)
{
    free(images->pixels);
    free(images->labels);
}

bool bench_images_fashion(bench_images *images, char *why, size_t why_bytes)
{
    tt_text text;
    tt_dataset train, test;
    tt_text_init(&text, why, why_bytes);
    if (tt_fashion_mnist_load(&train, &test, getenv("TUTTI_DATA"), &text) != TT_OK)
        return false;
    allocate(images, FASHION_IMAGES, train.rows * train.columns);
    memcpy(images->pixels, train.images, images->count * images->bytes);
    for (size_t i = 0; i < images->count; i++)
        images->labels[i] = train.labels[i];
    tt_dataset_free(&train);
    tt_dataset_free(&test);
    return true;
}

static bool read_image(const char *folder, const char *name, uint8_t pixels[CIFAR_BYTES])
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    bool good = file != NULL && fread(pixels, 1, CIFAR_BYTES, file) == CIFAR_BYTES;
    if (file != NULL)
        fclose(file);
    return good;
}

bool bench_images_cifar(bench_images *images, const char *folder, char *why, size_t why_bytes)
{
    char path[4096], name[256];
    int label;
    size_t found = 0;
    snprintf(path, sizeof(path), "%s/y_labels.csv", folder != NULL ? folder : "");
    FILE *list = folder != NULL ? fopen(path, "r") : NULL;
    snprintf(why, why_bytes,
             "there are no images of CIFAR-10: MLPerf Tiny's are no part of the tree");
    if (list == NULL)
        return false;
    allocate(images, CIFAR_IMAGES_MAX * BENCH_BATCH, CIFAR_BYTES);
    while (found < CIFAR_IMAGES_MAX && fscanf(list, " %255[^,],%*d,%d", name, &label) == 2 &&
           label >= 0 && label < 10) {
        if (read_image(folder, name, images->pixels + found * CIFAR_BYTES))
            images->labels[found++] = label;
    }
    fclose(list);
    size_t count = found;
    while (count % BENCH_BATCH != 0)
        count += found;
    for (size_t i = found; i < count; i++) {
        memcpy(images->pixels + i * CIFAR_BYTES, images->pixels + i % found * CIFAR_BYTES,
               CIFAR_BYTES);
        images->labels[i] = images->labels[i % found];
    }
    images->count = count;
    if (found == 0)
        bench_images_free(images);
    return found > 0;
}

void bench_images_made_up(bench_images *images, size_t bytes)
{
    allocate(images, BENCH_BATCH, bytes);
    for (size_t i = 0; i < BENCH_BATCH * bytes; i++)
        images->pixels[i] = (uint8_t)(i * 7 % 251);
    for (size_t i = 0; i < BENCH_BATCH; i++)
        images->labels[i] = (int32_t)(i % 10);
}
