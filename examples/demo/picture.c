// PNG (ISO/IEC 15948) with one stored, that is uncompressed, deflate block (RFC 1951, 3.2.4).

#include <string.h>

#include "examples/demo/picture.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define SIDE_MAX 64
#define DATA_MAX ((SIDE_MAX + 1) * SIDE_MAX) // a filter byte before each row
#define PNG_MAX (DATA_MAX + 128)

static void write_chunk(tt_writer *writer, const char *type, const uint8_t *data, size_t length)
{
    tt_write_be32(writer, (uint32_t)length);
    tt_write_bytes(writer, type, 4);
    tt_write_bytes(writer, data, length);
    tt_write_be32(writer, tt_crc32(tt_crc32(0, type, 4), data, length));
}

static uint32_t adler32(const uint8_t *data, size_t length) // RFC 1950, 8.2
{
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < length; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static size_t make_png(uint8_t png[PNG_MAX], const uint8_t *pixels, size_t rows, size_t columns)
{
    uint8_t header[13], data[DATA_MAX], stored[DATA_MAX + 16];
    tt_writer writer;
    tt_writer_init(&writer, header, sizeof(header));
    tt_write_be32(&writer, (uint32_t)columns);
    tt_write_be32(&writer, (uint32_t)rows);
    tt_write_bytes(&writer, "\x08\0\0\0\0", 5); // 8 bits of grey, no interlacing

    tt_writer_init(&writer, data, sizeof(data));
    for (size_t row = 0; row < rows; row++) {
        tt_write_u8(&writer, 0); // no filter
        tt_write_bytes(&writer, pixels + row * columns, columns);
    }
    size_t length = writer.length;
    tt_writer_init(&writer, stored, sizeof(stored));
    tt_write_bytes(&writer, "\x78\x01\x01", 3); // zlib's header; the last block, stored
    tt_write_le16(&writer, (uint16_t)length);
    tt_write_le16(&writer, (uint16_t)~length);
    tt_write_bytes(&writer, data, length);
    tt_write_be32(&writer, adler32(data, length));
    size_t stored_length = writer.length;

    tt_writer_init(&writer, png, PNG_MAX);
    tt_write_bytes(&writer, "\x89PNG\r\n\x1a\n", 8);
    write_chunk(&writer, "IHDR", header, sizeof(header));
    write_chunk(&writer, "IDAT", stored, stored_length);
    write_chunk(&writer, "IEND", NULL, 0);
    TT_CHECK(!writer.failed);
    return writer.length;
}

void demo_picture_write(FILE *out, const uint8_t *pixels, size_t rows, size_t columns)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    TT_CHECK(rows <= SIDE_MAX && columns <= SIDE_MAX);
    uint8_t png[PNG_MAX + 2];
    size_t length = make_png(png, pixels, rows, columns);
    memset(png + length, 0, 2);
    fputs("data:image/png;base64,", out);
    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)png[i] << 16 | (uint32_t)png[i + 1] << 8 | png[i + 2];
        for (size_t k = 0; k < 4; k++)
            fputc(i + k <= length ? digits[group >> (18 - 6 * k) & 63] : '=', out);
    }
}
