// What the files of streams share. From the lowest up: stream_rate.c, stream_send.c and
// stream_receive.c, stream.c.

#ifndef TUTTI_BUS_STREAM_H
#define TUTTI_BUS_STREAM_H

#include "bus/internal.h"

typedef enum tt_stream_kind {
    TT_STREAM_FREE,
    TT_STREAM_OFFERED, // by a call of ours, whose request is under way
    TT_STREAM_SENDS,
    TT_STREAM_SENT, // all was acknowledged; the call waits for its answer
    TT_STREAM_TAKES,
    TT_STREAM_TAKEN, // whole; its handler owes the answer
} tt_stream_kind;

static inline bool tt_stream_bit(const uint8_t *bits, uint32_t piece)
{
    unsigned at = piece % TT_BUS_STREAM_PIECES;
    return bits[at / 8] >> at % 8 & 1;
}

static inline void tt_stream_set(uint8_t *bits, uint32_t piece, bool value)
{
    unsigned at = piece % TT_BUS_STREAM_PIECES;
    bits[at / 8] = (uint8_t)((bits[at / 8] & ~(1u << at % 8)) | (unsigned)value << at % 8);
}

static inline uint32_t tt_stream_us(tt_time now) // wraps in 71 minutes: for differences
{
    return (uint32_t)(now / 1000);
}

static inline uint32_t tt_stream_pieces(const tt_bus_stream *s)
{
    return (s->size + TT_BUS_BLOCK_MAX - 1) / TT_BUS_BLOCK_MAX;
}

static inline uint32_t tt_stream_length(const tt_bus_stream *s, uint32_t piece)
{
    uint32_t left = s->size - piece * TT_BUS_BLOCK_MAX;
    return left < TT_BUS_BLOCK_MAX ? left : TT_BUS_BLOCK_MAX;
}

// stream_rate.c
void tt_rate_begin(tt_bus_rate *rate, tt_time now);
// An acknowledgement came: what it says of the path.
void tt_rate_hear(tt_bus_rate *rate, const tt_bus_session *session, tt_time now, tt_time round_trip,
                  uint32_t taken, uint32_t lost, bool was_full);
void tt_rate_stall(tt_bus_rate *rate);                                       // nothing comes back
tt_time tt_rate_gap(const tt_bus_rate *rate, const tt_bus_session *session); // between two pieces

// stream_send.c
void tt_stream_send_begin(tt_bus_stream *s, tt_time now, uint32_t limit);
// An acknowledgement; its call hears how far it came.
void tt_stream_send_hear(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_message *m);
void tt_stream_send_end(tt_bus_stream *s, tt_time answer_until); // nothing more of it goes
tt_time tt_stream_send_at(const tt_bus_stream *s); // when the next piece may go; TT_FOREVER
void tt_stream_send_advance(tt_bus_stream *s, tt_time now);
// Writes the next piece; 0: there is none now, or none any more, where it sets `ended`.
size_t tt_stream_send_write(tt_bus *bus, tt_time now, tt_bus_stream *s, void *bytes,
                            size_t capacity, bool *ended);

// stream_receive.c
void tt_stream_take_begin(tt_bus_stream *s, tt_time now);
void tt_stream_take(tt_bus *bus, tt_time now, tt_bus_stream *s, const tt_message *m);
void tt_stream_take_advance(tt_bus_stream *s, tt_time now);
void tt_stream_release(tt_bus_stream *s); // the place of its body is another's now
size_t tt_stream_take_write(tt_bus_stream *s, tt_time now, void *bytes, size_t capacity);

// stream.c
void tt_stream_free(tt_bus_stream *s);
void tt_stream_fail(tt_bus *bus, tt_time now, tt_bus_stream *s, tt_status status);

#endif
