// Two processes on one switch, each with lwIP over the switch's socket and no kernel: they take
// addresses by themselves, find one another by multicast, and exchange datagrams over IPv6 and
// IPv4, of every size, while a third station floods them with random and mutated frames. A work
// runs beside.

#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"
#include "tools/switch/switch.h"
#include "platform/lwip/stack.h"
#include "tutti/check.h"
#include "tutti/platform_switch.h"
#include "tutti/random.h"

#define PORT 7007
#define ROUNDS 200

static char folder[] = "/tmp/tutti-station-XXXXXX";
static char path[64];

static const tt_endpoint groups[2] = {
    {.ip = {0xff, 0x02, [15] = 0xfb}, .port = PORT},
    {.ip = {[10] = 0xff, 0xff, 224, 0, 0, 251}, .port = PORT},
};

static const tt_platform_operations *ops;
static tt_platform *platform;
static tt_datagram datagram;

static void start(uint64_t seed)
{
    for (int i = 0; tt_platform_switch_open(&platform, path, seed) != TT_OK; i++) {
        REQUIRE(i < 100);
        usleep(10000);
    }
    ops = platform->operations;
}

// The next datagram before `deadline`.
static bool next(tt_time deadline)
{
    for (;;) {
        if (ops->receive(platform, &datagram) == TT_OK)
            return true;
        if (ops->now(platform) >= deadline)
            return false;
        ops->wait(platform, deadline);
    }
}

static void wait_for_addresses(size_t count)
{
    tt_endpoint addresses[TT_ADDRESSES_MAX];
    tt_time deadline = ops->now(platform) + TT_SECONDS(20);
    while (ops->addresses(platform, addresses, TT_ADDRESSES_MAX) < count) {
        REQUIRE(ops->now(platform) < deadline);
        next(ops->now(platform) + TT_MS(50));
    }
    for (size_t i = 0; i < count; i++)
        EXPECT(tt_endpoint_is_link_local(&addresses[i]));
}

// The one who answers: sends each datagram back to where it came from, until it is told to stop.
static int echo(void)
{
    tt_socket opened, second;
    start(1);
    REQUIRE(ops->open(platform, PORT, groups, 2, &opened) == TT_OK);
    EXPECT_EQUAL(ops->open(platform, PORT, NULL, 0, &second), TT_BUSY);
    EXPECT_EQUAL(ops->open(platform, 0, NULL, 0, &second), TT_OK);
    EXPECT(second != opened);
    tt_time deadline = ops->now(platform) + TT_SECONDS(60);
    while (next(deadline)) {
        EXPECT_EQUAL(datagram.socket, opened);
        EXPECT_EQUAL(datagram.multicast, datagram.length == 5); // the hello of find()
        ops->send(platform, &datagram);
        if (datagram.length == 4 && memcmp(datagram.data, "stop", 4) == 0)
            return test_failures > 0;
    }
    EXPECT(!"told to stop");
    return 1;
}

static int work_runs, work_dones;

static void work_run(tt_work *work)
{
    (void)work;
    work_runs++;
}

static void work_done(tt_work *work, tt_time now)
{
    (void)work;
    (void)now;
    work_dones++;
}

// Asks `peer` and returns how many of ROUNDS answers came, with the right bytes.
static int ask(tt_socket socket, const tt_endpoint *peer, uint64_t seed)
{
    tt_random random;
    tt_random_seed(&random, seed);
    static uint8_t sent[TT_DATAGRAM_MAX];
    int answers = 0, slow = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t length = i == 0 ? 0 : i == 1 ? TT_DATAGRAM_MAX : 8 + tt_random_below(&random, 1400);
        tt_random_bytes(&random, sent, length);
        datagram = (tt_datagram){.socket = socket, .peer = *peer, .length = length};
        memcpy(datagram.data, sent, length);
        if (ops->send(platform, &datagram) != TT_OK)
            continue;
        tt_time before = ops->now(platform), deadline = before + TT_MS(200);
        while (next(deadline)) {
            if (datagram.length != length || memcmp(datagram.data, sent, length) != 0)
                continue; // late answer to the one before
            EXPECT(tt_endpoint_equal(&datagram.peer, peer));
            slow += ops->now(platform) - before > TT_MS(100);
            answers++;
            break;
        }
    }
    EXPECT(slow < ROUNDS / 4); // a datagram ends the wait
    return answers;
}

static tt_endpoint find(tt_socket socket, const tt_endpoint *group)
{
    for (int i = 0; i < 100; i++) {
        datagram = (tt_datagram){
            .socket = socket, .peer = *group, .hop_limit = 255, .length = 5, .data = "hello"};
        tt_status status = ops->send(platform, &datagram);
        EXPECT(status == TT_OK || status == TT_UNREACHABLE);
        if (next(ops->now(platform) + TT_MS(200)))
            return datagram.peer;
    }
    EXPECT(!"found by multicast");
    return (tt_endpoint){0};
}

