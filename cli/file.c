// Whole files in and out.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

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

bool tt_file_fits_socket(const char *command, const char *folder, const char *name)
{
    size_t length = strlen(folder) + strlen(name);
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    if (length <= most)
        return true;
    tt_say_error("tutti %s: %s%s has %zu bytes, a socket's path at most %zu; choose a shorter one",
                 command, folder, name, length, most);
    return false;
}

void tt_file_last_line(const char *path, char *line, size_t capacity)
{
    line[0] = '\0';
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return;
    if (fseek(file, -(long)(capacity - 1), SEEK_END) != 0)
        rewind(file); // it is shorter than that
    size_t length = fread(line, 1, capacity - 1, file);
    fclose(file);
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    size_t start = length;
    while (start > 0 && line[start - 1] != '\n')
        start--;
    memmove(line, line + start, length - start);
    line[length - start] = '\0';
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
    int reason = errno;
    if (!standard)
        fclose(file);
    if (!failed && *length <= limit) {
        *bytes = memory;
        return TT_EXIT_OK;
    }
    if (failed)
        tt_say_error("tutti %s: reading %s failed: %s", command, path, strerror(reason));
    else
        tt_say_error("tutti %s: %s is larger than the %zu bytes that fit", command, path, limit);
    free(memory);
    return TT_EXIT_MISSING;
}
