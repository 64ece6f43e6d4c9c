// Asks a device many times, and its model: what test_line.py lets loose on a device at the end of a
// line.
//
//     line_asker plan FILE              writes the plan of a network with random weights
//     line_asker ask NET NAME NUMBER    so many GETs of /device, then an image to that network,
//     whose
//                                       answer must be right

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "tests/ai/convert/made_up_plan.h"

#define SEED 7

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "line_asker: %s\n", what);
    exit(1);
}

static void write_plan(const char *path)
{
    uint8_t *plan;
    size_t length;
    tt_quantised *network = made_up_network(SEED);
    FILE *file = fopen(path, "wb");
    if (tt_quantised_emit(network, &plan, &length, NULL) != TT_OK || file == NULL ||
        fwrite(plan, 1, length, file) != length || fclose(file) != 0)
        fail("the plan cannot be written");
    printf("plan of %zu bytes\n", length);
    free(plan);
    tt_quantised_free(network);
}

static tt_client client;
static uint8_t payload[2048];
static tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};

static void ask(tt_call *call)
{
    call->accept = TT_FORMAT_NONE;
    call->timeout = TT_SECONDS(60);
    if (tt_client_ask(&client, call, &answer) != TT_OK || answer.code != TT_CONTENT)
        fail(answer.status != TT_OK ? tt_status_text(answer.status) : "an answer of another kind");
}

static void ask_device(const tt_endpoint *peer)
{
    tt_call call = {.peer = *peer, .method = TT_GET, .path = "device"};
    call.content_format = TT_FORMAT_NONE;
    ask(&call);
}

static void ask_model(const tt_endpoint *peer)
{
    uint8_t image[MADE_UP_PIXELS];
    int8_t expected[MADE_UP_CLASSES];
    tt_quantised *network = made_up_network(SEED);
    for (size_t i = 0; i < MADE_UP_PIXELS; i++)
        image[i] = (uint8_t)(i * i);
    if (tt_quantised_run(network, image, expected) != TT_OK)
        fail("the network cannot be computed");
    tt_quantised_free(network);
    tt_call call = {.peer = *peer,
                    .method = TT_POST,
                    .path = "ai/models/random",
                    .payload = image,
                    .length = MADE_UP_PIXELS,
                    .content_format = TT_FORMAT_OCTETS};
    ask(&call);
    if (answer.length != MADE_UP_CLASSES || memcmp(payload, expected, MADE_UP_CLASSES) != 0)
        fail("the model's answer is wrong");
}

int main(int count, char **words)
{
    if (count == 3 && strcmp(words[1], "plan") == 0) {
        write_plan(words[2]);
        return 0;
    }
    if (count != 5 || strcmp(words[1], "ask") != 0)
        fail("expected plan FILE, or ask NET NAME NUMBER");
    if (tt_client_open(&client, "asker", words[2], false, NULL, NULL) != TT_EXIT_OK)
        return 1;
    const tt_peer *found =
        tt_client_await(&client, NULL, words[3], tt_client_now(&client) + TT_SECONDS(20));
    if (found == NULL)
        fail("the device was not found");
    tt_endpoint peer = found->endpoint;
    tt_time began = tt_client_now(&client);
    int number = atoi(words[4]);
    for (int i = 0; i < number; i++)
        ask_device(&peer);
    printf("%d answers in %lld ms\n", number,
           (long long)((tt_client_now(&client) - began) / TT_MS(1)));
    ask_model(&peer);
    printf("the model answers as it should\n");
    return 0;
}
