// C compiled at run time: what the compiler is asked, what is made of its answers, and that a
// compiler that hangs, fails or lies costs one sentence.

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/ai/run/compile_test.h"
#include "tutti/check.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_compiles(void)
{
    EXPECT_EQUAL(answer_of(42), 42);
    EXPECT_TEXT(said, "");
    EXPECT_EQUAL(answer_of(-7), -7);
    EXPECT_EQUAL(asked("--version"), 1); // once a process
    static const struct {
        tt_isa isa;
        const char *flags;
    } of[] = {
        {TT_ISA_PLAIN, "-w -x c -o "},
        {TT_ISA_SSE2, "-w -msse2 -x c -o "},
        {TT_ISA_AVX2, "-w -mavx2 -mfma -x c -o "},
        {TT_ISA_AVX512, "-w -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl "
                        "-mprefer-vector-width=512 -x c -o "},
    };
    for (unsigned i = 0; i < TT_COUNT(of) && tt_isa_here(NULL) != TT_ISA_PLAIN; i++) {
        char line[300];
        snprintf(line, sizeof(line),
                 "-O2 -ffp-contract=off -fno-math-errno -fPIC -shared -std=gnu17 %s", of[i].flags);
        empty_cache();
        EXPECT_EQUAL(answer_with((tt_compile_options){.isa = of[i].isa}, source_of(3)), 3);
        EXPECT_EQUAL(asked(line), 1);
    }
    EXPECT_EQUAL(answer_with((tt_compile_options){.flag = "-Danswer=other"}, source_of(3)), 12345);
    EXPECT_EQUAL(asked("native"), 0);
}

// ---- which compiler

static void test_none(void)
{
    setenv("TUTTI_CC", "", 1);
    EXPECT_EQUAL(answer_of(1), TT_NOT_FOUND);
    EXPECT_TEXT(said, "there is no compiler: TUTTI_CC is empty");
    setenv("TUTTI_CC", "no-such-compiler", 1);
    EXPECT_EQUAL(answer_of(1), TT_NOT_FOUND);
    EXPECT(told("'no-such-compiler'"));
    setenv("TUTTI_CC", in_root("asked"), 1); // no program
    EXPECT_EQUAL(answer_of(1), TT_NOT_FOUND);
    unsetenv("TUTTI_CC");
    setenv("PATH", in_root("home"), 1);
    EXPECT_EQUAL(answer_of(1), TT_NOT_FOUND);
    EXPECT(told("neither gcc nor cc nor clang is in PATH"));
    unsetenv("PATH");
    EXPECT_EQUAL(answer_of(1), TT_NOT_FOUND);
}

// The first in PATH, and nothing from where the program happens to be; a folder is no compiler.
static void test_path(void)
{
    char path[1000], before[500];
    static char long_path[PATH_MAX + 1000];
    snprintf(before, sizeof(before), "%s", getenv("PATH"));
    REQUIRE(mkdir(in_root("here"), 0755) == 0 && mkdir(in_root("first"), 0755) == 0);
    REQUIRE(mkdir(in_root("second"), 0755) == 0 && mkdir(in_root("first/gcc"), 0755) == 0);
    script("here/gcc", "echo 'error: from here' >&2; exit 1");
    script("second/gcc", "echo 'error: the second' >&2; exit 1");
    REQUIRE(chdir(in_root("here")) == 0 && unsetenv("TUTTI_CC") == 0);
    snprintf(path, sizeof(path), ":.::%s:%s:%s", in_root("first"), in_root("second"),
             getenv("PATH"));
    setenv("PATH", path, 1);
    EXPECT_EQUAL(answer_of(1), TT_MALFORMED);
    EXPECT(told("second/gcc failed with status 1: error: the second"));
    script("second/mine", "echo 'error: mine' >&2; exit 1");
    setenv("TUTTI_CC", "mine", 1);
    EXPECT_EQUAL(answer_of(1), TT_MALFORMED);
    EXPECT(told("second/mine failed"));
    // A path that is too long is nobody's, also where what is left of it when it is cut is.
    script("g", "echo 'error: cut' >&2; exit 1");
    static char deep[PATH_MAX];
    memset(deep, '/', sizeof(deep) - 1);
    memcpy(deep, root, strlen(root));
    for (unsigned more = 1; more < 6; more++) {
        deep[PATH_MAX - more] = 0;
        snprintf(long_path, sizeof(long_path), "%s:%s:%s", deep, in_root("second"), before);
        setenv("PATH", long_path, 1);
        setenv("TUTTI_CC", "gcc", 1);
        EXPECT_EQUAL(answer_of(1), TT_MALFORMED);
        EXPECT(told("second/gcc failed"));
    }
    setenv("PATH", path, 1);
    script("second/cc", "exit 1"); // where there is no gcc
    REQUIRE(remove(in_root("second/gcc")) == 0 && unsetenv("TUTTI_CC") == 0);
    setenv("PATH", in_root("second"), 1);
    EXPECT_EQUAL(answer_of(1), TT_MALFORMED);
    EXPECT(told("second/cc failed"));
}

