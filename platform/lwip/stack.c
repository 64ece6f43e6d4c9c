// The network half of the seam over one Ethernet driver, by lwIP (see stack.h).
//
// Frames are taken from the driver one at a time, and only while a caller wants a datagram: under a
// flood they wait, and are lost, in the driver's own bounded queue, and nothing here grows.
//
// lwIP's periodic functions come from its own table and are called on the caller's clock, but only
// while one of them could do what others see: repeat a question, report a group, finish an address.
// Beside that they count ages. Such calls are left out and made up for all at once before anything
// could look at an age, so lwIP's state at each use is what it would have been, and a device with
// nothing to do sleeps.

#include <string.h>

#include "lwip/acd.h"
#include "lwip/autoip.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/igmp.h"
#include "lwip/init.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#include "platform/lwip/stack.h"
#include "platform/lwip/unreachable.h"
#include "tutti/check.h"
#include "tutti/random.h"

#define TIMERS_MAX 8
#define CALLS_MADE_UP_MAX 400 // of one periodic function; no age that lwIP looks at is older
#define ARP_ASKING                                                                                 \
    TT_SECONDS(6)           // an unanswered question is given up after 5 calls in so many seconds
#define FRAMES_AT_A_TIME 32 // looked at by one call of tt_stack_receive
#define HOPS_UNICAST 64     // IANA's recommended default for IPv4 and IPv6
#define HOPS_MULTICAST 1    // RFC 1112, 6.1

typedef struct received {
    struct pbuf *data; // NULL: nothing listens at `peer`
    tt_endpoint peer;
    tt_socket socket;
    bool multicast; // it was sent to a group or to everybody
} received;

static struct {
    tt_stack_options options;
    tt_random random;
    struct netif netif;
    tt_time timers[TIMERS_MAX];                    // when each of lwip_cyclic_timers is due
    tt_time arp_asking_until;                      // ARP's table may hold a question until then
    bool addresses_changed;                        // since tt_stack_addresses
    struct udp_pcb *sockets[TT_STACK_SOCKETS_MAX]; // NULL: free
    bool hears_groups[TT_STACK_SOCKETS_MAX];
    received queue[TT_STACK_RECEIVED_MAX]; // a ring
    size_t queue_first, queue_count;
    bool frames_left; // the driver may have frames that were not looked at
    tt_stack_counters counters;
    uint8_t frame[TT_FRAME_MAX] __attribute__((aligned(4))); // the one being sent or received
} stack;

static tt_time now(void)
{
    return stack.options.now(stack.options.context);
}

uint32_t tt_stack_random(void)
{
    return (uint32_t)tt_random_u64(&stack.random);
}

static bool is_type(const uint8_t *frame, uint16_t type)
{
    return frame[12] == type >> 8 && frame[13] == (uint8_t)type;
}

// lwIP's: sends one frame, which may be in several pieces.
static err_t link_output(struct netif *netif, struct pbuf *pieces)
{
    (void)netif;
    if (pieces->tot_len > sizeof(stack.frame))
        return ERR_BUF;
    tt_ethernet *ethernet = stack.options.ethernet;
    uint16_t length = pbuf_copy_partial(pieces, stack.frame, pieces->tot_len, 0);
    if (is_type(stack.frame, ETHTYPE_ARP))
        stack.arp_asking_until = tt_after(now(), ARP_ASKING);
    if (ethernet->send(ethernet, stack.frame, length) != TT_OK) {
        stack.counters.frames_refused++;
        return ERR_MEM;
    }
    stack.counters.frames_sent++;
    return ERR_OK;
}

static err_t interface_init(struct netif *netif)
{
    netif->name[0] = 't';
    netif->name[1] = 't';
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, stack.options.ethernet->mac, 6);
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = link_output;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void status_changed(struct netif *netif)
{
    (void)netif;
    stack.addresses_changed = true;
}

