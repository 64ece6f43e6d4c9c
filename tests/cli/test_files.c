// Fleet files, targets and JSON: what they read, and how they refuse; a console's last line;
// foreign text.

#include <string.h>
#include <unistd.h>

#include "cli/fleet_file.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/say.h"
#include "cli/target.h"
#include "tests/test.h"

static char sentence[512];
static tt_text why;

static const char *refusal(const char *text)
{
    static tt_fleet_file fleet;
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT(tt_fleet_file_parse(&fleet, text, &why) != TT_OK);
    EXPECT(!why.cut);
    return sentence;
}

static void test_fleet_file(void)
{
    static tt_fleet_file fleet;
    EXPECT_EQUAL(tt_fleet_file_parse(
                     &fleet,
                     "# home\nwatch 1\n\n tv 2 # two\r\ncar 1 image=a/b.elf\nmy-lamp2 1 image=c\n"
                     "band 2 image=d board=netduinoplus2 # by its line",
                     NULL),
                 TT_OK);
    EXPECT_EQUAL(fleet.count, 7);
    EXPECT_EQUAL(fleet.devices[1].kind, TT_TV);
    EXPECT_EQUAL(fleet.devices[3].kind, TT_CAR);
    EXPECT_TEXT(fleet.devices[3].image, "a/b.elf");
    EXPECT_EQUAL(fleet.devices[4].kind, TT_KINDS);
    EXPECT_TEXT(fleet.devices[4].name, "my-lamp2");
    EXPECT_TEXT(fleet.devices[4].image, "c");
    EXPECT_TEXT(fleet.devices[0].image, "");
    EXPECT(fleet.devices[4].emulator == NULL);
    EXPECT(fleet.devices[6].emulator != NULL && fleet.devices[6].emulator->line);

    EXPECT_TEXT(
        refusal("watch 1\nphone 1\n"),
        "line 2: expected a kind (watch, car, tv or linux), or image=FILE behind another, found "
        "'phone'");
    EXPECT_TEXT(
        refusal("../x 1 image=a"),
        "line 1: expected a kind (watch, car, tv, linux, or another of small letters), found "
        "'../x'");
    EXPECT(strstr(refusal("2x 1 image=a"), "found '2x'") != NULL);
    EXPECT(strstr(refusal("sixteen-bytes-it 1 image=a"), "found 'sixteen-bytes-it'") != NULL);
    EXPECT_TEXT(refusal("watch"),
                "line 1: expected how many of them, 1 to 12, found the end of the line");
    EXPECT_TEXT(refusal("watch -1"), "line 1: expected how many of them, 1 to 12, found '-1'");
    EXPECT_TEXT(refusal("watch 0"), "line 1: expected how many of them, 1 to 12, found '0'");
    EXPECT_TEXT(refusal("watch 1x"), "line 1: expected how many of them, 1 to 12, found '1x'");
    EXPECT_TEXT(refusal("watch 99999999999999999999"),
                "line 1: expected how many of them, 1 to 12, found '99999999999999999999'");
    EXPECT_TEXT(refusal("tv 1 name=living"),
                "line 1: expected image=FILE or the end of the line, found 'name=living'");
    EXPECT_TEXT(refusal("tv 1 image=a b"),
                "line 1: expected board=BOARD or the end of the line, found 'b'");
    EXPECT_TEXT(refusal("tv 1 image=a board="),
                "line 1: expected board=BOARD or the end of the line, found 'board='");
    EXPECT_TEXT(refusal("tv 1 image=a board=wrist"),
                "line 1: expected board= with one of mps2-an386, netduinoplus2, qemu-riscv64-virt, "
                "qemu-aarch64-virt, found 'wrist'");
    EXPECT_TEXT(refusal("tv 1 image=a board=mps2-an386 b"),
                "line 1: expected the end of the line, found 'b'");
    EXPECT_TEXT(refusal("tv 1 board=mps2-an386"),
                "line 1: expected image=FILE or the end of the line, found 'board=mps2-an386'");
    EXPECT_TEXT(
        refusal("\n# nothing\n"),
        "line 3: expected at least one device, such as 'watch 1', found the end of the line");
    EXPECT_TEXT(refusal("tv 8\nwatch 5\n"),
                "line 2: a fleet has at most 12 devices; this would be number 13");
    tt_fleet_file full;
    EXPECT_EQUAL(tt_fleet_file_parse(&full, "tv 8\nwatch 4\n", NULL), TT_OK);
    EXPECT_EQUAL(full.count, 12);
    char long_line[600] = "tv 1 image=";
    memset(long_line + 11, 'x', 400);
    refusal(long_line);
}

