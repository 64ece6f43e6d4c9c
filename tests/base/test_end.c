// The record of a device's end and the ring of its console lines: whole or not, windows, wrapping.

#include "tests/test.h"
#include "tutti/crash.h"
#include "tutti/log.h"

static tt_crash crash;

static void fill(void)
{
    tt_crash_begin(&crash);
    strcpy(crash.reason, "check failed: a.c:1: b");
    strcpy(crash.thread, "main");
    crash.in_interrupt = true;
    crash.boot = 3;
    crash.restarts = 2;
    crash.uptime_ms = 61234;
    crash.image_bytes = 2;
    crash.image[0] = 0x0a;
    crash.image[1] = 0xff;
    crash.register_count = 2;
    strcpy(crash.registers[0].name, "pc");
    crash.registers[0].value = 0x1234;
    strcpy(crash.registers[1].name, "sp");
    crash.stack_words = 5;
    crash.stack_address = 0x1000;
    for (unsigned i = 0; i < 5; i++)
        crash.stack[i] = i + 1;
    tt_crash_seal(&crash);
}

static const char expected[] = "tutti dump: check failed: a.c:1: b\n"
                               "tutti dump: thread main, in an interrupt\n"
                               "tutti dump: image 0aff\n"
                               "tutti dump: boot 3, restart 2, after 61234 ms\n"
                               "tutti dump: register pc 0000000000001234\n"
                               "tutti dump: register sp 0000000000000000\n"
                               "tutti dump: stack 0000000000001000 0000000000000001 "
                               "0000000000000002 0000000000000003 0000000000000004\n"
                               "tutti dump: stack 0000000000001020 0000000000000005\n"
                               "tutti dump: end\n";

static void test_lines(void)
{
    char text[2048];
    fill();
    size_t length = tt_crash_read(&crash, 0, text, sizeof(text) - 1);
    text[length] = '\0';
    EXPECT_TEXT(text, expected);
    tt_crash_follow(&crash);
    EXPECT(tt_crash_is_whole(&crash));
    length = tt_crash_read(&crash, 0, text, sizeof(text) - 1);
    text[length] = '\0';
    EXPECT(strstr(text, " ms\ntutti dump: followed by 1 more\ntutti dump: register pc") != NULL);
}

// Windows of every size and place give the same text.
static void test_windows(void)
{
    fill();
    size_t whole = strlen(expected);
    for (size_t size = 1; size <= whole + 1; size++) {
        char text[2048] = "", piece[1024];
        size_t at = 0, got;
        while ((got = tt_crash_read(&crash, at, piece, size)) > 0 && at < whole) {
            memcpy(text + at, piece, got);
            at += got;
        }
        EXPECT_EQUAL(at, whole);
        EXPECT(memcmp(text, expected, whole) == 0);
    }
    char byte;
    EXPECT_EQUAL(tt_crash_read(&crash, whole, &byte, 1), 0);
    EXPECT_EQUAL(tt_crash_read(&crash, SIZE_MAX, &byte, 1), 0);
}

// Each byte changed makes it no record; so do counts over their limits, sealed or not.
static void test_damage(void)
{
    fill();
    EXPECT(tt_crash_is_whole(&crash));
    for (size_t i = 0; i < sizeof(crash); i++) {
        ((uint8_t *)&crash)[i] ^= 1;
        EXPECT(!tt_crash_is_whole(&crash));
        ((uint8_t *)&crash)[i] ^= 1;
    }
    crash.stack_words = TT_CRASH_STACK_WORDS + 1;
    tt_crash_seal(&crash);
    EXPECT(!tt_crash_is_whole(&crash));
    fill();
    crash.register_count = TT_CRASH_REGISTERS_MAX + 1;
    tt_crash_seal(&crash);
    EXPECT(!tt_crash_is_whole(&crash));
    fill();
    crash.image_bytes = TT_CRASH_IMAGE_MAX + 1;
    tt_crash_seal(&crash);
    EXPECT(!tt_crash_is_whole(&crash));
    memset(&crash, 0, sizeof(crash));
    EXPECT(!tt_crash_is_whole(&crash));
    memset(&crash, 0xff, sizeof(crash));
    EXPECT(!tt_crash_is_whole(&crash));
}

static tt_log ring;

static const char *text_of(const tt_log *log)
{
    static char text[TT_LOG_BYTES + 1];
    text[tt_log_read(log, 0, text, TT_LOG_BYTES)] = '\0';
    return text;
}

static void test_log_lines(void)
{
    memset(&ring, 0x5a, sizeof(ring)); // whatever power left there
    tt_log_init(&ring);
    EXPECT_TEXT(text_of(&ring), "");
    EXPECT(!tt_log_write(&ring, 7, "one", 3));
    EXPECT(tt_log_write(&ring, 9000, " more\n", 6));
    EXPECT(tt_log_write(&ring, 61234, "tw\x1bo\n\nthree", 11));
    EXPECT_TEXT(text_of(&ring), "1 0.007 one more\n2 61.234 tw?o\n3 61.234 \n4 61.234 three");
    tt_log_init(&ring); // a reset in the middle of a line
    EXPECT(tt_log_write(&ring, 1, "four\n", 5));
    EXPECT_TEXT(text_of(&ring),
                "1 0.007 one more\n2 61.234 tw?o\n3 61.234 \n4 61.234 three\n5 0.001 four\n");
    ring.end = ring.begin + TT_LOG_BYTES + 1; // damaged
    tt_log_init(&ring);
    EXPECT_TEXT(text_of(&ring), "");
}

// The oldest lines go, whole; numbers go on; a line that is too long is cut.
static void test_log_wraps(void)
{
    char line[TT_LOG_BYTES * 2];
    memset(&ring, 0, sizeof(ring));
    tt_log_init(&ring);
    ring.begin = ring.end = UINT32_MAX - 100; // positions wrap on the way
    for (unsigned i = 1; i <= 1000; i++) {
        int length = snprintf(line, sizeof(line), "line number %u\n", i);
        tt_log_write(&ring, i, line, (size_t)length);
        const char *text = text_of(&ring);
        unsigned first = (unsigned)strtoul(text, NULL, 10);
        int head =
            snprintf(line, sizeof(line), "%u 0.%03u line number %u\n", first, first % 1000, first);
        if (i < 1000)
            EXPECT(strncmp(text, line, (size_t)head) == 0);
        EXPECT(ring.end - ring.begin <= TT_LOG_BYTES);
        EXPECT(i < 200 ||
               ring.end - ring.begin > TT_LOG_BYTES - 64); // no more is given up than must be
    }
    EXPECT(strstr(text_of(&ring), "\n1000 1.000 line number 1000\n") != NULL);
    memset(line, 'x', sizeof(line));
    tt_log_write(&ring, 0, line, sizeof(line));
    tt_log_write(&ring, 0, "\n", 1);
    const char *last = strstr(text_of(&ring), "\n1001 ");
    EXPECT(last != NULL && strlen(last) < TT_LOG_LINE_MAX + 20);
    char piece[7];
    size_t at = 0, got;
    while ((got = tt_log_read(&ring, at, piece, sizeof(piece))) > 0) {
        EXPECT(memcmp(piece, text_of(&ring) + at, got) == 0);
        at += got;
    }
    EXPECT_EQUAL(at, ring.end - ring.begin);
}

int main(void)
{
    test_lines();
    test_windows();
    test_damage();
    test_log_lines();
    test_log_wraps();
    return test_result();
}
