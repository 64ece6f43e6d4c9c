// Forwards: clients on the loopback interface and a station that answers, through the station that
// passes on. Each client gets its own answers and nobody else's; the table of clients, one past
// full; what nobody asked for is not passed on.

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tutti/platform_host.h"
#include "platform/switch/forward.h"
#include "tests/test.h"
#include "tools/switch/switch.h"
#include "tutti/platform_switch.h"

#define DEVICE_PORT 5683

static char folder[] = "/tmp/tutti-forward-XXXXXX";
static char path[64];
static uint16_t port;
static tt_forwarder forwarder;

static void run_switch(void)
{
    tt_switch *ethernet;
    REQUIRE(tt_switch_open(&ethernet, path) == TT_OK);
    while (getppid() != 1)
        tt_switch_poll(ethernet, TT_MS(100));
}

// Tells its address through the pipe; answers each datagram with the asker's port in front. One
// that says "trick" is answered from another port as well.
static void run_device(int told)
{
    static tt_platform *platform;
    static tt_datagram datagram;
    tt_socket opened, other;
    for (int i = 0; tt_platform_switch_open(&platform, path, 11) != TT_OK; i++) {
        REQUIRE(i < 200);
        usleep(10000);
    }
    const tt_platform_operations *ops = platform->operations;
    REQUIRE(ops->open(platform, DEVICE_PORT, NULL, 0, &opened) == TT_OK);
    REQUIRE(ops->open(platform, 0, NULL, 0, &other) == TT_OK);
    tt_endpoint own;
    REQUIRE(ops->addresses(platform, &own, 1) == 1 && tt_endpoint_is_link_local(&own));
    REQUIRE(write(told, &own, sizeof(own)) == sizeof(own));
    while (getppid() != 1) {
        if (ops->receive(platform, &datagram) != TT_OK) {
            ops->wait(platform, ops->now(platform) + TT_MS(100));
            continue;
        }
        uint16_t from = datagram.peer.port;
        bool trick = datagram.length == 5 && memcmp(datagram.data, "trick", 5) == 0;
        size_t kept = datagram.length < TT_DATAGRAM_MAX - 2 ? datagram.length : TT_DATAGRAM_MAX - 2;
        memmove(datagram.data + 2, datagram.data, kept);
        memcpy(datagram.data, &from, 2);
        datagram.length = kept + 2;
        if (trick) {
            datagram.socket = other;
            ops->send(platform, &datagram);
            datagram.socket = opened;
        }
        ops->send(platform, &datagram);
    }
}

static int client(bool ipv6)
{
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
    int opened = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    REQUIRE(opened >= 0);
    REQUIRE((ipv6 ? connect(opened, (struct sockaddr *)&six, sizeof(six))
                  : connect(opened, (struct sockaddr *)&four, sizeof(four))) == 0);
    return opened;
}

static void turn_for(tt_time duration)
{
    tt_time deadline = tt_host_now() + duration;
    while (tt_host_now() < deadline)
        EXPECT(tt_forwarder_turn(&forwarder, -1, deadline));
}

// The port that the device saw, behind which `text` came back; 0 where nothing comes in `timeout`.
static uint16_t ask(int from, const void *text, size_t length, tt_time timeout)
{
    uint8_t answer[2000];
    EXPECT(send(from, text, length, 0) == (ssize_t)length);
    tt_time deadline = tt_host_now() + timeout;
    while (tt_host_now() < deadline) {
        tt_forwarder_turn(&forwarder, from, deadline);
        ssize_t got = recv(from, answer, sizeof(answer), 0);
        if (got < 0)
            continue;
        EXPECT_EQUAL(got, length + 2);
        EXPECT(memcmp(answer + 2, text, length) == 0);
        uint16_t seen;
        memcpy(&seen, answer, 2);
        return seen;
    }
    return 0;
}

static void test_passing(void)
{
    int four = client(false), six = client(true), again = client(false);
    uint16_t first = 0;
    for (int i = 0; i < 20 && first == 0; i++) // until the neighbours know one another
        first = ask(four, "hello", 5, TT_MS(200));
    uint16_t second = ask(six, "over IPv6", 9, TT_SECONDS(2)),
             third = ask(again, "", 0, TT_SECONDS(2));
    EXPECT(first != 0 && second != 0 && third != 0);
    EXPECT(first != second && second != third && first != third);
    EXPECT_EQUAL(ask(four, "still", 5, TT_SECONDS(2)), first); // a client keeps its port
    // The longest that a frame holds, with the two bytes in front of the answer; and longer.
    static char large[TT_DATAGRAM_MAX + 1];
    memset(large, 'x', sizeof(large));
    EXPECT_EQUAL(ask(four, large, TT_DATAGRAM_MAX - 2, TT_SECONDS(2)), first);
    EXPECT_EQUAL(ask(four, large, TT_DATAGRAM_MAX + 1, TT_MS(200)), 0);
    // What comes from another port than the device's is not passed on: one answer.
    EXPECT_EQUAL(ask(four, "trick", 5, TT_SECONDS(2)), first);
    turn_for(TT_MS(200));
    char surplus[16];
    EXPECT(recv(four, surplus, sizeof(surplus), 0) < 0);
    // A client that has gone costs nothing but its place.
    EXPECT(send(again, "bye", 3, 0) == 3);
    close(again);
    turn_for(TT_MS(100));
    EXPECT_EQUAL(ask(four, "more", 4, TT_SECONDS(2)), first);
    close(four);
    close(six);
}

