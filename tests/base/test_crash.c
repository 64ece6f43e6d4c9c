// The record of a device's end: when it counts as whole, and its lines, whole and through windows.

#include "tests/test.h"
#include "tutti/crash.h"

static const char lines[] = "tutti dump: check failed: a.c:1: b\n"
                            "tutti dump: thread main, in an interrupt\n"
                            "tutti dump: image 00ff5a\n"
                            "tutti dump: boot 2, restart 1, after 61234 ms\n";
static const char followed[] = "tutti dump: followed by 2 more\n";

static void fill(tt_crash *crash)
{
    tt_crash_begin(crash);
    crash->boot = 2;
    crash->restarts = 1;
    crash->uptime_ms = 61234;
    crash->in_interrupt = 1;
    crash->image_bytes = 3;
    memcpy(crash->image, "\0\xff\x5a", 3);
    strcpy(crash->reason, "check failed: a.c:1: b");
    strcpy(crash->thread, "main");
}

// What the record's lines must be, from those that do not depend on a word's width and its words.
static void expect_lines(const tt_crash *crash, const char *end)
{
    char expected[40 * 1024], got[40 * 1024];
    size_t length = (size_t)sprintf(expected, "%s%s", lines, end);
    int digits = 2 * (int)sizeof(uintptr_t);
    for (unsigned i = 0; i < crash->register_count; i++)
        length += (size_t)sprintf(expected + length, "tutti dump: register %s %0*llx\n",
                                  crash->registers[i].name, digits,
                                  (unsigned long long)crash->registers[i].value);
    for (unsigned i = 0; i < crash->stack_words; i++) {
        if (i % TT_CRASH_LINE_WORDS == 0)
            length += (size_t)sprintf(
                expected + length, "%stutti dump: stack %0*llx", i > 0 ? "\n" : "", digits,
                (unsigned long long)(crash->stack_address + i * sizeof(uintptr_t)));
        length += (size_t)sprintf(expected + length, " %0*llx", digits,
                                  (unsigned long long)crash->stack[i]);
    }
    length += (size_t)sprintf(expected + length, "%stutti dump: end\n",
                              crash->stack_words > 0 ? "\n" : "");
    size_t read = tt_crash_read(crash, 0, got, sizeof(got) - 1);
    got[read] = '\0';
    EXPECT_TEXT(got, expected);
    EXPECT_EQUAL(read, length);
    // Every window of 100 bytes, and a few others, are the same text; none is written past its end.
    for (size_t offset = 0; offset <= length + 1; offset++) {
        size_t left = offset < length ? length - offset : 0;
        memset(got, '#', 102);
        EXPECT_EQUAL(tt_crash_read(crash, offset, got, 100), left < 100 ? left : 100);
        EXPECT(memcmp(got, expected + offset, left < 100 ? left : 100) == 0);
        EXPECT(got[left < 100 ? left : 100] == '#');
    }
    EXPECT_EQUAL(tt_crash_read(crash, 0, got, 0), 0);
    EXPECT_EQUAL(tt_crash_read(crash, SIZE_MAX, got, 1), 0);
    EXPECT_EQUAL(tt_crash_read(crash, 3, got, length), length - 3);
}

static void test_lines(void)
{
    static tt_crash crash;
    fill(&crash);
    expect_lines(&crash, "");
    tt_crash_follow(&crash);
    tt_crash_follow(&crash);
    expect_lines(&crash, followed);
    crash.stack_address = 0x1000;
    for (unsigned i = 0; i < TT_CRASH_STACK_WORDS; i++)
        crash.stack[i] = i * 0x01010101u;
    for (crash.stack_words = 1; crash.stack_words <= 9; crash.stack_words++) {
        crash.register_count = crash.stack_words - 1;
        for (unsigned i = 0; i < crash.register_count; i++) {
            sprintf(crash.registers[i].name, "r%u", i);
            crash.registers[i].value = 0xa0 + i;
        }
        expect_lines(&crash, followed);
    }
    crash.stack_words = TT_CRASH_STACK_WORDS;
    expect_lines(&crash, followed);
    char buffer[TT_CRASH_LINE_MAX] = "before";
    tt_text text = {.data = buffer, .capacity = sizeof(buffer), .length = 6};
    tt_crash_thread_line(&text, "idle", false);
    EXPECT_TEXT(buffer, "tutti dump: thread idle");
    text.length = 0;
    strcpy(buffer, "x");
    tt_crash_line(&text, "");
    EXPECT_TEXT(buffer, "tutti dump: ");
    text.capacity = 14;
    tt_crash_line(&text, "too long");
    EXPECT(text.cut);
    tt_crash_line(&text, "a"); // anew
    EXPECT(!text.cut);
}

