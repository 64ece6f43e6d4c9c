// Datagrams as tcpdump keeps them: the libpcap format with times in nanoseconds, raw IPv6
// (LINKTYPE_RAW, 101). A datagram is written once, when it is sent; a lost one is there, too.

#include "sim/internal.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define UDP_HEADER 8
#define NEXT_UDP 17

void tt_sim_pcap_begin(FILE *file)
{
    uint8_t bytes[24];
    tt_writer w;
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_write_le32(&w, 0xa1b23c4d); // times in nanoseconds
    tt_write_le16(&w, 2);          // version 2.4
    tt_write_le16(&w, 4);
    tt_write_le64(&w, 0);
    tt_write_le32(&w, 65535); // the longest there may be
    tt_write_le32(&w, 101);
    fwrite(bytes, 1, w.length, file);
}

static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    return sum;
}

// RFC 768 over the pseudo-header of RFC 8200, 8.1.
static uint16_t checksum(const tt_sim_packet *p)
{
    size_t length = UDP_HEADER + p->length;
    uint32_t sum = (uint32_t)(length + NEXT_UDP + p->from.port + p->to.port + length);
    sum = add_words(sum, p->from.ip, sizeof(p->from.ip));
    sum = add_words(sum, p->to.ip, sizeof(p->to.ip));
    sum = add_words(sum, p->data, p->length);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

void tt_sim_pcap_add(FILE *file, tt_time now, const tt_sim_packet *p)
{
    uint8_t bytes[16 + TT_SIM_HEADERS];
    size_t udp = UDP_HEADER + p->length;
    tt_writer w;
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_write_le32(&w, (uint32_t)(now / TT_SECONDS(1)));
    tt_write_le32(&w, (uint32_t)(now % TT_SECONDS(1)));
    tt_write_le32(&w, (uint32_t)(TT_SIM_HEADERS + p->length)); // kept, and sent
    tt_write_le32(&w, (uint32_t)(TT_SIM_HEADERS + p->length));
    tt_write_be32(&w, (uint32_t)6 << 28);
    tt_write_be16(&w, (uint16_t)udp);
    tt_write_u8(&w, NEXT_UDP);
    tt_write_u8(&w, 255); // what multicast DNS asks for, and nobody else minds
    tt_write_bytes(&w, p->from.ip, sizeof(p->from.ip));
    tt_write_bytes(&w, p->to.ip, sizeof(p->to.ip));
    tt_write_be16(&w, p->from.port);
    tt_write_be16(&w, p->to.port);
    tt_write_be16(&w, (uint16_t)udp);
    tt_write_be16(&w, checksum(p));
    TT_CHECK(!w.failed && w.length == sizeof(bytes));
    fwrite(bytes, 1, sizeof(bytes), file);
    fwrite(p->data, 1, p->length, file);
}
