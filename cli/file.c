// Whole files in and out.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/say.h"

#define LINK_BYTES_MAX 2048
#define LINKS_MAX 40 // symbolic links that lead to nothing yet, as many as Linux follows

// ---- writing

// "FOLDER/NAME", where FOLDER is the part of `path` before its last slash; the caller frees it.
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *whole;
    int length =
        asprintf(&whole, "%.*s%s", slash != NULL ? (int)(slash - path) + 1 : 0, path, name);
    return length >= 0 ? whole : NULL;
}

// The file that `path` leads to, whether it exists or not, without symbolic links in its last part;
// NULL with errno. A circle of links has been found by then.
static char *follow(const char *path)
{
    char *at = strdup(path), to[LINK_BYTES_MAX];
    for (int links = 0; at != NULL && links < LINKS_MAX; links++) {
        ssize_t length = readlink(at, to, sizeof(to));
        if (length < 0)
            return at; // not there, or no link: whoever opens it is told what is wrong with it
        char *next = NULL;
        errno = ENAMETOOLONG;
        if (length < LINK_BYTES_MAX) {
            to[length] = '\0';
            next = to[0] == '/' ? strdup(to) : beside(at, to);
        }
        free(at);
        at = next;
    }
    free(at);
    return NULL;
}

static bool is_standard_output(const struct stat *file)
{
    struct stat standard;
    return fstat(STDOUT_FILENO, &standard) == 0 && standard.st_dev == file->st_dev &&
           standard.st_ino == file->st_ino;
}

// Why what lies at `path` must not be replaced; NULL where it may be, or nothing lies there. Asks
// for the path itself: what /dev/stdout leads to has no name that could be followed.
static const char *objection(const char *path, struct stat *old, bool *exists)
{
    *exists = stat(path, old) == 0;
    if (!*exists)
        return errno != ENOENT                 ? strerror(errno)
               : path[strlen(path) - 1] == '/' ? "it is the name of a folder"
                                               : NULL;
    return S_ISDIR(old->st_mode)     ? "it is a folder"
           : !S_ISREG(old->st_mode)  ? "it is no regular file"
           : is_standard_output(old) ? "it is this command's own output"
           : access(path, W_OK) != 0 ? strerror(errno)
                                     : NULL;
}

// What a file that replaces `old` shall be; without one, what every new file is.
static bool set_permissions(int file, const struct stat *old, bool exists)
{
    if (!exists) {
        mode_t mask = umask(0);
        umask(mask);
        return fchmod(file, 0666 & ~mask) == 0;
    }
    // The owner first: changing it takes the set-user-ID bit away. Only root may change it.
    if (fchown(file, old->st_uid, old->st_gid) != 0 && errno != EPERM)
        return false;
    return fchmod(file, old->st_mode & 07777) == 0;
}

// Makes the temporary file; false with errno, and nothing made.
static bool make_temporary(tt_file_out *out, const struct stat *old, bool exists)
{
    out->target = follow(out->path);
    out->temporary = out->target != NULL ? beside(out->target, ".tutti-XXXXXX") : NULL;
    int file = out->temporary != NULL ? mkostemp(out->temporary, O_CLOEXEC) : -1;
    if (file >= 0 && set_permissions(file, old, exists))
        out->stream = fdopen(file, "wb");
    if (out->stream != NULL)
        return true;
    int reason = errno;
    if (file >= 0) {
        unlink(out->temporary);
        close(file);
    }
    free(out->target);
    free(out->temporary);
    errno = reason;
    return false;
}

