// The stack's timers are called only when they are needed: that must not show. One script of ten
// virtual minutes (addresses, questions that nobody answers, queries for groups, a neighbour that
// grows old, another device with our address) runs twice: once the stack is called every
// millisecond, once only when it asks for it or something comes. It must send the same frames in
// the same milliseconds, and sleep while there is nothing to do.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/lwip/stack.h"
#include "tests/test.h"
#include "tutti/check.h"

#define LOG_MAX 1000
#define END_MS 600000

typedef enum frame_kind { ARP, NEIGHBOUR, IGMP, MLD, DATAGRAM, OTHER } frame_kind;

typedef struct run {
    struct {
        uint32_t at_ms, hash;
        frame_kind kind;
    } sent[LOG_MAX];
    unsigned count, calls_while_idle;
} run;

static run *current;
static uint32_t clock_ms;
static uint8_t inbox[TT_FRAME_MAX];
static size_t inbox_length;
static uint8_t own_ip[4]; // as the last announcement told it
static tt_socket bus;

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, other_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t *source = other_mac; // of the frames that come

static frame_kind kind_of(const uint8_t *f)
{
    if (f[12] == 8 && f[13] == 6)
        return ARP;
    if (f[12] == 8)
        return f[23] == 2 ? IGMP : DATAGRAM;
    if (f[20] == 0) // hop-by-hop: multicast listener reports
        return MLD;
    return f[20] == 58 ? (f[54] == 135 || f[54] == 136 ? NEIGHBOUR : OTHER) : DATAGRAM;
}

static tt_status send_frame(tt_ethernet *ethernet, const void *frame, size_t length)
{
    (void)ethernet;
    const uint8_t *f = frame;
    if (current->count == LOG_MAX)
        return TT_FULL;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ f[i]) * 16777619u;
    current->sent[current->count].at_ms = clock_ms;
    current->sent[current->count].hash = hash;
    current->sent[current->count++].kind = kind_of(f);
    return TT_OK;
}

static tt_status receive_frame(tt_ethernet *ethernet, void *frame, size_t capacity, size_t *length)
{
    (void)ethernet, (void)capacity;
    if (inbox_length == 0)
        return TT_EMPTY;
    memcpy(frame, inbox, inbox_length);
    *length = inbox_length;
    inbox_length = 0;
    return TT_OK;
}

static tt_time now(void *context)
{
    (void)context;
    return TT_MS(clock_ms);
}

static void hear_only(void)
{
    tt_datagram d;
    while (tt_stack_receive(&d) == TT_OK)
        ;
}

static uint32_t sum(uint32_t from, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        from += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    return from;
}

static void put_checksum(uint8_t *at, uint32_t total)
{
    total = (total & 0xffff) + (total >> 16);
    total = ~((total & 0xffff) + (total >> 16));
    at[0] = (uint8_t)(total >> 8);
    at[1] = (uint8_t)total;
}

static void begin(const uint8_t to[6], uint16_t type, size_t length)
{
    memset(inbox, 0, sizeof(inbox));
    memcpy(inbox, to, 6);
    memcpy(inbox + 6, source, 6);
    inbox[12] = (uint8_t)(type >> 8);
    inbox[13] = (uint8_t)type;
    inbox_length = length;
}

// RFC 826; operation 1 asks, 2 answers.
static void hear_arp(uint8_t operation, const uint8_t sender[4], const uint8_t target[4])
{
    static const uint8_t everyone[6] = {255, 255, 255, 255, 255, 255};
    static const uint8_t header[] = {0, 1, 8, 0, 6, 4, 0};
    begin(operation == 1 ? everyone : mac, 0x806, 60);
    memcpy(inbox + 14, header, sizeof(header));
    inbox[21] = operation;
    memcpy(inbox + 22, other_mac, 6);
    memcpy(inbox + 28, sender, 4);
    memcpy(inbox + 38, target, 4);
    hear_only();
}

