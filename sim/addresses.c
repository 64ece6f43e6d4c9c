// A hash table with open addressing. A place whose last listener has left stays until the table
// grows, since those behind it may be found past it.

#include "sim/addresses.h"

#include <stdlib.h>
#include <string.h>

#include "tutti/check.h"

static size_t hash(const tt_endpoint *at)
{
    uint64_t h = at->port;
    for (unsigned i = 0; i < sizeof(at->ip); i++)
        h = (h ^ at->ip[i]) * 0x100000001b3; // FNV-1a's prime
    return (size_t)(h ^ h >> 29);
}

// The place of `at`, or the free one where it belongs. There is one: the table is never full.
static tt_sim_place *look(const tt_sim_addresses *index, const tt_endpoint *at)
{
    for (size_t i = hash(at);; i++) {
        tt_sim_place *place = &index->places[i & (index->room - 1)];
        if (place->at.port == 0 ||
            (place->at.port == at->port && memcmp(place->at.ip, at->ip, sizeof(at->ip)) == 0))
            return place;
    }
}

static void grow(tt_sim_addresses *index)
{
    tt_sim_addresses old = *index;
    size_t living = 0;
    for (size_t i = 0; i < old.room; i++)
        living += old.places[i].count > 0;
    for (index->room = 64; index->room < 4 * living; index->room *= 2)
        ;
    index->count = living;
    index->places = calloc(index->room, sizeof(index->places[0]));
    TT_CHECK(index->places != NULL);
    for (size_t i = 0; i < old.room; i++) {
        if (old.places[i].count > 0)
            *look(index, &old.places[i].at) = old.places[i];
        else
            free(old.places[i].listeners);
    }
    free(old.places);
}

void tt_sim_addresses_add(tt_sim_addresses *index, const tt_endpoint *at, tt_sim_listener listener)
{
    if (2 * (index->count + 1) > index->room)
        grow(index);
    tt_sim_place *place = look(index, at);
    if (place->at.port == 0) {
        place->at = *at;
        index->count++;
    }
    if (place->count == place->room) {
        place->room = place->room > 0 ? 2 * place->room : 1;
        place->listeners = realloc(place->listeners, place->room * sizeof(place->listeners[0]));
        TT_CHECK(place->listeners != NULL);
    }
    place->listeners[place->count++] = listener;
}

void tt_sim_addresses_remove(tt_sim_addresses *index, const tt_endpoint *at,
                             tt_sim_listener listener)
{
    if (index->room == 0)
        return;
    tt_sim_place *place = look(index, at);
    for (unsigned i = 0; i < place->count; i++)
        if (place->listeners[i].node == listener.node &&
            place->listeners[i].socket == listener.socket) {
            place->count--;
            memmove(&place->listeners[i], &place->listeners[i + 1],
                    (place->count - i) * sizeof(place->listeners[0]));
            return;
        }
}

const tt_sim_place *tt_sim_addresses_find(const tt_sim_addresses *index, const tt_endpoint *at)
{
    if (index->room == 0)
        return NULL;
    const tt_sim_place *place = look(index, at);
    return place->count > 0 ? place : NULL;
}

void tt_sim_addresses_free(tt_sim_addresses *index)
{
    for (size_t i = 0; i < index->room; i++)
        free(index->places[i].listeners);
    free(index->places);
    *index = (tt_sim_addresses){0};
}
