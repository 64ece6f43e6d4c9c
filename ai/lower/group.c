// Which nodes go into one form.

#include "ai/lower/group.h"

#include <stdlib.h>
#include <string.h>

#include "ai/lower/grouping.h"
#include "ai/lower/product.h"

#define MEMBERS_MAX 160 // of a group: a form of some thousand instructions
#define SUMS_MAX 12     // among them: each may compute once more what stands before it
#define FEW 4096        // numbers that may be made long before they are read
#define ROWS_FEW 16     // of what is computed once a row, and of how many elements a row then is
#define ROW_LONG 1024   // no part of it
#define ONE_ROW_LONG (1 << 17) // elements of one row, which then only sums walk

static bool is_view(tt_op op)
{
    return op == TT_OP_RESHAPE || op == TT_OP_STOP || op == TT_OP_AFTER;
}

// Whether a value is of the same elements as its node's input, and has no place of its own.
static bool is_through(const tt_groups *g, uint32_t node)
{
    tt_op op = (tt_op)tt_graph_node(g->graph, node)->op;
    return op == TT_OP_STOP || op == TT_OP_AFTER ||
           (tt_looks_through(g->graph, node) && g->how[node] == TT_LOWERED_SEEN);
}

tt_value tt_behind(const tt_groups *g, tt_value value)
{
    while (is_through(g, value.node))
        value = tt_graph_inputs(g->graph, value.node)[0];
    while (is_view((tt_op)tt_graph_node(g->graph, value.node)->op)) // a reshape of what is stored
        value = tt_graph_inputs(g->graph, value.node)[0];
    return value;
}

// Whether a shape is the domain's with ones from an axis on.
static bool is_row(const tt_type *type, const tt_type *domain, int split)
{
    if (type->rank != domain->rank)
        return false;
    for (int i = 0; i < type->rank; i++)
        if (type->size[i] != (i < split ? domain->size[i] : 1))
            return false;
    return true;
}

// The first of the last axes, all of which a sum takes; -1: it takes others.
int tt_groups_split_of(const tt_graph *graph, uint32_t node)
{
    unsigned count;
    const int64_t *axes = tt_graph_attribute(graph, node, 0, &count);
    const tt_type *type = tt_groups_input_type(graph, node, 0);
    bool taken[TT_RANK_MAX] = {false};
    int split = type->rank;
    for (unsigned i = 0; i < count; i++)
        taken[axes[i]] = true;
    while (split > 0 && (taken[split - 1] || type->size[split - 1] == 1))
        split--;
    for (int i = 0; i < split; i++)
        if (taken[i] && type->size[i] != 1)
            return -1;
    return split;
}

// Marks what only a sum across reads, as far back as shapes are the same.
static void mark_inline(tt_groups *g, const uint32_t *uses, uint32_t sum, uint32_t node)
{
    const tt_type *domain = tt_groups_input_type(g->graph, sum, 0);
    uint32_t stack[64];
    unsigned depth = 0, left = MEMBERS_MAX / 2;
    stack[depth++] = node;
    while (depth > 0) {
        uint32_t at = stack[--depth];
        const tt_operation *n = tt_graph_node(g->graph, at);
        if (g->how[at] != TT_LOWERED_FREE || uses[at] != 1 || g->stored[at] || left == 0 ||
            tt_groups_is_sum((tt_op)n->op) ||
            !tt_groups_same_shape(tt_graph_type(g->graph, (tt_value){at, 0}), domain))
            continue;
        left--;
        g->how[at] = TT_LOWERED_INLINE;
        for (unsigned i = 0; i < n->input_count; i++)
            if (depth < sizeof(stack) / sizeof(stack[0]))
                stack[depth++] = tt_graph_inputs(g->graph, at)[i].node;
    }
}

// Past what changes nothing at the place where a member reads: broadcasts, and what is itself.
tt_value tt_straight(const tt_groups *g, tt_value value)
{
    for (;;) {
        const tt_operation *n = tt_graph_node(g->graph, value.node);
        if (!is_through(g, value.node) ||
            (tt_looks_through(g->graph, value.node) &&
             (n->op != TT_OP_BROADCAST || tt_graph_type(g->graph, value)->rank !=
                                              tt_groups_input_type(g->graph, value.node, 0)->rank)))
            return value;
        value = tt_graph_inputs(g->graph, value.node)[0];
    }
}

