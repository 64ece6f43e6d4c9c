// Reading the capture of the virtual Ethernet: which frames went between whom, and what they said.

#ifndef TUTTI_EXAMPLES_DEMO_CAPTURE_H
#define TUTTI_EXAMPLES_DEMO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tutti/endpoint.h"

typedef enum demo_protocol { DEMO_OTHER, DEMO_MDNS, DEMO_COAP } demo_protocol;

typedef struct demo_frame {
    double time_s; // since 1970, as tt_switch_capture writes it
    uint8_t from[6], to[6];
    size_t length; // of the frame
    demo_protocol protocol;
    uint8_t type, code; // CoAP: 0 to 3 for CON, NON, ACK, RST; RFC 7252, 3
    uint16_t message_id;
    char text[96]; // CoAP: "CON POST /ai/models/fashion", "ACK", "CON 2.05"
} demo_frame;

// Whether a frame is a message of the bus and none of presence: no ping (an empty CON; RFC
// 7252, 4.3) and no Reset that answers one.
bool demo_frame_asks(const demo_frame *frame);

// The hardware address from which an IPv6 link-local address was made (RFC 4291, appendix A).
void demo_mac_of(const tt_endpoint *endpoint, uint8_t mac[6]);

// Opens a pcap file of Ethernet frames, of this machine's byte order. NULL where it is none.
FILE *demo_capture_open(const char *path, bool *nanoseconds);
// Reads the next frame; false at the end, or where the rest is cut short.
bool demo_capture_next(FILE *file, bool nanoseconds, demo_frame *frame);
// How many frames that ask or answer went between two stations from `start_s` to `end_s`; false
// where there is no capture.
bool demo_capture_between(const char *path, const uint8_t a[6], const uint8_t b[6], double start_s,
                          double end_s, unsigned *count);

#endif
