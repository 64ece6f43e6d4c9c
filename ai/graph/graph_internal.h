// What a graph is in memory; for graph.c, names.c and those that copy graphs whole.

#ifndef TUTTI_AI_GRAPH_INTERNAL_H
#define TUTTI_AI_GRAPH_INTERNAL_H

#include "ai/graph/row.h"

#define TT_DEPTH_MAX 16 // of bodies in bodies: what walks them may recurse

typedef struct tt_block tt_block;

// An index by hash: open addressing, entries are numbers + 1, 0 is free; a power of two long.
typedef struct tt_index {
    uint32_t *slot;
    uint32_t capacity, count;
} tt_index;

typedef struct tt_origin_entry {
    tt_origin origin;
    uint32_t next; // of the same node, + 1
    uint32_t last; // of a node's first: the node's last
} tt_origin_entry;

struct tt_graph {
    tt_operation *nodes;
    uint32_t *origin_of; // by node: its first origin, + 1
    tt_value *inputs;
    tt_type *types;
    int64_t *words;
    tt_buffer *buffers;
    tt_graph **bodies;
    tt_result *results;
    tt_assign *assigns;
    tt_origin_entry *origins;
    uint32_t node_count, input_count, type_count, word_count, buffer_count, body_count,
        result_count, assign_count, origin_count;
    uint32_t node_capacity, origin_of_capacity, input_capacity, type_capacity, word_capacity,
        buffer_capacity, body_capacity, result_capacity, assign_capacity, origin_capacity;
    // Nodes by what they are; buffers and results by their names; origins by what they say.
    tt_index equal, named, named_results, known_origins;
    tt_block *blocks; // names, constants
    char *text;       // where the next string goes
    size_t text_room; // and how many bytes there are
    const char *name, *place;
    int64_t streams; // of random bits, given out so far
    unsigned depth;  // of bodies below
    bool owned;      // a body of a node: freed with the node's graph
    tt_status status;
    char error[512];
};

// Memory freed with the graph, aligned for every element; NULL after a failure of the graph.
void *tt_graph_allocate(tt_graph *graph, size_t bytes);
const char *tt_graph_keep(tt_graph *graph, const char *string); // a copy; NULL likewise

// Room for `more` entries; false after a failure of the graph.
bool tt_graph_grow(tt_graph *graph, void *array, uint32_t *capacity, uint32_t count, uint32_t more,
                   size_t bytes);

uint64_t tt_hash(uint64_t hash, const void *bytes, size_t length);
// The entry for which same(context, entry) holds, or UINT32_MAX.
uint32_t tt_index_find(const tt_index *index, uint64_t hash,
                       bool (*same)(const void *context, uint32_t entry), const void *context);
// hash_of(context, entry) gives an entry's hash when the index grows.
bool tt_index_add(tt_graph *graph, tt_index *index, uint64_t hash, uint32_t entry,
                  uint64_t (*hash_of)(const void *context, uint32_t entry), const void *context);

// Whether values can be of this type, whose sizes beyond its rank become 0: every size at least 0
// (or -1 where the operation runs on the host), the product within the limit. Else a failure of the
// graph, of `what`.
bool tt_type_is_sound(tt_graph *graph, const char *what, tt_type *type, bool host);

// A node with bodies (NULL: none), which the graph takes over.
tt_value tt_apply_bodies(tt_graph *graph, tt_op op, unsigned input_count, const tt_value *inputs,
                         unsigned word_count, const int64_t *words, tt_graph *first,
                         tt_graph *second);

// Where a value stands among all outputs of all nodes.
static inline uint32_t tt_graph_place(const tt_graph *graph, tt_value value)
{
    return graph->nodes[value.node].types + value.output;
}

// Parts of copying a graph: map[place] is what a value of `from` became in `graph`. A node comes
// with copies of its bodies, and is none of a buffer.
tt_value tt_graph_copy_buffer(tt_graph *graph, const tt_buffer *buffer);
// Says where copies of a node come from first; notes all that it comes from at its copy.
void tt_graph_copy_origin(tt_graph *graph, const tt_graph *from, uint32_t node);
void tt_graph_copy_origins(tt_graph *graph, const tt_graph *from, uint32_t node, uint32_t copy);
tt_value tt_graph_copy_node(tt_graph *graph, const tt_graph *from, uint32_t node,
                            const tt_value *map);
void tt_graph_copy_results(tt_graph *graph, const tt_graph *from, const tt_value *map);
void tt_graph_copy_status(tt_graph *graph, const tt_graph *from); // and its sentence, at the end

#endif
