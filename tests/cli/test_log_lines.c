// What `tutti logs -f` prints of a device that is followed over restarts: each line once.

#include "cli/log_lines.h"
#include "tests/test.h"

static char printed[1024];

static const char *print(tt_log_lines *lines, const char *text)
{
    memset(printed, 0, sizeof(printed));
    FILE *file = fmemopen(printed, sizeof(printed) - 1, "w");
    REQUIRE(file != NULL);
    tt_log_lines_print(lines, file, text, strlen(text));
    fclose(file);
    return printed;
}

static void test_one_life(void)
{
    tt_log_lines lines = {0};
    tt_log_lines_set_boot(&lines, 7);
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n3 0.0"), "1 0.001 a\n2 0.002 b\n");
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n3 0.003 c\n"), "3 0.003 c\n");
    tt_log_lines_set_boot(&lines, 7);
    EXPECT_TEXT(print(&lines, "2 0.002 b\n3 0.003 c\n"), "");
    tt_log_lines_set_boot(&lines, 0); // it is not known at the moment
    EXPECT_TEXT(print(&lines, "2 0.002 b\n3 0.003 c\n"), "");
}

// Two lives may say the same in the same millisecond.
static void test_equal_lives(void)
{
    tt_log_lines lines = {0};
    tt_log_lines_set_boot(&lines, 7);
    print(&lines, "1 0.001 a\n2 0.002 b\n");
    tt_log_lines_set_boot(&lines, 8);
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n"), "1 0.001 a\n2 0.002 b\n");
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n"), "");
}

// After a reset the lines go on.
static void test_reset(void)
{
    tt_log_lines lines = {0};
    tt_log_lines_set_boot(&lines, 7);
    print(&lines, "1 0.001 a\n2 0.002 b\n");
    tt_log_lines_set_boot(&lines, 8);
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n3 0.001 a\n"), "3 0.001 a\n");
    EXPECT_TEXT(print(&lines, "2 0.002 b\n3 0.001 a\n"), "");
}

// Without a boot number the lines tell that they began anew.
static void test_no_boot(void)
{
    tt_log_lines lines = {0};
    print(&lines, "1 0.001 a\n2 0.002 b\n");
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.003 b\n"), "1 0.001 a\n2 0.003 b\n");
    EXPECT_TEXT(print(&lines, "1 0.004 a\n"), "1 0.004 a\n");
}

// The boot number may come later than the lines; they are told once.
static void test_late_boot(void)
{
    tt_log_lines lines = {0};
    tt_log_lines_set_boot(&lines, 7);
    print(&lines, "1 0.001 a\n2 0.002 b\n");
    tt_log_lines_set_boot(&lines, 7);
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n3 0.001 a\n"), "3 0.001 a\n");
    tt_log_lines_set_boot(&lines, 8);
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n3 0.001 a\n"), "");
    tt_log_lines_set_boot(&lines, 9);
    EXPECT_TEXT(print(&lines, "1 0.001 a\n2 0.002 b\n3 0.001 a\n"),
                "1 0.001 a\n2 0.002 b\n3 0.001 a\n");
}

int main(void)
{
    test_one_life();
    test_equal_lives();
    test_reset();
    test_no_boot();
    test_late_boot();
    return test_result();
}
