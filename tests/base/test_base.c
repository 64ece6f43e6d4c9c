// The lowest floor: what statuses are called, readers that stop at their end, text that stops at
// its capacity, the checksum, the generator, lists.

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/list.h"
#include "tutti/provision.h"
#include "tutti/random.h"
#include "tutti/status.h"
#include "tutti/text.h"
#include "tutti/time.h"

static jmp_buf checked;
static const char *failed_condition;
static int failed_line;

static void note_check(const char *file, int line, const char *condition)
{
    EXPECT(file != NULL);
    failed_line = line;
    failed_condition = condition;
    longjmp(checked, 1);
}

#define EXPECT_CHECKED(call, condition)                                                            \
    do {                                                                                           \
        failed_condition = "";                                                                     \
        tt_check_set_handler(note_check);                                                          \
        if (setjmp(checked) == 0)                                                                  \
            call;                                                                                  \
        tt_check_set_handler(NULL);                                                                \
        EXPECT_TEXT(failed_condition, condition);                                                  \
    } while (0)

static void test_status(void)
{
    static const struct {
        tt_status status;
        const char *name;
    } statuses[] = {
#define STATUS(name) {name, #name}
        STATUS(TT_OK),        STATUS(TT_TIMED_OUT),   STATUS(TT_FULL),      STATUS(TT_EMPTY),
        STATUS(TT_NOT_FOUND), STATUS(TT_EXISTS),      STATUS(TT_INVALID),   STATUS(TT_MALFORMED),
        STATUS(TT_DAMAGED),   STATUS(TT_UNSUPPORTED), STATUS(TT_TOO_LARGE), STATUS(TT_BUSY),
        STATUS(TT_RESET),     STATUS(TT_UNREACHABLE), STATUS(TT_CANCELLED), STATUS(TT_DENIED),
        STATUS(TT_IO)};
    EXPECT_EQUAL(TT_COUNT(statuses), 1 - TT_IO);
    for (size_t i = 0; i < TT_COUNT(statuses); i++) {
        EXPECT_TEXT(tt_status_name(statuses[i].status), statuses[i].name);
        const char *text = tt_status_text(statuses[i].status);
        EXPECT(strlen(text) > 3 && text[strlen(text) - 1] != '.');
        for (size_t k = 0; k < i; k++)
            EXPECT(strcmp(tt_status_text(statuses[k].status), text) != 0);
    }
    static const int none[] = {1, 2, 99, TT_IO - 1, TT_IO - 2, -99, INT_MAX, -INT_MAX};
    for (size_t i = 0; i < TT_COUNT(none); i++) {
        EXPECT_TEXT(tt_status_name((tt_status)none[i]), "TT_?");
        EXPECT_TEXT(tt_status_text((tt_status)none[i]), "an unknown status");
    }
}

static void return_from_check(const char *file, int line, const char *condition)
{
    (void)file, (void)line, (void)condition;
}

static void test_check(void)
{
    EXPECT_CHECKED(tt_check_failed("file", 7, "1 > 2"), "1 > 2");
    EXPECT_EQUAL(failed_line, 7);
    for (int handled = 0; handled < 2; handled++) { // it never returns
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            close(STDERR_FILENO); // tests/base/test_check.sh looks at what it says
            tt_check_set_handler(handled ? return_from_check : NULL);
            tt_check_failed("file", 7, "1 > 2");
        }
        int status = 0;
        EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
               WTERMSIG(status) == SIGABRT);
    }
}

static void test_reading(void)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 0x88, 9};
    tt_reader r;
    tt_reader_init(&r, data, 9);
    EXPECT(r.offset == 0 && !r.failed && tt_reader_left(&r) == 9);
