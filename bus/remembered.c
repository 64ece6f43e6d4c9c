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
//
// Whose tokens have a tag, and numbers that count up, is known by these instead, and nothing is
// forgotten as long as its session lasts: the replay window of OSCORE (RFC 8613, 7.4). Its
// confirmable requests come one after another (NSTART 1), so the greatest number is enough for
// them, however far the others have gone on before one is repeated.

#include <string.h>

#include "bus/internal.h"

#define SLOT TT_SECONDS(4)
#define SLOTS_OF(time) ((unsigned)(((time) + SLOT - 1) / SLOT))
#define SLOTS_MASK 0x3fffu // 18 hours; older ones never stay so long: see tt_remembered_age
#define IS_UNSAFE 0x8000u  // a handler that changes things may have run for one of them
#define IS_CONFIRMABLE 0x4000u
#define AHEAD_MAX 64u // a sender that has used up all ids begins anew: these are not repetitions
// Ids between two runs that become one: more where their sender counts up, since it has used them
// for others then.
#define GAP_MAX 32u
#define COUNTED_GAP_MAX 0x3fffu
#define WINDOW_MASK (TT_BUS_WINDOW_WORDS - 1u)

_Static_assert((TT_BUS_WINDOW_WORDS & WINDOW_MASK) == 0, "a ring that sequence numbers wrap with");

static uint16_t slot_of(tt_time now)
{
    return (uint16_t)((uint64_t)(now / SLOT) & SLOTS_MASK);
}

