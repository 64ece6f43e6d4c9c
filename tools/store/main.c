// tutti-store IMAGE [--sectors]: what is in the image of a store, and whether it is whole.
// Status 0: it is; 1: values are damaged; 2: wrong words; 4: no store, or one of another version.

#include <stdlib.h>
#include <string.h>

#include "tools/store/image.h"

static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    uint8_t *bytes = NULL;
    long size;
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0 && size < (long)UINT32_MAX &&
        fseek(file, 0, SEEK_SET) == 0 && (bytes = malloc((size_t)size)) != NULL) {
        *length = fread(bytes, 1, (size_t)size, file);
        if (*length != (size_t)size) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

int main(int count, char **words)
{
    bool sectors = count == 3 && strcmp(words[2], "--sectors") == 0;
    if (count != 2 && !sectors) {
        fprintf(stderr, "usage: tutti-store IMAGE [--sectors]\n");
        return 2;
    }
    static tt_store_image image;
    size_t length = 0;
    uint8_t *bytes = read_file(words[1], &length);
    if (bytes == NULL) {
        fprintf(stderr, "tutti-store: %s cannot be read as an image\n", words[1]);
        return 4;
    }
    tt_status status = tt_store_image_open(&image, bytes, length);
    if (status != TT_OK) {
        const char *why = status == TT_NOT_FOUND     ? "no store is in it"
                          : status == TT_UNSUPPORTED ? "its store has another version of the format"
                                                     : tt_status_text(status);
        fprintf(stderr, "tutti-store: %s: %s\n", words[1], why);
        free(bytes);
        return 4;
    }
    unsigned wrong = tt_store_image_tell(&image, sectors, stdout);
    tt_store_image_close(&image);
    free(bytes);
    return wrong > 0 ? 1 : 0;
}
