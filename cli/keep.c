// Media and seeds as files. A medium begins as zeros, which take no place on the disk; to the
// device they are nothing that it ever wrote.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/keep.h"
#include "cli/linger.h"
#include "cli/say.h"
#include "tools/store/image.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define PROCESS_MEDIUM_BYTES ((uint64_t)4 << 20) // as os/board/linux has it

// A seed's file: magic, the number of the next start, address, seed, and a CRC of them.
#define SEED_MAGIC 0x44455354u // "TSED"
#define SEED_BYTES (4 + 4 + 6 + 32 + 4)

static int kept_folder = -1; // locked until it is closed, by us and by each device

static tt_status fail(tt_status status, tt_text *why, const char *path, const char *what)
{
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    tt_text_add(why, what);
    return status;
}

tt_exit tt_keep_open(const char *folder)
{
    if (!tt_file_make_folder(folder)) {
        tt_say_error("tutti up: the folder %s cannot be made: %s", folder, strerror(errno));
        return TT_EXIT_FAILED;
    }
    kept_folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned times = 0;
    bool locked;
    do
        locked = kept_folder >= 0 && flock(kept_folder, LOCK_EX | LOCK_NB) == 0;
    while (!locked && errno == EWOULDBLOCK && tt_linger(&times));
    if (locked)
        return TT_EXIT_OK;
    tt_say_error("tutti up: --keep %s: %s", folder,
                 errno == EWOULDBLOCK
                     ? "another fleet's media are in use there; end it, or choose another folder"
                     : strerror(errno));
    return TT_EXIT_FAILED;
}

void tt_keep_share_lock(void)
{
    if (kept_folder >= 0)
        fcntl(kept_folder, F_SETFD, 0);
}

static tt_status draw(tt_device *device, tt_text *why)
{
    if (getrandom(device->seed, sizeof(device->seed), 0) != sizeof(device->seed) ||
        getrandom(device->mac, sizeof(device->mac), 0) != sizeof(device->mac))
        return fail(TT_IO, why, device->label, "the system gave no random bytes");
    device->mac[0] = 0x02; // locally administered, unicast
    return TT_OK;
}

static tt_status take_seed(tt_device *device, const uint8_t *bytes, size_t length, tt_text *why)
{
    tt_reader reader;
    tt_reader_init(&reader, bytes, length);
    uint32_t magic = tt_read_le32(&reader);
    uint32_t boot = tt_read_le32(&reader);
    const uint8_t *mac = tt_read_bytes(&reader, sizeof(device->mac));
    const uint8_t *seed = tt_read_bytes(&reader, sizeof(device->seed));
    uint32_t crc = tt_read_le32(&reader);
    if (length != SEED_BYTES || reader.failed || magic != SEED_MAGIC ||
        crc != tt_crc32(0, bytes, SEED_BYTES - 4))
        return fail(TT_DAMAGED, why, device->kept_seed,
                    "expected a device's seed, found something else; without that file the device "
                    "gets a new one, and with it another name");
    device->boot = boot;
    memcpy(device->mac, mac, sizeof(device->mac));
    memcpy(device->seed, seed, sizeof(device->seed));
    return TT_OK;
}

