// The world: what is due, in order of time. Between two of its moments nothing is looked at, so
// what has nothing to do costs nothing.

#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"
#include "tutti/check.h"

// Events and turns at one moment before it is a bug that keeps time from going on.
#define AT_ONCE_MAX 10000000

tt_sim_event *tt_sim_add_event(tt_sim *sim, tt_time when, unsigned kind)
{
    tt_sim_event *e = sim->free_events;
    if (e != NULL)
        sim->free_events = e->context;
    else
        TT_CHECK((e = malloc(sizeof(*e))) != NULL);
    memset(e, 0, sizeof(*e));
    e->kind = kind;
    tt_heap_set(&sim->events, &e->item, when > sim->now ? when : sim->now, sim->events_made++);
    return e;
}

static void end_event(tt_sim *sim, tt_sim_event *e)
{
    if (e->packet != NULL)
        tt_sim_release(e->packet);
    e->context = sim->free_events;
    sim->free_events = e;
}

void tt_sim_touch(tt_sim_node_state *n)
{
    if (n->touched)
        return;
    n->touched = true;
    n->sim->touched[n->sim->touched_count++] = n->index;
}

static void look_at_touched(tt_sim *sim)
{
    while (sim->touched_count > 0) {
        tt_sim_node_state *n = &sim->nodes[sim->touched[--sim->touched_count]];
        n->touched = false;
        tt_sim_note_deadline(n);
    }
}

// ---- making and ending

// Rules of nodes are events; `first` is the first of those that have none yet.
static void begin_rules(tt_sim *sim, unsigned first)
{
    for (unsigned i = first; i < sim->faults.count; i++)
        if (sim->faults.rules[i].fault >= TT_FAULT_REBIND)
            tt_sim_add_event(sim, sim->faults.rules[i].at, TT_SIM_RULE)->rule = i;
}

tt_sim *tt_sim_new(const tt_sim_options *options)
{
    if (options->nodes == 0 || options->nodes > TT_SIM_NODES_MAX)
        return NULL;
    tt_sim *sim = calloc(1, sizeof(*sim));
    TT_CHECK(sim != NULL);
    sim->options = *options;
    tt_random_seed(&sim->random, options->seed);
    tt_random_seed(&sim->network, tt_random_u64(&sim->random));
    sim->faults.seed = tt_random_u64(&sim->random);
    if (options->faults != NULL &&
        tt_sim_faults_read(&sim->faults, options->faults, options->nodes, 0, NULL) != TT_OK) {
        tt_sim_faults_free(&sim->faults);
        free(sim);
        return NULL;
    }
    sim->nodes = calloc(options->nodes, sizeof(sim->nodes[0]));
    TT_CHECK(sim->nodes != NULL);
    for (unsigned i = 0; i < options->nodes; i++)
        tt_sim_node_init(sim, i);
    begin_rules(sim, 0);
    if (options->pcap != NULL)
        tt_sim_pcap_begin(options->pcap);
    return sim;
}

void tt_sim_free(tt_sim *sim)
{
    for (tt_heap_item *item; (item = tt_heap_first(&sim->events)) != NULL;) {
        tt_heap_remove(&sim->events, item);
        end_event(sim, (tt_sim_event *)item);
    }
    for (tt_sim_event *next; sim->free_events != NULL; sim->free_events = next) {
        next = sim->free_events->context;
        free(sim->free_events);
    }
    for (unsigned i = 0; i < sim->options.nodes; i++) {
        tt_sim_empty_inbox(&sim->nodes[i]);
        free(sim->nodes[i].places);
        free(sim->nodes[i].heads);
    }
    tt_heap_free(&sim->events);
    tt_heap_free(&sim->deadlines);
    tt_sim_addresses_free(&sim->addresses);
    tt_sim_faults_free(&sim->faults);
    free(sim->nodes);
    free(sim);
}

void tt_sim_add_faults(tt_sim *sim, const char *text)
{
    unsigned first = sim->faults.count;
    TT_CHECK(tt_sim_faults_read(&sim->faults, text, sim->options.nodes, sim->now, NULL) == TT_OK);
    begin_rules(sim, first);
}

void tt_sim_heal(tt_sim *sim)
{
    tt_sim_faults_heal(&sim->faults);
}