#define EXPECT_READ(read, bytes, expected)                                                         \
    do {                                                                                           \
        tt_reader_init(&r, data, 9);                                                               \
        EXPECT_EQUAL(tt_read_u8(&r), 1);                                                           \
        r.offset = 0;                                                                              \
        EXPECT_EQUAL(read(&r), expected);                                                          \
        EXPECT(!r.failed && r.offset == bytes && tt_reader_left(&r) == 9 - bytes);                 \
        tt_reader_init(&r, data, bytes - 1); /* one byte too few */                                \
        EXPECT_EQUAL(read(&r), 0);                                                                 \
        EXPECT(r.failed &&r.offset == bytes - 1 && tt_reader_left(&r) == 0);                       \
        EXPECT_EQUAL(tt_read_u8(&r), 0); /* and none comes any more */                             \
    } while (0)
    EXPECT_READ(tt_read_u8, 1, 1);
    EXPECT_READ(tt_read_be16, 2, 0x0102);
    EXPECT_READ(tt_read_be32, 4, 0x01020304);
    EXPECT_READ(tt_read_be64, 8, 0x0102030405060788);
    EXPECT_READ(tt_read_le16, 2, 0x0201);
    EXPECT_READ(tt_read_le32, 4, 0x04030201);
    EXPECT_READ(tt_read_le64, 8, (long long)0x8807060504030201);
    tt_reader_init(&r, data, 9);
    EXPECT(tt_read_bytes(&r, 4) == data && tt_read_bytes(&r, 0) == data + 4);
    EXPECT(tt_read_bytes(&r, 5) == data + 4 && !r.failed && tt_reader_left(&r) == 0);
    EXPECT(tt_read_bytes(&r, 0) == data + 9 && !r.failed);
    EXPECT(tt_read_bytes(&r, SIZE_MAX) == NULL && r.failed && r.offset == 9);
}

static void test_writing(void)
{
    uint8_t data[10];
    tt_writer w;
#define EXPECT_WRITTEN(write, value, expected)                                                     \
    do {                                                                                           \
        size_t bytes = sizeof(expected) - 1;                                                       \
        memset(data, '#', sizeof(data));                                                           \
        tt_writer_init(&w, data, bytes);                                                           \
        write(&w, value);                                                                          \
        EXPECT(!w.failed && w.length == bytes && memcmp(data, expected "#", bytes + 1) == 0);      \
        memset(data, '#', sizeof(data));                                                           \
        tt_writer_init(&w, data, bytes - 1); /* one byte too few: none is written */               \
        write(&w, value);                                                                          \
        EXPECT(w.failed &&w.length == 0 && data[0] == '#');                                        \
    } while (0)
    EXPECT_WRITTEN(tt_write_u8, 0x81, "\x81");
    EXPECT_WRITTEN(tt_write_be16, 0x8102, "\x81\2");
    EXPECT_WRITTEN(tt_write_be32, 0x81020304, "\x81\2\3\4");
    EXPECT_WRITTEN(tt_write_be64, 0x8102030405060708, "\x81\2\3\4\5\6\7\x8");
    EXPECT_WRITTEN(tt_write_le16, 0x8102, "\2\x81");
    EXPECT_WRITTEN(tt_write_le32, 0x81020304, "\4\3\2\x81");
    EXPECT_WRITTEN(tt_write_le64, 0x8102030405060708, "\x8\7\6\5\4\3\2\x81");
    tt_writer_init(&w, data, 4);
    tt_write_bytes(&w, "abc", 3);
    tt_write_bytes(&w, "de", 2);
    EXPECT(w.failed && w.length == 3);
    tt_write_bytes(&w, "f", 1);
    EXPECT(w.failed && w.length == 4 && memcmp(data, "abcf", 4) == 0);
    tt_writer_init(&w, NULL, 0);
    tt_write_bytes(&w, NULL, 0);
    EXPECT(!w.failed && w.length == 0);
}

