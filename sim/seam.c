// The platform seam of each node: its clock, its addresses, what it sends and receives, its works.

#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"
#include "sim/tearing.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define ANY_PORT 49152            // and up: IANA's dynamic ones
#define OUTSIDE_PORT 20000        // and up: those that a NAT gives
#define TEAR_POINTS 2500          // bytes and stages of erases, of which `tear` chooses one
#define CLOCK_MAX (INT64_MAX / 4) // beyond which no clock jumps

typedef tt_sim_node_state sim_node;

static sim_node *self(tt_platform *platform)
{
    return (sim_node *)platform;
}

// ---- its clock

tt_time tt_sim_to_node_time(const sim_node *n, tt_time world)
{
    tt_time since = world - n->clock.world;
    return n->clock.own + since + since / 1000000 * n->clock.skew +
           since % 1000000 * n->clock.skew / 1000000;
}

// The first time of the world at which the node's clock shows at least `time`.
tt_time tt_sim_to_world_time(const sim_node *n, tt_time time)
{
    if (time <= n->clock.own)
        return n->clock.world;
    tt_time own = time - n->clock.own, rate = 1000000 + n->clock.skew; // a million of the world's
    if (own > TT_SECONDS(1000000000))
        return TT_FOREVER;
    tt_time world = n->clock.world + own / rate * 1000000 + own % rate * 1000000 / rate;
    while (tt_sim_to_node_time(n, world) < time)
        world++;
    return world;
}

void tt_sim_set_clock(sim_node *n, tt_time jump, int64_t skew)
{
    tt_time own = tt_sim_to_node_time(n, n->sim->now);
    n->clock.own = own < CLOCK_MAX - jump ? own + jump : own;
    n->clock.world = n->sim->now;
    n->clock.skew = skew;
}

static tt_time sim_now(tt_platform *platform)
{
    return tt_sim_to_node_time(self(platform), self(platform)->sim->now);
}

static void sim_random(tt_platform *platform, void *bytes, size_t length)
{
    tt_random_bytes(&self(platform)->random, bytes, length);
}

// ---- its addresses

static tt_endpoint address_of(const sim_node *n, uint16_t port)
{
    tt_endpoint e = {.port = port, .interface = 1, .ip = {0xfe, 0x80}};
    tt_writer w;
    tt_writer_init(&w, e.ip + 12, 4);
    tt_write_be16(&w, (uint16_t)n->moves);
    tt_write_be16(&w, (uint16_t)(n->index + 1));
    return e;
}

static void listen_at(sim_node *n, unsigned socket)
{
    tt_sim_listener listener = {n->index, (uint16_t)socket};
    tt_sim_addresses_add(&n->sim->addresses, &n->sockets[socket].outside, listener);
    for (unsigned i = 0; i < n->sockets[socket].group_count; i++)
        tt_sim_addresses_add(&n->sim->addresses, &n->sockets[socket].groups[i], listener);
}

void tt_sim_stop_listening(sim_node *n, unsigned socket)
{
    tt_sim_listener listener = {n->index, (uint16_t)socket};
    tt_sim_addresses_remove(&n->sim->addresses, &n->sockets[socket].outside, listener);
    for (unsigned i = 0; i < n->sockets[socket].group_count; i++)
        tt_sim_addresses_remove(&n->sim->addresses, &n->sockets[socket].groups[i], listener);
}

// Behind a NAT the device's own port is not the one that others see; a NAT forwards no groups, so
// sockets with groups stay as they are.
void tt_sim_change_outside(sim_node *n)
{
    for (unsigned i = 0; i < n->socket_count; i++) {
        tt_sim_stop_listening(n, i);
        bool nat = n->rebinds > 0 && n->sockets[i].group_count == 0;
        uint16_t port =
            nat ? (uint16_t)(OUTSIDE_PORT + n->rebinds % 10000 * 3 + i) : n->sockets[i].port;
        n->sockets[i].outside = address_of(n, port);
        listen_at(n, i);
    }
    tt_sim_touch(n);
}

