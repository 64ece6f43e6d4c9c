// What services are given by a product, and what they answer at their longest: texts, addresses and
// names of full length, paths that are taken, storage out of line, links over several blocks.

#include "bus/message.h"
#include "tests/bus/devices.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/crash_service.h"
#include "tutti/device_service.h"
#include "tutti/log_service.h"
#include "tutti/model_service.h"

#define WATCH (&devices[0])
#define HOST (&devices[1])
#define TV (&devices[2])

static size_t longest_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform;
    for (size_t i = 0; i < capacity; i++) {
        addresses[i] = (tt_endpoint){.port = 65535, .interface = 255};
        memset(addresses[i].ip, 0xff, sizeof(addresses[i].ip));
    }
    return capacity;
}

static const tt_platform_operations longest = {
    .now = device_now, .work = device_work, .addresses = longest_addresses};

static char texts[6][TT_DEVICE_TEXTS_MAX + 2];

static tt_device_options device_options(size_t length)
{
    static const char *const first = "abcdef";
    tt_device_options options = {.bus = &WATCH->bus,
                                 .platform = &WATCH->platform,
                                 .boot = UINT32_MAX,
                                 .starts = UINT32_MAX,
                                 .restarts = UINT32_MAX,
                                 .port = 65535};
    for (size_t i = 0; i < 6; i++) {
        size_t part = i < 5 ? length / 6 : length - 5 * (length / 6);
        memset(texts[i], first[i], part);
        texts[i][part] = '\0';
    }
    options.name = texts[0];
    options.kind = texts[1];
    options.board = texts[2];
    options.cpu = texts[3];
    options.version = texts[4];
    options.commit = texts[5];
    return options;
}

// TT_DEVICE_TEXTS_MAX: the longest document is whole.
static void test_longest_device(void)
{
    static tt_device_service service;
    asked a;
    devices_init();
    WATCH->platform.operations = &longest;
    tt_device_options options = device_options(TT_DEVICE_TEXTS_MAX + 1);
    EXPECT_EQUAL(tt_device_service_init(&service, &options), TT_TOO_LARGE);
    options = device_options(TT_DEVICE_TEXTS_MAX);
    REQUIRE(tt_device_service_init(&service, &options) == TT_OK);
    memset(&WATCH->bus.counters, 0xff, sizeof(WATCH->bus.counters));
    time_now = INT64_MAX / 2;
    tt_reader reader;
    tt_cbor_item item;
    ask(&a, HOST, WATCH, TT_GET, "device", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    tt_reader_init(&reader, a.payload, a.length);
    EXPECT(tt_cbor_skip(&reader) == TT_OK && tt_reader_left(&reader) == 0);
    tt_reader_init(&reader, a.payload, a.length);
    EXPECT(tt_cbor_find(&reader, "commit") == TT_OK && tt_cbor_next(&reader, &item) == TT_OK &&
           item.length == strlen(texts[5]) && memcmp(item.bytes, texts[5], item.length) == 0);
}

// A document that changes all the time is of one moment in blocks of 16 bytes, too.
static void test_device_in_blocks(void)
{
    static tt_device_service service;
    devices_init();
    WATCH->platform.operations = &longest;
    tt_device_options options = device_options(40);
    REQUIRE(tt_device_service_init(&service, &options) == TT_OK);
    const tt_resource *resource = &service.resource;
    uint8_t whole[sizeof(service.document)], space[TT_BUS_BLOCK_MAX];
    size_t length = 0;
    uint64_t version = 0;
    for (bool more = true; more; time_now += TT_SECONDS(100)) {
        tt_request request = {
            .method = TT_GET, .window_offset = length, .window_length = 16, .space = space};
        tt_response response = {.code = TT_INTERNAL_ERROR};
        resource->handler(&service.resource, time_now, &request, &response);
        REQUIRE(response.code == TT_CONTENT && response.has_version && response.length <= 16);
        EXPECT(length == 0 || response.version == version);
        version = response.version;
        memcpy(whole + length, response.payload, response.length);
        length += response.length;
        more = response.more;
    }
    tt_reader reader;
    tt_reader_init(&reader, whole, length);
    EXPECT(tt_cbor_skip(&reader) == TT_OK && tt_reader_left(&reader) == 0);
}

static void nothing(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    (void)resource, (void)now, (void)request, (void)response;
}

// A path that the product has given away already, and storage that it did not align.
static void test_products(void)
{
    static const char *const paths[] = {"device", "crash", "log", "ai/models", "ai/ask"};
    static tt_resource taken[TT_COUNT(paths)];
    static tt_device_service device_service;
    static tt_crash_service crash_service;
    static tt_log_service log_service;
    static tt_model_service model_service;
    static tt_ask_service ask_service;
    static _Alignas(TT_PLAN_ALIGNMENT) uint8_t storage[3][64];
    for (int is_taken = 0; is_taken < 2; is_taken++) {
        devices_init();
        for (size_t i = 0; is_taken && i < TT_COUNT(paths); i++) {
            taken[i] = (tt_resource){.path = paths[i], .handler = nothing};
            REQUIRE(tt_bus_add(&WATCH->bus, &taken[i]) == TT_OK);
        }
        tt_status expected = is_taken ? TT_EXISTS : TT_OK;
        tt_device_options own = device_options(40);
        tt_crash_options crash = {.bus = &WATCH->bus};
        tt_log_options log = {.bus = &WATCH->bus};
        tt_model_options model = {.bus = &WATCH->bus,
                                  .platform = &WATCH->platform,
                                  .slots = {storage[0], storage[1]},
                                  .slot_bytes = 63,
                                  .arena = storage[2],
                                  .arena_bytes = 63};
        tt_ask_options asks = {.bus = &WATCH->bus, .platform = &WATCH->platform};
        EXPECT_EQUAL(tt_device_service_init(&device_service, &own), expected);
        EXPECT_EQUAL(tt_crash_service_init(&crash_service, &crash), expected);
        EXPECT_EQUAL(tt_log_service_init(&log_service, &log), expected);
        EXPECT_EQUAL(tt_ask_service_init(&ask_service, &asks), expected);
        for (int i = 0; i < 4; i++) {
            tt_model_options odd = model;
            odd.slots[0] += i == 0;
            odd.slots[1] += i == 1;
            odd.arena = i == 2 ? storage[2] + 1 : storage[2];
            EXPECT_EQUAL(tt_model_service_init(&model_service, &odd),
                         i < 3 ? TT_INVALID : expected);
        }
    }
}

// A device that offers a model among many other links, and answers with TT_MODEL_OUTPUT_MAX bytes.
static uint8_t logits[TT_MODEL_OUTPUT_MAX + 1];
static size_t logit_count;

static void answer_logits(tt_resource *resource, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)resource, (void)now, (void)request;
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_OCTETS;
    response->payload = logits;
    response->length = logit_count;
}

