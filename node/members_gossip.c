// Gossip: who is asked, and when.
//
// Each node asks another by chance, in rounds: as long as there is news, or another was found to
// know something else, every TT_MEMBERS_ROUND, and else ever more rarely. A question tells who
// asks, what is new, and the sum of all that is known; where sums differ the next question has a
// filter of what is known, and the answer what the filter lacks. So what each knows spreads as an
// epidemic does, in about the logarithm of their number of rounds, and what was missed by chance is
// pulled later. Nodes that all know one another by multicast DNS do not gossip.
//
// No node asks more than two others in a round, whatever it is told.

#include <string.h>

#include "node/members.h"
#include "tutti/check.h"

#define WORDS_BYTES 400 // of a question with a filter: its head and news; the rest is the filter
#define START_SPREAD TT_MS(100)
#define SEED_AGAIN TT_MS(500)
#define WANTED_SOON 100 // questions for one who is wanted, before they are asked more rarely
#define SEED_TRIES 8    // of one that a directory gave
#define LOST_SOONEST TT_SECONDS(2)

// ---- asking

static bool ask(tt_node *node, tt_time now, const tt_endpoint *to, uint64_t id, bool filter)
{
    tt_members *m = node->members;
    tt_members_ask *place = NULL;
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        if (m->asks[i].token == 0)
            place = &m->asks[i];
    if (place == NULL)
        return false;
    *place = (tt_members_ask){.token = (uint32_t)tt_random_u64(&m->random) | 1,
                              .id = id,
                              .endpoint = *to,
                              .until = tt_after(now, TT_MEMBERS_PATIENCE)};
    tt_gossip_writer w;
    tt_gossip_begin(&w, node, to, false, place->token, 0, TT_BUS_MESSAGE_MAX);
    const tt_member *asked = tt_members_find(m, id);
    if (asked != NULL && asked->state != TT_MEMBER_ALIVE)
        tt_gossip_add(&w, asked);
    for (unsigned i = 0; i < m->count && m->news > 0 && m->id != 0 && !tt_gossip_is_full(&w); i++) {
        tt_member *member = &m->places[i];
        if (filter && w.w.length > WORDS_BYTES)
            break;
        if (tt_member_has_news(m, member) && member->id != id && tt_gossip_add(&w, member))
            tt_members_was_told(m, member);
    }
    if (filter)
        tt_gossip_add_filter(&w, m);
    tt_gossip_send(&w, node, 0);
    m->counters.asked++;
    m->own_told += m->own_told < UINT8_MAX;
    m->wanted_asked += m->wanted_asked < UINT8_MAX;
    return true;
}

static bool can_be_asked(const tt_member *member)
{
    return member->state != TT_MEMBER_GONE && (member->sources & TT_MEMBER_HAS_NO_GOSSIP) == 0;
}

// By chance; NULL where there is nobody.
static tt_member *choose(tt_members *m, uint8_t state)
{
    unsigned first = m->count > 0 ? (unsigned)tt_random_below(&m->random, m->count) : 0;
    for (unsigned i = 0; i < m->count; i++) {
        tt_member *member = &m->places[(first + i) % m->count];
        if (state == TT_MEMBER_GONE ? member->state == TT_MEMBER_GONE : can_be_asked(member))
            return member;
    }
    return NULL;
}

static bool is_active(const tt_members *m)
{
    bool wants = m->wanted != 0 && m->wanted_asked < WANTED_SOON;
    return m->differs || m->news > 0 || wants || m->own_told < TT_MEMBERS_TELL_OWN;
}

// Who knows all others by multicast DNS needs no gossip, and whoever does not asks.
static bool takes_part(const tt_members *m)
{
    return m->eager || m->unheard > 0 || m->wanted != 0;
}

// Whether it is asked already: five questions without an answer are five seconds.
static bool is_under_way(const tt_members *m, uint64_t id)
{
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        if (m->asks[i].token != 0 && m->asks[i].id == id)
            return true;
    return false;
}

static void turn_round(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    tt_member *target = m->target != 0 ? tt_members_get(m, m->target) : NULL;
    m->target = 0;
    if (target == NULL || !can_be_asked(target))
        target = choose(m, TT_MEMBER_ALIVE);
    if (target != NULL && !is_under_way(m, target->id))
        ask(node, now, &target->endpoint, target->id, m->differs || m->eager);
    m->rest_until = tt_after(now, TT_MEMBERS_ROUND / 2);
    m->interval = is_active(m) ? TT_MEMBERS_ROUND : tt_earlier(2 * m->interval, TT_MEMBERS_QUIET);
    m->round_at = tt_after(
        now, m->interval * 3 / 4 + (tt_time)tt_random_below(&m->random, (uint64_t)m->interval / 2));
}

