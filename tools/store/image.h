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

// Whether a store is in the image that `bytes` are: all headers where its sectors begin state one
// geometry. TT_OK; TT_NOT_FOUND, there is no header in it; TT_DAMAGED, those that are do not agree,
// or it does not fit into so many bytes;
// TT_UNSUPPORTED, it has another version of the format.
tt_status tt_store_image_find(const uint8_t *bytes, size_t length);

// Opens the store in it. As tt_store_image_find, and TT_FULL, no memory; as tt_store_open. With
// TT_OK it must be closed; `bytes` must stay.
tt_status tt_store_image_open(tt_store_image *image, uint8_t *bytes, size_t length);
void tt_store_image_close(tt_store_image *image);

// Says what is in it, a line each: the geometry, the sectors if `sectors`, the keys. The number of
// values whose sum is wrong.
unsigned tt_store_image_tell(tt_store_image *image, bool sectors, FILE *out);

#endif