static void test_targets(void)
{
    tt_target target;
    EXPECT_EQUAL(tt_target_parse(&target, "watch-3f9a/ai/models/fashion?x=1", NULL), TT_OK);
    EXPECT_EQUAL(target.kind, TT_TARGET_NAME);
    EXPECT_TEXT(target.device, "watch-3f9a");
    EXPECT_TEXT(target.path, "ai/models/fashion");
    EXPECT_TEXT(target.query, "x=1");
    EXPECT_EQUAL(tt_target_parse(&target, "kind:tv/device", NULL), TT_OK);
    EXPECT_EQUAL(target.kind, TT_TARGET_KIND);
    EXPECT_EQUAL(tt_target_parse(&target, "coap://localhost/a", NULL), TT_OK);
    EXPECT_EQUAL(target.endpoint.port, TT_BUS_PORT);
    EXPECT_EQUAL(tt_target_parse(&target, "coap://[fe80::1%1]:99/a", NULL), TT_OK);
    EXPECT_EQUAL(target.endpoint.port, 99);
    EXPECT_EQUAL(target.endpoint.interface, 1);
    EXPECT_EQUAL(tt_target_parse(&target, "COAP://[::1]/a", NULL), TT_OK);
    // Percent-encoding; a part holds neither its separator nor a zero byte.
    EXPECT_EQUAL(tt_target_parse(&target, "w/a%20b/%C3%a9%25?x=%2F", NULL), TT_OK);
    EXPECT_TEXT(target.path, "a b/\xc3\xa9%");
    EXPECT_TEXT(target.query, "x=/");
    // Without a path: the root.
    static const char *const roots[] = {"watch/", "kind:tv/", "coap://127.0.0.1",
                                        "coap://127.0.0.1:99/", "coap://[::1]?x=1"};
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        EXPECT_EQUAL(tt_target_parse(&target, roots[i], NULL), TT_OK);
        EXPECT_TEXT(target.path, "");
        EXPECT_TEXT(target.query, i == 4 ? "x=1" : "");
    }
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_target_parse(&target, "coaps://127.0.0.1/a", &why), TT_MALFORMED);
    EXPECT(strstr(sentence, "no security yet") != NULL);
    static const char *const wrong[] = {
        "",
        "watch",
        "http://127.0.0.1/a",
        "coaps://127.0.0.1/a",
        "coap:///a",
        "coap://",
        "watch/a%",
        "watch/a%2",
        "watch/a%zz",
        "watch/a%2g",
        "watch/a%/b",
        "watch/a%2Fb",
        "watch/a%00b",
        "watch/a#b",
        "watch/a?b%",
        "watch/a?b%26c",
        "watch/a?b#c",
        "coap://127.0.0.1#a",
        "/path",
        "kind:/path",
        "coap://nowhere/path",
        "coap://127.0.0.1:99999/path",
        "a-name-that-is-longer-than-any-device-may-have/path",
        "watch/a-path-that-is-longer-than-sixty-three-bytes-and-so-cannot-be-sent-to-anyone",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        tt_text_init(&why, sentence, sizeof(sentence));
        EXPECT_EQUAL(tt_target_parse(&target, wrong[i], &why), TT_MALFORMED);
        EXPECT(strstr(sentence, "expected") != NULL);
    }
    // The longest of each, and one byte more.
    static const struct {
        const char *format;
        int most;
    } parts[] = {
        {"%.*s/path", TT_NAME_MAX - 1},
        {"kind:%.*s/path", TT_NAME_MAX - 1},
        {"name/%.*s", TT_BUS_PATH_MAX - 1},
        {"name/path?%.*s", TT_BUS_QUERY_MAX - 1},
    };
    char letters[128], words[256];
    memset(letters, 'x', sizeof(letters));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(words, sizeof(words), parts[i].format, parts[i].most, letters);
        EXPECT_EQUAL(tt_target_parse(&target, words, NULL), TT_OK);
        snprintf(words, sizeof(words), parts[i].format, parts[i].most + 1, letters);
        EXPECT_EQUAL(tt_target_parse(&target, words, NULL), TT_MALFORMED);
    }
}

// With `part` the line that has it, "none" where none has; else the last one.
static const char *line_of(const char *text, const char *part, size_t capacity)
{
    static char line[64];
    char path[] = "/tmp/tutti-line-XXXXXX";
    int handle = mkstemp(path);
    REQUIRE(handle >= 0 && write(handle, text, strlen(text)) == (ssize_t)strlen(text));
    close(handle);
    if (part == NULL)
        tt_file_last_line(path, line, capacity);
    else if (!tt_file_find_line(path, part, line, capacity))
        snprintf(line, sizeof(line), "none");
    remove(path);
    return line;
}

static const char *last_line(const char *text, size_t capacity)
{
    return line_of(text, NULL, capacity);
}