static void look_for_gone(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    tt_member *member = choose(m, TT_MEMBER_GONE);
    if (member == NULL) {
        m->lost_at = TT_FOREVER;
        return;
    }
    ask(node, now, &member->endpoint, member->id, false);
    tt_time since = TT_SECONDS(tt_members_seconds(m, now) - member->since_s) / 16;
    tt_time wait = since < LOST_SOONEST ? LOST_SOONEST : tt_earlier(since, TT_MEMBERS_QUIET);
    m->lost_at = tt_after(now, wait + (tt_time)tt_random_below(&m->random, (uint64_t)wait / 2));
}

// ---- what time brings

static void end_ask(tt_members *m, tt_time now, tt_members_ask *a)
{
    tt_member *member = a->answered || a->id == 0 ? NULL : tt_members_get(m, a->id);
    a->token = 0;
    if (member == NULL || member->state == TT_MEMBER_GONE)
        return;
    if (++member->silent < TT_MEMBERS_SILENT) {
        m->target = member->id;
        tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
    } else if ((member->sources & TT_MEMBER_GOSSIPS) != 0) {
        member->silent = 0;
        tt_members_doubt(m, now, member);
    } else {
        tt_members_set_sources(m, member, member->sources | TT_MEMBER_HAS_NO_GOSSIP);
    }
}

static tt_time next_end(const tt_members *m)
{
    tt_time next = TT_FOREVER;
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        if (m->asks[i].token != 0)
            next = tt_earlier(next, m->asks[i].until);
    return next;
}

static bool lives_at(const tt_members *m, const tt_endpoint *endpoint)
{
    const tt_member *member = tt_members_at(m, endpoint);
    return member != NULL && member->state != TT_MEMBER_GONE;
}

static void ask_seed(tt_node *node, tt_time now, tt_members_seed *seed)
{
    seed->next = tt_after(now, TT_MEMBERS_ROUND); // where too many questions are under way
    if (!ask(node, now, &seed->endpoint, 0, true))
        return;
    tt_time wait = SEED_AGAIN << (seed->tries < SEED_TRIES ? seed->tries : SEED_TRIES);
    seed->next = tt_after(now, tt_earlier(wait, TT_MEMBERS_QUIET));
    if (seed->tries < SEED_TRIES)
        seed->tries++;
    else if (seed->source == TT_MEMBER_BY_DIRECTORY)
        *seed = (tt_members_seed){0};
}

static tt_time ask_seeds(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    tt_time next = TT_FOREVER;
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++) {
        tt_members_seed *seed = &m->seeds[i];
        if (seed->endpoint.port == 0 || (seed->known && lives_at(m, &seed->endpoint)))
            continue;
        seed->known = false; // it is lost; or has no place here, and is asked ever more rarely
        if (now >= seed->next)
            ask_seed(node, now, seed);
        if (seed->endpoint.port != 0)
            next = tt_earlier(next, seed->next);
    }
    return next;
}

// Who was doubted and did not say that it lives is gone; who was gone long is forgotten.
static tt_time fade(tt_members *m, tt_time now)
{
    uint32_t seconds = tt_members_seconds(m, now), next = UINT32_MAX;
    for (unsigned i = 0; m->faded > 0 && i < m->count; i++) {
        tt_member *member = &m->places[i];
        if (member->state == TT_MEMBER_ALIVE)
            continue;
        bool gone = member->state == TT_MEMBER_GONE;
        uint32_t at = member->since_s + (gone ? TT_MEMBERS_GONE_S : TT_MEMBERS_DOUBT_S);
        if (seconds >= at && gone) {
            tt_members_remove(m, member);
            i--;
            continue;
        }
        if (seconds >= at) {
            tt_members_end_doubt(m, now, member);
            at = seconds + TT_MEMBERS_GONE_S;
        }
        next = at < next ? at : next;
    }
    return next == UINT32_MAX ? TT_FOREVER : m->began + TT_SECONDS(next - 1);
}

// Its name is another after a conflict, or its addresses are: others are told by a newer word.
static void look_at_self(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    const tt_discovery *d = &node->discovery;
    uint64_t id = d->options.name != NULL ? tt_bus_identity(d->name, d->options.boot) : 0;
    uint32_t sum = 0;
    for (size_t i = 0; i < d->address_count; i++)
        sum = tt_crc32(sum, d->addresses[i].ip, sizeof(d->addresses[i].ip));
    if (id == m->id && sum == m->addresses)
        return;
    if (id != m->id)
        m->incarnation = 0;
    else if (m->addresses != 0)
        m->incarnation++;
    m->id = id;
    m->addresses = sum;
    m->own_told = 0;
    tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
}

