// What is heard by gossip: whose word is believed, how doubts begin and are denied, and answers to
// questions.
//
// Nothing here ends anything. A forged word makes at most these things happen: a place is taken
// that nobody needs, a member is asked whether it lives, a near address is asked a few times by
// each who believes in it. An answer is at most ANSWER_FACTOR times as long as its question, and
// there are TT_MEMBERS_ANSWERS_PER_SECOND at most, whatever is asked.

#include <string.h>

#include "node/members.h"

#define ANSWER_FACTOR 3 // bytes of an answer for each of its question
#define ANSWER_PARTS 3  // datagrams of it
#define DENY_EVERY TT_SECONDS(1)
#define HEARD_LATELY_S 5
#define DOUBTED_ENOUGH_S 5 // after which another's word that it is gone ends the doubt
#define LIVES_AT_ONE_PLACE 3
#define EQUAL_ENOUGH 2 // others in a row who know the same: there is no more news

static bool is_newer(uint16_t one, uint16_t other) // RFC 1982
{
    return (int16_t)(uint16_t)(one - other) > 0;
}

// ---- what is heard

// Somebody says of this device what is not so, or what it did not say itself: its next word is
// newer.
static void deny(tt_members *m, tt_time now, const tt_member_word *word)
{
    // Half of all away neither is newer than the other: then no word of its own would count again.
    bool newer =
        word->incarnation != m->incarnation && !is_newer(m->incarnation, word->incarnation);
    if ((word->state == TT_MEMBER_ALIVE && !newer) ||
        (!newer && word->incarnation != m->incarnation) || now < m->denied_at)
        return;
    m->incarnation = (uint16_t)((newer ? word->incarnation : m->incarnation) + 1);
    m->denied_at = tt_after(now, DENY_EVERY);
    m->own_told = 0;
    tt_members_wake(m, now);
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
    tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
}

// Multicast DNS tells where it is and whether it is there, and its peer may not gossip: then it
// could deny nothing.
static bool is_heard(const tt_member *member)
{
    return (member->sources & TT_MEMBER_BY_MDNS) != 0;
}