// What is waited for by an `after` on the way to what is stored.
static uint32_t waited_for(const tt_groups *g, tt_value value)
{
    uint32_t last = 0;
    for (;;) {
        tt_op op = (tt_op)tt_graph_node(g->graph, value.node)->op;
        if (!is_through(g, value.node) && !is_view(op))
            return last;
        if (op == TT_OP_AFTER) {
            tt_value other = tt_behind(g, tt_graph_inputs(g->graph, value.node)[1]);
            uint32_t unit = g->unit_of[other.node];
            last = unit > last ? unit : last;
        }
        value = tt_graph_inputs(g->graph, value.node)[0];
    }
}

// The last unit that a node reads, and whether it may be joined: what is read of it is read at the
// same place. What waits reads what others may have taken to their groups since it was seen.
static uint32_t last_read(const tt_groups *g, uint32_t node, bool *straight)
{
    const tt_operation *n = tt_graph_node(g->graph, node);
    uint32_t last = 0, waited = 0;
    *straight = true;
    for (unsigned i = 0; i < n->input_count; i++) {
        tt_value value = tt_graph_inputs(g->graph, node)[i], behind = tt_behind(g, value);
        bool direct = true, inlined = g->how[value.node] == TT_LOWERED_INLINE;
        uint32_t unit = inlined ? last_read(g, value.node, &direct) : g->unit_of[behind.node];
        uint32_t after = waited_for(g, value);
        direct = direct && tt_same(tt_straight(g, value), behind) &&
                 g->how[value.node] != TT_LOWERED_SHARED;
        if (unit > last)
            *straight = direct;
        else if (unit == last)
            *straight = *straight && direct;
        last = unit > last ? unit : last;
        waited = after > waited ? after : waited;
    }
    if (waited >= last && waited > 0)
        *straight = false;
    return waited > last ? waited : last;
}

static bool reads_second(const tt_groups *g, uint32_t node, uint32_t of)
{
    for (unsigned i = 0; i < tt_graph_node(g->graph, node)->input_count; i++) {
        tt_value read = tt_behind(g, tt_graph_inputs(g->graph, node)[i]);
        if (read.node == of && read.output > 0)
            return true;
    }
    return false;
}

static int64_t rows_of(const tt_type *domain, int split)
{
    int64_t rows = 1;
    for (int i = 0; i < split; i++)
        rows *= domain->size[i];
    return rows;
}

// Whether the node's shape is one of the group's; the group may grow to it.
static bool fits(const tt_groups *g, const tt_group *group, uint32_t node, tt_type *domain,
                 int *split)
{
    const tt_type *type = tt_graph_type(g->graph, (tt_value){node, 0});
    *domain = group->domain;
    *split = group->split;
    if (g->apart || group->across ||
        ((group->product || group->pool) &&
         ((group->product && tt_product_is_closed(g->graph, group->first)) ||
          reads_second(g, node, group->first) ||
          !tt_groups_same_shape(tt_graph_type(g->graph, (tt_value){node, 0}), domain) ||
          tt_groups_is_sum((tt_op)tt_graph_node(g->graph, node)->op))) ||
        group->count >= MEMBERS_MAX)
        return false;
    if (tt_groups_is_sum((tt_op)tt_graph_node(g->graph, node)->op)) {
        int own = tt_groups_split_of(g->graph, node);
        const tt_type *in = tt_groups_input_type(g->graph, node, 0);
        *split = own;
        return own >= 0 && group->sums < SUMS_MAX && tt_groups_same_shape(in, domain) &&
               (group->split < 0 || own == group->split);
    }
    if (*split >= 0 && is_row(type, domain, *split))
        return true;
    if (tt_groups_same_shape(type, domain)) // one long row is walked by one thread
        return *split < 0 || rows_of(domain, *split) > 1 || tt_type_count(domain) < ONE_ROW_LONG;
    if (*split >= 0 || type->rank != domain->rank)
        return false;
    int ones = domain->rank; // rows until now: what they belong to is wider
    while (ones > 0 && domain->size[ones - 1] == 1)
        ones--;
    if (ones == domain->rank || !is_row(domain, type, ones))
        return false;
    int64_t rows = tt_type_count(domain);
    if (rows < ROWS_FEW && tt_type_count(type) / rows > ROW_LONG)
        return false; // its rows could not be shared out among threads
    *split = ones;
    *domain = *type;
    return true;
}

