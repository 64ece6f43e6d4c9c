// UDP on the host's loopback interface, IPv4 and IPv6 side by side.

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/internal.h"
#include "tutti/check.h"

#define ANY_PORT_TRIES 8
#define UNASKED_MAX 4       // waits of which one asks the kernel, while there is something to take
#define SEND_AGAIN TT_MS(1) // what the kernel did not take
#define DROPS_AT_A_TIME 32  // datagrams that are not for us, passed over by one receive

static tt_platform_linux *self(tt_platform *platform)
{
    return (tt_platform_linux *)platform;
}

unsigned tt_linux_loopback(void)
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
    unsigned index = tt_linux_loopback();
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
    int index = (int)tt_linux_loopback();
    if (ipv6) {
        set_option(opened, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        set_option(opened, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        set_option(opened, IPPROTO_IPV6, IPV6_RECVERR, 1);
        set_option(opened, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
    } else {
        struct ip_mreqn interface = {// without an address here they would come from 0.0.0.0
                                     .imr_address.s_addr = htonl(INADDR_LOOPBACK),
                                     .imr_ifindex = index};
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

// A place for what comes to each descriptor of a socket; without one nothing is open.
static tt_status give_inboxes(tt_platform_linux *p, unsigned socket, bool runs)
{
    tt_status status = TT_OK;
    for (unsigned at = 2 * socket; at < 2 * socket + 2; at++) {
        if (p->descriptors[at] < 0)
            continue;
        p->inboxes[at] = tt_linux_inbox_new(p->descriptors[at], runs && !p->without_runs);
        status = p->inboxes[at] == NULL ? TT_FULL : status;
        p->cuts |= runs && !p->without_runs && tt_linux_cuts_runs(p->descriptors[at]);
    }
    for (unsigned at = 2 * socket; at < 2 * socket + 2 && status != TT_OK; at++) {
        tt_linux_inbox_free(p->inboxes[at]);
        if (p->descriptors[at] >= 0)
            close(p->descriptors[at]);
        p->inboxes[at] = NULL;
        p->descriptors[at] = -1;
    }
    return status;
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
        status = give_inboxes(p, p->sockets, group_count == 0);
    if (status == TT_OK)
        *socket = p->sockets++;
    return status;
}

// A descriptor at the address of a group itself: what is sent to one device does not come to it.
static tt_status open_group(const tt_endpoint *group, uint16_t port, int *descriptor)
{
    bool ipv6 = !tt_endpoint_is_ipv4(group);
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = tt_linux_loopback()};
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
        status = give_inboxes(p, p->sockets, false);
    if (status == TT_OK)
        *socket = p->sockets++;
    return status;
}

static uint16_t linux_port(tt_platform *platform, tt_socket socket)
{
    return port_of(self(platform)->descriptors[2 * socket]);
}

// Sends what waits. TT_FULL: not now.
static tt_status send_run(tt_platform_linux *p)
{
    if (tt_linux_run_is_empty(p->run))
        return TT_OK;
    return tt_linux_run_send(p->run, &p->cuts, &p->lost);
}

static tt_status linux_send(tt_platform *platform, const tt_datagram *datagram)
{
    tt_platform_linux *p = self(platform);
    if (datagram->length > TT_DATAGRAM_MAX)
        return TT_TOO_LARGE;
    bool ipv6 = !tt_endpoint_is_ipv4(&datagram->peer);
    int descriptor = p->descriptors[2 * datagram->socket + ipv6];
    bool waits = datagram->may_wait && datagram->hop_limit == 0 && datagram->length > 0;
    if (waits && tt_linux_run_add(p->run, descriptor, datagram))
        return TT_OK;
    if (send_run(p) != TT_OK && waits) // in the order of the calls
        return TT_FULL;
    if (waits && tt_linux_run_add(p->run, descriptor, datagram))
        return TT_OK;
    return tt_linux_send(descriptor, datagram);
}

static tt_status linux_receive(tt_platform *platform, tt_datagram *datagram)
{
    tt_platform_linux *p = self(platform);
    for (unsigned drops = 0; p->ready != 0 && drops < DROPS_AT_A_TIME;) {
        unsigned at = p->turn;
        p->turn = at + 1 < 2 * p->sockets ? at + 1 : 0;
        if (!(p->ready >> at & 1))
            continue;
        tt_status status = tt_linux_inbox_take(p->inboxes[at], p->descriptors[at], datagram);
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

// Something was received that nobody has taken.
static bool has_more(const tt_platform_linux *p)
{
    bool more = false;
    for (unsigned i = 0; i < 2 * p->sockets; i++)
        more |= p->inboxes[i] != NULL && !tt_linux_inbox_is_empty(p->inboxes[i]);
    return more;
}

static void linux_wait(tt_platform *platform, tt_time deadline)
{
    tt_platform_linux *p = self(platform);
    if (send_run(p) != TT_OK)
        deadline = tt_earlier(deadline, tt_after(tt_host_now(), SEND_AGAIN));
    bool more = has_more(p);
    if (more && ++p->unasked < UNASKED_MAX)
        return;
    p->unasked = 0;
    deadline = more ? INT64_MIN : deadline;
    unsigned ready = tt_host_wait(&p->host, deadline, p->descriptors, 2 * p->sockets);
    for (unsigned i = 0; i < 2 * p->sockets; i++)
        if (ready >> i & 1)
            tt_linux_inbox_look(p->inboxes[i]);
    p->ready |= ready;
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
    p->run = tt_linux_run_new();
    return p->run == NULL ? TT_IO : tt_host_init(&p->host);
}
