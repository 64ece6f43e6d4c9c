// The round trip of a confirmable GET with 8 bytes of answer, and the GET and the PUT of 1 MiB:
// ours as streams and in blocks, and libcoap's in blocks, in turns in one run: a server process
// each, one client asking, 127.0.0.1, all on one CPU, so that the scheduler's choice of CPUs, which
// costs more than the whole exchange, plays no part. Prints the medians.
//
//     bench_rtt [ROUNDS]

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bus/rtt.h"
#include "tutti/check.h"
#include "tutti/node.h"
#include "tutti/platform_linux.h"

#define REQUESTS 1000      // a round
#define ROUNDS 5           // fewer messages than there are ids to one peer in four minutes
#define FETCHES 3          // a round
#define IN_BLOCKS "blocks" // the same as LONG_RESOURCE, not as a stream

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_rtt: %s\n", what);
    exit(1);
}

static tt_platform_linux platform;
static tt_node node;
static bool answered;
uint8_t long_bytes[LONG_BYTES];
static tt_endpoint server = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}};

static void value(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_NONE, ANSWER, ANSWER_BYTES, 1);
    response->has_version = false; // as libcoap's server answers
}

static void give_long(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, long_bytes, LONG_BYTES, 1);
}

// Pieces in any order.
static void take_long(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    static size_t come;
    (void)resource, (void)now;
    come = (request->offset == 0 ? 0 : come) + request->length;
    bool right = request->offset + request->length <= LONG_BYTES &&
                 memcmp(request->payload, long_bytes + request->offset, request->length) == 0 &&
                 (!request->last || come == LONG_BYTES);
    response->code = !right ? TT_ENTITY_INCOMPLETE : request->last ? TT_CHANGED : TT_CONTINUE;
}

static void long_handler(tt_resource *resource, tt_time now, const tt_request *request,
                         tt_response *response)
{
    if (request->method == TT_GET)
        give_long(resource, now, request, response);
    else
        take_long(resource, now, request, response);
}

static void open_node(const char *name, uint16_t port)
{
    tt_node_options options = {.name = name, .kind = "bench", .port = port};
    if (tt_platform_linux_init(&platform) != TT_OK ||
        tt_node_init(&node, &platform.platform, &options) != TT_OK)
        fail("our port cannot be opened");
}

static void serve(uint16_t port)
{
    static tt_resource resource = {.path = RESOURCE, .handler = value, .methods = 1 << TT_GET},
                       long_resource = {.path = LONG_RESOURCE,
                                        .handler = long_handler,
                                        .methods = 1 << TT_GET | 1 << TT_PUT,
                                        .any_order = true},
                       in_blocks = {.path = IN_BLOCKS,
                                    .handler = long_handler,
                                    .methods = 1 << TT_GET | 1 << TT_PUT};
    open_node("bench", port);
    TT_CHECK(tt_bus_add(&node.bus, &resource) == TT_OK);
    TT_CHECK(tt_bus_add(&node.bus, &long_resource) == TT_OK);
    TT_CHECK(tt_bus_add(&node.bus, &in_blocks) == TT_OK);
    tt_node_run(&node);
}

static void open_client(uint16_t port)
{
    open_node(NULL, 0);
    server.port = port;
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    if (reply->status != TT_OK || reply->length != ANSWER_BYTES ||
        memcmp(reply->payload, ANSWER, ANSWER_BYTES) != 0)
        fail("our answer is wrong");
    answered = true;
}

static void on_piece(tt_call *call, tt_time now, const tt_reply *reply)
{
    static size_t come;
    (void)call, (void)now;
    if (reply->status != TT_OK || reply->offset + reply->length > LONG_BYTES ||
        memcmp(reply->payload, long_bytes + reply->offset, reply->length) != 0)
        fail("our long answer is wrong");
    come = (reply->offset == 0 ? 0 : come) + reply->length;
    if (reply->last && come != LONG_BYTES)
        fail("our long answer is not whole");
    answered = reply->last;
}

static void on_taken(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    if (reply->status != TT_OK || reply->code != TT_CHANGED)
        fail("what we put was not taken");
    answered = true;
}