// ---- what is asked of it

bool tt_sim_alive(const tt_sim *sim, unsigned node)
{
    return sim->nodes[node].alive;
}

tt_node *tt_sim_node(tt_sim *sim, unsigned node)
{
    tt_sim_touch(&sim->nodes[node]);
    return &sim->nodes[node].node;
}

unsigned tt_sim_index(const tt_sim *sim, const tt_node *node)
{
    const tt_sim_node_state *n = TT_CONTAINER(node, const tt_sim_node_state, node);
    TT_CHECK(n->sim == sim);
    return n->index;
}

tt_time tt_sim_now(const tt_sim *sim)
{
    return sim->now;
}

tt_time tt_sim_node_now(const tt_sim *sim, unsigned node)
{
    return tt_sim_to_node_time(&sim->nodes[node], sim->now);
}

uint64_t tt_sim_trace_sum(const tt_sim *sim)
{
    return sim->sum;
}

tt_random *tt_sim_random(tt_sim *sim)
{
    return &sim->random;
}

const tt_sim_counts *tt_sim_count(const tt_sim *sim)
{
    return &sim->counts;
}

// ---- time

void tt_sim_at(tt_sim *sim, tt_time when, void (*action)(tt_sim *sim, void *context), void *context)
{
    tt_sim_event *e = tt_sim_add_event(sim, when, TT_SIM_ACTION);
    e->action = action;
    e->context = context;
}

// A rule's time has come, for each of its nodes now or somewhat later.
static void apply_rule(tt_sim *sim, unsigned index)
{
    const tt_sim_rule *r = &sim->faults.rules[index];
    if (r->ended)
        return;
    if (r->every > 0)
        tt_sim_add_event(sim, sim->now + r->every, TT_SIM_RULE)->rule = index;
    for (unsigned i = 0; i < sim->options.nodes; i++) {
        if (!tt_sim_set_has(&r->from, i))
            continue;
        tt_time later = (tt_time)tt_random_below(&sim->network, (uint64_t)r->within + 1);
        tt_sim_event *e = tt_sim_add_event(sim, sim->now + later, TT_SIM_SUFFER);
        e->node = (uint16_t)i;
        e->rule = index;
    }
}

static void handle(tt_sim *sim, tt_sim_event *e)
{
    switch (e->kind) {
    case TT_SIM_ARRIVE:
        tt_sim_arrive(sim, e);
        break;
    case TT_SIM_WORKED:
        tt_sim_worked(sim, e);
        break;
    case TT_SIM_ACTION:
        e->action(sim, e->context);
        break;
    case TT_SIM_RULE:
        apply_rule(sim, e->rule);
        break;
    case TT_SIM_POWER:
        tt_sim_power(sim, e->node);
        break;
    case TT_SIM_SUFFER: {
        tt_sim_rule rule = sim->faults.rules[e->rule]; // which a callback may add to
        if (!rule.ended)
            tt_sim_suffer(sim, &rule, e->node);
        break;
    }
    }
    end_event(sim, e);
}

void tt_sim_run_until(tt_sim *sim, tt_time when)
{
    for (unsigned i = 0; i < sim->options.nodes; i++) // a scenario may have kept pointers
        tt_sim_touch(&sim->nodes[i]);
    for (unsigned at_once = 0;; at_once++) {
        look_at_touched(sim);
        tt_heap_item *event = tt_heap_first(&sim->events);
        tt_heap_item *deadline = tt_heap_first(&sim->deadlines);
        bool is_event = event != NULL && (deadline == NULL || event->when <= deadline->when);
        tt_heap_item *first = is_event ? event : deadline;
        if (first == NULL || first->when > when)
            break;
        at_once = first->when > sim->now ? 0 : at_once;
        TT_CHECK(at_once < AT_ONCE_MAX);
        sim->now = first->when > sim->now ? first->when : sim->now;
        if (is_event) {
            tt_heap_remove(&sim->events, first);
            handle(sim, (tt_sim_event *)first);
        } else {
            tt_sim_turn(TT_CONTAINER(first, tt_sim_node_state, deadline));
        }
    }
    sim->now = when > sim->now ? when : sim->now;
}
