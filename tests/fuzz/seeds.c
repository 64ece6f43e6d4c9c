// fuzz_seeds FOLDER: writes good inputs for the fuzz targets to start from, FOLDER/TARGET/NUMBER.

#include <stdio.h>
#include <sys/stat.h>

#include "bus/message.h"
#include "os/driver/slip.h"
#include "sim/tearing.h"
#include "storage/store_internal.h"
#include "tests/ai/lite/random_operation.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/crash.h"
#include "tutti/discovery.h"

static void save(const char *folder, const char *target, unsigned number, const void *bytes,
                 size_t length)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, target);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%u", folder, target, number);
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

// A row's datagram: what happens besides, its length, itself.
static void add_datagram(tt_writer *row, uint8_t head, const tt_writer *datagram)
{
    tt_write_u8(row, head);
    tt_write_be16(row, (uint16_t)datagram->length);
    tt_write_bytes(row, datagram->data, datagram->length);
}

static void add_request(tt_writer *row, uint8_t head, unsigned method, const char *path,
                        unsigned number, unsigned block, size_t payload)
{
    static const uint8_t zeros[1024];
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_message_writer w;
    tt_bus_token token = {.length = 4, .bytes = {1, 2, 3, 4}};
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, method, (uint16_t)number, &token);
    if (head & 1)
        tt_message_option_number(&w, TT_OPTION_OBSERVE, 0);
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    tt_message_option_parts(&w, TT_OPTION_URI_QUERY, "a=1&b=2", '&');
    if (block > 0)
        tt_message_option_block(
            &w, block, &(tt_block){.number = number % 3, .more = number % 3 < 2, .exponent = 2});
    tt_message_payload(&w, zeros, payload);
    add_datagram(row, head, &w.out);
}

static void coap_seeds(const char *folder)
{
    static uint8_t bytes[8192];
    static const char *const paths[] = {"now", "tree/a/b", "keep", "later", ".well-known/core"};
    for (unsigned i = 0; i < 5; i++) {
        tt_writer row;
        tt_writer_init(&row, bytes, sizeof(bytes));
        for (unsigned method = 1; method <= 4; method++)
            add_request(&row, (uint8_t)(method << 4 | (i & 1)), method, paths[i], 6 + method, 0, 8);
        for (unsigned number = 0; number < 3; number++)
            add_request(&row, 0, 3, paths[i], 9 + number, TT_OPTION_BLOCK1, 64);
        for (unsigned number = 0; number < 3; number++)
            add_request(&row, 0x10, 1, paths[i], 12 + number, TT_OPTION_BLOCK2, 0);
        REQUIRE(!row.failed);
        save(folder, "coap", i, bytes, row.length);
    }
}

// Pieces and acknowledgements of the four streams of stream.c, in order.
static void stream_seeds(const char *folder)
{
    uint8_t bytes[15 * 24];
    tt_writer row;
    tt_writer_init(&row, bytes, sizeof(bytes));
    for (uint32_t i = 0; i < 24; i++) {
        bool piece = i % 4 == 0 || i % 4 == 3;
        uint32_t number = 1 + i / 4;
        tt_write_u8(&row, (uint8_t)(0x10 | (piece ? 4 : 0) | i % 4));
        tt_write_be16(&row, (uint16_t)(piece ? 12 + 1024 : 16));
        tt_write_be32(&row, 1000000 + i * 7000);
        tt_write_be32(&row, piece ? number * 1024 : 70001);
        tt_write_be32(&row, number * 1024);
    }
    REQUIRE(!row.failed);
    save(folder, "stream", 0, bytes, row.length);
}

