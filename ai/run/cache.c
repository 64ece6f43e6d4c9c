// The cache of compiled libraries: a folder of the user's, one file a library, HASH.so, the library
// and behind it a mark and a checksum over the file's name and the library.
//
// A file is written beside and renamed, so that a name always leads to a whole one; what a crash or
// a hand made of it, the checksum sees. All goes through the folder's descriptor, which was looked
// at: it is the user's, no link, and nobody else may write in it. No two processes wait for one
// another: both compile, and the later file takes the earlier one's place.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ai/run/compile_internal.h"

#define KEY_TEXT (2 * TT_SHA256_BYTES)
#define NAME_BYTES (KEY_TEXT + 24) // the name of a file, or of one that is being written
#define LEFT_BEHIND_S 3600         // so old is what nobody writes any more

static const char mark[8] = {'t', 'u', 't', 't', 'i', ' ', 's', 'o'};

typedef struct trailer {
    char mark[sizeof(mark)];
    uint8_t checksum[TT_SHA256_BYTES];
} trailer;

// ---- the folder

static int refuse(const char *path, const char *reason, tt_text *why)
{
    tt_text_add(why, "there is no cache: ");
    tt_text_add(why, path);
    tt_text_add(why, " ");
    tt_text_add(why, reason);
    return -1;
}

// Where the cache is; false: neither variable says it.
static bool folder_path(char *parent, char *path, size_t capacity)
{
    const char *given = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (given != NULL && given[0] == '/') // others are to be ignored (XDG Base Directory, 0.8)
        length = snprintf(parent, capacity, "%s", given);
    else if (home != NULL && home[0] == '/')
        length = snprintf(parent, capacity, "%s/.cache", home);
    if (length < 0 || (size_t)length >= capacity)
        return false;
    length = snprintf(path, capacity, "%s/tutti", parent);
    return length > 0 && (size_t)length < capacity;
}

int tt_cache_open(tt_text *why)
{
    char parent[PATH_MAX], path[PATH_MAX];
    struct stat about;
    if (!folder_path(parent, path, sizeof(path))) {
        tt_text_add(why, "there is no cache: neither XDG_CACHE_HOME nor HOME is a path");
        return -1;
    }
    if (mkdir(path, 0700) != 0 && errno == ENOENT &&
        (mkdir(parent, 0700) == 0 || errno == EEXIST)) // another process was quicker
        mkdir(path, 0700);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        bool link = lstat(path, &about) == 0 && S_ISLNK(about.st_mode);
        return refuse(path, link ? "is a symbolic link" : "cannot be made or opened", why);
    }
    const char *reason = NULL;
    if (fstat(folder, &about) != 0 || about.st_uid != geteuid())
        reason = "is another user's";
    else if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        reason = "can be written by others";
    if (reason == NULL)
        return folder;
    close(folder);
    return refuse(path, reason, why);
}

// ---- files

static void name_of(const uint8_t key[TT_SHA256_BYTES], char name[NAME_BYTES])
{
    for (unsigned i = 0; i < TT_SHA256_BYTES; i++)
        snprintf(name + 2 * i, 3, "%02x", key[i]);
    strcpy(name + KEY_TEXT, ".so");
}

static trailer trailer_of(const uint8_t key[TT_SHA256_BYTES], const void *bytes, size_t length)
{
    trailer made;
    tt_sha256 hash;
    memcpy(made.mark, mark, sizeof(mark));
    tt_sha256_start(&hash);
    tt_sha256_add(&hash, key, TT_SHA256_BYTES);
    tt_sha256_add(&hash, bytes, length);
    tt_sha256_end(&hash, made.checksum);
    return made;
}

