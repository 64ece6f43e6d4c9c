// Readers, writers and the checksum. Each number is assembled byte by byte: no alignment is
// assumed.

#include <string.h>

#include "tutti/bytes.h"

void tt_reader_init(tt_reader *reader, const void *data, size_t length)
{
    *reader = (tt_reader){.data = data, .length = length};
}

size_t tt_reader_left(const tt_reader *reader)
{
    return reader->length - reader->offset;
}

const uint8_t *tt_read_bytes(tt_reader *reader, size_t length)
{
    if (length > tt_reader_left(reader)) {
        reader->failed = true;
        reader->offset = reader->length;
        return NULL;
    }
    const uint8_t *bytes = reader->data + reader->offset;
    reader->offset += length;
    return bytes;
}

static uint64_t read_big_endian(tt_reader *reader, size_t length)
{
    const uint8_t *bytes = tt_read_bytes(reader, length);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < length; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint64_t read_little_endian(tt_reader *reader, size_t length)
{
    const uint8_t *bytes = tt_read_bytes(reader, length);
    uint64_t value = 0;
    for (size_t i = length; bytes != NULL && i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

uint8_t tt_read_u8(tt_reader *reader)
{
    return (uint8_t)read_big_endian(reader, 1);
}

uint16_t tt_read_be16(tt_reader *reader)
{
    return (uint16_t)read_big_endian(reader, 2);
}

uint32_t tt_read_be32(tt_reader *reader)
{
    return (uint32_t)read_big_endian(reader, 4);
}

uint64_t tt_read_be64(tt_reader *reader)
{
    return read_big_endian(reader, 8);
}

uint16_t tt_read_le16(tt_reader *reader)
{
    return (uint16_t)read_little_endian(reader, 2);
}

uint32_t tt_read_le32(tt_reader *reader)
{
    return (uint32_t)read_little_endian(reader, 4);
}

uint64_t tt_read_le64(tt_reader *reader)
{
    return read_little_endian(reader, 8);
}

void tt_writer_init(tt_writer *writer, void *data, size_t capacity)
{
    *writer = (tt_writer){.data = data, .capacity = capacity};
}

void tt_write_bytes(tt_writer *writer, const void *bytes, size_t length)
{
    if (length > writer->capacity - writer->length) {
        writer->failed = true;
        return;
    }
    if (length > 0)
        memcpy(writer->data + writer->length, bytes, length);
    writer->length += length;
}

static void write_big_endian(tt_writer *writer, uint64_t value, size_t length)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> (8 * (length - 1 - i)));
    tt_write_bytes(writer, bytes, length);
}

static void write_little_endian(tt_writer *writer, uint64_t value, size_t length)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    tt_write_bytes(writer, bytes, length);
}

void tt_write_u8(tt_writer *writer, uint8_t value)
{
    write_big_endian(writer, value, 1);
}

void tt_write_be16(tt_writer *writer, uint16_t value)
{
    write_big_endian(writer, value, 2);
}

void tt_write_be32(tt_writer *writer, uint32_t value)
{
    write_big_endian(writer, value, 4);
}

void tt_write_be64(tt_writer *writer, uint64_t value)
{
    write_big_endian(writer, value, 8);
}

void tt_write_le16(tt_writer *writer, uint16_t value)
{
    write_little_endian(writer, value, 2);
}

void tt_write_le32(tt_writer *writer, uint32_t value)
{
    write_little_endian(writer, value, 4);
}

void tt_write_le64(tt_writer *writer, uint64_t value)
{
    write_little_endian(writer, value, 8);
}

uint32_t tt_crc32(uint32_t crc, const void *bytes, size_t length)
{
    // A table of 16 entries (64 bytes) instead of 256: two steps a byte, small enough for a watch.
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *data = bytes;
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