// A general query of IGMPv2 (RFC 2236): answers within 10 s.
static void hear_igmp_query(void)
{
    static const uint8_t all[6] = {1, 0, 0x5e, 0, 0, 1};
    static const uint8_t header[] = {0x46, 0, 0, 32,  0, 0, 0, 0,    1, 2, 0, 0,    169,
                                     254,  9, 9, 224, 0, 0, 1, 0x94, 4, 0, 0, 0x11, 100};
    begin(all, 0x800, 60);
    memcpy(inbox + 14, header, sizeof(header));
    put_checksum(inbox + 24, sum(0, inbox + 14, 24));
    put_checksum(inbox + 40, sum(0, inbox + 38, 8));
    hear_only();
}

static const uint8_t other_ip6[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

static void hear_icmp6(const uint8_t to_mac[6], const uint8_t to[16], const uint8_t *message,
                       uint8_t length, uint8_t hops)
{
    begin(to_mac, 0x86dd, 54 + (size_t)length);
    inbox[14] = 0x60;
    inbox[19] = length;
    inbox[20] = 58;
    inbox[21] = hops;
    memcpy(inbox + 22, other_ip6, 16);
    memcpy(inbox + 38, to, 16);
    memcpy(inbox + 54, message, length);
    put_checksum(inbox + 56, sum(sum(58u + length, inbox + 22, 32), inbox + 54, length));
    hear_only();
}

// A general query (RFC 2710): answers within 10 s.
static void hear_mld_query(void)
{
    static const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
    static const uint8_t all[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t query[24] = {130, 0, 0, 0, 0x27, 0x10};
    hear_icmp6(all_mac, all, query, sizeof(query), 1);
}

static void hear_neighbour(void) // RFC 4861: an answer that was asked for
{
    tt_endpoint own[4];
    uint8_t message[32] = {136, 0, 0, 0, 0x60};
    tt_stack_addresses(own, 4);
    memcpy(message + 8, other_ip6, 16);
    message[24] = 2;
    message[25] = 1;
    memcpy(message + 26, other_mac, 6);
    hear_icmp6(mac, own[0].ip, message, sizeof(message), 255);
}

static void send_to(const uint8_t ip[16])
{
    static tt_datagram d;
    d = (tt_datagram){.socket = bus, .peer = {.port = 5683, .interface = 1}, .length = 8};
    memcpy(d.peer.ip, ip, 16);
    tt_stack_send(&d);
}

static void send_to_ip4(uint8_t last)
{
    uint8_t ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 169, 254, 7, last};
    send_to(ip);
}

static void open_ports(void)
{
    static const tt_endpoint groups[2] = {
        {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 224, 0, 0, 251}},
        {.ip = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb}},
    };
    tt_socket mdns;
    EXPECT_EQUAL(tt_stack_open(5683, NULL, 0, &bus), TT_OK);
    EXPECT_EQUAL(tt_stack_open(5353, groups, 2, &mdns), TT_OK);
}

static void learn_own_address(void)
{
    tt_endpoint own[4];
    EXPECT_EQUAL(tt_stack_addresses(own, 4), 2);
    memcpy(own_ip, own[1].ip + 12, 4);
}