void tt_stack_start(const tt_stack_options *options)
{
    TT_CHECK(stack.options.ethernet == NULL); // one a process
    TT_CHECK((size_t)lwip_num_cyclic_timers <= TIMERS_MAX);
    stack.options = *options;
    tt_random_seed(&stack.random, options->seed);
    stack.frames_left = true;
    // Stations that start together must not probe together (RFC 4862, 5.4.2).
    for (int i = 0; i < lwip_num_cyclic_timers; i++)
        stack.timers[i] =
            now() + (tt_time)tt_random_below(&stack.random,
                                             TT_MS(lwip_cyclic_timers[i].interval_ms) / 4 + 1);

    lwip_init();
    const struct netif *added =
        netif_add(&stack.netif, NULL, NULL, NULL, NULL, interface_init, ethernet_input);
    TT_CHECK(added != NULL);
    netif_set_default(&stack.netif);
    netif_set_status_callback(&stack.netif, status_changed);
    netif_create_ip6_linklocal_address(&stack.netif, 1);
    netif_set_up(&stack.netif);
    if (options->optimistic)
        netif_ip6_addr_set_state(&stack.netif, 0, IP6_ADDR_PREFERRED);
    autoip_start(&stack.netif);
}

// How many calls of a periodic function are left until one can do more than count ages, that one
// included; NEVER while nothing is pending.
#define NEVER UINT32_MAX

static uint32_t calls_of_arp(void)
{
    return now() < stack.arp_asking_until ? 1 : NEVER;
}

static uint32_t sooner(uint32_t calls, uint32_t timer)
{
    return timer < calls ? timer : calls;
}

static uint32_t calls_of_acd(void) // RFC 5227; once an address is ours only frames matter
{
    uint32_t calls = NEVER;
    for (const struct acd *acd = stack.netif.acd_list; acd != NULL; acd = acd->next)
        if (acd->state != ACD_STATE_OFF && acd->state != ACD_STATE_ONGOING &&
            acd->state != ACD_STATE_PASSIVE_ONGOING)
            calls = sooner(calls, acd->ttw > 0 ? acd->ttw : 1);
    return calls;
}

static uint32_t calls_of_igmp(void)
{
    uint32_t calls = NEVER;
    for (const struct igmp_group *g = netif_igmp_data(&stack.netif); g != NULL; g = g->next)
        if (g->timer > 0)
            calls = sooner(calls, g->timer);
    return calls;
}

static uint32_t calls_of_mld(void)
{
    uint32_t calls = NEVER;
    for (const struct mld_group *g = netif_mld6_data(&stack.netif); g != NULL; g = g->next)
        if (g->timer > 0)
            calls = sooner(calls, g->timer);
    return calls;
}

static uint32_t calls_of_nd(void)
{
    uint32_t calls = NEVER;
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_istentative(netif_ip6_addr_state(&stack.netif, i)))
            return 1;
    for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
        const struct nd6_neighbor_cache_entry *n = &neighbor_cache[i];
        if (n->state == ND6_INCOMPLETE || n->state == ND6_PROBE || n->q != NULL)
            return 1;
        if (n->state == ND6_DELAY) // asks in the first call after the delay
            calls = sooner(calls, n->counter.delay_time + 1);
    }
    return calls;
}

static uint32_t calls_until_needed(lwip_cyclic_timer_handler function)
{
    if (function == etharp_tmr)
        return calls_of_arp();
    if (function == acd_tmr)
        return calls_of_acd();
    if (function == igmp_tmr)
        return calls_of_igmp();
    if (function == mld6_tmr)
        return calls_of_mld();
    return function == nd6_tmr ? calls_of_nd() : 1; // of an unknown one nothing is known
}

// Calls that were left out, up to the first that does more than count.
static void make_up(int i, tt_time time)
{
    const struct lwip_cyclic_timer *timer = &lwip_cyclic_timers[i];
    tt_time interval = TT_MS(timer->interval_ms);
    tt_time missed = time < stack.timers[i] ? 0 : (time - stack.timers[i]) / interval + 1;
    if (missed > CALLS_MADE_UP_MAX && calls_until_needed(timer->handler) == NEVER) {
        stack.timers[i] += (missed - CALLS_MADE_UP_MAX) * interval;
        missed = CALLS_MADE_UP_MAX;
    }
    for (; missed > 0 && calls_until_needed(timer->handler) > 1; missed--) {
        stack.timers[i] += interval;
        timer->handler();
    }
}

