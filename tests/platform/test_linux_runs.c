// Datagrams by runs on the host's sockets: what waits goes out in the order of the calls and whole,
// with few system calls; a kernel that cannot do it, or does it halfway, loses nothing; and what a
// kernel hands over as a run is taken apart whatever it says of it.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/internal.h"
#include "tests/test.h"
#include "tutti/check.h"

static const tt_platform_operations *ops;
static tt_platform_linux *from, *to; // one sends, one receives
static tt_endpoint there;            // the receiver's port
static tt_datagram datagram;

// ---- what a system call may answer; the linker puts these in front of the real ones

static bool old_kernel;      // it knows neither option
static int next_send_errors; // of sendmsg and sendmmsg, so many with this:
static int send_error;
static bool of_runs_only;                        // those that the kernel cuts
static bool every_other;                         // and of the calls every second one succeeds
static unsigned take_most;                       // of what sendmmsg is given
static unsigned sends;                           // calls
static void (*mangle)(struct mmsghdr *messages); // what recvmmsg has filled

int __real_getsockopt(int d, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(int d, int level, int option, void *value, socklen_t *length);
int __real_setsockopt(int d, int level, int option, const void *value, socklen_t length);
int __wrap_setsockopt(int d, int level, int option, const void *value, socklen_t length);
ssize_t __real_sendmsg(int d, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int d, const struct msghdr *message, int flags);
int __real_sendmmsg(int d, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int d, struct mmsghdr *messages, unsigned count, int flags);
int __real_recvmmsg(int d, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *most);
int __wrap_recvmmsg(int d, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *most);

int __wrap_getsockopt(int d, int level, int option, void *value, socklen_t *length)
{
    if (!old_kernel || level != IPPROTO_UDP)
        return __real_getsockopt(d, level, option, value, length);
    errno = ENOPROTOOPT;
    return -1;
}

int __wrap_setsockopt(int d, int level, int option, const void *value, socklen_t length)
{
    if (!old_kernel || level != IPPROTO_UDP)
        return __real_setsockopt(d, level, option, value, length);
    errno = ENOPROTOOPT;
    return -1;
}

static bool send_fails(bool is_run)
{
    sends++;
    if (next_send_errors == 0 || (of_runs_only && !is_run) || (every_other && sends % 2 == 0))
        return false;
    next_send_errors--;
    errno = send_error;
    return true;
}

ssize_t __wrap_sendmsg(int d, const struct msghdr *message, int flags)
{
    return send_fails(message->msg_controllen > 0) ? -1 : __real_sendmsg(d, message, flags);
}

int __wrap_sendmmsg(int d, struct mmsghdr *messages, unsigned count, int flags)
{
    if (send_fails(false))
        return -1;
    return __real_sendmmsg(d, messages, take_most > 0 && count > take_most ? take_most : count,
                           flags);
}

int __wrap_recvmmsg(int d, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *most)
{
    int filled = __real_recvmmsg(d, messages, count, flags, most);
    if (filled > 0 && mangle != NULL)
        mangle(messages);
    return filled;
}

// ----

static void open_both(bool without_runs)
{
    static tt_platform_linux platforms[16][2];
    static unsigned used;
    tt_socket socket;
    REQUIRE(used < 16);
    from = &platforms[used][0];
    to = &platforms[used++][1];
    REQUIRE(tt_platform_linux_init(from) == TT_OK && tt_platform_linux_init(to) == TT_OK);
    from->without_runs = to->without_runs = without_runs;
    ops = from->platform.operations;
    REQUIRE(ops->open(&from->platform, 0, NULL, 0, &socket) == TT_OK && socket == 0);
    REQUIRE(ops->open(&to->platform, 0, NULL, 0, &socket) == TT_OK && socket == 0);
    there =
        (tt_endpoint){.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = ops->port(&to->platform, 0)};
}

static void close_both(void)
{
    for (int i = 0; i < 2; i++) {
        close(from->descriptors[i]);
        close(to->descriptors[i]);
    }
}

// A datagram of `length` bytes that says its number and its length.
static tt_status send_number(const tt_endpoint *peer, unsigned number, size_t length, bool waits)
{
    static tt_datagram d;
    d = (tt_datagram){.peer = *peer, .may_wait = waits, .length = length};
    memset(d.data, (int)(length & 0xff), sizeof(d.data));
    memcpy(d.data, &number, length < sizeof(number) ? length : sizeof(number));
    return ops->send(&from->platform, &d);
}

static bool is_number(const tt_datagram *d, unsigned number, size_t length)
{
    bool right = d->length == length && memcmp(d->data, &number, sizeof(number)) == 0;
    for (size_t i = sizeof(number); i < length; i++)
        right &= d->data[i] == (length & 0xff);
    return right;
}

static void go(void)
{
    ops->wait(&from->platform, INT64_MIN);
}

static tt_status next_within(tt_time timeout)
{
    tt_time deadline = ops->now(&to->platform) + timeout;
    for (;;) {
        tt_status status = ops->receive(&to->platform, &datagram);
        if (status != TT_EMPTY || ops->now(&to->platform) >= deadline)
            return status;
        ops->wait(&to->platform, deadline);
    }
}

static tt_status next(void)
{
    return next_within(TT_SECONDS(2));
}

static bool is_quiet(void)
{
    return next_within(TT_MS(20)) == TT_EMPTY;
}

static void expect_numbers(unsigned first, unsigned count, size_t length)
{
    for (unsigned i = 0; i < count; i++) {
        EXPECT_EQUAL(next(), TT_OK);
        EXPECT(is_number(&datagram, first + i, length) && !datagram.cut && !datagram.multicast);
        EXPECT(datagram.peer.port == ops->port(&from->platform, 0) && datagram.socket == 0);
    }
}

// None before the wait, all behind it, in order, by few calls.
static void test_many(void)
{
    static const size_t lengths[] = {4, 20, 1000, TT_DATAGRAM_MAX};
    for (size_t k = 0; k < TT_COUNT(lengths); k++) {
        size_t a_run = 65000 / lengths[k] < 64 ? 65000 / lengths[k] : 64;
        sends = 0;
        for (unsigned i = 0; i < a_run; i++)
            EXPECT_EQUAL(send_number(&there, i, lengths[k], true), TT_OK);
        EXPECT(sends == 0 && is_quiet());
        go();
        EXPECT_EQUAL(sends, 1);
        go();
        EXPECT_EQUAL(sends, 1);
        expect_numbers(0, (unsigned)a_run, lengths[k]);
        EXPECT(is_quiet());
    }
    sends = 0;
    for (unsigned i = 0; i < 300; i++)
        EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
    go();
    EXPECT_EQUAL(sends, 5); // 64 at a time
    expect_numbers(0, 300, 20);
    // Longer than any run, of the longest.
    bool cuts = from->cuts;
    for (unsigned i = 0; i < 100; i++)
        EXPECT_EQUAL(send_number(&there, i, TT_DATAGRAM_MAX, true), TT_OK);
    go();
    expect_numbers(0, 100, TT_DATAGRAM_MAX);
    EXPECT(from->lost == 0 && from->cuts == cuts && is_quiet());
}

// A shorter one is the last of a run, a longer one, one that cannot wait and one to another begin
// anew; all in the order of the calls.
static void test_mixed(void)
{
    static const size_t lengths[] = {20, 20, 12, 12, 20, 30, 30, 29, 30, 5, 4, 4};
    unsigned count = TT_COUNT(lengths);
    for (unsigned waiting = 0; waiting < 3; waiting++) { // all, all but some, none
        for (unsigned i = 0; i < count; i++)
            EXPECT_EQUAL(
                send_number(&there, i, lengths[i], waiting == 0 || (waiting == 1 && i % 5)), TT_OK);
        go();
        for (unsigned i = 0; i < count; i++)
            expect_numbers(i, 1, lengths[i]);
        EXPECT(is_quiet());
    }
    // An empty one, and one with a hop limit, go at once.
    datagram = (tt_datagram){.peer = there, .may_wait = true};
    EXPECT_EQUAL(ops->send(&from->platform, &datagram), TT_OK);
    datagram = (tt_datagram){.peer = there, .may_wait = true, .hop_limit = 9, .length = 1};
    EXPECT_EQUAL(ops->send(&from->platform, &datagram), TT_OK);
    for (size_t i = 0; i < 2; i++)
        EXPECT(next() == TT_OK && datagram.length == i);
    // Two peers in turn, of either family where the machine has both.
    tt_endpoint six = {.ip = {[15] = 1}, .port = there.port};
    bool has_six = from->descriptors[1] >= 0;
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQUAL(send_number(i % 2 && has_six ? &six : &there, i, 20, true), TT_OK);
    go();
    unsigned long seen = 0;
    for (unsigned i = 0; i < 20; i++) {
        unsigned number;
        EXPECT_EQUAL(next(), TT_OK);
        memcpy(&number, datagram.data, sizeof(number));
        REQUIRE(number < 20 && is_number(&datagram, number, 20));
        EXPECT_EQUAL(tt_endpoint_is_ipv4(&datagram.peer), !has_six || number % 2 == 0);
        seen |= 1ul << number;
    }
    EXPECT_EQUAL(seen, 0xffffful);
    datagram.length = TT_DATAGRAM_MAX + 1;
    EXPECT_EQUAL(ops->send(&from->platform, &datagram), TT_TOO_LARGE);
}

// The kernel takes nothing for a while: who sends is told once the run is full, nothing is lost,
// and a wait does not sleep over it.
static void test_full(void)
{
    unsigned taken = 0;
    send_error = EAGAIN;
    next_send_errors = 3;
    while (send_number(&there, taken, 20, true) == TT_OK)
        taken++;
    EXPECT(taken >= 32 && taken <= 64 && next_send_errors == 2);
    EXPECT_EQUAL(send_number(&there, taken, 20, true), TT_FULL);
    tt_time before = ops->now(&from->platform);
    ops->wait(&from->platform, before + TT_SECONDS(5));
    EXPECT(ops->now(&from->platform) < before + TT_SECONDS(1));
    EXPECT(next_send_errors == 0 && is_quiet());
    go();
    expect_numbers(0, taken, 20);
    EXPECT(is_quiet() && from->lost == 0);
}

// An error of an earlier datagram is none of these; one that stays is of the first.
static void test_errors(void)
{
    static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPERM};
    for (size_t k = 0; k < TT_COUNT(errors); k++) {
        send_error = errors[k];
        for (int count = 1; count <= 2; count++) {
            uint64_t before = from->lost;
            next_send_errors = count;
            for (unsigned i = 0; i < 10; i++)
                EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
            go();
            unsigned lost = count == 2;
            EXPECT_EQUAL(from->lost - before, lost);
            expect_numbers(lost, 10 - lost, 20);
            EXPECT(next_send_errors == 0 && is_quiet());
        }
    }
    // For ever: it ends, and the next run is as good as any.
    uint64_t before = from->lost;
    next_send_errors = 1000;
    for (unsigned i = 0; i < 10; i++)
        EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
    go();
    EXPECT(from->lost - before == 10 && is_quiet());
    next_send_errors = 0;
    EXPECT_EQUAL(send_number(&there, 7, 20, true), TT_OK);
    go();
    expect_numbers(7, 1, 20);
}

