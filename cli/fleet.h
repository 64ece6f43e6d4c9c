// A running fleet: the switch, the devices' processes and the socket that controls them.

#ifndef TUTTI_CLI_FLEET_H
#define TUTTI_CLI_FLEET_H

#include "cli/command.h"
#include "cli/device.h"
#include "tools/switch/switch.h"

typedef struct tt_fleet {
    tt_device devices[TT_FLEET_DEVICES_MAX];
    unsigned count;
    char folder[TT_DEVICE_PATH_MAX];
    char socket_path[TT_DEVICE_PATH_MAX], lines_path[TT_DEVICE_PATH_MAX]; // of the switch
    tt_switch *ethernet; // opened here, turned by its own process
    pid_t switch_pid;
    int control; // listens, does not block
} tt_fleet;

// Makes the folder and every device's seed, or takes those of the folder `keep`, where media are
// kept, too (see cli/keep.h); NULL: nothing is kept. Failures are said.
tt_exit tt_fleet_make(tt_fleet *fleet, const tt_fleet_file *file, const char *folder,
                      const char *keep);

// Starts the switch (capturing to a file unless `capture` is NULL), the control socket and the
// devices. What was started before a failure still needs tt_fleet_stop.
tt_exit tt_fleet_start(tt_fleet *fleet, const char *capture, tt_time now);

// Answers who asks on the control socket, and notices devices that ended by themselves. False where
// the switch did, which is said.
bool tt_fleet_turn(tt_fleet *fleet, tt_time now);

// Ends every process of the fleet. TT_EXIT_FAILED where the capture misses frames, which was said.
tt_exit tt_fleet_stop(tt_fleet *fleet);

// Asks the fleet in `folder` one thing, "image NAME" for the path of a device's image; false where
// no fleet runs there or it does not know. Nothing is said.
bool tt_fleet_ask(const char *command, const char *folder, const char *name, char *answer,
                  size_t capacity);

// Asks the fleet in `folder` for the names of its devices that were found, one a line, of any
// bytes; false where no fleet runs there or none was found yet. Nothing is said.
bool tt_fleet_names(const char *folder, char *names, size_t capacity);

// Sends "restart NAME" or "kill NAME" to the fleet in `folder` and waits until it is done.
tt_exit tt_fleet_control(const char *command, const char *folder, const char *name);

#endif
