// A host process as one more station on the virtual Ethernet: the host's clock and poll, and lwIP
// over the socket of the user-space switch (tools/switch). It needs no root and no kernel of ours;
// the `tutti` command talks to emulated devices this way.

#ifndef TUTTI_PLATFORM_SWITCH_H
#define TUTTI_PLATFORM_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/platform.h"

TT_C_BEGIN

// Connects to the switch that listens at `socket_path`, with a hardware address and the protocols'
// random delays drawn from `seed`; the platform's `random` is the host's. One per process (lwIP is
// global state), never closed. The IPv6 link-local address is ready at once, the IPv4 one after its
// probes (RFC 3927, 5 to 9 s). TT_NOT_FOUND (nothing listens there), TT_TOO_LARGE (the path is
// longer than a unix socket's may be), TT_IO.
tt_status tt_platform_switch_open(tt_platform **platform, const char *socket_path, uint64_t seed);

// Whether the switch is still there, as the last receive found; afterwards nothing is sent or
// received any more, and waits take their time.
bool tt_platform_switch_alive(const tt_platform *platform);

TT_C_END

#endif
