// Whole files in and out.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/say.h"

tt_exit tt_file_close(const char *command, const char *path, FILE *file)
{
    bool failed = ferror(file) != 0;
    if (fclose(file) == 0 && !failed)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: writing %s failed: %s", command, path, strerror(errno));
    return TT_EXIT_FAILED;
}

tt_exit tt_file_write(const char *command, const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        tt_say_error("tutti %s: %s cannot be written: %s", command, path, strerror(errno));
        return TT_EXIT_FAILED;
    }
    fwrite(bytes, 1, length, file);
    return tt_file_close(command, path, file);
}

tt_exit tt_file_read(const char *command, const char *path, size_t limit, uint8_t **bytes,
                     size_t *length)
{
    *bytes = NULL;
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    uint8_t *memory = malloc(limit + 1);
    if (file == NULL || memory == NULL) {
        tt_say_error("tutti %s: %s cannot be read: %s", command, path, strerror(errno));
        if (file != NULL && !standard)
            fclose(file);
        free(memory);
        return TT_EXIT_MISSING;
    }
    *length = fread(memory, 1, limit + 1, file);
    bool failed = ferror(file) != 0;
    if (!standard)
        fclose(file);
    if (!failed && *length <= limit) {
        *bytes = memory;
        return TT_EXIT_OK;
    }
    if (failed)
        tt_say_error("tutti %s: reading %s failed", command, path);
    else
        tt_say_error("tutti %s: %s is larger than the %zu bytes that fit", command, path, limit);
    free(memory);
    return TT_EXIT_MISSING;
}