// A buffer that a node reads, of its own shape and without waiting; else none.
static uint32_t buffer_read(const tt_groups *g, uint32_t node, unsigned input)
{
    tt_value value = tt_graph_inputs(g->graph, node)[input], behind = tt_straight(g, value);
    const tt_type *type = tt_graph_type(g->graph, behind);
    if (tt_graph_node(g->graph, behind.node)->op != TT_OP_BUFFER ||
        !tt_groups_same_shape(type, tt_graph_type(g->graph, (tt_value){node, 0})))
        return UINT32_MAX;
    for (; !tt_same(value, behind); value = tt_graph_inputs(g->graph, value.node)[0])
        if (tt_graph_node(g->graph, value.node)->op == TT_OP_AFTER)
            return UINT32_MAX;
    return behind.node;
}

// The last group that reads a buffer which this node reads; 0: none.
static uint32_t shares_buffer(const tt_groups *g, uint32_t node)
{
    uint32_t last = 0;
    for (unsigned i = 0; i < tt_graph_node(g->graph, node)->input_count; i++) {
        uint32_t input = tt_graph_inputs(g->graph, node)[i].node;
        uint32_t buffer = buffer_read(g, node, i);
        uint32_t unit = g->how[input] == TT_LOWERED_INLINE ? shares_buffer(g, input)
                        : buffer != UINT32_MAX             ? g->reader[buffer]
                                                           : 0;
        last = unit > last ? unit : last;
    }
    return last;
}

static void note_buffers(tt_groups *g, uint32_t unit, uint32_t node)
{
    for (unsigned i = 0; i < tt_graph_node(g->graph, node)->input_count; i++) {
        uint32_t buffer = buffer_read(g, node, i);
        if (buffer != UINT32_MAX)
            g->reader[buffer] = unit;
    }
}

// Shapes of inputs must be rows, the domain's, or what is loaded from outside.
static void join(tt_groups *g, uint32_t unit, uint32_t node)
{
    tt_group *group = &g->group[g->unit[unit].index];
    uint32_t index = g->unit[unit].index;
    g->next[node] = UINT32_MAX;
    group->sums += tt_groups_is_sum((tt_op)tt_graph_node(g->graph, node)->op);
    if (group->count++ == 0)
        group->first = node;
    else
        g->next[g->last[index]] = node;
    g->last[index] = node;
    g->unit_of[node] = unit;
    if (!group->across)
        note_buffers(g, unit, node);
}

static uint32_t add_unit(tt_groups *g, bool is_group, uint32_t index)
{
    g->unit[g->unit_count] = (tt_unit){is_group, index};
    return g->unit_count++;
}

// What waits for a node joins its group, and so does what each reader computes for itself.
static void add_inline(tt_groups *g, uint32_t unit, uint32_t node)
{
    const tt_operation *n = tt_graph_node(g->graph, node);
    for (unsigned i = 0; i < n->input_count; i++) {
        uint32_t input = tt_graph_inputs(g->graph, node)[i].node;
        if (g->how[input] == TT_LOWERED_SHARED)
            g->copy[g->copy_count++] = (tt_group_copy){g->unit[unit].index, input, 0};
        if (g->how[input] == TT_LOWERED_INLINE && g->unit_of[input] != unit) {
            add_inline(g, unit, input);
            g->how[input] = TT_LOWERED_FREE; // from now on a member as any
            join(g, unit, input);
        }
    }
}