// One socket more than there are, and one group more; what failed took nothing.
static void test_full(void)
{
    tt_endpoint many[TT_STACK_GROUPS_MAX];
    tt_socket opened;
    for (int ipv6 = 0; ipv6 < 2; ipv6++)
        for (int tries = 0; tries < 3; tries++) {
            for (unsigned i = 0; i < TT_COUNT(many); i++) {
                many[i] = groups[1 - ipv6];
                many[i].ip[15] = (uint8_t)(17 + i);
            }
            EXPECT_EQUAL(ops->open(platform, 0, many, TT_STACK_GROUPS_MAX, &opened), TT_FULL);
        }
    for (unsigned i = 1; i < TT_STACK_SOCKETS_MAX; i++)
        EXPECT_EQUAL(ops->open(platform, 0, many, i == 1 ? TT_STACK_GROUPS_MAX - 1 : 0, &opened),
                     TT_OK);
    EXPECT(ops->port(platform, opened) != 0);
    EXPECT_EQUAL(ops->open(platform, 0, NULL, 0, &opened), TT_FULL);
}

static int question(void)
{
    tt_socket socket;
    start(2);
    REQUIRE(ops->open(platform, 0, NULL, 0, &socket) == TT_OK);
    datagram = (tt_datagram){.socket = socket, .peer = groups[1], .length = 1};
    EXPECT_EQUAL(ops->send(platform, &datagram), TT_UNREACHABLE); // no address yet
    datagram.length = TT_DATAGRAM_MAX + 1;
    EXPECT_EQUAL(ops->send(platform, &datagram), TT_TOO_LARGE);
    EXPECT_EQUAL(ops->receive(platform, &datagram), TT_EMPTY);

    static tt_work works[TT_WORKS_MAX + 1];
    for (int i = 0; i <= TT_WORKS_MAX; i++) {
        works[i] = (tt_work){.run = work_run, .done = work_done};
        EXPECT_EQUAL(ops->work(platform, &works[i]), i < TT_WORKS_MAX ? TT_OK : TT_FULL);
    }

    wait_for_addresses(1);
    tt_endpoint peer = find(socket, &groups[0]);
    EXPECT(!tt_endpoint_is_ipv4(&peer) && tt_endpoint_is_link_local(&peer));
    EXPECT_EQUAL(peer.interface, 1);
    int answers = ask(socket, &peer, 3);
    printf("%d of %d answered over IPv6\n", answers, ROUNDS);
    EXPECT(answers >= ROUNDS * 95 / 100);

    wait_for_addresses(2);
    tt_endpoint peer4 = find(socket, &groups[1]);
    EXPECT(tt_endpoint_is_ipv4(&peer4) && tt_endpoint_is_link_local(&peer4));
    answers = ask(socket, &peer4, 4);
    printf("%d of %d answered over IPv4\n", answers, ROUNDS);
    EXPECT(answers >= ROUNDS * 95 / 100);
    EXPECT_EQUAL(work_runs, TT_WORKS_MAX);
    EXPECT_EQUAL(work_dones, TT_WORKS_MAX);

    tt_time before = ops->now(platform); // a wake that comes first is not lost
    ops->wake(platform);
    ops->wait(platform, before + TT_SECONDS(5));
    EXPECT(ops->now(platform) < before + TT_SECONDS(1));

    tt_endpoint peers[2] = {peer, peer4}; // at a port where nothing listens
    for (int i = 0; i < 2; i++) {
        bool told = false;
        peers[i].port = PORT + 1;
        for (int tries = 0; !told && tries < 20; tries++) {
            datagram = (tt_datagram){.socket = socket, .peer = peers[i], .length = 1};
            EXPECT_EQUAL(ops->send(platform, &datagram), TT_OK);
            tt_time deadline = ops->now(platform) + TT_MS(200);
            while (!told && ops->now(platform) < deadline) {
                told = ops->receive(platform, &datagram) == TT_UNREACHABLE;
                if (!told)
                    ops->wait(platform, deadline);
            }
        }
        EXPECT(told && tt_endpoint_equal(&datagram.peer, &peers[i]));
        EXPECT(datagram.socket == socket && datagram.length == 0);
    }

    test_full();
    datagram = (tt_datagram){.socket = socket, .peer = peer, .length = 4, .data = "stop"};
    EXPECT_EQUAL(ops->send(platform, &datagram), TT_OK);
    next(ops->now(platform) + TT_MS(500));
    return test_failures > 0;
}

