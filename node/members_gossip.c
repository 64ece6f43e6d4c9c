// Gossip: who is asked, when, and what is believed of the answers.
//
// Each node asks another by chance, in rounds: as long as there is news, or another was found to
// know something else, every TT_MEMBERS_ROUND, and else ever more rarely. A question tells who
// asks, what is new, and the sum of all that is known; where sums differ the next question has a
// filter of what is known, and the answer what the filter lacks. So what each knows spreads as an
// epidemic does, in about the logarithm of their number of rounds, and what was missed by chance is
// pulled later. Nodes that all know one another by multicast DNS do not gossip.
//
// Nothing here ends anything. A forged word makes at most these things happen: a place is taken
// that nobody needs, a member is asked whether it lives, a near address is asked three times by
// each who believes in it. No node asks more than one a round, whatever it is told, an answer is at
// most three times as long as its question, and there are at most TT_MEMBERS_ANSWERS_PER_SECOND.

#include <string.h>

#include "node/members.h"
#include "tutti/check.h"

#define ANSWER_FACTOR 3 // bytes of an answer for each of its question
#define ANSWER_PARTS 3  // datagrams of it
#define WORDS_BYTES 400 // of a question with a filter: its head and news; the rest is the filter
#define START_SPREAD TT_MS(100)
#define DENY_EVERY TT_SECONDS(1)
#define HEARD_LATELY_S 5
#define DOUBTED_ENOUGH_S 5 // after which another's word that it is gone ends the doubt
#define LIVES_AT_ONE_PLACE 3
#define SEED_AGAIN TT_MS(500)
#define SEED_TRIES 8 // of one that a directory gave
#define LOST_SOONEST TT_SECONDS(2)
#define EQUAL_ENOUGH 2

static void wake(tt_members *m, tt_time at)
{
    m->round_at = tt_earlier(m->round_at, tt_later(at, m->rest_until));
    m->next = INT64_MIN; // all times are looked at anew
}

static tt_time soon(tt_members *m, tt_time now, tt_time within)
{
    return tt_after(now, (tt_time)tt_random_below(&m->random, (uint64_t)within));
}

static bool is_newer(uint16_t one, uint16_t other) // RFC 1982
{
    return (int16_t)(uint16_t)(one - other) > 0;
}

static void doubt(tt_members *m, tt_time now, tt_member *member)
{
    if (member->state != TT_MEMBER_ALIVE)
        return;
    tt_members_set_state(m, now, member, TT_MEMBER_DOUBTED);
    tt_members_tell_anew(m, member);
    wake(m, soon(m, now, TT_MEMBERS_ROUND));
}

static void end_doubt(tt_members *m, tt_time now, tt_member *member)
{
    tt_members_set_state(m, now, member, TT_MEMBER_GONE);
    m->lost_at = tt_earlier(m->lost_at, tt_after(now, LOST_SOONEST));
}

// ---- what is heard

// Somebody says of this device what is not so, or what it did not say itself: its next word is
// newer.
static void deny(tt_members *m, tt_time now, const tt_member_word *word)
{
    bool newer = is_newer(word->incarnation, m->incarnation);
    if ((word->state == TT_MEMBER_ALIVE && !newer) ||
        (!newer && word->incarnation != m->incarnation) || now < m->denied_at)
        return;
    m->incarnation = (uint16_t)((newer ? word->incarnation : m->incarnation) + 1);
    m->denied_at = tt_after(now, DENY_EVERY);
    m->own_told = 0;
    wake(m, now);
}

static void add_word(tt_node *node, tt_time now, const tt_member_word *word)
{
    tt_members *m = node->members;
    bool wanted = word->id == m->wanted;
    if (word->state == TT_MEMBER_GONE)
        return;
    // One device is at one place: who is there is seen by asking, and a few lives are all it had.
    if (tt_members_count_at(m, &word->endpoint) >= LIVES_AT_ONE_PLACE)
        return;
    bool needed = wanted || tt_members_depends_on(node, &word->endpoint);
    tt_member *member =
        tt_members_insert(node, now, word, TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS, needed);
    if (member == NULL)
        return;
    tt_members_tell_anew(m, member);
    m->wanted = wanted ? 0 : m->wanted;
    wake(m, soon(m, now, TT_MEMBERS_ROUND));
}

