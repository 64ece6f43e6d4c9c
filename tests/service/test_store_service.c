// Values on the bus: put, read from any offset, listed, observed and deleted; acknowledged when
// they are durable and not before; refused where the path is hostile, a quota or the store is full.

#include "bus/message.h"
#include "tests/service/store_bed.h"
#include "tutti/check.h"
#include "tutti/store_service.h"

#define WATCH (&devices[0])
#define HOST (&devices[1])
#define TV (&devices[2])

static const tt_store_quota quotas[] = {{"data/", 8192, 0}, {"data/small/", 200, 0}};
static tt_store_service service;
static asked a;

// Turns of the watch's loop until nothing is under way.
static void turn(void)
{
    for (int i = 0; i < 1000; i++) {
        bool waits = tt_store_service_turn(&service, time_now);
        tt_status status = tt_store_step(&store);
        waits |= tt_store_service_turn(&service, time_now);
        tt_bus_advance(&WATCH->bus, time_now);
        deliver();
        if (status == TT_OK && !waits)
            return;
    }
}

static void test_many_quotas(void)
{
    static tt_store_quota many[TT_STORE_SERVICE_QUOTAS_MAX + 1];
    tt_store_service_options options = {
        .bus = &WATCH->bus, .store = &store, .quotas = many, .quota_count = TT_COUNT(many)};
    devices_init();
    open_store(true, 4, false);
    EXPECT_EQUAL(tt_store_service_init(&service, &options), TT_TOO_LARGE);
}

static void start(bool blank)
{
    devices_init();
    open_store(blank, 4, false);
    REQUIRE(tt_store_service_init(&service, &(tt_store_service_options){.bus = &WATCH->bus,
                                                                        .store = &store,
                                                                        .quotas = quotas,
                                                                        .quota_count = 2}) ==
            TT_OK);
}

static void request(tt_method method, const char *path, const void *bytes, size_t length)
{
    ask(&a, HOST, WATCH, method, path, NULL, bytes, length);
    turn();
}

static void put(const char *path, const char *text)
{
    request(TT_PUT, path, text, strlen(text));
}

static void expect_value(const char *path, const char *text)
{
    request(TT_GET, path, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, text);
}

