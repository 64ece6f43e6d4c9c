// The loop: datagrams and deadlines from the platform into bus and discovery, and what comes out
// sent.

#include <string.h>

#include "node/internal.h"
#include "tutti/check.h"

static tt_time now_of(const tt_node *node)
{
    return node->platform->operations->now(node->platform);
}

// Another name makes another identity.
static void say_who_we_are(tt_node *node)
{
    tt_discovery *d = &node->discovery;
    tt_bus_set_identity(&node->bus, tt_bus_identity(d->name, d->options.boot));
}

tt_status tt_node_set_up(tt_node *node, tt_platform *platform, const tt_node_options *options,
                         const tt_node_finding *finding)
{
    const tt_platform_operations *operations = platform->operations;
    uint64_t seeds[2];
    uint32_t boot;
    memset(node, 0, sizeof(*node));
    node->platform = platform;
    node->options = *options;
    tt_list_init(&node->timers);
    tt_time now = now_of(node);
    operations->random(platform, seeds, sizeof(seeds));
    operations->random(platform, &boot, sizeof(boot));
    tt_bus_init(&node->bus, now, seeds[0]);
    node->presence_at = TT_FOREVER;
    node->finding = finding;
    tt_discovery_options self = {.name = options->name,
                                 .kept_name = options->kept_name,
                                 .kind = options->kind,
                                 .boot = boot | 1,
                                 .seed = seeds[1]};
    // A name that is refused leaves no port open.
    tt_status status = finding != NULL ? finding->begin(node, now, &self)
                                       : tt_discovery_init_announcer(&node->discovery, now, &self);
    if (status == TT_OK)
        status = operations->open(platform, options->port, NULL, 0, &node->bus_socket);
    if (status == TT_OK)
        status = operations->open(platform, TT_MDNS_PORT, tt_mdns_groups, 2, &node->mdns_socket);
    if (status != TT_OK)
        return status;
    node->port = operations->port(platform, node->bus_socket);
    node->discovery.options.port = node->port;
    say_who_we_are(node);
    tt_life_init(node);
    node->members = options->members;
    if (node->members != NULL)
        node->members->operations->start(node, now);
    return TT_OK;
}

tt_status tt_node_init_announcer(tt_node *node, tt_platform *platform,
                                 const tt_node_options *options)
{
    return options->browse || options->watch ? TT_INVALID
                                             : tt_node_set_up(node, platform, options, NULL);
}

static void look_at_addresses(tt_node *node, tt_time now)
{
    tt_endpoint addresses[TT_ADDRESSES_MAX];
    size_t count =
        node->platform->operations->addresses(node->platform, addresses, TT_ADDRESSES_MAX);
    tt_discovery_set_addresses(&node->discovery, now, addresses, count);
}

static void send_datagram(tt_node *node)
{
    node->datagram.multicast = false; // what was received before is no concern of what is sent
    if (node->platform->operations->send(node->platform, &node->datagram) == TT_OK)
        node->counters.datagrams_sent++;
    else
        node->counters.sends_failed++; // as if it were lost on the way: whoever needs it repeats it
}

void tt_node_send(tt_node *node)
{
    node->datagram.socket = node->bus_socket;
    node->datagram.hop_limit = 0;
    send_datagram(node);
}

static void send_bus(tt_node *node)
{
    tt_datagram *d = &node->datagram;
    while (tt_bus_transmit(&node->bus, &d->peer, d->data, sizeof(d->data), &d->length) == TT_OK)
        tt_node_send(node);
}

static void send_discovery(tt_node *node, tt_time now)
{
    tt_datagram *d = &node->datagram;
    while (tt_discovery_transmit(&node->discovery, now, &d->peer, d->data, sizeof(d->data),
                                 &d->length) == TT_OK) {
        static const tt_endpoint everyone = {.port = TT_MDNS_PORT};
        d->socket = node->mdns_socket;
        d->hop_limit = 255; // RFC 6762, 11
        if (!tt_endpoint_equal(&d->peer, &everyone)) {
            send_datagram(node);
            continue;
        }
        for (unsigned i = 0; i < TT_COUNT(tt_mdns_groups); i++) {
            d->peer = tt_mdns_groups[i];
            send_datagram(node);
        }
    }
}