static tt_status read_seed(tt_device *device, tt_text *why)
{
    uint8_t bytes[SEED_BYTES + 1];
    int file = open(device->kept_seed, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return draw(device, why);
    ssize_t length = file >= 0 ? read(file, bytes, sizeof(bytes)) : -1;
    int error = errno;
    if (file >= 0)
        close(file);
    if (length < 0)
        return fail(TT_IO, why, device->kept_seed, strerror(error));
    return take_seed(device, bytes, (size_t)length, why);
}

static tt_status write_seed(const tt_device *device, tt_text *why)
{
    uint8_t bytes[SEED_BYTES];
    tt_writer writer;
    tt_writer_init(&writer, bytes, sizeof(bytes));
    tt_write_le32(&writer, SEED_MAGIC);
    tt_write_le32(&writer, device->boot + 1);
    tt_write_bytes(&writer, device->mac, sizeof(device->mac));
    tt_write_bytes(&writer, device->seed, sizeof(device->seed));
    tt_write_le32(&writer, tt_crc32(0, bytes, writer.length));
    TT_CHECK(!writer.failed && writer.length == sizeof(bytes));
    return tt_file_keep(device->kept_seed, bytes, sizeof(bytes))
               ? TT_OK
               : fail(TT_IO, why, device->kept_seed, strerror(errno));
}

static bool join(char path[TT_DEVICE_PATH_MAX], const char *folder, const char *name,
                 const char *ending)
{
    return snprintf(path, TT_DEVICE_PATH_MAX, "%s/%s%s", folder, name, ending) < TT_DEVICE_PATH_MAX;
}

tt_status tt_keep_name(tt_device *device, const char *folder, const char *keep, tt_text *why)
{
    // By another name where it is not kept: the folder may be one that was kept in.
    bool fits = (keep != NULL ? join(device->medium, keep, device->label, ".img")
                              : join(device->medium, folder, device->label, ".medium")) &&
                (keep == NULL || join(device->kept_seed, keep, device->label, ".seed"));
    if (!fits)
        return fail(TT_TOO_LARGE, why, keep != NULL ? keep : folder, "the path is too long");
    return keep != NULL ? read_seed(device, why) : draw(device, why);
}

static tt_status make_medium(const char *path, uint64_t bytes, tt_text *why)
{
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool made = file >= 0 && ftruncate(file, (off_t)bytes) == 0;
    int error = errno;
    if (file >= 0)
        close(file);
    if (made)
        return TT_OK;
    if (file >= 0)
        unlink(path);
    return fail(TT_IO, why, path, strerror(error));
}

static tt_status expect_medium(const char *path, const struct stat *there, uint64_t bytes,
                               tt_text *why)
{
    if (!S_ISREG(there->st_mode))
        return fail(TT_UNSUPPORTED, why, path, "expected a device's medium, found what is no file");
    if ((uint64_t)there->st_size != bytes) {
        fail(TT_UNSUPPORTED, why, path, "expected a medium of ");
        tt_text_add_unsigned(why, bytes);
        tt_text_add(why, " bytes, found ");
        tt_text_add_unsigned(why, (uint64_t)there->st_size);
        tt_text_add(why, "; it is left as it is");
        return TT_UNSUPPORTED;
    }
    return access(path, R_OK | W_OK) == 0 ? TT_OK : fail(TT_IO, why, path, strerror(errno));
}

// The device says so on its console only, and goes on without what is kept.
static void note_version(const tt_device *device, size_t length)
{
    int file = open(device->medium, O_RDONLY | O_CLOEXEC);
    void *bytes = file >= 0 ? mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    if (file >= 0)
        close(file);
    if (bytes == MAP_FAILED)
        return;
    if (tt_store_image_find(bytes, length) == TT_UNSUPPORTED)
        tt_say("tutti up: %s: its store has another version of the format; %s leaves it as it is, "
               "and keeps "
               "nothing",
               device->medium, device->label);
    munmap(bytes, length);
}

tt_status tt_keep_start(const tt_device *device, tt_text *why)
{
    uint64_t bytes =
        device->emulator != NULL ? device->emulator->medium_bytes : PROCESS_MEDIUM_BYTES;
    struct stat there;
    tt_status status = TT_OK;
    if (device->kept_seed[0] == '\0' && device->started == 0)
        unlink(device->medium); // of a launcher that was killed
    if (bytes > 0 && stat(device->medium, &there) == 0)
        status = expect_medium(device->medium, &there, bytes, why);
    else if (bytes > 0)
        status = errno == ENOENT ? make_medium(device->medium, bytes, why)
                                 : fail(TT_IO, why, device->medium, strerror(errno));
    if (status == TT_OK && device->kept_seed[0] != '\0') {
        if (bytes > 0)
            note_version(device, bytes);
        status = write_seed(device, why);
    }
    return status;
}

void tt_keep_end(const tt_device *device)
{
    if (device->kept_seed[0] == '\0')
        unlink(device->medium);
}
