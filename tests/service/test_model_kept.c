// A model in a store: there again at the next start without an upload, with the same bits;
// acknowledged when it is durable; replaced whole or not at all, wherever the power goes.

#include "tests/service/network.h"
#include "tests/service/store_bed.h"
#include "tutti/check.h"
#include "tutti/model_service.h"

#define WATCH (&devices[1])
#define HOST (&devices[0])

static tt_model_service service;
static uint8_t slots[2][SLOT_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static asked a;

static bool window;
static uint32_t unit = 4;

// A life of the device: what was in RAM is another's.
static void start(bool blank)
{
    devices_init();
    open_store(blank, unit, window);
    memset(slots, 0xa5, sizeof(slots));
    tt_model_options options = {.bus = &WATCH->bus,
                                .platform = &WATCH->platform,
                                .slots = {slots[0], slots[1]},
                                .slot_bytes = SLOT_BYTES,
                                .arena = arena,
                                .arena_bytes = ARENA_BYTES,
                                .keep = &tt_model_keeps,
                                .store = &store};
    REQUIRE(tt_model_service_init(&service, &options) == TT_OK);
}

static void turn(void)
{
    turn_store(ALL_STEPS);
    deliver();
}

static void put(const network *n)
{
    ask(&a, HOST, WATCH, TT_PUT, PATH, NULL, n->plan, n->length);
    turn();
}

static bool runs(const network *n)
{
    ask(&a, HOST, WATCH, TT_POST, PATH, NULL, image, PIXELS);
    if (a.done)
        return false;
    finish_work(WATCH);
    return answers_as(&a, n);
}

static void test_survives(void)
{
    start(true);
    EXPECT_TEXT(service.diagnostic, "");
    put(&first);
    EXPECT_ANSWER(a, TT_CREATED);
    EXPECT(runs(&first));
    for (int life = 0; life < 3; life++) {
        start(false);
        EXPECT_TEXT(service.diagnostic, "");
        EXPECT(runs(&first));
        ask(&a, HOST, WATCH, TT_GET, "ai/models", NULL, NULL, 0);
        EXPECT_TEXT(a.payload, "fashion");
        // In place, it takes no slot.
        EXPECT_EQUAL(service.plan.bytes == slots[0], !window);
    }
    put(&second);
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(runs(&second));
    start(false);
    EXPECT(runs(&second));
    ask(&a, HOST, WATCH, TT_DELETE, PATH, NULL, NULL, 0);
    EXPECT(!a.done); // it is not durable yet
    turn();
    EXPECT_ANSWER(a, TT_DELETED);
    start(false);
    ask(&a, HOST, WATCH, TT_POST, PATH, NULL, image, PIXELS);
    EXPECT_ANSWER(a, TT_PATH_NOT_FOUND);
    put(&second);
    EXPECT_ANSWER(a, TT_CREATED);
}

// The power goes at every so-manieth byte of a replacement: the old model or the new one is there,
// and the new one if it was acknowledged.
static void test_cuts(void)
{
    static uint8_t before[sizeof(medium_image)];
    unsigned acknowledged = 0, old = 0, new = 0;
    start(true);
    put(&first);
    EXPECT_ANSWER(a, TT_CREATED);
    memcpy(before, medium_image, sizeof(before));
    for (uint64_t points = 0; acknowledged < 3; points += second.length / 97 + 1) {
        memcpy(medium_image, before, sizeof(before));
        start(false);
        tt_tearing_power(&tearing, points);
        put(&second);
        bool is_acknowledged = a.done && a.code == TT_CHANGED;
        EXPECT(a.done && (is_acknowledged || a.code == TT_INTERNAL_ERROR));
        EXPECT(runs(is_acknowledged ? &second : &first)); // in this life still
        start(false);
        EXPECT_TEXT(service.diagnostic, "");
        bool is_new = runs(&second);
        EXPECT(is_new || (!is_acknowledged && runs(&first)));
        acknowledged += is_acknowledged;
        old += !is_new;
        new += is_new;
    }
    EXPECT(old > 50 && new >= 3);
}

// A sender that dies midway leaves the old model, in this life and the next.
static void test_sender_dies(void)
{
    static asked begun;
    static uint8_t bytes[TT_BUS_MESSAGE_MAX];
    start(true);
    put(&first);
    memset(&begun, 0, sizeof(begun));
    begun.call = (tt_call){.peer = WATCH->endpoint,
                           .method = TT_PUT,
                           .path = PATH,
                           .payload = second.plan,
                           .length = second.length,
                           .content_format = TT_FORMAT_OCTETS,
                           .accept = TT_FORMAT_NONE,
                           .on_reply = asked_reply,
                           .context = &begun};
    REQUIRE(tt_bus_call(&HOST->bus, time_now, &begun.call) == TT_OK);
    for (int i = 0; i < 8; i++) {
        device *from = i % 2 == 0 ? HOST : WATCH, *to = i % 2 == 0 ? WATCH : HOST;
        tt_endpoint peer;
        size_t length;
        REQUIRE(tt_bus_transmit(&from->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK);
        tt_bus_receive(&to->bus, time_now, &from->endpoint, bytes, length);
    }
    tt_bus_cancel(&HOST->bus, time_now, &begun.call);
    turn();
    EXPECT(runs(&first));
    start(false);
    EXPECT(runs(&first));
}

// Not acknowledged, and not the model, before the medium says that it is durable; nobody else's
// meanwhile.
static void test_acknowledged_when_durable(void)
{
    static asked other;
    start(true);
    put(&first);
    tearing.busy_program = tearing.busy_erase = tearing.busy_sync = 3;
    ask(&a, HOST, WATCH, TT_PUT, PATH, NULL, second.plan, second.length);
    EXPECT(!a.done);
    unsigned steps = 0;
    while (!service.keeping.write.synced && steps++ < ALL_STEPS)
        turn_store(1);
    deliver();
    EXPECT(!a.done && steps > 10);
    ask(&other, &devices[2], WATCH, TT_PUT, PATH, NULL, first.plan, first.length);
    EXPECT_ANSWER(other, TT_UNAVAILABLE);
    ask(&other, &devices[2], WATCH, TT_DELETE, PATH, NULL, NULL, 0);
    EXPECT_ANSWER(other, TT_UNAVAILABLE);
    asked answer = {0};
    ask(&answer, &devices[2], WATCH, TT_POST, PATH, NULL, image, PIXELS);
    finish_work(WATCH);
    EXPECT(answers_as(&answer, &first));
    turn();
    EXPECT_ANSWER(a, TT_CHANGED);
    EXPECT(runs(&second));
}

// An input that waits runs on the plan that was there when it came, whatever replaces it.
static void test_replaced_while_running(void)
{
    static asked answer;
    start(true);
    put(&first);
    ask(&answer, &devices[2], WATCH, TT_POST, PATH, NULL, image, PIXELS);
    put(&second);
    EXPECT_ANSWER(a, TT_CHANGED);
    put(&first); // where nothing is free for it, it is refused
    EXPECT(a.code == TT_CHANGED || a.code == TT_UNAVAILABLE);
    put(&second);
    EXPECT(a.code == TT_CHANGED || a.code == TT_UNAVAILABLE);
    finish_work(WATCH);
    EXPECT(answers_as(&answer, &first));
    EXPECT(runs(&second));
    for (int i = 0; i < 5; i++) {
        put(i % 2 == 0 ? &first : &second);
        EXPECT_ANSWER(a, TT_CHANGED);
        EXPECT(runs(i % 2 == 0 ? &first : &second));
    }
    EXPECT(!(service.pinned[0] && service.pinned[1]));
}

static void keep_value(const char *key, const void *value, size_t length)
{
    tt_store_change change = {
        .key = key, .value = value, .length = (uint32_t)length, .extent = true};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(&store, &write);
    turn_store(ALL_STEPS);
    REQUIRE(write.status == TT_OK);
}

// No room: the old model stays, and the refusal says how much there is.
static void test_no_room(void)
{
    static uint8_t large[BED_SECTOR * 40];
    start(true);
    put(&first);
    keep_value("device/large", large, sizeof(large));
    keep_value("device/larger", large, sizeof(large));
    keep_value("device/rest", large,
               BED_SECTOR * (120 - 80 - 2 * ((first.length - 1) / BED_SECTOR + 1) + 1));
    put(&second);
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT(strncmp(a.payload, "plan refused: the store has no room for ", 40) == 0);
    EXPECT(strstr(a.payload, " of 491520 are free") != NULL);
    EXPECT(runs(&first));
    start(false);
    EXPECT(runs(&first));
}

// Where keys are short it says so, and not that bytes are.
static void test_no_key_left(void)
{
    char key[32];
    start(true);
    for (int i = 0; i < BED_KEYS; i++) {
        snprintf(key, sizeof(key), "device/%d", i);
        keep_value(key, "", 0);
    }
    put(&second);
    EXPECT_ANSWER(a, TT_ENTITY_TOO_LARGE);
    EXPECT_TEXT(a.payload, "plan refused: no key is left; the store may hold 32");
    EXPECT(!runs(&first) && !runs(&second));
}

// What is kept and does not pass as a plan is not offered, and is no reason to stop.
static void test_hostile_medium(void)
{
    start(true);
    first.plan[first.length / 2] ^= 1;
    keep_value("model/fashion", first.plan, first.length);
    first.plan[first.length / 2] ^= 1;
    start(false);
    EXPECT(strncmp(service.diagnostic, "plan refused: ", 14) == 0);
    ask(&a, HOST, WATCH, TT_GET, "ai/models", NULL, NULL, 0);
    EXPECT_TEXT(a.payload, "");
    EXPECT(!service.pinned[0] && !service.pinned[1]);
    put(&first);
    EXPECT_ANSWER(a, TT_CREATED);
    start(false);
    EXPECT(runs(&first));

    start(true);
    keep_value("model/<no name>", first.plan, first.length);
    start(false);
    EXPECT(strncmp(service.diagnostic, "the plan cannot be read: ", 25) == 0);
    start(true);
    keep_value("model/long", medium_image, SLOT_BYTES + 1);
    start(false);
    EXPECT(service.diagnostic[0] != '\0' && service.name[0] == '\0');
}

int main(void)
{
    first = make_network(1);
    second = make_network(2);
    for (size_t i = 0; i < PIXELS; i++)
        image[i] = (uint8_t)(i * 7);
    for (int in_place = 0; in_place < 2; in_place++) {
        window = in_place;
        unit = in_place ? 1 : 512;
        test_survives();
        test_cuts();
        test_sender_dies();
        test_acknowledged_when_durable();
        test_replaced_while_running();
        test_no_room();
        test_no_key_left();
        test_hostile_medium();
    }
    return test_result();
}
