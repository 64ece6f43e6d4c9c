// The round trip of a confirmable GET with 8 bytes of answer, and the GET of 1 MiB in blocks, ours
// and libcoap's in turns in one run: a server process each, one client asking, 127.0.0.1, all on
// one CPU, so that the scheduler's choice of CPUs, which costs more than the whole exchange, plays
// no part. Prints the medians.
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

#define REQUESTS 1000 // a round
#define ROUNDS 12     // fewer messages than there are ids to one peer in four minutes
#define FETCHES 3     // a round

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
                       long_resource = {
                           .path = LONG_RESOURCE, .handler = give_long, .methods = 1 << TT_GET};
    open_node("bench", port);
    TT_CHECK(tt_bus_add(&node.bus, &resource) == TT_OK);
    TT_CHECK(tt_bus_add(&node.bus, &long_resource) == TT_OK);
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
    (void)call, (void)now;
    if (reply->status != TT_OK || reply->offset + reply->length > LONG_BYTES ||
        memcmp(reply->payload, long_bytes + reply->offset, reply->length) != 0 ||
        (reply->last && reply->offset + reply->length != LONG_BYTES))
        fail("our long answer is wrong");
    answered = reply->last;
}

static void get(const char *path, tt_reply_handler *handler)
{
    static tt_call call;
    call = (tt_call){.peer = server,
                     .method = TT_GET,
                     .path = path,
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
    get(RESOURCE, on_reply);
}

static void fetch(void)
{
    get(LONG_RESOURCE, on_piece);
}

static const side ours = {"plain", 0, serve, open_client, ask, fetch};

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
    const side *sides[2] = {&ours};
    unsigned side_count = 1, rounds = count > 1 ? (unsigned)atoi(words[1]) : ROUNDS;
    static double taken[2][ROUNDS * REQUESTS], fetched[2][ROUNDS * FETCHES];
    pid_t servers[2];
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
#ifdef TT_WITH_LIBCOAP
    sides[side_count++] = &libcoap_side;
#else
    fprintf(stderr, "bench_rtt: without its peer: libcoap3-dev is not installed\n");
#endif
    if (rounds == 0 || rounds > ROUNDS)
        fail("1 to 12 rounds, please");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    for (size_t i = 0; i < LONG_BYTES; i++)
        long_bytes[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < side_count; i++)
        servers[i] = start_server(sides[i], (uint16_t)(port + i));
    usleep(200000); // both listen
    for (unsigned i = 0; i < side_count; i++)
        sides[i]->open_client((uint16_t)(port + i));
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < side_count; i++) {
            measure(sides[i]->ask, &taken[i][round * REQUESTS], REQUESTS);
            measure(sides[i]->fetch, &fetched[i][round * FETCHES], FETCHES);
        }
    for (unsigned i = 0; i < side_count; i++) {
        kill(servers[i], SIGKILL);
        waitpid(servers[i], NULL, 0);
        const char *dot = i > 0 ? "." : "", *name = i > 0 ? sides[i]->name : "";
        qsort(taken[i], rounds * REQUESTS, sizeof(double), by_size);
        qsort(fetched[i], rounds * FETCHES, sizeof(double), by_size);
        printf("bench bus.rtt_plain%s%s %.2f us\n", dot, name, taken[i][rounds * REQUESTS / 2]);
        printf("bench bus.get_1m%s%s %.2f ms\n", dot, name,
               fetched[i][rounds * FETCHES / 2] / 1000);
    }
    return 0;
}