// A kernel that says no to a run takes it by single datagrams, now and from then on.
static void test_no_runs(void)
{
    static const int errors[] = {EINVAL, EIO, EMSGSIZE, EOPNOTSUPP, ENOPROTOOPT};
    of_runs_only = true;
    for (size_t k = 0; k < TT_COUNT(errors); k++) {
        from->cuts = true;
        send_error = errors[k];
        next_send_errors = 1;
        for (unsigned turn = 0; turn < 2; turn++) {
            sends = 0;
            for (unsigned i = 0; i < 10; i++)
                EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
            go();
            EXPECT(sends == 2 - turn && !from->cuts);
            expect_numbers(0, 10, 20);
        }
    }
    of_runs_only = false;
    EXPECT(from->lost == 0 && is_quiet());
}

// sendmmsg may take some only.
static void test_parts(void)
{
    take_most = 3;
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQUAL(send_number(&there, i, i < 19 ? 20 : 11, true), TT_OK);
    go();
    expect_numbers(0, 19, 20);
    expect_numbers(19, 1, 11);
    // Before each part it takes nothing for a while, or tells of an earlier datagram.
    static const int errors[] = {EAGAIN, ECONNREFUSED};
    every_other = true;
    take_most = 7;
    for (size_t k = 0; k < TT_COUNT(errors); k++) {
        send_error = errors[k];
        next_send_errors = 3;
        sends = 0;
        for (unsigned i = 0; i < 20; i++)
            EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
        for (unsigned i = 0; i < 4; i++)
            go();
        EXPECT(sends == 6 && next_send_errors == 0);
        expect_numbers(0, 20, 20);
    }
    every_other = false;
    take_most = 0;
    EXPECT(from->lost == 0 && is_quiet());
}