static void test_values(void)
{
    start(true);
    request(TT_GET, "data/a", NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    EXPECT_TEXT(a.payload, "nothing is kept under data/a");
    put("data/a", "one");
    EXPECT_ANSWER(a, TT_CREATED);
    put("data/a", "another");
    EXPECT_ANSWER(a, TT_CHANGED);
    expect_value("data/a", "another");
    put("data/empty", "");
    EXPECT_ANSWER(a, TT_CREATED);
    expect_value("data/empty", "");
    request(TT_DELETE, "data/nothing", NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    request(TT_DELETE, "data/empty", NULL, 0);
    EXPECT_ANSWER(a, TT_DELETED);
    request(TT_GET, "data/empty", NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);

    start(false); // the next life
    expect_value("data/a", "another");
    request(TT_POST, "data/a", NULL, 0);
    EXPECT_ANSWER(a, TT_METHOD_NOT_ALLOWED);
}

// A value of several blocks, in both directions; one byte more than may be is refused.
static void test_long_value(void)
{
    static uint8_t value[TT_STORE_SERVICE_VALUE_MAX + 1];
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)('a' + i % 23);
    start(true);
    request(TT_PUT, "data/long", value, sizeof(value) - 1);
    EXPECT_ANSWER(a, TT_CREATED);
    static struct {
        asked asked;
        char more[TT_STORE_SERVICE_VALUE_MAX];
    } whole;
    ask(&whole.asked, HOST, WATCH, TT_GET, "data/long", NULL, NULL, 0);
    EXPECT(whole.asked.done && whole.asked.code == TT_CONTENT);
    EXPECT(memcmp(whole.asked.payload, value, 1024) == 0); // its first block; the rest is behind
    size_t length;
    static uint8_t there[sizeof(value)];
    EXPECT(tt_store_get(&store, "data/long", there, sizeof(there), &length) == TT_OK);
    EXPECT(length == sizeof(value) - 1 && memcmp(there, value, length) == 0);

    request(TT_PUT, "data/longer", value, sizeof(value));
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "a value has at most 2048 bytes; this one has 2049");
    request(TT_GET, "data/longer", NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
}

// GET of one block of a path, as a stranger may number it; the code of the answer.
static uint8_t block_code(const char *path, uint32_t number)
{
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    static uint16_t id = 1000;
    tt_message_writer w;
    tt_endpoint peer;
    tt_message answer;
    size_t length = 0;
    tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, ++id,
                     &(tt_bus_token){.length = 1, .bytes = {7}});
    tt_message_option_parts(&w, TT_OPTION_URI_PATH, path, '/');
    tt_message_option_block(&w, TT_OPTION_BLOCK2, &(tt_block){.number = number, .exponent = 6});
    tt_bus_receive(&WATCH->bus, time_now, &TV->endpoint, bytes, w.out.length);
    REQUIRE(tt_bus_transmit(&WATCH->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK);
    REQUIRE(tt_message_parse(&answer, bytes, length) == TT_OK);
    return answer.code;
}

// A block outside of a value, or of a list, is refused however far outside: nothing is read for it
// that the medium does not have.
static void test_far_blocks(void)
{
    static const uint32_t numbers[] = {1, 2, 511, 512, 65535, 1048575};
    start(true);
    put("data/x", "a short one");
    EXPECT_ANSWER(a, TT_CREATED);
    EXPECT_EQUAL(block_code("data/x", 0), TT_CONTENT);
    for (size_t i = 0; i < TT_COUNT(numbers); i++) {
        EXPECT_EQUAL(block_code("data/x", numbers[i]), TT_BAD_OPTION);
        EXPECT_EQUAL(block_code("data", numbers[i]), TT_BAD_OPTION);
    }
    EXPECT_EQUAL(tearing.misuses, 0);
    expect_value("data/x", "a short one");
}

static void test_lists(void)
{
    start(true);
    request(TT_GET, "data", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, "");
    put("data/b/two", "22");
    put("data/b/one", "1");
    put("data/b2", "333");
    request(TT_GET, "data", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT_TEXT(a.payload, "</data/b/one>;sz=1;v=2,</data/b/two>;sz=2;v=1,</data/b2>;sz=3;v=3");
    request(TT_GET, "data/b", NULL, 0);
    EXPECT_TEXT(a.payload, "</data/b/one>;sz=1;v=2,</data/b/two>;sz=2;v=1");
    put("data/b", "a value beside those below it");
    expect_value("data/b", "a value beside those below it");
    request(TT_GET, ".well-known/core", NULL, 0);
    EXPECT_TEXT(a.payload, "</data>;rt=\"tutti.data\";obs");

    // More than a window.
    for (int i = 0; i < 24; i++) {
        char path[64];
        snprintf(path, sizeof(path), "data/a-rather-long-name-so-that-many-fill-a-block/%02d", i);
        put(path, "x");
        EXPECT_ANSWER(a, TT_CREATED);
    }
    request(TT_GET, "data", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT(a.length > TT_BUS_BLOCK_MAX);
    EXPECT(strstr(a.payload, "block/00>;sz=1;v=5,</data") != NULL);
    EXPECT(strstr(a.payload, "block/23>;sz=1;v=28,</data/b>") != NULL);
}

// A window of a list reads keys for what is in it, and not for all that is behind or before it.
static void test_long_list(void)
{
    char path[64];
    start(true);
    for (int i = 0; i < BED_KEYS; i++) {
        snprintf(path, sizeof(path), "data/a-name-so-long-that-few-fill-a-block/%02d", i);
        put(path, "x");
        EXPECT_ANSWER(a, TT_CREATED);
    }
    size_t per_look = BED_KEYS * (1 + 44), in_block = 1024 / 55 + 2; // bytes of all keys; keys
    for (uint32_t block = 0; block < 3; block++) {
        uint64_t before = tearing.read_bytes;
        EXPECT_EQUAL(block_code("data", block), block < 2 ? TT_CONTENT : TT_BAD_OPTION);
        EXPECT(tearing.read_bytes - before < (in_block + 1) * (per_look + 200));
    }
    request(TT_GET, "data", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT(strstr(a.payload, "/00>;sz=1;v=1,</data/") != NULL);
    EXPECT(strstr(a.payload, "/31>;sz=1;v=32") != NULL);
    size_t length = a.length;
    EXPECT_EQUAL(block_code("data", 1), TT_CONTENT); // where the list is not begun before
    EXPECT_EQUAL(block_code("data", 0), TT_CONTENT);
    EXPECT_EQUAL(block_code("data/a", 0), TT_PATH_NOT_FOUND); // another list between windows
    EXPECT_EQUAL(block_code("data", 1), TT_CONTENT);
    request(TT_DELETE, path, NULL, 0); // what changed is another list
    request(TT_GET, "data", NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT(a.length < length && strstr(a.payload, "/31>") == NULL);
}

static void test_hostile_paths(void)
{
    static const char *const paths[] = {"data",       "data/",         "data//a",    "data/a/",
                                        "data/.",     "data/..",       "data/../a",  "data/a/.",
                                        "data/a b",   "data/\xc3\xa4", "data/a\x01", "data/a>,</b",
                                        "data/%2e%2e"};
    start(true);
    for (size_t i = 0; i < TT_COUNT(paths); i++) {
        // As a stranger's options may say them: our own sender cannot.
        static const tt_endpoint nobody;
        for (tt_method method = TT_PUT; method <= TT_DELETE; method++) {
            tt_request hostile = {.method = method,
                                  .peer = &nobody,
                                  .path = paths[i],
                                  .query = "",
                                  .payload = (const uint8_t *)"x",
                                  .length = method == TT_PUT,
                                  .last = true,
                                  .token = 1};
            tt_response response = {.code = TT_INTERNAL_ERROR};
            service.resource.handler(&service.resource, time_now, &hostile, &response);
            EXPECT_EQUAL(response.code, TT_BAD_REQUEST);
            EXPECT(!response.later && response.length > 0);
            turn();
        }
    }
    request(TT_GET, "data", NULL, 0);
    EXPECT_TEXT(a.payload, "");
    put("data/.a/...", "dots that mean nothing");
    EXPECT_ANSWER(a, TT_CREATED);
    // The longest path that the bus takes is a key.
    put("data/5678901234567890123456789012345678901234567890123456789012", "63");
    EXPECT_ANSWER(a, TT_CREATED);
    expect_value("data/5678901234567890123456789012345678901234567890123456789012", "63");
    // What is the device's own is out of reach.
    tt_store_change change = {.key = "device/name", .value = "watch", .length = 5};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(&store, &write);
    turn_store(ALL_STEPS);
    request(TT_GET, "device/name", NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
}

// What quotas count is what is there, whoever changes it.
static void expect_counted(void)
{
    tt_store_value value;
    char key[TT_STORE_KEY_MAX + 1] = "";
    uint64_t all = 0, small = 0;
    uint32_t keys = 0;
    while (tt_store_next(&store, "data/", key, &value) == TT_OK) {
        uint64_t cost = strlen(key) + 16 + value.length;
        all += cost;
        keys++;
        small += strncmp(key, "data/small/", 11) == 0 ? cost : 0;
    }
    EXPECT(service.is_counted && service.used[0].bytes == all && service.used[1].bytes == small);
    EXPECT_EQUAL(service.used[0].keys, keys);
}

static void test_counting(void)
{
    char path[32], text[64];
    tt_random random;
    tt_random_seed(&random, 5);
    start(true);
    for (int i = 0; i < 300; i++) {
        uint64_t draw = tt_random_u64(&random);
        snprintf(path, sizeof(path), "data/%s%u", draw & 1 ? "small/" : "",
                 (unsigned)(draw >> 1 & 3));
        memset(text, 'x', sizeof(text));
        text[draw >> 8 & 63] = '\0';
        if (draw >> 16 & 3)
            put(path, text);
        else
            request(TT_DELETE, path, NULL, 0);
        EXPECT(a.done);
        if (i == 150) { // the product's own
            tt_store_change change = {.key = "data/own", .value = "own", .length = 3};
            tt_store_write write = {.changes = &change, .count = 1};
            tt_store_begin(&store, &write);
            turn_store(ALL_STEPS);
            EXPECT(!service.is_counted);
            put("data/0", "x");
        }
        if (service.is_counted)
            expect_counted();
    }
    EXPECT(service.is_counted);
}

static void test_quotas(void)
{
    char text[256];
    start(true);
    memset(text, 'x', sizeof(text));
    text[150] = '\0';
    put("data/small/a", text);
    EXPECT_ANSWER(a, TT_CREATED); // 12 + 16 + 150 = 178 of 200
    put("data/small/b", "");
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "full: data/small/ may hold 200 bytes, of which 22 are free; this value "
                           "may have 0");
    text[150] = 'x', text[172] = '\0';
    put("data/small/a", text); // in its own place it may have all
    EXPECT_ANSWER(a, TT_CHANGED);
    text[172] = 'x', text[173] = '\0';
    put("data/small/a", text);
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "full: data/small/ may hold 200 bytes, of which 0 are free; this value "
                           "may have 172");
    put("data/other", text); // another quota
    EXPECT_ANSWER(a, TT_CREATED);
    request(TT_DELETE, "data/small/a", NULL, 0);
    EXPECT_ANSWER(a, TT_DELETED);
    put("data/small/b", "there is room again");
    EXPECT_ANSWER(a, TT_CREATED);

    service.options.quotas = quotas + 1; // without a quota for all
    service.options.quota_count = 1;
    service.is_counted = false;
    put("data/other", "x");
    EXPECT_ANSWER(a, TT_FORBIDDEN);
    EXPECT_TEXT(a.payload, "no quota is for data/other");
}

// A full store says how much is free, and stays readable; there is room to delete.
static void test_full_store(void)
{
    static char text[2001];
    char path[32];
    int kept = 0;
    start(true);
    service.options.quotas = NULL;
    service.options.quota_count = 0;
    memset(text, 'y', sizeof(text) - 1);
    for (; kept < BED_KEYS; kept++) {
        snprintf(path, sizeof(path), "data/%02d", kept);
        put(path, text);
        if (a.code != TT_CREATED)
            break;
    }
    EXPECT(kept > 4 && kept < BED_KEYS);
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT(strncmp(a.payload, "full: the store may hold ", 25) == 0);
    EXPECT(strstr(a.payload, " are free; this value may have ") != NULL);
    put("data/00", "shorter"); // TT_FULL or not, nothing is lost
    expect_value("data/01", text);
    request(TT_DELETE, "data/01", NULL, 0);
    EXPECT_ANSWER(a, TT_DELETED);
    for (; kept < BED_KEYS + 2; kept++) {
        snprintf(path, sizeof(path), "data/k%02d", kept);
        put(path, "");
    }
    start(false);
    expect_value("data/02", text);
}

// No key is left: the index is full, not the medium.
static void test_no_key_left(void)
{
    char path[32];
    start(true);
    for (int i = 0; i < BED_KEYS; i++) {
        snprintf(path, sizeof(path), "data/%02d", i);
        put(path, "");
        EXPECT_ANSWER(a, TT_CREATED);
    }
    put("data/more", "");
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "no key is left: the store may hold 32 keys, and has 32");
}

static tt_status put_own(const char *key, bool extent)
{
    tt_store_change change = {.key = key, .value = "own", .length = 3, .extent = extent};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(&store, &write);
    turn_store(ALL_STEPS);
    return write.status;
}

// Values that cost no bytes use up the keys of their quota, and none of those that are left for
// the device: neither while they are there nor where others come in the place of deleted ones.
static void test_keys_reserved(void)
{
    static const tt_store_quota with_keys[] = {{"data/", 8192, 20}, {"data/small/", 4096, 8}};
    char path[32];
    start(true);
    service.options.quotas = with_keys;
    for (int i = 0; i < 28; i++) {
        snprintf(path, sizeof(path), "data/%s%02d", i < 20 ? "" : "small/", i);
        put(path, "");
        EXPECT_ANSWER(a, TT_CREATED);
        if (i == 19) {
            put("data/more", "");
            EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
            EXPECT_TEXT(a.payload, "no key is left: data/ may hold 20 keys, and has 20");
        }
    }
    put("data/small/more", "");
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "no key is left: data/small/ may hold 8 keys, and has 8");
    put("data/small/20", "a key that is there already");
    EXPECT_ANSWER(a, TT_CHANGED);
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "data/small/%02d", 20 + i);
        request(TT_DELETE, path, NULL, 0);
        EXPECT_ANSWER(a, TT_DELETED);
        snprintf(path, sizeof(path), "data/small/%02d", 28 + i);
        put(path, "");
        EXPECT_ANSWER(a, TT_CREATED);
    }
    EXPECT_EQUAL(put_own("device/name", false), TT_OK);
    EXPECT_EQUAL(put_own("device/crash", true), TT_OK);
    EXPECT_EQUAL(put_own("model/a", true), TT_OK);
    EXPECT_EQUAL(put_own("device/start", false), TT_OK);
    EXPECT_EQUAL(put_own("device/one-more", false), TT_FULL);
}

