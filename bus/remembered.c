// Which messages of a peer were taken, and what came of the newest (RFC 7252, 4.5).
//
// Of each message its id is remembered for EXCHANGE_LIFETIME (4.8.2). Senders count their ids up,
// so runs of ids are kept instead of ids: a run grows for 4 s, then the next begins, and where
// there is room for no more two that stand close together become one. The ids between them count as
// taken from then on; whoever lags that far behind itself is not answered. So few bytes hold a busy
// peer's four minutes, at the price that a run is forgotten as late as its newest id is.
//
// Of the newest messages the outcome is known too, and a checksum: a repetition has the same bytes,
// so another message with the same id is new, as after a restart of its sender.

#include <string.h>

#include "bus/internal.h"

#define SLOT TT_SECONDS(4)
#define SLOTS_MASK 0x3fffu // 18 hours; older ones never stay so long: see tt_remembered_age
#define IS_UNSAFE 0x8000u  // a handler that changes things may have run for one of them
#define IS_CONFIRMABLE 0x4000u
#define AHEAD_MAX 64u // a sender that has used up all ids begins anew: these are not repetitions
// Ids between two runs that become one: more where their sender counts up, since it has used them
// for others then.
#define GAP_MAX 32u
#define COUNTED_GAP_MAX 0x3fffu

static uint16_t slot_of(tt_time now)
{
    return (uint16_t)((uint64_t)(now / SLOT) & SLOTS_MASK);
}

static bool is_fresh(uint16_t at, tt_time now)
{
    tt_time lifetime = at & IS_CONFIRMABLE ? TT_BUS_EXCHANGE_LIFETIME : TT_BUS_NON_LIFETIME;
    return ((slot_of(now) - at) & SLOTS_MASK) <= (unsigned)((lifetime + SLOT - 1) / SLOT);
}

static uint16_t length_of(const tt_bus_range *range) // without its first
{
    return (uint16_t)(range->last - range->first);
}

static bool contains(const tt_bus_range *range, uint16_t id)
{
    return (uint16_t)(id - range->first) <= length_of(range);
}

static void remove_range(tt_bus_session *s, unsigned i)
{
    s->range_count--;
    memmove(&s->ranges[i], &s->ranges[i + 1], (s->range_count - i) * sizeof(s->ranges[0]));
}

void tt_remembered_age(tt_bus_session *s, tt_time now)
{
    if (now >= tt_after(s->heard, TT_BUS_EXCHANGE_LIFETIME + SLOT)) { // all of it
        s->range_count = 0;
        memset(s->outcomes, 0, sizeof(s->outcomes));
    }
    for (unsigned i = s->range_count; i-- > 0;)
        if (!is_fresh(s->ranges[i].at, now))
            remove_range(s, i);
}

// Lets go of one id.
static void cut(tt_bus_session *s, uint16_t id)
{
    for (unsigned i = s->range_count; i-- > 0;) {
        tt_bus_range *range = &s->ranges[i];
        if (!contains(range, id))
            continue;
        if (id == range->last)
            remove_range(s, i);
        else
            range->first = (uint16_t)(id + 1);
    }
}

static bool extend(tt_bus_session *s, uint16_t id, uint16_t at)
{
    for (unsigned i = 0; i < s->range_count; i++) {
        tt_bus_range *range = &s->ranges[i];
        bool behind = (uint16_t)(range->last + 1) == id,
             before = (uint16_t)(id + 1) == range->first;
        if (((range->at ^ at) & SLOTS_MASK) != 0 || (!behind && !before))
            continue;
        range->last = behind ? id : range->last;
        range->first = behind ? range->first : id;
        range->at |= at;
        return true;
    }
    return false;
}

// Whether the runs follow one another upwards, as they came.
static bool counts_up(const tt_bus_session *s)
{
    unsigned way = length_of(&s->ranges[s->range_count - 1]);
    for (unsigned i = s->range_count - 1u; i > 0; i--)
        way += (uint16_t)(s->ranges[i - 1].last - s->ranges[i].last);
    return way <= UINT16_MAX;
}

// Makes one run of the two that stand closest; false: none stand close.
static bool join(tt_bus_session *s, tt_time now)
{
    unsigned gap_max = counts_up(s) ? COUNTED_GAP_MAX : GAP_MAX;
    unsigned best_gap = gap_max + 1, best_apart = 0, first = 0, second = 0;
    for (unsigned i = 0; i < s->range_count; i++)
        for (unsigned k = 0; k < s->range_count; k++) {
            unsigned gap = (uint16_t)(s->ranges[k].first - s->ranges[i].last - 1);
            unsigned apart = (s->ranges[k].at - s->ranges[i].at) & SLOTS_MASK;
            apart = apart > SLOTS_MASK / 2 ? SLOTS_MASK + 1 - apart : apart;
            if (i == k || gap > best_gap || (gap == best_gap && apart >= best_apart))
                continue;
            best_gap = gap;
            best_apart = apart;
            first = i;
            second = k;
        }
    if (best_gap > gap_max)
        return false;
    tt_bus_range *a = &s->ranges[first], *b = &s->ranges[second];
    unsigned age_of_a = (slot_of(now) - a->at) & SLOTS_MASK;
    unsigned age_of_b = (slot_of(now) - b->at) & SLOTS_MASK;
    uint16_t kinds = (a->at | b->at) & (IS_UNSAFE | IS_CONFIRMABLE);
    uint16_t at = (uint16_t)(((age_of_a < age_of_b ? a->at : b->at) & SLOTS_MASK) | kinds);
    s->ranges[first < second ? first : second] =
        (tt_bus_range){.first = a->first, .last = b->last, .at = at};
    remove_range(s, first < second ? second : first);
    return true;
}