static void take_word(tt_node *node, tt_time now, const tt_member_word *word)
{
    tt_members *m = node->members;
    if (word->id == m->id) {
        deny(m, now, word);
        return;
    }
    if (!tt_discovery_is_near(&node->discovery, &word->endpoint))
        return;
    tt_member *member = tt_members_get(m, word->id);
    if (member == NULL) {
        add_word(node, now, word);
        return;
    }
    uint8_t sources = member->sources | TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS;
    if (is_newer(word->incarnation, member->incarnation)) {
        tt_members_change(m, member, word);
        tt_members_set_sources(m, member, sources);
        tt_members_set_state(m, now, member, TT_MEMBER_ALIVE);
        if (word->state != TT_MEMBER_ALIVE)
            doubt(m, now, member); // gone, says another: it may deny that here, too
        tt_members_tell_anew(m, member);
        wake(m, soon(m, now, TT_MEMBERS_ROUND));
    } else if (word->incarnation == member->incarnation) {
        tt_members_set_sources(m, member, sources);
        bool lives =
            (member->sources & TT_MEMBER_BY_MDNS) != 0 ||
            (member->heard_s != 0 && tt_members_seconds(m, now) - member->heard_s < HEARD_LATELY_S);
        if (word->state == TT_MEMBER_GONE && member->state == TT_MEMBER_DOUBTED &&
            tt_members_seconds(m, now) - member->since_s >= DOUBTED_ENOUGH_S)
            end_doubt(m, now, member);
        else if (word->state != TT_MEMBER_ALIVE && !lives)
            doubt(m, now, member);
    }
}

static void take_words(tt_node *node, tt_time now, tt_gossip *g, const tt_endpoint *from)
{
    tt_endpoint before = {0};
    tt_member_word word;
    while (tt_gossip_next(g, &before, &word)) {
        if (tt_endpoint_is_link_local(&word.endpoint))
            word.endpoint.interface = from->interface;
        take_word(node, now, &word);
    }
}

// The sender speaks for itself. NULL: it has no name, or no place.
static tt_member *hear(tt_node *node, tt_time now, const tt_gossip *g, const tt_endpoint *from)
{
    tt_members *m = node->members;
    if (g->id == 0 || g->id == m->id)
        return NULL;
    tt_member_word word = {.id = g->id, .endpoint = *from, .incarnation = g->incarnation};
    tt_member *member = tt_members_get(m, g->id);
    if (member == NULL) {
        tt_member *there = (tt_member *)tt_members_at(m, from);
        if (there != NULL)
            doubt(m, now, there); // it restarted, or is another
        member = tt_members_insert(node, now, &word, TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS, true);
        if (member == NULL)
            return NULL;
        tt_members_tell_anew(m, member);
        wake(m, soon(m, now, TT_MEMBERS_ROUND));
    } else if (is_newer(g->incarnation, member->incarnation)) {
        tt_members_change(m, member, &word);
        tt_members_set_state(m, now, member, TT_MEMBER_ALIVE);
        tt_members_tell_anew(m, member);
        wake(m, soon(m, now, TT_MEMBERS_ROUND));
    } else if (member->state != TT_MEMBER_ALIVE && g->incarnation == member->incarnation) {
        tt_members_change(m, member, &word); // and it is told that it is doubted
    }
    uint8_t sources = member->sources | TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS;
    tt_members_set_sources(m, member, sources & (uint8_t)~TT_MEMBER_HAS_NO_GOSSIP);
    member->heard_s = tt_members_seconds(m, now);
    member->silent = 0;
    return member;
}

static bool is_comparable(const tt_members *m, const tt_gossip *g)
{
    return (g->flags & TT_GOSSIP_PARTIAL) == 0 && !tt_members_are_partial(m);
}

// ---- answering

// Of what is behind the filter, and what is new.
static bool belongs_in(const tt_members *m, const tt_gossip *g, const tt_member *member)
{
    if ((member->sources & TT_MEMBER_GOSSIPS) == 0 || member->id == g->id)
        return false;
    if (g->filter_length == 0)
        return tt_member_has_news(m, member);
    if (member->state != TT_MEMBER_GONE)
        return !tt_gossip_filter_has(g, tt_member_mixed(member));
    return tt_gossip_filter_has(g, tt_members_mix(member->id, member->incarnation, false)) ||
           tt_gossip_filter_has(g, tt_members_mix(member->id, member->incarnation, true));
}

// What is told first: how the asker itself is known here where that is not so, and whom it wants.
static void add_first(tt_gossip_writer *w, const tt_members *m, const tt_gossip *g)
{
    const tt_member *asker = tt_members_find(m, g->id), *wanted = tt_members_find(m, g->find);
    if (asker != NULL && (asker->state != TT_MEMBER_ALIVE || asker->incarnation != g->incarnation))
        tt_gossip_add(w, asker);
    if (wanted != NULL && wanted->state != TT_MEMBER_GONE)
        tt_gossip_add(w, wanted);
}

