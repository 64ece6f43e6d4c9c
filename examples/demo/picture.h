// Small grey images as PNG in data: addresses, for a page that needs nothing but itself.

#ifndef TUTTI_EXAMPLES_DEMO_PICTURE_H
#define TUTTI_EXAMPLES_DEMO_PICTURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Writes "data:image/png;base64,..." of (rows, columns) bytes, at most 64x64.
void demo_picture_write(FILE *out, const uint8_t *pixels, size_t rows, size_t columns);

#endif