static bool is_cheap(tt_op op)
{
    return op == TT_OP_ADD || op == TT_OP_SUBTRACT || op == TT_OP_MULTIPLY || op == TT_OP_NEGATE ||
           op == TT_OP_CONVERT;
}

// Whether each reader had better compute a node for itself than read it: of no more than one buffer
// and of little besides, by an operation that takes no longer than loading.
static bool is_shared(tt_groups *g, uint32_t node)
{
    const tt_operation *n = tt_graph_node(g->graph, node);
    int64_t count = tt_type_count(tt_graph_type(g->graph, (tt_value){node, 0}));
    unsigned large = 0;
    if (g->apart || g->stored[node] || g->early_made[node] || !is_cheap((tt_op)n->op) ||
        g->copies_left[node] == 0)
        return false;
    for (unsigned i = 0; i < n->input_count; i++) {
        tt_value value = tt_graph_inputs(g->graph, node)[i], behind = tt_behind(g, value);
        bool buffer = tt_graph_node(g->graph, behind.node)->op == TT_OP_BUFFER;
        bool little = tt_type_count(tt_graph_type(g->graph, behind)) <= count / 16;
        large += !little;
        if (g->how[value.node] == TT_LOWERED_INLINE || g->how[value.node] == TT_LOWERED_SHARED ||
            (!buffer && !little))
            return false;
    }
    return large == 1 && g->copies_left[node] <= g->copies_free;
}

static void place_free(tt_groups *g, uint32_t node)
{
    bool straight, sum = tt_groups_is_sum((tt_op)tt_graph_node(g->graph, node)->op);
    uint32_t last = last_read(g, node, &straight);
    uint32_t sharing = last < g->early && !sum ? shares_buffer(g, node) : 0;
    if (sharing > last) { // what it reads may be made early and behind who shares the buffer
        last = sharing;
        straight = true;
    }
    tt_type domain;
    int split;
    if (last > 0 && straight && g->unit[last].is_group) {
        tt_group *group = &g->group[g->unit[last].index];
        if (fits(g, group, node, &domain, &split)) {
            group->domain = domain;
            group->split = split;
            add_inline(g, last, node);
            join(g, last, node);
            return;
        }
    }
    if (is_shared(g, node)) {
        g->how[node] = TT_LOWERED_SHARED;
        g->copies_free -= g->copies_left[node];
        g->unit_of[node] = last;
        return;
    }
    tt_group *group = &g->group[g->group_count];
    *group = (tt_group){.split = -1};
    group->domain = sum ? *tt_groups_input_type(g->graph, node, 0)
                        : *tt_graph_type(g->graph, (tt_value){node, 0});
    if (sum) {
        group->split = tt_groups_split_of(g->graph, node);
        group->across = group->split < 0;
    }
    uint32_t unit = add_unit(g, true, g->group_count++);
    add_inline(g, unit, node);
    join(g, unit, node);
}

// A product or a pool, with which a group begins.
static void place_first(tt_groups *g, uint32_t node)
{
    bool product = g->how[node] == TT_LOWERED_PRODUCT;
    g->group[g->group_count] = (tt_group){.split = -1,
                                          .product = product,
                                          .pool = !product,
                                          .domain = *tt_graph_type(g->graph, (tt_value){node, 0})};
    join(g, add_unit(g, true, g->group_count++), node);
}

// What it reads is read at other places than its own.
static void mark_operands(tt_groups *g, uint32_t node)
{
    uint32_t base =
        g->how[node] == TT_LOWERED_PRODUCT && tt_graph_node(g->graph, node)->op == TT_OP_TRANSPOSE
            ? tt_graph_inputs(g->graph, node)[0].node
            : node;
    const tt_unpool *unpool = g->unpool[node];
    const tt_value *read = unpool != NULL ? unpool->read : tt_graph_inputs(g->graph, base);
    unsigned count = unpool != NULL ? 3 : tt_graph_node(g->graph, base)->input_count;
    for (unsigned i = 0; i < count && !tt_is_none(read[i]); i++)
        g->stored[tt_behind(g, read[i]).node] = true;
}