void tt_stack_advance(void)
{
    tt_time time = now();
    // All first: what one function begins now (a report, say) must not have aged for another.
    for (int i = 0; i < lwip_num_cyclic_timers; i++)
        make_up(i, time);
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        if (time < stack.timers[i])
            continue;
        // From now on, not from when it was due: what is sent keeps its distance after a long
        // sleep.
        stack.timers[i] = time + TT_MS(lwip_cyclic_timers[i].interval_ms);
        lwip_cyclic_timers[i].handler();
    }
}

tt_time tt_stack_deadline(void)
{
    if (stack.frames_left || stack.queue_count > 0 || stack.addresses_changed)
        return 0;
    tt_time deadline = TT_FOREVER;
    for (int i = 0; i < lwip_num_cyclic_timers; i++) {
        const struct lwip_cyclic_timer *timer = &lwip_cyclic_timers[i];
        uint32_t calls = calls_until_needed(timer->handler);
        if (calls != NEVER)
            deadline =
                tt_earlier(deadline, stack.timers[i] + (calls - 1) * TT_MS(timer->interval_ms));
    }
    return deadline;
}

// Between the two forms of an address.

static void endpoint_from(tt_endpoint *endpoint, const ip_addr_t *address, uint16_t port)
{
    *endpoint = (tt_endpoint){.port = port};
    if (IP_IS_V4(address)) {
        endpoint->ip[10] = endpoint->ip[11] = 0xff;
        memcpy(endpoint->ip + 12, ip_2_ip4(address), 4);
    } else {
        memcpy(endpoint->ip, ip_2_ip6(address)->addr, 16);
    }
    // Of IPv4 too: discovery takes from it on which interface the addresses told in a datagram lie.
    if (tt_endpoint_is_link_local(endpoint))
        endpoint->interface = TT_STACK_INTERFACE;
}

static void address_from(ip_addr_t *address, const tt_endpoint *endpoint)
{
    memset(address, 0, sizeof(*address));
    if (tt_endpoint_is_ipv4(endpoint)) {
        IP_SET_TYPE(address, IPADDR_TYPE_V4);
        memcpy(ip_2_ip4(address), endpoint->ip + 12, 4);
    } else {
        IP_SET_TYPE(address, IPADDR_TYPE_V6);
        memcpy(ip_2_ip6(address)->addr, endpoint->ip, 16);
    }
}

// lwIP's: a datagram has come for the socket that is `argument`.
static void datagram_arrived(void *argument, struct udp_pcb *pcb, struct pbuf *data,
                             const ip_addr_t *address, u16_t port)
{
    (void)pcb;
    tt_socket socket = (tt_socket)(uintptr_t)argument;
    const ip_addr_t *to = ip_current_dest_addr();
    bool to_many = ip_addr_ismulticast(to) || ip_addr_isbroadcast(to, &stack.netif);
    if (to_many && !stack.hears_groups[socket]) { // one frame would make all devices act
        pbuf_free(data);
        return;
    }
    if (stack.queue_count == TT_STACK_RECEIVED_MAX) {
        stack.counters.datagrams_dropped++;
        pbuf_free(data);
        return;
    }
    size_t place = (stack.queue_first + stack.queue_count++) % TT_STACK_RECEIVED_MAX;
    stack.queue[place] = (received){.data = data, .socket = socket, .multicast = to_many};
    endpoint_from(&stack.queue[place].peer, address, port);
}

static bool is_open(tt_socket socket)
{
    return socket < TT_STACK_SOCKETS_MAX && stack.sockets[socket] != NULL;
}

static tt_status join(const tt_endpoint *group)
{
    ip_addr_t address;
    address_from(&address, group);
    if (!ip_addr_ismulticast(&address))
        return TT_INVALID;
    err_t error = IP_IS_V4(&address) ? igmp_joingroup_netif(&stack.netif, ip_2_ip4(&address))
                                     : mld6_joingroup_netif(&stack.netif, ip_2_ip6(&address));
    return error == ERR_OK ? TT_OK : TT_FULL;
}

