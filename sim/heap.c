// A binary heap whose items know their places.

#include "sim/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "tutti/check.h"

typedef struct tt_heap_entry entry;

static bool before(const entry *a, const entry *b)
{
    return a->when != b->when ? a->when < b->when : a->number < b->number;
}

static void put(tt_heap *heap, size_t place, entry e)
{
    heap->entries[place] = e;
    e.item->place = place;
}

static size_t rise(tt_heap *heap, size_t place, const entry *e)
{
    for (; place > 1 && before(e, &heap->entries[place / 2]); place /= 2)
        put(heap, place, heap->entries[place / 2]);
    return place;
}

static size_t sink(tt_heap *heap, size_t place, const entry *e)
{
    for (size_t child = 2 * place; child <= heap->count; child = 2 * place) {
        if (child < heap->count && before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!before(&heap->entries[child], e))
            break;
        put(heap, place, heap->entries[child]);
        place = child;
    }
    return place;
}

static void settle(tt_heap *heap, size_t place, entry e)
{
    size_t risen = rise(heap, place, &e);
    put(heap, risen < place ? risen : sink(heap, place, &e), e);
}

void tt_heap_set(tt_heap *heap, tt_heap_item *item, tt_time when, uint64_t number)
{
    if (item->place == 0) {
        if (heap->count + 2 > heap->room) {
            heap->room = heap->room > 0 ? 2 * heap->room : 64;
            heap->entries = realloc(heap->entries, heap->room * sizeof(heap->entries[0]));
            TT_CHECK(heap->entries != NULL);
        }
        item->place = ++heap->count;
    }
    item->when = when;
    item->number = number;
    settle(heap, item->place, (entry){when, number, item});
}

void tt_heap_remove(tt_heap *heap, tt_heap_item *item)
{
    if (item->place == 0)
        return;
    size_t place = item->place;
    entry last = heap->entries[heap->count--];
    if (last.item != item)
        settle(heap, place, last);
    item->place = 0;
}

void tt_heap_free(tt_heap *heap)
{
    free(heap->entries);
    *heap = (tt_heap){0};
}
