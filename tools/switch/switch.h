// A user-space Ethernet switch for emulated devices and processes of one machine, without root.
//
// Stations connect to a unix stream socket. A frame is a 4-byte big-endian length and its bytes,
// which is what QEMU's `-netdev socket,fd=` speaks. The switch learns addresses, never sends a
// frame back to where it came from, queues a bounded number of frames a port and counts what it
// drops. A port may also be a serial line that carries frames as os/driver/slip.h has them: a tty,
// or a unix socket that stands for one. It has one poll loop and no threads, so another program can
// turn it: the `tutti up` command does.

#ifndef TUTTI_TOOLS_SWITCH_H
#define TUTTI_TOOLS_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "tutti/status.h"
#include "tutti/time.h"

#define TT_SWITCH_PORTS_MAX 64
#define TT_SWITCH_QUEUE_MAX 256  // frames that wait for a port that reads slowly; beyond: dropped
#define TT_SWITCH_FRAME_MAX 1600 // bytes; a longer or shorter-than-14 frame closes its port
#define TT_SWITCH_STATIONS_MAX 256

typedef struct tt_switch tt_switch;

typedef struct tt_switch_port_counters {
    uint64_t frames_in, bytes_in;   // from the station
    uint64_t frames_out, bytes_out; // to the station
    uint64_t dropped_queue_full;    // were for it, but its queue was full
    uint64_t dropped_fault;         // were for it or from it, taken by fault injection
    uint64_t dropped_damaged;       // came over its line and were none
} tt_switch_port_counters;

typedef struct tt_switch_port {
    bool connected;
    uint8_t station[6]; // the last source address seen on it, zero before
    tt_switch_port_counters counters;
} tt_switch_port;

// Listens at `path`; a stale socket there is replaced. TT_BUSY (a switch answers there),
// TT_TOO_LARGE (path too long), TT_FULL (no memory), TT_IO.
tt_status tt_switch_open(tt_switch **opened, const char *path);

// Listens at one more path, as tt_switch_open: whoever connects there is a serial line, such as
// QEMU's
// `-serial unix:PATH`. Once a switch: TT_INVALID.
tt_status tt_switch_listen_for_lines(tt_switch *ethernet_switch, const char *path);

// Makes the tty at `path` a port, raw and at `baud` (bits a second, one that the system has): TT_IO
// with errno, TT_INVALID (no tty, no such rate), TT_FULL. A tty that hangs up is gone for good.
tt_status tt_switch_open_tty(tt_switch *ethernet_switch, const char *path, unsigned baud);

// Also removes the sockets. NULL is allowed.
void tt_switch_close(tt_switch *ethernet_switch);

// Waits at most about `timeout` nanoseconds (TT_FOREVER: without limit) until a port has something,
// and moves what is there, one read a port. Returns how many frames came in.
unsigned tt_switch_poll(tt_switch *ethernet_switch, tt_time timeout);

// A descriptor that is readable when tt_switch_poll has something to do, for a program's own poll
// loop.
int tt_switch_descriptor(const tt_switch *ethernet_switch);

// Adds a port and returns the station's end of it, for a child process to inherit, or -1.
// TT_FULL is reported as -1 too.
int tt_switch_connect(tt_switch *ethernet_switch);

// Writes every frame that enters the switch to a capture file (pcap, nanosecond times, Ethernet):
// TT_INVALID where that is no regular file, TT_IO with errno, TT_FULL. NULL ends it: TT_IO where
// the disk was full and frames are missing at its end, which was said.
tt_status tt_switch_capture(tt_switch *ethernet_switch, const char *path);

// How many frames all ports together, those that left included, lost to full queues.
uint64_t tt_switch_dropped(const tt_switch *ethernet_switch);

// What is known of a port; false where `port` >= TT_SWITCH_PORTS_MAX or it was never used.
bool tt_switch_port_get(const tt_switch *ethernet_switch, unsigned port, tt_switch_port *out);

// Faults on purpose, for tests: every frame delivered is dropped with this probability; the same
// seed and the same order of frames drop the same ones.
void tt_switch_drop(tt_switch *ethernet_switch, unsigned percent, uint64_t seed);

// Cuts a port off, or joins it again: nothing enters or leaves it meanwhile.
void tt_switch_partition(tt_switch *ethernet_switch, unsigned port, bool cut);

#endif
