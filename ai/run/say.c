// What sentences and reports say of nodes and of numbers.

#include <string.h>

#include "ai/run/session_internal.h"
#include "tutti/compare.h"

void tt_add_node(tt_text *text, const tt_graph *graph, uint32_t node)
{
    const tt_origin *origin = tt_graph_origin_of(graph, node);
    tt_text_add(text, tt_op_name((tt_op)tt_graph_node(graph, node)->op));
    tt_text_add(text, " (");
    if (origin != NULL) {
        tt_text_add(text, origin->name);
        tt_text_add(text, origin->place != NULL ? ", " : "");
        tt_text_add(text, origin->place != NULL ? origin->place : "");
    } else {
        tt_text_add(text, "node ");
        tt_text_add_unsigned(text, node);
    }
    tt_text_add(text, ")");
}

void tt_add_place(tt_text *text, const tt_type *type, int64_t place)
{
    int64_t at[TT_RANK_MAX];
    for (unsigned i = type->rank; i > 0; i--) {
        at[i - 1] = type->size[i - 1] > 0 ? place % type->size[i - 1] : 0;
        place = type->size[i - 1] > 0 ? place / type->size[i - 1] : place;
    }
    for (unsigned i = 0; i < type->rank; i++) {
        tt_text_add(text, i == 0 ? "[" : ",");
        tt_text_add_signed(text, at[i]);
    }
    tt_text_add(text, type->rank > 0 ? "]" : "");
}

// Infinities and what is no number have all bits of the exponent set, and nothing else has.
#define ALL_FINITE(word, exponent)                                                                 \
    do {                                                                                           \
        const char *from = data;                                                                   \
        word bad = 0;                                                                              \
        for (int64_t i = 0; i < count; i++) {                                                      \
            word bits;                                                                             \
            memcpy(&bits, from + i * (int64_t)sizeof(bits), sizeof(bits));                         \
            bad |= (word)((bits & (exponent)) == (exponent));                                      \
        }                                                                                          \
        return bad == 0;                                                                           \
    } while (0)

bool tt_all_finite(tt_element element, const void *data, int64_t count)
{
    switch (element) {
    case TT_F64:
        ALL_FINITE(uint64_t, (uint64_t)0x7ff << 52);
    case TT_F32:
        ALL_FINITE(uint32_t, (uint32_t)0xff << 23);
    case TT_BF16:
        ALL_FINITE(uint16_t, (uint16_t)(0xff << 7));
    case TT_F16:
        ALL_FINITE(uint16_t, (uint16_t)(0x1f << 10));
    default:
        return true;
    }
}
