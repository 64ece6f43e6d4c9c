// The table of members of a product with memory to spare: included by the one file that has the
// product's table, which says how many it keeps.

#ifndef TUTTI_PRODUCT_MEMBERS_H
#define TUTTI_PRODUCT_MEMBERS_H

#include "tutti/members.h"

#ifndef TT_PRODUCT_MEMBERS
#define TT_PRODUCT_MEMBERS 256
#endif

static tt_members *prepare_members(void)
{
    static tt_member places[TT_PRODUCT_MEMBERS];
    static uint16_t heads[2 * TT_PRODUCT_MEMBERS];
    static tt_members members;
    tt_members_init(&members, places, heads, TT_PRODUCT_MEMBERS);
    return &members;
}

#endif