tt_status tt_cache_read(int folder, const uint8_t key[TT_SHA256_BYTES], tt_blob *blob)
{
    char name[NAME_BYTES];
    struct stat about;
    *blob = (tt_blob){0};
    name_of(key, name);
    // A pipe in its place would hold us up without O_NONBLOCK.
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return TT_NOT_FOUND;
    tt_status status = TT_NOT_FOUND;
    if (fstat(file, &about) == 0 && about.st_uid == geteuid() &&
        (about.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        status = tt_blob_read(file, TT_COMPILED_BYTES_MAX + sizeof(trailer), blob);
    if (status == TT_OK && blob->length > sizeof(trailer)) {
        blob->length -= sizeof(trailer);
        trailer expected = trailer_of(key, blob->data, blob->length);
        if (memcmp(&expected, blob->data + blob->length, sizeof(expected)) == 0) {
            futimens(file, NULL); // it was used: others go before it
            close(file);
            return TT_OK;
        }
    }
    close(file);
    free(blob->data);
    *blob = (tt_blob){0};
    return TT_NOT_FOUND;
}

// ---- the limit

typedef struct kept_file {
    char name[NAME_BYTES];
    uint64_t bytes;
    struct timespec used;
} kept_file;

static int older_first(const void *a, const void *b)
{
    const kept_file *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec)
        return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

// HASH.so, or HASH.NUMBER.new, which is being written.
static bool is_ours(const char *name)
{
    if (strspn(name, "0123456789abcdef") != KEY_TEXT || strlen(name) >= NAME_BYTES)
        return false;
    const char *rest = name + KEY_TEXT;
    return strcmp(rest, ".so") == 0 ||
           (strlen(rest) > 4 && strcmp(rest + strlen(rest) - 4, ".new") == 0);
}

// All files of ours; those that were left behind half written are removed. NULL: none, or no
// memory.
static kept_file *list_files(int folder, size_t *count)
{
    kept_file *files = NULL;
    size_t capacity = 0;
    *count = 0;
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *reading = again >= 0 ? fdopendir(again) : NULL;
    if (reading == NULL) {
        if (again >= 0)
            close(again);
        return NULL;
    }
    for (struct dirent *entry; (entry = readdir(reading)) != NULL;) {
        struct stat about;
        if (!is_ours(entry->d_name) ||
            fstatat(folder, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (strcmp(entry->d_name + KEY_TEXT, ".so") != 0 &&
            about.st_mtim.tv_sec < time(NULL) - LEFT_BEHIND_S) {
            unlinkat(folder, entry->d_name, 0);
            continue;
        }
        if (*count == capacity) {
            capacity = capacity > 0 ? 2 * capacity : 64;
            kept_file *more = realloc(files, capacity * sizeof(*files));
            if (more == NULL)
                break;
            files = more;
        }
        kept_file *file = &files[(*count)++];
        *file = (kept_file){.bytes = (uint64_t)about.st_size, .used = about.st_mtim};
        memcpy(file->name, entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(reading);
    return files;
}

// Removes the oldest until the rest and `more` bytes are at most `bytes_max`.
static void make_room(int folder, uint64_t more, uint64_t bytes_max)
{
    size_t count;
    kept_file *files = list_files(folder, &count);
    uint64_t total = more;
    for (size_t i = 0; i < count; i++)
        total += files[i].bytes;
    if (count > 0)
        qsort(files, count, sizeof(*files), older_first);
    for (size_t i = 0; i < count && total > bytes_max; i++) {
        if (unlinkat(folder, files[i].name, 0) == 0 || errno == ENOENT)
            total -= files[i].bytes;
    }
    free(files);
}

bool tt_cache_write(int folder, const uint8_t key[TT_SHA256_BYTES], const tt_blob *blob,
                    uint64_t bytes_max, tt_text *why)
{
    char name[NAME_BYTES], beside[NAME_BYTES];
    uint64_t number = 0;
    trailer end = trailer_of(key, blob->data, blob->length);
    if (blob->length + sizeof(end) > bytes_max) {
        tt_text_add(why, "it was not kept: it is larger than the whole cache may be");
        return false;
    }
    make_room(folder, blob->length + sizeof(end), bytes_max);
    name_of(key, name);
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = (uint64_t)getpid();
    snprintf(beside, sizeof(beside), "%.*s.%016llx.new", KEY_TEXT, name,
             (unsigned long long)number);
    int file = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool kept = file >= 0 && tt_file_write_all(file, blob->data, blob->length) &&
                tt_file_write_all(file, &end, sizeof(end));
    int error = errno;
    if (file >= 0 && close(file) != 0 && kept) {
        error = errno;
        kept = false;
    }
    if (kept && renameat(folder, beside, folder, name) != 0) {
        error = errno;
        kept = false;
    }
    if (kept)
        return true;
    if (file >= 0)
        unlinkat(folder, beside, 0);
    tt_text_add(why, "it was not kept in the cache: ");
    tt_text_add(why, strerror(error));
    return false;
}