static void test_find_line(void)
{
    static const char log[] = "begun\nhalf a liqemu: fatal: Lockup\r\nqemu: fatal: 2\nR00=0\n";
    EXPECT_TEXT(line_of(log, "qemu: fatal:", 64), "qemu: fatal: Lockup");
    EXPECT_TEXT(line_of(log, "qemu: fatal:", 8), "qemu: f");
    EXPECT_TEXT(line_of("a\nqemu: fatal", "qemu: fatal:", 64), "none");
    EXPECT_TEXT(line_of("", "qemu: fatal:", 64), "none");
    char line[8] = "x";
    EXPECT(!tt_file_find_line("/nonexistent/file", "x", line, sizeof(line)));
    EXPECT_TEXT(line, "x");
}

static void test_last_line(void)
{
    EXPECT_TEXT(last_line("", 64), "");
    EXPECT_TEXT(last_line("\n\r\n", 64), "");
    EXPECT_TEXT(last_line("only", 64), "only");
    EXPECT_TEXT(last_line("first\nlast\r\n\n", 64), "last");
    EXPECT_TEXT(last_line("first\nlast", 4), "ast");
    char line[8] = "x";
    tt_file_last_line("/nonexistent/file", line, sizeof(line));
    EXPECT_TEXT(line, "");
}

static void test_foreign_text(void)
{
    static const char hostile[] = "a\x1b[2J\x9f\tb\r\x7f\xc2\x9b"
                                  "c\n\xc3\x9f\xc2";
    char shown[64];
    FILE *file = fmemopen(shown, sizeof(shown), "w");
    REQUIRE(file != NULL);
    tt_say_put(file, hostile, sizeof(hostile) - 1);
    fclose(file);
    EXPECT_TEXT(shown, "a?[2J\x9f\tb???c\n\xc3\x9f\xc2"); // a continuation byte alone is no control
}

static tt_status read_json(const char *text, tt_json **root)
{
    char path[] = "/tmp/tutti-json-XXXXXX";
    int handle = mkstemp(path);
    REQUIRE(handle >= 0);
    FILE *file = fdopen(handle, "w");
    REQUIRE(file != NULL);
    fputs(text, file);
    fclose(file);
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_json_read(path, root, &why);
    remove(path);
    return status;
}

static void test_json(void)
{
    tt_json *root;
    REQUIRE(read_json("{\"a\": [10, -2.5e+1, \"x\\n\\u0041\"], \"b\": {\"c\": true}, \"d\":null}",
                      &root) == TT_OK);
    const tt_json *a = tt_json_get(root, "a");
    EXPECT_EQUAL(tt_json_count(a), 3);
    EXPECT_EQUAL(a->item->next->number, -25);
    EXPECT_TEXT(a->item->next->next->text, "x\nA");
    EXPECT_EQUAL(tt_json_get(tt_json_get(root, "b"), "c")->kind, TT_JSON_TRUE);
    EXPECT_EQUAL(tt_json_get_number(root, "absent"), 0);
    EXPECT_TEXT(tt_json_get_text(root, "a"), "");
    tt_json_free(root);

    static const char *const wrong[] = {
        "",           "{",      "[1,]",    "[1 2]",
        "{\"a\" 1}",  "{a: 1}", "\"open",  "\"\\",
        "\"\\u12\"",  "[nan]",  "[1e999]", "01x",
        "{\"a\":1}}", "tru",    "\"\\q\"", "[\"a\nb\"]",
        "[0x10]",     "[01]",   "[-]",     "[1.]",
        "[.5]",       "[1e]",   "[1e+]",   "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EXPECT_EQUAL(read_json(wrong[i], &root), TT_MALFORMED);
        EXPECT(root == NULL);
        EXPECT(strstr(sentence, "line ") != NULL);
    }
}

// What is written is read back.
static void test_json_round(void)
{
    char path[] = "/tmp/tutti-json-XXXXXX";
    int handle = mkstemp(path);
    REQUIRE(handle >= 0);
    FILE *file = fdopen(handle, "w");
    REQUIRE(file != NULL);
    tt_json_writer json = {.file = file};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "quote", "a\"b\\c\n");
    tt_json_open(&json, "list", '[');
    tt_json_number(&json, NULL, 1.5);
    tt_json_number(&json, NULL, 1700000000.25);
    tt_json_close(&json, ']');
    tt_json_number(&json, "after", 3);
    tt_json_close(&json, '}');
    fclose(file);
    tt_json *root;
    REQUIRE(tt_json_read(path, &root, NULL) == TT_OK);
    remove(path);
    EXPECT_TEXT(tt_json_get_text(root, "quote"), "a\"b\\c\n");
    EXPECT(tt_json_get(root, "list")->item->next->number == 1700000000.25);
    EXPECT_EQUAL(tt_json_get_number(root, "after"), 3);
    tt_json_free(root);
}

int main(void)
{
    test_fleet_file();
    test_targets();
    test_last_line();
    test_find_line();
    test_foreign_text();
    test_json();
    test_json_round();
    return test_result();
}
