// One device of a fleet: its image, its seed and its process.
//
// What is the device's own — the seed, from which it makes its name, its hardware address, and its
// medium — stays over restarts, as it would in its flash; what lives in its RAM does not.

#ifndef TUTTI_CLI_DEVICE_H
#define TUTTI_CLI_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/fleet_file.h"
#include "tutti/endpoint.h"
#include "tutti/status.h"
#include "tutti/text.h"
#include "tutti/time.h"

#define TT_DEVICE_PATH_MAX 512

typedef struct tt_device {
    tt_kind kind;
    const tt_emulator *given;    // of the fleet file, or NULL
    const tt_emulator *emulator; // of the last start; NULL: a process of this machine
    char label[24];              // "watch-1": the launcher's own, unknown to the device
    char image[TT_DEVICE_PATH_MAX];
    char log[TT_DEVICE_PATH_MAX];       // its console
    char provision[TT_DEVICE_PATH_MAX]; // the block that is loaded into it
    char medium[TT_DEVICE_PATH_MAX];    // the file that is its medium
    char kept_seed[TT_DEVICE_PATH_MAX]; // "" where nothing is kept
    uint8_t seed[32], mac[6];
    uint32_t boot;   // of the next start
    pid_t pid;       // 0: not running
    tt_time started; // of the last start; 0 before the first
    char name[64];   // as discovered, "" before
    bool found;
} tt_device;

// The switch listens here below the fleet's folder: for stations, and for serial lines.
#define TT_DEVICE_STATIONS "switch.sock"
#define TT_DEVICE_LINES "lines.sock"

// Gives a device its seed and its files' names below `folder`, and below `keep` where that is not
// NULL. Without an image of its own it has that of this build, or of the SDK that this program
// belongs to. TT_TOO_LARGE, TT_DAMAGED (a seed that was kept), TT_IO.
tt_status tt_device_make(tt_device *device, const tt_fleet_entry *entry, unsigned number,
                         const char *folder, const char *keep, tt_text *why);

// Starts it on the switch that listens in `folder`. TT_NOT_FOUND: the emulator or the image is
// missing, or cannot be read or run; TT_MALFORMED, TT_DAMAGED: it is no image; TT_UNSUPPORTED: it
// is one for another processor or board, or its medium is of another size; TT_IO. Each with a
// sentence that says what to do.
tt_status tt_device_start(tt_device *device, const char *folder, tt_time now, tt_text *why);

// Ends its process at once, as a power cut does, and waits for it.
void tt_device_kill(tt_device *device);

// Whether an address was made from this device's hardware address (RFC 4291, appendix A).
bool tt_device_has_address(const tt_device *device, const tt_endpoint *endpoint);

#endif
