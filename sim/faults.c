// What becomes of a datagram on its way, by the rules and the seed.
//
// Bursts need no memory of paths, of which there may be a million: where they lie in a path's time
// follows from a hash of the rule, the path and the number of the period.

#include "sim/faults.h"

#include <stdlib.h>

static bool holds(const tt_sim_rule *r, tt_time now)
{
    if (now < r->at || r->ended)
        return false;
    if (r->every > 0 && r->fault != TT_FAULT_BURST)
        return (now - r->at) % r->every < r->until - r->at;
    return now < r->until;
}

// 1 where the rule is about this way, 2 where about it as a way back, else 0.
static unsigned direction(const tt_sim_rule *r, const tt_sim_way *way)
{
    if (tt_sim_set_has(&r->from, way->from) && tt_sim_set_has(&r->to, way->to))
        return 1;
    return r->both_ways && tt_sim_set_has(&r->to, way->from) && tt_sim_set_has(&r->from, way->to)
               ? 2
               : 0;
}

static bool draw(tt_random *random, uint32_t per_million)
{
    return tt_random_below(random, 1000000) < per_million;
}

static bool in_burst(const tt_sim_rule *r, const tt_sim_way *way)
{
    tt_time since = way->now - r->at;
    tt_random random;
    tt_random_seed(&random,
                   r->seed ^ ((uint64_t)(since / r->every) << 20 | way->from << 10 | way->to));
    tt_time begins = (tt_time)tt_random_below(&random, (uint64_t)(r->every - r->time) + 1);
    return since % r->every >= begins && since % r->every < begins + r->time;
}

// Through a line that sends one datagram after another; false where its queue is full. One to a
// group passes once for all beyond.
static bool pass_line(tt_sim_rule *r, unsigned back, const tt_sim_way *way, tt_time *delay)
{
    if (r->line[back].packet != way->packet) {
        r->line[back].packet = way->packet;
        tt_time begins = r->line[back].free_at > way->now ? r->line[back].free_at : way->now;
        r->line[back].dropped = begins - way->now > r->more;
        if (!r->line[back].dropped)
            r->line[back].free_at =
                begins + (tt_time)(way->bytes * 1000000000 / r->bytes_per_second);
    }
    *delay += r->line[back].free_at - way->now;
    return !r->line[back].dropped;
}

unsigned tt_sim_faults_copies(tt_sim_faults *faults, const tt_sim_way *way, tt_random *random)
{
    unsigned copies = 1;
    for (unsigned i = 0; i < faults->count; i++) {
        const tt_sim_rule *r = &faults->rules[i];
        if (r->fault == TT_FAULT_DOUBLE && holds(r, way->now) && direction(r, way) != 0)
            copies += draw(random, r->per_million);
    }
    return copies;
}

static tt_sim_fate apply(tt_sim_rule *r, unsigned way_there, const tt_sim_way *way,
                         tt_random *random, tt_time *delay)
{
    switch (r->fault) {
    case TT_FAULT_DELAY:
        *delay += r->time;
        if (r->more > 0)
            *delay += (tt_time)tt_random_below(random, (uint64_t)r->more + 1);
        return TT_SIM_ARRIVED;
    case TT_FAULT_REORDER:
        *delay += draw(random, r->per_million) ? r->more : 0;
        return TT_SIM_ARRIVED;
    case TT_FAULT_LOSS:
        return draw(random, r->per_million) ? TT_SIM_LOST : TT_SIM_ARRIVED;
    case TT_FAULT_BURST:
        return in_burst(r, way) ? TT_SIM_BURST : TT_SIM_ARRIVED;
    case TT_FAULT_BOTTLENECK:
        return pass_line(r, way_there - 1, way, delay) ? TT_SIM_ARRIVED : TT_SIM_QUEUE_FULL;
    case TT_FAULT_CUT:
        return TT_SIM_CUT;
    case TT_FAULT_BLOCK:
        return way->to_group ? TT_SIM_BLOCKED : TT_SIM_ARRIVED;
    default: // of nodes, or doubling
        return TT_SIM_ARRIVED;
    }
}

tt_sim_fate tt_sim_faults_pass(tt_sim_faults *faults, const tt_sim_way *way, tt_random *random,
                               tt_time *delay)
{
    bool delayed = false;
    *delay = 0;
    for (unsigned i = 0; i < faults->count; i++) {
        tt_sim_rule *r = &faults->rules[i];
        if (r->fault >= TT_FAULT_REBIND || !holds(r, way->now))
            continue;
        unsigned way_there = direction(r, way);
        if (way_there == 0)
            continue;
        delayed |= r->fault == TT_FAULT_DELAY;
        tt_sim_fate fate = apply(r, way_there, way, random, delay);
        if (fate != TT_SIM_ARRIVED)
            return fate;
    }
    *delay += delayed ? 0 : TT_SIM_LATENCY;
    return TT_SIM_ARRIVED;
}

void tt_sim_faults_heal(tt_sim_faults *faults)
{
    for (unsigned i = 0; i < faults->count; i++) {
        tt_sim_rule *r = &faults->rules[i];
        r->ended |= r->fault != TT_FAULT_DELAY && r->fault != TT_FAULT_REORDER;
    }
}

void tt_sim_faults_free(tt_sim_faults *faults)
{
    free(faults->rules);
    *faults = (tt_sim_faults){0};
}
