// What comes to one descriptor: taken from the kernel by runs, handed out one by one.
//
// One system call fills several slots. With UDP_GRO (udp(7)) a slot holds a run: datagrams of one
// length from one peer behind one another, of which the last may be shorter; without it, or of a
// single datagram, it holds that one. A slot of runs is as long as any may be, so that nothing of
// one is lost. Only what is in use of it takes memory.

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> // wants <time.h>

#include "platform/linux/internal.h"
#include "tutti/check.h"

#define RUNS_MAX 8u            // slots of runs
#define SINGLES_MAX 64u        // slots of single datagrams
#define BUFFER_BYTES (4 << 20) // that may wait in the kernel, where the machine allows so much

_Static_assert(SINGLES_MAX *TT_DATAGRAM_MAX <= RUNS_MAX * TT_LINUX_RUN_BYTES, "single ones fit");

typedef union beside {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
} beside;

// What a slot's control messages say.
typedef struct arrival {
    unsigned interface; // 0: untold
    bool multicast;     // to a group or to everybody
    size_t each;        // bytes of a datagram of a run; 0: it is none
} arrival;

struct tt_linux_inbox {
    unsigned slots; // that one call may fill
    size_t slot_bytes;
    unsigned count, at; // slots that were filled, and the one that is handed out
    size_t offset;      // within it
    bool begun;         // what follows is known of it
    bool exhausted;     // the kernel had no more when it was asked last
    bool cut;           // its last datagram is not whole
    arrival arrival;
    tt_endpoint peer;
    size_t length; // of its datagrams together
    struct mmsghdr messages[SINGLES_MAX];
    struct iovec places[SINGLES_MAX];
    struct sockaddr_in6 from[SINGLES_MAX]; // or a sockaddr_in, which is shorter
    beside controls[SINGLES_MAX];
    uint8_t bytes[RUNS_MAX * TT_LINUX_RUN_BYTES];
};

tt_linux_inbox *tt_linux_inbox_new(int descriptor, bool runs)
{
    int on = 1, bytes = BUFFER_BYTES;
    tt_linux_inbox *box = tt_linux_storage(sizeof(*box));
    if (box == NULL)
        return NULL;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); // or as it was
    runs = runs && setsockopt(descriptor, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;
    box->slots = runs ? RUNS_MAX : SINGLES_MAX;
    box->slot_bytes = runs ? TT_LINUX_RUN_BYTES : TT_DATAGRAM_MAX;
    return box;
}

void tt_linux_inbox_free(tt_linux_inbox *box)
{
    if (box != NULL)
        munmap(box, sizeof(*box));
}

bool tt_linux_inbox_is_empty(const tt_linux_inbox *box)
{
    return box->at == box->count;
}

void tt_linux_inbox_look(tt_linux_inbox *box)
{
    box->exhausted = false;
}

static arrival read_control(struct msghdr *message)
{
    arrival a = {.multicast = true}; // what does not say to whom it was sent is nobody's own
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            a.multicast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
            a.interface = info.ipi6_ifindex;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            in_addr_t to = ntohl(info.ipi_addr.s_addr); // of loopback's only unicast block: 127/8
            a.multicast = to >> 24 != 127 || (to & 0xffffff) == 0xffffff;
            a.interface = (unsigned)info.ipi_ifindex;
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int each;
            memcpy(&each, CMSG_DATA(c), sizeof(each));
            a.each = each > 0 ? (size_t)each : 0;
        }
    }
    return a;
}

static void read_address(const struct sockaddr_in6 *from, tt_endpoint *peer)
{
    memset(peer, 0, sizeof(*peer));
    peer->port = ntohs(from->sin6_port); // in the same place of both
    if (from->sin6_family == AF_INET6) {
        memcpy(peer->ip, &from->sin6_addr, 16);
        if (tt_endpoint_is_link_local(peer))
            peer->interface = (uint8_t)from->sin6_scope_id;
    } else {
        struct sockaddr_in four;
        memcpy(&four, from, sizeof(four));
        peer->ip[10] = peer->ip[11] = 0xff;
        memcpy(peer->ip + 12, &four.sin_addr, 4);
    }
}