// Units of what reads no group and makes a few numbers; first only told, for what waits. Where they
// came in their order, their readers could join no group before them.
static void place_early(tt_groups *g, bool tell)
{
    const tt_graph *graph = g->graph;
    for (uint32_t node = 0; node < tt_graph_count(graph); node++) {
        const tt_operation *n = tt_graph_node(graph, node);
        bool free = g->how[node] == TT_LOWERED_FREE;
        bool early = n->op != TT_OP_AFTER && (n->op == TT_OP_BUFFER || n->input_count > 0) &&
                     g->how[node] != TT_LOWERED_INLINE && g->how[node] != TT_LOWERED_PRODUCT &&
                     g->how[node] != TT_LOWERED_POOL &&
                     !(free && (tell || tt_groups_is_sum((tt_op)n->op)));
        for (unsigned i = 0; early && i < n->input_count; i++)
            early = g->early_made[tt_graph_inputs(graph, node)[i].node];
        for (unsigned i = 0; early && i < n->output_count && n->op != TT_OP_BUFFER; i++)
            early = tt_type_count(tt_graph_type(graph, (tt_value){node, (uint16_t)i})) <= FEW;
        g->early_made[node] = early;
        if (!early || tell)
            continue;
        if (g->how[node] == TT_LOWERED_OWN)
            g->unit_of[node] = add_unit(g, false, node);
        else if (free)
            place_free(g, node);
    }
    if (!tell)
        g->early = g->unit_count;
}

// What a group reads of others must be stored.
static void mark_stored(tt_groups *g, uint32_t node)
{
    const tt_operation *n = tt_graph_node(g->graph, node);
    for (unsigned i = 0; i < n->input_count; i++) {
        tt_value value = tt_graph_inputs(g->graph, node)[i], behind = tt_behind(g, value);
        bool other = g->unit_of[behind.node] != g->unit_of[node] ||
                     g->how[node] == TT_LOWERED_SHARED || !tt_same(tt_straight(g, value), behind);
        if (other && g->how[value.node] != TT_LOWERED_SHARED)
            g->stored[behind.node] = true;
    }
}

static int by_number(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return one < other ? -1 : one > other;
}

// In their order, each once; but a product or a pool, which joined first, stays before what waited
// for one of its readers.
static void sort_members(tt_groups *g, tt_group *group)
{
    uint32_t *member = &g->member[group->first], count = group->product || group->pool;
    qsort(member + count, group->count - count, sizeof(*member), by_number);
    for (uint32_t i = count; i < group->count; i++)
        if (count == 0 || member[i] != member[count - 1])
            member[count++] = member[i];
    group->count = count;
}

static void list_members(tt_groups *g)
{
    uint32_t at = 0, first_copy;
    for (uint32_t i = 0; i < g->copy_count; i++) { // lists of them, by group
        g->copy[i].next = g->last_copy[g->copy[i].group];
        g->last_copy[g->copy[i].group] = i + 1;
    }
    for (uint32_t i = 0; i < g->group_count; i++) {
        uint32_t node = g->group[i].first;
        g->group[i].first = at;
        for (; node != UINT32_MAX; node = g->next[node])
            g->member[at++] = node;
        for (first_copy = g->last_copy[i]; first_copy != 0;
             first_copy = g->copy[first_copy - 1].next)
            g->member[at++] = g->copy[first_copy - 1].node;
        g->group[i].count = at - g->group[i].first;
        sort_members(g, &g->group[i]);
    }
}

static void mark_second(tt_groups *g)
{
    for (uint32_t node = 0; node < tt_graph_count(g->graph); node++)
        for (unsigned i = 0; i < tt_graph_node(g->graph, node)->input_count; i++)
            if (tt_graph_inputs(g->graph, node)[i].output == 1)
                g->second[tt_graph_inputs(g->graph, node)[i].node] = true;
    for (uint32_t i = 0; i < tt_graph_result_count(g->graph); i++)
        if (tt_graph_result_at(g->graph, i)->value.output == 1)
            g->second[tt_graph_result_at(g->graph, i)->value.node] = true;
    for (uint32_t i = 0; i < tt_graph_assign_count(g->graph); i++)
        if (tt_graph_assign_at(g->graph, i)->value.output == 1)
            g->second[tt_graph_assign_at(g->graph, i)->value.node] = true;
}

