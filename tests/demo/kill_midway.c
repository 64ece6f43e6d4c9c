// A watch dies in the middle of a transfer: it is seen as gone within 5 s, found again after its
// restart with the model that it had, and the transfer starts over and completes. It dies again
// right behind the acknowledgement: then it answers with the new model's bits, without an upload.
//
//     demo_kill_midway FLEET PLAN REFERENCE      inside `tutti up --run`, where the watch has a
//     model

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/file.h"
#include "cli/fleet.h"
#include "tests/test.h"
#include "tutti/dataset.h"

#define KILL_AFTER_BYTES 10240
#define GONE_WITHIN_S 5.0
#define PATH "ai/models/fashion"
#define IMAGES 100
#define CLASSES 10

static tt_client client;
static const char *folder;
static char watch_name[TT_NAME_MAX];
static double killed_s, gone_s, found_s;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery;
    (void)now;
    (void)context;
    if (killed_s == 0 || strcmp(peer->name, watch_name) != 0)
        return;
    if (event == TT_PEER_GONE && gone_s == 0)
        gone_s = now_s();
    if (event == TT_PEER_FOUND && gone_s != 0 && found_s == 0)
        found_s = now_s();
}

static void kill_watch(tt_call *call, size_t sent)
{
    (void)call;
    if (sent < KILL_AFTER_BYTES || killed_s != 0)
        return;
    printf("killing %s after %zu of %zu bytes\n", watch_name, sent, call->length);
    killed_s = now_s();
    REQUIRE(tt_fleet_control("kill", folder, watch_name) == TT_EXIT_OK);
}

static const tt_peer *await_watch(void)
{
    const tt_peer *peer =
        tt_client_await(&client, "watch", NULL, tt_client_now(&client) + TT_SECONDS(20));
    REQUIRE(peer != NULL);
    return peer;
}

static tt_call call;
static uint8_t payload[512];
static tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};

static void ask(tt_method method, const void *bytes, size_t length, tt_code expected)
{
    call.method = method;
    call.payload = bytes;
    call.length = length;
    EXPECT_EQUAL(tt_client_ask(&client, &call, &answer), TT_OK);
    EXPECT_EQUAL(answer.code, expected);
}

// What GET says of the model, which has its checksum; not how many it answered.
static size_t describe(uint8_t *document)
{
    ask(TT_GET, NULL, 0, TT_CONTENT);
    const char *end = "answered";
    size_t length = 0;
    while (length + strlen(end) < answer.length && memcmp(payload + length, end, strlen(end)) != 0)
        length++;
    memcpy(document, payload, length);
    return length;
}

// The watch dies, or has died, and starts again; its address may be another.
static void restart_watch(void)
{
    killed_s = killed_s == 0 ? now_s() : killed_s;
    while (gone_s == 0 && now_s() < killed_s + 10)
        tt_client_turn(&client, tt_client_now(&client) + TT_MS(50));
    printf("seen as gone after %.2f s\n", gone_s - killed_s);
    EXPECT(gone_s != 0 && gone_s - killed_s <= GONE_WITHIN_S);
    double restarted_s = now_s();
    REQUIRE(tt_fleet_control("restart", folder, watch_name) == TT_EXIT_OK);
    while (found_s == 0 && now_s() < restarted_s + 20)
        tt_client_turn(&client, tt_client_now(&client) + TT_MS(50));
    printf("found again %.2f s after its restart\n", found_s - restarted_s);
    REQUIRE(found_s != 0);
    const tt_peer *watch = await_watch();
    EXPECT_TEXT(watch->name, watch_name); // the seed is the device's own, and with it the name
    call.peer = watch->endpoint;
}

static void expect_bits(const uint8_t *reference)
{
    tt_dataset train, test;
    REQUIRE(tt_fashion_mnist_load(&train, &test, NULL, NULL) == TT_OK);
    size_t pixels = test.rows * test.columns, equal = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        ask(TT_POST, test.images + i * pixels, pixels, TT_CONTENT);
        equal += answer.length == CLASSES && memcmp(payload, reference + i * CLASSES, CLASSES) == 0;
    }
    printf("%zu of %d images have the reference's bits\n", equal, IMAGES);
    EXPECT_EQUAL(equal, IMAGES);
}

int main(int count, char **words)
{
    REQUIRE(count == 4);
    folder = words[1];
    static uint8_t before[sizeof(payload)], after[sizeof(payload)];
    uint8_t *plan, *reference;
    size_t plan_bytes, reference_bytes;
    REQUIRE(tt_file_read("test", words[2], 1 << 20, &plan, &plan_bytes) == TT_EXIT_OK);
    REQUIRE(tt_file_read("test", words[3], 1 << 20, &reference, &reference_bytes) == TT_EXIT_OK);
    REQUIRE(reference_bytes >= (size_t)IMAGES * CLASSES);
    REQUIRE(tt_client_open(&client, "test", folder, false, on_peer, NULL) == TT_EXIT_OK);
    const tt_peer *watch = await_watch();
    snprintf(watch_name, sizeof(watch_name), "%s", watch->name);
    call = (tt_call){.peer = watch->endpoint,
                     .path = PATH,
                     .content_format = TT_FORMAT_OCTETS,
                     .accept = TT_FORMAT_NONE,
                     .timeout = TT_SECONDS(30)};
    size_t described = describe(before);

    call.method = TT_PUT;
    call.payload = plan;
    call.length = plan_bytes;
    call.on_progress = kill_watch;
    EXPECT_EQUAL(tt_client_ask(&client, &call, &answer), TT_TIMED_OUT);
    REQUIRE(killed_s != 0);
    call.on_progress = NULL;
    restart_watch();
    EXPECT(describe(after) == described && memcmp(before, after, described) == 0);

    // The same transfer from its first byte.
    ask(TT_PUT, plan, plan_bytes, TT_CHANGED);
    killed_s = gone_s = found_s = 0;
    REQUIRE(tt_fleet_control("kill", folder, watch_name) == TT_EXIT_OK);
    restart_watch();
    expect_bits(reference);
    return test_result();
}
