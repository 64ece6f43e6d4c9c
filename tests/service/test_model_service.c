// Models on the bus: plans that come block by block, good and bad, inferences that a worker
// computes while a new plan arrives, and a device without a model that asks for one.

#include "tests/service/network.h"
#include "tutti/bytes.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/model_service.h"

static device *const host = &devices[0], *const watch = &devices[1];
static device *const tv = &devices[2], *const car = &devices[3];

static tt_model_service service, car_service;
static tt_ask_service ask_service;
static tt_peer peers[4];
static uint8_t slots[4][SLOT_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static uint8_t arenas[2][ARENA_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static asked a; // the answer to the newest question that needs no other name

// The watch's service, with one slot or two.
static void init_service(uint8_t *second_slot)
{
    tt_model_options options = {.bus = &watch->bus,
                                .platform = &watch->platform,
                                .slots = {slots[0], second_slot},
                                .slot_bytes = SLOT_BYTES,
                                .arena = arenas[0],
                                .arena_bytes = ARENA_BYTES};
    REQUIRE(tt_model_service_init(&service, &options) == TT_OK);
}

static void start(void)
{
    devices_init();
    init_service(slots[1]);
}

static void put(const void *plan, size_t length)
{
    ask(&a, host, watch, TT_PUT, PATH, NULL, plan, length);
}

static void expect_model_in_place(const network *n)
{
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT(!a.done); // nothing is computed on the loop
    finish_work(watch);
    EXPECT(answers_as(&a, n));
}

// The car sends the second plan, a few datagrams each way; then nothing moves.
static void begin_upload(asked *begun)
{
    memset(begun, 0, sizeof(*begun));
    begun->call = (tt_call){.peer = watch->endpoint,
                            .method = TT_PUT,
                            .path = PATH,
                            .payload = second.plan,
                            .length = second.length,
                            .content_format = TT_FORMAT_OCTETS,
                            .accept = TT_FORMAT_NONE,
                            .on_reply = asked_reply,
                            .context = begun};
    REQUIRE(tt_bus_call(&car->bus, time_now, &begun->call) == TT_OK);
    for (int i = 0; i < 6; i++) {
        static uint8_t bytes[TT_BUS_MESSAGE_MAX];
        device *from = i % 2 == 0 ? car : watch, *to = i % 2 == 0 ? watch : car;
        tt_endpoint peer;
        size_t length;
        if (tt_bus_transmit(&from->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK)
            tt_bus_receive(&to->bus, time_now, &from->endpoint, bytes, length);
    }
}

static void begin_one_slot_upload(asked *begun)
{
    devices_init();
    init_service(NULL);
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
    expect_model_in_place(&first);
    begin_upload(begun);
}

// A device with one slot: the new plan is written over the old one.
static void test_one_slot(void)
{
    devices_init();
    init_service(NULL);
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
    expect_model_in_place(&first);
    put(second.plan, second.length);
    EXPECT_ANSWER(a, TT_CHANGED);
    expect_model_in_place(&second);

    // Not while it runs.
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    asked other = {0};
    ask(&other, host, watch, TT_PUT, PATH, NULL, first.plan, first.length);
    EXPECT_ANSWER(other, TT_UNAVAILABLE);
    finish_work(watch);
    EXPECT(answers_as(&a, &second));

    // One that is refused has cost the old one.
    first.plan[first.length / 2] ^= 1;
    put(first.plan, first.length);
    first.plan[first.length / 2] ^= 1;
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
    expect_model_in_place(&first);
}

static void expect_being_replaced(void)
{
    static const tt_method methods[] = {TT_GET, TT_POST};
    for (size_t i = 0; i < TT_COUNT(methods); i++) {
        ask(&a, host, watch, methods[i], PATH, NULL, image, methods[i] == TT_POST ? PIXELS : 0);
        EXPECT_ANSWER(a, TT_UNAVAILABLE);
        EXPECT_TEXT(a.payload, "its plan is being replaced, and not whole");
    }
}

// Over a device's only model a new plan is half written when its sender dies. Until it is silent
// for ten seconds the model may come back; then it is gone, and the place free for any other.
static void test_one_slot_sender_dies(void)
{
    static asked begun, seen;
    begin_one_slot_upload(&begun);
    tt_bus_cancel(&car->bus, time_now, &begun.call);
    tt_time silent_from = time_now;
    expect_being_replaced();
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    pass(silent_from + TT_SECONDS(10) - 1 - time_now);
    expect_being_replaced();
    pass(1);
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    EXPECT_TEXT(a.payload, "no such model: fashion");
    ask(&a, host, watch, TT_GET, "ai/models", NULL, NULL, 0);
    EXPECT_TEXT(a.payload, "");
    ask(&a, host, watch, TT_GET, ".well-known/core", "rt=" TT_MODEL_TYPE, NULL, 0);
    EXPECT_TEXT(a.payload, "");
    ask(&seen, host, watch, TT_PUT, "ai/models/other", NULL, first.plan, first.length);
    EXPECT_ANSWER(seen, TT_CREATED);
}

// Whoever comes next need not ask first: its plan is written over what is not whole.
static void test_one_slot_next_sender(void)
{
    static asked begun;
    begin_one_slot_upload(&begun);
    tt_bus_cancel(&car->bus, time_now, &begun.call);
    pass(TT_SECONDS(10));
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CHANGED);
    expect_model_in_place(&first);
    begin_one_slot_upload(&begun);
    tt_bus_cancel(&car->bus, time_now, &begun.call);
    pass(TT_SECONDS(10));
    ask(&a, host, watch, TT_PUT, "ai/models/other", NULL, first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
}

// The sender that fell silent and the one that begins anew may be the same.
static void test_one_slot_begins_anew(void)
{
    static asked begun;
    begin_one_slot_upload(&begun);
    tt_bus_cancel(&car->bus, time_now, &begun.call);
    ask(&a, car, watch, TT_PUT, PATH, NULL, second.plan, second.length);
    EXPECT_ANSWER(a, TT_CHANGED);
    expect_model_in_place(&second);
    pass(TT_SECONDS(11)); // nothing is under way any more
    expect_model_in_place(&second);
}

// The device's power is cut in mid-upload: it comes up without a model, whatever lies in the slot;
// the sender's next piece is refused, and a whole plan taken.
static void test_power_cut(uint8_t *second_slot)
{
    static asked begun;
    begin_one_slot_upload(&begun);
    watch->bus = (tt_bus){0};
    tt_bus_init(&watch->bus, time_now, 99);
    init_service(second_slot);
    pass(TT_SECONDS(3)); // the car says its piece again, and there is no such stream
    EXPECT(begun.done && begun.status == TT_RESET);
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    ask(&a, host, watch, TT_GET, "ai/models", NULL, NULL, 0);
    EXPECT_TEXT(a.payload, "");
    ask(&a, car, watch, TT_PUT, PATH, NULL, second.plan, second.length);
    EXPECT_ANSWER(a, TT_CREATED);
    expect_model_in_place(&second);
}

static void test_life(void)
{
    start();
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    EXPECT_TEXT(a.payload, "no such model: fashion");
    ask(&a, host, watch, TT_DELETE, "ai/models", NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_METHOD_NOT_ALLOWED);

    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
    expect_model_in_place(&first);
    put(second.plan, second.length);
    EXPECT_ANSWER(a, TT_CHANGED);
    expect_model_in_place(&second);

    ask(&a, host, watch, TT_GET, ".well-known/core", "rt=" TT_MODEL_TYPE, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    EXPECT(strstr(a.payload, "</" PATH ">") != NULL);
    ask(&a, host, watch, TT_GET, "ai/models", NULL, NULL, 0);
    EXPECT_TEXT(a.payload, "fashion");
    ask(&a, host, watch, TT_GET, PATH, NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_CONTENT);
    tt_reader reader;
    tt_cbor_item item;
    tt_reader_init(&reader, a.payload, a.length);
    REQUIRE(tt_cbor_find(&reader, "bytes") == TT_OK && tt_cbor_next(&reader, &item) == TT_OK);
    EXPECT_EQUAL(item.number, second.length);

    ask(&a, host, watch, TT_PUT, "ai/models/other", NULL, first.plan, first.length);
    EXPECT_ANSWER(a, TT_FORBIDDEN);
    ask(&a, host, watch, TT_DELETE, PATH, NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_DELETED);
    ask(&a, host, watch, TT_GET, PATH, NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
}

static void fix_checksum(uint8_t *plan, size_t length)
{
    tt_writer writer;
    tt_writer_init(&writer, plan + 12, 4);
    tt_write_le32(&writer, tt_crc32(0, plan + 16, length - 16));
}

// Which models a device has can be observed.
static void test_observe(void)
{
    static asked seen;
    start();
    memset(&seen, 0, sizeof(seen));
    seen.call = (tt_call){.peer = watch->endpoint,
                          .method = TT_GET,
                          .path = "ai/models",
                          .observe = true,
                          .content_format = TT_FORMAT_NONE,
                          .accept = TT_FORMAT_NONE,
                          .on_reply = asked_reply,
                          .context = &seen};
    REQUIRE(tt_bus_call(&host->bus, time_now, &seen.call) == TT_OK);
    deliver();
    EXPECT_EQUAL(seen.code, TT_CONTENT);
    EXPECT_TEXT(seen.payload, "");
    put(first.plan, first.length);
    pass(TT_MS(1));
    EXPECT_TEXT(seen.payload, "fashion");
    ask(&a, host, watch, TT_DELETE, PATH, NULL, NULL, 0);
    pass(TT_MS(1));
    EXPECT_TEXT(seen.payload, "");
    EXPECT(!seen.done);
    tt_bus_cancel(&host->bus, time_now, &seen.call);
}

// Whatever is wrong with a plan, the model in place goes on answering as before.
static void test_bad_plans(void)
{
    static uint8_t bad[SLOT_BYTES + 1];
    start();
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);

    memcpy(bad, second.plan, second.length);
    bad[second.length / 2] ^= 4; // one bit
    put(bad, second.length);
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT(strstr(a.payload, "plan refused: checksum: expected ") == a.payload);
    expect_model_in_place(&first);

    put(second.plan, second.length - 1000); // cut short
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT(strstr(a.payload, "plan refused: length of the plan in bytes: expected ") == a.payload);
    expect_model_in_place(&first);

    put(bad, 10);
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT_TEXT(a.payload,
                "plan refused: length of the plan in bytes, at least: expected 80, found 10");

    put(bad, sizeof(bad)); // larger than a slot
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT(strstr(a.payload, "this device takes at most 81920") != NULL);
    expect_model_in_place(&first);

    memcpy(bad, second.plan, second.length);
    tt_writer writer;
    tt_writer_init(&writer, bad + 24, 4);
    tt_write_le32(&writer, ARENA_BYTES + 4);
    fix_checksum(bad, second.length);
    put(bad, second.length);
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "plan refused: it needs an arena of 16388 bytes, this device has 16384"
                           " bytes");
    expect_model_in_place(&first);
}

// What takes too long is refused as what is too large: by the product's limit, and by the one that
// holds where the product states none.
static void test_computation(void)
{
    tt_plan plan;
    REQUIRE(tt_plan_open(&plan, first.plan, first.length, NULL) == TT_OK);
    EXPECT_EQUAL(tt_plan_operations(&plan), 981888 + 28 * 28 * 12 + 14 * 14 * 24); // 2x2 poolings
    start();
    EXPECT_EQUAL(service.options.operations_max, TT_MODEL_OPERATIONS_MAX);
    service.options.operations_max = tt_plan_operations(&plan) - 1;
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "plan refused: a run of it takes 996000 operations, this device allows "
                           "at most 995999");
    service.options.operations_max++;
    put(first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
    expect_model_in_place(&first);

    // Poolings of the whole image: small as a plan, and hours of comparing.
    static uint8_t slow[TT_PLAN_HEADER_BYTES + 64 * TT_PLAN_STEP_BYTES]
        __attribute__((aligned(TT_PLAN_ALIGNMENT)));
    tt_plan_header h = {.magic = TT_PLAN_MAGIC,
                        .version = TT_PLAN_VERSION,
                        .header_bytes = TT_PLAN_HEADER_BYTES,
                        .bytes = sizeof(slow),
                        .step_count = 64,
                        .steps = TT_PLAN_HEADER_BYTES,
                        .arena_bytes = ARENA_BYTES,
                        .input_bytes = 1,
                        .output_bytes = 1,
                        .input_shape = {1, 1, 1},
                        .output_shape = {1, 1, 1}};
    tt_plan_step s = {.kind = TT_STEP_MAX_POOL,
                      .stride_rows = 1,
                      .stride_columns = 1,
                      .in = {1, 1, 1},
                      .out = {90, 90, 1},
                      .window = {90, 90},
                      .before = {89, 89},
                      .output = 8192};
    tt_writer w;
    tt_writer_init(&w, slow, sizeof(slow));
    w.length = TT_PLAN_HEADER_BYTES;
    for (int i = 0; i < 64; i++) {
        tt_plan_step_write(&w, &s);
        s.in[0] = s.in[1] = 90;
        s.input = s.output;
        s.output = 8192 - s.output;
    }
    w.length = 0;
    tt_plan_header_write(&w, &h);
    fix_checksum(slow, sizeof(slow));
    tt_text why;
    char sentence[200];
    tt_text_init(&why, sentence, sizeof(sentence));
    REQUIRE(tt_plan_open(&plan, slow, sizeof(slow), &why) == TT_OK);
    start();
    put(slow, sizeof(slow));
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT(strstr(a.payload, " operations, this device allows at most 32000000") != NULL);
}

static void test_bad_images(void)
{
    start();
    put(first.plan, first.length);
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS - 1);
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT_TEXT(a.payload, "the input has 783 bytes, the model expects 784");
    static uint8_t large[5000]; // comes in blocks
    ask(&a, host, watch, TT_POST, PATH, NULL, large, sizeof(large));
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT_TEXT(a.payload, "the input has 5000 bytes, the model expects 784");
    ask(&a, host, watch, TT_POST, PATH, NULL, NULL, 0);
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT_EQUAL(watch->work_count, 0);
    expect_model_in_place(&first);
    // The right size, but block by block, as a client with small messages would send it.
    static const uint8_t block[] = "\x40\x02\x01\x01\xb2"
                                   "ai\x06models\x07"
                                   "fashion\xd1\x03\x0a\xd2\x14\x03\x10\xff";
    uint8_t message[sizeof(block) - 1 + 64] = {0}, bytes[TT_BUS_MESSAGE_MAX];
    memcpy(message, block, sizeof(block) - 1);
    tt_endpoint peer;
    size_t length;
    tt_bus_receive(&watch->bus, time_now, &host->endpoint, message, sizeof(message));
    for (int i = 0; i < 2; i++) // the acknowledgement, then the answer
        REQUIRE(tt_bus_transmit(&watch->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK);
    static const char refusal[] = "the input came in blocks, the first of 64 bytes; the model "
                                  "expects one message of 784 bytes";
    EXPECT(bytes[1] == TT_BAD_REQUEST && length > sizeof(refusal) &&
           memcmp(bytes + length - (sizeof(refusal) - 1), refusal, sizeof(refusal) - 1) == 0);
}

// Names that would break the links that tell of the model.
static void test_names(void)
{
    static const char *const bad[] = {"ai/models/a>b",
                                      "ai/models/a,b",
                                      "ai/models/a\"b",
                                      "ai/models/a/b",
                                      "ai/models/abcdefghijklmnopqrstuvwx",
                                      "ai/models"};
    start();
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        ask(&a, host, watch, TT_PUT, bad[i], NULL, first.plan, first.length);
        EXPECT_ANSWER(a, TT_BAD_REQUEST);
    }
    ask(&a, host, watch, TT_PUT, "ai/models/Fashion_v1.2~-", NULL, first.plan, first.length);
    EXPECT_ANSWER(a, TT_CREATED);
}

// A new plan arrives while inferences run: each is computed with the plan that was in place when
// its input came, and the memory of a plan in use is not written to.
static void test_replace_while_running(void)
{
    static asked running, waiting, surplus;
    start();
    put(first.plan, first.length);
    ask(&running, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    put(second.plan, second.length);
    EXPECT_ANSWER(a, TT_CHANGED);
    ask(&waiting, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    ask(&surplus, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(surplus, TT_UNAVAILABLE);
    EXPECT_TEXT(surplus.payload, "busy: too many inputs wait already");
    EXPECT_EQUAL(watch->work_count, 1); // one at a time: they share the arena
    put(first.plan, first.length);      // it would go where the running inference reads
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    EXPECT(!running.done && !waiting.done);
    finish_work(watch);
    EXPECT(answers_as(&running, &first));
    EXPECT(!waiting.done);
    put(first.plan, first.length); // now its slot is free; the waiting one has the other
    EXPECT_ANSWER(a, TT_CHANGED);
    finish_work(watch);
    EXPECT(answers_as(&waiting, &second));
    expect_model_in_place(&first);
}

static void test_workers_taken(void)
{
    start();
    put(first.plan, first.length);
    watch->works_max = 0;
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    EXPECT_TEXT(a.payload, "busy: no worker is free");
    watch->works_max = TT_WORKS_MAX;
    expect_model_in_place(&first);

    static asked waiting; // one that was taken, whose turn comes when no worker is free
    ask(&a, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    ask(&waiting, host, watch, TT_POST, PATH, NULL, image, PIXELS);
    watch->works_max = 0;
    finish_work(watch);
    EXPECT(answers_as(&a, &first));
    EXPECT_ANSWER(waiting, TT_UNAVAILABLE);
    watch->works_max = TT_WORKS_MAX;
    expect_model_in_place(&first);
}

// A transfer that stops midway leaves the model in place; another sender may begin 2.5 s
// later.
static void test_abandoned(void)
{
    start();
    put(first.plan, first.length);
    static asked abandoned;
    begin_upload(&abandoned);
    tt_bus_cancel(&car->bus, time_now, &abandoned.call);
    EXPECT_EQUAL(abandoned.status, TT_CANCELLED);
    deliver();
    expect_model_in_place(&first);
    put(second.plan, second.length);
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    pass(TT_BUS_TRANSFER_YIELD);
    put(second.plan, second.length);
    EXPECT_ANSWER(a, TT_CHANGED);
    expect_model_in_place(&second);
}

static void discover(tt_peer *peer, const char *kind, const device *d)
{
    *peer = (tt_peer){.endpoint = d->endpoint, .boot = 1, .reported = true};
    snprintf(peer->name, sizeof(peer->name), "%s-1", kind);
    snprintf(peer->kind, sizeof(peer->kind), "%s", kind);
}

// What the TV's answer says of the device that computed it.
static bool came_from(const asked *answer, const char *kind)
{
    tt_reader reader;
    tt_cbor_item item;
    tt_reader_init(&reader, answer->payload, answer->length);
    return answer->done && answer->code == TT_CONTENT && tt_cbor_find(&reader, "kind") == TT_OK &&
           tt_cbor_next(&reader, &item) == TT_OK && item.length == strlen(kind) &&
           memcmp(item.bytes, kind, item.length) == 0;
}

static bool logits_are_of(const asked *answer, const network *n)
{
    int8_t expected[CLASSES];
    tt_reader reader;
    tt_cbor_item item;
    REQUIRE(tt_quantised_run(n->quantised, image, expected) == TT_OK);
    tt_reader_init(&reader, answer->payload, answer->length);
    return tt_cbor_find(&reader, "logits") == TT_OK && tt_cbor_next(&reader, &item) == TT_OK &&
           item.length == CLASSES && memcmp(item.bytes, expected, CLASSES) == 0;
}

static void ask_tv(const char *query)
{
    ask(&a, host, tv, TT_POST, "ai/ask/fashion", query, image, PIXELS);
}

// The TV holds no model and finds one by itself.
static void test_ask(void)
{
    start();
    memset(peers, 0, sizeof(peers));
    tt_ask_options options = {&tv->bus, &tv->platform, peers, 4};
    REQUIRE(tt_ask_service_init(&ask_service, &options) == TT_OK);
    ask_tv(NULL);
    EXPECT_ANSWER(a, TT_UNAVAILABLE);
    EXPECT_TEXT(a.payload, "no device offers the model fashion");

    discover(&peers[0], "linux", host); // it answers, but has no such resource
    discover(&peers[2], "watch", watch);
    ask_tv(NULL);
    EXPECT_ANSWER(a, TT_UNAVAILABLE); // the watch has no model yet
    put(first.plan, first.length);
    ask_tv(NULL);
    EXPECT(!a.done);
    finish_work(watch);
    EXPECT(came_from(&a, "watch"));
    EXPECT(logits_are_of(&a, &first));

    tt_model_options car_options = {.bus = &car->bus,
                                    .platform = &car->platform,
                                    .slots = {slots[2], slots[3]},
                                    .slot_bytes = SLOT_BYTES,
                                    .arena = arenas[1],
                                    .arena_bytes = ARENA_BYTES};
    REQUIRE(tt_model_service_init(&car_service, &car_options) == TT_OK);
    discover(&peers[3], "car", car);
    ask(&a, host, car, TT_PUT, PATH, NULL, second.plan, second.length);
    EXPECT_ANSWER(a, TT_CREATED);
    ask_tv("kind=car");
    finish_work(car);
    EXPECT(came_from(&a, "car"));
    EXPECT(logits_are_of(&a, &second));
    ask_tv("kind=phone");
    EXPECT_ANSWER(a, TT_UNAVAILABLE);

    // Whoever answered last goes; the question finds the other.
    ask_tv("kind=car");
    finish_work(car);
    peers[3].reported = false;
    ask_tv(NULL);
    finish_work(watch);
    EXPECT(came_from(&a, "watch"));

    // The model's own refusal reaches the asker with its sentence.
    ask(&a, host, tv, TT_POST, "ai/ask/fashion", NULL, image, PIXELS - 1);
    EXPECT_ANSWER(a, TT_BAD_REQUEST);
    EXPECT_TEXT(a.payload, "the input has 783 bytes, the model expects 784");
}

int main(void)
{
    tt_random random;
    tt_random_seed(&random, 7);
    tt_random_bytes(&random, image, sizeof(image));
    first = make_network(1);
    second = make_network(2);
    test_life();
    test_one_slot();
    test_one_slot_sender_dies();
    test_one_slot_next_sender();
    test_one_slot_begins_anew();
    test_power_cut(NULL);
    test_power_cut(slots[1]);
    test_observe();
    test_bad_plans();
    test_computation();
    test_bad_images();
    test_names();
    test_replace_while_running();
    test_workers_taken();
    test_abandoned();
    test_ask();
    free(first.plan);
    free(second.plan);
    tt_quantised_free(first.quantised);
    tt_quantised_free(second.quantised);
    return test_result();
}
