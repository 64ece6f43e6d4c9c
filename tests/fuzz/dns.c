// Multicast DNS datagrams to a device that announces itself and browses: a row of datagrams, each
// a byte of time, two bytes of length, the bytes.

#include <stdlib.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/discovery.h"

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery;
    (void)now;
    (void)context;
    TT_CHECK(memchr(peer->name, 0, TT_NAME_MAX) != NULL);
    TT_CHECK(memchr(peer->kind, 0, TT_KIND_MAX) != NULL);
    TT_CHECK(event != TT_PEER_FOUND || peer->endpoint.port != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tt_discovery discovery;
    static tt_peer peers[4];
    static tt_discovery_other others[2];
    tt_time now = TT_SECONDS(1);
    memset(peers, 0, sizeof(peers));
    tt_discovery_options options = {.name = "watch-3f9a",
                                    .kind = "watch",
                                    .port = 5683,
                                    .boot = 7,
                                    .seed = 1,
                                    .browse = true,
                                    .peers = peers,
                                    .peers_max = 4,
                                    .others = others,
                                    .others_max = 2,
                                    .on_peer = on_peer};
    tt_endpoint own = {.ip = {0xfe, 0x80, [15] = 1}},
                peer = {.ip = {0xfe, 0x80, [15] = 2}, .port = TT_MDNS_PORT};
    tt_discovery_init(&discovery, now, &options);
    tt_discovery_set_addresses(&discovery, now, &own, 1);
    for (size_t at = 0; at + 3 <= size;) {
        unsigned head = data[at], length = data[at + 1] << 8 | data[at + 2];
        at += 3;
        if (length > size - at)
            length = (unsigned)(size - at);
        now += (tt_time)(head & 15) * TT_MS(200);
        peer.port = head & 0x80 ? 40000 : TT_MDNS_PORT; // a legacy asker
        uint8_t *datagram = malloc(length + 1);
        memcpy(datagram, data + at, length);
        tt_discovery_receive(&discovery, now, &peer, datagram, length);
        free(datagram);
        at += length;
        tt_discovery_advance(&discovery, now);
        for (unsigned i = 0; i < 4; i++)
            if (peers[i].doubted && (head & 0x40) != 0)
                tt_discovery_confirm(&discovery, now, &peers[i], head, 1);
            else if (peers[i].doubted)
                tt_discovery_gone(&discovery, now, &peers[i]);
        uint8_t bytes[TT_MDNS_MESSAGE_MAX];
        tt_endpoint to;
        size_t sent;
        while (tt_discovery_transmit(&discovery, now, &to, bytes, sizeof(bytes), &sent) == TT_OK)
            TT_CHECK(sent >= 12 && sent <= sizeof(bytes));
    }
    return 0;
}