static tt_status sim_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                          size_t group_count, tt_socket *socket)
{
    sim_node *n = self(platform);
    if (n->socket_count == TT_SIM_SOCKETS_MAX || group_count > TT_SIM_GROUPS_MAX)
        return TT_FULL;
    port = port != 0 ? port : (uint16_t)(ANY_PORT + n->socket_count);
    for (unsigned i = 0; i < n->socket_count; i++)
        if (n->sockets[i].port == port)
            return TT_BUSY;
    for (size_t i = 0; i < group_count; i++)
        if (!tt_endpoint_is_multicast(&groups[i]))
            return TT_INVALID;
    *socket = n->socket_count++;
    n->sockets[*socket].port = port;
    n->sockets[*socket].outside = address_of(n, port);
    n->sockets[*socket].group_count = (unsigned)group_count;
    for (size_t i = 0; i < group_count; i++) {
        n->sockets[*socket].groups[i] = groups[i];
        n->sockets[*socket].groups[i].port = port;
    }
    listen_at(n, *socket);
    return TT_OK;
}

static uint16_t sim_port(tt_platform *platform, tt_socket socket)
{
    return self(platform)->sockets[socket].port;
}

static size_t sim_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    if (capacity == 0)
        return 0;
    addresses[0] = address_of(self(platform), 0);
    return 1;
}

tt_endpoint tt_sim_endpoint(const tt_sim *sim, unsigned node)
{
    const sim_node *n = &sim->nodes[node];
    for (unsigned i = 0; i < n->socket_count; i++)
        if (n->sockets[i].port == TT_BUS_PORT)
            return n->sockets[i].outside;
    return address_of(n, TT_BUS_PORT);
}

// ---- what it sends

void tt_sim_release(tt_sim_packet *packet)
{
    if (--packet->users == 0)
        free(packet);
}

static tt_sim_packet *make_packet(sim_node *n, const tt_datagram *d)
{
    tt_sim_packet *p = malloc(sizeof(*p) + d->length);
    TT_CHECK(p != NULL);
    *p = (tt_sim_packet){.users = 1,
                         .number = ++n->sim->packets_made,
                         .sum = tt_crc32(0, d->data, d->length),
                         .from = n->sockets[d->socket].outside,
                         .to = d->peer,
                         .to_group = tt_endpoint_is_multicast(&d->peer),
                         .length = d->length};
    memcpy(p->data, d->data, d->length);
    p->message = tt_sim_message_of(&p->from, &p->to, p->data, p->length);
    return p;
}

static void send_to(sim_node *n, tt_sim_packet *packet, tt_sim_listener to)
{
    tt_sim *sim = n->sim;
    tt_sim_way way = {
        n->index, to.node, packet->to_group, packet->number, packet->length + TT_SIM_HEADERS,
        sim->now};
    unsigned copies = tt_sim_faults_copies(&sim->faults, &way, &sim->network);
    sim->counts.doubled += copies - 1;
    for (unsigned i = 0; i < copies; i++) {
        tt_time delay;
        tt_sim_fate fate = tt_sim_faults_pass(&sim->faults, &way, &sim->network, &delay);
        if (fate != TT_SIM_ARRIVED) {
            tt_sim_tell_fate(sim, n->index, to.node, packet, fate, 0);
            continue;
        }
        tt_sim_event *e = tt_sim_add_event(sim, sim->now + delay, TT_SIM_ARRIVE);
        e->from = n->index;
        e->node = to.node;
        e->socket = to.socket;
        e->life = sim->nodes[to.node].life;
        e->sent = sim->now;
        e->packet = packet;
        packet->users++;
    }
}

static tt_status sim_send(tt_platform *platform, const tt_datagram *datagram)
{
    sim_node *n = self(platform);
    tt_sim *sim = n->sim;
    if (!n->alive || (n->medium != NULL && n->medium->dead))
        return TT_UNREACHABLE; // its power went in this very turn
    if (datagram->length > TT_DATAGRAM_MAX)
        return TT_TOO_LARGE;
    if (tt_endpoint_is_ipv4(&datagram->peer))
        return TT_OK; // this network has IPv6 only
    tt_sim_packet *packet = make_packet(n, datagram);
    tt_sim_tell_sent(sim, n->index, packet);
    const tt_sim_place *place = tt_sim_addresses_find(&sim->addresses, &packet->to);
    if (place == NULL && !packet->to_group)
        tt_sim_tell_fate(sim, n->index, TT_SIM_UNKNOWN, packet, TT_SIM_NOBODY, 0);
    for (unsigned i = 0; place != NULL && i < place->count; i++)
        if (!packet->to_group || place->listeners[i].node != n->index)
            send_to(n, packet, place->listeners[i]);
    tt_sim_release(packet);
    return TT_OK;
}

