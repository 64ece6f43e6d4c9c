// The ring of console lines: what a line looks like, what makes room for it, what a reset leaves.

#include "tests/test.h"
#include "tutti/log.h"

static tt_log ring;

static void expect_log(const tt_log *log, const char *expected)
{
    char got[TT_LOG_BYTES + 1];
    got[tt_log_read(log, 0, got, TT_LOG_BYTES)] = '\0';
    EXPECT_TEXT(got, expected);
}

static bool say(tt_log *log, uint64_t now_ms, const char *text)
{
    return tt_log_write(log, now_ms, text, strlen(text));
}

static void test_lines(void)
{
    memset(&ring, 0x5a, sizeof(ring)); // as after power-on
    tt_log_init(&ring);
    expect_log(&ring, "");
    EXPECT(say(&ring, 61234, "one\n"));
    EXPECT(!say(&ring, 61999, "tw"));
    EXPECT(!say(&ring, 62000, "o"));
    EXPECT(!say(&ring, 62000, ""));
    EXPECT(say(&ring, 62001, "\nthree\n\n"));
    expect_log(&ring, "1 61.234 one\n2 61.999 two\n3 62.001 three\n4 62.001 \n");
    EXPECT_EQUAL(ring.lines, 4);
    EXPECT(say(&ring, 0, "a\tb\x1f\x7f\x80\xff \n"));
    expect_log(&ring, "1 61.234 one\n2 61.999 two\n3 62.001 three\n4 62.001 \n"
                      "5 0.000 a?b??\x80\xff \n");
    EXPECT(memcmp(&ring, "TTLG", 4) == 0);
    EXPECT(say(&ring, 0, "ended\nbegun")); // one did
    EXPECT(!say(&ring, 0, ", and goes on"));
}

// Room is made of whole lines, of as few as it takes, and who reads can tell.
static void test_room(void)
{
    static char before[TT_LOG_BYTES], after[TT_LOG_BYTES];
    for (size_t length = 0; length <= TT_LOG_BYTES; length += 7) {
        memset(&ring, 0, sizeof(ring));
        tt_log_init(&ring);
        for (unsigned i = 0; i < 100; i++)
            say(&ring, i, &"0123456789012345678901234567890123456789\n"[i % 40]);
        size_t held = tt_log_read(&ring, 0, before, sizeof(before)), given_up = 0;
        while (TT_LOG_BYTES - held + given_up < length)
            given_up +=
                (size_t)((char *)memchr(before + given_up, '\n', held) - before) + 1 - given_up;
        uint64_t version = tt_log_version(&ring);
        tt_log_make_room(&ring, length);
        EXPECT_EQUAL(tt_log_read(&ring, 0, after, sizeof(after)), held - given_up);
        EXPECT(memcmp(after, before + given_up, held - given_up) == 0);
        EXPECT((tt_log_version(&ring) == version) == (given_up == 0));
    }
    uint64_t version = tt_log_version(&ring);
    say(&ring, 0, "x");
    EXPECT(tt_log_version(&ring) != version);
}

// A line of any length: its first TT_LOG_LINE_MAX - 1 bytes stay.
static void test_long_line(void)
{
    for (size_t length = TT_LOG_LINE_MAX - 3; length < TT_LOG_LINE_MAX + 3; length++) {
        char text[2 * TT_LOG_LINE_MAX], expected[2 * TT_LOG_LINE_MAX + 16];
        size_t kept = length < TT_LOG_LINE_MAX - 1 ? length : TT_LOG_LINE_MAX - 1;
        memset(text, 'x', length);
        memset(&ring, 0, sizeof(ring));
        tt_log_init(&ring);
        EXPECT(!tt_log_write(&ring, 0, text, length));
        EXPECT(tt_log_write(&ring, 0, "\n", 1));
        text[kept] = '\0';
        snprintf(expected, sizeof(expected), "1 0.000 %s\n", text);
        expect_log(&ring, expected);
    }
}