static void answer(tt_node *node, const tt_gossip *g, const tt_endpoint *to, size_t asked_bytes)
{
    tt_members *m = node->members;
    size_t left = asked_bytes * ANSWER_FACTOR;
    unsigned first = m->count > 0 ? (unsigned)tt_random_below(&m->random, m->count) : 0, i = 0;
    for (unsigned part = 0; part < ANSWER_PARTS && m->budget > 0; part++) {
        tt_gossip_writer w;
        tt_gossip_begin(&w, node, to, true, g->token, 0, left);
        if (part == 0)
            add_first(&w, m, g);
        for (; i < m->count && !tt_gossip_is_full(&w); i++) {
            tt_member *member = &m->places[(first + i) % m->count];
            if (belongs_in(m, g, member) && tt_gossip_add(&w, member))
                tt_members_was_told(m, member);
        }
        left -= w.w.length < left ? w.w.length : left;
        bool more =
            i < m->count && part + 1 < ANSWER_PARTS && left >= TT_GOSSIP_LEAST && m->budget > 1;
        tt_gossip_send(&w, node, more ? TT_GOSSIP_MORE : 0);
        m->counters.answered++;
        m->budget--;
        if (!more)
            return;
    }
}

static void take_question(tt_node *node, tt_time now, tt_gossip *g, const tt_endpoint *from,
                          size_t bytes)
{
    tt_members *m = node->members;
    if (g->id != 0 && g->id == m->id)
        return; // our own words, or a forger's
    const tt_member *asker = hear(node, now, g, from);
    uint64_t id = asker != NULL ? asker->id : 0;
    take_words(node, now, g, from);
    if (id != 0 && is_comparable(m, g) && g->digest != tt_members_digest(m)) {
        m->target = id;
        m->interval = TT_MEMBERS_ROUND;
        wake(m, soon(m, now, TT_MEMBERS_ROUND));
    }
    tt_time passed = now - m->budget_at;
    uint64_t more = (uint64_t)(passed / (TT_SECONDS(1) / TT_MEMBERS_ANSWERS_PER_SECOND));
    if (more > 0) {
        m->budget_at = now;
        m->budget = m->budget + more < TT_MEMBERS_ANSWERS_PER_SECOND
                        ? m->budget + (uint32_t)more
                        : TT_MEMBERS_ANSWERS_PER_SECOND;
    }
    if (m->budget == 0) {
        m->counters.unasked++;
        return;
    }
    if (g->filter_length > 0) { // the datagram's place is the answer's
        memcpy(m->filter, g->filter, g->filter_length);
        g->filter = m->filter;
    }
    answer(node, g, from, bytes);
}

// ---- answers

static tt_members_ask *find_ask(tt_members *m, uint32_t token, const tt_endpoint *from)
{
    for (unsigned i = 0; token != 0 && i < TT_MEMBERS_ASKS_MAX; i++)
        if (m->asks[i].token == token && tt_endpoint_equal(&m->asks[i].endpoint, from))
            return &m->asks[i];
    return NULL;
}

static void end_seeds(tt_members *m, const tt_endpoint *from, tt_member *member)
{
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++) {
        tt_members_seed *seed = &m->seeds[i];
        if (seed->endpoint.port == 0 || !tt_endpoint_equal(&seed->endpoint, from))
            continue;
        if (member != NULL)
            tt_members_set_sources(m, member, member->sources | seed->source);
        seed->known = true;
        if (seed->source != TT_MEMBER_BY_HAND)
            *seed = (tt_members_seed){0};
    }
}

static void compare(tt_members *m, tt_time now, const tt_gossip *g)
{
    if ((g->flags & TT_GOSSIP_PARTIAL) == 0)
        m->told_count = g->count;
    if (is_comparable(m, g) && g->digest != tt_members_digest(m)) {
        m->differs = true;
        m->equal = 0;
        m->interval = TT_MEMBERS_ROUND;
        wake(m, soon(m, now, TT_MEMBERS_ROUND));
        return;
    }
    if (m->equal < UINT8_MAX)
        m->equal++;
    if (m->equal < EQUAL_ENOUGH)
        return;
    m->differs = false;
    tt_members_end_news(m);
}

static void take_answer(tt_node *node, tt_time now, tt_gossip *g, const tt_endpoint *from,
                        tt_members_ask *ask)
{
    tt_members *m = node->members;
    ask->answered = true;
    tt_member *asked = ask->id != 0 && ask->id != g->id ? tt_members_get(m, ask->id) : NULL;
    if (asked != NULL && g->id != 0 && tt_endpoint_equal(&asked->endpoint, from))
        doubt(m, now, asked); // another is there
    tt_member *member = hear(node, now, g, from);
    end_seeds(m, from, member);
    take_words(node, now, g, from);
    if (g->flags & TT_GOSSIP_MORE)
        return;
    ask->token = 0;
    compare(m, now, g);
}

