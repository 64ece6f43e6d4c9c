// The table of operations as one list, and what all rows share.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ai/graph/row.h"
#include "tutti/check.h"

static const struct {
    tt_op first;
    const tt_row *rows;
} families[] = {
    {TT_OP_BUFFER, tt_leaf_rows},        {TT_OP_CONVERT, tt_element_rows},
    {TT_OP_RESHAPE, tt_movement_rows},   {TT_OP_SUM, tt_reduce_rows},
    {TT_OP_MATMUL, tt_product_rows},     {TT_OP_POOL_SUM, tt_pool_rows},
    {TT_OP_GATHER, tt_index_rows},       {TT_OP_REQUANTISE, tt_quantised_rows},
    {TT_OP_LOOP, tt_control_rows},       {TT_OP_SORT, tt_host_rows},
    {TT_OP_DETERMINANT, tt_matrix_rows},
};

const tt_row *tt_row_of(tt_op op)
{
    TT_CHECK((unsigned)op < TT_OP_COUNT);
    unsigned family = TT_COUNT(families) - 1;
    while (families[family].first > op)
        family--;
    return &families[family].rows[op - families[family].first];
}

const char *tt_op_name(tt_op op)
{
    return tt_row_of(op)->name;
}

bool tt_op_find(const char *name, tt_op *op)
{
    for (int i = 0; i < TT_OP_COUNT; i++)
        if (strcmp(tt_op_name((tt_op)i), name) == 0) {
            *op = (tt_op)i;
            return true;
        }
    return false;
}

bool tt_row_attributes(const tt_row *row, const int64_t *words, unsigned word_count,
                       tt_words attribute[TT_ATTRIBUTES_MAX])
{
    unsigned at = 0;
    for (unsigned i = 0; i < TT_ATTRIBUTES_MAX; i++) {
        attribute[i] = (tt_words){NULL, 0};
        if (row->attributes[i].name == NULL)
            break;
        if (at >= word_count)
            return false;
        unsigned count = 1;
        if (row->attributes[i].kind == TT_ATTRIBUTE_LIST) {
            if (words[at] < 0 || words[at] > (int64_t)(word_count - at - 1))
                return false;
            count = (unsigned)words[at++];
        } else if (row->attributes[i].kind == TT_ATTRIBUTE_ELEMENT &&
                   (words[at] < 0 || words[at] >= TT_ELEMENT_COUNT)) {
            return false;
        }
        attribute[i] = (tt_words){words + at, count};
        at += count;
    }
    return at == word_count;
}

bool tt_axis(int64_t axis, unsigned rank, unsigned *result)
{
    if (axis < 0)
        axis += rank;
    if (axis < 0 || axis >= (int64_t)rank)
        return false;
    *result = (unsigned)axis;
    return true;
}

void tt_words_number(tt_word_list *list, int64_t number)
{
    TT_CHECK(list->count < TT_WORD_LIST_MAX);
    list->word[list->count++] = number;
}

void tt_words_list(tt_word_list *list, unsigned count, const int64_t *items)
{
    tt_words_number(list, count);
    for (unsigned i = 0; i < count; i++)
        tt_words_number(list, items[i]);
}

tt_status tt_work_fail(tt_work *work, const char *format, ...)
{
    char sentence[256];
    const tt_origin *origin = tt_graph_origin_of(work->graph, work->node);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    tt_text_add(work->why, work->row->name);
    if (origin != NULL) {
        tt_text_add(work->why, " (");
        tt_text_add(work->why, origin->name);
        if (origin->place != NULL) {
            tt_text_add(work->why, ", ");
            tt_text_add(work->why, origin->place);
        }
        tt_text_add(work->why, ")");
    } else {
        tt_text_add(work->why, " (node ");
        tt_text_add_unsigned(work->why, work->node);
        tt_text_add(work->why, ")");
    }
    tt_text_add(work->why, ": ");
    tt_text_add(work->why, sentence);
    return TT_INVALID;
}

uint64_t tt_cost_multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t tt_cost_add(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

int64_t tt_type_count(const tt_type *type)
{
    int64_t count = 1;
    for (unsigned i = 0; i < type->rank; i++)
        count *= type->size[i];
    return count;
}

bool tt_type_equal(const tt_type *a, const tt_type *b)
{
    return a->element == b->element && a->rank == b->rank &&
           memcmp(a->size, b->size, sizeof(a->size)) == 0; // not what lies between the fields
}

const char *tt_type_text(const tt_type *type, char text[TT_TYPE_TEXT_BYTES])
{
    int used = snprintf(
        text, TT_TYPE_TEXT_BYTES, "%s[",
        type->element < TT_ELEMENT_COUNT ? tt_element_name((tt_element)type->element) : "?");
    for (unsigned i = 0; i < type->rank && i < TT_RANK_MAX; i++)
        used += snprintf(text + used, TT_TYPE_TEXT_BYTES - (size_t)used, i > 0 ? ",%lld" : "%lld",
                         (long long)type->size[i]);
    snprintf(text + used, TT_TYPE_TEXT_BYTES - (size_t)used, "]");
    return text;
}