// ---- what it receives

static tt_status sim_receive(tt_platform *platform, tt_datagram *datagram)
{
    sim_node *n = self(platform);
    if (n->inbox_count == 0)
        return TT_EMPTY;
    tt_sim_packet *packet = n->inbox[n->inbox_first].packet;
    datagram->socket = n->inbox[n->inbox_first].socket;
    datagram->peer = packet->from;
    datagram->hop_limit = 0;
    datagram->length = packet->length;
    memcpy(datagram->data, packet->data, packet->length);
    tt_sim_release(packet);
    n->inbox_first = (n->inbox_first + 1) % TT_SIM_INBOX_MAX;
    n->inbox_count--;
    return TT_OK;
}

void tt_sim_empty_inbox(sim_node *n)
{
    for (; n->inbox_count > 0; n->inbox_count--) {
        tt_sim_release(n->inbox[n->inbox_first].packet);
        n->inbox_first = (n->inbox_first + 1) % TT_SIM_INBOX_MAX;
    }
}

static tt_sim_fate arrival(const sim_node *n, const tt_sim_event *e)
{
    if (!n->alive || n->life != e->life)
        return TT_SIM_DEAD;
    if (n->asleep && n->sim->now < n->not_before) // then it hears, whether it has turned yet or not
        return TT_SIM_ASLEEP;
    if (!e->packet->to_group &&
        (n->sockets[e->socket].outside.port != e->packet->to.port ||
         memcmp(n->sockets[e->socket].outside.ip, e->packet->to.ip, sizeof(e->packet->to.ip)) != 0))
        return TT_SIM_MOVED;
    return n->inbox_count == TT_SIM_INBOX_MAX ? TT_SIM_INBOX_FULL : TT_SIM_ARRIVED;
}

void tt_sim_arrive(tt_sim *sim, const tt_sim_event *e)
{
    sim_node *n = &sim->nodes[e->node];
    tt_sim_fate fate = arrival(n, e);
    tt_sim_tell_fate(sim, e->from, e->node, e->packet, fate, sim->now - e->sent);
    if (fate != TT_SIM_ARRIVED)
        return;
    unsigned place = (n->inbox_first + n->inbox_count++) % TT_SIM_INBOX_MAX;
    n->inbox[place].packet = e->packet;
    n->inbox[place].socket = e->socket;
    e->packet->users++;
    tt_sim_turn(n);
}

// ---- how it waits and works

static void sim_wait(tt_platform *platform, tt_time deadline)
{
    (void)platform, (void)deadline;
    TT_CHECK(false); // the world turns the nodes: they never wait
}

static void sim_wake(tt_platform *platform)
{
    tt_sim_touch(self(platform));
}

static tt_status sim_work(tt_platform *platform, tt_work *work)
{
    sim_node *n = self(platform);
    if (n->works == TT_WORKS_MAX)
        return TT_FULL;
    n->works++;
    // One worker: a work begins when those before it are done.
    tt_time begins = n->worker_busy_until > n->sim->now ? n->worker_busy_until : n->sim->now;
    n->worker_busy_until = begins + n->sim->options.work_time;
    tt_sim_event *e = tt_sim_add_event(n->sim, n->worker_busy_until, TT_SIM_WORKED);
    e->node = n->index;
    e->life = n->life;
    e->work = work;
    return TT_OK;
}

void tt_sim_worked(tt_sim *sim, const tt_sim_event *e)
{
    sim_node *n = &sim->nodes[e->node];
    if (!n->alive || n->life != e->life)
        return;
    if (sim->now < n->not_before) { // the loop looks at it when it is there again
        tt_sim_event *later = tt_sim_add_event(sim, n->not_before, TT_SIM_WORKED);
        later->node = e->node;
        later->life = e->life;
        later->work = e->work;
        return;
    }
    tt_sim_tell_node(sim, n->index, "worked", 0);
    n->works--; // `done` may queue it again
    e->work->run(e->work);
    e->work->done(e->work, sim_now(&n->platform));
    tt_sim_turn(n);
}

const tt_platform_operations tt_sim_platform_operations = {
    .now = sim_now,
    .random = sim_random,
    .open = sim_open,
    .port = sim_port,
    .send = sim_send,
    .receive = sim_receive,
    .addresses = sim_addresses,
    .wait = sim_wait,
    .wake = sim_wake,
    .work = sim_work,
};
