// The platform on the host's own sockets. A port where nothing listens is told, once, with the
// right peer, and other datagrams are neither lost nor held up by it; what ends a wait does so at
// once; works, groups, hop limits, and what does not come from the loopback interface.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/platform_linux.h"

static tt_platform_linux host;
static const tt_platform_operations *ops;
static tt_platform *platform = &host.platform;
static tt_datagram datagram;
static uid_t uid;

// ---- what a system call may answer; the linker puts these in front of the real ones

static unsigned six_taken;                   // so many binds to an IPv6 port find it taken
static int next_send_fails;                  // with this errno; 0: it does not
static const struct sock_extended_err *icmp; // that the next look at a socket's errors finds
static bool icmp_six;

int __real_bind(int descriptor, const struct sockaddr *address, socklen_t length);
int __wrap_bind(int descriptor, const struct sockaddr *address, socklen_t length);
ssize_t __real_sendmsg(int descriptor, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int descriptor, const struct msghdr *message, int flags);
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

ssize_t __wrap_sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    if (next_send_fails == 0)
        return __real_sendmsg(descriptor, message, flags);
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
    host.ready = 1;
    EXPECT_EQUAL(ops->receive(platform, &datagram), TT_EMPTY); // nothing is left from before
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

// Works run one after another in the order of the calls, on another thread, and their `done` here,
// where one may be queued again.
static struct {
    tt_work *works[8];
    pthread_t threads[8];
    unsigned count;
} ran, finished;
static tt_time finished_at;
static unsigned again;

static void note_run(tt_work *work)
{
    ran.works[ran.count] = work;
    ran.threads[ran.count++] = pthread_self();
    usleep(2000);
}

static void note_done(tt_work *work, tt_time now)
{
    finished.works[finished.count] = work;
    finished.threads[finished.count++] = pthread_self();
    finished_at = now;
    if (again > 0) {
        again--;
        EXPECT_EQUAL(ops->work(platform, work), TT_OK);
    }
}

static void test_order_of_works(void)
{
    static tt_work works[TT_WORKS_MAX];
    again = TT_WORKS_MAX;
    for (unsigned i = 0; i < TT_WORKS_MAX; i++) {
        works[i] = (tt_work){.run = note_run, .done = note_done};
        EXPECT_EQUAL(ops->work(platform, &works[i]), TT_OK);
    }
    tt_time deadline = ops->now(platform) + TT_SECONDS(5);
    while (finished.count < 2 * TT_WORKS_MAX && ops->now(platform) < deadline)
        ops->wait(platform, deadline);
    REQUIRE(ran.count == 2 * TT_WORKS_MAX && finished.count == 2 * TT_WORKS_MAX);
    for (unsigned i = 0; i < 2 * TT_WORKS_MAX; i++) {
        EXPECT(ran.works[i] == &works[i % TT_WORKS_MAX]);
        EXPECT(finished.works[i] == &works[i % TT_WORKS_MAX]);
        EXPECT(pthread_equal(ran.threads[i], ran.threads[0]));
        EXPECT(!pthread_equal(ran.threads[i], pthread_self()));
        EXPECT(pthread_equal(finished.threads[i], pthread_self()));
    }
    EXPECT(finished_at <= ops->now(platform) && finished_at > deadline - TT_SECONDS(5));
}

static void *wake_later(void *argument)
{
    (void)argument;
    usleep(20000);
    ops->wake(platform);
    return NULL;
}

// That a wait of five seconds ends now, or in twenty milliseconds.
static void expect_short_wait(void)
{
    tt_time before = ops->now(platform);
    ops->wait(platform, before + TT_SECONDS(5));
    EXPECT(ops->now(platform) < before + TT_SECONDS(1));
}

