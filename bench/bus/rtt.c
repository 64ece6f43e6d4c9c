// The round trip of a confirmable GET with 8 bytes of answer, ours and libcoap's in turns in one
// run: a server process each, one client asking, 127.0.0.1, all on one CPU, so that the scheduler's
// choice of CPUs, which costs more than the whole exchange, plays no part. Prints the medians.
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
#define ROUNDS 20

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_rtt: %s\n", what);
    exit(1);
}

static tt_platform_linux platform;
static tt_node node;
static bool answered;
static tt_endpoint server = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}};

static void value(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    (void)resource, (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_NONE, ANSWER, ANSWER_BYTES, 1);
    response->has_version = false; // as libcoap's server answers
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
    static tt_resource resource = {.path = RESOURCE, .handler = value, .methods = 1 << TT_GET};
    open_node("bench", port);
    TT_CHECK(tt_bus_add(&node.bus, &resource) == TT_OK);
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

static void ask(void)
{
    static tt_call call;
    call = (tt_call){.peer = server,
                     .method = TT_GET,
                     .path = RESOURCE,
                     .content_format = TT_FORMAT_NONE,
                     .accept = TT_FORMAT_NONE,
                     .on_reply = on_reply};
    answered = false;
    if (tt_bus_call(&node.bus, platform.platform.operations->now(&platform.platform), &call) !=
        TT_OK)
        fail("our call was refused");
    while (tt_node_poll(&node), !answered)
        platform.platform.operations->wait(&platform.platform, tt_node_deadline(&node));
}

static const side ours = {"plain", 0, serve, open_client, ask};

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

int main(int count, char **words)
{
    const side *sides[2] = {&ours};
    unsigned side_count = 1, rounds = count > 1 ? (unsigned)atoi(words[1]) : ROUNDS;
    static double taken[2][ROUNDS * REQUESTS];
    pid_t servers[2];
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
#ifdef TT_WITH_LIBCOAP
    sides[side_count++] = &libcoap_side;
#else
    fprintf(stderr, "bench_rtt: without its peer: libcoap3-dev is not installed\n");
#endif
    if (rounds == 0 || rounds > ROUNDS)
        fail("1 to 20 rounds, please");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    for (unsigned i = 0; i < side_count; i++)
        servers[i] = start_server(sides[i], (uint16_t)(port + i));
    usleep(200000); // both listen
    for (unsigned i = 0; i < side_count; i++)
        sides[i]->open_client((uint16_t)(port + i));
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned i = 0; i < side_count; i++)
            for (unsigned k = 0; k < REQUESTS; k++) {
                double begun = now_us();
                sides[i]->ask();
                taken[i][round * REQUESTS + k] = now_us() - begun;
            }
    for (unsigned i = 0; i < side_count; i++) {
        kill(servers[i], SIGKILL);
        waitpid(servers[i], NULL, 0);
        qsort(taken[i], rounds * REQUESTS, sizeof(double), by_size);
        printf("bench bus.rtt_plain%s%s %.2f us\n", i > 0 ? "." : "", i > 0 ? sides[i]->name : "",
               taken[i][rounds * REQUESTS / 2]);
    }
    return 0;
}
