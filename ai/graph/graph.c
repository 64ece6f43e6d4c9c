// Graphs: how nodes are made, equal ones once, and what went wrong first.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/graph_internal.h"
#include "tutti/check.h"

tt_status tt_graph_status(const tt_graph *graph)
{
    return graph != NULL ? graph->status : TT_FULL;
}

const char *tt_graph_error(const tt_graph *graph)
{
    return graph != NULL ? graph->error : "no memory for a graph";
}

static bool fail(tt_graph *graph, tt_status status, const char *prefix, const char *format,
                 va_list arguments)
{
    if (graph->status != TT_OK)
        return false; // the first sentence says it; what follows are its consequences
    graph->status = status;
    int used = snprintf(graph->error, sizeof(graph->error), "%s%s", prefix, *prefix ? ": " : "");
    used += vsnprintf(graph->error + used, sizeof(graph->error) - (size_t)used, format, arguments);
    if (graph->name != NULL && (size_t)used < sizeof(graph->error))
        snprintf(graph->error + used, sizeof(graph->error) - (size_t)used, " (%s%s%s)", graph->name,
                 graph->place != NULL ? ", " : "", graph->place != NULL ? graph->place : "");
    return false;
}

bool tt_graph_fail(tt_graph *graph, tt_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(graph, status, "", format, arguments);
    va_end(arguments);
    return false;
}

bool tt_rule_fail(tt_rule *rule, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail(rule->graph, TT_INVALID, rule->row->name, format, arguments);
    va_end(arguments);
    return false;
}

uint32_t tt_graph_count(const tt_graph *graph)
{
    return graph->node_count;
}

const tt_operation *tt_graph_node(const tt_graph *graph, uint32_t node)
{
    TT_CHECK(node < graph->node_count);
    return &graph->nodes[node];
}

const tt_value *tt_graph_inputs(const tt_graph *graph, uint32_t node)
{
    return graph->inputs + tt_graph_node(graph, node)->inputs;
}

const tt_type *tt_graph_type(const tt_graph *graph, tt_value value)
{
    const tt_operation *node = tt_graph_node(graph, value.node);
    TT_CHECK(value.output < node->output_count);
    return &graph->types[node->types + value.output];
}

const tt_graph *tt_graph_body(const tt_graph *graph, uint32_t body)
{
    TT_CHECK(body > 0 && body <= graph->body_count);
    return graph->bodies[body - 1];
}

const int64_t *tt_graph_attribute(const tt_graph *graph, uint32_t node, unsigned place,
                                  unsigned *count)
{
    const tt_operation *n = tt_graph_node(graph, node);
    tt_words attribute[TT_ATTRIBUTES_MAX];
    TT_CHECK(place < TT_ATTRIBUTES_MAX &&
             tt_row_attributes(tt_row_of((tt_op)n->op), graph->words + n->words, n->word_count,
                               attribute));
    if (count != NULL)
        *count = attribute[place].count;
    return attribute[place].word;
}

void tt_graph_words(const tt_graph *graph, uint32_t node, int64_t *words)
{
    const tt_operation *n = tt_graph_node(graph, node);
    if (n->word_count > 0)
        memcpy(words, graph->words + n->words, n->word_count * sizeof(words[0]));
}

int64_t tt_graph_next_stream(tt_graph *graph)
{
    return graph->streams < INT64_MAX ? graph->streams++ : INT64_MAX; // refused by the row
}

bool tt_type_is_sound(tt_graph *graph, const char *what, tt_type *type, bool host)
{
    char text[TT_TYPE_TEXT_BYTES];
    int64_t count = 1;
    if (type->rank > TT_RANK_MAX || type->element >= TT_ELEMENT_COUNT)
        return tt_graph_fail(graph, TT_UNSUPPORTED,
                             "%s: rank %u of element type %u; ranks go to %d, element types to %d",
                             what, type->rank, type->element, TT_RANK_MAX, TT_ELEMENT_COUNT - 1);
    for (unsigned i = type->rank; i < TT_RANK_MAX; i++)
        type->size[i] = 0;
    for (unsigned i = 0; i < type->rank; i++) {
        int64_t size = type->size[i];
        if (size == -1 && host)
            continue;
        if (size < 0 || size > TT_SIZE_MAX || (size > 0 && count > TT_SIZE_MAX / size))
            return tt_graph_fail(graph, size < 0 ? TT_INVALID : TT_TOO_LARGE,
                                 "%s: no value is of %s; sizes are 0 or more, and 2^48 elements "
                                 "the most",
                                 what, tt_type_text(type, text));
        count *= size > 0 ? size : 1;
    }
    return true;
}

