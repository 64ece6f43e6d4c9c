// Leaves: buffers, whose bytes lie elsewhere; counting along an axis; random bits by counting.

#include <string.h>

#include "ai/graph/graph_internal.h"

static bool buffer_type(tt_rule *rule)
{
    int64_t at = rule->attribute[0].word[0];
    if (at < 0 || at >= rule->graph->buffer_count)
        return tt_rule_fail(rule, "there is no buffer %lld", (long long)at);
    if (!tt_is_none(rule->graph->buffers[at].value)) // a leaf is one node
        return tt_rule_fail(rule, "buffer %lld is there already", (long long)at);
    rule->out[0] = rule->graph->buffers[at].type;
    return true;
}

// An element type and sizes, as attributes.
static bool attributed_type(tt_rule *rule, tt_element element, const tt_words *sizes)
{
    if (sizes->count > TT_RANK_MAX)
        return tt_rule_fail(rule, "rank %u, but ranks go to %d", sizes->count, TT_RANK_MAX);
    rule->out[0] = (tt_type){.element = (uint8_t)element, .rank = (uint8_t)sizes->count};
    if (sizes->count > 0)
        memcpy(rule->out[0].size, sizes->word, sizes->count * sizeof(sizes->word[0]));
    return true;
}

static bool iota_type(tt_rule *rule)
{
    tt_words axis = rule->attribute[2];
    if (!attributed_type(rule, (tt_element)rule->attribute[0].word[0], &rule->attribute[1]))
        return false;
    if (axis.word[0] < 0 || axis.word[0] >= rule->out[0].rank)
        return tt_rule_fail(rule, "there is no axis %lld in rank %u", (long long)axis.word[0],
                            rule->out[0].rank);
    return rule->out[0].element != TT_BOOL || tt_rule_fail(rule, "bools do not count");
}

static tt_status iota_reference(tt_work *work)
{
    const tt_type *type = &work->out[0].type;
    int64_t count = tt_type_count(type), inner = 1;
    for (unsigned i = (unsigned)work->attribute[2].word[0] + 1; i < type->rank; i++)
        inner *= type->size[i];
    for (int64_t i = 0; i < count; i++) {
        tt_cell place = {.i = i / inner % type->size[work->attribute[2].word[0]]};
        work->out[0].cells[i] = tt_cell_convert(TT_I64, (tt_element)type->element, place);
    }
    return TT_OK;
}

static bool random_type(tt_rule *rule)
{
    const tt_type *key = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (key->element != TT_U64 || key->rank != 0)
        return tt_rule_fail(rule, "the key is %s, expects u64[]", tt_type_text(key, text));
    int64_t stream = rule->attribute[0].word[0];
    if (stream < 0 || stream == INT64_MAX)
        return tt_rule_fail(rule, "there is no stream %lld", (long long)stream);
    if (rule->graph->streams <= stream)
        rule->graph->streams = stream + 1; // the next builder's is another
    return attributed_type(rule, TT_U32, &rule->attribute[1]);
}

// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// 2011): four words for each counter, here the place of four elements and the stream.
static void philox(uint64_t key, uint64_t stream, uint64_t place, uint32_t word[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    word[0] = (uint32_t)place;
    word[1] = (uint32_t)(place >> 32);
    word[2] = (uint32_t)stream;
    word[3] = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53 * word[0], b = (uint64_t)0xcd9e8d57 * word[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ word[1] ^ k0, (uint32_t)b,
                            (uint32_t)(a >> 32) ^ word[3] ^ k1, (uint32_t)a};
        memcpy(word, next, sizeof(next));
        k0 += 0x9e3779b9;
        k1 += 0xbb67ae85;
    }
}

static tt_status random_reference(tt_work *work)
{
    int64_t count = tt_type_count(&work->out[0].type);
    uint32_t word[4] = {0};
    for (int64_t i = 0; i < count; i++) {
        if (i % 4 == 0)
            philox(work->in[0].cells[0].u, (uint64_t)work->attribute[0].word[0], (uint64_t)i / 4,
                   word);
        work->out[0].cells[i].u = word[i % 4];
    }
    return TT_OK;
}

const tt_row tt_leaf_rows[] = {
    {.name = "buffer",
     .flags = TT_ROW_IMPURE | TT_ROW_MOVEMENT,
     .attributes = {{"buffer", TT_ATTRIBUTE_NUMBER}},
     .type = buffer_type,
     .help = "an input, parameter, state or constant"},
    {.name = "iota",
     .attributes = {{"element", TT_ATTRIBUTE_ELEMENT},
                    {"sizes", TT_ATTRIBUTE_LIST},
                    {"axis", TT_ATTRIBUTE_NUMBER}},
     .type = iota_type,
     .reference = iota_reference,
     .constant = true,
     .help = "each element's place along an axis"},
    {.name = "random",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"stream", TT_ATTRIBUTE_NUMBER}, {"sizes", TT_ATTRIBUTE_LIST}},
     .type = random_type,
     .reference = random_reference,
     .constant = true,
     .help = "u32 bits by Philox4x32-10 from a key, a stream number and the element's place"},
};
