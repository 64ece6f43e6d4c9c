// The world: a list of events in order of time, and nodes that are polled when something concerns
// them.

#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/sim.h"

#define SOCKETS_MAX 3
#define ANY_PORT 49152 // and up: IANA's dynamic ones
#define GROUPS_MAX 4   // of a socket
#define INBOX_MAX 64

typedef struct event {
    struct event *next;
    tt_time when;
    uint64_t number; // equal times: in the order of their making
    enum { DELIVER, WORK_DONE, ACTION } kind;
    unsigned node;
    unsigned life; // of the node: what was for an earlier life is dropped
    tt_datagram datagram;
    tt_work *work;
    void (*action)(tt_sim *sim, void *context);
    void *context;
} event;

typedef struct inbox_entry {
    struct inbox_entry *next;
    tt_datagram datagram;
} inbox_entry;

typedef struct sim_node {
    tt_platform platform; // first
    tt_sim *sim;
    tt_node node;
    unsigned index, life;
    bool alive, apart;
    char name[TT_NAME_MAX];
    const char *kind;
    int64_t skew; // parts per million
    tt_random random;
    struct {
        uint16_t port;
        tt_endpoint groups[GROUPS_MAX];
        size_t group_count;
    } sockets[SOCKETS_MAX];
    unsigned socket_count;
    unsigned works; // queued and not yet done
    tt_time worker_busy_until;
    inbox_entry *inbox, **inbox_end;
    unsigned inbox_count;
} sim_node;

struct tt_sim {
    tt_sim_options options;
    tt_random random;
    tt_time now;
    event *events;
    uint64_t events_made;
    uint32_t sum;
    uint64_t lines;
    sim_node *nodes;
};

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    TT_CHECK(memory != NULL);
    return memory;
}

// Every event goes into the checksum and, where wanted, into the trace.
static void trace(tt_sim *sim, const char *what, unsigned node, unsigned other, uint64_t detail)
{
    char line[128];
    int length = snprintf(line, sizeof(line), "%lld %s %u %u %llu\n", (long long)sim->now, what,
                          node, other, (unsigned long long)detail);
    sim->sum = tt_crc32(sim->sum, line, (size_t)length);
    sim->lines++;
    if (sim->options.trace != NULL)
        fwrite(line, 1, (size_t)length, sim->options.trace);
}

static event *add_event(tt_sim *sim, tt_time when)
{
    event *made = allocate(sizeof(*made));
    made->when = when;
    made->number = sim->events_made++;
    event **place = &sim->events;
    while (*place != NULL && (*place)->when <= when)
        place = &(*place)->next;
    made->next = *place;
    *place = made;
    return made;
}

static sim_node *self(tt_platform *platform)
{
    return (sim_node *)platform;
}

static tt_time to_node_time(const sim_node *n, tt_time world)
{
    return world + world / 1000000 * n->skew + TT_SECONDS(n->index); // clocks start anywhere
}

// The first time of the world at which the node's clock shows at least `time`.
static tt_time to_world_time(const sim_node *n, tt_time time)
{
    if (time == TT_FOREVER || time == INT64_MIN)
        return time;
    tt_time own = time - TT_SECONDS(n->index), rate = 1000000 + n->skew; // a million of the world's
    tt_time world = own / rate * 1000000 + own % rate * 1000000 / rate;
    while (to_node_time(n, world) < time)
        world += TT_US(10);
    return world;
}

static tt_time sim_now(tt_platform *platform)
{
    return to_node_time(self(platform), self(platform)->sim->now);
}

static void sim_random(tt_platform *platform, void *bytes, size_t length)
{
    tt_random_bytes(&self(platform)->random, bytes, length);
}

static tt_status sim_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                          size_t group_count, tt_socket *socket)
{
    sim_node *n = self(platform);
    if (n->socket_count == SOCKETS_MAX || group_count > GROUPS_MAX)
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
    n->sockets[*socket].group_count = group_count;
    for (size_t i = 0; i < group_count; i++)
        n->sockets[*socket].groups[i] = groups[i];
    return TT_OK;
}

static uint16_t sim_port(tt_platform *platform, tt_socket socket)
{
    return self(platform)->sockets[socket].port;
}

static tt_endpoint address_of(unsigned index, uint16_t port)
{
    tt_endpoint e = {.port = port, .interface = 1};
    e.ip[0] = 0xfe;
    e.ip[1] = 0x80;
    e.ip[14] = (uint8_t)((index + 1) >> 8);
    e.ip[15] = (uint8_t)(index + 1);
    return e;
}

static void deliver_later(tt_sim *sim, sim_node *from, sim_node *to, const tt_datagram *d)
{
    const tt_sim_options *o = &sim->options;
    unsigned copies = 1 + (tt_random_below(&sim->random, 100) < o->double_percent);
    for (unsigned i = 0; i < copies; i++) {
        if (tt_random_below(&sim->random, 100) < o->loss_percent || from->apart || to->apart) {
            trace(sim, "lost", from->index, to->index, d->length);
            continue;
        }
        tt_time delay = o->delay_least;
        if (o->delay_greatest > o->delay_least)
            delay += (tt_time)tt_random_below(&sim->random,
                                              (uint64_t)(o->delay_greatest - o->delay_least));
        event *e = add_event(sim, sim->now + delay);
        e->kind = DELIVER;
        e->node = to->index;
        e->life = to->life;
        e->datagram = *d;
        e->datagram.peer = address_of(from->index, from->sockets[d->socket].port);
    }
}

