// Ports of this machine that lead to devices of a fleet: `tutti up --forward NAME:PORT`.

#ifndef TUTTI_CLI_FORWARD_H
#define TUTTI_CLI_FORWARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/command.h"
#include "platform/switch/forward.h"
#include "tutti/discovery.h"

typedef struct tt_forwards {
    tt_forwarder forwarder; // of the process that passes datagrams on
    struct {
        char name[TT_NAME_MAX]; // a label of the fleet or a device's name
        bool found;
    } names[TT_FORWARDS_MAX];
    pid_t pid; // of that process; 0: none
    int aims;  // a pipe to it; -1: none
} tt_forwards;

// Reads NAME:PORT, several of them parted by commas or one a word, and binds the ports on the
// loopback interface. Failures are said, and leave nothing open.
tt_exit tt_forwards_open(tt_forwards *forwards, const char *const *words, unsigned count);

// Starts the process that joins the switch at `socket_path`, where there is anything to forward.
// Before this process is a station itself. Failures are said.
tt_exit tt_forwards_start(tt_forwards *forwards, const char *socket_path);

// A device was found, under its name and, where it is one of the fleet file, its label (or NULL).
void tt_forwards_found(tt_forwards *forwards, const char *label, const tt_peer *peer);

// Says which forwards lead nowhere yet.
void tt_forwards_say_missing(const tt_forwards *forwards);

// Notices that the process ended by itself, and says it.
void tt_forwards_turn(tt_forwards *forwards);

// Ends the process and closes the ports.
void tt_forwards_stop(tt_forwards *forwards);

#endif