// What a node is answered with: two members, one of whom is doubted; then that node itself is gone.
static void gossip_seeds(const char *folder)
{
    static const uint8_t where[16] = {0xfe, 0x80, [15] = 7};
    uint8_t bytes[400];
    tt_writer row;
    tt_writer_init(&row, bytes, sizeof(bytes));
    for (uint8_t i = 0; i < 4; i++) {
        tt_write_u8(&row, (uint8_t)(0x10 | i));
        tt_write_be16(&row, 25 + 2 * 29);
        tt_write_u8(&row, 1);
        tt_write_u8(&row, 1);      // its sender has a name
        tt_write_be16(&row, 3);    // so many it knows,
        tt_write_be64(&row, 4);    // of this sum
        tt_write_be64(&row, 1000); // who it is
        tt_write_be16(&row, i);
        tt_write_u8(&row, 2);
        tt_write_be16(&row, 2 * 29);
        for (uint8_t k = 0; k < 2; k++) {
            tt_write_u8(&row, (uint8_t)(12 | (i + k) % 3));
            tt_write_be64(&row, 2000u + k + i / 2);
            tt_write_be16(&row, i);
            tt_write_be16(&row, 5683);
            tt_write_bytes(&row, where, sizeof(where));
        }
    }
    REQUIRE(!row.failed);
    save(folder, "gossip", 0, bytes, row.length);
}

// What another device says from its first probe to its announcements.
static void dns_seeds(const char *folder)
{
    static uint8_t bytes[8192];
    tt_writer row;
    tt_discovery discovery;
    tt_peer peers[2] = {0};
    tt_discovery_options options = {.name = "tv-0001",
                                    .kind = "tv",
                                    .port = 5683,
                                    .boot = 9,
                                    .seed = 3,
                                    .browse = true,
                                    .peers = peers,
                                    .peers_max = 2};
    tt_endpoint own[2] = {{.ip = {0xfe, 0x80, [15] = 2}},
                          {.ip = {[10] = 0xff, 0xff, 169, 254, 1, 2}}};
    tt_discovery_init(&discovery, 0, &options);
    tt_discovery_set_addresses(&discovery, 0, own, 2);
    tt_writer_init(&row, bytes, sizeof(bytes));
    unsigned saved = 0;
    for (tt_time now = 0; now < TT_SECONDS(4); now += TT_MS(50)) {
        uint8_t message[TT_MDNS_MESSAGE_MAX];
        tt_endpoint to;
        size_t length;
        tt_discovery_advance(&discovery, now);
        while (tt_discovery_transmit(&discovery, now, &to, message, sizeof(message), &length) ==
               TT_OK) {
            tt_writer datagram = {.data = message, .length = length};
            add_datagram(&row, 1, &datagram);
            save(folder, "dns", saved++, row.data, row.length);
        }
    }
    REQUIRE(saved > 0 && !row.failed);
}

// Frames of some lengths over a serial line, in one piece and cut.
static void line_seeds(const char *folder)
{
    static const size_t lengths[] = {14, 60, 300, 1514};
    static uint8_t frame[1514], line[TT_SLIP_ENCODED_MAX(sizeof(frame))], bytes[8192];
    for (unsigned i = 0; i < TT_COUNT(lengths); i++) {
        tt_writer row;
        for (size_t k = 0; k < lengths[i]; k++)
            frame[k] = (uint8_t)(0xc0 + k % 37);
        size_t length = tt_slip_encode(frame, lengths[i], line), first = length / (1 + i % 2);
        tt_writer_init(&row, bytes, sizeof(bytes));
        for (size_t at = 0; at < length; at += first) {
            uint16_t piece = (uint16_t)(length - at < first ? length - at : first);
            const uint8_t head[3] = {2, (uint8_t)(piece >> 8), (uint8_t)piece};
            tt_write_bytes(&row, head, sizeof(head));
            tt_write_bytes(&row, line + at, piece);
        }
        REQUIRE(!row.failed);
        save(folder, "line", i, bytes, row.length);
    }
}

static void cbor_seeds(const char *folder)
{
    uint8_t bytes[128];
    tt_writer w;
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_cbor_map(&w, 4);
    tt_cbor_text(&w, "key");
    tt_cbor_array(&w, 2);
    tt_cbor_signed(&w, -70000);
    tt_cbor_float(&w, 1.5f);
    tt_cbor_text(&w, "bytes");
    tt_cbor_bytes(&w, "12345678", 8);
    tt_cbor_text(&w, "true");
    tt_cbor_bool(&w, true);
    tt_cbor_text(&w, "null");
    tt_cbor_null(&w);
    save(folder, "cbor", 0, bytes, w.length);
}

static void plan_seeds(const char *folder)
{
    for (unsigned seed = 0; seed < 20; seed++) {
        tt_quantised *q = random_operation(seed);
        size_t length;
        uint8_t *plan = emit(q, &length);
        save(folder, "plan", seed, plan, length);
        free(plan);
        tt_quantised_free(q);
    }
}

