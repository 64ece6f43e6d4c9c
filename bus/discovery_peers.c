// The table of other devices: who is in it, and telling of their coming and going.

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

tt_status tt_discovery_check_label(const char *label, size_t capacity)
{
    if (label == NULL || label[0] == '\0')
        return TT_INVALID;
    size_t length = strlen(label);
    if (length >= capacity)
        return TT_TOO_LARGE;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)label[i] < 0x20 || label[i] == 0x7f || label[i] == '.' ||
            label[i] == '/')
            return TT_INVALID;
    return tt_text_is_utf8(label, length) ? TT_OK : TT_INVALID;
}

tt_peer *tt_discovery_find_peer(tt_discovery *d, const char *name)
{
    for (size_t i = 0; i < d->options.peers_max; i++)
        if (d->options.peers[i].name[0] != '\0' &&
            tt_text_same_name(d->options.peers[i].name, name))
            return &d->options.peers[i];
    return NULL;
}

tt_peer *tt_discovery_add_peer(tt_discovery *d, const char *name)
{
    tt_peer *place = NULL;
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0') {
            place = peer;
            break;
        }
        // In a full table those that are known stay known; names of which nothing else came do not.
        if (!peer->reported && (place == NULL || peer->heard < place->heard))
            place = peer;
    }
    if (place == NULL)
        return NULL;
    memset(place, 0, sizeof(*place));
    strcpy(place->name, name);
    return place;
}

void tt_discovery_tell(tt_discovery *d, tt_time now, tt_peer_event event, const tt_peer *peer)
{
    if (d->options.on_peer != NULL)
        d->options.on_peer(d, now, event, peer, d->options.context);
}

void tt_discovery_gone(tt_discovery *d, tt_time now, const tt_peer *peer)
{
    tt_peer *entry = tt_discovery_find_peer(d, peer->name);
    if (entry == NULL)
        return;
    if (entry->reported)
        tt_discovery_tell(d, now, TT_PEER_GONE, entry);
    memset(entry, 0, sizeof(*entry));
}

void tt_discovery_heard(tt_discovery *d, tt_time now, const tt_endpoint *endpoint)
{
    for (size_t i = 0; d->options.browse && i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0' || !tt_endpoint_equal(&peer->endpoint, endpoint))
            continue;
        peer->heard = now;
        peer->expires = tt_after(now, TT_SECONDS(TT_DISCOVERY_TTL));
    }
}