static void take_refusal(tt_members *m, tt_members_ask *ask)
{
    tt_member *member = tt_members_get(m, ask->id);
    ask->token = 0;
    if (member != NULL)
        tt_members_set_sources(
            m, member, (member->sources & (uint8_t)~TT_MEMBER_GOSSIPS) | TT_MEMBER_HAS_NO_GOSSIP);
}

static bool receive(tt_node *node, tt_time now, const tt_datagram *d)
{
    tt_members *m = node->members;
    tt_endpoint from = d->peer;
    tt_gossip g;
    tt_status status = d->cut ? TT_NOT_FOUND : tt_gossip_read(&g, d);
    if (status == TT_NOT_FOUND)
        return false;
    if (status != TT_OK) {
        m->counters.malformed++;
        return true;
    }
    tt_members_ask *ask = g.is_answer || g.is_refusal ? find_ask(m, g.token, &from) : NULL;
    if (g.is_refusal && ask != NULL)
        take_refusal(m, ask);
    else if (g.is_answer && ask != NULL)
        take_answer(node, now, &g, &from, ask);
    else if (!g.is_answer && !g.is_refusal)
        take_question(node, now, &g, &from, d->length);
    m->next = INT64_MIN;
    return g.is_answer || !g.is_refusal || ask != NULL;
}

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
    for (unsigned i = 0; i < m->count && m->news > 0 && !tt_gossip_is_full(&w); i++) {
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
    if (m->own_told < UINT8_MAX)
        m->own_told++;
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
    return m->differs || m->news > 0 || m->wanted != 0 || m->own_told < TT_MEMBERS_TELL_OWN;
}

// Who knows all others by multicast DNS needs no gossip, and whoever does not asks.
static bool takes_part(const tt_members *m)
{
    return m->eager || m->unheard > 0 || m->wanted != 0;
}

static void turn_round(tt_node *node, tt_time now)
{
    tt_members *m = node->members;
    tt_member *target = m->target != 0 ? tt_members_get(m, m->target) : NULL;
    m->target = 0;
    if (target == NULL || !can_be_asked(target))
        target = choose(m, TT_MEMBER_ALIVE);
    if (target != NULL)
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
        wake(m, soon(m, now, TT_MEMBERS_ROUND));
    } else if ((member->sources & TT_MEMBER_GOSSIPS) != 0) {
        member->silent = 0;
        doubt(m, now, member);
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
        if (seed->known)
            *seed =
                (tt_members_seed){.endpoint = seed->endpoint, .source = seed->source, .next = now};
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
            end_doubt(m, now, member);
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
    uint64_t id = d->options.name != NULL ? tt_member_identity(d->name, d->options.boot) : 0;
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
    wake(m, soon(m, now, TT_MEMBERS_ROUND));
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
            m->round_at = soon(m, now, TT_MEMBERS_ROUND);
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
        doubt(m, now, there);
    if (member == NULL)
        member = tt_members_insert(node, now, &(tt_member_word){.id = id, .endpoint = *endpoint},
                                   (uint8_t)source, tt_members_depends_on(node, endpoint));
    if (member == NULL)
        return false;
    tt_members_set_sources(m, member, member->sources | (uint8_t)source);
    if (member->state == TT_MEMBER_GONE) {
        tt_members_set_state(m, now, member, TT_MEMBER_ALIVE);
        m->target = id; // it says itself that it lives
    }
    wake(m, m->eager ? now : TT_FOREVER);
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
        doubt(m, now, member);
    else if ((member->sources & ~TT_MEMBER_HAS_NO_GOSSIP) == 0)
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
    *place = (tt_members_seed){
        .endpoint = *endpoint, .source = (uint8_t)source, .next = soon(m, now, START_SPREAD)};
    m->next = INT64_MIN;
    return true;
}

void tt_members_want(tt_node *node, tt_time now, uint64_t id)
{
    tt_members *m = node->members;
    m->wanted = tt_members_get(m, id) != NULL ? 0 : id;
    wake(m, now);
}

static void take_peer(tt_node *node, tt_time now, const tt_peer *peer, bool present)
{
    uint64_t id = tt_member_identity(peer->name, peer->boot);
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
        .start = start, .receive = receive, .peer = take_peer, .advance = advance};
    TT_CHECK(capacity >= 2 && capacity <= TT_MEMBERS_PLACES_MAX);
    memset(members, 0, sizeof(*members));
    memset(places, 0, capacity * sizeof(*places));
    memset(heads, 0, 2 * capacity * sizeof(*heads));
    members->operations = &operations;
    members->places = places;
    members->heads = heads;
    members->capacity = (uint16_t)capacity;
}