static tt_forward_client *place_of(unsigned number)
{
    return &forwarder.clients[number];
}

static unsigned used(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TT_FORWARD_CLIENTS_MAX; i++)
        count += place_of(i)->used;
    return count;
}

static void test_table(void)
{
    static int clients[TT_FORWARD_CLIENTS_MAX + 1];
    EXPECT_EQUAL(used(), 3);
    for (unsigned i = 0; i < 3; i++)
        place_of(i)->active_at -= TT_FORWARD_IDLE; // away for ten minutes
    turn_for(TT_MS(1));
    EXPECT_EQUAL(used(), 0);
    for (unsigned i = 0; i < TT_FORWARD_CLIENTS_MAX; i++) {
        clients[i] = client(i % 2);
        EXPECT(ask(clients[i], &i, sizeof(i), TT_SECONDS(2)) != 0);
    }
    EXPECT_EQUAL(used(), TT_FORWARD_CLIENTS_MAX);
    EXPECT_EQUAL(forwarder.turned_away, 0);
    // One past full is turned away while all are active, and takes the place of who was silent
    // longest when that is long enough.
    int *last = &clients[TT_FORWARD_CLIENTS_MAX];
    *last = client(false);
    EXPECT_EQUAL(ask(*last, "?", 1, TT_MS(200)), 0);
    EXPECT_EQUAL(forwarder.turned_away, 1);
    uint16_t kept = ask(clients[9], "kept", 4, TT_SECONDS(2));
    EXPECT(kept != 0);
    place_of(7)->active_at -= TT_FORWARD_YIELDS;
    place_of(9)->active_at -= TT_FORWARD_YIELDS / 2;
    EXPECT(ask(*last, "?", 1, TT_SECONDS(2)) != 0);
    EXPECT_EQUAL(forwarder.turned_away, 1);
    EXPECT_EQUAL(ask(clients[9], "kept", 4, TT_SECONDS(2)), kept);
    EXPECT_EQUAL(ask(clients[7], "gone", 4, TT_MS(200)), 0);
    EXPECT_EQUAL(forwarder.turned_away, 2);
    EXPECT_EQUAL(used(), TT_FORWARD_CLIENTS_MAX);
    for (unsigned i = 0; i <= TT_FORWARD_CLIENTS_MAX; i++)
        close(clients[i]);
}

int main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/socket", folder);
    int told[2];
    REQUIRE(pipe(told) == 0);
    fflush(stdout);
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            if (i == 0)
                run_switch();
            else
                run_device(told[1]);
            _exit(1);
        }
    }
    tt_status status = TT_BUSY;
    for (port = (uint16_t)(20000 + getpid() % 20000); status == TT_BUSY; port++)
        status = tt_forwarder_add(&forwarder, port);
    port--;
    REQUIRE(status == TT_OK);
    EXPECT_EQUAL(tt_forwarder_add(&forwarder, port), TT_BUSY);
    EXPECT_EQUAL(forwarder.count, 1);
    tt_endpoint device;
    REQUIRE(read(told[0], &device, sizeof(device)) == sizeof(device));
    REQUIRE(tt_forwarder_start(&forwarder, path, 12) == TT_OK);
    int early = client(false); // nobody is there yet: lost, without a place
    EXPECT_EQUAL(ask(early, "early", 5, TT_MS(100)), 0);
    EXPECT_EQUAL(used(), 0);
    close(early);
    device.port = DEVICE_PORT;
    tt_forwarder_aim(&forwarder, 0, &device);

    test_passing();
    test_table();

    kill(children[0], SIGKILL); // the switch goes, which is told
    tt_time deadline = tt_host_now() + TT_SECONDS(5);
    while (tt_forwarder_turn(&forwarder, -1, deadline) && tt_host_now() < deadline)
        ;
    EXPECT(forwarder.link.gone);
    kill(children[1], SIGKILL);
    for (int i = 0; i < 2; i++)
        waitpid(children[i], NULL, 0);
    tt_forwarder_close(&forwarder);
    unlink(path);
    rmdir(folder);
    return test_result();
}
