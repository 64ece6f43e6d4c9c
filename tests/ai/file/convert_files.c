// Reads pairs of paths from standard input, a pair a line, and copies what is in the first into the
// second; what either is its ending says. Says why where one cannot be read: "FROM: sentence".

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"
#include "tutti/tensor_file.h"

static bool ends_in(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcmp(path + length - tail, ending) == 0;
}

static tt_status read_any(tt_tensor_file *file, const char *path, tt_text *why)
{
    return ends_in(path, ".npy")   ? tt_npy_read(file, path, why)
           : ends_in(path, ".npz") ? tt_npz_read(file, path, why)
                                   : tt_safetensors_read(file, path, why);
}

static tt_status make_any(const tt_tensor_file *file, const char *path, uint8_t **bytes,
                          size_t *length, tt_text *why)
{
    return ends_in(path, ".npy")   ? tt_npy_make(&file->entries[0].tensor, bytes, length, why)
           : ends_in(path, ".npz") ? tt_npz_make(file, bytes, length, why)
                                   : tt_safetensors_make(file, bytes, length, why);
}

int main(void)
{
    static char from[1000], to[1000];
    while (scanf("%999s %999s", from, to) == 2) {
        tt_tensor_file file;
        uint8_t *bytes = NULL;
        size_t length = 0;
        char sentence[1400];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        if (read_any(&file, from, &why) != TT_OK) {
            printf("%s\n", sentence);
            continue;
        }
        if (make_any(&file, to, &bytes, &length, &why) == TT_OK) {
            FILE *out = fopen(to, "wb");
            REQUIRE(out != NULL && fwrite(bytes, 1, length, out) == length && fclose(out) == 0);
        } else {
            printf("%s: %s\n", to, sentence);
        }
        free(bytes);
        tt_tensor_file_free(&file);
    }
    return 0;
}
