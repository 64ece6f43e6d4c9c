// UDP on the host's loopback interface, IPv4 and IPv6 side by side.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tutti/check.h"
#include "tutti/platform_linux.h"

#define ANY_PORT_TRIES 8
#define DROPS_AT_A_TIME 32 // datagrams that are not for us, passed over by one receive

static tt_platform_linux *self(tt_platform *platform)
{
    return (tt_platform_linux *)platform;
}

static unsigned loopback_index(void)
{
    static unsigned index; // asking takes three system calls
    if (index == 0)
        index = if_nametoindex("lo");
    return index > 0 ? index : 1;
}

static tt_time linux_now(tt_platform *platform)
{
    (void)platform;
    return tt_host_now();
}

static void linux_random(tt_platform *platform, void *bytes, size_t length)
{
    (void)platform;
    tt_host_random(bytes, length);
}

static void set_option(int descriptor, int level, int option, int value)
{
    setsockopt(descriptor, level, option, &value, sizeof(value));
}

// Multicast ports are shared with other resolvers of the host and bound to every address, because a
// group's datagrams come to the group's address; the interface is checked on receiving.
static tt_status bind_port(int descriptor, bool ipv6, bool shared, uint16_t port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = htons(port),
                               .sin6_addr = shared ? in6addr_any : in6addr_loopback};
    struct sockaddr_in four = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(shared ? INADDR_ANY : INADDR_LOOPBACK)};
    int result = ipv6 ? bind(descriptor, (struct sockaddr *)&six, sizeof(six))
                      : bind(descriptor, (struct sockaddr *)&four, sizeof(four));
    if (result == 0)
        return TT_OK;
    return errno == EADDRINUSE ? TT_BUSY : TT_IO;
}

static tt_status join(int descriptor, bool ipv6, const tt_endpoint *group)
{
    unsigned index = loopback_index();
    int result = 0;
    if (!tt_endpoint_is_multicast(group))
        return TT_INVALID;
    if (ipv6 && !tt_endpoint_is_ipv4(group)) {
        struct ipv6_mreq request = {.ipv6mr_interface = index};
        memcpy(&request.ipv6mr_multiaddr, group->ip, 16);
        result = setsockopt(descriptor, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request));
    } else if (!ipv6 && tt_endpoint_is_ipv4(group)) {
        struct ip_mreqn request = {.imr_ifindex = (int)index};
        memcpy(&request.imr_multiaddr, group->ip + 12, 4);
        result = setsockopt(descriptor, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request));
    }
    return result == 0 ? TT_OK : errno == ENOBUFS || errno == ENOMEM ? TT_FULL : TT_IO;
}

