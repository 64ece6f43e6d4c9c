// tutti data check: the image of a medium, read on this machine by tools/store. The file is mapped
// to be read, so nothing can change it.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/kept.h"
#include "cli/say.h"
#include "tools/store/image.h"

#define IMAGE_MAX ((size_t)1 << 30)

static tt_exit refuse(const char *path, const char *why)
{
    tt_say_error("tutti data: %s: %s", path, why);
    return TT_EXIT_MISSING;
}

// Prints what is in it. A key may have any bytes, so it goes through tt_say_put.
static tt_exit tell(const char *path, tt_store_image *image, bool sectors)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return refuse(path, strerror(errno));
    unsigned damaged = tt_store_image_tell(image, sectors, out);
    fclose(out);
    tt_say_put(stdout, text, length);
    free(text);
    // A power cut leaves torn records: they were never acknowledged.
    if (image->store.counters.damaged > 0)
        printf("%u records or headers are torn or damaged, and stepped over\n",
               image->store.counters.damaged);
    fflush(stdout);
    if (damaged == 0)
        return TT_EXIT_OK;
    tt_say_error("tutti data: %s: %u of its values %s damaged", path, damaged,
                 damaged == 1 ? "is" : "are");
    return TT_EXIT_MISSING;
}

static tt_exit check(const char *path, uint8_t *bytes, size_t length, bool sectors)
{
    static tt_store_image image;
    tt_status status = tt_store_image_open(&image, bytes, length);
    if (status == TT_NOT_FOUND)
        return refuse(path, "expected a store, found no header of one");
    if (status == TT_UNSUPPORTED)
        return refuse(path, "its store has another version of the format, or was made for another "
                            "geometry");
    if (status == TT_DAMAGED || status == TT_INVALID)
        return refuse(path, "its headers do not agree on one store that fits into it");
    if (status != TT_OK)
        return refuse(path, tt_status_text(status));
    tt_exit result = tell(path, &image, sectors);
    tt_store_image_close(&image);
    return result;
}

tt_exit tt_kept_check(const char *path, bool sectors)
{
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &about) != 0) {
        int error = errno;
        if (file >= 0)
            close(file);
        return refuse(path, strerror(error));
    }
    size_t length = S_ISREG(about.st_mode) && about.st_size > 0 ? (size_t)about.st_size : 0;
    if (length == 0 || length > IMAGE_MAX) {
        close(file);
        return refuse(path, "expected a medium's image, a file of 1 byte to 1 GiB");
    }
    void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0);
    int error = errno;
    close(file);
    if (bytes == MAP_FAILED)
        return refuse(path, strerror(error));
    tt_exit result = check(path, bytes, length, sectors);
    munmap(bytes, length);
    return result;
}
