// ICMP "port unreachable" as it stands in frames: read from a right one of each family, and from
// no other: cut anywhere, with any bit turned, about something else, sent to somebody else.

#include <stdbool.h>

#include "platform/lwip/unreachable.h"
#include "tests/test.h"
#include "tutti/random.h"

#define HEADERS 14 // of Ethernet

static uint8_t frame[256];
static size_t length;

static uint16_t checksum(const uint8_t *bytes, size_t count, uint32_t sum)
{
    for (size_t i = 0; i < count; i += 2)
        sum += (uint32_t)(bytes[i] << 8) + (i + 1 < count ? bytes[i + 1] : 0);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(size_t at, unsigned value)
{
    frame[at] = (uint8_t)(value >> 8);
    frame[at + 1] = (uint8_t)value;
}

static const uint8_t us[16] = {0xfe, 0x80, [15] = 1}, them[16] = {0xfe, 0x80, [15] = 2};

// An IP header at `at` for `payload` bytes, from `source` to `target`.
static void put_ip(bool ipv6, size_t at, const uint8_t *source, const uint8_t *target,
                   unsigned protocol, size_t payload)
{
    if (ipv6) {
        frame[at] = 0x60;
        put16(at + 4, (unsigned)payload);
        frame[at + 6] = (uint8_t)protocol;
        frame[at + 7] = 255;
        memcpy(frame + at + 8, source, 16);
        memcpy(frame + at + 24, target, 16);
        return;
    }
    frame[at] = 0x45;
    put16(at + 2, (unsigned)payload + 20);
    put16(at + 6, 0x4000); // do not fragment
    frame[at + 8] = 64;
    frame[at + 9] = (uint8_t)protocol;
    memcpy(frame + at + 12, source + 12, 4);
    memcpy(frame + at + 16, target + 12, 4);
    put16(at + 10, checksum(frame + at, 20, 0));
}

static void seal(bool ipv6)
{
    size_t ip = ipv6 ? 40 : 20, icmp = HEADERS + ip;
    put16(icmp + 2, 0);
    uint32_t pseudo = 0;
    if (ipv6)
        pseudo = (uint16_t)~checksum(frame + HEADERS + 8, 32, (uint32_t)(length - icmp) + 58);
    put16(icmp + 2, checksum(frame + icmp, length - icmp, pseudo));
}

// "Nothing listens at them:5683", about a datagram of `data` bytes from us:40000.
static void make(bool ipv6, size_t data)
{
    size_t ip = ipv6 ? 40 : 20, icmp = HEADERS + ip, quoted = icmp + 8, udp = quoted + ip;
    memset(frame, 0, sizeof(frame));
    length = udp + 8 + data;
    put16(12, ipv6 ? 0x86dd : 0x0800);
    put_ip(ipv6, HEADERS, them, us, ipv6 ? 58 : 1, length - icmp);
    frame[icmp] = ipv6 ? 1 : 3;
    frame[icmp + 1] = ipv6 ? 4 : 3;
    put_ip(ipv6, quoted, us, them, 17, 8 + data);
    put16(udp, 40000);
    put16(udp + 2, 5683);
    put16(udp + 4, (unsigned)data + 8);
    memset(frame + udp + 8, 0xa5, data);
    seal(ipv6);
}

static bool parse(size_t count)
{
    tt_endpoint local, peer;
    uint8_t *copy = malloc(count > 0 ? count : 1); // so that the sanitizer sees a byte too many
    REQUIRE(copy != NULL);
    memcpy(copy, frame, count);
    bool found = tt_unreachable_parse(copy, count, &local, &peer);
    free(copy);
    return found;
}

static void test_family(bool ipv6)
{
    for (size_t data = 0; data < 20; data++) {
        tt_endpoint local, peer;
        make(ipv6, data);
        EXPECT(tt_unreachable_parse(frame, length, &local, &peer));
        EXPECT_EQUAL(local.port, 40000);
        EXPECT_EQUAL(peer.port, 5683);
        EXPECT(tt_endpoint_is_ipv4(&local) == !ipv6 && local.ip[15] == 1 && peer.ip[15] == 2);
        EXPECT(parse(length + 5)); // padding of the wire
    }
    for (size_t i = 0; i < length; i++)
        EXPECT(!parse(i));
    // One bit anywhere but in what no checksum covers: Ethernet addresses, and IPv6's class, flow
    // and hop limit.
    size_t icmp = HEADERS + (ipv6 ? 40 : 20);
    for (size_t bit = 12 * 8; bit < length * 8; bit++) {
        size_t at = bit / 8;
        bool covered = !ipv6 || at < HEADERS || at >= icmp || at >= HEADERS + 4;
        covered = covered && !(ipv6 && at == HEADERS + 7) && !(ipv6 && at == HEADERS);
        frame[at] ^= (uint8_t)(1u << bit % 8);
        if (covered)
            EXPECT(!parse(length));
        frame[at] ^= (uint8_t)(1u << bit % 8);
    }
    // Right sums over something else: another type, another code, TCP, another one's datagram, a
    // later fragment.
    size_t quoted = icmp + 8;
    const struct {
        size_t at;
        uint8_t value;
    } others[] = {
        {icmp, ipv6 ? 128 : 8},         {icmp + 1, 1},  {quoted + (ipv6 ? 6 : 9), 6},
        {quoted + (ipv6 ? 23 : 15), 9}, {quoted, 0x50},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        make(ipv6, 4);
        frame[others[i].at] = others[i].value;
        seal(ipv6);
        EXPECT(!parse(length));
    }
    if (!ipv6) {
        make(false, 4);
        frame[quoted + 7] = 1;
        seal(false);
        EXPECT(!parse(length));
        static const unsigned pieces[] = {0x2000, 1, 0x1fff, 0x3001}; // of an error in fragments
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            make(false, 4);
            put16(HEADERS + 6, pieces[i]);
            put16(HEADERS + 10, 0);
            put16(HEADERS + 10, checksum(frame + HEADERS, 20, 0));
            EXPECT(!parse(length));
        }
    }
}

int main(void)
{
    test_family(false);
    test_family(true);
    tt_random random;
    tt_random_seed(&random, 7);
    for (int i = 0; i < 100000; i++) { // any bytes, behind a plausible beginning
        bool ipv6 = i % 2;
        make(ipv6, 8);
        for (int flips = 0; flips < 4; flips++)
            frame[12 + tt_random_below(&random, 80)] = (uint8_t)tt_random_u64(&random);
        seal(ipv6);
        parse(tt_random_below(&random, sizeof(frame)));
    }
    return test_result();
}