static void test_crc(void)
{
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    EXPECT_EQUAL(tt_crc32(0, "123456789", 9), 0xcbf43926);
    EXPECT_EQUAL(tt_crc32(tt_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    uint8_t all[256]; // each byte, as zlib's crc32 counts it
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    EXPECT_EQUAL(tt_crc32(0, all, 256), 0x29058c73);
    EXPECT_EQUAL(tt_crc32(0, all, 0), 0);
}

static void test_text(void)
{
    char buffer[12];
    tt_text text;
    memset(buffer, '#', sizeof(buffer));
    tt_text_init(&text, buffer, sizeof(buffer));
    EXPECT_TEXT(buffer, "");
    tt_text_add_signed(&text, -42);
    tt_text_add(&text, " ");
    tt_text_add_hex(&text, 0xbeef, 6);
    EXPECT_TEXT(buffer, "-42 00beef");
    EXPECT(!text.cut);
    tt_text_add(&text, "x"); // which just fits
    EXPECT(!text.cut && text.length == 11);
    tt_text_add(&text, "yz");
    EXPECT_TEXT(buffer, "-42 00beefx");
    EXPECT(text.cut && text.length == 11);
    tt_text_init(&text, buffer, 4);
    tt_text_add_bytes(&text, "abcdef", 5);
    EXPECT(text.cut && text.length == 3 && memcmp(buffer, "abc\0", 4) == 0);
    tt_text_init(&text, buffer, 1);
    tt_text_add(&text, "");
    EXPECT(!text.cut);
    tt_text_add(&text, "a");
    EXPECT(text.cut && buffer[0] == '\0');
    tt_text_add(NULL, "ignored");
    tt_text_add_unsigned(NULL, 1);
    tt_text_add_signed(NULL, -1);
    tt_text_add_hex(NULL, 1, 2);
    EXPECT_CHECKED(tt_text_init(&text, buffer, 0), "capacity >= 1");
}

static void test_numbers(void)
{
    static const struct {
        int64_t value;
        const char *text;
    } integers[] = {{0, "0"},
                    {9, "9"},
                    {10, "10"},
                    {1234567890, "1234567890"},
                    {-1, "-1"},
                    {-90, "-90"},
                    {INT64_MAX, "9223372036854775807"},
                    {INT64_MIN, "-9223372036854775808"}};
    static const struct {
        uint64_t value;
        unsigned digits_min;
        const char *text;
    } hex[] = {{0, 0, "0"},
               {0, 1, "0"},
               {0, 2, "00"},
               {0xf, 1, "f"},
               {0x10, 1, "10"},
               {0x89abcdef, 9, "089abcdef"},
               {0x1234567, 7, "1234567"},
               {1, 16, "0000000000000001"},
               {1, 17, "0000000000000001"},
               {UINT64_MAX, 99, "ffffffffffffffff"}};
    char buffer[32];
    tt_text text;
    for (size_t i = 0; i < TT_COUNT(integers); i++) {
        tt_text_init(&text, buffer, sizeof(buffer));
        tt_text_add_signed(&text, integers[i].value);
        EXPECT_TEXT(buffer, integers[i].text);
    }
    tt_text_init(&text, buffer, sizeof(buffer));
    tt_text_add_unsigned(&text, UINT64_MAX);
    EXPECT_TEXT(buffer, "18446744073709551615");
    for (size_t i = 0; i < TT_COUNT(hex); i++) {
        tt_text_init(&text, buffer, sizeof(buffer));
        tt_text_add_hex(&text, hex[i].value, hex[i].digits_min);
        EXPECT_TEXT(buffer, hex[i].text);
    }
}

// The first and the last of each row of RFC 3629's table (section 4), and their neighbours outside.
static void test_utf8(void)
{
    static const char *const good[] = {"",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xe0\xbf\xbf",
                                       "\xe1\x80\x80",
                                       "\xec\xbf\xbf",
                                       "\xed\x80\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf0\xbf\xbf\xbf",
                                       "\xf1\x80\x80\x80",
                                       "\xf3\xbf\xbf\xbf",
                                       "\xf4\x80\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "a\xc3\xbc\xe6\xb0\xb4\xf0\x90\x85\x91z"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2\x7f",
                                      "\xc2\xc0",
                                      "\xdf\x3f",
                                      "\xe0\x9f\xbf",
                                      "\xe0\xa0\x7f",
                                      "\xe0\xa0\xc0",
                                      "\xe1\x7f\x80",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xef\xc0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf1\x80\x80\x7f",
                                      "\xf1\x80\xc0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < TT_COUNT(good); i++) {
        size_t length = strlen(good[i]);
        EXPECT(tt_text_is_utf8(good[i], length));
        if (length > 1 && good[i][0] != 'a')
            for (size_t cut = 1; cut < length; cut++) // none of its pieces is text
                EXPECT(!tt_text_is_utf8(good[i], cut) &&
                       !tt_text_is_utf8(good[i] + cut, length - cut));
    }
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        char padded[16] = "aaaa";
        EXPECT(!tt_text_is_utf8(bad[i], strlen(bad[i])));
        strcat(padded, bad[i]);
        strcat(padded, "z");
        EXPECT(!tt_text_is_utf8(padded, strlen(padded)));
    }
}

static void test_random(void)
{
    // From another implementation of xoshiro256** over SplitMix64, in another language.
    static const uint64_t first[] = {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0,
                                     0x6aa594f1262d2d2c, 0xbba5ad4a1f842e59, 0xffef8375d9ebcaca};
    static const uint64_t halves[] = {3743247123249303748u, 376989097743764713u,
                                      1367008882666915091u, 3637299787140904562u,
                                      6772767922552916512u, 953878616421544399u};
    tt_random a, b;
    tt_random_seed(&a, 0);
    EXPECT(a.state[0] == 0xe220a8397b1dcdaf && a.state[3] == 0xf88bb8a8724c81ec);
    for (size_t i = 0; i < TT_COUNT(first); i++)
        EXPECT(tt_random_u64(&a) == first[i]);
    tt_random_seed(&a, 7);
    EXPECT(tt_random_u64(&a) == 0xb358faf74ef9765a);
    tt_random_seed(&a, 1); // a limit just above half of all: many values are drawn again
    for (size_t i = 0; i < TT_COUNT(halves); i++)
        EXPECT(tt_random_below(&a, (UINT64_C(1) << 63) + 1) == halves[i]);
    tt_random_seed(&a, 7);
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t value = tt_random_below(&a, 10);
        EXPECT(value < 10);
        seen |= 1u << value;
        EXPECT_EQUAL(tt_random_below(&a, 1), 0);
    }
    EXPECT_EQUAL(seen, 0x3ff);
    EXPECT_CHECKED(tt_random_below(&a, 0), "limit > 0");
    for (size_t length = 0; length <= 17;
         length++) { // each number gives eight bytes, the lowest first
        uint8_t bytes[18];
        memset(bytes, 0xa5, sizeof(bytes));
        tt_random_seed(&a, 0);
        tt_random_seed(&b, 0);
        tt_random_bytes(&a, bytes, length);
        for (size_t i = 0; i < length; i++)
            EXPECT_EQUAL(bytes[i], (uint8_t)(first[i / 8] >> 8 * (i % 8)));
        EXPECT_EQUAL(bytes[length], 0xa5);
        for (size_t drawn = 0; drawn < length; drawn += 8)
            tt_random_u64(&b);
        EXPECT(tt_random_u64(&a) == tt_random_u64(&b));
    }
}

