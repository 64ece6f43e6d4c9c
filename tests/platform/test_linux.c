// The host's own sockets: a port where nothing listens is told, once, with the right peer; other
// datagrams are neither lost nor held up by it.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/platform_linux.h"

static tt_platform_linux host;
static const tt_platform_operations *ops;
static tt_platform *platform = &host.platform;
static tt_datagram datagram;

// ---- what a system call may answer; the linker puts these in front of the real ones

static unsigned six_taken;                   // so many binds to an IPv6 port find it taken
static int next_send_fails;                  // with this errno; 0: it does not
static const struct sock_extended_err *icmp; // that the next look at a socket's errors finds
static bool icmp_six;

int __real_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int __wrap_bind(int descriptor, const struct sockaddr *address, socklen_t length);
ssize_t __real_sendto(int descriptor, const void *data, size_t length, int flags,
                      const struct sockaddr *to, socklen_t to_length);
ssize_t __wrap_sendto(int descriptor, const void *data, size_t length, int flags,
                      const struct sockaddr *to, socklen_t to_length);
ssize_t __real_recvmsg(int descriptor, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int descriptor, struct msghdr *message, int flags);

int __wrap_bind(int descriptor, const struct sockaddr *address, socklen_t length)
{
    if (address->sa_family != AF_INET6 || six_taken == 0)
        return __real_bind(descriptor, address, length);
    six_taken--;
    errno = EADDRINUSE;
    return -1;
}

ssize_t __wrap_sendto(int descriptor, const void *data, size_t length, int flags,
                      const struct sockaddr *to, socklen_t to_length)
{
    if (next_send_fails == 0)
        return __real_sendto(descriptor, data, length, flags, to, to_length);
    errno = next_send_fails;
    next_send_fails = 0;
    return -1;
}

ssize_t __wrap_recvmsg(int descriptor, struct msghdr *message, int flags)
{
    if (icmp == NULL || !(flags & MSG_ERRQUEUE))
        return __real_recvmsg(descriptor, message, flags);
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(7)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    memcpy(message->msg_name, icmp_six ? (void *)&six : (void *)&four,
           icmp_six ? sizeof(six) : sizeof(four));
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = icmp_six ? IPPROTO_IPV6 : IPPROTO_IP;
    c->cmsg_type = icmp_six ? IPV6_RECVERR : IP_RECVERR;
    c->cmsg_len = CMSG_LEN(sizeof(*icmp));
    memcpy(CMSG_DATA(c), icmp, sizeof(*icmp));
    message->msg_controllen = c->cmsg_len;
    icmp = NULL;
    return 0;
}

// ----

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

