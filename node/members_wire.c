// Gossip as bytes: docs/wire.md, 9.
//
// Non-confirmable messages of CoAP with fixed heads, apart from the bus's sessions: what is said
// may come twice, late or never, and nothing is remembered of who said it. Whoever does not know
// the path answers 4.04.

#include <string.h>

#include "node/members.h"

#define VERSION 1
#define STATE_BITS 3 // of a word's first byte
#define HAS_INCARNATION 4
#define HAS_PORT 8
#define PLACE_BITS 0x30
#define PLACE_WHOLE 0x00 // 16 bytes
#define PLACE_NEAR 0x10  // the last 8; the first 8 as the word before
#define PLACE_IPV4 0x20  // 4 bytes
#define FILTER_HASHES 4
#define WORD_BYTES (1 + 8 + 2 + 2 + 16)

static const uint8_t question_options[] = {
    0xbb, '.', 'w', 'e', 'l', 'l', '-', 'k', 'n',  'o',
    'w',  'n', // Uri-Path
    0x07, 'm', 'e', 'm', 'b', 'e', 'r', 's', 0x11, TT_FORMAT_OCTETS,
    0xff};
static const uint8_t answer_options[] = {0xc1, TT_FORMAT_OCTETS, 0xff};

// ---- reading

static tt_status read_head(tt_gossip *g, tt_reader *r)
{
    uint8_t first = tt_read_u8(r), code = tt_read_u8(r);
    tt_read_be16(r); // ids mean nothing here
    g->token = tt_read_be32(r);
    if (r->failed || first != 0x54)
        return TT_NOT_FOUND;
    g->is_refusal = code >= TT_BAD_REQUEST;
    if (g->is_refusal)
        return TT_OK;
    g->is_answer = code == TT_CHANGED;
    const uint8_t *options = g->is_answer ? answer_options : question_options;
    size_t length = g->is_answer ? sizeof(answer_options) : sizeof(question_options);
    const uint8_t *found = tt_read_bytes(r, length);
    if (found == NULL || (!g->is_answer && code != TT_POST) || memcmp(found, options, length) != 0)
        return TT_NOT_FOUND;
    return TT_OK;
}

bool tt_gossip_next(tt_gossip *g, tt_endpoint *before, tt_member_word *word)
{
    tt_reader *r = &g->words;
    if (tt_reader_left(r) == 0)
        return false;
    uint8_t first = tt_read_u8(r);
    *word = (tt_member_word){.state = first & STATE_BITS, .id = tt_read_be64(r)};
    word->incarnation = first & HAS_INCARNATION ? tt_read_be16(r) : 0;
    word->endpoint.port = first & HAS_PORT ? tt_read_be16(r) : TT_BUS_PORT;
    uint8_t place = first & PLACE_BITS;
    size_t length = place == PLACE_WHOLE ? 16 : place == PLACE_NEAR ? 8 : 4;
    const uint8_t *bytes = tt_read_bytes(r, length);
    if (bytes == NULL)
        return true; // r->failed
    memcpy(word->endpoint.ip, before->ip, 16);
    if (place == PLACE_IPV4) {
        memset(word->endpoint.ip, 0, 10);
        memset(word->endpoint.ip + 10, 0xff, 2);
    }
    memcpy(word->endpoint.ip + 16 - length, bytes, length);
    *before = word->endpoint;
    r->failed |= first > 0x3f || place > PLACE_IPV4 || word->state > TT_MEMBER_GONE ||
                 word->id == 0 || word->endpoint.port == 0;
    return true;
}

// All words are read once before any is believed.
static bool words_are_whole(tt_gossip *g)
{
    tt_reader begin = g->words;
    tt_endpoint before = {0};
    tt_member_word word;
    unsigned count = 0;
    while (!g->words.failed && tt_gossip_next(g, &before, &word))
        count++;
    bool whole = !g->words.failed && count == g->word_count;
    g->words = begin;
    return whole;
}