static void test_longest_answer(void)
{
    static tt_resource others[60], model = {.path = "ai/models/12345678901234567890123",
                                            .type = TT_MODEL_TYPE,
                                            .handler = answer_logits,
                                            .methods = 1 << TT_POST};
    static char paths[TT_COUNT(others)][TT_BUS_PATH_MAX];
    static tt_ask_service ask_service;
    static tt_peer peer;
    asked a;
    devices_init();
    for (size_t i = 0; i < TT_COUNT(others); i++) { // links of several blocks, the model's in two
        snprintf(paths[i], sizeof(paths[i]), "a/%zu/%.*s", i, (int)(i % 40),
                 "................................................");
        others[i] = (tt_resource){
            .path = paths[i], .type = TT_MODEL_TYPE, .handler = nothing, .methods = 1 << TT_GET};
        REQUIRE(tt_bus_add(&WATCH->bus, &others[i]) == TT_OK);
        if (i == 40)
            REQUIRE(tt_bus_add(&WATCH->bus, &model) == TT_OK);
    }
    memset(peer.name, 'n', TT_NAME_MAX - 1);
    memset(peer.kind, 'k', TT_KIND_MAX - 1);
    memset(logits, 0x80, sizeof(logits));
    logits[TT_MODEL_OUTPUT_MAX - 1] = 1; // the class with the longest number
    peer.reported = true;
    memset(peer.endpoint.ip, 0xff, 16);
    peer.endpoint.port = 65535;
    peer.endpoint.interface = 255;
    WATCH->endpoint = peer.endpoint;
    tt_ask_options options = {&TV->bus, &TV->platform, &peer, 1};
    REQUIRE(tt_ask_service_init(&ask_service, &options) == TT_OK);
    // Wherever the border between two blocks falls in its link, the model is found.
    logit_count = 1;
    for (size_t i = 0; i < 70; i++) {
        size_t length = strlen(paths[i % 2]); // the first ones grow, in their places
        paths[i % 2][length] = '.';
        paths[i % 2][length + 1] = '\0';
        ask_service.chosen.port = 0; // forget who answered last
        ask(&a, HOST, TV, TT_POST, "ai/ask/12345678901234567890123", NULL, "i", 1);
        pass(TT_MS(10));
        EXPECT_ANSWER(a, TT_CONTENT);
    }
    for (logit_count = TT_MODEL_OUTPUT_MAX; logit_count <= sizeof(logits); logit_count++) {
        ask(&a, HOST, TV, TT_POST, "ai/ask/12345678901234567890123", "kind=KKKKKKKKKKKKKKK", "i",
            1);
        pass(TT_MS(10));
        if (logit_count > TT_MODEL_OUTPUT_MAX) {
            EXPECT_ANSWER(a, TT_INTERNAL_ERROR);
            EXPECT(strstr(a.payload, "too long an answer from nnn") != NULL);
            continue;
        }
        EXPECT_ANSWER(a, TT_CONTENT);
        tt_reader reader;
        tt_reader_init(&reader, a.payload, a.length);
        EXPECT(tt_cbor_skip(&reader) == TT_OK && tt_reader_left(&reader) == 0);
    }
}