static void leave(const tt_endpoint *group)
{
    ip_addr_t address;
    address_from(&address, group);
    if (IP_IS_V4(&address))
        igmp_leavegroup_netif(&stack.netif, ip_2_ip4(&address));
    else
        mld6_leavegroup_netif(&stack.netif, ip_2_ip6(&address));
}

tt_status tt_stack_open(uint16_t port, const tt_endpoint *groups, size_t group_count,
                        tt_socket *socket)
{
    size_t place = 0;
    while (place < TT_STACK_SOCKETS_MAX && stack.sockets[place] != NULL)
        place++;
    if (place == TT_STACK_SOCKETS_MAX)
        return TT_FULL;
    tt_stack_advance();
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (pcb == NULL)
        return TT_FULL;
    tt_status status = udp_bind(pcb, IP_ANY_TYPE, port) == ERR_OK ? TT_OK : TT_BUSY;
    size_t joined = 0;
    while (joined < group_count && status == TT_OK) {
        status = join(&groups[joined]);
        joined += status == TT_OK;
    }
    if (status != TT_OK) {
        while (joined > 0)
            leave(&groups[--joined]);
        udp_remove(pcb);
        return status;
    }
    *socket = (tt_socket)place;
    stack.sockets[place] = pcb;
    stack.hears_groups[place] = group_count > 0;
    udp_recv(pcb, datagram_arrived, (void *)(uintptr_t)*socket);
    return TT_OK;
}

void tt_stack_close(tt_socket socket)
{
    TT_CHECK(is_open(socket));
    udp_remove(stack.sockets[socket]);
    stack.sockets[socket] = NULL;
    size_t count = stack.queue_count;
    stack.queue_count = 0;
    for (size_t i = 0; i < count; i++) { // what others wait for moves up
        received *each = &stack.queue[(stack.queue_first + i) % TT_STACK_RECEIVED_MAX];
        if (each->socket == socket && each->data != NULL)
            pbuf_free(each->data);
        else if (each->socket != socket)
            stack.queue[(stack.queue_first + stack.queue_count++) % TT_STACK_RECEIVED_MAX] = *each;
    }
}

uint16_t tt_stack_port(tt_socket socket)
{
    TT_CHECK(is_open(socket));
    return stack.sockets[socket]->local_port;
}

tt_status tt_stack_send(const tt_datagram *datagram)
{
    TT_CHECK(is_open(datagram->socket));
    if (datagram->length > TT_DATAGRAM_MAX)
        return TT_TOO_LARGE;
    tt_stack_advance();
    struct udp_pcb *pcb = stack.sockets[datagram->socket];
    ip_addr_t address;
    address_from(&address, &datagram->peer);
    // Without an address of one's own nothing can come back.
    if (IP_IS_V4(&address) && ip4_addr_isany(netif_ip4_addr(&stack.netif)))
        return TT_UNREACHABLE;

    struct pbuf *data = pbuf_alloc(PBUF_TRANSPORT, (u16_t)datagram->length, PBUF_RAM);
    if (data == NULL)
        return TT_FULL;
    pbuf_take(data, datagram->data, (u16_t)datagram->length);
    pcb->ttl = datagram->hop_limit ? datagram->hop_limit : HOPS_UNICAST;
    pcb->mcast_ttl = datagram->hop_limit ? datagram->hop_limit : HOPS_MULTICAST;
    err_t error = udp_sendto_if(pcb, data, &address, datagram->peer.port, &stack.netif);
    pbuf_free(data);
    switch (error) {
    case ERR_OK:
        return TT_OK;
    case ERR_MEM:
    case ERR_BUF:
        return TT_FULL;
    default: // no address yet, or no way to that one
        return TT_UNREACHABLE;
    }
}

static size_t own_addresses(tt_endpoint *addresses, size_t capacity)
{
    size_t count = 0;
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES && count < capacity; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(&stack.netif, i)))
            endpoint_from(&addresses[count++], netif_ip_addr6(&stack.netif, i), 0);
    if (!ip4_addr_isany(netif_ip4_addr(&stack.netif)) && count < capacity)
        endpoint_from(&addresses[count++], netif_ip_addr4(&stack.netif), 0);
    return count;
}