tt_status tt_gossip_read(tt_gossip *g, const tt_datagram *datagram)
{
    tt_reader r;
    tt_reader_init(&r, datagram->data, datagram->length);
    *g = (tt_gossip){0};
    tt_status status = read_head(g, &r);
    if (status != TT_OK || g->is_refusal)
        return status;
    uint8_t version = tt_read_u8(&r);
    g->flags = tt_read_u8(&r);
    g->count = tt_read_be16(&r);
    g->digest = tt_read_be64(&r);
    if (g->flags & TT_GOSSIP_NAMED) {
        g->id = tt_read_be64(&r);
        g->incarnation = tt_read_be16(&r);
    }
    g->find = g->flags & TT_GOSSIP_FIND ? tt_read_be64(&r) : 0;
    g->word_count = tt_read_u8(&r);
    size_t length = tt_read_be16(&r); // of the words
    const uint8_t *words = tt_read_bytes(&r, length);
    if (words == NULL || version != VERSION || g->flags > TT_GOSSIP_FLAGS)
        return TT_MALFORMED;
    tt_reader_init(&g->words, words, length);
    g->filter_length = tt_reader_left(&r);
    g->filter = tt_read_bytes(&r, g->filter_length);
    bool filters = (g->flags & TT_GOSSIP_FILTER) != 0;
    if (filters != (g->filter_length > 0) || g->filter_length > TT_GOSSIP_PAYLOAD)
        return TT_MALFORMED;
    return words_are_whole(g) ? TT_OK : TT_MALFORMED;
}

// A filter of Bloom's: four bits for each, chosen by its word and the message's token, so that who
// is missed by chance is not missed by the next.
static size_t filter_bit(uint64_t mixed, uint32_t token, unsigned which, size_t bytes)
{
    uint64_t hash = (mixed ^ (uint64_t)token << 32 ^ token) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    uint32_t step = (uint32_t)(hash >> 32) | 1;
    return ((uint32_t)hash + which * step) % (uint32_t)(bytes * 8);
}

static bool filter_has(const uint8_t *filter, size_t bytes, uint64_t mixed, uint32_t token)
{
    for (unsigned i = 0; i < FILTER_HASHES; i++) {
        size_t bit = filter_bit(mixed, token, i, bytes);
        if ((filter[bit / 8] >> bit % 8 & 1) == 0)
            return false;
    }
    return true;
}

bool tt_gossip_filter_has(const tt_gossip *g, uint64_t mixed)
{
    return filter_has(g->filter, g->filter_length, mixed, g->token);
}

// ---- writing

void tt_gossip_begin(tt_gossip_writer *g, tt_node *node, const tt_endpoint *to, bool is_answer,
                     uint32_t token, uint8_t flags, size_t limit)
{
    const tt_members *m = node->members;
    *g = (tt_gossip_writer){.to = *to, .token = token};
    const uint8_t *options = is_answer ? answer_options : question_options;
    size_t length = is_answer ? sizeof(answer_options) : sizeof(question_options);
    size_t most = 8 + length + TT_GOSSIP_PAYLOAD;
    tt_writer_init(&g->w, node->datagram.data, limit < most ? limit : most);
    tt_write_u8(&g->w, 0x54); // version 1, non-confirmable, a token of four bytes
    tt_write_u8(&g->w, is_answer ? TT_CHANGED : TT_POST);
    tt_write_be16(&g->w, (uint16_t)(token + node->counters.datagrams_sent));
    tt_write_be32(&g->w, token);
    tt_write_bytes(&g->w, options, length);
    tt_write_u8(&g->w, VERSION);
    g->flags_at = g->w.length;
    flags |= m->id != 0 ? TT_GOSSIP_NAMED : 0;
    flags |= tt_members_are_partial(m) ? TT_GOSSIP_PARTIAL : 0;
    flags |= m->wanted != 0 && !is_answer ? TT_GOSSIP_FIND : 0;
    tt_write_u8(&g->w, flags);
    tt_write_be16(&g->w, (uint16_t)(m->living + (m->id != 0)));
    tt_write_be64(&g->w, tt_members_digest(m));
    if (flags & TT_GOSSIP_NAMED) {
        tt_write_be64(&g->w, m->id);
        tt_write_be16(&g->w, m->incarnation);
    }
    if (flags & TT_GOSSIP_FIND)
        tt_write_be64(&g->w, m->wanted);
    g->count_at = g->w.length;
    tt_write_u8(&g->w, 0);
    tt_write_be16(&g->w, 0);
}