// Not acknowledged before the medium has synced it, whatever the medium takes for that; and what
// was not acknowledged is as it was where the power goes meanwhile.
static void test_durable(void)
{
    start(true);
    put("data/a", "old");
    tearing.busy_program = tearing.busy_sync = 50;
    ask(&a, HOST, WATCH, TT_PUT, "data/a", NULL, "new", 3);
    unsigned turns = 0;
    while (!a.done && turns < 1000) {
        uint64_t syncs = tearing.syncs;
        tt_store_service_turn(&service, time_now);
        tt_store_step(&store);
        tt_store_service_turn(&service, time_now);
        deliver();
        EXPECT(!a.done || (syncs >= 2 && tearing.busy == 0));
        turns++;
    }
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(turns > 100);

    for (uint64_t points = 0; points < 40; points++) {
        start(true);
        put("data/a", "old");
        EXPECT_ANSWER(a, TT_CREATED);
        tt_tearing_power(&tearing, points);
        put("data/a", "new");
        bool acknowledged = a.done && a.code == TT_CHANGED;
        EXPECT(a.done && (acknowledged || a.code == TT_INTERNAL_ERROR));
        start(false);
        request(TT_GET, "data/a", NULL, 0);
        EXPECT_ANSWER(a, TT_CONTENT);
        EXPECT(strcmp(a.payload, "new") == 0 || (!acknowledged && strcmp(a.payload, "old") == 0));
    }
}

