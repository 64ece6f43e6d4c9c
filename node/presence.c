// Who lives, for whoever needs to know.
//
// A peer that somebody depends on, by a call, an observation or tt_node_options.watch, is watched:
// one that was silent for TT_PRESENCE_PING is pinged, again and again, and one that stays silent
// until TT_PRESENCE_GONE is gone. Ten pings fit between the two. With 5 % of datagrams lost each
// way a ping or its answer is lost with probability 0.0975, all ten with 8e-11; a silence of 300 ms
// on one path takes three of them, and the other seven are lost with 8e-8. Nobody else is pinged:
// their records age, and when they end, or discovery has another reason to doubt (it hears hints,
// and anyone may give those), the peer is asked before anything that concerns it is ended.
//
// What is asked for is the peer's life: GET TT_NODE_LIFE_PATH is answered with its boot number, so
// a restart is known however quick it was, and with its name, so that nobody is taken for who was
// at his address before, or never was. A watched peer is asked now and then instead of pinged,
// because its announcements may be lost.
//
// Who is gone is pinged at growing intervals, a 32nd of the time that it is gone, at least a
// second, and one such ping a second leaves this device. Whoever answers is back, and so may others
// be: then everybody is asked anew.
//
// A device that sleeps says for how long it may be silent: so much later it is gone, and seldom
// pinged meanwhile. Only its own answer counts, so a forged word costs a question.
//
// A ping is an empty confirmable message of four bytes, answered by a reset (RFC 7252, 4.3). It is
// made here, because a call of the bus for each peer would be the larger part of what a peer costs.

#include <string.h>

#include "node/internal.h"
#include "tutti/cbor.h"
#include "tutti/check.h"

#define ASK_TIMEOUT TT_SECONDS(1)
#define ASK_EVERY 16           // so-manieth ping of a watched peer
#define SILENT_MAX 3           // questions for its life that one who lives may leave unanswered
#define DOUBT_AGAIN TT_MS(240) // between two pings of one who is doubted
#define DOUBT_LEAST TT_MS(300) // nobody depends on it: it may say itself that it is here
#define DOUBT_SPREAD TT_MS(30) // and not all ask at once: so much for each who is known,
#define LEFT_SPREAD TT_MS(150) // after a goodbye, which is denied by who is there
#define SPREAD_MAX TT_SECONDS(3)
#define DOUBT_EVERY TT_MS(125)    // of those on whom nobody depends so many begin to be asked
#define DOUBT_PAUSE TT_SECONDS(1) // between two doubts of one peer
#define LOST_MAX TT_SECONDS(24 * 3600)

#define PING_BYTES 4

// When one who is silent is pinged again: seldom while it may be asleep, which it fell at `since`.
static tt_time again_at(const tt_peer *peer, tt_time now, tt_time since, tt_time again)
{
    tt_time awake_at = tt_after(since, tt_life_sleep_of(peer));
    if (now >= awake_at)
        return tt_after(now, again);
    return tt_earlier(awake_at, tt_after(now, tt_later(again, tt_life_sleep_of(peer) / 32)));
}

uint16_t tt_presence_ping(tt_node *node, const tt_endpoint *endpoint)
{
    tt_datagram *d = &node->datagram;
    uint16_t id = (uint16_t)(tt_random_u64(&node->discovery.random) | 1);
    d->peer = *endpoint;
    d->data[0] = 0x40;
    d->data[1] = 0;
    d->data[2] = (uint8_t)(id >> 8);
    d->data[3] = (uint8_t)id;
    d->length = PING_BYTES;
    tt_node_send(node);
    return id;
}

static void ping(tt_node *node, tt_peer *peer)
{
    peer->watch.ping = tt_presence_ping(node, &peer->endpoint);
}

// The id of an empty acknowledgement or reset, which may answer a ping; 0 for all others.
static uint16_t answered_id(const tt_datagram *d)
{
    if (d->length != PING_BYTES || (d->data[0] != 0x60 && d->data[0] != 0x70) || d->data[1] != 0)
        return 0;
    return (uint16_t)(d->data[2] << 8 | d->data[3]);
}

