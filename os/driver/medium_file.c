// A file as a medium. The syncing thread sleeps in a read of `requests` (an eventfd) and tells of
// the end by `state`: no lock, so that a process whose threads are its kernel's (arch/linux) can
// use it.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/driver/medium_checks.h"
#include "tutti/medium_file.h"

#define FILL_BYTES 1024
#define PATH_BYTES_MAX 1024 // on a device's stack

static tt_medium_file *self(tt_medium *medium)
{
    return (tt_medium_file *)medium;
}

static off_t size_of(const tt_medium *medium)
{
    return (off_t)medium->sectors * medium->sector_bytes;
}

static const char *sentence_of(int error)
{
    return error == EIO      ? "the disk reported an error"
           : error == ENOSPC ? "the disk is full"
           : error == EDQUOT ? "the disk's quota is used up"
           : error == EFBIG  ? "the file may not be so large"
           : error == EPERM || error == EACCES || error == EROFS || error == EBADF
               ? "the file cannot be written"
               : "the system reported an error";
}

static tt_status fail(tt_medium_file *file, const char *trouble)
{
    file->trouble = trouble;
    return TT_IO;
}

// ---- operations

static tt_status poll_file(tt_medium *medium)
{
    tt_medium_file *file = self(medium);
    tt_status status = (tt_status)__atomic_load_n(&file->state, __ATOMIC_ACQUIRE);
    if (status == TT_IO && file->sync_error != 0) {
        file->trouble = sentence_of(file->sync_error);
        file->sync_error = 0;
    }
    return status;
}

// Whether the file is still the one that was opened, as large and with a name.
static tt_status expect_whole(tt_medium_file *file)
{
    struct stat now;
    if (fstat(file->descriptor, &now) != 0)
        return fail(file, sentence_of(errno));
    if (now.st_nlink == 0)
        return fail(file, "the file was removed");
    return now.st_size == size_of(&file->medium) ? TT_OK : fail(file, "the file was cut short");
}

static tt_status read_file(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    tt_medium_file *file = self(medium);
    tt_medium_check_read(medium, address, length);
    TT_CHECK(poll_file(medium) != TT_BUSY);
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(file->descriptor, (char *)bytes + done, length - done,
                            (off_t)address + (off_t)done);
        if (got == 0)
            return fail(file, "the file was cut short");
        if (got < 0 && errno != EINTR)
            return fail(file, sentence_of(errno));
        done += got > 0 ? (size_t)got : 0;
    }
    return TT_OK;
}