static void advance(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    look_at_self(node, now);
    if (now < m->next)
        return;
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        if (m->asks[i].token != 0 && now >= m->asks[i].until)
            end_ask(m, now, &m->asks[i]);
    tt_time next = fade(m, now);
    next = tt_earlier(next, ask_seeds(node, now));
    if (takes_part(m)) {
        if (m->round_at == TT_FOREVER)
            m->round_at = tt_members_soon(m, now, TT_MEMBERS_ROUND);
        if (now >= m->round_at)
            turn_round(node, now);
        next = tt_earlier(next, m->round_at);
    } else {
        m->round_at = TT_FOREVER;
    }
    if (m->lost_at != TT_FOREVER && now >= m->lost_at)
        look_for_gone(node, now);
    m->next = tt_earlier(tt_earlier(next, m->lost_at), next_end(m));
}

// ---- what other sources tell

bool tt_members_add(tt_node *node, tt_time now, uint64_t id, const tt_endpoint *endpoint,
                    tt_member_source source)
{
    tt_members *m = node->members;
    tt_member *member = tt_members_get(m, id);
    if (id == m->id)
        return true;
    tt_member *there = (tt_member *)tt_members_at(m, endpoint);
    if (there != NULL && there->id != id)
        tt_members_doubt(m, now, there);
    if (member == NULL)
        member = tt_members_insert(node, now, &(tt_member_word){.id = id, .endpoint = *endpoint},
                                   (uint8_t)source, tt_members_depends_on(node, endpoint));
    if (member == NULL)
        return false;
    tt_members_set_sources(m, member, member->sources | (uint8_t)source);
    if (source == TT_MEMBER_BY_MDNS && !tt_endpoint_equal(&member->endpoint, endpoint))
        tt_members_change(
            m, member,
            &(tt_member_word){.endpoint = *endpoint, .incarnation = member->incarnation});
    if (member->state == TT_MEMBER_GONE) {
        tt_members_set_state(m, now, member, TT_MEMBER_ALIVE);
        m->target = id; // it says itself that it lives
    }
    tt_members_wake(m, m->eager ? now : TT_FOREVER);
    return true;
}

void tt_members_drop(tt_node *node, tt_time now, uint64_t id, tt_member_source source)
{
    tt_members *m = node->members;
    tt_member *member = tt_members_get(m, id);
    if (member == NULL)
        return;
    tt_members_set_sources(m, member, member->sources & (uint8_t)~source);
    if ((member->sources & TT_MEMBER_GOSSIPS) != 0)
        tt_members_doubt(m, now, member);
    else if ((member->sources & ~(TT_MEMBER_HAS_NO_GOSSIP | TT_MEMBER_ANSWERED)) == 0)
        tt_members_remove(m, member);
    m->next = INT64_MIN;
}

bool tt_members_learn(tt_node *node, tt_time now, const tt_endpoint *endpoint,
                      tt_member_source source)
{
    tt_members *m = node->members;
    tt_members_seed *place = NULL;
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++) {
        if (tt_endpoint_equal(&m->seeds[i].endpoint, endpoint))
            return true;
        if (m->seeds[i].endpoint.port == 0)
            place = &m->seeds[i];
    }
    if (place == NULL)
        return false;
    *place = (tt_members_seed){.endpoint = *endpoint,
                               .source = (uint8_t)source,
                               .next = tt_members_soon(m, now, START_SPREAD)};
    m->next = INT64_MIN;
    return true;
}

void tt_members_want(tt_node *node, tt_time now, uint64_t id)
{
    tt_members *m = node->members;
    m->wanted = tt_members_get(m, id) != NULL ? 0 : id;
    m->wanted_asked = 0;
    m->interval = TT_MEMBERS_ROUND;
    tt_members_wake(m, now);
}

static void take_peer(tt_node *node, tt_time now, const tt_peer *peer, bool present)
{
    uint64_t id = tt_bus_identity(peer->name, peer->boot);
    if (present)
        tt_members_add(node, now, id, &peer->endpoint, TT_MEMBER_BY_MDNS);
    else
        tt_members_drop(node, now, id, TT_MEMBER_BY_MDNS);
}

static void start(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    uint64_t seeds[2];
    node->platform->operations->random(node->platform, seeds, sizeof(seeds));
    tt_random_seed(&m->random, seeds[0]);
    m->salt = seeds[1];
    m->began = m->budget_at = now;
    m->budget = TT_MEMBERS_ANSWERS_PER_SECOND;
    m->interval = TT_MEMBERS_ROUND;
    m->round_at = m->lost_at = TT_FOREVER;
    m->denied_at = m->rest_until = m->next = INT64_MIN;
}

void tt_members_init(tt_members *members, tt_member *places, uint16_t *heads, size_t capacity)
{
    static const tt_members_operations operations = {
        .start = start, .receive = tt_members_receive, .peer = take_peer, .advance = advance};
    TT_CHECK(capacity >= 2 && capacity <= TT_MEMBERS_PLACES_MAX);
    memset(members, 0, sizeof(*members));
    memset(places, 0, capacity * sizeof(*places));
    memset(heads, 0, 2 * capacity * sizeof(*heads));
    members->operations = &operations;
    members->places = places;
    members->heads = heads;
    members->capacity = (uint16_t)capacity;
}