// Of the image in dump.c; where `place_is_known`, the end is in its function.
// One of each kind of line: leaves, lists, outputs, origins, bodies, names.
static void graph_text_seeds(const char *folder)
{
    static const char *const texts[] = {
        "%0 = input \"image\" : f32[1,4,4,2] @\"layer 1\",\"line \\x07\" @\"again\"\n"
        "%1 = parameter \"w \\\"\\\\\" : f32[3,3,3,2]\n"
        "%2 = conv %0 %1 stride=[1,1] dilation=[1,1] spread=[1,1] before=[1,1] after=[1,1] "
        "groups=1 : f32[1,4,4,3]\n"
        "%3 = pool_greatest %2 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] "
        "after=[0,0] : f32[1,2,2,3], i32[1,2,2,3]\n"
        "%4 = reshape %3 sizes=[4,3] : f32[4,3]\nresult \"out\" = %4\nresult \"places\" = %3.1\n",
        "%0 = constant {0.5,-0,nan,-inf} : f16[4]\n%1 = sort %0 axis=0 falling=1 : f16[4], i64[4]\n"
        "%2 = convert %0 element=u8 : u8[4]\n%3 = constant {} : bool[0,3]\n"
        "%4 = unique %2 sorted=0 : u8[-1], i64[-1], i64[4], i64[-1]\nresult \"a\" = %4.3\n"
        "%5 = gather %0 %1.1 axis=0 : f16[4]\nresult \"b\" = %5\n",
        "%0 = input \"n\" : i64[]\n%1 = state \"s\" : f32[2]\n"
        "%2 = loop %0 %1 limit=3 carries=1 : f32[2], i64[3] @\"a loop\" {\n"
        "  %0 = input \"turn\" : i64[]\n  %1 = input \"x\" : f32[2]\n"
        "  %2 = constant {1} : bool[]\n"
        "  %3 = branch %2 %1 : f32[2] {\n    %0 = input \"y\" : f32[2]\n    result \"y\" = %0\n  } "
        "{\n"
        "    %0 = input \"y\" : f32[2]\n    %1 = exp %0 : f32[2]\n    result \"y\" = %1\n  }\n"
        "  %4 = add %3 %1 : f32[2]\n  result \"go\" = %2\n  result \"x\" = %4\n"
        "  result \"turn\" = %0\n}\nresult \"s\" = %2\nassign \"s\" = %2\n",
        "%0 = input \"key\" : u64[]\n%1 = random %0 stream=7 sizes=[3,2] : u32[3,2]\n"
        "%2 = iota element=i64 sizes=[3,2] axis=1 : i64[3,2]\n"
        "%3 = slice %1 first=[0,0] sizes=[2,1] steps=[2,1] : u32[2,1]\n"
        "%4 = constant {9} : u32[]\n"
        "%5 = pad %3 %4 before=[-1,2] after=[1,0] between=[1,0] : u32[3,3]\n"
        "%6 = cumulative_sum %5 axis=1 exclusive=1 reverse=0 : u32[3,3]\nresult \"x\" = %6\n"};
    for (unsigned i = 0; i < TT_COUNT(texts); i++)
        save(folder, "graph_text", i, texts[i], strlen(texts[i]));
}

static void dump_seed(const char *folder, unsigned number, bool place_is_known)
{
    static tt_crash crash;
    static char text[8192];
    static const char *const names[] = {"pc", "sp", "lr", "r4", "cfsr"};
    tt_crash_begin(&crash);
    snprintf(crash.reason, sizeof(crash.reason), "check failed: a/b.c:7: value < limit");
    snprintf(crash.thread, sizeof(crash.thread), "main");
    crash.image_bytes = TT_CRASH_IMAGE_MAX;
    crash.followed = 2;
    for (unsigned i = 0; i < 5; i++) {
        snprintf(crash.registers[i].name, sizeof(crash.registers[i].name), "%s", names[i]);
        crash.registers[i].value = 0x20000000;
    }
    crash.registers[0].value = place_is_known ? 0x1010 : 0;
    crash.registers[2].value = 0x1015;
    crash.register_count = 5;
    crash.stack_address = 0x20000000;
    for (crash.stack_words = 0; crash.stack_words < 40; crash.stack_words++)
        crash.stack[crash.stack_words] = crash.stack_words % 4 == 3 ? 0x1015 : crash.stack_words;
    save(folder, "dump", number, text, tt_crash_read(&crash, 0, text, sizeof(text)));
}