// Writes all, or as much as goes; false with errno.
static bool write_all(int descriptor, const void *bytes, size_t length, off_t at)
{
    for (size_t done = 0; done < length;) {
        ssize_t put =
            pwrite(descriptor, (const char *)bytes + done, length - done, at + (off_t)done);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static bool fill(int descriptor, uint8_t byte, uint64_t at, uint64_t length)
{
    uint8_t bytes[FILL_BYTES];
    memset(bytes, byte, sizeof(bytes));
    for (uint64_t end = at + length; at < end; at += sizeof(bytes)) {
        size_t piece = end - at < sizeof(bytes) ? (size_t)(end - at) : sizeof(bytes);
        if (!write_all(descriptor, bytes, piece, (off_t)at))
            return false;
    }
    return true;
}

static tt_status begin(tt_medium_file *file)
{
    TT_CHECK(poll_file(&file->medium) != TT_BUSY);
    return expect_whole(file);
}

static void end(tt_medium_file *file, tt_status status)
{
    __atomic_store_n(&file->state, (int)status, __ATOMIC_RELEASE);
}

static void end_change(tt_medium_file *file, bool done)
{
    end(file, done ? TT_OK : fail(file, sentence_of(errno)));
}

static tt_status program_file(tt_medium *medium, uint32_t address, const void *bytes, size_t length)
{
    tt_medium_file *file = self(medium);
    tt_medium_check_program(medium, address, length);
    tt_status status = begin(file);
    if (status == TT_OK)
        end_change(file, write_all(file->descriptor, bytes, length, address));
    return status;
}

static tt_status erase_file(tt_medium *medium, uint32_t address)
{
    tt_medium_file *file = self(medium);
    tt_medium_check_erase(medium, address);
    tt_status status = begin(file);
    if (status == TT_OK)
        end_change(file, fill(file->descriptor, medium->erased, address, medium->sector_bytes));
    return status;
}

static bool request(tt_medium_file *file)
{
    uint64_t one = 1;
    return write(file->requests, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

static tt_status sync_file(tt_medium *medium)
{
    tt_medium_file *file = self(medium);
    tt_status status = begin(file);
    if (status != TT_OK)
        return status;
    end(file, TT_BUSY);
    if (request(file))
        return TT_OK;
    end(file, TT_OK);
    return fail(file, sentence_of(errno));
}

static const tt_medium_operations operations = {
    .read = read_file,
    .program = program_file,
    .erase = erase_file,
    .sync = sync_file,
    .poll = poll_file,
};

static void tell(tt_medium_file *file)
{
    if (file->medium.ready != NULL)
        file->medium.ready(&file->medium);
}

static void *run_syncs(void *argument)
{
    tt_medium_file *file = argument;
    for (;;) {
        uint64_t count;
        if (read(file->requests, &count, sizeof(count)) != (ssize_t)sizeof(count))
            continue; // interrupted
        if (__atomic_load_n(&file->state, __ATOMIC_ACQUIRE) == TT_BUSY) {
            file->sync_error = fdatasync(file->descriptor) == 0 ? 0 : errno;
            end(file, file->sync_error == 0 ? TT_OK : TT_IO);
            file->ended(file);
        }
        if (__atomic_load_n(&file->ends, __ATOMIC_ACQUIRE))
            return NULL;
    }
}

// ---- opening

static tt_status refuse(tt_status status, tt_text *why, const char *path, const char *what)
{
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    tt_text_add(why, what);
    return status;
}

static tt_status refuse_errno(int error, tt_text *why, const char *path)
{
    tt_status status = error == ENOENT || error == ENOTDIR                    ? TT_NOT_FOUND
                       : error == EACCES || error == EPERM || error == EROFS  ? TT_DENIED
                       : error == ENOSPC || error == EDQUOT || error == EFBIG ? TT_FULL
                                                                              : TT_IO;
    return refuse(status, why, path, strerror(error));
}

static bool is_geometry(const tt_medium_file_geometry *g)
{
    return g->program_bytes > 0 && g->program_bytes <= TT_MEDIUM_PROGRAM_BYTES_MAX &&
           (g->program_bytes & (g->program_bytes - 1)) == 0 && g->sector_bytes > 0 &&
           g->sector_bytes % g->program_bytes == 0 && g->sectors != 1 &&
           (uint64_t)g->sectors * g->sector_bytes <= UINT32_MAX &&
           (g->erased == 0xff || g->erased == 0);
}

// So that the file's name outlasts a loss of power, too.
static void sync_folder(const char *path)
{
    char folder[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return; // one that may be written and not read
    fsync(descriptor);
    close(descriptor);
}

// Under another name until it is whole: a file that is there can be used.
static tt_status make_file(const char *path, const tt_medium_file_geometry *geometry, tt_text *why)
{
    char made[PATH_BYTES_MAX];
    if (snprintf(made, sizeof(made), "%s.%d.new", path, (int)getpid()) >= (int)sizeof(made))
        return refuse_errno(ENAMETOOLONG, why, path);
    unlink(made); // of a process that had this number once
    int descriptor = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return refuse_errno(errno, why, path);
    bool filled = fill(descriptor, geometry->erased, 0,
                       (uint64_t)geometry->sectors * geometry->sector_bytes) &&
                  fdatasync(descriptor) == 0;
    int error = errno;
    close(descriptor);
    if (filled && link(made, path) != 0 && errno != EEXIST) { // EEXIST: another was quicker
        filled = false;
        error = errno;
    }
    unlink(made);
    if (!filled)
        return refuse_errno(error, why, path);
    sync_folder(path);
    return TT_OK;
}

static tt_status expect_size(tt_medium_file *file, const char *path,
                             const tt_medium_file_geometry *geometry, tt_text *why)
{
    struct stat there;
    if (fstat(file->descriptor, &there) != 0)
        return refuse_errno(errno, why, path);
    if (!S_ISREG(there.st_mode))
        return refuse(TT_UNSUPPORTED, why, path, "expected a file, found what is none");
    uint64_t size = (uint64_t)there.st_size;
    if (geometry->sectors == 0 && size % geometry->sector_bytes == 0 && size <= UINT32_MAX &&
        size / geometry->sector_bytes >= 2) {
        file->medium.sectors = (uint32_t)(size / geometry->sector_bytes);
        return TT_OK;
    }
    uint64_t expected = (uint64_t)geometry->sectors * geometry->sector_bytes;
    if (geometry->sectors > 0 && size == expected)
        return TT_OK;
    refuse(TT_UNSUPPORTED, why, path, "expected a medium of ");
    tt_text_add_unsigned(why, geometry->sectors > 0 ? expected : geometry->sector_bytes);
    tt_text_add(why,
                geometry->sectors > 0 ? " bytes, found " : "-byte sectors, two at least, found ");
    tt_text_add_unsigned(why, size);
    tt_text_add(why, geometry->sectors > 0 ? "; it is left as it is" : " bytes");
    return TT_UNSUPPORTED;
}

static tt_status open_file(tt_medium_file *file, const char *path,
                           const tt_medium_file_geometry *geometry, tt_text *why)
{
    const int how = O_RDWR | O_CLOEXEC | O_NONBLOCK; // of a pipe, too, without waiting
    file->descriptor = open(path, how);
    if (file->descriptor < 0 && errno == ENOENT && geometry->sectors > 0) {
        tt_status made = make_file(path, geometry, why);
        if (made != TT_OK)
            return made;
        file->descriptor = open(path, how);
    }
    if (file->descriptor < 0)
        return errno == EISDIR
                   ? refuse(TT_UNSUPPORTED, why, path, "expected a file, found a folder")
                   : refuse_errno(errno, why, path);
    tt_status status = expect_size(file, path, geometry, why);
    if (status != TT_OK)
        return status;
    if (flock(file->descriptor, LOCK_EX | LOCK_NB) == 0)
        return TT_OK;
    return errno == EWOULDBLOCK
               ? refuse(TT_BUSY, why, path, "it is in use by another process, or twice by this one")
               : refuse_errno(errno, why, path);
}

// The thread takes no signals: they may be the interrupts of the process.
static tt_status start_syncer(tt_medium_file *file, const char *path, tt_text *why)
{
    sigset_t all, before;
    file->requests = eventfd(0, EFD_CLOEXEC);
    if (file->requests < 0)
        return refuse_errno(errno, why, path);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&file->syncer, NULL, run_syncs, file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? TT_OK : refuse_errno(error, why, path);
}

tt_status tt_medium_file_open(tt_medium_file *file, const char *path,
                              const tt_medium_file_geometry *geometry, tt_text *why)
{
    *file = (tt_medium_file){.medium = {.operations = &operations,
                                        .program_bytes = geometry->program_bytes,
                                        .sector_bytes = geometry->sector_bytes,
                                        .sectors = geometry->sectors,
                                        .erased = geometry->erased},
                             .ended = tell,
                             .descriptor = -1,
                             .requests = -1};
    if (!is_geometry(geometry))
        return refuse(TT_INVALID, why, path, "there is no medium of such sectors");
    tt_status status = open_file(file, path, geometry, why);
    if (status == TT_OK)
        status = start_syncer(file, path, why);
    if (status != TT_OK && file->requests >= 0)
        close(file->requests);
    if (status != TT_OK && file->descriptor >= 0)
        close(file->descriptor);
    return status;
}

void tt_medium_file_close(tt_medium_file *file)
{
    __atomic_store_n(&file->ends, true, __ATOMIC_RELEASE);
    bool told = request(file);
    TT_CHECK(told); // its count is far from full
    pthread_join(file->syncer, NULL);
    close(file->requests);
    close(file->descriptor);
}
