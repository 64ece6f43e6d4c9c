// What the kernel keeps of its lives, its log, and its console: the edges, one nanosecond or one
// byte before and behind each. The images under QEMU show the same on real registers.

#include "tests/os/plain_machine.h"

// ---- lives

// Each begins with what the one before left; `how` it ended.
static void live(tt_time length)
{
    tt_kept_begin();
    now_ns += length;
    tt_kept_look(now_ns);
}

static void test_lives(void)
{
    tt_kept *kept = &tt_kept_memory;
    now_ns = TT_SECONDS(3);
    EXPECT(!tt_kept_has_begun());
    EXPECT_EQUAL(tt_kept_uptime_ms(), 0);
    memset(kept, 0xa5, sizeof(*kept)); // the power came: anything is there
    now_ns = TT_SECONDS(7);
    tt_kept_begin();
    EXPECT(tt_kept_has_begun());
    EXPECT(memcmp(&kept->magic, "TTKP", 4) == 0);
    EXPECT_EQUAL(kept->length, sizeof(*kept));
    EXPECT_EQUAL(tt_kept_restarts(), 0);
    EXPECT_EQUAL(tt_kept_began(), TT_SECONDS(7));
    EXPECT(!tt_kept_is_safe_mode() && tt_kept_crash() == NULL);
    now_ns += TT_MS(1) - 1;
    EXPECT_EQUAL(tt_kept_uptime_ms(), 0);
    now_ns += 1;
    EXPECT_EQUAL(tt_kept_uptime_ms(), 1);

    // Sixty seconds make a life long: not a nanosecond less.
    tt_kept_look(tt_kept_began() + TT_LIFE_SHORT - 1);
    EXPECT_EQUAL(kept->lived, 0);
    tt_kept_look(tt_kept_began() + TT_LIFE_SHORT);
    EXPECT_EQUAL(kept->lived, 1);
    for (unsigned i = 1; i <= TT_SHORT_LIVES_MAX; i++) {
        live(TT_LIFE_SHORT - 1);
        EXPECT_EQUAL(tt_kept_restarts(), i);
        EXPECT_EQUAL(kept->short_lives, i - 1);
        EXPECT(!tt_kept_is_safe_mode());
    }
    live(1);
    EXPECT(tt_kept_is_safe_mode());
    live(TT_LIFE_SHORT); // long, but nobody said that it is mended
    live(TT_LIFE_SHORT);
    EXPECT(tt_kept_is_safe_mode());
    EXPECT_EQUAL(kept->short_lives, 0);
    if (setjmp(end_of_device) == 0)
        tt_kept_restart();
    EXPECT_EQUAL(end_code, -3);
    locked = 0;
    tt_kept_begin();
    EXPECT(!tt_kept_is_safe_mode());
    EXPECT_EQUAL(kept->short_lives + kept->by_hand + kept->lived, 0);

    // A long life, or one that was excused, ends the row.
    live(1);
    EXPECT_EQUAL(kept->short_lives, 1);
    tt_kept_excuse();
    live(1);
    EXPECT_EQUAL(kept->short_lives, 0);
    EXPECT_EQUAL(locked, 0);

    // One bit of what the crc is of, or of what says that it is such memory.
    uint32_t *const fields[] = {&kept->magic,       &kept->length, &kept->crc,     &kept->restarts,
                                &kept->short_lives, &kept->lived,  &kept->by_hand, &kept->safe};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        live(1);
        EXPECT(tt_kept_restarts() > 0);
        tt_console_write("a line\n", 7);
        *fields[i] ^= 1;
        tt_kept_begin();
        EXPECT_EQUAL(tt_kept_restarts(), 0);
        EXPECT_TEXT(read_log(), "");
    }
    tt_kept_set_boot(12);
    EXPECT_EQUAL(tt_kept_boot(), 12);
}

// ---- the log, read while lines come

static unsigned unlocks_until_line;
static char line_between[] = "between 0\n"; // with another number each time

static void write_between(void)
{
    if (unlocks_until_line > 0 && --unlocks_until_line == 0)
        tt_log_write(&tt_kept_memory.log, 0, line_between, strlen(line_between));
}

static void test_log(void)
{
    memset(&tt_kept_memory, 0, sizeof(tt_kept_memory));
    tt_kept_begin();
    clear_console();
    now_ns += TT_MS(12345);
    tt_console_write("one\ntw", 6);
    tt_console_write_unlogged("unlogged\n", 9);
    now_ns += TT_MS(1);
    tt_console_write("o\n\n", 3);
    EXPECT_TEXT(console, "one\ntwunlogged\no\n\n");
    EXPECT_TEXT(read_log(), "1 12.345 one\n2 12.345 two\n3 12.346 \n");

    // More than one piece, with lines that come after each of its locks: what is read is of one
    // moment.
    char expected[TT_LOG_BYTES + 1], got[TT_LOG_BYTES + 1];
    for (unsigned lines = 0; lines < 100; lines++)
        tt_console_write("some line of the log\n", 21);
    for (unsigned when = 1; when <= 9; when++) {
        uint64_t version = 0;
        on_unlock = write_between;
        unlocks_until_line = when;
        line_between[8]++;
        size_t length = tt_kept_read_log(0, got, TT_LOG_BYTES, &version);
        on_unlock = NULL;
        got[length] = '\0';
        bool came_after = tt_log_version(&tt_kept_memory.log) != version;
        EXPECT(length > 1024);
        if (came_after) {
            EXPECT(strstr(got, line_between) == NULL);
        } else {
            strcpy(expected, read_log());
            EXPECT_TEXT(got, expected);
        }
        unlocks_until_line = 0;
    }
    EXPECT_EQUAL(tt_kept_read_log(5, got, 10, &(uint64_t){0}), 10);
    EXPECT(memcmp(got, read_log() + 5, 10) == 0);
}

static unsigned lines_told;

static void on_line(void *context)
{
    EXPECT(context == &lines_told);
    lines_told++;
}

static void test_console(void)
{
    static char long_text[1000];
    memset(long_text, 'x', sizeof(long_text));
    clear_console();
    tt_kept_on_line(on_line, &lines_told);
    tt_console_write("half", 4);
    EXPECT_EQUAL(lines_told, 0);
    tt_console_write(" a line\n", 8);
    EXPECT_EQUAL(lines_told, 1);
    tt_console_write_unlogged("none\n", 5);
    EXPECT_EQUAL(lines_told, 1);
    tt_kept_on_line(NULL, NULL);
    tt_console_write("x\n", 2);
    EXPECT_EQUAL(lines_told, 1);
    clear_console();
    console_takes = 7;
    tt_console_write_unlogged(long_text, sizeof(long_text));
    EXPECT_EQUAL(console_bytes, sizeof(long_text));
    EXPECT_EQUAL(strspn(console, "x"), sizeof(long_text));
    // A device that takes nothing is asked so many times, and then not waited for again until it
    // does.
    clear_console();
    console_takes = 0;
    tt_console_write_unlogged("lost\n", 5);
    EXPECT_EQUAL(puts_asked, 2000001);
    tt_console_write_unlogged("lost too\n", 9);
    EXPECT_EQUAL(puts_asked, 2000002);
    console_takes = 32;
    tt_console_write_unlogged("back\n", 5);
    EXPECT_TEXT(console, "back\n");
    console_takes = 0;
    tt_console_write_unlogged("lost\n", 5);
    EXPECT_EQUAL(puts_asked, 2000003 + 2000001);
    console_takes = 32;
    tt_console_write_unlogged("", 0);
    clear_console();
}

int main(void)
{
    test_lives();
    test_log();
    test_console();
    return test_result();
}
