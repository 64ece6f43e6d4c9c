// Where a datagram goes to or comes from: an address, a port and an interface.
//
// Every address is kept as IPv6; IPv4 is kept in its mapped form, ::ffff:a.b.c.d, so there is one
// form to compare. Link-local addresses mean something only together with their interface.

#ifndef TUTTI_ENDPOINT_H
#define TUTTI_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/text.h"

TT_C_BEGIN

typedef struct tt_endpoint {
    uint8_t ip[16];    // network order; IPv4 as ::ffff:a.b.c.d
    uint16_t port;     // host order
    uint8_t interface; // the platform's number for it, from 1; 0 where it does not matter
} tt_endpoint;

#define TT_ENDPOINT_TEXT_MAX 64 // bytes of the longest text form, its terminator included

bool tt_endpoint_equal(const tt_endpoint *a, const tt_endpoint *b);
bool tt_endpoint_is_ipv4(const tt_endpoint *endpoint);
bool tt_endpoint_is_multicast(const tt_endpoint *endpoint);
bool tt_endpoint_is_loopback(const tt_endpoint *endpoint);
bool tt_endpoint_is_link_local(const tt_endpoint *endpoint);

// Appends "192.0.2.1:5683" or "[fe80::1%1]:5683" (RFC 5952 form; %interface only where not 0, and
// of IPv6 only).
void tt_endpoint_format(const tt_endpoint *endpoint, tt_text *text);

// Reads the forms that tt_endpoint_format writes, with any zeros and capitals of RFC 4291, and
// without the port, which is `default_port` then; only a port needs the brackets. TT_MALFORMED for
// anything else, and `endpoint` is as it was.
tt_status tt_endpoint_parse(tt_endpoint *endpoint, const char *text, uint16_t default_port);

TT_C_END

#endif
