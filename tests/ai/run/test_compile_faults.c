// Compiling where the system does less than it may: calls that a signal ends before they did
// anything, files that are read and written in little pieces, and those that end early.

#include <sys/syscall.h>

#include "tests/ai/run/compile_test.h"
#include "tutti/check.h"

static unsigned interrupt; // each so many-th call is ended by a signal; 0: none is
static unsigned interrupted;
static size_t most = SIZE_MAX; // bytes at a time
static int missing = -1;       // pread sees the end of the file this many calls on
static int blocked = -1;       // write has no effect, and says so

static bool is_interrupted(void)
{
    static unsigned calls;
    if (interrupt == 0 || ++calls % interrupt != 0)
        return false;
    interrupted++;
    errno = EINTR;
    return true;
}

ssize_t pread(int file, void *to, size_t bytes, off_t at)
{
    if (is_interrupted())
        return -1;
    if (missing >= 0 && missing-- == 0)
        return 0;
    return syscall(SYS_pread64, file, to, bytes < most ? bytes : most, at);
}

ssize_t write(int file, const void *from, size_t bytes)
{
    if (is_interrupted())
        return -1;
    if (blocked >= 0 && blocked-- == 0)
        return 0;
    return syscall(SYS_write, file, from, bytes < most ? bytes : most);
}

ssize_t read(int file, void *to, size_t bytes)
{
    if (is_interrupted())
        return -1;
    return syscall(SYS_read, file, to, bytes < most ? bytes : most);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    if (options == 0 && is_interrupted()) // who does not wait is not interrupted
        return -1;
    return (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

static void as_ever(void)
{
    interrupt = 0;
    most = SIZE_MAX;
    missing = blocked = -1;
}

// The first of a number is compiled, the second comes from the cache.
static void check_both(int number)
{
    tt_compiled *compiled;
    for (unsigned again = 0; again < 2; again++) {
        tt_compile_options options = {.timeout_ms = 60000, .kept = &kept};
        const char *source = source_of(number);
        tt_text why;
        tt_text_init(&why, said, sizeof(said));
        tt_status status = tt_compile_c(&options, source, strlen(source), &compiled, &why);
        EXPECT_EQUAL(status, TT_OK);
        EXPECT_TEXT(said, "");
        if (status != TT_OK)
            return;
        int (*function)(void) = (int (*)(void))(uintptr_t)tt_compiled_find(compiled, "answer");
        EXPECT(function != NULL && function() == number);
        EXPECT_EQUAL(kept, again > 0 ? TT_COMPILE_FOUND : TT_COMPILE_KEPT);
        tt_compiled_free(compiled);
    }
}

static void test_interrupted(void)
{
    for (interrupt = 2; interrupt < 5; interrupt++) {
        interrupted = 0;
        check_both(10 + (int)interrupt);
        EXPECT(interrupted > 3);
    }
    as_ever();
}

static void test_pieces(void)
{
    most = 501;
    check_both(20);
    interrupt = 3;
    most = 4000;
    check_both(21);
    as_ever();
}

// What a compiler says comes in pieces, too, and is one sentence.
static void test_said(void)
{
    tt_compile_options fails = {
        .compiler =
            script("fails", "echo 'note: nothing'; echo 'a: error: in pieces' >&2; exit 3")};
    most = 3;
    interrupt = 2;
    int answer = answer_with(fails, source_of(1));
    as_ever();
    EXPECT_EQUAL(answer, TT_MALFORMED);
    EXPECT(told("/fails failed with status 3: a: error: in pieces"));
}

// A file that is shorter than it was a moment ago is no library, and one in the cache is compiled
// again.
static void test_short(void)
{
    check_both(30);
    for (int calls = 0; calls < 2; calls++) {
        most = 2000;
        missing = calls;
        EXPECT_EQUAL(answer_of(30), 30);
        EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
        EXPECT_EQUAL(asked(" -o "), 2u + (unsigned)calls);
        as_ever();
    }
    empty_cache();
    missing = 0;
    EXPECT_EQUAL(answer_of(31), TT_DAMAGED);
    EXPECT(told(" made is not there or cannot be read"));
    as_ever();
}

// A disk that takes nothing, without an error: the source, the library where it is loaded from,
// the cache's file.
static void test_no_room(void)
{
    blocked = 0;
    EXPECT_EQUAL(answer_of(40), TT_IO);
    EXPECT(told("the source cannot be written for the compiler: "));
    as_ever();
    blocked = 1; // then it is loaded from a file with a name
    EXPECT_EQUAL(answer_of(41), 41);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    as_ever();
    empty_cache();
    for (int calls = 2; calls < 4; calls++) {
        blocked = calls; // the library, and what stands behind it
        EXPECT_EQUAL(answer_of(40 + calls), 40 + calls);
        EXPECT_EQUAL(kept, TT_COMPILE_NOT_KEPT);
        EXPECT(told("it was not kept in the cache: "));
        EXPECT_EQUAL(entries(in_root("home/.cache/tutti")), 0);
        as_ever();
    }
}

int main(void)
{
    if (system("gcc --version >/dev/null 2>&1") != 0) {
        printf("skipped: there is no gcc\n");
        return TEST_SKIPPED;
    }
    set_up();
    test_interrupted();
    test_pieces();
    empty_cache();
    test_short();
    test_said();
    test_no_room();
    return test_result();
}
