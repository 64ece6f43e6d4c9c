// Reading ICMP "port unreachable". lwIP counts these errors and tells nobody: its raw interface has
// no callback for them.

#include <string.h>

#include "platform/lwip/unreachable.h"

#define ETHERNET_HEADER 14
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define IPV4_HEADER 20 // without options, as stacks of today send it
#define IPV6_HEADER 40
#define ICMP_HEADER 8
#define UDP_HEADER 8
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMPV6 58

static uint16_t be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

// The sum of RFC 1071 continued over `length` bytes; 0xffff over what includes a right checksum.
static uint16_t add(uint16_t sum, const uint8_t *bytes, size_t length)
{
    uint32_t total = sum; // of at most 800 words: it cannot overflow
    for (size_t i = 0; i + 1 < length; i += 2)
        total += be16(bytes + i);
    if (length % 2 == 1)
        total += (uint32_t)bytes[length - 1] << 8;
    while (total > 0xffff)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)total;
}

// Fills both ends from a UDP datagram that starts at its IP header; false where it is something
// else. At least the IP header and eight bytes are there.
static bool read_quoted(bool ipv6, const uint8_t *ip, tt_endpoint *local, tt_endpoint *peer)
{
    *local = *peer = (tt_endpoint){0};
    const uint8_t *udp = ip + (ipv6 ? IPV6_HEADER : IPV4_HEADER);
    if (ipv6) {
        if (ip[0] >> 4 != 6 || ip[6] != PROTOCOL_UDP)
            return false;
        memcpy(local->ip, ip + 8, 16);
        memcpy(peer->ip, ip + 24, 16);
    } else {
        bool fragment = (be16(ip + 6) & 0x1fff) != 0; // its first bytes are no UDP header
        if (ip[0] != 0x45 || ip[9] != PROTOCOL_UDP || fragment)
            return false;
        local->ip[10] = local->ip[11] = peer->ip[10] = peer->ip[11] = 0xff;
        memcpy(local->ip + 12, ip + 12, 4);
        memcpy(peer->ip + 12, ip + 16, 4);
    }
    local->port = be16(udp);
    peer->port = be16(udp + 2);
    return true;
}

static bool read_ipv4(const uint8_t *ip, size_t length, tt_endpoint *local, tt_endpoint *peer)
{
    if (length < 2 * IPV4_HEADER + ICMP_HEADER + UDP_HEADER)
        return false;
    size_t total = be16(ip + 2);
    bool whole = total <= length && total >= 2 * IPV4_HEADER + ICMP_HEADER + UDP_HEADER &&
                 (be16(ip + 6) & 0x3fff) == 0; // no fragment
    const uint8_t *icmp = ip + IPV4_HEADER;
    return ip[0] == 0x45 && ip[9] == PROTOCOL_ICMP && whole && icmp[0] == 3 && icmp[1] == 3 &&
           add(0, ip, IPV4_HEADER) == 0xffff && add(0, icmp, total - IPV4_HEADER) == 0xffff &&
           read_quoted(false, icmp + ICMP_HEADER, local, peer) &&
           memcmp(ip + 16, local->ip + 12, 4) == 0;
}

static bool read_ipv6(const uint8_t *ip, size_t length, tt_endpoint *local, tt_endpoint *peer)
{
    if (length < 2 * IPV6_HEADER + ICMP_HEADER + UDP_HEADER)
        return false;
    size_t payload = be16(ip + 4);
    bool whole =
        payload <= length - IPV6_HEADER && payload >= IPV6_HEADER + ICMP_HEADER + UDP_HEADER;
    const uint8_t *icmp = ip + IPV6_HEADER;
    if (ip[0] >> 4 != 6 || ip[6] != PROTOCOL_ICMPV6 || !whole || icmp[0] != 1 || icmp[1] != 4)
        return false;
    // The pseudo-header of RFC 8200, 8.1: both addresses, the length and the protocol.
    uint16_t sum = add(0, ip + 8, 32);
    const uint8_t rest[4] = {(uint8_t)(payload >> 8), (uint8_t)payload, 0, PROTOCOL_ICMPV6};
    sum = add(sum, rest, sizeof(rest));
    return add(sum, icmp, payload) == 0xffff &&
           read_quoted(true, icmp + ICMP_HEADER, local, peer) &&
           memcmp(ip + 24, local->ip, 16) == 0;
}

bool tt_unreachable_parse(const uint8_t *frame, size_t length, tt_endpoint *local,
                          tt_endpoint *peer)
{
    if (length < ETHERNET_HEADER)
        return false;
    const uint8_t *ip = frame + ETHERNET_HEADER;
    size_t left = length - ETHERNET_HEADER;
    switch (be16(frame + 12)) {
    case TYPE_IPV4:
        return read_ipv4(ip, left, local, peer);
    case TYPE_IPV6:
        return read_ipv6(ip, left, local, peer);
    default:
        return false;
    }
}
