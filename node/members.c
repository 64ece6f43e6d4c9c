// The table of members: an array without holes, found by identity and by endpoint through chains.
//
// Of two words about one member the one with the newer incarnation wins, which only the member
// itself counts up (serial numbers of RFC 1982, so that no forged one is the last). Of one
// incarnation a doubt is worth more than life: who lives denies it. The digest is of the others
// whom this device tells of and who are not gone, so two devices with one digest have nothing to
// tell one another.

#include <string.h>

#include "node/members.h"
#include "tutti/check.h"

_Static_assert(sizeof(tt_member) <= 48, "a member is small: there are a thousand");

#define LOST_SOONEST TT_SECONDS(2) // before one who is gone is looked for

static uint64_t scatter(uint64_t x) // the finish of SplitMix64
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t tt_members_mix(uint64_t id, uint16_t incarnation, bool doubted)
{
    return scatter(id + 0x9e3779b97f4a7c15u * (2u * incarnation + 1u + doubted));
}

uint64_t tt_member_mixed(const tt_member *member)
{
    return tt_members_mix(member->id, member->incarnation, member->state == TT_MEMBER_DOUBTED);
}

bool tt_members_are_partial(const tt_members *m)
{
    return m->count - m->gone == m->capacity;
}

uint64_t tt_members_digest(const tt_members *m)
{
    return m->digest ^ (m->id != 0 ? tt_members_mix(m->id, m->incarnation, false) : 0);
}

uint32_t tt_members_seconds(const tt_members *m, tt_time now)
{
    return (uint32_t)((now - m->began) / TT_SECONDS(1)) + 1;
}

// ---- finding

static uint16_t *head_of_id(const tt_members *m, uint64_t id)
{
    return &m->heads[scatter(id ^ m->salt) % m->capacity];
}

static uint16_t *head_of_place(const tt_members *m, const tt_endpoint *e)
{
    uint64_t hash = m->salt ^ e->port ^ (uint64_t)e->interface << 16;
    for (unsigned i = 0; i < sizeof(e->ip); i++)
        hash = (hash ^ e->ip[i]) * 0x100000001b3u;
    return &m->heads[m->capacity + scatter(hash) % m->capacity];
}

tt_member *tt_members_get(const tt_members *m, uint64_t id)
{
    for (unsigned at = *head_of_id(m, id); at != 0; at = m->places[at - 1].next_id)
        if (m->places[at - 1].id == id)
            return &m->places[at - 1];
    return NULL;
}

const tt_member *tt_members_find(const tt_members *m, uint64_t id)
{
    return tt_members_get(m, id);
}

const tt_member *tt_members_at(const tt_members *m, const tt_endpoint *endpoint)
{
    const tt_member *found = NULL;
    for (unsigned at = *head_of_place(m, endpoint); at != 0; at = m->places[at - 1].next_place) {
        const tt_member *member = &m->places[at - 1];
        if (tt_endpoint_equal(&member->endpoint, endpoint) &&
            (found == NULL || member->state < found->state))
            found = member;
    }
    return found;
}

unsigned tt_members_count_at(const tt_members *m, const tt_endpoint *endpoint)
{
    unsigned count = 0;
    for (unsigned at = *head_of_place(m, endpoint); at != 0; at = m->places[at - 1].next_place)
        count += m->places[at - 1].state != TT_MEMBER_GONE &&
                 tt_endpoint_equal(&m->places[at - 1].endpoint, endpoint);
    return count;
}

size_t tt_members_count(const tt_members *m)
{
    size_t own = m->living + (m->id != 0 ? 1u : 0);
    return m->told_count > own ? m->told_count : own;
}

// ---- chains

static void link(tt_members *m, tt_member *member)
{
    uint16_t place = (uint16_t)(member - m->places + 1);
    uint16_t *head = head_of_id(m, member->id);
    member->next_id = *head;
    *head = place;
    head = head_of_place(m, &member->endpoint);
    member->next_place = *head;
    *head = place;
}

static void unlink(tt_members *m, tt_member *member)
{
    uint16_t place = (uint16_t)(member - m->places + 1);
    uint16_t *at = head_of_id(m, member->id);
    while (*at != place)
        at = &m->places[*at - 1].next_id;
    *at = member->next_id;
    at = head_of_place(m, &member->endpoint);
    while (*at != place)
        at = &m->places[*at - 1].next_place;
    *at = member->next_place;
}

// ---- what is counted of them

bool tt_member_is_told(const tt_member *member)
{
    return (member->sources & TT_MEMBER_GOSSIPS) != 0 && member->state != TT_MEMBER_GONE;
}

// So often news is told by each who has it: somewhat more than the binary logarithm.
static uint8_t tellings(const tt_members *m)
{
    uint8_t count = 4;
    for (unsigned others = m->living; others > 1; others /= 2)
        count++;
    return count;
}

bool tt_member_has_news(const tt_members *m, const tt_member *member)
{
    return (member->sources & TT_MEMBER_GOSSIPS) != 0 && member->told < tellings(m);
}