// The compiler speaks English and has a folder of its own; else it has the caller's surroundings.
static void test_environment(void)
{
    REQUIRE(setenv("LC_ALL", "de_DE.UTF-8", 1) == 0 && setenv("LC_ALLOWED", "yes", 1) == 0);
    REQUIRE(setenv("TMPDIRECTORY", "mine", 1) == 0);
    script("looks", "[ \"$LC_ALL $LC_ALLOWED $TMPDIRECTORY\" = 'C yes mine' ] || exit 3\n"
                    "count() { tr '\\0' '\\n' </proc/$$/environ | grep -c \"^$1=\"; }\n"
                    "[ $(count LC_ALL) = 1 ] || exit 4\n" // a shell would take the last of two
                    "[ $(count TMPDIR) = 1 ] || exit 5\n"
                    "case $TMPDIR in */tmp/tutti-*) ;; *) exit 6 ;; esac\n"
                    "[ -f $TMPDIR/source.c ] || exit 7\n"
                    "exec gcc \"$@\"");
    EXPECT_EQUAL(answer_with((tt_compile_options){.compiler = in_root("looks")}, source_of(4)), 4);
    EXPECT_TEXT(said, "");
    unsetenv("TMPDIR"); // then /tmp is taken
    script("looks2", "case $TMPDIR in /tmp/tutti-*) ;; *) exit 6 ;; esac\nexec gcc \"$@\"");
    EXPECT_EQUAL(answer_with((tt_compile_options){.compiler = in_root("looks2")}, source_of(5)), 5);
    EXPECT_TEXT(said, "");
}

// ---- compilers that are no good

static const struct bad {
    const char *name, *body;
    tt_status status;
    const char *sentence;
} bad[] = {
    {"fails",
     "echo 'In function f:'; echo 'x.c:1: error: no luck' >&2; echo 'x.c:2: error: more'; exit 3",
     TT_MALFORMED, "/fails failed with status 3: x.c:1: error: no luck"},
    {"mute", "exit 1", TT_MALFORMED, "/mute failed with status 1"},
    {"odd", "printf 'a\\033[31mred\\377\\n'; exit 1", TT_MALFORMED, "status 1: a?[31mred?"},
    {"long", "head -c 100000 /dev/zero | tr '\\0' x; exit 1", TT_MALFORMED,
     "xxxxxxxxxxxxxxxxxxxxxxxx"},
    {"falls", "kill -SEGV $$", TT_IO, "/falls was ended by signal 11"},
    {"nothing", "exit 0", TT_DAMAGED, "/nothing made is not there or cannot be read"},
    {"empty", ": >$out", TT_DAMAGED, "/empty made cannot be loaded: it is no whole ELF library"},
    {"rubbish", "yes rubbish | head -c 9000 >$out", TT_DAMAGED, "it is no whole ELF library"},
    {"folder", "mkdir $out; : >$out/file", TT_DAMAGED,
     "/folder made is not there or cannot be read"},
    {"pipe", "mkfifo $out", TT_DAMAGED, "/pipe made is not there or cannot be read"},
    {"link", "ln -s /bin/sh $out", TT_DAMAGED, "/link made is not there or cannot be read"},
    {"short", "gcc \"$@\" -o $out.whole; head -c 5000 $out.whole >$out", TT_DAMAGED,
     "it is no whole ELF library"},
    {"shorter", // by half of its last part
     "echo 'char data[100000] = {1};' | gcc \"$@\" -o $out.whole; head -c 60000 $out.whole >$out",
     TT_DAMAGED, "it is no whole ELF library"},
    {"object", "gcc -c \"$@\"", TT_DAMAGED, "it is no whole ELF library"},
    {"huge", "truncate -s 67108865 $out", TT_TOO_LARGE, "/huge made is too large"},
    {"lacking", "echo 'int other(void); int answer(void) { return other(); }' | gcc \"$@\"",
     TT_DAMAGED, "undefined symbol: other"},
    {"litters", "mkdir -p $TMPDIR/a/b; : >$TMPDIR/a/b/c; chmod 0 $TMPDIR/a/b/c; exit 2",
     TT_MALFORMED, "status 2"},
};