static void step(uint32_t ms)
{
    static const uint8_t nobody[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
    static const uint8_t here[4] = {169, 254, 7, 7}, elsewhere[4] = {169, 254, 7, 8};
    switch (ms) {
    case 10:
        open_ports();
        break;
    case 20000:
        learn_own_address();
        send_to(nobody);
        break;
    case 40000:
        send_to_ip4(6); // nobody
        break;
    case 60000:
        hear_igmp_query();
        break;
    case 80000:
        hear_mld_query();
        break;
    case 100000: // answered, used when old: it is asked for again after 5 s
    case 150000:
        send_to(other_ip6);
        break;
    case 100005:
    case 157000:
        hear_neighbour();
        break;
    case 160000:
        hear_arp(1, here, own_ip); // learns 169.254.7.7
        send_to_ip4(7);
        break;
    case 430000: // 270 s old and in use: asked for again
    case 445000:
        send_to_ip4(7);
        break;
    case 500000: // somebody has our address: it is defended
        hear_arp(1, own_ip, elsewhere);
        break;
    case 503000: // still: we take another
        hear_arp(1, own_ip, elsewhere);
        break;
    default:
        break;
    }
}

static const uint32_t steps[] = {10,     20000,  40000,  60000,  80000,  100000, 100005,
                                 150000, 157000, 160000, 430000, 445000, 500000, 503000};

// The next millisecond in which something is to be done.
static uint32_t next_ms(bool eager)
{
    uint32_t next = clock_ms + 1;
    if (eager)
        return next;
    tt_time deadline = tt_stack_deadline();
    next = deadline >= TT_MS(END_MS) ? END_MS : (uint32_t)((deadline + 999999) / 1000000);
    for (unsigned i = 0; i < TT_COUNT(steps); i++)
        if (steps[i] > clock_ms && steps[i] < next)
            next = steps[i];
    return next > clock_ms ? next : clock_ms + 1;
}

static void play(bool eager)
{
    static tt_ethernet ethernet = {.send = send_frame, .receive = receive_frame};
    tt_endpoint own[4];
    memcpy(ethernet.mac, mac, 6);
    tt_stack_start(&(tt_stack_options){.ethernet = &ethernet, .now = now, .seed = 5});
    for (; clock_ms < END_MS; clock_ms = next_ms(eager)) {
        step(clock_ms);
        hear_only();
        tt_stack_addresses(own, 4);
        if (clock_ms > 200000 && clock_ms < 430000)
            current->calls_while_idle++;
    }
}

// A datagram of four bytes; to a group's address where the first bytes of `to` say so.
static bool hears_datagram(const uint8_t to_mac[6], const uint8_t to[16], uint16_t port)
{
    static tt_datagram d;
    begin(to_mac, 0x86dd, 66);
    inbox[14] = 0x60;
    inbox[19] = 12;
    inbox[20] = 17;
    inbox[21] = 1;
    memcpy(inbox + 22, other_ip6, 16);
    memcpy(inbox + 38, to, 16);
    inbox[55] = 9; // from a port of its own
    inbox[56] = (uint8_t)(port >> 8);
    inbox[57] = (uint8_t)port;
    inbox[59] = 12;
    put_checksum(inbox + 60, sum(sum(17 + 12, inbox + 22, 32), inbox + 54, 12));
    return tt_stack_receive(&d) == TT_OK;
}

// An IPv4 header at `at`, for so many bytes behind it.
static void put_ip4(uint8_t *at, uint8_t protocol, const uint8_t from[4], const uint8_t to[4],
                    size_t bytes)
{
    memset(at, 0, 20);
    at[0] = 0x45;
    at[2] = (uint8_t)((20 + bytes) >> 8);
    at[3] = (uint8_t)(20 + bytes);
    at[8] = 1;
    at[9] = protocol;
    memcpy(at + 12, from, 4);
    memcpy(at + 16, to, 4);
    put_checksum(at + 10, sum(0, at, 20));
}

static const uint8_t there4[4] = {169, 254, 9, 9};
static tt_datagram heard;

static bool hears_ip4_of(const uint8_t to_mac[6], const uint8_t to[4], uint16_t port, size_t bytes)
{
    size_t length = 42 + bytes;
    begin(to_mac, 0x800, length < 60 ? 60 : length);
    put_ip4(inbox + 14, 17, there4, to, 8 + bytes);
    inbox[35] = 9;
    inbox[36] = (uint8_t)(port >> 8);
    inbox[37] = (uint8_t)port;
    inbox[38] = (uint8_t)((8 + bytes) >> 8);
    inbox[39] = (uint8_t)(8 + bytes); // and no checksum
    return tt_stack_receive(&heard) == TT_OK;
}

static bool hears_ip4(const uint8_t to_mac[6], const uint8_t to[4], uint16_t port)
{
    return hears_ip4_of(to_mac, to, port, 4);
}

// "Nothing listens at 169.254.9.9:5683", about a datagram from `from` and `port`.
static tt_status hears_unreachable(const uint8_t from[4], const uint8_t to[4], uint16_t port)
{
    begin(mac, 0x800, 14 + 56);
    put_ip4(inbox + 14, 1, there4, to, 36);
    inbox[34] = inbox[35] = 3;
    put_ip4(inbox + 42, 17, from, there4, 8);
    inbox[62] = (uint8_t)(port >> 8);
    inbox[63] = (uint8_t)port;
    inbox[64] = 5683 >> 8;
    inbox[65] = 5683 & 0xff;
    inbox[67] = 8;
    put_checksum(inbox + 36, sum(0, inbox + 34, 36));
    return tt_stack_receive(&heard);
}

// Of errors only those are given that are about an own address and an open port.
static void look_at_errors(const uint8_t own4[4])
{
    static const uint8_t other4[4] = {169, 254, 7, 6};
    EXPECT_EQUAL(hears_unreachable(own4, own4, 5683), TT_UNREACHABLE);
    EXPECT(heard.socket == bus && heard.length == 0 && heard.peer.port == 5683);
    EXPECT(tt_endpoint_is_ipv4(&heard.peer) && memcmp(heard.peer.ip + 12, there4, 4) == 0);
    EXPECT_EQUAL(heard.peer.interface, TT_STACK_INTERFACE);
    EXPECT_EQUAL(hears_unreachable(own4, own4, 5684), TT_EMPTY);
    EXPECT_EQUAL(hears_unreachable(other4, own4, 5683), TT_EMPTY);
    EXPECT_EQUAL(hears_unreachable(other4, other4, 5683), TT_EMPTY);
}

// Of what is longer than a datagram may be the beginning is taken; what the network sends back is
// dropped and counted, since it would look like another one with our address.
static void look_at_drops(const uint8_t own4[4])
{
    static const uint8_t elsewhere[4] = {169, 254, 7, 8};
    const tt_stack_counters *counters = tt_stack_counters_get();
    uint64_t dropped = counters->datagrams_dropped, frames = counters->frames_dropped;
    for (size_t more = 0; more < 2; more++) { // of what is too long the beginning
        EXPECT(hears_ip4_of(mac, own4, 5683, TT_DATAGRAM_MAX + more));
        EXPECT(heard.length == TT_DATAGRAM_MAX && heard.cut == (more > 0));
    }
    EXPECT_EQUAL(counters->datagrams_dropped, dropped);
    unsigned sent = current->count;
    for (int i = 0; i < 2; i++) {
        source = mac;
        hear_arp(1, own4, elsewhere);
        source = other_mac;
    }
    EXPECT(counters->frames_dropped == frames + 2 && current->count == sent);
    hear_arp(1, own4, elsewhere);
    EXPECT(counters->frames_dropped == frames + 2 && current->count == sent + 1); // defended
}

// A change of the own addresses ends waits until somebody asks for them.
static void play_changes(bool eager)
{
    static tt_ethernet ethernet = {.send = send_frame, .receive = receive_frame};
    tt_endpoint own[4];
    size_t count = 0;
    (void)eager;
    memcpy(ethernet.mac, mac, 6);
    tt_stack_start(&(tt_stack_options){.ethernet = &ethernet, .now = now, .seed = 5});
    hear_only();
    EXPECT(tt_stack_addresses(own, 4) == 0);
    for (; clock_ms < 20000 && count < 2; clock_ms++) {
        tt_stack_advance();
        if (tt_stack_deadline() != 0)
            continue;
        size_t before = count;
        EXPECT_EQUAL(tt_stack_deadline(), 0);
        count = tt_stack_addresses(own, 4);
        EXPECT_EQUAL(count, before + 1);
        EXPECT(tt_stack_deadline() != 0);
    }
    EXPECT_EQUAL(count, 2);
}

// A port that joined no group hears what is meant for this device, and nothing that is for many.
static void play_groups(bool eager)
{
    static const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1},
                         mdns_mac[6] = {0x33, 0x33, [5] = 0xfb};
    static const uint8_t all_mac4[6] = {1, 0, 0x5e, 0, 0, 1},
                         mdns_mac4[6] = {1, 0, 0x5e, 0, 0, 0xfb};
    static const uint8_t everyone_mac[6] = {255, 255, 255, 255, 255, 255};
    static const uint8_t all[16] = {0xff, 2, [15] = 1}, mdns[16] = {0xff, 2, [15] = 0xfb};
    static const uint8_t all4[4] = {224, 0, 0, 1}, mdns4[4] = {224, 0, 0, 251};
    static const uint8_t everyone[4] = {255, 255, 255, 255}, net[4] = {169, 254, 255, 255};
    tt_endpoint own[4];
    play(eager); // until it has its addresses
    EXPECT_EQUAL(tt_stack_addresses(own, 4), 2);
    EXPECT(hears_datagram(mac, own[0].ip, 5683));
    EXPECT(hears_ip4(mac, own[1].ip + 12, 5683));
    EXPECT(hears_datagram(mdns_mac, mdns, 5353));
    EXPECT(hears_ip4(mdns_mac4, mdns4, 5353));
    EXPECT(!hears_datagram(mdns_mac, mdns, 5683));
    EXPECT(!hears_ip4(mdns_mac4, mdns4, 5683));
    EXPECT(!hears_datagram(all_mac, all, 5683));
    EXPECT(!hears_ip4(all_mac4, all4, 5683));
    EXPECT(!hears_ip4(everyone_mac, everyone, 5683));
    EXPECT(!hears_ip4(everyone_mac, net, 5683));
    look_at_errors(own[1].ip + 12);
    look_at_drops(own[1].ip + 12);
}