// Takes a member out of what is counted, and puts it back by the opposite `sign`.
static void count(tt_members *m, const tt_member *member, int sign)
{
    if (member->state == TT_MEMBER_GONE)
        m->gone = (uint16_t)(m->gone + sign);
    if (member->state != TT_MEMBER_ALIVE)
        m->faded = (uint16_t)(m->faded + sign);
    if (!tt_member_is_told(member))
        return;
    m->living = (uint16_t)(m->living + sign);
    m->digest ^= tt_member_mixed(member);
    if ((member->sources & TT_MEMBER_BY_MDNS) == 0)
        m->unheard = (uint16_t)(m->unheard + sign);
}

void tt_members_tell_anew(tt_members *m, tt_member *member)
{
    if (member->told == UINT8_MAX)
        m->news++;
    member->told = 0;
}

// UINT8_MAX: no news; it is looked at no more.
void tt_members_was_told(tt_members *m, tt_member *member)
{
    if (member->told == UINT8_MAX || ++member->told < tellings(m))
        return;
    member->told = UINT8_MAX;
    m->news--;
}

void tt_members_end_news(tt_members *m)
{
    for (unsigned i = 0; i < m->count; i++)
        m->places[i].told = UINT8_MAX;
    m->news = 0;
}

// ---- changing

void tt_members_change(tt_members *m, tt_member *member, const tt_member_word *word)
{
    count(m, member, -1);
    unlink(m, member);
    member->endpoint = word->endpoint;
    member->incarnation = word->incarnation;
    link(m, member);
    count(m, member, 1);
}

void tt_members_set_sources(tt_members *m, tt_member *member, uint8_t sources)
{
    count(m, member, -1);
    member->sources = sources;
    count(m, member, 1);
}

void tt_members_set_state(tt_members *m, tt_time now, tt_member *member, uint8_t state)
{
    count(m, member, -1);
    member->state = state;
    member->since_s = tt_members_seconds(m, now);
    count(m, member, 1);
    member->silent = 0;
}

void tt_members_remove(tt_members *m, tt_member *member)
{
    count(m, member, -1);
    if (member->told != UINT8_MAX)
        m->news--;
    unlink(m, member);
    tt_member *last = &m->places[--m->count];
    if (last != member) {
        unlink(m, last);
        *member = *last;
        link(m, member);
    }
    memset(last, 0, sizeof(*last));
}

bool tt_members_depends_on(const tt_node *node, const tt_endpoint *endpoint)
{
    for (const tt_list *l = node->bus.calls.next; l != &node->bus.calls; l = l->next)
        if (tt_endpoint_equal(&TT_CONTAINER(l, tt_call, state.link)->peer, endpoint))
            return true;
    return false;
}

// A place is had from one who is gone; by one who is needed, from one of whom only others told, or
// who asked and never answered: where a question comes from may be forged. By chance, so that
// nobody decides who stays.
static bool make_room(tt_node *node, bool needed)
{
    tt_members *m = node->members;
    tt_member *gone = NULL, *hearsay = NULL;
    unsigned first = (unsigned)tt_random_below(&m->random, m->capacity);
    for (unsigned i = 0; i < m->count && gone == NULL; i++) {
        tt_member *member = &m->places[(first + i) % m->count];
        if (member->state == TT_MEMBER_GONE)
            gone = member;
        else if (hearsay == NULL && (member->sources & ~TT_MEMBER_GOSSIPS) == TT_MEMBER_BY_GOSSIP &&
                 !tt_members_depends_on(node, &member->endpoint))
            hearsay = member;
    }
    tt_member *leaves = gone != NULL ? gone : needed ? hearsay : NULL;
    if (leaves != NULL)
        tt_members_remove(m, leaves);
    return leaves != NULL;
}

tt_member *tt_members_insert(tt_node *node, tt_time now, const tt_member_word *word,
                             uint8_t sources, bool needed)
{
    tt_members *m = node->members;
    if (m->count == m->capacity && !make_room(node, needed)) {
        m->counters.refused++;
        return NULL;
    }
    tt_member *member = &m->places[m->count++];
    *member = (tt_member){.id = word->id,
                          .endpoint = word->endpoint,
                          .since_s = tt_members_seconds(m, now),
                          .incarnation = word->incarnation,
                          .state = word->state,
                          .sources = sources,
                          .told = UINT8_MAX};
    link(m, member);
    count(m, member, 1);
    return member;
}

// ---- doubt

void tt_members_wake(tt_members *m, tt_time at)
{
    m->round_at = tt_earlier(m->round_at, tt_later(at, m->rest_until));
    m->next = INT64_MIN; // all times are looked at anew
}

tt_time tt_members_soon(tt_members *m, tt_time now, tt_time within)
{
    return tt_after(now, (tt_time)tt_random_below(&m->random, (uint64_t)within));
}

void tt_members_doubt(tt_members *m, tt_time now, tt_member *member)
{
    if (member->state != TT_MEMBER_ALIVE || (member->sources & TT_MEMBER_GOSSIPS) == 0)
        return; // who does not gossip could not deny it
    tt_members_set_state(m, now, member, TT_MEMBER_DOUBTED);
    tt_members_tell_anew(m, member);
    tt_members_wake(m, tt_members_soon(m, now, TT_MEMBERS_ROUND));
}

void tt_members_end_doubt(tt_members *m, tt_time now, tt_member *member)
{
    tt_members_set_state(m, now, member, TT_MEMBER_GONE);
    m->lost_at = tt_earlier(m->lost_at, tt_after(now, LOST_SOONEST));
}