// To a port where nothing listens and to another, in turn: the one is told, the other hears all.
static void test_unreachable(void)
{
    tt_socket opened;
    static tt_platform_linux other;
    REQUIRE(tt_platform_linux_init(&other) == TT_OK);
    REQUIRE(ops->open(&other.platform, 0, NULL, 0, &opened) == TT_OK);
    tt_endpoint closed = there;
    closed.port = ops->port(&other.platform, opened);
    close(other.descriptors[0]);
    close(other.descriptors[1]);
    unsigned told = 0, number = 0;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 10; i++)
            EXPECT_EQUAL(send_number(&closed, i, 20, true), TT_OK);
        for (unsigned i = 0; i < 10; i++)
            EXPECT_EQUAL(send_number(&there, number++, 20, true), TT_OK);
        go();
    }
    expect_numbers(0, number, 20);
    EXPECT(from->lost == 0 && is_quiet());
    go();
    while (ops->receive(&from->platform, &datagram) == TT_UNREACHABLE)
        told += tt_endpoint_equal(&datagram.peer, &closed);
    EXPECT(told > 0);
}

// ---- what a kernel may hand over

static int raw;

// `count` datagrams of `each` bytes by one call, the last of `last`.
static void send_raw(unsigned count, unsigned each, unsigned last)
{
    static uint8_t bytes[65536];
    int size = (int)each;
    REQUIRE(__real_setsockopt(raw, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) == 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i / each);
    size_t length = (count - 1) * each + last;
    EXPECT_EQUAL(send(raw, bytes, length, 0), (ssize_t)length);
}