// A model of the ring: all that was ever written, of which the newest whole lines that fit are
// left.
static void test_full(void)
{
    static char all[200000];
    size_t length = 0;
    memset(&ring, 0, sizeof(ring));
    tt_log_init(&ring);
    ring.begin = ring.end = UINT32_MAX - 10000; // positions wrap on the way
    for (unsigned line = 1; line <= 700; line++) {
        char text[TT_LOG_LINE_MAX] = "";
        memset(text, 'a' + (int)(line % 26), line * 37 % 150 + 1);
        length +=
            (size_t)sprintf(all + length, "%u %u.%03u %s\n", line, line / 7, line % 1000, text);
        say(&ring, line / 7 * 1000 + line % 1000, text);
        say(&ring, 5, "\n");
        const char *oldest = all;
        while (length - (size_t)(oldest - all) > TT_LOG_BYTES)
            oldest = strchr(oldest, '\n') + 1;
        expect_log(&ring, oldest);
        char window[64]; // any window is the same text
        size_t held = length - (size_t)(oldest - all), offset = line % 50 + held / 2;
        size_t there = offset < held ? held - offset : 0, capacity = line % sizeof(window);
        memset(window, '#', sizeof(window));
        size_t read = tt_log_read(&ring, offset, window, capacity);
        EXPECT_EQUAL(read, there < capacity ? there : capacity);
        EXPECT(memcmp(window, oldest + offset, read) == 0 && window[read] == '#');
    }
    EXPECT_EQUAL(tt_log_read(&ring, TT_LOG_BYTES, all, 10), 0);
}

// Lines that are exactly as long as the ring is large, together.
static void test_exactly_full(void)
{
    memset(&ring, 0, sizeof(ring));
    tt_log_init(&ring);
    for (unsigned i = 1; i <= TT_LOG_BYTES / 32; i++) { // 32 bytes with the number and the time
        char text[] = "xxxxxxxxxxxxxxxxxxxxxxx\n";
        say(&ring, 0, i < 10 ? text : text + 1);
    }
    EXPECT_EQUAL(ring.end - ring.begin, TT_LOG_BYTES);
    EXPECT_EQUAL(ring.begin, 0);
    say(&ring, 0, "x");
    EXPECT_EQUAL(ring.begin, 32);
}

static void test_reset(void)
{
    memset(&ring, 0, sizeof(ring));
    tt_log_init(&ring);
    say(&ring, 1, "kept\n");
    tt_log_init(&ring);
    expect_log(&ring, "1 0.001 kept\n");
    say(&ring, 2, "cut by a reset");
    tt_log_init(&ring);
    say(&ring, 3, "next\n");
    expect_log(&ring, "1 0.001 kept\n2 0.002 cut by a reset\n3 0.003 next\n");
    ring.begin = ring.end - TT_LOG_BYTES; // as full as it can be
    tt_log_init(&ring);
    EXPECT_EQUAL(ring.end - ring.begin, TT_LOG_BYTES);
    EXPECT_EQUAL(ring.lines, 3);
    tt_log damaged = ring;
    damaged.begin = damaged.end - TT_LOG_BYTES - 1;
    tt_log_init(&damaged);
    expect_log(&damaged, "");
    damaged = ring;
    damaged.magic++;
    tt_log_init(&damaged);
    expect_log(&damaged, "");
    EXPECT_EQUAL(damaged.lines, 0);
    damaged = ring;
    damaged.capacity /= 2;
    tt_log_init(&damaged);
    expect_log(&damaged, "");
    tt_log_init(&damaged); // what was made anew is a log
    say(&damaged, 0, "a\n");
    tt_log_init(&damaged);
    expect_log(&damaged, "1 0.000 a\n");
    memset(ring.bytes, 'x', sizeof(ring.bytes)); // no line ends: all of it makes room
    ring.begin = ring.end - TT_LOG_BYTES;
    say(&ring, 0, "y\n");
    expect_log(&ring, "4 0.000 y\n");
}

int main(void)
{
    test_lines();
    test_room();
    test_long_line();
    test_full();
    test_exactly_full();
    test_reset();
    return test_result();
}
