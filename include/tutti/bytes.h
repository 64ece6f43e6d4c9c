// Reading and writing numbers in bytes that come from outside, and the checksum over them.
//
// A reader never passes its end: a read beyond it returns zero and sets `failed`, so a parser may
// read a whole structure and check once. A writer likewise drops what does not fit and sets
// `failed`. Big-endian is for the network's formats, little-endian for our own files.

#ifndef TUTTI_BYTES_H
#define TUTTI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_reader {
    const uint8_t *data; // not owned
    size_t length;
    size_t offset; // of the next byte to read; never above length
    bool failed;   // something was read beyond the end
} tt_reader;

typedef struct tt_writer {
    uint8_t *data; // not owned
    size_t capacity;
    size_t length; // bytes written
    bool failed;   // something did not fit
} tt_writer;

void tt_reader_init(tt_reader *reader, const void *data, size_t length);
size_t tt_reader_left(const tt_reader *reader);
uint8_t tt_read_u8(tt_reader *reader);
uint16_t tt_read_be16(tt_reader *reader);
uint32_t tt_read_be32(tt_reader *reader);
uint64_t tt_read_be64(tt_reader *reader);
uint16_t tt_read_le16(tt_reader *reader);
uint32_t tt_read_le32(tt_reader *reader);
uint64_t tt_read_le64(tt_reader *reader);
// A pointer to the next `length` bytes, which are passed over; NULL and `failed` where fewer are
// left.
const uint8_t *tt_read_bytes(tt_reader *reader, size_t length);

void tt_writer_init(tt_writer *writer, void *data, size_t capacity);
void tt_write_u8(tt_writer *writer, uint8_t value);
void tt_write_be16(tt_writer *writer, uint16_t value);
void tt_write_be32(tt_writer *writer, uint32_t value);
void tt_write_be64(tt_writer *writer, uint64_t value);
void tt_write_le16(tt_writer *writer, uint16_t value);
void tt_write_le32(tt_writer *writer, uint32_t value);
void tt_write_le64(tt_writer *writer, uint64_t value);
void tt_write_bytes(tt_writer *writer, const void *bytes, size_t length);

// CRC-32 of ISO 3309 (the one of Ethernet and zlib). Start with 0, feed pieces in order.
uint32_t tt_crc32(uint32_t crc, const void *bytes, size_t length);

TT_C_END

#endif
