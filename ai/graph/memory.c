// What graphs are kept in: arrays that grow, blocks that are freed with them, indices by hash.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/graph_internal.h"

struct tt_block {
    tt_block *next;
    _Alignas(64) unsigned char bytes[];
};

void *tt_graph_allocate(tt_graph *graph, size_t bytes)
{
    void *memory = NULL;
    if (bytes > SIZE_MAX / 2 ||
        posix_memalign(&memory, _Alignof(tt_block), sizeof(tt_block) + bytes) != 0) {
        tt_graph_fail(graph, TT_FULL, "no memory for %zu bytes of a graph", bytes);
        return NULL;
    }
    tt_block *block = memory;
    block->next = graph->blocks;
    graph->blocks = block;
    return block->bytes;
}

#define TEXT_BYTES 1024 // of a block that strings share

const char *tt_graph_keep(tt_graph *graph, const char *string)
{
    size_t bytes = strlen(string) + 1;
    if (bytes > graph->text_room) {
        size_t room = bytes > TEXT_BYTES ? bytes : TEXT_BYTES;
        char *block = tt_graph_allocate(graph, room);
        if (block == NULL)
            return NULL;
        graph->text = block;
        graph->text_room = room;
    }
    char *copy = memcpy(graph->text, string, bytes);
    graph->text += bytes;
    graph->text_room -= bytes;
    return copy;
}

bool tt_graph_grow(tt_graph *graph, void *array, uint32_t *capacity, uint32_t count, uint32_t more,
                   size_t bytes)
{
    void **old = array;
    uint64_t wanted = *capacity > 0 ? *capacity : 16;
    while (wanted < (uint64_t)count + more)
        wanted *= 2;
    if (wanted == *capacity)
        return true;
    void *grown = wanted < UINT32_MAX ? realloc(*old, wanted * bytes) : NULL;
    if (grown == NULL)
        return tt_graph_fail(graph, TT_FULL, "no memory for a graph of %u nodes",
                             graph->node_count);
    *old = grown;
    *capacity = (uint32_t)wanted;
    return true;
}

uint64_t tt_hash(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 0x100000001b3; // FNV-1a
    return hash;
}

// FNV's low bits are weak; the slot is taken from all of them.
static uint32_t slot_of(uint64_t hash, uint32_t capacity)
{
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15;
    return (uint32_t)(hash >> 32) & (capacity - 1);
}

uint32_t tt_index_find(const tt_index *index, uint64_t hash,
                       bool (*same)(const void *context, uint32_t entry), const void *context)
{
    if (index->capacity == 0)
        return UINT32_MAX;
    for (uint32_t at = slot_of(hash, index->capacity); index->slot[at] != 0;
         at = (at + 1) & (index->capacity - 1))
        if (same(context, index->slot[at] - 1))
            return index->slot[at] - 1;
    return UINT32_MAX;
}

static void put(tt_index *index, uint64_t hash, uint32_t entry)
{
    uint32_t at = slot_of(hash, index->capacity);
    while (index->slot[at] != 0)
        at = (at + 1) & (index->capacity - 1);
    index->slot[at] = entry + 1;
}

bool tt_index_add(tt_graph *graph, tt_index *index, uint64_t hash, uint32_t entry,
                  uint64_t (*hash_of)(const void *context, uint32_t entry), const void *context)
{
    if (2 * (uint64_t)(index->count + 1) > index->capacity) { // at most half full
        tt_index grown = {.capacity = index->capacity > 0 ? 2 * index->capacity : 64};
        grown.slot = calloc(grown.capacity, sizeof(grown.slot[0]));
        if (grown.slot == NULL)
            return tt_graph_fail(graph, TT_FULL, "no memory for a graph of %u nodes",
                                 graph->node_count);
        for (uint32_t i = 0; i < index->capacity; i++)
            if (index->slot[i] != 0)
                put(&grown, hash_of(context, index->slot[i] - 1), index->slot[i] - 1);
        grown.count = index->count;
        free(index->slot);
        *index = grown;
    }
    put(index, hash, entry);
    index->count++;
    return true;
}

tt_graph *tt_graph_new(void)
{
    return calloc(1, sizeof(tt_graph));
}

void tt_graph_free(tt_graph *graph)
{
    if (graph == NULL || graph->owned)
        return;
    for (uint32_t i = 0; i < graph->body_count; i++) {
        graph->bodies[i]->owned = false;
        tt_graph_free(graph->bodies[i]); // at most TT_DEPTH_MAX deep
    }
    while (graph->blocks != NULL) {
        tt_block *block = graph->blocks;
        graph->blocks = block->next;
        free(block);
    }
    free(graph->nodes);
    free(graph->origin_of);
    free(graph->inputs);
    free(graph->types);
    free(graph->words);
    free(graph->buffers);
    free(graph->bodies);
    free(graph->results);
    free(graph->assigns);
    free(graph->origins);
    free(graph->equal.slot);
    free(graph->named.slot);
    free(graph->named_results.slot);
    free(graph->known_origins.slot);
    free(graph);
}