static void expect_raw(unsigned count, unsigned each, unsigned last)
{
    for (unsigned i = 0; i < count; i++) {
        size_t length = i + 1 < count ? each : last;
        bool cut = length > TT_DATAGRAM_MAX;
        length = cut ? TT_DATAGRAM_MAX : length;
        EXPECT_EQUAL(next(), TT_OK);
        EXPECT_EQUAL(datagram.length, length);
        EXPECT_EQUAL(datagram.cut, cut);
        EXPECT(datagram.data[0] == (uint8_t)i && datagram.data[length - 1] == (uint8_t)i);
    }
    EXPECT(is_quiet());
}

// Any length and number that a kernel sends, longer ones than a datagram may have included.
static void test_lengths(void)
{
    static const unsigned cases[][3] = {
        {1, 1, 1},    {2, 1, 1},    {64, 1, 1},       {64, 9, 9},      {64, 1000, 3},
        {2, 1452, 1}, {3, 1453, 5}, {10, 6000, 6000}, {7, 9000, 1452}, {1, 65000, 65000}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        send_raw(cases[i][0], cases[i][1], cases[i][2]);
        expect_raw(cases[i][0], cases[i][1], cases[i][2]);
    }
}

static int said_each;
static int flags_added;
static bool without_control;

static void say(struct mmsghdr *messages)
{
    struct msghdr *message = &messages[0].msg_hdr;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
            memcpy(CMSG_DATA(c), &said_each, sizeof(said_each));
    message->msg_flags |= flags_added;
    if (without_control)
        message->msg_controllen = 0;
}

// What is said of a run is none, or wrong, or cut off: it is taken for one datagram, or dropped
// whole; nothing is read that is not there.
static void test_hostile(void)
{
    mangle = say;
    static const int sizes[] = {0, -1, INT32_MIN, 101, 65536, INT32_MAX};
    for (size_t i = 0; i < TT_COUNT(sizes); i++) {
        said_each = sizes[i];
        send_raw(10, 10, 10);
        EXPECT(next() == TT_OK && datagram.length == 100 && !datagram.cut);
        EXPECT(is_quiet());
    }
    said_each = 30;
    send_raw(10, 10, 10);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(next() == TT_OK && datagram.length == (i < 3 ? 30 : 10));
    flags_added = MSG_TRUNC; // the last of them is not whole
    send_raw(10, 10, 10);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(next() == TT_OK && datagram.length == (i < 3 ? 30 : 10) && datagram.cut == (i == 3));
    uint64_t before = to->dropped;
    flags_added = MSG_CTRUNC;
    send_raw(10, 10, 10);
    EXPECT(is_quiet() && to->dropped == before + 1);
    flags_added = 0;
    without_control = true;
    send_raw(10, 10, 10);
    EXPECT(is_quiet() && to->dropped == before + 2);
    without_control = false;
    mangle = NULL;
    send_raw(10, 10, 4);
    expect_raw(10, 10, 4);
}

