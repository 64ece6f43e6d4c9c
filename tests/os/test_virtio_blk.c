// The virtio disk's driver against disks that answer oddly. The registers are plain memory here,
// and the disk does its work whenever the driver looks at the clock, as a good one or a bad one.

#include "os/driver/virtio_blk.c" // its queue is its own
#include "tests/os/medium_contract.h"
#include "tests/test.h"
#include "tutti/check.h"

#define SLOTS 3
#define SLOT_BYTES 512
#define UNITS 64 // of the disk: 8 sectors

static uint32_t registers[SLOTS][SLOT_BYTES / 4];
static uint8_t platter[UNITS * UNIT];
static tt_time now;
static void (*attached)(void *context);

typedef enum behaviour {
    GOOD,
    SILENT,        // it never answers
    FAILS,         // "an error"
    RUBBISH,       // a status that does not exist
    LEAVES_STATUS, // says that it is done, and not how
    WRONG_ID,      // answers a request that was not made
    NO_ID,         // one that cannot be
} behaviour;
static behaviour acts;
static unsigned requests, flushes;
static uint16_t done; // of available.index

tt_status tt_interrupt_attach(unsigned line, void (*handler)(void *context), void *context)
{
    EXPECT_EQUAL(line, 42);
    EXPECT(context == NULL);
    attached = handler;
    return TT_OK;
}

static uint8_t *memory_of(unsigned id)
{
    return (uint8_t *)(uintptr_t)disk.queue.descriptors[id].address;
}

static void expect_request(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        EXPECT_EQUAL(disk.queue.descriptors[i].flags & 1, i + 1 < count);
        EXPECT(i + 1 == count || disk.queue.descriptors[i].next == i + 1);
    }
    EXPECT_EQUAL(disk.queue.descriptors[0].length, 16);
    EXPECT_EQUAL(disk.queue.descriptors[0].flags & 2, 0);
    EXPECT_EQUAL(disk.queue.descriptors[count - 1].length, 1);
    EXPECT_EQUAL(disk.queue.descriptors[count - 1].flags & 2, 2);
}

static void do_request(void)
{
    uint32_t type = disk.header.type, length = disk.queue.descriptors[1].length;
    expect_request(type == FLUSH ? 2 : 3);
    flushes += type == FLUSH;
    if (type == FLUSH) {
        *memory_of(1) = STATUS_OK;
        return;
    }
    EXPECT(length > 0 && length % UNIT == 0 && disk.header.unit * UNIT + length <= sizeof(platter));
    EXPECT_EQUAL(disk.queue.descriptors[1].flags & 2, type == READ ? 2 : 0);
    if (type == READ)
        memcpy(memory_of(1), platter + disk.header.unit * UNIT, length);
    else
        memcpy(platter + disk.header.unit * UNIT, memory_of(1), length);
    *memory_of(2) = acts == FAILS ? 1 : acts == RUBBISH ? 77 : STATUS_OK;
}

static void work(void)
{
    if (done == disk.queue.available.index || acts == SILENT)
        return;
    unsigned place = disk.queue.used.index % TT_VIRTIO_QUEUE_SIZE;
    EXPECT_EQUAL(disk.queue.available.ring[done % TT_VIRTIO_QUEUE_SIZE], 0);
    done++;
    requests++;
    if (acts != LEAVES_STATUS)
        do_request();
    disk.queue.used.ring[place].id = acts == WRONG_ID ? 3 : acts == NO_ID ? 1000 : 0;
    disk.queue.used.ring[place].length = 1;
    disk.queue.used.index++;
    attached(NULL);
}

tt_time tt_now(void)
{
    now += TT_MS(10);
    work();
    return now;
}

void medium_pause(void)
{
    tt_now();
}

// A disk in the last slot, behind a network device and a source of entropy.
static tt_status start(uint32_t features, uint64_t units, tt_medium **medium)
{
    static const uint32_t kinds[SLOTS] = {TT_VIRTIO_NET, TT_VIRTIO_RNG, TT_VIRTIO_BLK};
    tt_virtio device;
    memset(registers, 0, sizeof(registers));
    for (unsigned i = 0; i < SLOTS; i++) {
        registers[i][0x00 / 4] = 0x74726976; // "virt"
        registers[i][0x04 / 4] = 2;
        registers[i][0x08 / 4] = kinds[i];
        registers[i][0x34 / 4] = TT_VIRTIO_QUEUE_SIZE;
    }
    registers[2][0x10 / 4] = features; // both halves, in this memory
    registers[2][0x100 / 4] = (uint32_t)units;
    registers[2][0x104 / 4] = (uint32_t)(units >> 32);
    EXPECT_EQUAL(
        tt_virtio_find(&device, TT_VIRTIO_NET, (uintptr_t)registers, SLOT_BYTES, SLOTS, 40), TT_OK);
    EXPECT_EQUAL(device.line, 40);
    EXPECT_EQUAL(tt_virtio_find(&device, TT_VIRTIO_BLK, (uintptr_t)registers, SLOT_BYTES, 2, 40),
                 TT_NOT_FOUND); // where there is none
    EXPECT_EQUAL(
        tt_virtio_find(&device, TT_VIRTIO_BLK, (uintptr_t)registers, SLOT_BYTES, SLOTS, 40), TT_OK);
    EXPECT_EQUAL(device.line, 42);
    memset(&disk, 0, sizeof(disk));
    acts = GOOD;
    requests = flushes = done = 0;
    return tt_virtio_blk_start(&device, medium);
}

