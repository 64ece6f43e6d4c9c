// A node that is flooded answers all the same: one process serves, one sends it random datagrams
// and mutated requests, and this one asks it properly a hundred times.
//
// The flooder sends BURST datagrams and rests a millisecond, far more than the devices' network
// could carry, for at most SECONDS_MAX. A proper request is confirmable, so it has five attempts.

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/node.h"
#include "tutti/platform_linux.h"
#include "tutti/random.h"

#define REQUESTS 100
#define ANSWER_BYTES 8
#define ANSWERS_MIN 95
#define PACE TT_MS(50)     // from one request to the next
#define MALFORMED_MIN 1000 // that the server must have seen, or it was not flooded
#define BURST 20
#define SECONDS_MAX 60

static tt_platform_linux platform;
static tt_node node;
static unsigned answered, asked;
static uint32_t malformed; // that the server has seen
static tt_call call;
static bool idle = true;

static void greet(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    static uint8_t answer[ANSWER_BYTES]; // "here", and how much noise there was so far
    tt_writer w;
    (void)resource, (void)now, (void)request;
    tt_writer_init(&w, answer, sizeof(answer));
    tt_write_bytes(&w, "here", 4);
    tt_write_be32(&w, (uint32_t)node.bus.counters.malformed);
    response->code = TT_CONTENT;
    response->payload = answer;
    response->length = sizeof(answer);
}

static void open_node(void)
{
    tt_node_options options = {.port = 0};
    REQUIRE(tt_platform_linux_init(&platform) == TT_OK);
    REQUIRE(tt_node_init(&node, &platform.platform, &options) == TT_OK);
}

static pid_t serve(uint16_t *port)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child != 0) {
        REQUIRE(read(ends[0], port, sizeof(*port)) == sizeof(*port));
        return child;
    }
    static tt_resource resource = {
        .path = "greeting", .handler = greet, .methods = 1 << TT_GET | 1 << TT_PUT};
    alarm(SECONDS_MAX);
    open_node();
    TT_CHECK(tt_bus_add(&node.bus, &resource) == TT_OK);
    *port = node.port;
    TT_CHECK(write(ends[1], port, sizeof(*port)) == sizeof(*port));
    tt_node_run(&node);
    _exit(0);
}

// Half are noise; half are a valid GET, PUT of a block or empty message with a few bytes changed.
static void make_hostile(tt_random *random, tt_datagram *d)
{
    static const uint8_t get[] = {0x44, 1,   0x12, 0x34, 1,   2,   3,   4,  0xb8,
                                  'g',  'r', 'e',  'e',  't', 'i', 'n', 'g'};
    static const uint8_t put[] = {0x44, 3,   0x12, 0x35, 1,   2,    3,  4,    0xb8, 'g', 'r',  'e',
                                  'e',  't', 'i',  'n',  'g', 0x11, 42, 0xd1, 2,    8,   0xff, 'x'};
    uint64_t choice = tt_random_u64(random);
    if (choice % 2 == 0) {
        d->length = (choice >> 8) % TT_DATAGRAM_MAX;
        tt_random_bytes(random, d->data, d->length);
        return;
    }
    bool block = choice & 2;
    d->length = block ? sizeof(put) : sizeof(get);
    memcpy(d->data, block ? put : get, d->length);
    tt_random_bytes(random, d->data + 2, 2); // a message id of its own
    for (unsigned changes = choice >> 8 & 3; changes > 0; changes--)
        d->data[tt_random_below(random, d->length)] = (uint8_t)tt_random_u64(random);
}

static pid_t flood(uint16_t port)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    tt_random random;
    static tt_datagram d;
    alarm(SECONDS_MAX);
    tt_random_seed(&random, 1);
    open_node(); // for its socket alone; its answers are never read
    d.socket = node.bus_socket;
    TT_CHECK(tt_endpoint_parse(&d.peer, "127.0.0.1", port) == TT_OK);
    for (;;) {
        for (unsigned i = 0; i < BURST; i++) {
            make_hostile(&random, &d);
            platform.platform.operations->send(&platform.platform, &d);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void on_reply(tt_call *the_call, tt_time now, const tt_reply *reply)
{
    (void)the_call, (void)now;
    idle = true;
    if (reply->status != TT_OK || reply->code != TT_CONTENT || reply->length != ANSWER_BYTES ||
        memcmp(reply->payload, "here", 4) != 0)
        return;
    tt_reader r;
    tt_reader_init(&r, reply->payload + 4, 4);
    malformed = tt_read_be32(&r);
    answered++;
}

static void ask_all(uint16_t port)
{
    tt_time next = 0;
    open_node();
    while (asked < REQUESTS || !idle) {
        tt_time now = tt_host_now();
        if (idle && now >= next) {
            next = now + PACE;
            call = (tt_call){.method = TT_GET,
                             .path = "greeting",
                             .content_format = TT_FORMAT_NONE,
                             .accept = TT_FORMAT_NONE,
                             .timeout = TT_SECONDS(10),
                             .on_reply = on_reply};
            REQUIRE(tt_endpoint_parse(&call.peer, "127.0.0.1", port) == TT_OK);
            idle = false;
            asked++;
            REQUIRE(tt_bus_call(&node.bus, now, &call) == TT_OK);
        }
        tt_node_poll(&node);
        tt_time deadline = tt_node_deadline(&node);
        platform.platform.operations->wait(&platform.platform,
                                           idle ? tt_earlier(deadline, next) : deadline);
    }
}

int main(void)
{
    uint16_t port;
    int status;
    pid_t server = serve(&port);
    pid_t flooder = flood(port);
    tt_time start = tt_host_now();
    ask_all(port);
    EXPECT_EQUAL(waitpid(flooder, &status, WNOHANG), 0); // it floods still
    EXPECT_EQUAL(waitpid(server, &status, WNOHANG), 0);  // and the other serves
    kill(flooder, SIGKILL);
    kill(server, SIGKILL);
    printf("%u of %u requests answered in %lld ms under a flood with %u malformed datagrams\n",
           answered, asked, (long long)((tt_host_now() - start) / TT_MS(1)), (unsigned)malformed);
    EXPECT(malformed >= MALFORMED_MIN);
    EXPECT(answered >= ANSWERS_MIN);
    return test_result();
}