// All that a record holds at most stands in its lines whole.
static void test_longest_lines(void)
{
    static tt_crash crash;
    char got[40 * 1024], expected[TT_CRASH_LINE_MAX];
    fill(&crash);
    memset(crash.reason, 'r', TT_CRASH_REASON_MAX - 1);
    memset(crash.thread, 't', TT_CRASH_NAME_MAX - 1);
    memset(crash.image, 0xab, TT_CRASH_IMAGE_MAX);
    crash.image_bytes = TT_CRASH_IMAGE_MAX;
    crash.boot = crash.restarts = crash.followed = UINT32_MAX;
    crash.uptime_ms = UINT64_MAX;
    crash.register_count = TT_CRASH_REGISTERS_MAX;
    for (unsigned i = 0; i < TT_CRASH_REGISTERS_MAX; i++)
        memcpy(crash.registers[i].name, "sevenxx", 8);
    crash.stack_words = TT_CRASH_STACK_WORDS;
    got[tt_crash_read(&crash, 0, got, sizeof(got) - 1)] = '\0';
    snprintf(expected, sizeof(expected), TT_CRASH_MARK "%s\n", crash.reason);
    EXPECT(strncmp(got, expected, strlen(expected)) == 0);
    snprintf(expected, sizeof(expected), TT_CRASH_MARK "thread %s, in an interrupt\n",
             crash.thread);
    EXPECT(strstr(got, expected) != NULL);
    EXPECT(strstr(got, "image abababababababababababababababababababab\n") != NULL);
    EXPECT(strstr(got, "boot 4294967295, restart 4294967295, after 18446744073709551615 ms\n"
                       "tutti dump: followed by 4294967295 more\n") != NULL);
    unsigned lines_read = 0;
    for (const char *at = got; (at = strchr(at, '\n')) != NULL; at++)
        lines_read++;
    EXPECT_EQUAL(lines_read,
                 5 + TT_CRASH_REGISTERS_MAX + TT_CRASH_STACK_WORDS / TT_CRASH_LINE_WORDS + 1);
}

static void test_whole(void)
{
    static tt_crash crash, damaged;
    memset(&crash, 0xa5, sizeof(crash));
    EXPECT(!tt_crash_is_whole(&crash));
    fill(&crash);
    EXPECT(!tt_crash_is_whole(&crash)); // not sealed
    tt_crash_seal(&crash);
    EXPECT(tt_crash_is_whole(&crash));
    tt_crash_follow(&crash);
    EXPECT(tt_crash_is_whole(&crash));
    EXPECT_EQUAL(crash.followed, 1);
    for (size_t i = 0; i < sizeof(crash); i++) { // no byte of it may change
        damaged = crash;
        ((uint8_t *)&damaged)[i] ^= 0x10;
        if (tt_crash_is_whole(&damaged))
            printf("byte %zu is not covered\n", i);
        EXPECT(!tt_crash_is_whole(&damaged));
    }
    // Sealed by us, and yet not by these limits or this version.
    uint32_t *const limited[] = {&damaged.register_count, &damaged.stack_words,
                                 &damaged.image_bytes};
    static const uint32_t limits[] = {TT_CRASH_REGISTERS_MAX, TT_CRASH_STACK_WORDS,
                                      TT_CRASH_IMAGE_MAX};
    for (size_t i = 0; i < 3; i++) {
        damaged = crash;
        *limited[i] = limits[i];
        tt_crash_seal(&damaged);
        EXPECT(tt_crash_is_whole(&damaged));
        *limited[i] = limits[i] + 1;
        tt_crash_seal(&damaged);
        EXPECT(!tt_crash_is_whole(&damaged));
    }
    uint32_t *const marks[] = {&damaged.magic, &damaged.version, &damaged.length};
    for (size_t i = 0; i < 3; i++) {
        damaged = crash;
        ++*marks[i];
        tt_crash_seal(&damaged);
        EXPECT(!tt_crash_is_whole(&damaged));
    }
    // What a debugger finds in a device's memory.
    EXPECT(memcmp(&crash, "TTCH\1\0\0\0", 8) == 0);
}

int main(void)
{
    test_lines();
    test_longest_lines();
    test_whole();
    return test_result();
}
