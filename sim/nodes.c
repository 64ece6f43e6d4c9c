// Nodes: their turns, their lives, and what happens to them.

#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"
#include "sim/tearing.h"
#include "tutti/check.h"

#define TEAR_POINTS 2500 // bytes and stages of erases, of which `tear` chooses one

typedef tt_sim_node_state sim_node;

// ---- their turns

static void cut_power(sim_node *n)
{
    tt_sim_tell_node(n->sim, n->index, "loses its power, and has it again at",
                     n->sim->now + TT_SIM_DARK);
    tt_sim_kill(n->sim, n->index);
    tt_sim_add_event(n->sim, n->sim->now + TT_SIM_DARK, TT_SIM_POWER)->node = n->index;
}

void tt_sim_power(tt_sim *sim, unsigned index)
{
    if (!sim->nodes[index].alive)
        tt_sim_start(sim, index, sim->nodes[index].kind);
}

void tt_sim_note_deadline(sim_node *n)
{
    if (!n->alive) {
        tt_heap_remove(&n->sim->deadlines, &n->deadline);
        return;
    }
    tt_time when =
        n->inbox_count > 0 ? n->sim->now : tt_sim_to_world_time(n, tt_node_deadline(&n->node));
    when = when > n->not_before ? when : n->not_before;
    tt_heap_set(&n->sim->deadlines, &n->deadline, when > n->sim->now ? when : n->sim->now,
                n->index);
}

void tt_sim_turn(sim_node *n)
{
    if (n->sim->now >= n->not_before) {
        n->asleep = false;
        n->sim->counts.turns++;
        tt_node_poll(&n->node);
        if (n->alive && n->medium != NULL && n->medium->dead)
            cut_power(n);
    }
    tt_sim_note_deadline(n);
}

// ---- their lives

void tt_sim_node_init(tt_sim *sim, unsigned index)
{
    sim_node *n = &sim->nodes[index];
    unsigned most = sim->options.skew_parts_per_million;
    n->platform.operations = &tt_sim_platform_operations;
    n->sim = sim;
    n->index = (uint16_t)index;
    n->clock.own = TT_SECONDS(1 + index); // clocks start anywhere
    n->clock.skew = (int64_t)tt_random_below(&sim->random, 2 * (uint64_t)most + 1) - (int64_t)most;
    tt_random_seed(&n->random, tt_random_u64(&sim->random));
    snprintf(n->name, sizeof(n->name), "node-%u", index);
    if (sim->options.members == 0)
        return;
    n->places = malloc(sim->options.members * sizeof(n->places[0]));
    n->heads = malloc(2 * sim->options.members * sizeof(n->heads[0]));
    TT_CHECK(n->places != NULL && n->heads != NULL);
}

void tt_sim_start(tt_sim *sim, unsigned index, const char *kind)
{
    sim_node *n = &sim->nodes[index];
    TT_CHECK(!n->alive);
    n->alive = true;
    n->life++;
    n->socket_count = 0;
    n->works = 0;
    n->worker_busy_until = n->not_before = 0;
    n->asleep = false;
    n->kind = kind;
    if (n->medium != NULL)
        tt_tearing_power(n->medium, UINT64_MAX);
    tt_sim_tell_node(sim, index, "starts, life", n->life);
    if (n->places != NULL)
        tt_members_init(&n->members, n->places, n->heads, sim->options.members);
    tt_node_options options = {.name = kind != NULL ? n->name : NULL,
                               .kind = kind,
                               .port = TT_BUS_PORT,
                               .browse = true,
                               .watch = sim->options.watch,
                               .members = n->places != NULL ? &n->members : NULL,
                               .on_peer = sim->options.on_peer,
                               .on_turn = sim->options.on_turn,
                               .context = sim};
    TT_CHECK(tt_node_init(&n->node, &n->platform, &options) == TT_OK);
    tt_sim_change_outside(n);
    n->node.bus.plant_deduplication_bug = sim->options.plant_deduplication_bug;
    if (sim->options.on_start != NULL)
        sim->options.on_start(sim, index, sim->options.context);
}

void tt_sim_set_medium(tt_sim *sim, unsigned node, struct tt_tearing *medium)
{
    sim->nodes[node].medium = medium;
}

void tt_sim_kill(tt_sim *sim, unsigned index)
{
    sim_node *n = &sim->nodes[index];
    tt_sim_tell_node(sim, index, "ends, life", n->life);
    for (unsigned i = 0; i < n->socket_count && n->alive; i++)
        tt_sim_stop_listening(n, i);
    n->alive = false;
    n->life++;
    tt_sim_empty_inbox(n);
    tt_sim_touch(n);
}

// ---- what happens to them

static void restart(tt_sim *sim, sim_node *n, bool forgetting)
{
    if (n->alive)
        tt_sim_kill(sim, n->index);
    for (uint32_t i = 0; forgetting && n->medium != NULL &&
                         i < n->medium->medium.sectors * n->medium->medium.sector_bytes;
         i++)
        tt_tearing_poke(n->medium, i, n->medium->medium.erased);
    if (forgetting && sim->options.on_forget != NULL)
        sim->options.on_forget(sim, n->index, sim->options.context);
    tt_sim_start(sim, n->index, n->kind);
}

static void pause_until(sim_node *n, const tt_sim_rule *r)
{
    tt_time until = n->sim->now + (r->until - r->at);
    n->not_before = until > n->not_before ? until : n->not_before;
    n->asleep = r->fault == TT_FAULT_SLEEP;
    tt_sim_tell_node(n->sim, n->index, n->asleep ? "sleeps until" : "is busy until", n->not_before);
}

void tt_sim_suffer(tt_sim *sim, const tt_sim_rule *r, unsigned index)
{
    sim_node *n = &sim->nodes[index];
    switch (r->fault) {
    case TT_FAULT_REBIND:
        n->rebinds++;
        tt_sim_change_outside(n);
        tt_sim_tell_node(sim, index,
                         "has another port, as others see it:", tt_sim_endpoint(sim, index).port);
        break;
    case TT_FAULT_MOVE:
        n->moves++;
        tt_sim_change_outside(n);
        tt_sim_tell_node(sim, index, "has another address, number", n->moves);
        break;
    case TT_FAULT_SKEW:
        tt_sim_set_clock(n, 0, r->skew);
        tt_sim_tell_node(sim, index, "has a clock with parts per million", r->skew);
        tt_sim_touch(n);
        break;
    case TT_FAULT_JUMP:
        tt_sim_set_clock(n, r->time, n->clock.skew);
        tt_sim_tell_node(sim, index, "has a clock that jumped by", r->time);
        tt_sim_touch(n);
        break;
    case TT_FAULT_SLEEP:
    case TT_FAULT_BUSY:
        pause_until(n, r);
        break;
    case TT_FAULT_KILL:
        if (n->alive)
            tt_sim_kill(sim, index);
        break;
    case TT_FAULT_START:
        if (!n->alive)
            tt_sim_start(sim, index, n->kind);
        break;
    case TT_FAULT_RESTART:
        restart(sim, n, r->forgetting);
        break;
    case TT_FAULT_TEAR:
        if (n->medium != NULL)
            n->medium->points_left = tt_random_below(&sim->network, TEAR_POINTS);
        else if (n->alive)
            cut_power(n);
        break;
    default:
        TT_CHECK(false); // of paths
    }
}