// While the medium is busy a GET waits, and is answered behind it; two at a time.
static void test_reads_wait(void)
{
    static asked reads[3], change;
    start(true);
    put("data/a", "old");
    tearing.busy_program = tearing.busy_sync = 20;
    ask(&change, HOST, WATCH, TT_PUT, "data/a", NULL, "new", 3);
    tt_store_service_turn(&service, time_now);
    for (int i = 0; i < 10 && tearing.busy == 0; i++)
        tt_store_step(&store);
    for (int i = 0; i < 3; i++)
        ask(&reads[i], TV, WATCH, TT_GET, i == 0 ? "data/a" : "data", NULL, NULL, 0);
    EXPECT(!reads[0].done && !reads[1].done);
    EXPECT_ANSWER(reads[2], TT_UNAVAILABLE);
    ask(&a, TV, WATCH, TT_PUT, "data/b", NULL, "x", 1);
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    EXPECT_TEXT(a.payload, "another value is being put");
    turn();
    EXPECT_ANSWER(change, TT_CHANGED);
    EXPECT_ANSWER(reads[0], TT_CONTENT);
    EXPECT(strcmp(reads[0].payload, "old") == 0 || strcmp(reads[0].payload, "new") == 0);
    EXPECT_ANSWER(reads[1], TT_CONTENT);
    EXPECT(strncmp(reads[1].payload, "</data/a>;sz=3;v=", 17) == 0);
}