static void test_waits(tt_socket socket)
{
    tt_time before = ops->now(platform), passed[] = {INT64_MIN, 0, before - 1, before};
    for (size_t i = 0; i < TT_COUNT(passed); i++)
        ops->wait(platform, passed[i]);
    EXPECT(ops->now(platform) < before + TT_SECONDS(1));

    ops->wake(platform); // one that comes first is not lost
    ops->wake(platform);
    expect_short_wait();
    before = ops->now(platform); // and two are one
    ops->wait(platform, before + TT_MS(20));
    EXPECT(ops->now(platform) >= before + TT_MS(20));
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, wake_later, NULL) == 0);
    expect_short_wait();
    pthread_join(thread, NULL);

    finished.count = ran.count = 0;
    static tt_work work = {.run = note_run, .done = note_done};
    EXPECT_EQUAL(ops->work(platform, &work), TT_OK);
    expect_short_wait();
    EXPECT_EQUAL(finished.count, 1); // `done` before the wait returned

    tt_endpoint own = loopback(false, ops->port(platform, socket));
    EXPECT_EQUAL(send_to(socket, &own, "me"), TT_OK);
    expect_short_wait();
    EXPECT_EQUAL(ops->receive(platform, &datagram), TT_OK);
    EXPECT(datagram.socket == socket && tt_endpoint_equal(&datagram.peer, &own));
    EXPECT_EQUAL(ops->receive(platform, &datagram), TT_EMPTY);
}

// One who is flooded does not keep another's datagram from being taken; and what is too long.
static void test_flooded(tt_socket flooded, tt_socket other)
{
    tt_endpoint to = loopback(false, ops->port(platform, flooded));
    tt_endpoint to_other = loopback(false, ops->port(platform, other));
    for (unsigned i = 0; i < 50; i++)
        EXPECT_EQUAL(send_to(flooded, &to, "flood"), TT_OK);
    EXPECT_EQUAL(send_to(flooded, &to_other, "other"), TT_OK);
    unsigned before = 0;
    while (next(TT_SECONDS(1)) == TT_OK && datagram.socket == flooded)
        before++;
    EXPECT(datagram.socket == other && before <= 2 * TT_PLATFORM_LINUX_SOCKETS_MAX);
    for (before++; next(TT_MS(50)) == TT_OK;)
        before++;
    EXPECT_EQUAL(before, 51);

    static const char large[TT_DATAGRAM_MAX + 1];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(to.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int raw = socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(connect(raw, (struct sockaddr *)&address, sizeof(address)) == 0);
    for (unsigned i = 0; i < 2; i++) // of what is too long the beginning
        EXPECT_EQUAL(send(raw, large, sizeof(large), 0), sizeof(large));
    EXPECT_EQUAL(send(raw, large, TT_DATAGRAM_MAX, 0), TT_DATAGRAM_MAX);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(next(TT_SECONDS(2)) == TT_OK && datagram.length == TT_DATAGRAM_MAX);
        EXPECT_EQUAL(datagram.cut, i < 2);
    }
    close(raw);

    static struct {
        tt_datagram datagram;
        uint8_t more; // that must not be sent
    } longer;
    longer.datagram = (tt_datagram){.socket = flooded, .peer = to, .length = TT_DATAGRAM_MAX + 1};
    EXPECT_EQUAL(ops->send(platform, &longer.datagram), TT_TOO_LARGE);
    longer.datagram.length = TT_DATAGRAM_MAX;
    EXPECT_EQUAL(ops->send(platform, &longer.datagram), TT_OK);
    EXPECT(next(TT_SECONDS(2)) == TT_OK && datagram.length == TT_DATAGRAM_MAX);
    EXPECT_EQUAL(next(TT_MS(20)), TT_EMPTY);
}

// A socket of the host's in a group on the loopback interface, which tells the hop limits.
static int listener(bool ipv6, const tt_endpoint *group, uint16_t *port)
{
    int opened = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), on = 1;
    int index = (int)if_nametoindex("lo");
    struct ip_mreqn four = {.imr_ifindex = index};
    struct ipv6_mreq six = {.ipv6mr_interface = (unsigned)index};
    struct sockaddr_in6 address = {.sin6_family = ipv6 ? AF_INET6 : AF_INET};
    socklen_t length = sizeof(address);
    memcpy(&four.imr_multiaddr, group->ip + 12, 4);
    memcpy(&six.ipv6mr_multiaddr, group->ip, 16);
    REQUIRE(setsockopt(opened, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                       ipv6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &on, sizeof(on)) == 0);
    REQUIRE((ipv6 ? setsockopt(opened, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof(six))
                  : setsockopt(opened, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof(four))) == 0);
    REQUIRE(bind(opened, (struct sockaddr *)&address, length) == 0);
    REQUIRE(getsockname(opened, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin6_port);
    return opened;
}

