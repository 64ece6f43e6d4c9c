// How many requests a second one process takes from another over 127.0.0.1, each a datagram of its
// own with a token and an id of its own, non-confirmable, counted where its handler has run.
//
// Who tells asks the other how many have come, by a confirmable GET behind every quarter of a
// window, and is never more than a window ahead of the answer; a loss halves the window. That is
// all that keeps the loss low, and a program of a user's would do the same.
//
//     bench_rate [SECONDS [BYTES]]

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bus/rate.h"
#include "tutti/check.h"
#include "tutti/node.h"
#include "tutti/platform_linux.h"

#define WINDOW_MAX 4096u
#define WINDOW_MIN 64u
#define WINDOW_STEP 64u // more after an answer that shows no loss
#define A_TURN 256u     // told in one turn of the loop

static tt_platform_linux platform;
static tt_node node;

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_rate: %s\n", what);
    exit(1);
}

double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void make_body(uint8_t *bytes, size_t length, uint64_t number)
{
    for (size_t at = 0; at < length; at += sizeof(number)) {
        uint64_t word = number + at / sizeof(word);
        memcpy(bytes + at, &word, sizeof(word));
    }
}

void take_body(tally *t, const uint8_t *bytes, size_t length)
{
    uint64_t number;
    memcpy(&number, bytes, sizeof(number));
    t->count++;
    t->numbers += number;
    for (size_t at = 0; at + sizeof(number) <= length; at += sizeof(number)) {
        memcpy(&number, bytes + at, sizeof(number));
        t->words += number;
    }
}

bool is_right(const tally *t, size_t length, uint64_t sent)
{
    uint64_t words = length / sizeof(uint64_t), all = sent * (sent - 1) / 2;
    bool whole = t->words == words * t->numbers + t->count * (words * (words - 1) / 2);
    return whole && t->count <= sent && (t->count < sent || t->numbers == all);
}

void print_rate(const char *name, const tally *t, size_t length, uint64_t sent, double seconds)
{
    if (!is_right(t, length, sent))
        fail("what came is not what was sent");
    printf("bench bus.%s %.0f messages/s\n", name, (double)t->count / seconds);
    printf("bench bus.%s.lost %.4f percent\n", name,
           100 * (double)(sent - t->count) / (double)sent);
    fflush(stdout);
}

static void open_node(bool without_runs, void (*on_turn)(tt_node *node, tt_time now))
{
    tt_node_options options = {.port = 0, .on_turn = on_turn};
    if (tt_platform_linux_init(&platform) != TT_OK)
        fail("no platform");
    platform.without_runs = without_runs;
    if (tt_node_init(&node, &platform.platform, &options) != TT_OK)
        fail("a port cannot be opened");
}

// ---- the one that is told

static size_t body_bytes;

static void on_body(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    (void)now;
    bool right = request->length == body_bytes && request->offset == 0 && request->last;
    if (right)
        take_body(resource->context, request->payload, request->length);
    response->code = right ? TT_CHANGED : TT_BAD_REQUEST;
}

static void on_count(tt_resource *resource, tt_time now, const tt_request *request,
                     tt_response *response)
{
    (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, resource->context, sizeof(tally), 1);
}

static void serve(bool without_runs, int port_to)
{
    static tally came;
    static tt_resource
        bodies = {.path = "value", .handler = on_body, .context = &came, .methods = 1 << TT_POST},
        count = {.path = "count", .handler = on_count, .context = &came, .methods = 1 << TT_GET};
    open_node(without_runs, NULL);
    TT_CHECK(tt_bus_add(&node.bus, &bodies) == TT_OK);
    TT_CHECK(tt_bus_add(&node.bus, &count) == TT_OK);
    if (write(port_to, &node.port, sizeof(node.port)) != sizeof(node.port))
        fail("nobody waits for the port");
    tt_node_run(&node);
}

// ---- the one that tells

static struct {
    tt_endpoint peer;
    tt_call ask;
    tt_node_timer again;
    bool asks;
    uint64_t sent, sent_at_ask, lost;
    tally told;          // as last answered
    uint64_t window;     // beyond that
    double until, ended; // seconds
} sender;

static void ask(tt_time now);

