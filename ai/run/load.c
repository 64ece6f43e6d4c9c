// Bytes of a library made callable, and the files that takes.
//
// The library is loaded from memory (memfd), so a folder without the right to execute does not
// matter, and nobody can cut the file short under a running program. Where that is not allowed, or
// there is no /proc, it is loaded from a temporary file whose name is gone afterwards. The loader
// takes two libraries of one name for the same, and "/proc/self/fd/7" is a name: so the descriptor
// stays open as long as the library is loaded.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ai/run/compile_internal.h"

struct tt_compiled {
    void *handle;
    int file; // that it was loaded from; -1: its name was enough
};

tt_status tt_blob_read(int file, size_t bytes_max, tt_blob *blob)
{
    struct stat about;
    *blob = (tt_blob){0};
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))
        return TT_IO;
    if ((uint64_t)about.st_size > bytes_max)
        return TT_TOO_LARGE;
    size_t size = (size_t)about.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        return TT_FULL;
    size_t at = 0;
    while (at < size) {
        ssize_t got = pread(file, data + at, size - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            free(data);
            return TT_IO;
        }
        at += (size_t)got;
    }
    *blob = (tt_blob){data, size};
    return TT_OK;
}

bool tt_file_write_all(int file, const void *bytes, size_t length)
{
    const char *from = bytes;
    while (length > 0) {
        ssize_t wrote = write(file, from, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        from += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

// ---- folders and files that nobody else sees

static bool temporary_name(const char *folder, char *path, size_t capacity)
{
    if (folder == NULL || folder[0] != '/')
        return false;
    int length = snprintf(path, capacity, "%s/tutti-XXXXXX", folder);
    return length > 0 && (size_t)length < capacity;
}

bool tt_scratch_make(const char *temporary, char *path, size_t capacity)
{
    return (temporary_name(temporary, path, capacity) && mkdtemp(path) != NULL) ||
           (temporary_name("/tmp", path, capacity) && mkdtemp(path) != NULL);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    remove(path);
    return 0;
}

void tt_scratch_remove(const char *path)
{
    // Whoever was ended a moment ago may make a last file meanwhile.
    for (unsigned tries = 0; tries < 100; tries++) {
        if (rmdir(path) == 0 || errno == ENOENT) // which takes no descriptor
            return;
        nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        if (access(path, F_OK) != 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

// ---- libraries

// Whether all that the loader would map lies in the bytes: it does not look, and reading a page
// behind a file's end ends the program.
static bool is_whole(const tt_blob *blob)
{
    ElfW(Ehdr) header;
    if (blob->length < sizeof(header))
        return false;
    memcpy(&header, blob->data, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN ||
        header.e_phentsize != sizeof(ElfW(Phdr)) || header.e_phoff > blob->length ||
        header.e_phnum > (blob->length - header.e_phoff) / sizeof(ElfW(Phdr)))
        return false;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) part;
        memcpy(&part, blob->data + header.e_phoff + i * sizeof(part), sizeof(part));
        if (part.p_offset > blob->length || part.p_filesz > blob->length - part.p_offset)
            return false;
    }
    return header.e_phnum > 0;
}

static bool load_from_memory(const tt_blob *blob, tt_compiled *compiled)
{
    char name[40];
    compiled->file = memfd_create("tutti", MFD_CLOEXEC);
    if (compiled->file < 0)
        return false;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", compiled->file);
    if (tt_file_write_all(compiled->file, blob->data, blob->length))
        compiled->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (compiled->handle != NULL)
        return true;
    close(compiled->file);
    compiled->file = -1;
    return false;
}

// The name is a new one each time, and nobody's when this returns.
static void load_from_file(const tt_blob *blob, const char *folder, tt_compiled *compiled)
{
    char name[256];
    if (!temporary_name(folder, name, sizeof(name)))
        return;
    int file = mkostemp(name, O_CLOEXEC);
    if (file < 0)
        return;
    if (tt_file_write_all(file, blob->data, blob->length))
        compiled->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    unlink(name);
    close(file);
}

tt_status tt_load(const tt_blob *blob, const char *temporary, tt_compiled **compiled, tt_text *why)
{
    *compiled = NULL;
    if (!is_whole(blob)) {
        tt_text_add(why, "it is no whole ELF library");
        return TT_DAMAGED;
    }
    tt_compiled *made = malloc(sizeof(*made));
    if (made == NULL) {
        tt_text_add(why, "there is no memory");
        return TT_FULL;
    }
    *made = (tt_compiled){NULL, -1};
    dlerror(); // what was before is forgotten
    if (!load_from_memory(blob, made)) {
        load_from_file(blob, temporary, made);
        if (made->handle == NULL)
            load_from_file(blob, "/tmp", made);
    }
    if (made->handle == NULL) {
        const char *reason = dlerror();
        tt_text_add(why, reason != NULL ? reason : "no file could be made for it");
        free(made);
        return reason != NULL ? TT_DAMAGED : TT_IO;
    }
    *compiled = made;
    return TT_OK;
}

void *tt_compiled_find(const tt_compiled *compiled, const char *symbol)
{
    return dlsym(compiled->handle, symbol);
}

void tt_compiled_free(tt_compiled *compiled)
{
    if (compiled == NULL)
        return;
    dlclose(compiled->handle);
    if (compiled->file >= 0)
        close(compiled->file);
    free(compiled);
}
