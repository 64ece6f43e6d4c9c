// Frames over a line: whole ones at every cut, and whatever a line does to them.

#include "os/driver/slip.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/random.h"

#define FRAME_MAX 1514
#define LINE_MAX TT_SLIP_ENCODED_MAX(FRAME_MAX)

// Reads a line as its two users do.
typedef struct reader {
    tt_slip_reader slip;
    uint8_t bytes[FRAME_MAX + TT_SLIP_CHECKSUM];
    size_t length;
    unsigned whole, damaged;
    uint8_t last[FRAME_MAX]; // the newest whole one
    size_t last_length;
} reader;

static void take(reader *r, const uint8_t *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = line[i];
        tt_slip_event event = tt_slip_take(&r->slip, &byte);
        if (event == TT_SLIP_BYTE && r->length == sizeof(r->bytes))
            tt_slip_lose(&r->slip);
        else if (event == TT_SLIP_BYTE)
            r->bytes[r->length++] = byte;
        if (event == TT_SLIP_BYTE || event == TT_SLIP_NOTHING ||
            (event == TT_SLIP_ENDED && r->length == 0))
            continue;
        bool good = event == TT_SLIP_ENDED && r->length >= TT_SLIP_CHECKSUM &&
                    tt_crc32(0, r->bytes, r->length) == TT_SLIP_RESIDUE;
        r->whole += good;
        r->damaged += !good;
        if (good) {
            r->last_length = r->length - TT_SLIP_CHECKSUM;
            memcpy(r->last, r->bytes, r->last_length);
        }
        r->length = 0;
    }
}

static bool got(const reader *r, const uint8_t *frame, size_t length)
{
    return r->last_length == length && memcmp(r->last, frame, length) == 0;
}

static uint8_t frame[FRAME_MAX], line[LINE_MAX];

static void fill(tt_random *random, size_t length)
{
    static const uint8_t special[4] = {0xc0, 0xdb, 0xdc, 0xdd};
    for (size_t i = 0; i < length; i++) // half of them such that matter here
        frame[i] = tt_random_below(random, 2) ? special[tt_random_below(random, 4)]
                                              : (uint8_t)tt_random_below(random, 256);
}

// The bytes of RFC 1055, and the checksum of "123456789" that everybody has, its low byte first.
static void test_known(void)
{
    static const uint8_t expected[] = {0xc0, '1', '2',  '3',  '4',  '5',  '6', '7',
                                       '8',  '9', 0x26, 0x39, 0xf4, 0xcb, 0xc0};
    EXPECT_EQUAL(tt_slip_encode("123456789", 9, line), sizeof(expected));
    EXPECT(memcmp(line, expected, sizeof(expected)) == 0);
    static const uint8_t both[] = {0xc0, 0xdb}, escaped[] = {0xc0, 0xdb, 0xdc, 0xdb, 0xdd};
    tt_slip_encode(both, sizeof(both), line);
    EXPECT(memcmp(line, escaped, sizeof(escaped)) == 0);
}

static void test_lengths(tt_random *random)
{
    static reader r;
    for (size_t length = 1; length <= FRAME_MAX; length++) {
        fill(random, length);
        size_t bytes = tt_slip_encode(frame, length, line);
        EXPECT(bytes <= TT_SLIP_ENCODED_MAX(length));
        take(&r, line, bytes);
        EXPECT(r.whole == length && got(&r, frame, length));
    }
    EXPECT_EQUAL(r.damaged, 0);
    memset(frame, TT_SLIP_END, sizeof(frame));
    EXPECT(tt_slip_encode(frame, FRAME_MAX, line) > 2 * FRAME_MAX);
}

// At every cut: what was cut off is lost, and the next frame is whole again.
static void test_cuts(tt_random *random)
{
    fill(random, 100);
    size_t bytes = tt_slip_encode(frame, 100, line);
    for (size_t cut = 0; cut < bytes; cut++) {
        reader r = {0};
        take(&r, line, cut);
        EXPECT_EQUAL(r.whole, 0);
        take(&r, line, bytes);
        bool only_end = cut == bytes - 1; // which the next frame begins with, too
        EXPECT(r.whole == 1u + only_end && got(&r, frame, 100));
        EXPECT_EQUAL(r.damaged, cut > 1 && !only_end ? 1 : 0);
        reader late = {0}; // a line that is joined in the midst of a frame
        take(&late, line + cut, bytes - cut);
        take(&late, line, bytes);
        EXPECT_EQUAL(late.whole, cut <= 1 ? 2 : 1);
    }
}