static bool receive(tt_node *node, tt_time now, const tt_datagram *d)
{
    uint16_t id = answered_id(d);
    tt_discovery_heard(&node->discovery, now, &d->peer);
    bool taken = tt_strangers_heard(node, now, &d->peer, id);
    for (size_t i = 0; id != 0 && i < TT_NODE_PEERS_MAX; i++) {
        tt_peer_watch *watch = &node->peers[i].watch;
        if (watch->ping != id || !tt_endpoint_equal(&node->peers[i].endpoint, &d->peer))
            continue;
        watch->ping = 0; // a later one with this id is about a message of the bus
        taken = true;
    }
    return taken;
}

static uint32_t number_at(const tt_reply *reply, const char *key)
{
    tt_reader r;
    tt_cbor_item item;
    tt_reader_init(&r, reply->payload, reply->length);
    if (tt_cbor_find(&r, key) != TT_OK || tt_cbor_next(&r, &item) != TT_OK ||
        item.type != TT_CBOR_UNSIGNED || item.number > UINT32_MAX)
        return 0;
    return (uint32_t)item.number;
}

// Whether it is another who answers; one of an older version tells no name.
static bool is_another(const tt_reply *reply, const tt_peer *peer)
{
    tt_reader r;
    tt_cbor_item item;
    tt_reader_init(&r, reply->payload, reply->length);
    if (tt_cbor_find(&r, "name") != TT_OK || tt_cbor_next(&r, &item) != TT_OK ||
        item.type != TT_CBOR_TEXT)
        return false;
    size_t length = strlen(peer->name);
    return item.length != length ||
           !tt_text_same_bytes((const char *)item.bytes, peer->name, length);
}

// Only noted: what follows from it, forgetting the peer perhaps, is not for the bus to be in.
static void on_life(tt_call *call, tt_time now, const tt_reply *reply)
{
    struct tt_node_ask *ask = TT_CONTAINER(call, struct tt_node_ask, call);
    (void)now;
    if (reply->status == TT_OK && reply->code == TT_CONTENT && reply->offset == 0) {
        ask->boot = number_at(reply, "boot");
        uint32_t wire = number_at(reply, "wire");
        ask->wire = wire <= UINT8_MAX ? (uint8_t)wire : UINT8_MAX;
        uint32_t sleep_s = number_at(reply, "sleep");
        ask->sleep_s = sleep_s <= TT_SLEEP_MAX ? (uint16_t)sleep_s : TT_SLEEP_MAX;
        const tt_node *node = call->context;
        ask->another = is_another(reply, &node->peers[ask->place]);
    }
    // A reset is an answer, too: of one who lives and tells nothing.
    ask->answered = reply->final && (reply->status == TT_OK || reply->status == TT_RESET);
    ask->failed = reply->final && !ask->answered;
}

// Asks a peer for its life; later, where too many are being asked.
static void ask_life(tt_node *node, tt_time now, size_t place)
{
    tt_peer *peer = &node->peers[place];
    struct tt_node_ask *ask = node->asks;
    while (ask < node->asks + TT_NODE_ASKS_MAX && ask->busy)
        ask++;
    if (peer->watch.asked || ask == node->asks + TT_NODE_ASKS_MAX)
        return;
    *ask = (struct tt_node_ask){.call = {.peer = peer->endpoint,
                                         .method = TT_GET,
                                         .path = TT_NODE_LIFE_PATH,
                                         .content_format = TT_FORMAT_NONE,
                                         .accept = TT_FORMAT_NONE,
                                         .timeout = ASK_TIMEOUT,
                                         .on_reply = on_life,
                                         .context = node},
                                .place = place};
    peer->watch.asked = ask->busy = tt_bus_call(&node->bus, now, &ask->call) == TT_OK;
}