static bool is_gossip(tt_node *node, tt_time now, const tt_datagram *d)
{
    return node->members != NULL && node->members->operations->receive(node, now, d);
}

static void receive_all(tt_node *node)
{
    tt_datagram *d = &node->datagram;
    node->more = true;
    for (unsigned i = 0; i < TT_NODE_DATAGRAMS_MAX; i++) {
        tt_status status = node->platform->operations->receive(node->platform, d);
        if (status != TT_OK && status != TT_UNREACHABLE) {
            node->more = false;
            return;
        }
        tt_time now = now_of(node);
        if (status == TT_UNREACHABLE) { // no sign of life, and presence judges by silence alone
            if (d->socket == node->bus_socket)
                tt_bus_unreachable(&node->bus, now, &d->peer);
            continue;
        }
        node->counters.datagrams_received++;
        if (d->socket == node->mdns_socket) {
            if (d->cut)
                continue; // no record of it can be believed
            tt_discovery_receive(&node->discovery, now, &d->peer, d->data, d->length);
            send_discovery(node,
                           now); // at once: discovery keeps one asker who wants its own answer
        } else if (d->multicast || d->socket != node->bus_socket) {
            // One frame would make every device act (RFC 7252, 8 and 11.3).
            if (node->on_multicast != NULL)
                node->on_multicast(node, now, d);
            else
                node->counters.multicast_dropped++;
        } else if ((node->finding == NULL || !node->finding->receive(node, now, d)) &&
                   !is_gossip(node, now, d)) {
            if (d->cut)
                tt_bus_receive_cut(&node->bus, now, &d->peer, d->data, d->length);
            else
                tt_bus_receive(&node->bus, now, &d->peer, d->data, d->length);
            send_bus(node); // at once: the bus keeps few answers, and a burst may want many
        }
    }
}

void tt_node_poll(tt_node *node)
{
    receive_all(node);
    tt_time now = now_of(node);
    look_at_addresses(node, now);
    say_who_we_are(node);
    if (node->finding != NULL)
        node->finding->advance(node, now);
    tt_timers_advance(node, now);
    if (node->members != NULL)
        node->members->operations->advance(node, now);
    if (node->options.on_turn != NULL)
        node->options.on_turn(node, now);
    tt_discovery_advance(&node->discovery, now);
    tt_bus_advance(&node->bus, now);
    send_bus(node);
    send_discovery(node, now);
}

tt_time tt_node_deadline(const tt_node *node)
{
    if (node->more)
        return INT64_MIN;
    tt_time deadline = tt_earlier(node->presence_at, tt_bus_deadline(&node->bus));
    deadline = tt_earlier(deadline, tt_timers_deadline(node));
    if (node->members != NULL)
        deadline = tt_earlier(deadline, node->members->next);
    return tt_earlier(deadline, tt_discovery_deadline(&node->discovery));
}

void tt_node_run(tt_node *node)
{
    while (!node->stopped) {
        tt_node_poll(node);
        if (!node->stopped)
            node->platform->operations->wait(node->platform, tt_node_deadline(node));
    }
    tt_time now = now_of(node);
    tt_discovery_goodbye(&node->discovery, now);
    send_discovery(node, now);
    send_bus(node); // what was said last, a directory's goodbye perhaps
}

void tt_node_stop(tt_node *node)
{
    node->stopped = true;
    node->platform->operations->wake(node->platform);
}

bool tt_node_speaks_to(const tt_peer *peer)
{
    return peer->wire == 0 || peer->wire == TT_WIRE_VERSION;
}

const tt_peer *tt_node_find(const tt_node *node, const char *kind, const char *name)
{
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++) {
        const tt_peer *peer = &node->peers[i];
        if (peer->reported && (kind == NULL || tt_text_same_name(peer->kind, kind)) &&
            (name == NULL || tt_text_same_name(peer->name, name)))
            return peer;
    }
    return NULL;
}