// Nothing listens at `peer`, says somebody: worth telling where it is about one's own address and
// open port. Whether something was sent there is for whoever sent it to know.
static void hear_unreachable(const tt_endpoint *local, const tt_endpoint *peer)
{
    tt_endpoint own[LWIP_IPV6_NUM_ADDRESSES + 1];
    size_t count = own_addresses(own, TT_COUNT(own));
    bool is_own = false;
    for (size_t i = 0; i < count; i++)
        is_own = is_own || memcmp(own[i].ip, local->ip, sizeof(local->ip)) == 0;
    for (size_t i = 0; is_own && i < TT_STACK_SOCKETS_MAX; i++) {
        if (stack.sockets[i] == NULL || stack.sockets[i]->local_port != local->port)
            continue;
        if (stack.queue_count == TT_STACK_RECEIVED_MAX)
            return; // it was a hint
        size_t place = (stack.queue_first + stack.queue_count++) % TT_STACK_RECEIVED_MAX;
        stack.queue[place] = (received){.socket = (tt_socket)i, .peer = *peer};
        if (tt_endpoint_is_link_local(peer))
            stack.queue[place].peer.interface = TT_STACK_INTERFACE;
    }
}

// Takes one frame from the driver; false where it has none.
static bool take_frame(void)
{
    tt_ethernet *ethernet = stack.options.ethernet;
    size_t length = 0;
    tt_status status = ethernet->receive(ethernet, stack.frame, sizeof(stack.frame), &length);
    if (status == TT_DAMAGED) {
        stack.counters.frames_dropped++;
        return true;
    }
    if (status != TT_OK)
        return false;
    stack.counters.frames_received++;
    // A frame of one's own that comes back would look like a duplicate address.
    bool usable = length >= SIZEOF_ETH_HDR && memcmp(stack.frame + 6, ethernet->mac, 6) != 0;
    tt_endpoint local, peer;
    if (usable && tt_unreachable_parse(stack.frame, length, &local, &peer))
        hear_unreachable(&local, &peer);
    if (usable && is_type(stack.frame, ETHTYPE_IP)) // an answer may need a question
        stack.arp_asking_until = tt_after(now(), ARP_ASKING);
    struct pbuf *pieces = usable ? pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL) : NULL;
    if (pieces == NULL) {
        stack.counters.frames_dropped++;
        return true;
    }
    pbuf_take(pieces, stack.frame, (u16_t)length);
    if (stack.netif.input(pieces, &stack.netif) != ERR_OK)
        pbuf_free(pieces);
    return true;
}

tt_status tt_stack_receive(tt_datagram *datagram)
{
    tt_stack_advance();
    for (int frames = 0; stack.queue_count == 0 && frames < FRAMES_AT_A_TIME; frames++) {
        stack.frames_left = take_frame();
        if (!stack.frames_left)
            break;
    }
    if (stack.queue_count == 0)
        return TT_EMPTY;
    received *first = &stack.queue[stack.queue_first];
    stack.queue_first = (stack.queue_first + 1) % TT_STACK_RECEIVED_MAX;
    stack.queue_count--;
    datagram->socket = first->socket;
    datagram->peer = first->peer;
    datagram->hop_limit = 0;
    datagram->multicast = first->multicast;
    datagram->length = 0;
    if (first->data == NULL)
        return TT_UNREACHABLE;
    datagram->cut = first->data->tot_len > TT_DATAGRAM_MAX;
    datagram->length = pbuf_copy_partial(first->data, datagram->data, TT_DATAGRAM_MAX, 0);
    pbuf_free(first->data);
    return TT_OK;
}

size_t tt_stack_addresses(tt_endpoint *addresses, size_t capacity)
{
    stack.addresses_changed = false;
    return own_addresses(addresses, capacity);
}

const tt_stack_counters *tt_stack_counters_get(void)
{
    return &stack.counters;
}
