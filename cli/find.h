// From a target's words to an address on the network.

#ifndef TUTTI_CLI_FIND_H
#define TUTTI_CLI_FIND_H

#include "cli/client.h"
#include "cli/target.h"

#define TT_FLEET_ENDED "the fleet has ended, and with it its network"

// Waits until the device is found, at most `timeout_s` seconds. An address is taken as it is,
// unless the network does not lead there. Failures are said.
tt_exit tt_find(tt_client *client, const char *command, const tt_target *target, unsigned timeout_s,
                tt_endpoint *endpoint);

// Reads NAME, kind:KIND or coap://HOST[:PORT] as the target of `path` on that device. Failures are
// said.
tt_exit tt_find_read(const char *command, const char *device, const char *path, tt_target *target);

// Says what became of a request where there is no answer to print: none came, or a refusal, with
// its words. TT_EXIT_OK otherwise.
tt_exit tt_find_judge(const tt_client *client, const char *command, const char *device,
                      const tt_answer *answer);

// Whether a device's links (.well-known/core) say that it is in safe mode: its resource /device is
// of the type tutti.safe, too.
bool tt_find_says_safe_mode(const char *links, size_t length);

#endif