// Only an error that says that nothing listens ends a request: others may pass, as a route does.
// The errno of each is what Linux makes of its type and code.
static void test_icmp_errors(void)
{
    enum { FOUR = SO_EE_ORIGIN_ICMP, SIX = SO_EE_ORIGIN_ICMP6, LOCAL = SO_EE_ORIGIN_LOCAL };
    static const struct {
        bool six;
        int error;
        uint8_t origin, type, code;
        tt_status status;
    } cases[] = {
        {false, ECONNREFUSED, FOUR, ICMP_UNREACH, ICMP_UNREACH_PORT, TT_UNREACHABLE},
        {false, ENETUNREACH, FOUR, ICMP_UNREACH, ICMP_UNREACH_NET, TT_EMPTY},
        {false, EHOSTUNREACH, FOUR, ICMP_UNREACH, ICMP_UNREACH_HOST, TT_EMPTY},
        {false, ENOPROTOOPT, FOUR, ICMP_UNREACH, ICMP_UNREACH_PROTOCOL, TT_EMPTY},
        {false, EMSGSIZE, FOUR, ICMP_UNREACH, ICMP_UNREACH_NEEDFRAG, TT_EMPTY},
        {false, EHOSTUNREACH, FOUR, ICMP_TIMXCEED, ICMP_TIMXCEED_INTRANS, TT_EMPTY},
        {false, EPROTO, FOUR, ICMP_PARAMPROB, 0, TT_EMPTY},
        {false, ECONNREFUSED, LOCAL, 0, 0, TT_EMPTY},
        {true, ECONNREFUSED, SIX, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, TT_UNREACHABLE},
        {true, ENETUNREACH, SIX, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, TT_EMPTY},
        {true, EACCES, SIX, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, TT_EMPTY},
        {true, EHOSTUNREACH, SIX, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, TT_EMPTY},
        {true, EMSGSIZE, SIX, ICMP6_PACKET_TOO_BIG, 0, TT_EMPTY},
        {true, EHOSTUNREACH, SIX, ICMP6_TIME_EXCEEDED, 0, TT_EMPTY},
        {true, EMSGSIZE, LOCAL, 0, 0, TT_EMPTY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sock_extended_err error = {.ee_errno = (uint32_t)cases[i].error,
                                          .ee_origin = cases[i].origin,
                                          .ee_type = cases[i].type,
                                          .ee_code = cases[i].code};
        uint64_t before = host.dropped;
        icmp = &error;
        icmp_six = cases[i].six;
        host.ready = 1; // the first socket has something
        tt_status status = ops->receive(platform, &datagram);
        if (status != cases[i].status)
            printf("error %zu: ", i);
        EXPECT_EQUAL(status, cases[i].status);
        EXPECT(icmp == NULL);
        EXPECT_EQUAL(host.dropped - before, status == TT_UNREACHABLE ? 0 : 1);
        EXPECT(status != TT_UNREACHABLE || datagram.peer.port == 7);
    }
}

// An error of an earlier datagram, of whatever kind, is no answer to this one.
static void test_earlier_errors(tt_socket first, tt_socket second)
{
    static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE};
    tt_endpoint open = loopback(false, ops->port(platform, second));
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        next_send_fails = errors[i];
        EXPECT_EQUAL(send_to(first, &open, "you"), TT_OK);
        EXPECT_EQUAL(next(TT_SECONDS(2)), TT_OK);
        EXPECT(datagram.socket == second && datagram.length == 3);
    }
}

static int lowest_descriptor(void)
{
    int copy = dup(0);
    REQUIRE(copy >= 0 && close(copy) == 0);
    return copy;
}

// Any port: one that is free for IPv4 and another's for IPv6 is not the last that is tried, and
// what was opened for it is closed.
static void test_any_port(void)
{
    static tt_platform_linux other;
    tt_socket opened = 9;
    REQUIRE(tt_platform_linux_init(&other) == TT_OK);
    const tt_platform_operations *o = other.platform.operations;
    int before = lowest_descriptor();
    six_taken = ~0u;
    tt_status status = o->open(&other.platform, 0, NULL, 0, &opened);
    bool has_six = six_taken != ~0u;
    EXPECT_EQUAL(status, has_six ? TT_BUSY : TT_OK); // and it does not try for ever
    EXPECT(!has_six || (opened == 9 && lowest_descriptor() == before));
    six_taken = 3;
    EXPECT_EQUAL(o->open(&other.platform, 0, NULL, 0, &opened), TT_OK);
    EXPECT(o->port(&other.platform, opened) != 0 && (!has_six || six_taken == 0));
    // A port that was asked for is the only one that will do.
    uint16_t free_port = closed_port();
    six_taken = 1;
    EXPECT_EQUAL(o->open(&other.platform, free_port, NULL, 0, &opened), has_six ? TT_BUSY : TT_OK);
    six_taken = 0;
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

    test_icmp_errors();
    test_earlier_errors(first, second);
    test_any_port();
    test_sockets();
    test_works();
    // With everything taken a wait takes its time: no error keeps it awake.
    tt_time before = ops->now(platform);
    ops->wait(platform, before + TT_MS(100));
    tt_time after = ops->now(platform);
    EXPECT(after >= before + TT_MS(100) && after < before + TT_SECONDS(1));
    return test_result();
}
