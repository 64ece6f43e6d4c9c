// The block device (virtio 1.1, 5.2): one queue, one request at a time, of a header, the data and a
// byte that the device sets to how it went.
//
// A disk has no erasing: it is a write of 0xff. The interrupt only tells that there may be news;
// what the device says is looked at by `poll`, on the loop's thread. A device that answers what is
// no answer, or not at all when it is read, is not asked again: it may still write where it was
// told to.

#include <string.h>

#include "os/driver/medium_checks.h"
#include "os/driver/virtio_blk.h"
#include "tutti/kernel.h"

#define FEATURE_READ_ONLY (1ull << 5)
#define FEATURE_FLUSH (1ull << 9)
#define READ 0u
#define WRITE 1u
#define FLUSH 4u
#define STATUS_OK 0
#define STATUS_NONE 0xff // that the device has not set it
#define UNIT 512u
#define SECTOR_BYTES 4096u
#define READ_TIME TT_SECONDS(8) // less than the loop may be silent for: see tutti/liveness.h
#define CAPACITY_AT 0           // in the configuration: 64 bits, in units

static struct {
    tt_medium medium; // first
    tt_virtio device;
    tt_virtio_queue queue;
    struct {
        uint32_t type, reserved;
        uint64_t unit;
    } header;
    volatile uint8_t status;
    bool has_flush, busy, lost;
    tt_status ended; // of the operation that was begun last
    uint8_t sector[SECTOR_BYTES];
} disk;

static tt_status give(uint32_t type, uint32_t address, const void *bytes, size_t length)
{
    if (disk.lost)
        return TT_IO;
    disk.header.type = type;
    disk.header.unit = address / UNIT;
    disk.status = STATUS_NONE;
    const tt_virtio_piece pieces[] = {{&disk.header, sizeof(disk.header), false},
                                      {bytes, (uint32_t)length, type == READ},
                                      {(const void *)(uintptr_t)&disk.status, 1, true}};
    const tt_virtio_piece flush[] = {pieces[0], pieces[2]};
    if (type == FLUSH)
        tt_virtio_give_chain(&disk.device, &disk.queue, flush, TT_COUNT(flush));
    else
        tt_virtio_give_chain(&disk.device, &disk.queue, pieces, TT_COUNT(pieces));
    return TT_OK;
}

// How the request under way stands.
static tt_status look(void)
{
    unsigned id;
    uint32_t written;
    uint16_t seen = disk.queue.seen;
    if (tt_virtio_take(&disk.queue, &id, &written) && id == 0)
        return disk.status == STATUS_OK ? TT_OK : TT_IO;
    if (disk.queue.seen == seen)
        return TT_BUSY;
    disk.lost = true; // another than the one that it was given
    return TT_IO;
}

static tt_status poll_disk(tt_medium *medium)
{
    (void)medium;
    if (disk.busy) {
        disk.ended = look();
        disk.busy = disk.ended == TT_BUSY;
    }
    return disk.ended;
}

static tt_status begin(uint32_t type, uint32_t address, const void *bytes, size_t length)
{
    TT_CHECK(poll_disk(&disk.medium) != TT_BUSY);
    tt_status status = give(type, address, bytes, length);
    disk.busy = status == TT_OK;
    return status;
}

static tt_status program_disk(tt_medium *medium, uint32_t address, const void *bytes, size_t length)
{
    tt_medium_check_program(medium, address, length);
    return begin(WRITE, address, bytes, length);
}

static tt_status erase_disk(tt_medium *medium, uint32_t address)
{
    tt_medium_check_erase(medium, address);
    TT_CHECK(poll_disk(medium) != TT_BUSY); // before its bytes change
    memset(disk.sector, 0xff, sizeof(disk.sector));
    return begin(WRITE, address, disk.sector, sizeof(disk.sector));
}

// A device that has no flush has written when it says so (5.2.6.2).
static tt_status sync_disk(tt_medium *medium)
{
    if (disk.has_flush)
        return begin(FLUSH, 0, NULL, 0);
    TT_CHECK(poll_disk(medium) != TT_BUSY);
    disk.ended = TT_OK;
    return disk.lost ? TT_IO : TT_OK;
}

static tt_status read_units(uint32_t address, void *bytes, size_t length)
{
    tt_status status = give(READ, address, bytes, length);
    tt_time end = tt_after(tt_now(), READ_TIME);
    while (status == TT_OK && (status = look()) == TT_BUSY) {
        if (tt_now() <= end) {
            status = TT_OK;
        } else {
            disk.lost = true;
            status = TT_IO;
        }
    }
    return status;
}

// By way of our own memory, a sector of it at most.
static tt_status read_disk(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    tt_medium_check_read(medium, address, length);
    TT_CHECK(poll_disk(medium) != TT_BUSY);
    uint8_t *to = bytes;
    while (length > 0) {
        uint32_t before = address % UNIT;
        size_t piece = sizeof(disk.sector) - before;
        piece = piece < length ? piece : length;
        size_t whole = (before + piece + UNIT - 1) / UNIT * UNIT;
        tt_status status = read_units(address - before, disk.sector, whole);
        if (status != TT_OK)
            return status;
        memcpy(to, disk.sector + before, piece);
        to += piece;
        address += (uint32_t)piece;
        length -= piece;
    }
    return TT_OK;
}

static const tt_medium_operations operations = {
    .read = read_disk,
    .program = program_disk,
    .erase = erase_disk,
    .sync = sync_disk,
    .poll = poll_disk,
};

static void on_interrupt(void *context)
{
    (void)context;
    tt_virtio_acknowledge(&disk.device);
    if (disk.busy && disk.medium.ready != NULL)
        disk.medium.ready(&disk.medium);
}

// The first 4 GiB of it, if it has more.
static uint32_t count_sectors(void)
{
    uint64_t units = 0;
    for (unsigned i = 0; i < sizeof(units); i++)
        units |= (uint64_t)tt_virtio_config(&disk.device, CAPACITY_AT + i) << (8 * i);
    uint64_t sectors = units / (SECTOR_BYTES / UNIT), most = UINT32_MAX / SECTOR_BYTES;
    return (uint32_t)(sectors < most ? sectors : most);
}

tt_status tt_virtio_blk_start(const tt_virtio *device, tt_medium **medium)
{
    uint64_t features = FEATURE_READ_ONLY | FEATURE_FLUSH;
    disk.device = *device;
    tt_status status = tt_virtio_begin(&disk.device, &features);
    if (status == TT_OK && (features & FEATURE_READ_ONLY))
        return TT_DENIED;
    if (status == TT_OK)
        status = tt_virtio_add_queue(&disk.device, &disk.queue, 0);
    if (status != TT_OK)
        return status;
    disk.has_flush = features & FEATURE_FLUSH;
    disk.medium = (tt_medium){.operations = &operations,
                              .program_bytes = UNIT,
                              .sector_bytes = SECTOR_BYTES,
                              .sectors = count_sectors(),
                              .erased = 0xff};
    if (disk.medium.sectors < 2)
        return TT_UNSUPPORTED;
    tt_virtio_ready(&disk.device);
    *medium = &disk.medium;
    return tt_interrupt_attach(disk.device.line, on_interrupt, NULL);
}
