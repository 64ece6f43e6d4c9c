// An ICMP error that says: nothing listens at the port that you sent to.

#ifndef TUTTI_PLATFORM_LWIP_UNREACHABLE_H
#define TUTTI_PLATFORM_LWIP_UNREACHABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/endpoint.h"

// Whether an Ethernet frame holds ICMP "port unreachable" of IPv4 (RFC 792, type 3, code 3) or
// IPv6 (RFC 4443, type 1, code 4) about a UDP datagram, whole and with right checksums, and sent
// to whom it names as the datagram's sender. Then `local` is that sender and `peer` where the
// datagram went, both with interface 0. Anybody can send such a frame: the caller checks that
// `local` is its own. Any bytes may be given.
bool tt_unreachable_parse(const uint8_t *frame, size_t length, tt_endpoint *local,
                          tt_endpoint *peer);

#endif