static void test_list(void)
{
    tt_list head, a, b, c;
    tt_list_init(&head);
    tt_list_init(&c);
    EXPECT(c.next == &c && c.previous == &c);
    EXPECT(tt_list_empty(&head));
    tt_list_append(&head, &a);
    tt_list_append(&head, &b);
    EXPECT(head.next == &a && a.next == &b && b.next == &head && head.previous == &b);
    tt_list_insert_before(&b, &c);
    EXPECT(a.next == &c && c.previous == &a && c.next == &b && b.previous == &c);
    for (int twice = 0; twice < 2; twice++) { // in no list it points at itself
        tt_list_remove(&c);
        EXPECT(a.next == &b && b.previous == &a && c.next == &c && c.previous == &c);
    }
    tt_list_remove(&a);
    tt_list_remove(&b);
    EXPECT(tt_list_empty(&head) && head.previous == &head && tt_list_empty(&a));
}

static void test_names(void)
{
    EXPECT(tt_text_same_name("Kitchen-2", "kITCHEN-2"));
    EXPECT(tt_text_same_name("", ""));
    EXPECT(!tt_text_same_name("kitchen", "kitchen2"));
    EXPECT(!tt_text_same_name("kitchen2", "kitchen"));
    // The neighbours of the letters, and letters beyond ASCII, are themselves.
    EXPECT(!tt_text_same_name("@[`{", "`{@["));
    EXPECT(tt_text_same_name("AZaz", "azAZ"));
    EXPECT(!tt_text_same_name("\xc3\x84", "\xc3\xa4"));
    EXPECT(!tt_text_same_bytes("xb", "yb", 2) && tt_text_same_bytes("x", "y", 0));
    EXPECT(tt_text_same_bytes("ABx", "aby", 2) && !tt_text_same_bytes("ABx", "aby", 3));
}

