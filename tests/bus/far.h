// A path between buses, in virtual time: delay, loss each way, and a bottleneck with its queue that
// all share. The same seed makes the same run.

#ifndef TUTTI_TESTS_BUS_FAR_H
#define TUTTI_TESTS_BUS_FAR_H

#include "tests/test.h"
#include "tutti/bus_storage.h"
#include "tutti/random.h"

#define FAR_NODES 4
#define FAR_FLYING 2048

typedef struct far_datagram {
    tt_time at;
    tt_endpoint source; // where its sender was then
    uint8_t to;
    uint16_t length;
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
} far_datagram;

// Node 0 is at the far end, the others at the near one.
static struct {
    tt_bus bus[FAR_NODES];
    tt_endpoint endpoint[FAR_NODES];
    tt_time now;
    tt_time delay;              // one way
    unsigned lost_per_mille[2]; // to the far end; from there
    unsigned doubled_per_mille; // each way
    tt_time jitter;             // so much later at most: datagrams overtake each other
    uint64_t bytes_per_second;  // 0: no bottleneck
    tt_time queue;              // of the bottleneck
    tt_time busy_until[2];
    bool dead;
    tt_random random;
    far_datagram flying[FAR_FLYING];
    uint16_t order[FAR_FLYING]; // a heap of places in `flying`, the soonest first
    uint16_t free_places[FAR_FLYING];
    unsigned count;
    uint64_t sent[2], queue_drops, datagrams; // bytes that each direction was given
    void (*tamper)(uint8_t *bytes, size_t *length, unsigned from); // or NULL
} far;

static inline void far_init(uint64_t seed)
{
    memset(&far, 0, sizeof(far));
    far.now = TT_SECONDS(1);
    tt_random_seed(&far.random, seed * 7919 + 13);
    for (unsigned i = 0; i < FAR_FLYING; i++)
        far.free_places[i] = (uint16_t)i;
    for (unsigned i = 0; i < FAR_NODES; i++) {
        tt_bus_init(&far.bus[i], far.now, seed * 64 + i);
        far.endpoint[i] = (tt_endpoint){.ip = {[15] = (uint8_t)(i + 1)}, .port = TT_BUS_PORT};
    }
}

static inline bool far_before(unsigned a, unsigned b)
{
    return far.flying[far.order[a]].at < far.flying[far.order[b]].at;
}

static inline void far_swap(unsigned a, unsigned b)
{
    uint16_t place = far.order[a];
    far.order[a] = far.order[b];
    far.order[b] = place;
}

static inline void far_push(tt_time at, unsigned from, unsigned to, const uint8_t *bytes,
                            size_t length)
{
    REQUIRE(far.count < FAR_FLYING);
    unsigned place = far.free_places[far.count], i = far.count;
    far_datagram *d = &far.flying[place];
    d->at = at;
    d->source = far.endpoint[from];
    d->to = (uint8_t)to;
    d->length = (uint16_t)length;
    memcpy(d->bytes, bytes, length);
    far.order[far.count++] = (uint16_t)place;
    for (; i > 0 && far_before(i, (i - 1) / 2); i = (i - 1) / 2)
        far_swap(i, (i - 1) / 2);
}

static inline unsigned far_pop(void)
{
    unsigned place = far.order[0], i = 0;
    far.order[0] = far.order[--far.count];
    far.free_places[far.count] = (uint16_t)place;
    for (;;) {
        unsigned least = i, child = 2 * i + 1;
        for (unsigned k = child; k < child + 2 && k < far.count; k++)
            least = far_before(k, least) ? k : least;
        if (least == i)
            return place;
        far_swap(i, least);
        i = least;
    }
}

static inline bool far_chance(unsigned per_mille)
{
    return tt_random_below(&far.random, 1000) < per_mille;
}

static inline void far_carry(unsigned from, unsigned to, const uint8_t *bytes, size_t length)
{
    unsigned way = to == 0 ? 0 : 1;
    tt_time leaves = far.now;
    far.sent[way] += length;
    far.datagrams++;
    if (far.bytes_per_second > 0) {
        tt_time begins = far.busy_until[way] > far.now ? far.busy_until[way] : far.now;
        if (begins - far.now > far.queue) {
            far.queue_drops++;
            return;
        }
        // 48 bytes of IPv6 and UDP with each
        leaves = begins + (tt_time)((length + 48) * 1000000000 / far.bytes_per_second);
        far.busy_until[way] = leaves;
    }
    if (far.dead || far_chance(far.lost_per_mille[way]))
        return;
    for (int copies = far_chance(far.doubled_per_mille) ? 2 : 1; copies > 0; copies--) {
        tt_time late =
            far.jitter > 0 ? (tt_time)tt_random_below(&far.random, (uint64_t)far.jitter) : 0;
        far_push(leaves + far.delay + late, from, to, bytes, length);
    }
}

static inline void far_transmit(unsigned from)
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint peer;
    size_t length;
    while (tt_bus_transmit(&far.bus[from], &peer, bytes, sizeof(bytes), &length) == TT_OK) {
        if (far.tamper != NULL)
            far.tamper(bytes, &length, from);
        for (unsigned to = 0; to < FAR_NODES; to++)
            if (length > 0 && tt_endpoint_equal(&peer, &far.endpoint[to]))
                far_carry(from, to, bytes, length);
    }
}

// Virtual time passes until `*done`, or for so long.
static inline void far_pass(const bool *done, tt_time duration)
{
    tt_time end = far.now + duration;
    for (unsigned i = 0; i < FAR_NODES; i++)
        far_transmit(i);
    while (far.now < end && (done == NULL || !*done)) {
        tt_time next = end;
        if (far.count > 0)
            next = tt_earlier(next, far.flying[far.order[0]].at);
        for (unsigned i = 0; i < FAR_NODES; i++)
            next = tt_earlier(next, tt_bus_deadline(&far.bus[i]));
        far.now = next > far.now ? next : far.now + 1;
        while (far.count > 0 && far.flying[far.order[0]].at <= far.now) {
            far_datagram *d = &far.flying[far_pop()];
            unsigned to = d->to;
            tt_bus_receive(&far.bus[to], far.now, &d->source, d->bytes, d->length);
            far_transmit(to);
        }
        for (unsigned i = 0; i < FAR_NODES; i++)
            if (tt_bus_deadline(&far.bus[i]) <= far.now) {
                tt_bus_advance(&far.bus[i], far.now);
                far_transmit(i);
            }
    }
}

#endif