// Where it was is another now: no pings are for it, and whoever has its name is asked for.
static void leave(tt_node *node, tt_time now, tt_peer *peer)
{
    peer->left = true;
    if (peer->reported)
        tt_discovery_gone(&node->discovery, now, peer);
    else
        tt_discovery_forget(peer);
    tt_discovery_ask_again(&node->discovery, now);
}

static void tell_members(tt_node *node, tt_time now, const tt_peer *peer, bool present)
{
    if (node->members != NULL)
        node->members->operations->peer(node, now, peer, present);
}

static void take_answer(tt_node *node, tt_time now, struct tt_node_ask *ask)
{
    tt_peer *peer = &node->peers[ask->place];
    ask->busy = false;
    if (!tt_endpoint_equal(&peer->endpoint, &ask->call.peer) || !(peer->reported || peer->lost))
        return; // its place is another's now
    peer->watch.asked = false;
    peer->watch.silent += ask->failed;
    peer->hinted = false; // who did not answer is one of the lost
    if (!ask->answered)
        return;
    if (ask->another) {
        leave(node, now, peer);
        return;
    }
    bool was_lost = peer->lost;
    peer->sleep_s = ask->sleep_s;
    peer->sleep_told = false;
    peer->watch.next = now;
    bool identified = peer->reported && peer->boot == 0 && ask->boot != 0; // a member by it
    if (identified)
        tell_members(node, now, peer, false);
    tt_discovery_confirm(&node->discovery, now, peer, ask->boot, ask->wire);
    if (identified)
        tell_members(node, now, peer, true);
    peer->watch.silent = 0;
    if (was_lost)
        tt_discovery_ask_again(&node->discovery, now);
}

static bool depends_on(const tt_node *node, const tt_peer *peer)
{
    if (node->options.watch)
        return true;
    for (const tt_list *link = node->bus.calls.next; link != &node->bus.calls; link = link->next) {
        const tt_call *call = TT_CONTAINER(link, tt_call, state.link);
        if (tt_endpoint_equal(&call->peer, &peer->endpoint))
            return true;
    }
    return false;
}

static void declare_gone(tt_node *node, tt_time now, tt_peer *peer)
{
    tt_discovery_gone(&node->discovery, now, peer);
    if (peer->lost)
        peer->watch.next = tt_after(now, TT_PRESENCE_LOST);
    bool alone = true, more;
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++)
        alone = alone && !node->peers[i].reported;
    // Where nobody is left it may be this device that is away; another may have waited for the
    // place.
    if (alone || tt_discovery_count_others(&node->discovery, now, &more) > 0)
        tt_discovery_ask_again(&node->discovery, now);
}

// Whether another who is doubted is asked at the same place: whoever answers does so for both. Many
// names at one place are pinged as one.
static bool is_asked_there(const tt_node *node, tt_time now, size_t place)
{
    for (size_t i = 0; i < place; i++) {
        const tt_peer *peer = &node->peers[i];
        if (peer->reported && peer->doubted && now >= peer->watch.since &&
            tt_endpoint_equal(&peer->endpoint, &node->peers[place].endpoint))
            return true;
    }
    return false;
}

// Who is doubted is asked in turn, however many are at once: by chance, so that nobody always
// waits. False: it is not its turn, and its time has not begun.
static bool begin_doubt(tt_node *node, tt_time now, tt_peer *peer)
{
    tt_peer_watch *watch = &peer->watch;
    if (watch->next != watch->since || depends_on(node, peer))
        return true;
    if (now >= node->doubt_at) {
        node->doubt_at = tt_after(now, DOUBT_EVERY);
        return true;
    }
    tt_time wait = (tt_time)tt_random_below(&node->discovery.random, DOUBT_EVERY);
    watch->since = watch->next = tt_after(node->doubt_at, wait);
    return false;
}