typedef struct candidate { // a node that may be there already
    const tt_graph *graph;
    tt_operation node;
    const tt_value *inputs;
    const tt_type *types;
    const int64_t *words;
} candidate;

static uint64_t hash_candidate(const candidate *c)
{
    uint64_t hash = tt_hash(c->node.op, "", 1);
    for (unsigned i = 0; i < c->node.input_count; i++) {
        hash = tt_hash(hash, &c->inputs[i].node, sizeof(c->inputs[i].node));
        hash = tt_hash(hash, &c->inputs[i].output, sizeof(c->inputs[i].output));
    }
    return tt_hash(hash, c->words, c->node.word_count * sizeof(c->words[0]));
}

static candidate candidate_of(const tt_graph *graph, uint32_t node)
{
    const tt_operation *n = &graph->nodes[node];
    return (candidate){graph, *n, graph->inputs + n->inputs, graph->types + n->types,
                       graph->words + n->words};
}

static uint64_t hash_node(const void *graph, uint32_t node)
{
    candidate c = candidate_of(graph, node);
    return hash_candidate(&c);
}

static bool same_node(const void *context, uint32_t node)
{
    const candidate *a = context;
    candidate b = candidate_of(a->graph, node);
    if (a->node.op != b.node.op || a->node.input_count != b.node.input_count ||
        a->node.word_count != b.node.word_count || a->node.output_count != b.node.output_count)
        return false;
    for (unsigned i = 0; i < a->node.input_count; i++)
        if (!tt_same(a->inputs[i], b.inputs[i]))
            return false;
    for (unsigned i = 0; i < a->node.output_count; i++)
        if (!tt_type_equal(&a->types[i], &b.types[i]))
            return false;
    return a->node.word_count == 0 ||
           memcmp(a->words, b.words, a->node.word_count * sizeof(a->words[0])) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static uint64_t hash_origin(const void *graph, uint32_t entry)
{
    const tt_origin *origin = &((const tt_graph *)graph)->origins[entry].origin;
    uint64_t hash = tt_hash(origin->node, origin->name, strlen(origin->name) + 1);
    return origin->place == NULL ? hash : tt_hash(hash, origin->place, strlen(origin->place));
}

typedef struct wanted_origin {
    const tt_graph *graph;
    tt_origin origin;
} wanted_origin;

static bool same_origin(const void *context, uint32_t entry)
{
    const wanted_origin *wanted = context;
    const tt_origin *origin = &wanted->graph->origins[entry].origin;
    return origin->node == wanted->origin.node && same_text(origin->name, wanted->origin.name) &&
           same_text(origin->place, wanted->origin.place);
}

// Notes where the node comes from, once for each place.
static void note_origin(tt_graph *graph, uint32_t node)
{
    uint32_t first = graph->origin_of[node], at = graph->origin_count;
    if (graph->name == NULL)
        return;
    wanted_origin wanted = {graph, {node, graph->name, graph->place}};
    if (!tt_graph_grow(graph, &graph->origins, &graph->origin_capacity, at, 1,
                       sizeof(graph->origins[0])))
        return;
    graph->origins[at] = (tt_origin_entry){.origin = wanted.origin, .last = at};
    uint64_t hash = hash_origin(graph, at);
    if (tt_index_find(&graph->known_origins, hash, same_origin, &wanted) != UINT32_MAX ||
        !tt_index_add(graph, &graph->known_origins, hash, at, hash_origin, graph))
        return;
    graph->origin_count++;
    if (first == 0) {
        graph->origin_of[node] = at + 1;
    } else { // behind the last one, which the first knows
        graph->origins[graph->origins[first - 1].last].next = at + 1;
        graph->origins[first - 1].last = at;
    }
}

// Room for what is copied from `*items`, which may lie in the pool that moves.
static bool grow_for(tt_graph *graph, void *array, uint32_t *capacity, uint32_t count,
                     uint32_t more, size_t bytes, const void **items)
{
    void **pool = array;
    uintptr_t begins = (uintptr_t)*pool, at = (uintptr_t)*items;
    bool inside = at >= begins && at < begins + count * bytes;
    if (!tt_graph_grow(graph, array, capacity, count, more, bytes))
        return false;
    if (inside)
        *items = (const char *)*pool + (at - begins);
    return true;
}

static tt_value append(const candidate *c)
{
    tt_graph *graph = (tt_graph *)c->graph;
    tt_operation node = c->node;
    uint32_t at = graph->node_count;
    const void *inputs = c->inputs, *words = c->words;
    if (!tt_graph_grow(graph, &graph->nodes, &graph->node_capacity, at, 1, sizeof(node)) ||
        !tt_graph_grow(graph, &graph->origin_of, &graph->origin_of_capacity, at, 1,
                       sizeof(graph->origin_of[0])) ||
        !grow_for(graph, &graph->inputs, &graph->input_capacity, graph->input_count,
                  node.input_count, sizeof(c->inputs[0]), &inputs) ||
        !tt_graph_grow(graph, &graph->types, &graph->type_capacity, graph->type_count,
                       node.output_count, sizeof(c->types[0])) ||
        !grow_for(graph, &graph->words, &graph->word_capacity, graph->word_count, node.word_count,
                  sizeof(c->words[0]), &words))
        return TT_NONE;
    node.inputs = graph->input_count;
    node.types = graph->type_count;
    node.words = graph->word_count;
    for (unsigned i = 0; i < node.input_count; i++)
        graph->inputs[graph->input_count++] = ((const tt_value *)inputs)[i];
    for (unsigned i = 0; i < node.output_count; i++)
        graph->types[graph->type_count++] = c->types[i];
    for (unsigned i = 0; i < node.word_count; i++)
        graph->words[graph->word_count++] = ((const int64_t *)words)[i];
    graph->nodes[at] = node;
    graph->origin_of[at] = 0;
    graph->node_count++;
    return (tt_value){at, 0};
}

// Attributes, types and soundness of what is to be made; false after a failure of the graph.
static bool rule_holds(tt_rule *rule, const int64_t *words, unsigned word_count)
{
    const tt_row *row = rule->row;
    if (rule->input_count < row->inputs_min || rule->input_count > row->inputs_max)
        return tt_rule_fail(rule, "takes %u%s inputs, was given %u", row->inputs_min,
                            row->inputs_max > row->inputs_min ? " or more" : "", rule->input_count);
    for (unsigned i = row->bodies; i < 2; i++)
        if (rule->body[i] != NULL)
            return tt_rule_fail(rule, "takes %u bodies, was given more", row->bodies);
    for (unsigned i = 0; i < rule->input_count; i++) {
        tt_value input = rule->inputs[i];
        if (input.node >= rule->graph->node_count ||
            input.output >= rule->graph->nodes[input.node].output_count)
            return tt_rule_fail(rule, "input %u is no value of this graph", i);
        for (unsigned axis = 0; axis < tt_rule_in(rule, i)->rank; axis++)
            if (tt_rule_in(rule, i)->size[axis] < 0)
                return tt_rule_fail(rule,
                                    "input %u has a size that only running tells, and can "
                                    "only be a result",
                                    i);
    }
    if (!tt_row_attributes(row, words, word_count, rule->attribute))
        return tt_rule_fail(rule, "the attributes are not those that it takes");
    if (!row->type(rule))
        return false;
    for (unsigned i = 0; i < rule->output_count; i++)
        if (!tt_type_is_sound(rule->graph, row->name, &rule->out[i],
                              (row->flags & TT_ROW_HOST) != 0))
            return false;
    return true;
}

static bool keep_bodies(tt_graph *graph, candidate *c, tt_graph *const *bodies)
{
    for (unsigned i = 0; i < 2; i++) {
        if (bodies[i] == NULL)
            continue;
        if (!tt_graph_grow(graph, &graph->bodies, &graph->body_capacity, graph->body_count, 1,
                           sizeof(graph->bodies[0])))
            return false;
        graph->bodies[graph->body_count++] = bodies[i];
        bodies[i]->owned = true;
        c->node.body[i] = graph->body_count;
        if (graph->depth <= bodies[i]->depth)
            graph->depth = bodies[i]->depth + 1;
    }
    return true;
}

static tt_value make(tt_graph *graph, tt_op op, unsigned input_count, const tt_value *inputs,
                     unsigned word_count, const int64_t *words, tt_graph *const bodies[2])
{
    tt_rule rule = {.graph = graph,
                    .row = tt_row_of(op),
                    .input_count = input_count,
                    .inputs = inputs,
                    .body = {bodies[0], bodies[1]},
                    .output_count = 1};
    tt_value swapped[2];
    for (unsigned i = 0; i < input_count; i++)
        if (tt_is_none(inputs[i])) {
            tt_rule_fail(&rule, "input %u could not be made", i);
            return TT_NONE;
        }
    if (!rule_holds(&rule, words, word_count))
        return TT_NONE;
    // After the rule, so that its sentences number the inputs as they were given.
    if ((rule.row->flags & TT_ROW_COMMUTATIVE) != 0 && input_count == 2 &&
        (inputs[1].node < inputs[0].node ||
         (inputs[1].node == inputs[0].node && inputs[1].output < inputs[0].output))) {
        swapped[0] = inputs[1];
        swapped[1] = inputs[0];
        rule.inputs = swapped;
    }
    candidate c = {.graph = graph,
                   .node = {.op = (uint16_t)op,
                            .input_count = (uint16_t)input_count,
                            .output_count = (uint16_t)rule.output_count,
                            .word_count = word_count},
                   .inputs = rule.inputs,
                   .types = rule.out,
                   .words = words};
    bool shared = bodies[0] == NULL && (rule.row->flags & TT_ROW_IMPURE) == 0;
    uint64_t hash = hash_candidate(&c);
    uint32_t there = shared ? tt_index_find(&graph->equal, hash, same_node, &c) : UINT32_MAX;
    if (there != UINT32_MAX) {
        note_origin(graph, there);
        return (tt_value){there, 0};
    }
    if (!keep_bodies(graph, &c, bodies))
        return TT_NONE;
    tt_value value = append(&c);
    if (!tt_is_none(value) && shared &&
        !tt_index_add(graph, &graph->equal, hash, value.node, hash_node, graph))
        return TT_NONE;
    if (!tt_is_none(value))
        note_origin(graph, value.node);
    return value;
}

tt_value tt_apply_bodies(tt_graph *graph, tt_op op, unsigned input_count, const tt_value *inputs,
                         unsigned word_count, const int64_t *words, tt_graph *first,
                         tt_graph *second)
{
    tt_graph *bodies[2] = {first, second};
    tt_value value = TT_NONE;
    uint32_t kept = graph != NULL ? graph->body_count : 0;
    for (unsigned i = 0; i < 2; i++)
        if (bodies[i] != NULL &&
            (bodies[i]->owned || bodies[i] == graph || (i > 0 && second == first))) {
            if (graph != NULL)
                tt_graph_fail(graph, TT_INVALID, "%s: its body belongs to a node already",
                              (unsigned)op < TT_OP_COUNT ? tt_op_name(op) : "an operation");
            bodies[i] = NULL; // not ours to end
        }
    if (graph != NULL && graph->status == TT_OK) {
        if ((unsigned)op >= TT_OP_COUNT)
            tt_graph_fail(graph, TT_INVALID, "there is no operation %d", (int)op);
        else if (input_count > UINT16_MAX)
            tt_graph_fail(graph, TT_TOO_LARGE, "%s: takes at most %d inputs, was given %u",
                          tt_op_name(op), UINT16_MAX, input_count);
        else
            value = make(graph, op, input_count, inputs, word_count, words, bodies);
    }
    // What was not taken over ends here.
    uint32_t taken = graph != NULL ? graph->body_count - kept : 0;
    for (unsigned i = 0; i < 2; i++) {
        if (bodies[i] != NULL && taken > 0)
            taken--;
        else
            tt_graph_free(bodies[i]);
    }
    return value;
}

tt_value tt_apply(tt_graph *graph, tt_op op, unsigned input_count, const tt_value *inputs,
                  unsigned word_count, const int64_t *words)
{
    return tt_apply_bodies(graph, op, input_count, inputs, word_count, words, NULL, NULL);
}

void tt_graph_at(tt_graph *graph, const char *name, const char *place)
{
    if (graph == NULL || graph->status != TT_OK)
        return;
    graph->name = name != NULL ? tt_graph_keep(graph, name) : NULL;
    graph->place = name != NULL && place != NULL ? tt_graph_keep(graph, place) : NULL;
}

uint32_t tt_graph_origin_count(const tt_graph *graph)
{
    return graph->origin_count;
}

const tt_origin *tt_graph_origin(const tt_graph *graph, uint32_t index)
{
    TT_CHECK(index < graph->origin_count);
    return &graph->origins[index].origin;
}

const tt_origin *tt_graph_origin_of(const tt_graph *graph, uint32_t node)
{
    TT_CHECK(node < graph->node_count);
    return graph->origin_of[node] == 0 ? NULL : &graph->origins[graph->origin_of[node] - 1].origin;
}

const tt_origin *tt_graph_origin_next(const tt_graph *graph, const tt_origin *origin)
{
    uint32_t next = ((const tt_origin_entry *)(const void *)origin)->next; // its first member
    return next == 0 ? NULL : &graph->origins[next - 1].origin;
}

void tt_graph_note(tt_graph *graph, uint32_t node)
{
    if (graph == NULL || graph->status != TT_OK)
        return;
    if (node < graph->node_count)
        note_origin(graph, node);
    else
        tt_graph_fail(graph, TT_INVALID, "note: there is no node %u", node);
}