// A station whose switch goes. Tells its address and what `random` gave.
static void be_deserted(int told)
{
    struct {
        tt_endpoint own;
        uint8_t random[16];
    } telling;
    tt_switch *ethernet;
    tt_socket opened;
    char own_path[sizeof(path) + 16];
    snprintf(own_path, sizeof(own_path), "%s-%d", path, (int)getpid());
    REQUIRE(tt_switch_open(&ethernet, own_path) == TT_OK);
    REQUIRE(tt_platform_switch_open(&platform, own_path, 6) == TT_OK);
    ops = platform->operations;
    EXPECT_EQUAL(ops->addresses(platform, &telling.own, 1), 1); // at once
    ops->random(platform, telling.random, sizeof(telling.random));
    EXPECT_EQUAL(write(told, &telling, sizeof(telling)), sizeof(telling));
    REQUIRE(ops->open(platform, 0, NULL, 0, &opened) == TT_OK);
    tt_switch_poll(ethernet, TT_MS(10));
    EXPECT_EQUAL(ops->receive(platform, &datagram), TT_EMPTY);
    EXPECT(tt_platform_switch_alive(platform));
    tt_switch_close(ethernet);
    EXPECT(!next(ops->now(platform) + TT_MS(50)));
    EXPECT(!tt_platform_switch_alive(platform));
    datagram = (tt_datagram){.socket = opened, .peer = groups[0], .length = 1};
    EXPECT(ops->send(platform, &datagram) != TT_OK);
    tt_endpoint addresses[TT_ADDRESSES_MAX]; // and each is asked, as who waits must
    unsigned waits = 0;
    for (tt_time end = ops->now(platform) + TT_MS(300); ops->now(platform) < end; waits++) {
        EXPECT_EQUAL(ops->receive(platform, &datagram), TT_EMPTY);
        ops->addresses(platform, addresses, TT_ADDRESSES_MAX);
        ops->wait(platform, end);
    }
    EXPECT(waits < 50); // those of the protocols, no spinning
    unlink(own_path);
    fflush(stdout);
    _exit(test_failures > 0);
}

// Two of the same seed have the same address, and do not draw the same numbers.
static void test_deserted(void)
{
    uint8_t telling[2][sizeof(tt_endpoint) + 16];
    for (int i = 0; i < 2; i++) {
        int told[2], status = -1;
        REQUIRE(pipe(told) == 0);
        pid_t child = fork();
        if (child == 0)
            be_deserted(told[1]);
        EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status));
        EXPECT_EQUAL(WEXITSTATUS(status), 0);
        EXPECT_EQUAL(read(told[0], telling[i], sizeof(telling[i])), sizeof(telling[i]));
        close(told[0]);
        close(told[1]);
    }
    size_t address = sizeof(((tt_endpoint *)NULL)->ip), random = sizeof(telling[0]) - 16;
    EXPECT(memcmp(telling[0], telling[1], address) == 0);
    EXPECT(memcmp(telling[0] + random, telling[1] + random, 16) != 0);
}

// Throws frames at everybody: random ones behind a plausible header, and real ones with bits
// turned.
static void flood(int station, tt_random *random)
{
    static uint8_t real[4 + 1600];
    static size_t real_length;
    static const uint16_t types[] = {0x0800, 0x0806, 0x86dd, 0x88b5};
    uint8_t bytes[4 + 1600];
    ssize_t got = recv(station, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got > 64) {
        size_t length = (size_t)bytes[2] << 8 | bytes[3];
        if (length >= 60 && length + 4 <= (size_t)got) { // what was read may begin within a frame
            memcpy(real, bytes, length + 4);
            real_length = length + 4;
        }
    }
    for (int i = 0; i < 4; i++) {
        size_t length = 14 + tt_random_below(random, 1500);
        tt_random_bytes(random, bytes + 4, length);
        memset(bytes + 4, tt_random_below(random, 2) ? 0xff : 0x33, 6);
        uint16_t type = types[tt_random_below(random, 4)];
        bytes[16] = (uint8_t)(type >> 8);
        bytes[17] = (uint8_t)type;
        bytes[18] = type == 0x86dd ? 0x60 : 0x45;
        // A turned bit in an ARP packet would be a lie that is believed, as everywhere.
        if (real_length > 0 && i >= 2 && real[17] != 0x06) {
            length = real_length - 4;
            memcpy(bytes, real, real_length);
            for (int flips = 0; flips < 3; flips++)
                bytes[4 + 12 + tt_random_below(random, length - 12)] ^=
                    1 << tt_random_below(random, 8);
        }
        memcpy(bytes + 10, "\x02stray", 6);
        bytes[0] = bytes[1] = 0;
        bytes[2] = (uint8_t)(length >> 8);
        bytes[3] = (uint8_t)length;
        send(station, bytes, length + 4, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

int main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/socket", folder);
    EXPECT_EQUAL(tt_platform_switch_open(&platform, path, 1), TT_NOT_FOUND);
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    EXPECT_EQUAL(tt_platform_switch_open(&platform, long_path, 1), TT_TOO_LARGE);
    fflush(stdout);
    test_deserted();
    tt_switch *ethernet;
    REQUIRE(tt_switch_open(&ethernet, path) == TT_OK);
    fflush(stdout);

    int stray = tt_switch_connect(ethernet);
    pid_t echoes = fork();
    if (echoes == 0)
        _exit(echo());
    pid_t asks = fork();
    if (asks == 0) {
        int result = question();
        fflush(stdout);
        _exit(result);
    }
    int left = 2, status;
    unsigned turns = 0;
    tt_random random;
    tt_random_seed(&random, 5);
    while (left > 0) {
        tt_switch_poll(ethernet, TT_MS(2));
        if (++turns % 4 == 0)
            flood(stray, &random);
        if (turns % 16 == 0 && waitpid(-1, &status, WNOHANG) > 0) {
            left--;
            EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
    tt_switch_close(ethernet);
    rmdir(folder);
    return test_result();
}