// Lets go of a run that matters to nobody: of requests that may be answered anew.
static bool drop_safe(tt_bus_session *s)
{
    for (unsigned i = s->range_count; i-- > 0;)
        if (!(s->ranges[i].at & IS_UNSAFE)) {
            remove_range(s, i);
            return true;
        }
    return false;
}

tt_id_state tt_remembered_take(tt_bus_session *s, tt_time now, uint16_t id, bool confirmable,
                               bool unsafe)
{
    uint16_t at =
        (uint16_t)(slot_of(now) | (confirmable ? IS_CONFIRMABLE : 0u) | (unsafe ? IS_UNSAFE : 0u));
    tt_remembered_age(s, now);
    unsigned ahead = s->range_count > 0 ? (uint16_t)(id - s->ranges[0].last) : 0;
    if (ahead > 0 && ahead <= AHEAD_MAX)
        cut(s, id);
    for (unsigned i = 0; i < s->range_count; i++)
        if (contains(&s->ranges[i], id))
            return TT_ID_TAKEN;
    if (extend(s, id, at))
        return TT_ID_NEW;
    if (s->range_count == TT_BUS_RANGES_MAX && !join(s, now) && !drop_safe(s))
        return TT_ID_FULL;
    memmove(&s->ranges[1], &s->ranges[0], s->range_count * sizeof(s->ranges[0]));
    s->ranges[0] = (tt_bus_range){.first = id, .last = id, .at = at};
    s->range_count++;
    return TT_ID_NEW;
}

tt_bus_outcome *tt_remembered_recall(tt_bus_session *s, tt_time now, uint16_t id, uint32_t sum)
{
    tt_remembered_age(s, now);
    for (size_t i = 0; i < TT_BUS_OUTCOMES_MAX; i++) {
        tt_bus_outcome *outcome = &s->outcomes[i];
        if (outcome->kind == TT_OUTCOME_NONE || outcome->id != id || !is_fresh(outcome->at, now))
            continue;
        if (outcome->sum == sum)
            return outcome;
        outcome->kind = TT_OUTCOME_NONE; // its sender begins anew
        cut(s, id);
    }
    return NULL;
}

void tt_remembered_add(tt_bus_session *s, tt_time now, const tt_message *m, tt_outcome_kind kind,
                       unsigned code)
{
    unsigned at = slot_of(now) | (m->type == TT_CONFIRMABLE ? IS_CONFIRMABLE : 0u);
    s->outcomes[s->next_outcome] = (tt_bus_outcome){.sum = m->sum,
                                                    .id = m->id,
                                                    .at = (uint16_t)at,
                                                    .kind = (uint8_t)kind,
                                                    .code = (uint8_t)code};
    s->next_outcome = (uint8_t)((s->next_outcome + 1) % TT_BUS_OUTCOMES_MAX);
}

// A session that gives way leaves behind the runs for which a handler may have run.

static void drop_past(tt_bus *bus, tt_time now)
{
    bool all = now >= tt_after(bus->past_at, TT_BUS_EXCHANGE_LIFETIME + SLOT);
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++)
        if (all || !is_fresh(bus->past[i].range.at, now))
            bus->past[i].whose = 0;
    bus->past_at = now;
}

static uint32_t whose(uint64_t identity)
{
    return (uint32_t)identity | 1; // 0 is nobody's
}

bool tt_remembered_can_leave(tt_bus *bus, tt_bus_session *s, tt_time now)
{
    size_t wanted = 0;
    tt_remembered_age(s, now);
    for (unsigned i = 0; i < s->range_count; i++)
        wanted += (s->ranges[i].at & IS_UNSAFE) != 0;
    if (wanted == 0)
        return true;
    drop_past(bus, now);
    for (size_t i = 0; i < TT_BUS_PAST_MAX && wanted > 0; i++)
        wanted -= bus->past[i].whose == 0;
    return wanted == 0;
}

void tt_remembered_leave(tt_bus *bus, const tt_bus_session *s)
{
    size_t free_place = 0;
    for (unsigned i = 0; i < s->range_count; i++) {
        if (!(s->ranges[i].at & IS_UNSAFE))
            continue;
        while (bus->past[free_place].whose !=
               0) // tt_remembered_can_leave saw to it that there is one
            free_place++;
        bus->past[free_place] = (tt_bus_past){.whose = whose(s->identity), .range = s->ranges[i]};
    }
}

void tt_remembered_return(tt_bus *bus, tt_bus_session *s, tt_time now)
{
    drop_past(bus, now);
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++) {
        if (bus->past[i].whose != whose(s->identity) || s->range_count == TT_BUS_RANGES_MAX)
            continue;
        s->ranges[s->range_count++] = bus->past[i].range;
        bus->past[i].whose = 0;
    }
}

void tt_remembered_forget(tt_bus *bus, uint64_t identity)
{
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++)
        if (bus->past[i].whose == whose(identity))
            bus->past[i].whose = 0;
}