static int hops_of_next(int opened)
{
    char data[16], control[64];
    struct iovec into = {data, sizeof(data)};
    struct msghdr message = {.msg_iov = &into,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    int hops = -1;
    struct timeval most = {.tv_sec = 2};
    setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    if (recvmsg(opened, &message, 0) >= 0 && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&hops, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(hops));
    return hops;
}

static const tt_endpoint groups[2] = {{.ip = {[10] = 0xff, 0xff, 239, 255, 7, 7}},
                                      {.ip = {0xff, 0x12, [15] = 0x77}}};

static void test_hops(bool ipv6, tt_socket socket)
{
    uint16_t port;
    int heard = listener(ipv6, &groups[ipv6], &port), usual = 0;
    socklen_t length = sizeof(usual);
    REQUIRE(getsockopt(heard, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_UNICAST_HOPS : IP_TTL,
                       &usual, &length) == 0);
    const int limits[] = {0, 255, 7, 0};
    for (size_t i = 0; i < TT_COUNT(limits); i++) {
        tt_endpoint group = groups[ipv6];
        group.port = port;
        datagram = (tt_datagram){
            .socket = socket, .peer = loopback(ipv6, port), .hop_limit = (uint8_t)limits[i]};
        EXPECT_EQUAL(ops->send(platform, &datagram), TT_OK);
        EXPECT_EQUAL(hops_of_next(heard), limits[i] > 0 ? limits[i] : usual);
        if (ipv6)
            continue; // without multicast on the loopback interface, as most are
        datagram.peer = group;
        EXPECT_EQUAL(ops->send(platform, &datagram), TT_OK);
        EXPECT_EQUAL(hops_of_next(heard), limits[i] > 0 ? limits[i] : 1); // not farther
    }
    close(heard);
}

// A port in groups hears them, one without groups does not, and the port is shared.
static void test_groups(void)
{
    static tt_platform_linux one, two;
    tt_socket hears, hears_too, deaf;
    REQUIRE(tt_platform_linux_init(&one) == TT_OK && tt_platform_linux_init(&two) == TT_OK);
    REQUIRE(ops->open(&one.platform, 0, groups, 2, &hears) == TT_OK);
    tt_endpoint group = groups[0];
    group.port = ops->port(&one.platform, hears);
    EXPECT_EQUAL(ops->open(&two.platform, group.port, groups, 2, &hears_too), TT_OK);
    EXPECT_EQUAL(send_to(0, &group, "all"), TT_OK);
    tt_platform_linux *both[2] = {&one, &two};
    for (int i = 0; i < 2; i++) {
        ops->wait(&both[i]->platform, ops->now(platform) + TT_SECONDS(2));
        EXPECT_EQUAL(ops->receive(&both[i]->platform, &datagram), TT_OK);
        EXPECT_EQUAL(datagram.length, 3);
        EXPECT(datagram.multicast);
    }
    // What a port in groups sends to them comes from an address, and not from 0.0.0.0.
    datagram = (tt_datagram){.socket = hears, .peer = group, .length = 1};
    EXPECT_EQUAL(ops->send(&one.platform, &datagram), TT_OK);
    ops->wait(&two.platform, ops->now(platform) + TT_SECONDS(2));
    EXPECT_EQUAL(ops->receive(&two.platform, &datagram), TT_OK);
    tt_endpoint from = loopback(0, group.port);
    EXPECT(tt_endpoint_equal(&datagram.peer, &from));
    ops->wait(&one.platform, ops->now(platform) + TT_SECONDS(2));
    EXPECT_EQUAL(ops->receive(&one.platform, &datagram), TT_OK); // its own, too
    // One sent to this port alone says that it was, of either family.
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        tt_endpoint own = loopback(ipv6, ops->port(platform, 0));
        EXPECT_EQUAL(send_to(0, &own, "one"), TT_OK);
        ops->wait(platform, ops->now(platform) + TT_SECONDS(2));
        datagram.multicast = true;
        EXPECT(ops->receive(platform, &datagram) == TT_OK && datagram.length == 3);
        EXPECT(!datagram.multicast);
    }
    REQUIRE(ops->open(&one.platform, 0, NULL, 0, &deaf) == TT_OK);
    group.port = ops->port(&one.platform, deaf);
    EXPECT_EQUAL(send_to(0, &group, "all"), TT_OK);
    ops->wait(&one.platform, ops->now(platform) + TT_MS(50));
    EXPECT_EQUAL(ops->receive(&one.platform, &datagram), TT_EMPTY);
    tt_endpoint none = loopback(false, 0);
    EXPECT_EQUAL(ops->open(&one.platform, 0, &none, 1, &deaf), TT_INVALID);
    EXPECT_EQUAL(one.sockets, 2);
    for (int i = 0; i < 4; i++)
        close(one.descriptors[i]);
    close(two.descriptors[0]);
    close(two.descriptors[1]);
}

