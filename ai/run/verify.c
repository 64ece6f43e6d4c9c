// Two ways of one computation: the fast program beside the reference.
//
// Both are watched, so nothing is assigned. What they give is kept and compared; only where that
// differs is every tensor of the reference kept, and held against each step as it is done.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/reference.h"
#include "ai/run/session_internal.h"
#include "tutti/compare.h"

// Copies of a program's values, by their places.
typedef struct copies {
    const tt_graph *graph;
    const bool *wanted; // NULL: all
    void **bytes;
    uint64_t room; // bytes that may still be taken
    tt_status status;
} copies;

static void copy_output(copies *c, const tt_seen *seen, unsigned output)
{
    tt_value value = {seen->node, (uint16_t)output};
    const tt_type *type = tt_graph_type(c->graph, value), *held = &seen->types[output];
    uint32_t place = tt_value_place(c->graph, value);
    uint64_t bytes = tt_type_bytes(type);
    if (c->status != TT_OK || (c->wanted != NULL && !c->wanted[place]))
        return;
    if (bytes > c->room) {
        c->status = TT_TOO_LARGE;
        return;
    }
    c->room -= bytes;
    if ((c->bytes[place] = tt_run_allocate(bytes)) == NULL) {
        c->status = TT_FULL;
        return;
    }
    if (held->element == type->element && bytes > 0)
        memcpy(c->bytes[place], seen->elements[output], bytes);
    else
        tt_cells_store(&(tt_cells){*type, (tt_cell *)(uintptr_t)seen->elements[output]},
                       c->bytes[place]);
}

static void copy_seen(void *context, const tt_seen *seen)
{
    for (unsigned i = 0; i < seen->output_count; i++)
        copy_output(context, seen, i);
}

static void free_copies(copies *c, uint32_t count)
{
    for (uint32_t i = 0; c->bytes != NULL && i < count; i++)
        free(c->bytes[i]);
    free(c->bytes);
    c->bytes = NULL;
}

static tt_status copy_run(tt_program *program, const bool *wanted, copies *c, tt_text *why)
{
    *c = (copies){.graph = program->graph,
                  .wanted = wanted,
                  .bytes = calloc(program->value_count + 1u, sizeof(*c->bytes)),
                  .room = tt_session_bytes_limit(program->session)};
    if (c->bytes == NULL)
        return TT_FULL;
    tt_status status = tt_program_watch(program, copy_seen, c, why);
    if (status == TT_OK && c->status == TT_TOO_LARGE)
        tt_text_add(why, "the tensors to compare take more memory than the limit");
    if (status == TT_OK)
        status = c->status;
    if (status != TT_OK)
        free_copies(c, program->value_count);
    return status;
}

// The value whose elements are seen when result or assignment `index` is made.
static tt_value seen_for(const tt_program *program, uint32_t index)
{
    tt_value value = tt_wanted(program->graph, index);
    return tt_by_reference(program) ? value : tt_shown(program->graph, value);
}

static tt_status copy_wanted(tt_program *program, copies *c, tt_text *why)
{
    bool *wanted = calloc(program->value_count + 1u, sizeof(*wanted));
    uint32_t all = tt_graph_result_count(program->graph) + tt_graph_assign_count(program->graph);
    if (wanted == NULL)
        return TT_FULL;
    for (uint32_t i = 0; i < all; i++)
        wanted[tt_value_place(program->graph, seen_for(program, i))] = true;
    tt_status status = copy_run(program, wanted, c, why);
    c->wanted = NULL;
    free(wanted);
    return status;
}

static void add_share(tt_text *text, double share)
{
    char number[48];
    snprintf(number, sizeof(number), "%.3g of its greatest number", share);
    tt_text_add(text, isfinite(share) ? number : "more than can be told");
}

static void say_difference(tt_text *text, const tt_type *type, const tt_difference *d)
{
    char count[64];
    tt_text_add(text, " gives ");
    tt_text_add(text, d->got);
    tt_text_add(text, type->rank > 0 ? " at " : "");
    tt_add_place(text, type, d->place);
    tt_text_add(text, ", the reference ");
    tt_text_add(text, d->right);
    if (isfinite(d->share)) {
        tt_text_add(text, ": ");
        add_share(text, d->share);
    }
    snprintf(count, sizeof(count), "; %lld of %lld elements differ", (long long)d->count,
             (long long)tt_type_count(type));
    tt_text_add(text, count);
}

// ---- results and assignments

