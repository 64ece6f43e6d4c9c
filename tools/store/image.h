// A store's image on the host: what is in it, and whether it is whole. Nothing is written.

#ifndef TUTTI_TOOLS_STORE_IMAGE_H
#define TUTTI_TOOLS_STORE_IMAGE_H

#include <stdio.h>

#include "tutti/store.h"

typedef struct tt_store_image {
    tt_medium medium;
    uint8_t *bytes; // the image's, the caller's
    tt_store store;
    tt_store_entry *entries;
    uint32_t *sectors;
    uint8_t buffer[TT_MEDIUM_PROGRAM_BYTES_MAX];
} tt_store_image;

// Opens the image that `bytes` are, whose geometry its headers tell. TT_OK; TT_NOT_FOUND, there is
// no header of a store in it; TT_UNSUPPORTED, one of another version; TT_FULL, no memory. With
// TT_OK it must be closed; `bytes` must stay.
tt_status tt_store_image_open(tt_store_image *image, uint8_t *bytes, size_t length);
void tt_store_image_close(tt_store_image *image);

// Says what is in it, a line each: the geometry, the sectors if `sectors`, the keys. The number of
// values whose sum is wrong.
unsigned tt_store_image_tell(tt_store_image *image, bool sectors, FILE *out);

#endif
