// A capture file of Ethernet frames (pcap with nanosecond times), as Wireshark and tcpdump read it.

#ifndef TUTTI_TOOLS_SWITCH_CAPTURE_H
#define TUTTI_TOOLS_SWITCH_CAPTURE_H

#include <stddef.h>

#include "tutti/status.h"

typedef struct tt_capture tt_capture;

// TT_IO where the file cannot be made, TT_FULL without memory.
tt_status tt_capture_open(tt_capture **opened, const char *path);
void tt_capture_close(tt_capture *capture); // NULL is allowed

// Writes one frame with the time of day and hands it to the system, so a reader sees it at once. A
// disk that is full ends the capture after a sentence on standard error; the switch goes on.
void tt_capture_frame(tt_capture *capture, const void *frame, size_t length);

#endif