static void on_told(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    if (reply->status != TT_OK || reply->length != sizeof(sender.told))
        fail("nobody tells how many have come");
    memcpy(&sender.told, reply->payload, sizeof(sender.told));
    sender.asks = false;
    uint64_t lost = sender.sent_at_ask - sender.told.count;
    if (lost > sender.lost && sender.window > WINDOW_MIN)
        sender.window /= 2;
    else if (lost <= sender.lost && sender.window < WINDOW_MAX)
        sender.window += WINDOW_STEP;
    sender.lost = lost;
    if (sender.sent_at_ask == sender.sent && now_seconds() >= sender.until) {
        sender.ended = now_seconds();
        tt_node_stop(&node);
    }
}

static void ask(tt_time now)
{
    sender.asks = true;
    sender.sent_at_ask = sender.sent;
    sender.ask = (tt_call){.peer = sender.peer,
                           .method = TT_GET,
                           .path = "count",
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_NONE,
                           .on_reply = on_told};
    if (tt_bus_call(&node.bus, now, &sender.ask) != TT_OK)
        fail("our call was refused");
}

static void go_on(tt_node *n, tt_time now, void *context)
{
    (void)n, (void)now, (void)context; // on_turn does it
}

static void tell(tt_node *n, tt_time now)
{
    static uint8_t body[BODY_MAX];
    static tt_datagram space;
    tt_call call = {.peer = sender.peer,
                    .method = TT_POST,
                    .path = "value",
                    .payload = body,
                    .length = body_bytes,
                    .content_format = TT_FORMAT_NONE};
    bool over = now_seconds() >= sender.until;
    uint64_t most = sender.told.count + sender.lost + sender.window;
    for (unsigned i = 0; i < A_TURN && !over && sender.sent < most; i++) {
        make_body(body, body_bytes, sender.sent);
        tt_status status = tt_node_tell(n, now, &call, &space);
        if (status == TT_FULL)
            break;
        if (status != TT_OK)
            fail("what is told was refused");
        sender.sent++;
    }
    if (!sender.asks && (over || sender.sent - sender.sent_at_ask >= sender.window / 4))
        ask(now);
    if (!over && sender.sent < most)
        tt_node_after(n, &sender.again, 0, go_on, NULL);
}

static void measure(const char *name, bool without_runs, double seconds)
{
    int pipe_ends[2];
    uint16_t port;
    if (pipe(pipe_ends) != 0)
        fail("no pipe");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // however this one ends
        serve(without_runs, pipe_ends[1]);
        _exit(1);
    }
    if (read(pipe_ends[0], &port, sizeof(port)) != sizeof(port))
        fail("the other process does not say its port");
    memset(&sender, 0, sizeof(sender));
    sender.peer = (tt_endpoint){.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = port};
    sender.window = WINDOW_MAX / 4;
    open_node(without_runs, tell);
    double begun = now_seconds();
    sender.until = begun + seconds;
    tt_node_run(&node);
    print_rate(name, &sender.told, body_bytes, sender.sent, sender.ended - begun);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void beside(const char *name, bool without_runs, double seconds)
{
    (void)without_runs;
    measure_mosquitto(name, body_bytes, seconds);
}

// Each in a process of its own, which leaves nothing to the next.
static void measure_apart(const char *name, void (*one)(const char *, bool, double),
                          bool without_runs, double seconds)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        one(name, without_runs, seconds);
        exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        exit(1);
}

int main(int count, char **words)
{
    static const struct {
        size_t bytes;
        const char *name, *mmsg, *mosquitto;
    } sizes[] = {{8, "rate_8b", "rate_8b.mmsg", "rate_8b.mosquitto"},
                 {1024, "rate_1k", "rate_1k.mmsg", "rate_1k.mosquitto"}};
    double seconds = count > 1 ? atof(words[1]) : 10;
    size_t only = count > 2 ? (size_t)atoi(words[2]) : 0;
    for (size_t i = 0; i < TT_COUNT(sizes); i++) {
        body_bytes = sizes[i].bytes;
        if (only != 0 && only != body_bytes)
            continue;
        measure_apart(sizes[i].name, measure, false, seconds);
        measure_apart(sizes[i].mmsg, measure, true, seconds);
        measure_apart(sizes[i].mosquitto, beside, false, seconds);
    }
    return 0;
}