static void request(tt_method method, const char *path, tt_reply_handler *handler)
{
    static tt_call call;
    call = (tt_call){.peer = server,
                     .method = method,
                     .path = path,
                     .payload = method == TT_PUT ? long_bytes : NULL,
                     .length = method == TT_PUT ? LONG_BYTES : 0,
                     .any_order = true,
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .on_reply = handler};
    answered = false;
    if (tt_bus_call(&node.bus, platform.platform.operations->now(&platform.platform), &call) !=
        TT_OK)
        fail("our call was refused");
    while (tt_node_poll(&node), !answered)
        platform.platform.operations->wait(&platform.platform, tt_node_deadline(&node));
}

static void ask(void)
{
    request(TT_GET, RESOURCE, on_reply);
}

static void fetch(void)
{
    request(TT_GET, LONG_RESOURCE, on_piece);
}

static void fetch_blocks(void)
{
    request(TT_GET, IN_BLOCKS, on_piece);
}

static void give(void)
{
    request(TT_PUT, LONG_RESOURCE, on_taken);
}

static void give_blocks(void)
{
    request(TT_PUT, IN_BLOCKS, on_taken);
}

static const side ours = {"plain", 0, serve, open_client, ask, fetch, give};
static const side blocks = {"blocks", 0, NULL, NULL, ask, fetch_blocks, give_blocks};

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static pid_t start_server(const side *s, uint16_t port)
{
    pid_t child = fork();
    if (child == 0) {
        s->serve(port);
        _exit(1);
    }
    return child;
}

static void measure(void (*act)(void), double *taken_us, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        double begun = now_us();
        act();
        taken_us[i] = now_us() - begun;
    }
}

int main(int count, char **words)
{
    const side *sides[3] = {&ours, &blocks};
    unsigned side_count = 2, rounds = count > 1 ? (unsigned)atoi(words[1]) : ROUNDS;
    static double taken[3][ROUNDS * REQUESTS], fetched[3][ROUNDS * FETCHES],
        given[3][ROUNDS * FETCHES];
    pid_t servers[3];
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
#ifdef TT_WITH_LIBCOAP
    sides[side_count++] = &libcoap_side;
#else
    fprintf(stderr, "bench_rtt: without its peer: libcoap3-dev is not installed\n");
#endif
    if (rounds == 0 || rounds > ROUNDS)
        fail("1 to 5 rounds, please");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    for (size_t i = 0; i < LONG_BYTES; i++)
        long_bytes[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < side_count; i++) // without a server of its own: it asks the last one
        servers[i] =
            sides[i]->serve != NULL ? start_server(sides[i], (uint16_t)(port + i)) : servers[i - 1];
    usleep(200000); // both listen
    for (unsigned i = 0; i < side_count; i++)
        if (sides[i]->serve != NULL)
            sides[i]->open_client((uint16_t)(port + i));
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < side_count; i++) {
            measure(sides[i]->ask, &taken[i][round * REQUESTS], REQUESTS);
            measure(sides[i]->fetch, &fetched[i][round * FETCHES], FETCHES);
            measure(sides[i]->give, &given[i][round * FETCHES], FETCHES);
        }
    for (unsigned i = 0; i < side_count; i++) {
        if (sides[i]->serve != NULL) {
            kill(servers[i], SIGKILL);
            waitpid(servers[i], NULL, 0);
        }
        const char *dot = i > 0 ? "." : "", *name = i > 0 ? sides[i]->name : "";
        qsort(taken[i], rounds * REQUESTS, sizeof(double), by_size);
        qsort(fetched[i], rounds * FETCHES, sizeof(double), by_size);
        qsort(given[i], rounds * FETCHES, sizeof(double), by_size);
        printf("bench bus.rtt_plain%s%s %.2f us\n", dot, name, taken[i][rounds * REQUESTS / 2]);
        printf("bench bus.get_1m%s%s %.2f ms\n", dot, name,
               fetched[i][rounds * FETCHES / 2] / 1000);
        printf("bench bus.put_1m%s%s %.2f ms\n", dot, name, given[i][rounds * FETCHES / 2] / 1000);
    }
    return 0;
}