// Clocks start anywhere, also before their zero, and no sum of times wraps around.
static void test_times(void)
{
    EXPECT_EQUAL(tt_after(5, 7), 12);
    EXPECT_EQUAL(tt_after(-117000, 7000), -110000);
    EXPECT_EQUAL(tt_after(-117000, TT_FOREVER), TT_FOREVER - 117000);
    EXPECT_EQUAL(tt_after(INT64_MIN, TT_FOREVER), -1);
    EXPECT_EQUAL(tt_after(0, TT_FOREVER), TT_FOREVER);
    EXPECT_EQUAL(tt_after(1, TT_FOREVER), TT_FOREVER);
    EXPECT_EQUAL(tt_after(TT_FOREVER - 1, 1), TT_FOREVER);
    EXPECT_EQUAL(tt_after(TT_FOREVER - 1, 2), TT_FOREVER);
    EXPECT_EQUAL(tt_earlier(-1, TT_FOREVER), -1);
    EXPECT_EQUAL(TT_SECONDS(2), TT_MS(2000));
    EXPECT_EQUAL(TT_MS(3), TT_US(3000));
}

// One's own (the second bit) and no group's (the first), the same from the same seed, with bytes of
// two checksums: none repeats another's.
static void test_address(void)
{
    uint8_t seed[32] = {0}, mac[6], again[6];
    tt_provision_make_mac(seed, mac);
    EXPECT_EQUAL(mac[0], 2);
    EXPECT_EQUAL(mac[2] | mac[3] << 8, 0x55ad); // CRC-32 of 32 zeros is 0x190a55ad
    EXPECT_EQUAL(mac[4] | mac[5] << 8, 0x190a);
    EXPECT_EQUAL(mac[1], tt_crc32(0x190a55ad, seed, 32) & 0xff);
    tt_provision_make_mac(seed, again);
    EXPECT(memcmp(mac, again, 6) == 0);
    seed[31] = 1;
    tt_provision_make_mac(seed, again);
    EXPECT_EQUAL(again[0], 2);
    EXPECT(memcmp(mac, again, 6) != 0);
}

int main(void)
{
    test_address();
    test_status();
    test_times();
    test_check();
    test_reading();
    test_writing();
    test_crc();
    test_text();
    test_numbers();
    test_utf8();
    test_random();
    test_list();
    test_names();
    return test_result();
}
