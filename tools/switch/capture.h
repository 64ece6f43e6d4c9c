// A capture file of Ethernet frames (pcap with nanosecond times), as Wireshark and tcpdump read it.

#ifndef TUTTI_TOOLS_SWITCH_CAPTURE_H
#define TUTTI_TOOLS_SWITCH_CAPTURE_H

#include <stddef.h>

#include "tutti/status.h"

typedef struct tt_capture tt_capture;

// Begins a new file, or a regular one anew: a capture is a stream that others read while it grows,
// so it is written in place. TT_INVALID where `path` is a device, a pipe or a folder; TT_IO, with
// errno, where the file cannot be made; TT_FULL without memory.
tt_status tt_capture_open(tt_capture **opened, const char *path);
// NULL is allowed. TT_IO where frames are missing at the end of the file, which was said.
tt_status tt_capture_close(tt_capture *capture);

// Writes one frame with the time of day and hands it to the system, so a reader sees it at once. A
// disk that is full ends the capture behind the last whole frame, after a sentence on standard
// error; the switch goes on.
void tt_capture_frame(tt_capture *capture, const void *frame, size_t length);

#endif