static void test_received_runs(bool runs)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(there.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    raw = socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(connect(raw, (struct sockaddr *)&address, sizeof(address)) == 0);
    test_lengths();
    if (runs)
        test_hostile();
    close(raw);
}

// All that was there when a wait returned is given without another.
static void test_one_wait(void)
{
    unsigned count = to->without_runs || old_kernel ? 200 : 1000;
    for (unsigned i = 0; i < count; i++)
        EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
    go();
    ops->wait(&to->platform, ops->now(&to->platform) + TT_SECONDS(2));
    unsigned given = 0;
    while (ops->receive(&to->platform, &datagram) == TT_OK)
        given += is_number(&datagram, given, 20);
    EXPECT_EQUAL(given, count);
    EXPECT(is_quiet());
    // And what came after the kernel was asked, before the wait.
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQUAL(send_number(&there, i, 20, false), TT_OK);
        ops->wait(&to->platform, ops->now(&to->platform) + TT_SECONDS(2));
        EXPECT(ops->receive(&to->platform, &datagram) == TT_OK && is_number(&datagram, i, 20));
    }
    EXPECT(is_quiet());
}

// While one port has much to take, a wake and another port's datagram do not wait for the end of
// it.
static void test_not_starved(void)
{
    tt_socket second;
    REQUIRE(ops->open(&to->platform, 0, NULL, 0, &second) == TT_OK);
    tt_endpoint other = there;
    other.port = ops->port(&to->platform, second);
    for (unsigned i = 0; i < 256; i++)
        EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
    go();
    EXPECT_EQUAL(next(), TT_OK); // much is here now
    EXPECT_EQUAL(send_number(&other, 1, 20, false), TT_OK);
    unsigned before = 0;
    while (next() == TT_OK && datagram.socket == 0) {
        before++;
        ops->wait(&to->platform, TT_FOREVER); // ends at once
    }
    EXPECT(datagram.socket == second && before <= 16);
    for (unsigned i = before + 1; i < 256; i++) {
        ops->wait(&to->platform, TT_FOREVER); // ends, whatever the kernel has
        EXPECT_EQUAL(next(), TT_OK);
    }
    EXPECT(is_quiet());
    close(to->descriptors[2]);
    close(to->descriptors[3]);
    to->sockets = 1;
}

// A peer to whom nothing can be sent, one without a port, is no sign that the kernel cannot cut:
// others' runs go on as one.
static void test_peer_that_cannot_be(void)
{
    tt_endpoint nowhere = there;
    nowhere.port = 0;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQUAL(send_number(&nowhere, i, 20, true), TT_OK);
    go();
    EXPECT(from->cuts && from->lost == 3);
    from->lost = 0;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQUAL(send_number(&there, i, 20, true), TT_OK);
    sends = 0;
    go();
    EXPECT_EQUAL(sends, 1);
    expect_numbers(0, 3, 20);
}

static void test_all(bool without_runs)
{
    open_both(without_runs);
    bool runs = !without_runs && !old_kernel;
    EXPECT_EQUAL(from->cuts, runs);
    int joins = -1;
    socklen_t length = sizeof(joins);
    EXPECT_EQUAL(__real_getsockopt(to->descriptors[0], IPPROTO_UDP, UDP_GRO, &joins, &length), 0);
    EXPECT_EQUAL(joins, runs);
    test_many();
    test_mixed();
    test_full();
    if (from->cuts) {
        test_peer_that_cannot_be();
        test_no_runs();
    } else {
        test_parts();
    }
    test_unreachable();
    test_received_runs(runs);
    test_one_wait();
    test_not_starved();
    test_errors();
    close_both();
}

int main(void)
{
    test_all(false);
    test_all(true);
    old_kernel = true;
    test_all(false);
    return test_result();
}
