// A doubly linked list through a member of its elements; it allocates nothing.
//
// The list is a ring through a head node, so neither end is a special case. A node that is in no
// list points at itself after tt_list_remove or tt_list_init.

#ifndef TUTTI_LIST_H
#define TUTTI_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tt_list {
    struct tt_list *next;
    struct tt_list *previous;
} tt_list;

static inline void tt_list_init(tt_list *node)
{
    node->next = node;
    node->previous = node;
}

static inline bool tt_list_empty(const tt_list *head)
{
    return head->next == head;
}

// Puts `node` directly before `place`; before the head means at the end of the list.
static inline void tt_list_insert_before(tt_list *place, tt_list *node)
{
    node->next = place;
    node->previous = place->previous;
    place->previous->next = node;
    place->previous = node;
}

static inline void tt_list_append(tt_list *head, tt_list *node)
{
    tt_list_insert_before(head, node);
}

static inline void tt_list_remove(tt_list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    tt_list_init(node);
}

#endif