// Whether socket `s` of a node hears what is sent to `peer`, by its port and groups.
static bool hears(const sim_node *n, unsigned s, const tt_endpoint *peer)
{
    bool hears = !tt_endpoint_is_multicast(peer);
    for (size_t i = 0; i < n->sockets[s].group_count && !hears; i++)
        hears = memcmp(n->sockets[s].groups[i].ip, peer->ip, sizeof(peer->ip)) == 0;
    return hears && n->sockets[s].port == peer->port;
}

static tt_status sim_send(tt_platform *platform, const tt_datagram *datagram)
{
    sim_node *n = self(platform);
    tt_sim *sim = n->sim;
    if (datagram->length > TT_DATAGRAM_MAX)
        return TT_TOO_LARGE;
    if (tt_endpoint_is_ipv4(&datagram->peer))
        return TT_OK; // this network has IPv6 only
    bool multicast = tt_endpoint_is_multicast(&datagram->peer);
    unsigned target = ((unsigned)datagram->peer.ip[14] << 8 | datagram->peer.ip[15]) - 1;
    for (unsigned i = 0; i < sim->options.nodes; i++) {
        sim_node *to = &sim->nodes[i];
        if (i == n->index || !to->alive || (!multicast && i != target))
            continue;
        for (unsigned s = 0; s < to->socket_count; s++) {
            if (!hears(to, s, &datagram->peer))
                continue;
            tt_datagram copy = *datagram;
            copy.socket = datagram->socket;
            copy.hop_limit = (uint8_t)s; // carries the receiving socket
            deliver_later(sim, n, to, &copy);
        }
    }
    return TT_OK;
}

static tt_status sim_receive(tt_platform *platform, tt_datagram *datagram)
{
    sim_node *n = self(platform);
    inbox_entry *first = n->inbox;
    if (first == NULL)
        return TT_EMPTY;
    *datagram = first->datagram;
    n->inbox = first->next;
    if (n->inbox == NULL)
        n->inbox_end = &n->inbox;
    n->inbox_count--;
    free(first);
    return TT_OK;
}

static size_t sim_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    if (capacity == 0)
        return 0;
    addresses[0] = address_of(self(platform)->index, 0);
    return 1;
}

static void sim_wait(tt_platform *platform, tt_time deadline)
{
    (void)platform, (void)deadline;
    TT_CHECK(false); // the world turns the nodes: they never wait
}

static void sim_wake(tt_platform *platform)
{
    (void)platform; // every event polls its node
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
    event *e = add_event(n->sim, n->worker_busy_until);
    e->kind = WORK_DONE;
    e->node = n->index;
    e->life = n->life;
    e->work = work;
    return TT_OK;
}