// A line that comes between two looks at the log makes no window of a part.
static size_t log_held;

static size_t read_log(size_t offset, void *bytes, size_t capacity, uint64_t *version)
{
    size_t left = log_held > offset ? log_held - offset : 0;
    size_t length = left < capacity ? left : capacity;
    memset(bytes, 'l', length);
    *version = log_held;
    log_held += capacity > 1 ? 10 : 0;
    return length;
}

static void test_growing_log(void)
{
    static tt_log_service service;
    asked a;
    devices_init();
    tt_log_options options = {.bus = &WATCH->bus, .read = read_log};
    REQUIRE(tt_log_service_init(&service, &options) == TT_OK);
    for (size_t held = TT_BUS_BLOCK_MAX - 1; held <= TT_BUS_BLOCK_MAX + 1; held++) {
        log_held = held;
        ask(&a, HOST, WATCH, TT_GET, "log", NULL, NULL, 0);
        pass(TT_MS(10));
        EXPECT(a.done && (held < TT_BUS_BLOCK_MAX ? a.status == TT_OK && a.code == TT_CONTENT
                                                  : a.status == TT_DAMAGED));
    }
}

// An answer in several messages, which a stranger may give, is as long as all of them.
static void test_answer_in_pieces(void)
{
    static tt_ask_service ask_service;
    static tt_peer peer = {.name = "stranger", .kind = "kind", .reported = true};
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    static const uint8_t zeros[64];
    tt_endpoint to;
    size_t length;
    asked a;
    devices_init();
    peer.endpoint = (tt_endpoint){.ip = {[15] = 77}, .port = 7};
    tt_ask_options options = {&TV->bus, &TV->platform, &peer, 1};
    REQUIRE(tt_ask_service_init(&ask_service, &options) == TT_OK);
    ask_service.chosen = peer.endpoint; // it has answered before
    strcpy(ask_service.chosen_model, "m");
    strcpy(ask_service.chosen_name, peer.name);
    ask(&a, HOST, TV, TT_POST, "ai/ask/m", NULL, "i", 1);
    for (uint32_t i = 0; i < 5 && !a.done; i++) {
        const struct tt_call_state *s = &ask_service.call.state;
        uint64_t number = s->fetch_token != 0 ? s->fetch_token : s->token;
        tt_bus_token token = {.length = 8};
        tt_message_writer w;
        memcpy(token.bytes, &number, 8);
        tt_message_begin(&w, bytes, sizeof(bytes), TT_ACKNOWLEDGEMENT, TT_CONTENT, s->message_id,
                         &token);
        tt_message_option_block(&w, TT_OPTION_BLOCK2,
                                &(tt_block){.number = i, .more = i < 4, .exponent = 2});
        tt_message_payload(&w, zeros, sizeof(zeros));
        tt_bus_receive(&TV->bus, time_now, &peer.endpoint, w.out.data, w.out.length);
        deliver();
    }
    while (tt_bus_transmit(&TV->bus, &to, bytes, sizeof(bytes), &length) == TT_OK)
        ;
    EXPECT_ANSWER(a, TT_INTERNAL_ERROR); // 320 bytes
    EXPECT_TEXT(a.payload, "too long an answer from stranger");
}

int main(void)
{
    test_longest_device();
    test_device_in_blocks();
    test_products();
    test_longest_answer();
    test_answer_in_pieces();
    test_growing_log();
    return test_result();
}
