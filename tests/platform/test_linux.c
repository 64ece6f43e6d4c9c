// The host's own sockets: a port where nothing listens is told, once, with the right peer; other
// datagrams are neither lost nor held up by it.

#include <stdbool.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/platform_linux.h"

static tt_platform_linux host;
static const tt_platform_operations *ops;
static tt_platform *platform = &host.platform;
static tt_datagram datagram;

static tt_endpoint loopback(bool ipv6, uint16_t port)
{
    tt_endpoint four = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = port};
    tt_endpoint six = {.ip = {[15] = 1}, .port = port};
    return ipv6 ? six : four;
}

static tt_status send_to(tt_socket socket, const tt_endpoint *peer, const char *text)
{
    datagram = (tt_datagram){.socket = socket, .peer = *peer, .length = strlen(text)};
    memcpy(datagram.data, text, strlen(text));
    return ops->send(platform, &datagram);
}

// What comes within `timeout`; TT_EMPTY for nothing.
static tt_status next(tt_time timeout)
{
    tt_time deadline = ops->now(platform) + timeout;
    for (;;) {
        tt_status status = ops->receive(platform, &datagram);
        if (status != TT_EMPTY || ops->now(platform) >= deadline)
            return status;
        ops->wait(platform, deadline);
    }
}

// A port that was free a moment ago.
static uint16_t closed_port(void)
{
    static tt_platform_linux other;
    tt_socket opened;
    REQUIRE(tt_platform_linux_init(&other) == TT_OK);
    REQUIRE(other.platform.operations->open(&other.platform, 0, NULL, 0, &opened) == TT_OK);
    uint16_t port = other.platform.operations->port(&other.platform, opened);
    close(other.descriptors[0]);
    close(other.descriptors[1]);
    return port;
}

static void test_family(bool ipv6, tt_socket first, tt_socket second)
{
    tt_endpoint closed = loopback(ipv6, closed_port());
    tt_endpoint open = loopback(ipv6, host.platform.operations->port(&host.platform, second));
    EXPECT_EQUAL(send_to(first, &closed, "anyone?"), TT_OK);
    EXPECT_EQUAL(next(TT_SECONDS(2)), TT_UNREACHABLE);
    EXPECT(tt_endpoint_equal(&datagram.peer, &closed));
    EXPECT(datagram.socket == first && datagram.length == 0);
    EXPECT_EQUAL(next(TT_MS(50)), TT_EMPTY); // told once

    // An error that waits is of an earlier datagram: the next one goes out, and arrives.
    for (int i = 0; i < 20; i++) {
        EXPECT_EQUAL(send_to(first, &closed, "anyone?"), TT_OK);
        EXPECT_EQUAL(send_to(first, &open, "you"), TT_OK);
    }
    int arrived = 0, told = 0;
    tt_status status;
    while ((status = next(TT_MS(200))) != TT_EMPTY) {
        arrived += status == TT_OK && datagram.socket == second && datagram.length == 3;
        told += status == TT_UNREACHABLE && tt_endpoint_equal(&datagram.peer, &closed);
    }
    EXPECT_EQUAL(arrived, 20);
    EXPECT(told >= 1 && told <= 20); // the kernel limits how many errors it makes
}

// TT_WORKS_MAX works and one more.
static void nothing(tt_work *work)
{
    (void)work;
}

static unsigned dones;

static void done(tt_work *work, tt_time now)
{
    (void)work, (void)now;
    dones++;
}

static void test_works(void)
{
    static tt_work works[TT_WORKS_MAX + 1];
    for (unsigned i = 0; i <= TT_WORKS_MAX; i++) {
        works[i] = (tt_work){.run = nothing, .done = done};
        EXPECT_EQUAL(ops->work(platform, &works[i]), i < TT_WORKS_MAX ? TT_OK : TT_FULL);
    }
    tt_time deadline = ops->now(platform) + TT_SECONDS(5);
    while (dones < TT_WORKS_MAX && ops->now(platform) < deadline)
        ops->wait(platform, deadline);
    EXPECT_EQUAL(dones, TT_WORKS_MAX);
    EXPECT_EQUAL(ops->work(platform, &works[TT_WORKS_MAX]), TT_OK);
    while (dones <= TT_WORKS_MAX && ops->now(platform) < deadline)
        ops->wait(platform, deadline);
}

// TT_PLATFORM_LINUX_SOCKETS_MAX sockets and one more; a port that is taken; and what is too long.
static void test_sockets(void)
{
    static tt_platform_linux other;
    tt_socket opened;
    REQUIRE(tt_platform_linux_init(&other) == TT_OK);
    const tt_platform_operations *o = other.platform.operations;
    uint16_t taken = ops->port(platform, 0);
    EXPECT(taken != 0 && ops->port(platform, 1) != taken);
    EXPECT_EQUAL(o->open(&other.platform, taken, NULL, 0, &opened), TT_BUSY);
    for (unsigned i = 0; i <= TT_PLATFORM_LINUX_SOCKETS_MAX; i++)
        EXPECT_EQUAL(o->open(&other.platform, 0, NULL, 0, &opened),
                     i < TT_PLATFORM_LINUX_SOCKETS_MAX ? TT_OK : TT_FULL);
    EXPECT_EQUAL(opened, TT_PLATFORM_LINUX_SOCKETS_MAX - 1);
    tt_endpoint addresses[TT_ADDRESSES_MAX];
    EXPECT_EQUAL(o->addresses(&other.platform, addresses, 1), 1);
    EXPECT_EQUAL(o->addresses(&other.platform, addresses, TT_ADDRESSES_MAX), 2);
}

int main(void)
{
    tt_socket first, second;
    REQUIRE(tt_platform_linux_init(&host) == TT_OK);
    ops = platform->operations;
    REQUIRE(ops->open(platform, 0, NULL, 0, &first) == TT_OK);
    REQUIRE(ops->open(platform, 0, NULL, 0, &second) == TT_OK);
    test_family(false, first, second);
    if (host.descriptors[1] >= 0) // a machine may have no IPv6
        test_family(true, first, second);

    test_sockets();
    test_works();
    // With everything taken a wait takes its time: no error keeps it awake.
    tt_time before = ops->now(platform);
    ops->wait(platform, before + TT_MS(100));
    tt_time after = ops->now(platform);
    EXPECT(after >= before + TT_MS(100) && after < before + TT_SECONDS(1));
    return test_result();
}