static const tt_platform_operations operations = {
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

tt_sim *tt_sim_new(const tt_sim_options *options)
{
    if (options->nodes == 0 || options->nodes > TT_SIM_NODES_MAX)
        return NULL;
    tt_sim *sim = allocate(sizeof(*sim));
    sim->options = *options;
    sim->now = TT_SECONDS(1);
    tt_random_seed(&sim->random, options->seed);
    sim->nodes = allocate(options->nodes * sizeof(sim->nodes[0]));
    for (unsigned i = 0; i < options->nodes; i++) {
        sim_node *n = &sim->nodes[i];
        uint64_t range = 2 * (uint64_t)options->skew_parts_per_million + 1;
        n->platform.operations = &operations;
        n->sim = sim;
        n->index = i;
        n->inbox_end = &n->inbox;
        n->skew = (int64_t)tt_random_below(&sim->random, range) -
                  (int64_t)options->skew_parts_per_million;
        tt_random_seed(&n->random, tt_random_u64(&sim->random));
    }
    return sim;
}

static void empty_inbox(sim_node *n)
{
    tt_datagram dropped;
    while (sim_receive(&n->platform, &dropped) == TT_OK)
        ;
}

void tt_sim_free(tt_sim *sim)
{
    while (sim->events != NULL) {
        event *first = sim->events;
        sim->events = first->next;
        free(first);
    }
    for (unsigned i = 0; i < sim->options.nodes; i++)
        empty_inbox(&sim->nodes[i]);
    free(sim->nodes);
    free(sim);
}

void tt_sim_start(tt_sim *sim, unsigned index, const char *kind)
{
    sim_node *n = &sim->nodes[index];
    TT_CHECK(!n->alive);
    n->alive = true;
    n->life++;
    n->socket_count = 0;
    n->works = 0;
    n->worker_busy_until = 0;
    n->kind = kind;
    snprintf(n->name, sizeof(n->name), "node-%u", index);
    trace(sim, "start", index, 0, n->life);
    tt_node_options options = {.name = kind != NULL ? n->name : NULL,
                               .kind = kind,
                               .port = TT_BUS_PORT,
                               .browse = true,
                               .watch = true,
                               .on_peer = sim->options.on_peer,
                               .on_turn = sim->options.on_turn,
                               .context = sim};
    TT_CHECK(tt_node_init(&n->node, &n->platform, &options) == TT_OK);
    n->node.bus.plant_deduplication_bug = sim->options.plant_deduplication_bug;
    if (sim->options.on_start != NULL)
        sim->options.on_start(sim, index, sim->options.context);
}

void tt_sim_kill(tt_sim *sim, unsigned index)
{
    sim_node *n = &sim->nodes[index];
    trace(sim, "kill", index, 0, n->life);
    n->alive = false;
    n->life++;
    empty_inbox(n);
}

bool tt_sim_alive(const tt_sim *sim, unsigned node)
{
    return sim->nodes[node].alive;
}

void tt_sim_heal(tt_sim *sim)
{
    sim->options.loss_percent = sim->options.double_percent = 0;
}

void tt_sim_part(tt_sim *sim, unsigned node, bool apart)
{
    sim->nodes[node].apart = apart;
}

tt_node *tt_sim_node(tt_sim *sim, unsigned node)
{
    return &sim->nodes[node].node;
}

unsigned tt_sim_index(const tt_sim *sim, const tt_node *node)
{
    for (unsigned i = 0; i < sim->options.nodes; i++)
        if (&sim->nodes[i].node == node)
            return i;
    TT_CHECK(false);
    return 0;
}

tt_endpoint tt_sim_endpoint(const tt_sim *sim, unsigned node)
{
    (void)sim;
    return address_of(node, TT_BUS_PORT);
}

tt_time tt_sim_now(const tt_sim *sim)
{
    return sim->now;
}

tt_time tt_sim_node_now(const tt_sim *sim, unsigned node)
{
    return to_node_time(&sim->nodes[node], sim->now);
}

uint64_t tt_sim_trace_sum(const tt_sim *sim)
{
    return (uint64_t)sim->sum << 32 | (sim->lines & UINT32_MAX);
}

tt_random *tt_sim_random(tt_sim *sim)
{
    return &sim->random;
}

void tt_sim_at(tt_sim *sim, tt_time when, void (*action)(tt_sim *sim, void *context), void *context)
{
    event *e = add_event(sim, when > sim->now ? when : sim->now);
    e->kind = ACTION;
    e->action = action;
    e->context = context;
}

static void put_into_inbox(sim_node *n, const tt_datagram *datagram)
{
    if (n->inbox_count == INBOX_MAX)
        return; // as a full receive buffer drops
    inbox_entry *entry = allocate(sizeof(*entry));
    entry->datagram = *datagram;
    entry->datagram.socket = datagram->hop_limit;
    *n->inbox_end = entry;
    n->inbox_end = &entry->next;
    n->inbox_count++;
}

static void handle(tt_sim *sim, event *e)
{
    if (e->kind == ACTION) {
        e->action(sim, e->context);
        return;
    }
    sim_node *n = &sim->nodes[e->node];
    if (!n->alive || n->life != e->life)
        return;
    if (e->kind == DELIVER) {
        trace(sim, "deliver", n->index, e->datagram.peer.ip[15],
              tt_crc32((uint32_t)e->datagram.length, e->datagram.data, e->datagram.length));
        put_into_inbox(n, &e->datagram);
    } else {
        trace(sim, "worked", n->index, 0, 0);
        n->works--; // `done` may queue it again
        e->work->run(e->work);
        e->work->done(e->work, sim_now(&n->platform));
    }
    tt_node_poll(&n->node);
}

// The earliest time at which a node wants to be polled.
static tt_time next_deadline(tt_sim *sim, sim_node **which)
{
    tt_time earliest = TT_FOREVER;
    for (unsigned i = 0; i < sim->options.nodes; i++) {
        sim_node *n = &sim->nodes[i];
        if (!n->alive)
            continue;
        tt_time deadline = to_world_time(n, tt_node_deadline(&n->node));
        deadline = deadline < sim->now ? sim->now : deadline;
        if (deadline < earliest) {
            earliest = deadline;
            *which = n;
        }
    }
    return earliest;
}

void tt_sim_run_until(tt_sim *sim, tt_time when)
{
    for (;;) {
        sim_node *waiting = NULL;
        tt_time deadline = next_deadline(sim, &waiting);
        tt_time event_at = sim->events != NULL ? sim->events->when : TT_FOREVER;
        if (tt_earlier(deadline, event_at) > when)
            break;
        if (event_at <= deadline) {
            event *first = sim->events;
            sim->events = first->next;
            sim->now = event_at > sim->now ? event_at : sim->now;
            handle(sim, first);
            free(first);
        } else {
            sim->now = deadline;
            tt_node_poll(&waiting->node);
        }
    }
    sim->now = when > sim->now ? when : sim->now;
}
