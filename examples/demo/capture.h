// Reading the capture of the virtual Ethernet: which frames went between whom, and what they said.

#ifndef TUTTI_EXAMPLES_DEMO_CAPTURE_H
#define TUTTI_EXAMPLES_DEMO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

// Opens a pcap file of Ethernet frames, of this machine's byte order. NULL where it is none.
FILE *demo_capture_open(const char *path, bool *nanoseconds);
// Reads the next frame; false at the end, or where the rest is cut short.
bool demo_capture_next(FILE *file, bool nanoseconds, demo_frame *frame);

#endif
