// Groups: nodes that become one form, and the form that they become.
//
// Steps of a program are units, numbered in the order in which they run: groups, and nodes that
// have a step of their own. A group is grown forwards: a node joins the group of the last unit
// that it reads, where it computes element by element what has the same shape, or where it
// reduces that shape's last axes; so no unit ever reads a later one. A node that reads no group
// joins one that reads the same buffer. What numbers of a few elements are made of buffers alone,
// by steps of their own (an optimiser's rate), comes before all groups. Where a group reduces, what
// it computes lies in rows: the axes before are walked once, and those that are reduced are walked
// again for everything that needs the result. A product or a greatest pool begins a group, which
// only what has its shape joins. Nothing is stored but what others read.
//
// What a group reads through transposes, slices, flips and broadcasts it reads where it lies.
// What is only read once, by a sum over other axes than the last, is computed where it is summed;
// what takes no longer to compute than to load is computed by each group that reads it.

#ifndef TUTTI_AI_GROUP_H
#define TUTTI_AI_GROUP_H

#include "ai/graph/row.h"
#include "ai/lower/form.h"

typedef struct tt_group {
    uint32_t first, count; // of the members, in tt_groups.member; in order behind a product or pool
    uint32_t sums;         // among them
    tt_type domain;        // the shape of most members; the element says nothing
    int split;             // the first axis that is reduced; -1: none is
    bool product;          // the first member is a product: tt_is_product
    bool pool;             // or a greatest pool, or the gradient of one
    bool across; // one sum over other axes than the last; members before it are part of it
} tt_group;

// How a node runs.
typedef enum tt_lowered {
    TT_LOWERED_NOT,     // not needed, or part of another's step
    TT_LOWERED_OWN,     // by a step of its own
    TT_LOWERED_FREE,    // may join a group: tt_can_lower
    TT_LOWERED_PRODUCT, // begins a group: tt_is_product
    TT_LOWERED_POOL,    // begins a group: tt_is_pool, or the gradient of one
    TT_LOWERED_INLINE,  // is computed where it is read first
    TT_LOWERED_SHARED,  // the same, by each group that reads it
    TT_LOWERED_SEEN,    // a movement that only groups look through
} tt_lowered;

// What the gradient of a greatest pool is made of: which elements were chosen, what is sent back to
// them, and, unless it is none, what the pool made, above 0 where anything is.
typedef struct tt_unpool {
    tt_value read[3];
} tt_unpool;

typedef struct tt_unit {
    bool is_group;
    uint32_t index; // of a group, or the node
} tt_unit;

// A node that is a member of this group besides others; copies of a group are a list.
typedef struct tt_group_copy {
    uint32_t group, node, next; // + 1; 0: the last
} tt_group_copy;

typedef struct tt_groups {
    const tt_graph *graph;
    bool apart, wide, shared;
    tt_lowered *how;   // by node; told by who asks, FREE becomes INLINE where it is
    bool *stored;      // by node: its outputs have places; set for what groups read or others do
    uint32_t *unit_of; // by node: the unit that it is part of; of INLINE 0, of SHARED the last read
    const tt_unpool *const *unpool; // by node: what the gradient of a pool reads, or NULL
    bool *blocked; // by value: stored in blocks of 16 images, of which each element has 16 side by
                   // side; see tt_groups_block
    bool *second;  // by node: its second output is read
    tt_unit *unit; // in order
    uint32_t unit_count; //
    tt_group *group;
    uint32_t group_count;
    uint32_t *member;      // nodes, by group
    uint32_t *next, *last; // by node, by group: lists while they grow
    uint32_t *reader;      // by node: the last unit of a group that reads it, of buffers; 0: none
    tt_group_copy *copy;
    uint32_t copy_count, copies_free;
    uint32_t *last_copy;  // by group, + 1
    uint8_t *copies_left; // by node: how often it is read, where all that read it could compute it
    bool *early_made;     // by node: it is made of buffers alone, before all other groups
    uint32_t early;       // units before this one make it
} tt_groups;

// Whether a node's operation, types and sizes are such that a form can compute it.
bool tt_can_lower(const tt_graph *graph, uint32_t node);
bool tt_is_pool(const tt_graph *graph, uint32_t node);       // a greatest one, of f32
bool tt_looks_through(const tt_graph *graph, uint32_t node); // transpose, slice, flip, broadcast

// Makes groups of what is FREE, a PRODUCT or a POOL. `how`, `stored` and `unpool` are by node, uses
// count how often each node is read, and these arrays stay the caller's; apart: each node is a
// group. False without memory.
typedef struct tt_grouping {
    tt_lowered *how;
    bool *stored;
    const uint32_t *uses;
    const tt_unpool *const *unpool;
    const bool *read; // by node: by a step of its own, or it is a result
    bool apart;
    bool wide;   // a register holds 16 lanes, and there are 32 of them; else 8, and 16
    bool shared; // several threads take turns of a form; else as few turns as are quickest for one
} tt_grouping;
bool tt_groups_make(tt_groups *groups, const tt_graph *graph, const tt_grouping *grouping);
void tt_groups_free(tt_groups *groups);

// Where a value stands among all outputs of all nodes.
static inline uint32_t tt_value_place(const tt_graph *graph, tt_value value)
{
    return tt_graph_node(graph, value.node)->types + value.output;
}

static inline uint32_t tt_values_of(const tt_graph *graph)
{
    uint32_t nodes = tt_graph_count(graph);
    return nodes == 0 ? 0
                      : tt_value_place(graph, (tt_value){nodes - 1, 0}) +
                            tt_graph_node(graph, nodes - 1)->output_count;
}

// Chooses what is stored in blocks of images: where convolutions of a batch have too few channels
// for the lanes, and nothing reads images otherwise than one by one. False without memory.
bool tt_groups_block(tt_groups *groups, const tt_grouping *grouping);

// A group's form. Its buffers are what it reads and then what it writes, values without views.
typedef struct tt_fused {
    tt_form form;
    tt_value *values; // reads, then writes, then what a chain makes and reads in local memory
    uint32_t *nodes;  // the members
    uint32_t node_count;
    uint32_t read_count, write_count, between_count;
    // Of a chain: what it writes that may lie over what its links keep near, where that is cut into
    // the same blocks; or TT_NONE.
    tt_value over;
    struct {
        int64_t size, block;
    } over_digit[TT_RANK_MAX + 1];
    int64_t turns; // of the split axis; 1 where there is none
    uint64_t cost; // instructions times elements, about
} tt_fused;

// False without memory; what was made must be freed either way.
bool tt_fuse(const tt_groups *groups, uint32_t group, tt_fused *fused);
void tt_fused_free(tt_fused *fused);

// The value whose elements `value` is made of, behind views and movements.
tt_value tt_behind(const tt_groups *groups, tt_value value);
// The same behind broadcasts and what is itself only: a group's member reads it at its own place.
tt_value tt_straight(const tt_groups *groups, tt_value value);

#endif
