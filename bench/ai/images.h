// Real images for the trainings: Fashion-MNIST, and the 100 of CIFAR-10 that MLPerf Tiny judges by.

#ifndef TUTTI_BENCH_AI_IMAGES_H
#define TUTTI_BENCH_AI_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_images {
    size_t count, bytes; // a multiple of BENCH_BATCH; of an image
    uint8_t *pixels;     // (count, rows, columns, channels)
    int32_t *labels;
} bench_images;

// The first 8,192, from the folder $TUTTI_DATA or where Debian's package has them. False and a
// sentence where they are not there.
bool bench_images_fashion(bench_images *images, char *why, size_t why_bytes);

// From a folder of y_labels.csv and the files that it names; again and again, until they end with a
// batch.
bool bench_images_cifar(bench_images *images, const char *folder, char *why, size_t why_bytes);

void bench_images_made_up(bench_images *images, size_t bytes); // one batch
void bench_images_free(bench_images *images);

#endif
