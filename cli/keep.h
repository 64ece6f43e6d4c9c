// What a device has without power: its medium, and the seed that its name and address are made of.
// Without a folder to keep them in, both end with the fleet.

#ifndef TUTTI_CLI_KEEP_H
#define TUTTI_CLI_KEEP_H

#include "cli/command.h"
#include "cli/device.h"

// Makes the folder that media and seeds are kept in, and locks it, so that one fleet at a time uses
// them; the lock is that of this process and its devices. It waits for those of a launcher that was
// killed. Failures are said.
tt_exit tt_keep_open(const char *folder);

// In the process that becomes a device: the folder stays locked until it, too, has ended.
void tt_keep_share_lock(void);

// Names the device's medium and its seed: those of `keep`, or, where that is NULL, new ones below
// the fleet's `folder`. A kept seed is read, with the number of the next start; any other is drawn.
// TT_TOO_LARGE, TT_DAMAGED, TT_IO, each with a sentence.
tt_status tt_keep_name(tt_device *device, const char *folder, const char *keep, tt_text *why);

// Before each start: makes the medium, of zeros, or sees that it is as large as the machine that
// runs the device will have it; where it is not it is left unchanged. A kept seed is written, with
// the number of this start. A kept medium whose store has another version of the format is told of:
// its device leaves it as it is. TT_UNSUPPORTED, TT_IO, each with a sentence.
tt_status tt_keep_start(const tt_device *device, tt_text *why);

// The fleet ends: removes what is not kept.
void tt_keep_end(const tt_device *device);

#endif
