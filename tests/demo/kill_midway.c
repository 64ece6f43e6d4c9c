// A watch dies in the middle of a transfer: it is seen as gone within 5 s, found again after its
// restart, and the transfer starts over and completes.
//
//     demo_kill_midway FLEET PLAN REFERENCE      inside `tutti up --run`
//
// What the watch had acknowledged is lost with its RAM; nothing promises otherwise before there is
// storage.

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

int main(int count, char **words)
{
    REQUIRE(count == 4);
    folder = words[1];
    uint8_t *plan, *reference, payload[512];
    size_t plan_bytes, reference_bytes;
    REQUIRE(tt_file_read("test", words[2], 1 << 20, &plan, &plan_bytes) == TT_EXIT_OK);
    REQUIRE(tt_file_read("test", words[3], 1 << 20, &reference, &reference_bytes) == TT_EXIT_OK);
    REQUIRE(tt_client_open(&client, "test", folder, false, on_peer, NULL) == TT_EXIT_OK);
    const tt_peer *watch = await_watch();
    snprintf(watch_name, sizeof(watch_name), "%s", watch->name);

    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_call call = {.peer = watch->endpoint,
                    .method = TT_PUT,
                    .path = PATH,
                    .payload = plan,
                    .length = plan_bytes,
                    .content_format = TT_FORMAT_OCTETS,
                    .accept = TT_FORMAT_NONE,
                    .timeout = TT_SECONDS(30),
                    .on_progress = kill_watch};
    EXPECT_EQUAL(tt_client_ask(&client, &call, &answer), TT_TIMED_OUT);
    REQUIRE(killed_s != 0);
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

    // The same transfer from its first byte; the watch has no model, so it is created.
    watch = await_watch();
    EXPECT_TEXT(watch->name, watch_name); // the seed is the device's own, and with it the name
    call.peer = watch->endpoint;
    call.on_progress = NULL;
    EXPECT_EQUAL(tt_client_ask(&client, &call, &answer), TT_OK);
    EXPECT_EQUAL(answer.code, TT_CREATED);

    tt_dataset train, test;
    REQUIRE(tt_fashion_mnist_load(&train, &test, NULL, NULL) == TT_OK);
    call.method = TT_POST;
    call.payload = test.images;
    call.length = test.rows * test.columns;
    EXPECT_EQUAL(tt_client_ask(&client, &call, &answer), TT_OK);
    EXPECT_EQUAL(answer.length, 10);
    EXPECT(memcmp(answer.payload, reference, 10) == 0);
    return test_result();
}