static void add_result(tt_verdict *verdict, const char *name, double share, bool differs)
{
    tt_text results = {verdict->results, sizeof(verdict->results), strlen(verdict->results), false};
    verdict->compared++;
    if (share >= verdict->worst) {
        verdict->worst = share;
        snprintf(verdict->worst_name, sizeof(verdict->worst_name), "%s", name);
    }
    if (!differs)
        return;
    verdict->differs = true;
    tt_text_add(&results, results.length > 0 ? ", '" : "'");
    tt_text_add(&results, name);
    tt_text_add(&results, "'");
}

static tt_status compare_wanted(tt_program *fast, tt_program *right, double tolerance,
                                const copies *f, const copies *r, tt_verdict *verdict, tt_text *why)
{
    const tt_graph *graph = right->graph;
    uint32_t results = tt_graph_result_count(graph), all = results + tt_graph_assign_count(graph);
    if (results != tt_graph_result_count(fast->graph) ||
        all != results + tt_graph_assign_count(fast->graph)) {
        tt_text_add(why, "the two programs have not the same results");
        return TT_INVALID;
    }
    for (uint32_t i = 0; i < all; i++) {
        tt_value value = tt_wanted(graph, i);
        const tt_type *type = tt_graph_type(graph, value);
        const char *name =
            i < results
                ? tt_graph_result_at(graph, i)->name
                : tt_graph_buffer(graph, tt_graph_assign_at(graph, i - results)->buffer)->name;
        if (!tt_type_equal(type, tt_graph_type(fast->graph, tt_wanted(fast->graph, i)))) {
            tt_text_add(why, name);
            tt_text_add(why, " is of another type in the other program");
            return TT_INVALID;
        }
        tt_difference d = tt_compare(type, f->bytes[tt_value_place(f->graph, seen_for(fast, i))],
                                     r->bytes[tt_value_place(graph, value)], tolerance);
        add_result(verdict, name, d.share, d.count > 0);
    }
    return TT_OK;
}

// ---- the first step that differs

typedef struct search {
    const copies *right; // of the same graph
    double tolerance;
    tt_verdict *verdict;
    bool found;
} search;

static void compare_step(void *context, const tt_seen *seen)
{
    search *s = context;
    for (unsigned i = 0; !s->found && seen->step != NULL && i < seen->output_count; i++) {
        tt_value value = {seen->node, (uint16_t)i};
        const void *right = s->right->bytes[tt_value_place(seen->graph, value)];
        const tt_type *type = tt_graph_type(seen->graph, value);
        if (right == NULL) // nothing needs that output
            continue;
        tt_difference d = tt_compare(type, seen->elements[i], right, s->tolerance);
        if (d.count == 0)
            continue;
        tt_text text;
        tt_text_init(&text, s->verdict->sentence, sizeof(s->verdict->sentence));
        tt_add_node(&text, seen->graph, seen->node);
        const tt_fused *fused = seen->step->fused;
        if (fused != NULL && fused->nodes[0] != seen->node) {
            tt_text_add(&text, ", with ");
            tt_add_node(&text, seen->graph, fused->nodes[0]);
            tt_text_add(&text, " in one step,");
        }
        say_difference(&text, type, &d);
        s->found = true;
    }
}

// The reference of the fast program's graph, on the other's parameters and its own inputs.
static tt_status find_first(tt_program *fast, tt_program *right, double tolerance,
                            tt_verdict *verdict, tt_text *why)
{
    tt_program *own;
    copies all = {.bytes = NULL};
    search s = {.right = &all, .tolerance = tolerance, .verdict = verdict};
    tt_status status = tt_session_load(right->session, fast->graph, &own, why);
    if (status != TT_OK)
        return status;
    for (uint32_t i = 0; i < tt_graph_buffer_count(fast->graph); i++)
        own->given[i] = fast->given[i];
    status = copy_run(own, NULL, &all, why);
    if (status == TT_OK)
        status = tt_program_watch(fast, compare_step, &s, why);
    if (status == TT_OK && !s.found)
        snprintf(verdict->sentence, sizeof(verdict->sentence),
                 "each step gives what the reference gives of the simplified graph, so it is the "
                 "simplified graph that differs");
    free_copies(&all, own->value_count);
    tt_program_free(own);
    return status;
}

tt_status tt_verify(tt_program *fast, tt_program *right, double tolerance, tt_verdict *verdict,
                    tt_text *why)
{
    copies f = {.bytes = NULL}, r = {.bytes = NULL};
    *verdict = (tt_verdict){.compared = 0};
    tt_status status = copy_wanted(right, &r, why);
    if (status == TT_OK)
        status = copy_wanted(fast, &f, why);
    if (status == TT_OK)
        status = compare_wanted(fast, right, tolerance, &f, &r, verdict, why);
    free_copies(&f, fast->value_count);
    free_copies(&r, right->value_count);
    if (status == TT_OK && verdict->differs)
        status = find_first(fast, right, tolerance, verdict, why);
    return status;
}
