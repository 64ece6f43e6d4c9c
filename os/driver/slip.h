// Whole Ethernet frames over a line of bytes. Each frame goes with its CRC-32 behind it, as on a
// real Ethernet (IEEE 802.3, 3.2.9: the low byte first), framed as RFC 1055 has it: END before and
// behind, and where END or ESC lie within, two bytes that are neither. So whatever is lost or
// invented on the line costs the frames that it hits, and no other.

#ifndef TUTTI_OS_DRIVER_SLIP_H
#define TUTTI_OS_DRIVER_SLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TT_SLIP_END 0xc0
#define TT_SLIP_CHECKSUM 4          // bytes
#define TT_SLIP_RESIDUE 0x2144df1cu // tt_crc32 of any bytes with their checksum behind them
#define TT_SLIP_ENCODED_MAX(bytes) (2 * ((bytes) + TT_SLIP_CHECKSUM) + 2)

// What the next byte of a line means.
typedef enum tt_slip_event {
    TT_SLIP_NOTHING,
    TT_SLIP_BYTE,    // one more byte of a frame
    TT_SLIP_ENDED,   // a frame ends; one without bytes is none
    TT_SLIP_DAMAGED, // a frame ends that was none: a wrong escape, or tt_slip_lose
} tt_slip_event;

typedef struct tt_slip_reader {
    bool escaped, lost; // zeroed: at the beginning of a line
} tt_slip_reader;

// Takes a byte of the line, and makes it the frame's where it is one. Any context.
tt_slip_event tt_slip_take(tt_slip_reader *reader, uint8_t *byte);
// The frame that comes is not wanted any more; its end will be told as TT_SLIP_DAMAGED.
void tt_slip_lose(tt_slip_reader *reader);

// A byte of a frame as it goes over the line; returns its length, 1 or 2. Any context.
unsigned tt_slip_escape(uint8_t byte, uint8_t line[2]);

// A whole frame and its checksum as they go over the line: at most TT_SLIP_ENCODED_MAX(length)
// bytes; returns how many.
size_t tt_slip_encode(const void *frame, size_t length, uint8_t *line);

#endif
