// Datagrams that go: at once, or as a run.
//
// A run is what UDP_SEGMENT (udp(7)) sends by one system call: datagrams of one length to one peer,
// of which the last may be shorter. They pass the kernel, and on the loopback interface reach the
// receiver, as one piece, which is what a datagram of a few bytes costs most of. A kernel without
// it takes the same run by sendmmsg.

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "platform/linux/internal.h"

#define DATAGRAMS_MAX 64u // of a run: what every kernel with UDP_SEGMENT takes
#define BYTES_MAX 65000u  // of a run: less than what fits a datagram of IPv4 or IPv6
#define TRIES 2           // the first may tell of an earlier datagram

typedef struct address {
    union {
        struct sockaddr_in6 six;
        struct sockaddr_in four;
    };
    socklen_t length;
} address;

struct tt_linux_run {
    int descriptor;
    tt_endpoint peer;
    size_t each;   // bytes of a datagram, the last perhaps apart
    size_t length; // bytes of all; 0: the run is empty
    size_t gone;   // bytes that were sent of it
    struct iovec places[DATAGRAMS_MAX];
    struct mmsghdr messages[DATAGRAMS_MAX];
    uint8_t bytes[TT_LINUX_RUN_BYTES];
};

void *tt_linux_storage(size_t bytes)
{
    void *storage = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return storage == MAP_FAILED ? NULL : storage;
}

static void write_address(const tt_endpoint *peer, address *to)
{
    memset(to, 0, sizeof(*to));
    if (tt_endpoint_is_ipv4(peer)) {
        to->length = sizeof(to->four);
        to->four.sin_family = AF_INET;
        to->four.sin_port = htons(peer->port);
        memcpy(&to->four.sin_addr, peer->ip + 12, 4);
        return;
    }
    to->length = sizeof(to->six);
    to->six.sin6_family = AF_INET6;
    to->six.sin6_port = htons(peer->port);
    memcpy(&to->six.sin6_addr, peer->ip, 16);
    if (tt_endpoint_is_multicast(peer))
        to->six.sin6_scope_id = tt_linux_loopback();
    else if (tt_endpoint_is_link_local(peer))
        to->six.sin6_scope_id = peer->interface;
}

// A number beside a message: its hop limit, or the length at which the kernel cuts it.
typedef union beside {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} beside;

static void put_beside(struct msghdr *message, beside *control, int level, int type,
                       const void *value, size_t length)
{
    memset(control, 0, sizeof(*control));
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(length);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(c), value, length);
}

static bool is_full(int error)
{
    return error == EAGAIN || error == ENOBUFS;
}

tt_status tt_linux_send(int descriptor, const tt_datagram *datagram)
{
    address to;
    beside control;
    bool ipv6 = !tt_endpoint_is_ipv4(&datagram->peer);
    int limit = datagram->hop_limit; // of this one, whatever the socket's own limits are
    write_address(&datagram->peer, &to);
    struct iovec data = {(void *)(uintptr_t)datagram->data, datagram->length};
    struct msghdr message = {
        .msg_name = &to, .msg_namelen = to.length, .msg_iov = &data, .msg_iovlen = 1};
    if (limit != 0)
        put_beside(&message, &control, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                   ipv6 ? IPV6_HOPLIMIT : IP_TTL, &limit, sizeof(limit));
    ssize_t sent = -1;
    for (int tries = 0; sent < 0 && tries < TRIES; tries++)
        sent = sendmsg(descriptor, &message, 0);
    return sent >= 0 ? TT_OK : is_full(errno) ? TT_FULL : TT_UNREACHABLE;
}

tt_linux_run *tt_linux_run_new(void)
{
    return tt_linux_storage(sizeof(tt_linux_run));
}

bool tt_linux_run_is_empty(const tt_linux_run *run)
{
    return run->length == 0;
}

// A shorter one is the last: behind it the length is no multiple any more.
static bool goes_on(const tt_linux_run *run, int descriptor, const tt_datagram *d)
{
    return run->descriptor == descriptor && d->length <= run->each &&
           run->length % run->each == 0 && run->length < DATAGRAMS_MAX * run->each &&
           run->length + d->length <= BYTES_MAX && tt_endpoint_equal(&run->peer, &d->peer);
}

bool tt_linux_run_add(tt_linux_run *run, int descriptor, const tt_datagram *d)
{
    if (run->length == 0) {
        run->descriptor = descriptor;
        run->peer = d->peer;
        run->each = d->length;
        run->gone = 0;
    } else if (!goes_on(run, descriptor, d)) {
        return false;
    }
    memcpy(run->bytes + run->length, d->data, d->length);
    run->length += d->length;
    return true;
}

bool tt_linux_cuts_runs(int descriptor)
{
    int value;
    socklen_t length = sizeof(value);
    return getsockopt(descriptor, IPPROTO_UDP, UDP_SEGMENT, &value, &length) == 0;
}

// Bytes that went, at least a datagram's, or -1.
static ssize_t send_as_one(const tt_linux_run *run, address *to)
{
    beside control;
    uint16_t each = (uint16_t)run->each;
    struct iovec data = {(void *)(uintptr_t)(run->bytes + run->gone), run->length - run->gone};
    struct msghdr message = {
        .msg_name = to, .msg_namelen = to->length, .msg_iov = &data, .msg_iovlen = 1};
    put_beside(&message, &control, IPPROTO_UDP, UDP_SEGMENT, &each, sizeof(each));
    return sendmsg(run->descriptor, &message, 0);
}

static ssize_t send_many(tt_linux_run *run, address *to)
{
    unsigned count = 0;
    for (size_t at = run->gone; at < run->length; at += run->each) {
        size_t left = run->length - at;
        run->places[count] = (struct iovec){run->bytes + at, left < run->each ? left : run->each};
        run->messages[count] = (struct mmsghdr){.msg_hdr = {.msg_name = to,
                                                            .msg_namelen = to->length,
                                                            .msg_iov = &run->places[count],
                                                            .msg_iovlen = 1}};
        count++;
    }
    int sent = sendmmsg(run->descriptor, run->messages, count, 0);
    return sent < 0                  ? -1
           : (unsigned)sent == count ? (ssize_t)(run->length - run->gone)
                                     : (ssize_t)((size_t)sent * run->each);
}

tt_status tt_linux_run_send(tt_linux_run *run, bool *cuts, uint64_t *lost)
{
    address to;
    bool may_cut = *cuts; // where it says no to a run, and no to one datagram too, it is the peer
    write_address(&run->peer, &to);
    for (unsigned tries = 0; run->gone < run->length;) {
        bool as_one = may_cut && run->length - run->gone > run->each;
        ssize_t went = as_one ? send_as_one(run, &to) : send_many(run, &to);
        if (went > 0) {
            run->gone += (size_t)went;
            *cuts = may_cut;
            tries = 0;
        } else if (is_full(errno)) {
            return TT_FULL;
        } else if (as_one && (errno == EINVAL || errno == EIO || errno == EMSGSIZE ||
                              errno == EOPNOTSUPP || errno == ENOPROTOOPT)) {
            may_cut = false;
        } else if (++tries == TRIES) { // this one cannot be sent; perhaps the next
            run->gone += run->each;
            (*lost)++;
            tries = 0;
        }
    }
    run->length = 0;
    return TT_OK;
}