#define VERSION_1 1u // the lowest bit of the high half, and unused in the low one
#define READ_ONLY (1u << 5)
#define HAS_FLUSH (1u << 9)

static void test_start(void)
{
    tt_medium *medium;
    EXPECT_EQUAL(start(0, UNITS, &medium), TT_UNSUPPORTED);
    EXPECT_EQUAL(start(VERSION_1 | READ_ONLY, UNITS, &medium), TT_DENIED);
    EXPECT_EQUAL(start(VERSION_1, 0, &medium), TT_UNSUPPORTED);
    EXPECT_EQUAL(start(VERSION_1, 15, &medium), TT_UNSUPPORTED);
    EXPECT_EQUAL(start(VERSION_1, 16, &medium), TT_OK);
    EXPECT_EQUAL(medium->sectors, 2);
    EXPECT_EQUAL(start(VERSION_1, UINT64_MAX, &medium), TT_OK); // the first 4 GiB
    EXPECT_EQUAL(medium->sectors, (1u << 20) - 1);
}

static void test_contract(uint32_t features)
{
    tt_medium *medium;
    memset(platter, 0, sizeof(platter));
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT_EQUAL(start(features, UNITS, &medium), TT_OK);
        medium_report report = medium_try(medium);
        if (report.broken != NULL)
            printf("start %u: %s\n", i, report.broken);
        EXPECT(report.broken == NULL && report.start == i && report.overwrites);
        EXPECT(report.waited > 10 && report.told >= report.waited);
        EXPECT_EQUAL(flushes, features & HAS_FLUSH ? 1 : 0);
    }
}

static tt_status finish(tt_medium *medium)
{
    for (unsigned i = 0; i < 100 && medium->operations->poll(medium) == TT_BUSY; i++)
        tt_now();
    return medium->operations->poll(medium);
}

// What one bad answer does to an operation, and to those after it from a disk that is good again.
static void test_bad(behaviour bad, tt_status afterwards)
{
    static const uint8_t bytes[UNIT];
    uint8_t byte;
    tt_medium *medium;
    EXPECT_EQUAL(start(VERSION_1 | HAS_FLUSH, UNITS, &medium), TT_OK);
    acts = bad;
    EXPECT_EQUAL(medium->operations->program(medium, UNIT, bytes, UNIT), TT_OK);
    EXPECT_EQUAL(finish(medium), TT_IO);
    acts = GOOD;
    EXPECT_EQUAL(medium->operations->read(medium, 5, &byte, 1), afterwards);
    EXPECT_EQUAL(medium->operations->erase(medium, 0), afterwards);
    EXPECT_EQUAL(finish(medium), afterwards);
    EXPECT_EQUAL(medium->operations->sync(medium), afterwards);

    EXPECT_EQUAL(start(VERSION_1 | HAS_FLUSH, UNITS, &medium), TT_OK);
    acts = bad;
    EXPECT_EQUAL(medium->operations->read(medium, 5, &byte, 1), TT_IO);
    acts = GOOD;
    EXPECT_EQUAL(medium->operations->read(medium, 5, &byte, 1), afterwards);
}

// A disk that never answers: what was begun goes on for ever, and a read ends.
static void test_silent(void)
{
    static const uint8_t bytes[UNIT];
    uint8_t byte;
    tt_medium *medium;
    EXPECT_EQUAL(start(VERSION_1, UNITS, &medium), TT_OK);
    acts = SILENT;
    EXPECT_EQUAL(medium->operations->program(medium, UNIT, bytes, UNIT), TT_OK);
    EXPECT_EQUAL(finish(medium), TT_BUSY);
    acts = GOOD;
    EXPECT_EQUAL(finish(medium), TT_OK); // late
    acts = SILENT;
    tt_time before = now;
    EXPECT_EQUAL(medium->operations->read(medium, 0, &byte, 1), TT_IO);
    EXPECT(now - before >= READ_TIME && now - before < 2 * READ_TIME);
    acts = GOOD;
    EXPECT_EQUAL(medium->operations->read(medium, 0, &byte, 1), TT_IO); // it may write there still
    EXPECT_EQUAL(medium->operations->program(medium, UNIT, bytes, UNIT), TT_IO);
}

int main(void)
{
    test_start();
    test_contract(VERSION_1 | HAS_FLUSH);
    test_contract(VERSION_1);
    test_bad(FAILS, TT_OK);
    test_bad(RUBBISH, TT_OK);
    test_bad(LEAVES_STATUS, TT_OK);
    test_bad(WRONG_ID, TT_IO);
    test_bad(NO_ID, TT_IO);
    test_silent();
    return test_result();
}