static bool is_fresh(uint16_t at, tt_time now)
{
    unsigned lifetime =
        at & IS_CONFIRMABLE ? SLOTS_OF(TT_BUS_EXCHANGE_LIFETIME) : SLOTS_OF(TT_BUS_NON_LIFETIME);
    return ((slot_of(now) - at) & SLOTS_MASK) <= lifetime;
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

uint32_t tt_token_tag(const tt_bus_token *token)
{
    const uint8_t *bytes = token->bytes;
    if (token->length != 8)
        return 0;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t sequence_of(const tt_bus_token *token)
{
    tt_bus_token rest = {.length = 8};
    memcpy(rest.bytes, token->bytes + 4, 4);
    return tt_token_tag(&rest);
}

// Whether a bit of the window was set; it is from now on.
static bool test_and_set(tt_bus_window *w, uint32_t sequence)
{
    uint32_t *word = &w->taken[sequence / 32 & WINDOW_MASK], bit = 1u << sequence % 32;
    bool was_set = (*word & bit) != 0;
    *word |= bit;
    return was_set;
}

static bool is_taken(tt_bus_window *w, uint32_t sequence, bool confirmable)
{
    if (confirmable) {
        bool taken = sequence <= w->confirmable;
        w->confirmable = taken ? w->confirmable : sequence;
        return taken;
    }
    if (sequence <= w->newest)
        return w->newest / 32 - sequence / 32 >= TT_BUS_WINDOW_WORDS || test_and_set(w, sequence);
    uint32_t words = sequence / 32 - w->newest / 32;
    for (uint32_t i = 0; i < words && i < TT_BUS_WINDOW_WORDS; i++)
        w->taken[(sequence / 32 - i) & WINDOW_MASK] = 0;
    w->newest = sequence;
    return test_and_set(w, sequence);
}

bool tt_remembered_is_newest(const tt_bus_session *s, const tt_message *m)
{
    uint32_t sequence = sequence_of(&m->token);
    return m->type == TT_CONFIRMABLE ? sequence >= s->window.confirmable
                                     : sequence > s->window.newest;
}

static tt_id_state take_sequence(tt_bus_session *s, uint16_t at, const tt_message *m)
{
    if (is_taken(&s->window, sequence_of(&m->token), m->type == TT_CONFIRMABLE))
        return TT_ID_TAKEN;
    if (at & IS_UNSAFE)
        s->window.at = at | IS_CONFIRMABLE;
    return TT_ID_NEW;
}

tt_id_state tt_remembered_take(tt_bus_session *s, tt_time now, const tt_message *m, bool unsafe)
{
    uint16_t id = m->id;
    bool confirmable = m->type == TT_CONFIRMABLE;
    uint16_t at =
        (uint16_t)(slot_of(now) | (confirmable ? IS_CONFIRMABLE : 0u) | (unsafe ? IS_UNSAFE : 0u));
    if (s->has_tag)
        return take_sequence(s, at, m);
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

tt_bus_outcome *tt_remembered_recall(tt_bus_session *s, tt_time now, const tt_message *m)
{
    tt_remembered_age(s, now);
    for (size_t i = 0; i < TT_BUS_OUTCOMES_MAX; i++) {
        tt_bus_outcome *outcome = &s->outcomes[i];
        if (outcome->kind == TT_OUTCOME_NONE || outcome->id != m->id || !is_fresh(outcome->at, now))
            continue;
        if (outcome->sum == tt_message_sum(m))
            return outcome;
        if (s->has_tag)
            continue;
        outcome->kind = TT_OUTCOME_NONE; // its sender begins anew
        cut(s, m->id);
    }
    return NULL;
}

void tt_remembered_add(tt_bus_session *s, tt_time now, const tt_message *m, tt_outcome_kind kind,
                       unsigned code)
{
    unsigned at = slot_of(now) | (m->type == TT_CONFIRMABLE ? IS_CONFIRMABLE : 0u);
    tt_bus_outcome *outcome = &s->outcomes[s->next_outcome];
    outcome->sum = tt_message_sum(m);
    outcome->id = m->id;
    outcome->at = (uint16_t)at;
    outcome->kind = (uint8_t)kind;
    outcome->code = (uint8_t)code;
    s->next_outcome = (uint8_t)((s->next_outcome + 1) % TT_BUS_OUTCOMES_MAX);
}

// A session that gives way, or that another life takes over, leaves behind the runs for which a
// handler may have run, or the greatest number of a tag: what comes of it later counts as taken up
// to there. Where no handler ran for a tag it is left too, as long as no other needs the place: its
// life does not know that it is forgotten, and says who it is no more.

static void drop_past(tt_bus *bus, tt_time now)
{
    bool all = now >= tt_after(bus->past_at, TT_BUS_EXCHANGE_LIFETIME + SLOT);
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++)
        if (all || !is_fresh(bus->past[i].range.at, now))
            bus->past[i].whose = 0;
    bus->past_at = now;
}

static uint32_t whose(const tt_endpoint *peer)
{
    uint32_t sum = 0x811c9dc5u; // FNV-1a
    for (unsigned i = 0; i < sizeof(peer->ip); i++)
        sum = (sum ^ peer->ip[i]) * 0x01000193u;
    sum = (sum ^ peer->port) * 0x01000193u;
    sum = (sum ^ peer->interface) * 0x01000193u;
    return sum | 1; // 0 is nobody's
}

static bool is_of_tag(const tt_bus_past *past)
{
    return !(past->range.at & IS_UNSAFE);
}

static tt_bus_past *find_past(tt_bus *bus, uint32_t of, bool tag)
{
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++)
        if (bus->past[i].whose == of && is_of_tag(&bus->past[i]) == tag)
            return &bus->past[i];
    return NULL;
}

// What a session leaves behind: its runs, or one that stands for its window.
static const tt_bus_range *left_by(const tt_bus_session *s, tt_bus_range *own, unsigned *count)
{
    const tt_bus_window *w = &s->window;
    *count = s->has_tag ? 1 : s->range_count;
    if (!s->has_tag)
        return s->ranges;
    uint32_t greatest = w->confirmable > w->newest ? w->confirmable : w->newest;
    *own = (tt_bus_range){
        .first = (uint16_t)(greatest >> 16), .last = (uint16_t)greatest, .at = w->at};
    return own;
}

// Whether its place may be another's: it is nobody's, or of a tag for which no handler ran that
// changes things.
static bool gives_way(const tt_bus_past *past)
{
    return past->whose == 0 || !(past->range.at & (IS_UNSAFE | IS_CONFIRMABLE));
}

static bool is_wanted(const tt_bus_range *range, tt_time now)
{
    return (range->at & IS_UNSAFE) && is_fresh(range->at, now);
}

bool tt_remembered_can_leave(tt_bus *bus, tt_bus_session *s, tt_time now)
{
    tt_bus_range own;
    unsigned count, wanted = 0;
    const tt_bus_range *runs = left_by(s, &own, &count);
    for (unsigned i = 0; i < count; i++)
        wanted += is_wanted(&runs[i], now);
    if (wanted == 0)
        return true;
    drop_past(bus, now);
    for (size_t i = 0; i < TT_BUS_PAST_MAX && wanted > 0; i++)
        wanted -= gives_way(&bus->past[i]);
    return wanted == 0;
}

// A place for one more; NULL: there is none.
static tt_bus_past *place_in_past(tt_bus *bus)
{
    tt_bus_past *other = NULL;
    for (size_t i = 0; i < TT_BUS_PAST_MAX; i++) {
        if (bus->past[i].whose == 0)
            return &bus->past[i];
        if (other == NULL && gives_way(&bus->past[i]))
            other = &bus->past[i];
    }
    return other;
}

void tt_remembered_leave(tt_bus *bus, const tt_bus_session *s, tt_time now)
{
    tt_bus_range own;
    unsigned count;
    const tt_bus_range *runs = left_by(s, &own, &count);
    for (unsigned i = 0; i < count; i++) {
        bool wanted = is_wanted(&runs[i], now);
        tt_bus_past *past = wanted || s->has_tag ? place_in_past(bus) : NULL;
        if (past == NULL) // of one that is wanted tt_remembered_can_leave saw to it that there is
            continue;
        past->whose = s->has_tag ? s->window.tag : whose(&s->peer);
        past->range = runs[i];
        past->range.at &= (uint16_t)(s->has_tag ? ~IS_UNSAFE : UINT16_MAX);
        if (!wanted) // of a tag
            past->range.at = slot_of(now);
    }
}

void tt_remembered_return(tt_bus *bus, tt_bus_session *s, tt_time now)
{
    tt_bus_past *past;
    drop_past(bus, now);
    while (s->range_count < TT_BUS_RANGES_MAX &&
           (past = find_past(bus, whose(&s->peer), false)) != NULL) {
        s->ranges[s->range_count++] = past->range;
        past->whose = 0;
    }
}

bool tt_remembered_is_past(tt_bus *bus, uint32_t tag, tt_time now)
{
    drop_past(bus, now);
    return tag != 0 && find_past(bus, tag, true) != NULL;
}

// All numbers up to this one count as taken.
static void close_window(tt_bus_window *w, uint32_t greatest)
{
    w->confirmable = w->newest = greatest;
    memset(w->taken, 0xff, sizeof(w->taken));
    w->taken[greatest / 32 & WINDOW_MASK] = UINT32_MAX >> (31 - greatest % 32);
}

bool tt_remembered_switch(tt_bus *bus, tt_bus_session *s, tt_time now, const tt_message *m)
{
    uint32_t tag = m != NULL ? tt_token_tag(&m->token) : 0;
    bool went_by_ids = !s->has_tag && s->range_count > 0;
    tt_bus_past *past = tt_remembered_is_past(bus, tag, now) ? find_past(bus, tag, true) : NULL;
    tt_bus_range back = {.at = 0};
    if (past != NULL) { // what comes back makes room for what leaves
        back = past->range;
        past->whose = 0;
    }
    if (tag == 0) // the runs of one who has a tag are empty
        tt_remembered_return(bus, s, now);
    if (!tt_remembered_can_leave(bus, s, now)) {
        if (past != NULL)
            past->whose = tag;
        return false;
    }
    tt_remembered_leave(bus, s, now);
    s->has_tag = tag != 0;
    if (tag == 0)
        return true;
    s->range_count = 0;
    s->window = (tt_bus_window){.tag = tag};
    if (past != NULL) {
        close_window(&s->window, (uint32_t)back.first << 16 | back.last);
        s->window.at = back.at & IS_CONFIRMABLE ? back.at | IS_UNSAFE : 0;
    } else if (went_by_ids) { // what it asked before this is known by its ids
        close_window(&s->window, sequence_of(&m->token) - 1);
    }
    return true;
}

void tt_remembered_forget(tt_bus *bus, const tt_endpoint *peer)
{
    tt_bus_past *past;
    while ((past = find_past(bus, whose(peer), false)) != NULL)
        past->whose = 0;
}