static void test_bad(void)
{
    for (unsigned i = 0; i < TT_COUNT(bad); i++) {
        const char *path = script(bad[i].name, bad[i].body);
        int answer = answer_with((tt_compile_options){.compiler = path}, source_of(1));
        EXPECT_EQUAL(answer, bad[i].status);
        EXPECT(told(bad[i].sentence));
        size_t length = strlen(bad[i].sentence); // nothing stands behind it
        EXPECT_TEXT(strlen(said) < length ? said : said + strlen(said) - length, bad[i].sentence);
    }
    EXPECT_EQUAL(entries(in_root("home/.cache/tutti")), 0);
    EXPECT_EQUAL(answer_with((tt_compile_options){0}, "int answer(void) { return x; }"),
                 TT_MALFORMED);
    EXPECT(told("error: "));
    // No script, though it may be run; and one that does not even tell its version.
    REQUIRE(chmod(in_root("asked"), 0755) == 0);
    EXPECT_EQUAL(answer_with((tt_compile_options){.compiler = in_root("asked")}, ""), TT_IO);
    EXPECT(told("/asked cannot be started: "));
    FILE *file = fopen(in_root("unknown"), "w");
    REQUIRE(file != NULL && fputs("#!/bin/sh\necho 'error: who' >&2\nexit 9\n", file) >= 0);
    REQUIRE(fclose(file) == 0 && chmod(in_root("unknown"), 0755) == 0);
    EXPECT_EQUAL(answer_with((tt_compile_options){.compiler = in_root("unknown")}, ""),
                 TT_MALFORMED);
    EXPECT(told("/unknown failed with status 9: error: who"));
}

// What it leaves behind comes to us, and must have been killed. All of it within two seconds.
static void reap(unsigned count)
{
    int status = 0;
    for (unsigned i = 0, tries = 0; i < count && tries < 200; tries++) {
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            i++;
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        }
    }
    EXPECT(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
}

static void check_hang(const char *name, const char *body, unsigned children)
{
    tt_compiled *compiled;
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    tt_compile_options options = {.compiler = script(name, body), .timeout_ms = 300};
    unsigned open_before = entries("/proc/self/fd");
    int64_t start_ms = now_ms();
    EXPECT_EQUAL(tt_compile_c(&options, "", 0, &compiled, &why), TT_TIMED_OUT);
    int64_t took_ms = now_ms() - start_ms;
    EXPECT(took_ms >= 300 && took_ms < 5000);
    EXPECT(told(name) && told(" took too long and was ended"));
    EXPECT_EQUAL(entries("/proc/self/fd"), open_before);
    EXPECT_EQUAL(entries(in_root("tmp")), 0);
    reap(children);
}