static tt_status open_family(bool ipv6, uint16_t port, const tt_endpoint *groups,
                             size_t group_count, int *descriptor)
{
    int opened = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (opened < 0)
        return TT_IO;
    int index = (int)loopback_index();
    if (ipv6) {
        set_option(opened, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        set_option(opened, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        set_option(opened, IPPROTO_IPV6, IPV6_RECVERR, 1);
        set_option(opened, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
    } else {
        struct ip_mreqn interface = {.imr_ifindex = index};
        set_option(opened, IPPROTO_IP, IP_PKTINFO, 1);
        set_option(opened, IPPROTO_IP, IP_RECVERR, 1);
        setsockopt(opened, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface));
    }
    if (group_count > 0) {
        set_option(opened, SOL_SOCKET, SO_REUSEADDR, 1);
        set_option(opened, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    tt_status status = bind_port(opened, ipv6, group_count > 0, port);
    for (size_t i = 0; i < group_count && status == TT_OK; i++)
        status = join(opened, ipv6, &groups[i]);
    if (status == TT_OK)
        *descriptor = opened;
    else
        close(opened);
    return status;
}

static uint16_t port_of(int descriptor)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        return 0;
    return ntohs(address.sin_port);
}

// The same port for IPv4 and IPv6; a host without IPv6 does with one family.
static tt_status open_pair(uint16_t port, const tt_endpoint *groups, size_t group_count,
                           int pair[2])
{
    tt_status status = open_family(false, port, groups, group_count, &pair[0]);
    if (status != TT_OK)
        return status;
    status = open_family(true, port_of(pair[0]), groups, group_count, &pair[1]);
    if (status == TT_BUSY || status == TT_FULL) {
        close(pair[0]);
        pair[0] = -1;
        return status;
    }
    return TT_OK;
}

static tt_status linux_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                            size_t group_count, tt_socket *socket)
{
    tt_platform_linux *p = self(platform);
    if (p->sockets == TT_PLATFORM_LINUX_SOCKETS_MAX)
        return TT_FULL;
    // A port that is free for IPv4 may be another's for IPv6: then any other will do.
    tt_status status = TT_BUSY;
    for (unsigned tries = port == 0 ? ANY_PORT_TRIES : 1; status == TT_BUSY && tries > 0; tries--)
        status = open_pair(port, groups, group_count, &p->descriptors[2 * p->sockets]);
    if (status == TT_OK)
        *socket = p->sockets++;
    return status;
}

// A descriptor at the address of a group itself: what is sent to one device does not come to it.
static tt_status open_group(const tt_endpoint *group, uint16_t port, int *descriptor)
{
    bool ipv6 = !tt_endpoint_is_ipv4(group);
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = loopback_index()};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int opened = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (opened < 0)
        return TT_IO;
    memcpy(&six.sin6_addr, group->ip, 16);
    memcpy(&four.sin_addr, group->ip + 12, 4);
    set_option(opened, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(opened, SOL_SOCKET, SO_REUSEPORT, 1);
    if (ipv6)
        set_option(opened, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    else
        set_option(opened, IPPROTO_IP, IP_PKTINFO, 1);
    tt_status status = join(opened, ipv6, group);
    if (status == TT_OK &&
        bind(opened, ipv6 ? (void *)&six : (void *)&four, ipv6 ? sizeof(six) : sizeof(four)) != 0)
        status = errno == EADDRINUSE ? TT_BUSY : TT_IO;
    if (status == TT_OK)
        *descriptor = opened;
    else
        close(opened);
    return status;
}

static tt_status linux_open_groups(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                                   size_t group_count, tt_socket *socket)
{
    tt_platform_linux *p = self(platform);
    tt_status status = TT_INVALID;
    if (p->sockets == TT_PLATFORM_LINUX_SOCKETS_MAX)
        return TT_FULL;
    int *pair = &p->descriptors[2 * p->sockets];
    for (size_t i = 0; i < group_count; i++) // a host without IPv6 does with IPv4
        if (open_group(&groups[i], port, &pair[!tt_endpoint_is_ipv4(&groups[i])]) == TT_OK)
            status = TT_OK;
    if (status == TT_OK)
        *socket = p->sockets++;
    return status;
}

static uint16_t linux_port(tt_platform *platform, tt_socket socket)
{
    return port_of(self(platform)->descriptors[2 * socket]);
}

typedef union hops {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} hops;

// Of one datagram, whatever the socket's own limits are.
static void limit_hops(struct msghdr *message, hops *control, bool ipv6, int limit)
{
    memset(control, 0, sizeof(*control));
    message->msg_control = control;
    message->msg_controllen = sizeof(*control);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
    c->cmsg_type = ipv6 ? IPV6_HOPLIMIT : IP_TTL;
    c->cmsg_len = CMSG_LEN(sizeof(limit));
    memcpy(CMSG_DATA(c), &limit, sizeof(limit));
}

static tt_status linux_send(tt_platform *platform, const tt_datagram *datagram)
{
    tt_platform_linux *p = self(platform);
    if (datagram->length > TT_DATAGRAM_MAX)
        return TT_TOO_LARGE;
    bool ipv6 = !tt_endpoint_is_ipv4(&datagram->peer);
    int descriptor = p->descriptors[2 * datagram->socket + ipv6];
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = htons(datagram->peer.port),
                               .sin6_scope_id = datagram->peer.interface};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(datagram->peer.port)};
    memcpy(&six.sin6_addr, datagram->peer.ip, 16);
    memcpy(&four.sin_addr, datagram->peer.ip + 12, 4);
    if (tt_endpoint_is_multicast(&datagram->peer))
        six.sin6_scope_id = loopback_index();
    else if (!tt_endpoint_is_link_local(&datagram->peer))
        six.sin6_scope_id = 0;
    struct iovec data = {(void *)(uintptr_t)datagram->data, datagram->length};
    hops control;
    struct msghdr message = {.msg_name = ipv6 ? (void *)&six : (void *)&four,
                             .msg_namelen = ipv6 ? sizeof(six) : sizeof(four),
                             .msg_iov = &data,
                             .msg_iovlen = 1};
    if (datagram->hop_limit != 0)
        limit_hops(&message, &control, ipv6, datagram->hop_limit);
    ssize_t sent = -1;
    for (int tries = 0; sent < 0 && tries < 2; tries++) // the first may tell of an earlier datagram
        sent = sendmsg(descriptor, &message, 0);
    if (sent >= 0)
        return TT_OK;
    return errno == EAGAIN || errno == ENOBUFS ? TT_FULL : TT_UNREACHABLE;
}

// The interface that a datagram came in by, from its control message, and whether it was sent to a
// group or to everybody.
static unsigned interface_of(struct msghdr *message, bool *multicast)
{
    *multicast = true; // what does not say to whom it was sent is nobody's own
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            *multicast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
            return info.ipi6_ifindex;
        }
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            in_addr_t to = ntohl(info.ipi_addr.s_addr); // of loopback's only unicast block: 127/8
            *multicast = to >> 24 != 127 || (to & 0xffffff) == 0xffffff;
            return (unsigned)info.ipi_ifindex;
        }
    }
    return 0;
}