bool tt_groups_make(tt_groups *groups, const tt_graph *graph, const tt_grouping *grouping)
{
    uint32_t nodes = tt_graph_count(graph);
    const tt_lowered *how = grouping->how;
    *groups = (tt_groups){.graph = graph,
                          .apart = grouping->apart,
                          .wide = grouping->wide,
                          .shared = grouping->shared,
                          .how = grouping->how,
                          .stored = grouping->stored,
                          .unpool = grouping->unpool,
                          .second = calloc(nodes + 1, sizeof(bool)),
                          .blocked = calloc(tt_values_of(graph) + 1, sizeof(bool)),
                          .unit_of = calloc(nodes + 1, sizeof(uint32_t)),
                          .unit = calloc(nodes + 2, sizeof(tt_unit)),
                          .group = calloc(nodes + 1, sizeof(tt_group)),
                          .member = calloc(2 * (size_t)nodes + 1, sizeof(uint32_t)),
                          .next = calloc(nodes + 1, sizeof(uint32_t)),
                          .last = calloc(nodes + 1, sizeof(uint32_t)),
                          .reader = calloc(nodes + 1, sizeof(uint32_t)),
                          .early_made = calloc(nodes + 1, sizeof(bool)),
                          .copies_left = calloc(nodes + 1, sizeof(uint8_t)),
                          .copy = calloc(nodes + 1, sizeof(tt_group_copy)),
                          .copies_free = nodes,
                          .last_copy = calloc(nodes + 1, sizeof(uint32_t)),
                          .early = 1};
    if (groups->second == NULL || groups->blocked == NULL || groups->unit_of == NULL ||
        groups->unit == NULL || groups->group == NULL || groups->member == NULL ||
        groups->next == NULL || groups->last == NULL || groups->reader == NULL ||
        groups->early_made == NULL || groups->copies_left == NULL || groups->copy == NULL ||
        groups->last_copy == NULL)
        return false;
    groups->unit_count = 1; // 0: leaves
    mark_second(groups);
    for (uint32_t at = nodes; at > 0; at--) {
        uint32_t node = at - 1;
        const tt_operation *n = tt_graph_node(graph, node);
        if (how[node] == TT_LOWERED_FREE && tt_groups_is_sum((tt_op)n->op) &&
            tt_groups_split_of(graph, node) < 0)
            mark_inline(groups, grouping->uses, node, tt_graph_inputs(graph, node)[0].node);
    }
    place_early(groups, true);
    if (!grouping->apart && !tt_groups_mark_waiting(groups, grouping->uses))
        return false;
    place_early(groups, false);
    for (uint32_t node = 0; node < nodes; node++) {
        if (how[node] == TT_LOWERED_OWN && groups->unit_of[node] == 0)
            groups->unit_of[node] = add_unit(groups, false, node);
        else if (how[node] == TT_LOWERED_FREE && groups->unit_of[node] == 0)
            place_free(groups, node);
        else if (how[node] == TT_LOWERED_PRODUCT || how[node] == TT_LOWERED_POOL)
            place_first(groups, node);
    }
    for (uint32_t node = 0; node < nodes; node++)
        if (how[node] == TT_LOWERED_FREE || how[node] == TT_LOWERED_INLINE ||
            how[node] == TT_LOWERED_SHARED)
            mark_stored(groups, node);
        else if (how[node] == TT_LOWERED_PRODUCT || how[node] == TT_LOWERED_POOL)
            mark_operands(groups, node);
    list_members(groups);
    return grouping->apart || tt_groups_block(groups, grouping);
}

void tt_groups_free(tt_groups *groups)
{
    free(groups->second);
    free(groups->blocked);
    free(groups->unit_of);
    free(groups->unit);
    free(groups->group);
    free(groups->member);
    free(groups->next);
    free(groups->last);
    free(groups->reader);
    free(groups->early_made);
    free(groups->copies_left);
    free(groups->copy);
    free(groups->last_copy);
}