static void test_hang(void)
{
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    check_hang("sleeps", "sleep 1000", 1);
    check_hang("sleeps-deaf", "trap '' TERM INT HUP; sleep 1000 & sleep 1000", 2);
    check_hang("sleeps-mute", "exec >&- 2>&-; : >$TMPDIR/file; sleep 1000", 1);
    check_hang("talks", "while :; do echo error error error; done", 0);
    FILE *file = fopen(in_root("mum"), "w"); // not even its version
    REQUIRE(file != NULL && fputs("#!/bin/sh\nexec sleep 1000\n", file) >= 0);
    REQUIRE(fclose(file) == 0 && chmod(in_root("mum"), 0755) == 0);
    int64_t start_ms = now_ms();
    EXPECT_EQUAL(answer_with((tt_compile_options){.compiler = in_root("mum"), .timeout_ms = 200},
                             source_of(1)),
                 TT_TIMED_OUT);
    EXPECT(now_ms() - start_ms < 5000);
    // Who leaves somebody behind that holds the pipe is not waited for.
    tt_compile_options leaves = {.compiler = script("leaves", "sleep 1000 & exec gcc \"$@\""),
                                 .timeout_ms = 60000};
    tt_compiled *compiled = NULL;
    start_ms = now_ms();
    EXPECT_EQUAL(tt_compile_c(&leaves, "", 0, &compiled, NULL), TT_OK);
    EXPECT(now_ms() - start_ms < 50000);
    tt_compiled_free(compiled);
    reap(1);
}

// ---- a process that is not as others are

static void test_ignored(void)
{
    REQUIRE(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    EXPECT_EQUAL(answer_of(1000), TT_IO);
    EXPECT(told("ignores SIGCHLD"));
}

// Its signals are blocked or ignored, its standard streams are closed: the compiler's are not.
static void test_closed(void)
{
    sigset_t all;
    sigfillset(&all);
    REQUIRE(sigprocmask(SIG_BLOCK, &all, NULL) == 0 && signal(SIGTERM, SIG_IGN) != SIG_ERR);
    tt_compile_options falls = {.compiler = script("falls", "kill -QUIT $$; exit 7")};
    EXPECT_EQUAL(answer_with(falls, ""), TT_IO);
    EXPECT(told("/falls was ended by signal 3"));
    falls.compiler = script("falls-too", "kill -TERM $$; exit 7");
    EXPECT_EQUAL(answer_with(falls, ""), TT_IO);
    EXPECT(told("/falls-too was ended by signal 15"));
    int out = dup(1);
    close(0), close(1), close(2);
    int good = answer_of(1001);
    int failed = answer_with((tt_compile_options){0}, "int answer(void) { return x; }");
    REQUIRE(dup2(out, 1) == 1);
    EXPECT_EQUAL(good, 1001);
    EXPECT_EQUAL(failed, TT_MALFORMED);
    EXPECT(told("error: "));
}

static void test_no_descriptors(void)
{
    EXPECT_EQUAL(answer_of(1002), 1002); // so that its version is known
    for (rlim_t limit = 4; limit < 16; limit++) {
        struct rlimit before;
        char line[400];
        tt_text why;
        tt_compiled *compiled;
        tt_compile_options options = {.timeout_ms = 60000};
        REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &(struct rlimit){limit, before.rlim_max}) == 0);
        tt_text_init(&why, line, sizeof(line));
        tt_status status = tt_compile_c(&options, source_of(1003), 32, &compiled, &why);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        EXPECT(status == TT_OK || (compiled == NULL && line[0] != 0));
        tt_compiled_free(compiled);
        EXPECT_EQUAL(entries(in_root("tmp")), 0);
    }
}

static void *compile_in_thread(void *context)
{
    tt_compile_options options = {.timeout_ms = 60000};
    tt_compiled *compiled = NULL;
    char source[100];
    int number = *(int *)context;
    snprintf(source, sizeof(source), "int answer(void) { return %d; }", number);
    if (tt_compile_c(&options, source, strlen(source), &compiled, NULL) == TT_OK)
        *(int *)context = -((int (*)(void))(uintptr_t)tt_compiled_find(compiled, "answer"))();
    tt_compiled_free(compiled);
    return NULL;
}

// Several libraries at a time: each is itself, though a loader goes by names, and the same one may
// be loaded twice.
static void test_together(void)
{
    tt_compile_options options = {.timeout_ms = 60000};
    tt_compiled *compiled[4];
    for (int i = 0; i < 4; i++) {
        const char *source = source_of(3000 + i / 2);
        REQUIRE(tt_compile_c(&options, source, strlen(source), &compiled[i], NULL) == TT_OK);
    }
    for (int gone = 0; gone < 4; gone++) {
        for (int i = gone; i < 4; i++) {
            void *function = tt_compiled_find(compiled[i], "answer");
            EXPECT_EQUAL(((int (*)(void))(uintptr_t)function)(), 3000 + i / 2);
        }
        tt_compiled_free(compiled[gone]);
    }
    tt_compiled_free(NULL);
}