// More words than the reader has room for: no device writes so many.
static void crowded_dump_seed(const char *folder, unsigned number)
{
    static char text[4096];
    size_t length = 0;
    for (unsigned line = 0; line < 6; line++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "tutti dump: stack 0");
        for (unsigned word = 0; word < 240; word++)
            length += (size_t)snprintf(text + length, sizeof(text) - length, " 1");
        text[length++] = '\n';
    }
    save(folder, "dump", number, text, length);
}

// The sums of a sector's records and of its header become 0, as the fuzzed build has them.
static void zero_sums(tt_store *store, uint8_t *image, uint32_t sector)
{
    uint8_t key[TT_STORE_KEY_MAX];
    tt_store_record places[64];
    sector_header header;
    tt_store_scan scan;
    unsigned count = 0;
    if (tt_store_header_read(store, sector, &header) != TT_OK)
        return;
    tt_store_scan_begin(store, &scan, sector, header.seed);
    while (count < TT_COUNT(places) && tt_store_scan_next(store, &scan, &places[count], key))
        count++;
    memset(image + scan.base + HEADER_BYTES - 4, 0, 4);
    while (count-- > 0) {
        uint32_t body = places[count].key_length + places[count].value_length;
        memset(image + places[count].address + RECORD_HEAD - 3, 0, 3);
        memset(image + places[count].address + RECORD_HEAD + body, 0, 4);
    }
}

static void store_write(tt_store *store, const char *key, uint32_t length, bool remove, bool extent)
{
    tt_store_change change = {.key = key, .value = "0123456789", .length = length};
    change.remove = remove;
    change.extent = extent;
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(store, &write);
    while (tt_store_step(store) == TT_BUSY) {
    }
}

// Images of 4 KiB behind the number of their geometry, as store.c has them.
static void store_seeds(const char *folder)
{
    static const uint32_t geometries[][4] = {
        {1, 256, 0, 0}, {4, 256, 2, 1}, {16, 512, 0, 1}, {64, 1024, 1, 1}};
    static uint8_t bytes[1 + 4096], buffer[64];
    static tt_store_entry entries[8];
    static uint32_t sectors[16];
    static const char *const keys[] = {"a", "b", "settings/name", "c"};
    for (unsigned i = 0; i < 12; i++) {
        const uint32_t *geometry = geometries[i % 4];
        tt_tearing tearing;
        tt_store store;
        bytes[0] = (uint8_t)(i % 4);
        memset(bytes + 1, 0xff, 4096);
        tt_tearing_init(&tearing, bytes + 1, geometry[0], geometry[1], 4096 / geometry[1], 0xff);
        tt_store_parts parts = {.medium = &tearing.medium,
                                .entries = entries,
                                .entries_max = 8,
                                .sectors = sectors,
                                .log_sectors = 4096 / geometry[1] - geometry[2] - geometry[3],
                                .index_sectors = geometry[3],
                                .buffer = buffer,
                                .buffer_bytes = sizeof(buffer),
                                .format = true,
                                .extents = &tt_store_extents};
        REQUIRE(tt_store_open(&store, &parts) == TT_OK);
        for (unsigned j = 0; j < 5 + i * 20; j++)
            store_write(&store, keys[j % 4], j % 11, j % 9 == 8, j % 4 == 3 && geometry[2] > 0);
        for (uint32_t j = 0; j < parts.log_sectors; j++)
            zero_sums(&store, bytes + 1, j);
        save(folder, "store", i, bytes, sizeof(bytes));
    }
}

int main(int count, char **words)
{
    REQUIRE(count == 2);
    coap_seeds(words[1]);
    stream_seeds(words[1]);
    gossip_seeds(words[1]);
    dns_seeds(words[1]);
    line_seeds(words[1]);
    cbor_seeds(words[1]);
    plan_seeds(words[1]);
    graph_text_seeds(words[1]);
    store_seeds(words[1]);
    dump_seed(words[1], 0, true);
    dump_seed(words[1], 1, false);
    crowded_dump_seed(words[1], 2);
    return 0;
}
