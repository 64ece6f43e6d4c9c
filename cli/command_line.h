// The words that start a device.

#ifndef TUTTI_CLI_COMMAND_LINE_H
#define TUTTI_CLI_COMMAND_LINE_H

#include "cli/device.h"

#define TT_COMMAND_WORDS_MAX 40

typedef struct tt_command_line {
    const char *words[TT_COMMAND_WORDS_MAX]; // ends with NULL
    unsigned count;
    char netdev[64], network[2 * TT_DEVICE_PATH_MAX + 32], loader[2 * TT_DEVICE_PATH_MAX + 64];
    char medium[2 * TT_DEVICE_PATH_MAX + 96];
} tt_command_line;

// For a device whose emulator is chosen and whose files are there. `ethernet` is a socket on the
// switch, or -1 where the device goes there by its second serial line, below `folder`. The words
// are good as long as line, device and folder are.
void tt_command_line_make(tt_command_line *line, const tt_device *device, int ethernet,
                          const char *folder, uint64_t provision_address);

#endif