// True: it is said to be elsewhere.
static bool take_newer(tt_members *m, tt_time now, tt_member *member, const tt_member_word *word)
{
    tt_member_word taken = *word;
    if (is_heard(member))
        taken.endpoint = member->endpoint;
    bool moved = !tt_endpoint_equal(&taken.endpoint, &member->endpoint);
    tt_members_change(m, member, &taken);
    tt_members_set_state(m, now, member, TT_MEMBER_ALIVE);
    tt_members_tell_anew(m, member);
    tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
    return moved;
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
        bool moved = take_newer(m, now, member, word);
        tt_members_set_sources(m, member, moved ? sources & (uint8_t)~TT_MEMBER_ANSWERED : sources);
        if (word->state != TT_MEMBER_ALIVE && !is_heard(member))
            tt_members_doubt(m, now, member); // gone, says another: it may deny that here, too
    } else if (word->incarnation == member->incarnation) {
        tt_members_set_sources(m, member, sources);
        bool lives =
            is_heard(member) ||
            (member->heard_s != 0 && tt_members_seconds(m, now) - member->heard_s < HEARD_LATELY_S);
        if (word->state == TT_MEMBER_GONE && member->state == TT_MEMBER_DOUBTED &&
            tt_members_seconds(m, now) - member->since_s >= DOUBTED_ENOUGH_S)
            tt_members_end_doubt(m, now, member);
        else if (word->state != TT_MEMBER_ALIVE && !lives)
            tt_members_doubt(m, now, member);
    } else if (member->state == TT_MEMBER_GONE && member->told == UINT8_MAX) {
        // Who says so does not know by which word it is gone, nor does a filter show that; and the
        // member itself, which alone can deny it, may not know it either.
        tt_members_tell_anew(m, member);
        tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
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

// The sender speaks for itself, as far as a source is no forgery. NULL: it has no name, or no
// place.
static tt_member *hear(tt_node *node, tt_time now, const tt_gossip *g, const tt_endpoint *from)
{
    tt_members *m = node->members;
    if (g->id == 0 || g->id == m->id)
        return NULL;
    tt_member_word word = {.id = g->id, .endpoint = *from, .incarnation = g->incarnation};
    tt_member *member = tt_members_get(m, g->id);
    if (member == NULL) {
        tt_member *there = (tt_member *)tt_members_at(m, from);
        if (there != NULL && !is_heard(there))
            tt_members_doubt(m, now, there); // it restarted, or is another
        member = tt_members_insert(node, now, &word, TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS, true);
        if (member == NULL)
            return NULL;
        tt_members_tell_anew(m, member);
        tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
    } else if (is_newer(g->incarnation, member->incarnation)) {
        take_newer(m, now, member, &word);
    } else if (member->state != TT_MEMBER_ALIVE && !is_heard(member) &&
               g->incarnation == member->incarnation) {
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

// Of what is behind the filter, and what is new. Who has no name lists all that there is, and tells
// nobody: it is told of those, too, who do not gossip.
static bool belongs_in(const tt_members *m, const tt_gossip *g, const tt_member *member)
{
    bool lists = g->id == 0 && member->state != TT_MEMBER_GONE;
    if (((member->sources & TT_MEMBER_GOSSIPS) == 0 && !lists) || member->id == g->id)
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
    if (asker != NULL &&
        (asker->state != TT_MEMBER_ALIVE || asker->incarnation != g->incarnation)) {
        tt_member word = *asker;
        word.endpoint = w->to; // it may be taken to be where such a word must not go
        tt_gossip_add(w, &word);
    }
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
    if (m->id == 0 || g->id == m->id)
        return; // who has no name tells nobody; and our own words, or a forger's
    const tt_member *known = tt_members_find(m, g->id), *asker = NULL;
    if (tt_discovery_is_near(&node->discovery, from) ||
        (known != NULL && tt_endpoint_equal(&known->endpoint, from)))
        asker = hear(node, now, g, from);
    uint64_t id = asker != NULL ? asker->id : 0;
    take_words(node, now, g, from);
    if (id != 0 && is_comparable(m, g) && g->digest != tt_members_digest(m)) {
        m->target = id;
        m->interval = TT_MEMBERS_ROUND;
        tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
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
        if (member != NULL && tt_endpoint_equal(&member->endpoint, from)) {
            seed->tries = 0; // it has a place, and is asked at once when it is lost
            seed->next = INT64_MIN;
        }
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
        tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
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
        tt_members_doubt(m, now, asked); // another is there
    tt_member *member = hear(node, now, g, from);
    if (member != NULL && tt_endpoint_equal(&member->endpoint, from))
        tt_members_set_sources(m, member, member->sources | TT_MEMBER_ANSWERED);
    end_seeds(m, from, member);
    take_words(node, now, g, from);
    if (g->flags & TT_GOSSIP_MORE)
        return;
    ask->token = 0;
    compare(m, now, g);
}

// It lives, and will not say so in another way.
static void take_refusal(tt_members *m, tt_time now, tt_members_ask *ask)
{
    tt_member *member = tt_members_get(m, ask->id);
    ask->token = 0;
    if (member == NULL)
        return;
    tt_members_set_sources(
        m, member, (member->sources & (uint8_t)~TT_MEMBER_GOSSIPS) | TT_MEMBER_HAS_NO_GOSSIP);
    if (member->state != TT_MEMBER_ALIVE)
        tt_members_set_state(m, now, member, TT_MEMBER_ALIVE);
}

bool tt_members_receive(tt_node *node, tt_time now, const tt_datagram *d)
{
    tt_members *m = node->members;
    tt_endpoint from = d->peer;
    tt_gossip g;
    tt_status status = d->cut ? TT_NOT_FOUND : tt_gossip_read(&g, d);
    if (status == TT_NOT_FOUND)
        return false;
    if (status != TT_OK || from.port == 0) { // from nowhere
        m->counters.malformed++;
        return true;
    }
    tt_members_ask *ask = g.is_answer || g.is_refusal ? find_ask(m, g.token, &from) : NULL;
    if (g.is_refusal && ask != NULL)
        take_refusal(m, now, ask);
    else if (g.is_answer && ask != NULL)
        take_answer(node, now, &g, &from, ask);
    else if (!g.is_answer && !g.is_refusal)
        take_question(node, now, &g, &from, d->length);
    m->next = INT64_MIN;
    return g.is_answer || !g.is_refusal || ask != NULL;
}