// What would stop the temporary file from taking the place of `old`, and be told only then.
static const char *obstacle(const char *target, const struct stat *old)
{
    struct statx found;
    if (statx(AT_FDCWD, target, 0, STATX_BASIC_STATS, &found) == 0 &&
        (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
        return "it is a mount point, which cannot be replaced";
    struct stat folder;
    char *path = beside(target, ".");
    bool sticky = path != NULL && stat(path, &folder) == 0 && (folder.st_mode & S_ISVTX) != 0;
    free(path);
    if (sticky && geteuid() != 0 && geteuid() != old->st_uid && geteuid() != folder.st_uid)
        return "it is somebody else's, in a folder where only owners replace files";
    return NULL;
}

tt_exit tt_file_begin(tt_file_out *out, const char *command, const char *path)
{
    *out = (tt_file_out){.command = command, .path = path};
    struct stat old;
    bool exists;
    const char *reason = path[0] == '\0'          ? "expected a name"
                         : strcmp(path, "-") == 0 ? "a file is meant here, not standard output"
                                                  : objection(path, &old, &exists);
    if (reason == NULL && !make_temporary(out, &old, exists))
        reason = strerror(errno);
    else if (reason == NULL && exists && (reason = obstacle(out->target, &old)) != NULL)
        tt_file_abandon(out);
    if (reason == NULL)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: %s cannot be written: %s", command, path, reason);
    return TT_EXIT_FAILED;
}

void tt_file_abandon(tt_file_out *out)
{
    fclose(out->stream);
    unlink(out->temporary);
    free(out->target);
    free(out->temporary);
}

// The name's change is on the disk when the folder is. A file system that cannot do that for a
// folder says so, and has then done what it can.
static void sync_folder(const char *target)
{
    char *folder = beside(target, ".");
    int opened = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (opened >= 0) {
        (void)fsync(opened);
        close(opened);
    }
    free(folder);
}

bool tt_file_keep(const char *path, const void *bytes, size_t length)
{
    char *temporary = beside(path, ".tutti-XXXXXX");
    int file = temporary != NULL ? mkostemp(temporary, O_CLOEXEC) : -1; // its owner's only
    errno = file >= 0 ? ENOSPC : errno;                                 // what a short write means
    bool kept = file >= 0 && write(file, bytes, length) == (ssize_t)length && fsync(file) == 0 &&
                rename(temporary, path) == 0;
    int reason = errno;
    if (file >= 0)
        close(file);
    if (kept)
        sync_folder(path);
    else if (file >= 0)
        unlink(temporary);
    free(temporary);
    errno = reason;
    return kept;
}

tt_exit tt_file_commit(tt_file_out *out)
{
    bool failed = ferror(out->stream) != 0; // earlier, and errno may be of something else by now
    if (failed || fflush(out->stream) != 0 || fsync(fileno(out->stream)) != 0 ||
        rename(out->temporary, out->target) != 0) {
        tt_say_error("tutti %s: writing %s failed: %s", out->command, out->path,
                     failed ? "is the disk full?" : strerror(errno));
        tt_file_abandon(out);
        return TT_EXIT_FAILED;
    }
    fclose(out->stream); // nothing is left in it
    sync_folder(out->target);
    free(out->target);
    free(out->temporary);
    return TT_EXIT_OK;
}

tt_exit tt_file_try(const char *command, const char *path)
{
    tt_file_out out;
    tt_exit result = tt_file_begin(&out, command, path);
    if (result == TT_EXIT_OK)
        tt_file_abandon(&out);
    return result;
}

tt_exit tt_file_write(const char *command, const char *path, const void *bytes, size_t length)
{
    tt_file_out out;
    tt_exit result = tt_file_begin(&out, command, path);
    if (result != TT_EXIT_OK)
        return result;
    fwrite(bytes, 1, length, out.stream);
    return tt_file_commit(&out);
}

// Whether two names, neither of which is there yet, would become one file.
static bool same_new_name(const char *one, const char *other)
{
    char *a = follow(one), *b = follow(other);
    char *folder_a = a != NULL ? beside(a, ".") : NULL;
    char *folder_b = b != NULL ? beside(b, ".") : NULL;
    struct stat at_a, at_b;
    bool same = folder_a != NULL && folder_b != NULL && stat(folder_a, &at_a) == 0 &&
                stat(folder_b, &at_b) == 0 && at_a.st_dev == at_b.st_dev &&
                at_a.st_ino == at_b.st_ino && strcmp(basename(a), basename(b)) == 0;
    free(a);
    free(b);
    free(folder_a);
    free(folder_b);
    return same;
}

tt_exit tt_file_expect_apart(const char *command, const char *one, const char *other)
{
    struct stat a, b;
    if (one == NULL || other == NULL)
        return TT_EXIT_OK;
    bool there = stat(one, &a) == 0, other_there = stat(other, &b) == 0;
    bool same = there && other_there ? a.st_dev == b.st_dev && a.st_ino == b.st_ino
                                     : there == other_there && same_new_name(one, other);
    if (!same)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: %s and %s are one file, which would lose what it holds; choose another "
                 "name",
                 command, one, other);
    return TT_EXIT_USAGE;
}

// ---- reading, and paths

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

bool tt_file_find_line(const char *path, const char *part, char *line, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    char *read = NULL, *found = NULL;
    size_t room = 0;
    while (found == NULL && getline(&read, &room, file) >= 0)
        found = strstr(read, part);
    if (found != NULL)
        snprintf(line, capacity, "%.*s", (int)strcspn(found, "\r\n"), found);
    free(read);
    fclose(file);
    return found != NULL;
}

bool tt_file_program_folder(char *folder, size_t capacity)
{
    ssize_t length = readlink("/proc/self/exe", folder, capacity);
    if (length <= 0 || (size_t)length == capacity)
        return false;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

// Reads until the end, or until there is more than `limit`, into memory that grows with what
// comes. False: errno says why.
static bool read_all(FILE *file, size_t limit, uint8_t **bytes, size_t *length)
{
    size_t capacity = 0;
    for (*length = 0; *length <= limit;) {
        if (*length == capacity) {
            capacity = capacity == 0 ? 1 << 16 : 2 * capacity;
            capacity = capacity <= limit ? capacity : limit + 1;
            uint8_t *grown = realloc(*bytes, capacity);
            if (grown == NULL)
                return false;
            *bytes = grown;
        }
        size_t came = fread(*bytes + *length, 1, capacity - *length, file);
        *length += came;
        if (came == 0)
            return ferror(file) == 0;
    }
    return true;
}

bool tt_file_make_folder(const char *path)
{
    char part[512];
    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part)) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    struct stat there;
    if (mkdir(part, 0777) == 0)
        return true;
    if (errno != EEXIST || stat(part, &there) != 0 || S_ISDIR(there.st_mode))
        return errno == EEXIST;
    errno = ENOTDIR;
    return false;
}

tt_exit tt_file_read(const char *command, const char *path, size_t limit, uint8_t **bytes,
                     size_t *length)
{
    *bytes = NULL;
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (file == NULL) {
        tt_say_error("tutti %s: %s cannot be read: %s", command, path, strerror(errno));
        return TT_EXIT_MISSING;
    }
    bool sound = read_all(file, limit, bytes, length);
    int reason = errno;
    if (!standard)
        fclose(file);
    if (sound && *length <= limit)
        return TT_EXIT_OK;
    if (sound)
        tt_say_error("tutti %s: %s is larger than the %zu bytes that fit", command, path, limit);
    else
        tt_say_error("tutti %s: reading %s failed: %s", command, path, strerror(reason));
    free(*bytes);
    *bytes = NULL;
    return TT_EXIT_MISSING;
}
