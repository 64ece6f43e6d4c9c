// A heap of what is due: the earliest first, and of one time the one with the lowest number.
//
// An item is part of what is due and belongs to its owner; it can be moved to another time and
// taken out again without a search, since it knows its place.

#ifndef TUTTI_SIM_HEAP_H
#define TUTTI_SIM_HEAP_H

#include <stddef.h>

#include "tutti/time.h"

typedef struct tt_heap_item {
    tt_time when;
    uint64_t number;
    size_t place; // in the heap, from 1; 0: in none
} tt_heap_item;

typedef struct tt_heap {
    struct tt_heap_entry {
        tt_time when; // the item's, so that looking for a place touches no item
        uint64_t number;
        tt_heap_item *item;
    } * entries; // the first has no use
    size_t count, room;
} tt_heap;

// A heap that is all zero is empty. Ends it; items that are in it may not be used any more.
void tt_heap_free(tt_heap *heap);

// Puts an item in, or moves one that is in it.
void tt_heap_set(tt_heap *heap, tt_heap_item *item, tt_time when, uint64_t number);
// Takes an item out, where it is in.
void tt_heap_remove(tt_heap *heap, tt_heap_item *item);

// NULL where there is none.
static inline tt_heap_item *tt_heap_first(const tt_heap *heap)
{
    return heap->count > 0 ? heap->entries[1].item : NULL;
}

#endif