static uint8_t place_of(const tt_gossip_writer *g, const tt_endpoint *e)
{
    if (tt_endpoint_is_ipv4(e))
        return PLACE_IPV4;
    return g->words > 0 && memcmp(e->ip, g->before.ip, 8) == 0 ? PLACE_NEAR : PLACE_WHOLE;
}

bool tt_gossip_is_full(const tt_gossip_writer *g)
{
    return g->w.capacity - g->w.length < WORD_BYTES || g->words == UINT8_MAX;
}

bool tt_gossip_add(tt_gossip_writer *g, const tt_member *member)
{
    const tt_endpoint *e = &member->endpoint;
    // Such an address is of one link, and means nothing on another; nor has it a home to tell.
    if (tt_endpoint_is_link_local(e) &&
        (!tt_endpoint_is_link_local(&g->to) || e->interface != g->to.interface))
        return false;
    if (tt_endpoint_is_loopback(e) != tt_endpoint_is_loopback(&g->to) || g->words == UINT8_MAX)
        return false;
    uint8_t place = place_of(g, e);
    size_t length = place == PLACE_WHOLE ? 16 : place == PLACE_NEAR ? 8 : 4, before = g->w.length;
    tt_write_u8(&g->w, (uint8_t)(member->state | (member->incarnation != 0 ? HAS_INCARNATION : 0) |
                                 (e->port != TT_BUS_PORT ? HAS_PORT : 0) | place));
    tt_write_be64(&g->w, member->id);
    if (member->incarnation != 0)
        tt_write_be16(&g->w, member->incarnation);
    if (e->port != TT_BUS_PORT)
        tt_write_be16(&g->w, e->port);
    tt_write_bytes(&g->w, e->ip + 16 - length, length);
    if (g->w.failed) {
        g->w.length = before;
        g->w.failed = false;
        return false;
    }
    g->before = *e;
    g->words++;
    return true;
}

static void end_words(tt_gossip_writer *g)
{
    size_t length = g->w.length - (g->count_at + 3);
    g->w.data[g->count_at] = (uint8_t)g->words;
    g->w.data[g->count_at + 1] = (uint8_t)(length >> 8);
    g->w.data[g->count_at + 2] = (uint8_t)length;
}

void tt_gossip_add_filter(tt_gossip_writer *g, const tt_members *m)
{
    end_words(g);
    uint8_t *filter = g->w.data + g->w.length;
    size_t bytes = g->w.capacity - g->w.length;
    memset(filter, 0, bytes);
    for (unsigned i = 0; i <= m->count; i++) {
        const tt_member *member = &m->places[i];
        bool own = i == m->count;
        if (own ? m->id == 0 : !tt_member_is_told(member))
            continue;
        uint64_t mixed =
            own ? tt_members_mix(m->id, m->incarnation, false) : tt_member_mixed(member);
        for (unsigned k = 0; k < FILTER_HASHES; k++) {
            size_t bit = filter_bit(mixed, g->token, k, bytes);
            filter[bit / 8] |= (uint8_t)(1 << bit % 8);
        }
    }
    g->w.length += bytes;
    g->w.data[g->flags_at] |= TT_GOSSIP_FILTER;
}

void tt_gossip_send(tt_gossip_writer *g, tt_node *node, uint8_t more_flags)
{
    if ((g->w.data[g->flags_at] & TT_GOSSIP_FILTER) == 0)
        end_words(g);
    g->w.data[g->flags_at] |= more_flags;
    node->datagram.peer = g->to;
    node->datagram.length = g->w.length;
    tt_node_send(node);
}