// A sender that falls silent in the midst of a value leaves the old one, and in 2.5 s the place to
// others, whatever their path.
static void test_sender_dies(void)
{
    static char text[2001];
    static asked begun;
    memset(text, 'z', sizeof(text) - 1);
    start(true);
    put("data/a", "old");
    memset(&begun, 0, sizeof(begun));
    begun.call = (tt_call){.peer = WATCH->endpoint,
                           .method = TT_PUT,
                           .path = "data/a",
                           .payload = text,
                           .length = strlen(text),
                           .content_format = TT_FORMAT_OCTETS,
                           .accept = TT_FORMAT_NONE,
                           .on_reply = asked_reply,
                           .context = &begun};
    REQUIRE(tt_bus_call(&TV->bus, time_now, &begun.call) == TT_OK);
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint peer;
    size_t length;
    REQUIRE(tt_bus_transmit(&TV->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK);
    tt_bus_receive(&WATCH->bus, time_now, &TV->endpoint, bytes, length);
    tt_bus_cancel(&TV->bus, time_now, &begun.call);
    put("data/b", "x");
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    expect_value("data/a", "old");
    pass(TT_BUS_TRANSFER_YIELD);
    put("data/b", "x");
    EXPECT_ANSWER(a, TT_CREATED);
    expect_value("data/a", "old");
}

static void observe(asked *seen, const char *path)
{
    memset(seen, 0, sizeof(*seen));
    seen->call = (tt_call){.peer = WATCH->endpoint,
                           .method = TT_GET,
                           .path = path,
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_NONE,
                           .observe = true,
                           .on_reply = asked_reply,
                           .context = seen};
    REQUIRE(tt_bus_call(&TV->bus, time_now, &seen->call) == TT_OK);
    deliver();
}

static void test_observing(void)
{
    static asked value, list, other;
    start(true);
    put("data/a/x", "1");
    put("data/b", "1");
    observe(&value, "data/a/x");
    observe(&list, "data/a");
    observe(&other, "data/b");
    EXPECT_TEXT(value.payload, "1");
    EXPECT_TEXT(list.payload, "</data/a/x>;sz=1;v=1");
    uint64_t sent = WATCH->bus.observers[2].told;
    put("data/a/x", "2");
    EXPECT_TEXT(value.payload, "2");
    EXPECT_TEXT(list.payload, "</data/a/x>;sz=1;v=3");
    EXPECT(WATCH->bus.observers[2].told == sent);  // nothing of its own
    tearing.busy_program = tearing.busy_sync = 20; // told when it can be read
    put("data/a/y", "3");
    EXPECT_TEXT(list.payload, "</data/a/x>;sz=1;v=3,</data/a/y>;sz=1;v=4");
    EXPECT(!value.done && !list.done && !other.done);
    request(TT_DELETE, "data/a/x", NULL, 0);
    EXPECT_TEXT(list.payload, "</data/a/y>;sz=1;v=4");
    EXPECT(value.done && value.code == TT_PATH_NOT_FOUND); // the last that it hears
}

// The newest state is told again, confirmably, once it is quiet: by then the medium may be busy
// with another's value. That is no end of the observation.
static void test_observed_while_busy(void)
{
    static asked value, putting;
    start(true);
    put("data/a", "1");
    observe(&value, "data/a");
    put("data/a", "2");
    put("data/a", "3"); // not confirmable
    EXPECT_TEXT(value.payload, "3");
    tearing.busy_program = tearing.busy_sync = 100000;
    ask(&putting, HOST, WATCH, TT_PUT, "data/b", NULL, "x", 1);
    for (int i = 0; i < 100 && tearing.busy == 0; i++) {
        tt_store_service_turn(&service, time_now);
        (void)tt_store_step(&store);
    }
    EXPECT(tearing.busy > 0);
    pass(TT_SECONDS(2));
    EXPECT(!value.done && !putting.done);
    tearing.busy_program = tearing.busy_sync = tearing.busy = 0;
    turn();
    EXPECT_ANSWER(putting, TT_CREATED);
    put("data/a", "4");
    pass(TT_SECONDS(1));
    EXPECT_TEXT(value.payload, "4");
    EXPECT(!value.done);
}

// Who begins to observe while the medium is busy hears of changes like any other.
static void test_begun_while_busy(void)
{
    static asked value, own, putting;
    start(true);
    put("data/a", "1");
    tearing.busy_program = tearing.busy_sync = 100000;
    ask(&putting, HOST, WATCH, TT_PUT, "data/b", NULL, "x", 1);
    for (int i = 0; i < 100 && tearing.busy == 0; i++) {
        tt_store_service_turn(&service, time_now);
        (void)tt_store_step(&store);
    }
    observe(&value, "data/a");
    own = (asked){.call = value.call};
    own.call.context = &own;
    own.call.peer = (tt_endpoint){0};
    REQUIRE(tt_bus_call(&WATCH->bus, time_now, &own.call) == TT_OK);
    pass(TT_MS(100));
    EXPECT_TEXT(value.payload, "");
    EXPECT_TEXT(own.payload, "");
    tearing.busy_program = tearing.busy_sync = tearing.busy = 0;
    turn();
    EXPECT_TEXT(value.payload, "1");
    EXPECT_TEXT(own.payload, "1");
    put("data/a", "2");
    EXPECT_TEXT(value.payload, "2");
    EXPECT_TEXT(own.payload, "2");
    EXPECT(!value.done && !own.done);
}

int main(void)
{
    test_values();
    test_long_value();
    test_far_blocks();
    test_lists();
    test_long_list();
    test_hostile_paths();
    test_many_quotas();
    test_counting();
    test_quotas();
    test_full_store();
    test_no_key_left();
    test_keys_reserved();
    test_durable();
    test_reads_wait();
    test_sender_dies();
    test_observing();
    test_observed_while_busy();
    test_begun_while_busy();
    return test_result();
}