// In a network of its own, with one more interface: a group's datagram that comes in there is
// dropped. Nothing is said where no such network can be made.
static void drop_foreign(void)
{
    static tt_platform_linux confined;
    tt_socket opened;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        FILE *map = fopen("/proc/self/uid_map", "w");
        REQUIRE(map != NULL && fprintf(map, "0 %d 1\n", (int)uid) > 0);
        REQUIRE(fclose(map) == 0);
    } else if (unshare(CLONE_NEWNET) != 0) {
        _exit(TEST_SKIPPED);
    }
    if (system("PATH=$PATH:/sbin:/usr/sbin; ip link set lo up && ip link add name veth0 type "
               "veth peer name veth1 && ip addr add 192.0.2.1/24 dev veth0 && ip link set veth0 up "
               "&& ip link set veth1 up") != 0)
        _exit(TEST_SKIPPED);
    REQUIRE(tt_platform_linux_init(&confined) == TT_OK);
    platform = &confined.platform;
    REQUIRE(ops->open(platform, 0, groups, 2, &opened) == TT_OK);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(ops->port(platform, opened))};
    memcpy(&to.sin_addr, groups[0].ip + 12, 4);
    const char *const names[] = {"veth0", "lo"};
    for (int i = 0; i < 2; i++) {
        struct ip_mreqn from = {.imr_ifindex = (int)if_nametoindex(names[i])};
        from.imr_multiaddr = to.sin_addr;
        int raw = socket(AF_INET, SOCK_DGRAM, 0);
        REQUIRE(setsockopt(raw, IPPROTO_IP, IP_ADD_MEMBERSHIP, &from, sizeof(from)) == 0);
        REQUIRE(setsockopt(raw, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from)) == 0);
        REQUIRE(sendto(raw, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1);
        EXPECT_EQUAL(next(TT_MS(200)), i == 0 ? TT_EMPTY : TT_OK);
        EXPECT_EQUAL(confined.dropped, 1);
    }
    fflush(stdout);
    _exit(test_failures > 0);
}

// Without a descriptor left.
static void run_out(void)
{
    static tt_platform_linux none;
    tt_socket opened;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, 3}) == 0);
    EXPECT_EQUAL(tt_platform_linux_init(&none), TT_IO);
    EXPECT_EQUAL(ops->open(platform, 0, NULL, 0, &opened), TT_IO);
    fflush(stdout);
    _exit(test_failures > 0);
}

static void test_apart(void (*entry)(void))
{
    int status = -1;
    uid = getuid();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        entry();
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status));
    EXPECT(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == TEST_SKIPPED);
}

static void test_random(void)
{
    uint8_t one[64] = {0}, two[64] = {0};
    ops->random(platform, one, sizeof(one) - 1);
    ops->random(platform, two, sizeof(two) - 1);
    EXPECT(memcmp(one, two, 16) != 0 && memcmp(one + 40, two + 40, 16) != 0);
    EXPECT(one[63] == 0 && two[63] == 0);
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

    test_flooded(first, second);
    test_hops(false, first);
    test_groups();
    if (host.descriptors[1] >= 0)
        test_hops(true, first);
    test_apart(drop_foreign);
    test_apart(run_out);
    test_random();
    test_icmp_errors();
    test_earlier_errors(first, second);
    test_any_port();
    test_sockets();
    test_works();
    test_order_of_works();
    test_waits(first);
    // With everything taken a wait takes its time: no error keeps it awake.
    tt_time before = ops->now(platform);
    ops->wait(platform, before + TT_MS(100));
    tt_time after = ops->now(platform);
    EXPECT(after >= before + TT_MS(100) && after < before + TT_SECONDS(1));
    return test_result();
}