// Someone said something of this peer: whether it is so the peer itself is asked.
static tt_time settle(tt_node *node, tt_time now, size_t place)
{
    tt_peer *peer = &node->peers[place];
    tt_peer_watch *watch = &peer->watch;
    if (now < watch->since || !begin_doubt(node, now, peer))
        return watch->since;
    bool lives = peer->heard > watch->since;
    if (!lives && now >= tt_after(watch->since, TT_PRESENCE_GONE + tt_life_sleep_of(peer))) {
        declare_gone(node, now, peer);
        return watch->next;
    }
    if (lives && watch->silent >= SILENT_MAX) { // it tells nobody its boot number
        tt_discovery_confirm(&node->discovery, now, peer, 0, 0);
        return TT_FOREVER;
    }
    if (now < watch->next)
        return watch->next;
    watch->next = again_at(peer, now, watch->since, DOUBT_AGAIN);
    if (!lives && is_asked_there(node, now, place))
        return watch->next;
    ask_life(node, now, place);
    if (!lives)
        ping(node, peer);
    return watch->next;
}

static tt_time watch_over(tt_node *node, tt_time now, size_t place)
{
    tt_peer *peer = &node->peers[place];
    tt_peer_watch *watch = &peer->watch;
    if (watch->watched == 0)
        watch->watched = now;
    tt_time silent_since = tt_later(peer->heard, watch->watched);
    tt_time gone_at = tt_after(silent_since, TT_PRESENCE_GONE + tt_life_sleep_of(peer));
    if (now >= gone_at) {
        declare_gone(node, now, peer);
        return watch->next;
    }
    tt_time next = tt_after(silent_since, TT_PRESENCE_PING);
    if (watch->ping != 0) // the last one had no answer
        next = tt_later(next, watch->next);
    if (now < next)
        return tt_earlier(next, gone_at);
    ping(node, peer);
    if (++watch->pings >= ASK_EVERY) {
        watch->pings = 0;
        ask_life(node, now, place);
    }
    watch->next = again_at(peer, now, tt_after(silent_since, TT_PRESENCE_PING), TT_PRESENCE_AGAIN);
    return tt_earlier(watch->next, gone_at);
}

// One who is lost and was heard since is asked at once; of all others the one whose turn it is.
static void look_for_lost(tt_node *node, tt_time now)
{
    tt_peer *first = NULL;
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++) {
        tt_peer *peer = &node->peers[i];
        if (!peer->lost)
            continue;
        if (now - peer->watch.since > LOST_MAX) {
            tt_discovery_forget(peer);
            continue;
        }
        if (peer->hinted) {
            ask_life(node, now, i); // and again once a question is free
        } else if (peer->heard > peer->watch.since && now >= peer->watch.next) {
            ask_life(node, now, i);
            peer->watch.next = tt_after(now, TT_PRESENCE_LOST);
        } else if (first == NULL || peer->watch.next < first->watch.next) {
            first = peer;
        }
    }
    if (first == NULL)
        return;
    tt_time at = tt_later(first->watch.next, node->lost_at);
    if (now >= at) {
        ping(node, first);
        node->lost_at = tt_after(now, TT_PRESENCE_LOST);
        first->watch.next =
            tt_after(now, tt_later(TT_PRESENCE_LOST, (now - first->watch.since) / 32));
        at = node->lost_at;
    }
    node->presence_at = tt_earlier(node->presence_at, at);
}

// How long one on whom nobody depends is left in doubt: among many longer.
static tt_time spread_of(tt_node *node, const tt_peer *doubted)
{
    tt_time each = doubted->left ? LEFT_SPREAD : DOUBT_SPREAD, spread = each;
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++)
        spread += node->peers[i].reported ? each : 0;
    spread = tt_earlier(spread, SPREAD_MAX);
    return DOUBT_LEAST + (tt_time)tt_random_below(&node->discovery.random, (uint64_t)spread);
}