static void test_threads(void)
{
    pthread_t thread[6];
    int number[6];
    for (int i = 0; i < 6; i++) {
        number[i] = 2000 + i / 2;
        REQUIRE(pthread_create(&thread[i], NULL, compile_in_thread, &number[i]) == 0);
    }
    for (int i = 0; i < 6; i++) {
        REQUIRE(pthread_join(thread[i], NULL) == 0);
        EXPECT_EQUAL(number[i], -(2000 + i / 2));
    }
}

// ---- instruction sets

static void test_isa(void)
{
    char line[200];
    tt_text why;
    tt_text_init(&why, line, sizeof(line));
    tt_isa machine = tt_isa_here(&why);
    printf("this machine has %s\n", tt_isa_name(machine));
    EXPECT_TEXT(line, "");
    for (unsigned i = TT_ISA_SSE2; i <= TT_ISA_AVX512; i++) {
        const char *name = tt_isa_name((tt_isa)i);
        setenv("TT_ISA", name, 1);
        tt_text_init(&why, line, sizeof(line));
        EXPECT_EQUAL(tt_isa_here(&why), i < machine ? i : machine);
        EXPECT((line[0] == 0) == (i <= machine));
        EXPECT(i <= machine || strstr(line, name) != NULL);
    }
    setenv("TT_ISA", "mmx", 1);
    tt_text_init(&why, line, sizeof(line));
    EXPECT_EQUAL(tt_isa_here(&why), machine);
    EXPECT(strstr(line, "not 'mmx'") != NULL);
    EXPECT_EQUAL(tt_isa_here(NULL), machine);
    setenv("TT_ISA", "", 1);
    tt_text_init(&why, line, sizeof(line));
    EXPECT_EQUAL(tt_isa_here(&why), machine);
    EXPECT_TEXT(line, "");
    // /proc/cpuinfo is somebody else's look at the same.
    FILE *file = fopen("/proc/cpuinfo", "r");
    static char flags[100000];
    size_t length = file != NULL ? fread(flags, 1, sizeof(flags) - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    if (length > 0 && machine != TT_ISA_PLAIN) {
        EXPECT_EQUAL(machine >= TT_ISA_AVX2,
                     strstr(flags, " avx2 ") != NULL && strstr(flags, " fma ") != NULL);
        EXPECT(machine < TT_ISA_AVX512 || strstr(flags, " avx512vl ") != NULL);
    }
}

// ---- set-user-id

// What this program says when it is started as another user's; it ends at once, for nobody may look
// at such a process, and the sanitizer that seeks leaks does.
static _Noreturn void say_status(void)
{
    tt_compiled *compiled;
    tt_compile_options options = {0};
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    tt_status status = tt_compile_c(&options, "", 0, &compiled, &why);
    _exit(status == TT_DENIED && strstr(said, "set-user-id") != NULL ? 42 : 1);
}

static void test_set_user_id(const char *self)
{
    char command[1000];
    struct stat about;
    if (geteuid() != 0) {
        printf("skipped: only root can make a program set-user-id to another\n");
        return;
    }
    snprintf(command, sizeof(command),
             "cp '%s' %s/other && chown 1 %s/other && chmod 4755 %s/other", self, root, root, root);
    REQUIRE(system(command) == 0 && stat(in_root("other"), &about) == 0);
    REQUIRE(about.st_uid == 1 && (about.st_mode & S_ISUID) != 0);
    snprintf(command, sizeof(command), "%s/other set-user-id", root);
    int status = system(command);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "set-user-id") == 0)
        say_status();
    if (system("gcc --version >/dev/null 2>&1") != 0) {
        printf("skipped: there is no gcc\n");
        return TEST_SKIPPED;
    }
    set_up();
    test_compiles();
    apart(test_none, 0);
    apart(test_path, 0);
    apart(test_environment, 0);
    empty_cache();
    test_bad();
    apart(test_hang, 0);
    apart(test_ignored, 0);
    apart(test_closed, 0);
    apart(test_no_descriptors, 0);
    test_together();
    test_threads();
    apart(test_isa, 0);
    test_set_user_id(arguments[0]);
    return test_result();
}