static void play_apart(run *into, bool eager, void (*script)(bool eager))
{
    pid_t child = fork(); // there is one stack a process
    if (child == 0) {
        current = into;
        script(eager);
        _exit(test_result());
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQUAL(status, 0);
}

static unsigned sent_between(const run *r, frame_kind kind, uint32_t from_ms, uint32_t to_ms)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->count; i++)
        count += r->sent[i].kind == kind && r->sent[i].at_ms >= from_ms && r->sent[i].at_ms < to_ms;
    return count;
}

int main(void)
{
    run *runs =
        mmap(NULL, 2 * sizeof(run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const run *eager = &runs[0], *lazy = &runs[1];
    play_apart(&runs[0], false, play_groups);
    play_apart(&runs[0], false, play_changes);
    runs[0] = (run){0};
    play_apart(&runs[0], true, play);
    play_apart(&runs[1], false, play);
    EXPECT_EQUAL(lazy->count, eager->count);
    for (unsigned i = 0; i < lazy->count && i < eager->count; i++)
        if (memcmp(&lazy->sent[i], &eager->sent[i], sizeof(lazy->sent[i])) != 0) {
            printf("frame %u: kind %d at %u ms, eager kind %d at %u ms\n", i,
                   (int)lazy->sent[i].kind, lazy->sent[i].at_ms, (int)eager->sent[i].kind,
                   eager->sent[i].at_ms);
            EXPECT_EQUAL(i, -1);
            break;
        }
    EXPECT(lazy->calls_while_idle <= 1);

    // And the script does what it says.
    EXPECT_EQUAL(sent_between(lazy, ARP, 0, 20000), 5); // three probes, two announcements
    EXPECT(sent_between(lazy, MLD, 0, 5000) >= 2);
    EXPECT(sent_between(lazy, IGMP, 0, 5000) >= 1);
    EXPECT_EQUAL(sent_between(lazy, NEIGHBOUR, 20000, 40000), 3); // to nobody
    EXPECT_EQUAL(sent_between(lazy, ARP, 40000, 60000), 5);       // to nobody
    EXPECT_EQUAL(sent_between(lazy, IGMP, 60000, 70500), 1);
    EXPECT_EQUAL(sent_between(lazy, MLD, 80000, 90500), 2);
    EXPECT_EQUAL(sent_between(lazy, DATAGRAM, 100000, 160000), 2);
    EXPECT_EQUAL(sent_between(lazy, NEIGHBOUR, 150000, 160000), 2); // old: 5 s later, and again
    EXPECT_EQUAL(sent_between(lazy, ARP, 160000, 430000), 1);       // our answer
    EXPECT_EQUAL(sent_between(lazy, ARP, 430000, 500000), 2);
    EXPECT_EQUAL(sent_between(lazy, ARP, 500000, 503000), 1);
    EXPECT_EQUAL(sent_between(lazy, ARP, 503000, 540000), 5); // the new address
    return test_result();
}