static void doubt(tt_node *node, tt_time now, const tt_peer *doubted)
{
    tt_peer *peer = &node->peers[doubted - node->peers];
    tt_time at = depends_on(node, peer) ? now : tt_after(now, spread_of(node, peer));
    peer->watch.since = tt_later(at, tt_after(peer->watch.since, DOUBT_PAUSE));
    peer->watch.next = peer->watch.since;
    peer->watch.silent = 0;
    node->presence_at = tt_earlier(node->presence_at, peer->watch.since);
}

// Time in which this device stood still, in a handler, stopped or asleep, is nobody's silence: it
// neither pinged nor heard.
static void forgive_standstill(tt_node *node, tt_time now)
{
    tt_time late = now - node->presence_at;
    if (late <= TT_PRESENCE_AGAIN)
        return;
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++) {
        tt_peer *peer = &node->peers[i];
        tt_peer_watch *watch = &peer->watch;
        if (!peer->reported)
            continue;
        if (peer->doubted)
            watch->since = tt_later(watch->since, tt_earlier(now, tt_after(watch->since, late)));
        else if (watch->watched != 0)
            watch->watched = tt_earlier(now, tt_after(tt_later(peer->heard, watch->watched), late));
    }
    for (size_t i = 0; i < TT_NODE_STRANGERS_MAX; i++)
        node->strangers[i].heard = tt_earlier(now, tt_after(node->strangers[i].heard, late));
}

static void advance(tt_node *node, tt_time now)
{
    forgive_standstill(node, now);
    for (size_t i = 0; i < TT_NODE_ASKS_MAX; i++)
        if (node->asks[i].busy && (node->asks[i].answered || node->asks[i].failed))
            take_answer(node, now, &node->asks[i]);
    node->presence_at = TT_FOREVER;
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++) {
        tt_peer *peer = &node->peers[i];
        if (!peer->reported)
            continue;
        if (peer->doubted)
            node->presence_at = tt_earlier(node->presence_at, settle(node, now, i));
        else if (depends_on(node, peer))
            node->presence_at = tt_earlier(node->presence_at, watch_over(node, now, i));
        else
            peer->watch.watched = 0;
    }
    look_for_lost(node, now);
    node->presence_at = tt_earlier(node->presence_at, tt_strangers_advance(node, now));
}

// Whether another name is known at the place of one who is gone: what is under way there may be
// its.
static bool is_shared(const tt_node *node, const tt_peer *gone)
{
    for (size_t i = 0; i < TT_NODE_PEERS_MAX; i++)
        if (node->peers[i].reported && tt_endpoint_equal(&node->peers[i].endpoint, &gone->endpoint))
            return true;
    return false;
}

// A restarted peer's exchanges are void before anyone hears of it. Doubts are presence's alone.
static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    tt_node *node = context;
    if (event == TT_PEER_DOUBTED) {
        doubt(node, now, peer);
        return;
    }
    if (event == TT_PEER_RESTARTED || (event == TT_PEER_GONE && !is_shared(node, peer)))
        tt_bus_forget_peer(&node->bus, now, &peer->endpoint);
    tell_members(node, now, peer, event == TT_PEER_FOUND);
    if (node->options.on_peer != NULL)
        node->options.on_peer(discovery, now, event, peer, node->options.context);
}

static tt_status begin(tt_node *node, tt_time now, const tt_discovery_options *options)
{
    tt_discovery_options all = *options;
    all.browse = node->options.browse;
    all.peers = node->peers;
    all.peers_max = TT_NODE_PEERS_MAX;
    all.others = node->others;
    all.others_max = TT_NODE_OTHERS_MAX;
    all.on_peer = on_peer;
    all.context = node;
    node->doubt_at = INT64_MIN; // the clock may be before its zero
    return tt_discovery_init(&node->discovery, now, &all);
}

static const tt_node_finding finding = {begin, receive, advance};

tt_status tt_node_init(tt_node *node, tt_platform *platform, const tt_node_options *options)
{
    return tt_node_set_up(node, platform, options, &finding);
}