static void test_each_bit(tt_random *random)
{
    fill(random, 64);
    size_t bytes = tt_slip_encode(frame, 64, line);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        reader r = {0};
        line[bit / 8] ^= 1 << bit % 8;
        take(&r, line, bytes);
        line[bit / 8] ^= 1 << bit % 8;
        take(&r, line, bytes);
        // A first END that is none costs nothing, but what it becomes; and no wrong frame comes.
        EXPECT(r.whole >= 1 && got(&r, frame, 64));
        EXPECT(r.whole == 1 || bit < 8);
    }
}

static void test_wrong_escapes(void)
{
    for (unsigned second = 0; second < 256; second++) {
        const uint8_t wrong[] = {0xc0, 'a', 0xdb, (uint8_t)second, 'b', 0xc0};
        reader r = {0};
        take(&r, wrong, sizeof(wrong));
        take(&r, line, tt_slip_encode("frame", 5, line));
        EXPECT(r.whole == 1 && got(&r, (const uint8_t *)"frame", 5));
        EXPECT_EQUAL(r.damaged, second == 0xc0 ? 2 : 1); // an END ends, whatever is before it
    }
}

// What each byte is told to be, where no checksum can save it.
static void test_events(void)
{
    static const struct {
        uint8_t byte;
        bool lose; // before it
        tt_slip_event event;
        uint8_t meant;
    } cases[] = {
        {'a', false, TT_SLIP_BYTE, 'a'},
        {0xdb, false, TT_SLIP_NOTHING, 0},
        {0xdc, false, TT_SLIP_BYTE, 0xc0},
        {0xdb, false, TT_SLIP_NOTHING, 0},
        {0xdd, false, TT_SLIP_BYTE, 0xdb},
        {0xdc, false, TT_SLIP_BYTE, 0xdc},
        {0xc0, false, TT_SLIP_ENDED, 0},
        {'a', false, TT_SLIP_BYTE, 'a'}, // the rest of a frame that the reader has no room for
        {'b', true, TT_SLIP_NOTHING, 0},
        {0xdb, false, TT_SLIP_NOTHING, 0},
        {0xdc, false, TT_SLIP_NOTHING, 0},
        {0xc0, false, TT_SLIP_DAMAGED, 0},
        {0xc0, false, TT_SLIP_ENDED, 0},
        {0xdb, false, TT_SLIP_NOTHING, 0}, // of one with an escape that is none
        {'a', false, TT_SLIP_NOTHING, 0},
        {'b', false, TT_SLIP_NOTHING, 0},
        {0xc0, false, TT_SLIP_DAMAGED, 0},
        {'a', false, TT_SLIP_BYTE, 'a'}, // an escape that ends
        {0xdb, false, TT_SLIP_NOTHING, 0},
        {0xc0, false, TT_SLIP_DAMAGED, 0},
        {'a', false, TT_SLIP_BYTE, 'a'},
    };
    tt_slip_reader slip = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t byte = cases[i].byte;
        if (cases[i].lose)
            tt_slip_lose(&slip);
        EXPECT_EQUAL(tt_slip_take(&slip, &byte), cases[i].event);
        if (cases[i].event == TT_SLIP_BYTE)
            EXPECT_EQUAL(byte, cases[i].meant);
    }
}

static void test_too_long(void)
{
    static uint8_t noise[5000];
    memset(noise, 'n', sizeof(noise));
    reader r = {0};
    take(&r, noise, sizeof(noise));
    take(&r, line, tt_slip_encode("frame", 5, line));
    EXPECT(r.whole == 1 && r.damaged == 1 && got(&r, (const uint8_t *)"frame", 5));
}

static void test_noise(tt_random *random)
{
    static reader r;
    unsigned sent = 0;
    for (int i = 0; i < 3000; i++) {
        uint8_t noise[32];
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)tt_random_below(random, 256);
        take(&r, noise, tt_random_below(random, sizeof(noise)));
        fill(random, 60);
        take(&r, line, tt_slip_encode(frame, 60, line));
        sent++;
        EXPECT(r.whole == sent && got(&r, frame, 60));
    }
    EXPECT(r.damaged > 1000);
}

int main(void)
{
    tt_random random;
    tt_random_seed(&random, 1);
    test_known();
    test_lengths(&random);
    test_cuts(&random);
    test_each_bit(&random);
    test_wrong_escapes();
    test_events();
    test_too_long();
    test_noise(&random);
    return test_result();
}