// One ICMP error, which the kernel has found to quote this socket's port: TT_UNREACHABLE with the
// peer where it says that nothing listens there, TT_DAMAGED for another, TT_EMPTY without one.
static tt_status receive_error(int descriptor, tt_datagram *datagram)
{
    struct sockaddr_in6 to;
    union {
        struct cmsghdr align;
        char bytes[256]; // the error, its sender and an IPV6_PKTINFO take about 100
    } control;
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof(to),
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    if (recvmsg(descriptor, &message, MSG_ERRQUEUE) < 0)
        return errno == EAGAIN || errno == EINTR ? TT_EMPTY : TT_DAMAGED;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        bool four = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
        bool six = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
        struct sock_extended_err error;
        if (!four && !six)
            continue;
        memcpy(&error, CMSG_DATA(c), sizeof(error));
        if (error.ee_origin != (four ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6) ||
            error.ee_errno != ECONNREFUSED)
            continue;
        read_address(&to, &datagram->peer);
        datagram->length = 0;
        return TT_UNREACHABLE;
    }
    return TT_DAMAGED;
}

// Asks the kernel; false: it has nothing, or an error.
static bool fill(tt_linux_inbox *box, int descriptor)
{
    unsigned used = box->messages[0].msg_hdr.msg_iov == NULL ? box->slots : box->count;
    for (unsigned i = 0; i < used; i++) {
        box->places[i] = (struct iovec){box->bytes + i * box->slot_bytes, box->slot_bytes};
        box->messages[i].msg_hdr = (struct msghdr){.msg_name = &box->from[i],
                                                   .msg_namelen = sizeof(box->from[i]),
                                                   .msg_iov = &box->places[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = &box->controls[i],
                                                   .msg_controllen = sizeof(box->controls[i])};
    }
    int filled = recvmmsg(descriptor, box->messages, box->slots, MSG_DONTWAIT, NULL);
    box->at = 0;
    box->count = filled > 0 ? (unsigned)filled : 0;
    box->exhausted = filled > 0 && box->count < box->slots;
    return filled > 0;
}

static void end_slot(tt_linux_inbox *box)
{
    box->at++;
    box->offset = 0;
    box->begun = false;
}

// Looks at a slot before anything of it is handed out; false: it is not for us.
static bool begin_slot(tt_linux_inbox *box)
{
    struct msghdr *message = &box->messages[box->at].msg_hdr;
    box->arrival = read_control(message);
    box->length = box->messages[box->at].msg_len;
    box->cut = (message->msg_flags & MSG_TRUNC) != 0;
    if (box->length > box->slot_bytes)
        box->length = box->slot_bytes;
    read_address(&box->from[box->at], &box->peer);
    box->begun = true;
    return !(message->msg_flags & MSG_CTRUNC) && box->arrival.interface == tt_linux_loopback();
}

tt_status tt_linux_inbox_take(tt_linux_inbox *box, int descriptor, tt_datagram *datagram)
{
    if (tt_linux_inbox_is_empty(box)) {
        if (box->exhausted) {
            box->exhausted = false;
            return TT_EMPTY;
        }
        if (!fill(box, descriptor)) // an error that waits makes the socket readable: it is taken
            return receive_error(descriptor, datagram);
    }
    if (!box->begun && !begin_slot(box)) {
        end_slot(box);
        return TT_DAMAGED;
    }
    size_t left = box->length - box->offset, each = box->arrival.each;
    size_t length = each > 0 && each < left ? each : left;
    bool is_last = length == left;
    datagram->peer = box->peer;
    datagram->multicast = box->arrival.multicast;
    datagram->cut = length > TT_DATAGRAM_MAX || (is_last && box->cut);
    datagram->length = length > TT_DATAGRAM_MAX ? TT_DATAGRAM_MAX : length;
    memcpy(datagram->data, box->bytes + box->at * box->slot_bytes + box->offset, datagram->length);
    box->offset += length;
    if (is_last)
        end_slot(box);
    return TT_OK;
}