static void read_address(const struct sockaddr_storage *from, tt_endpoint *peer)
{
    memset(peer, 0, sizeof(*peer));
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
        memcpy(peer->ip, &six->sin6_addr, 16);
        peer->port = ntohs(six->sin6_port);
        if (tt_endpoint_is_link_local(peer))
            peer->interface = (uint8_t)six->sin6_scope_id;
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)from;
        peer->ip[10] = peer->ip[11] = 0xff;
        memcpy(peer->ip + 12, &four->sin_addr, 4);
        peer->port = ntohs(four->sin_port);
    }
}

// One ICMP error, which the kernel has found to quote this socket's port: TT_UNREACHABLE with the
// peer where it says that nothing listens there, TT_DAMAGED for another, TT_EMPTY without one.
static tt_status receive_error(int descriptor, tt_datagram *datagram)
{
    struct sockaddr_storage to;
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

// One datagram or error from one descriptor: TT_EMPTY, TT_OK, TT_UNREACHABLE, or TT_DAMAGED for one
// that is dropped.
static tt_status receive_from(int descriptor, tt_datagram *datagram)
{
    struct sockaddr_storage from;
    struct iovec data = {datagram->data, sizeof(datagram->data)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof(from),
                             .msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t length = recvmsg(descriptor, &message, 0);
    if (length < 0) // an error that waits makes the socket readable, so it must be taken
        return receive_error(descriptor, datagram);
    if (interface_of(&message, &datagram->multicast) != loopback_index())
        return TT_DAMAGED;
    datagram->cut = (message.msg_flags & MSG_TRUNC) != 0;
    datagram->length = (size_t)length;
    read_address(&from, &datagram->peer);
    return TT_OK;
}

static tt_status linux_receive(tt_platform *platform, tt_datagram *datagram)
{
    tt_platform_linux *p = self(platform);
    for (unsigned drops = 0; p->ready != 0 && drops < DROPS_AT_A_TIME;) {
        unsigned at = p->turn;
        p->turn = (at + 1) % (2 * p->sockets);
        if (!(p->ready >> at & 1))
            continue;
        tt_status status = receive_from(p->descriptors[at], datagram);
        if (status == TT_EMPTY) {
            p->ready &= ~(1u << at); // until linux_wait sees more
            continue;
        }
        if (status == TT_OK || status == TT_UNREACHABLE) {
            datagram->socket = at / 2;
            return status;
        }
        p->dropped++;
        drops++;
    }
    return TT_EMPTY; // or too many in a row that are none: the next wait ends at once
}

static size_t linux_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform;
    static const tt_endpoint own[2] = {
        {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}},
        {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    };
    size_t count = capacity < 2 ? capacity : 2;
    memcpy(addresses, own, count * sizeof(own[0]));
    return count;
}

static void linux_wait(tt_platform *platform, tt_time deadline)
{
    tt_platform_linux *p = self(platform);
    p->ready |= tt_host_wait(&p->host, deadline, p->descriptors, 2 * p->sockets);
}

static void linux_wake(tt_platform *platform)
{
    tt_host_wake(&self(platform)->host);
}

static tt_status linux_work(tt_platform *platform, tt_work *work)
{
    return tt_host_work(&self(platform)->host, work);
}

static const tt_platform_operations operations = {
    .now = linux_now,
    .random = linux_random,
    .open = linux_open,
    .open_groups = linux_open_groups,
    .port = linux_port,
    .send = linux_send,
    .receive = linux_receive,
    .addresses = linux_addresses,
    .wait = linux_wait,
    .wake = linux_wake,
    .work = linux_work,
};

tt_status tt_platform_linux_init(tt_platform_linux *p)
{
    memset(p, 0, sizeof(*p));
    p->platform.operations = &operations;
    for (size_t i = 0; i < TT_COUNT(p->descriptors); i++)
        p->descriptors[i] = -1;
    return tt_host_init(&p->host);
}
