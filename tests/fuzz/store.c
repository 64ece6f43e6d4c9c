// The image of a store: whatever it is, opening reads within the medium and comes to an end, what
// is there can be listed and read, and it can be written, if it can be opened.
//
// The first byte chooses the geometry. All sums are 0 in this build of the store (CMakeLists.txt),
// so that the fuzzer makes records as it likes, and not only damaged ones.

#include <string.h>

#include "sim/tearing.h"
#include "tutti/check.h"
#include "tutti/store.h"

#define IMAGE_BYTES 4096
#define KEYS 8
#define STEPS_MAX 10000
#define KEYS_LISTED_MAX 1000

uint32_t fuzz_crc32(uint32_t crc, const void *bytes, size_t length);
uint32_t fuzz_crc32(uint32_t crc, const void *bytes, size_t length)
{
    (void)crc;
    (void)bytes;
    (void)length;
    return 0;
}

static const uint32_t geometries[][4] = {
    {1, 256, 0, 0}, {4, 256, 2, 1}, {16, 512, 0, 1}, {64, 1024, 1, 1}};
static tt_store store;
static tt_tearing tearing;

static void write_to(const char *key, bool remove, bool extent)
{
    tt_store_change change = {.key = key, .value = "value", .length = remove ? 0 : 5};
    change.remove = remove;
    change.extent = extent;
    tt_store_write write = {.changes = &change, .count = 1};
    int steps = 0;
    tt_store_begin(&store, &write);
    while (tt_store_step(&store) == TT_BUSY)
        TT_CHECK(steps++ < STEPS_MAX);
    TT_CHECK(write.status != TT_BUSY);
}

static void list_and_read(void)
{
    static uint8_t value[IMAGE_BYTES];
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_value known;
    for (int i = 0; tt_store_next(&store, "", key, &known) == TT_OK; i++) {
        size_t length;
        TT_CHECK(i < KEYS_LISTED_MAX);
        (void)tt_store_read(&store, key, 0, value, sizeof(value), &length, NULL);
        (void)tt_store_read(&store, key, 3, value, 7, &length, NULL);
        tt_store_pin pin;
        const void *bytes;
        if (tt_store_window(&store, key, &pin, &bytes, &length) == TT_OK)
            tt_store_unpin(&pin);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[IMAGE_BYTES], buffer[64];
    static tt_store_entry entries[KEYS];
    static uint32_t sectors[16];
    if (size == 0)
        return 0;
    const uint32_t *geometry = geometries[data[0] % 4];
    memset(image, 0xff, sizeof(image));
    memcpy(image, data + 1, size - 1 < sizeof(image) ? size - 1 : sizeof(image));
    tt_tearing_init(&tearing, image, geometry[0], geometry[1], IMAGE_BYTES / geometry[1], 0xff);
    tt_store_parts parts = {.medium = &tearing.medium,
                            .entries = entries,
                            .entries_max = KEYS,
                            .sectors = sectors,
                            .log_sectors = IMAGE_BYTES / geometry[1] - geometry[2] - geometry[3],
                            .index_sectors = geometry[3],
                            .buffer = buffer,
                            .buffer_bytes = sizeof(buffer),
                            .format = true,
                            .extents = &tt_store_extents,
                            .clean = &tt_store_clean_index};
    if (tt_store_open(&store, &parts) == TT_OK) {
        list_and_read();
        for (int i = 0; i < 20; i++)
            write_to(i % 2 ? "a" : "b", i % 5 == 4, i % 3 == 2);
        list_and_read();
        tt_store_facts facts;
        (void)tt_store_info(&store, 1, &facts);
    }
    TT_CHECK(tearing.misuses == 0);
    return 0;
}
