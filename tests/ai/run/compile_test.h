// A home, a folder for temporary files and compilers of the tests' own, and what must be so after
// every compilation: no file, no process and no descriptor is left behind.

#ifndef TUTTI_COMPILE_TEST_H
#define TUTTI_COMPILE_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ai/run/compile.h"
#include "tests/test.h"

static char root[] = "/tmp/tutti-test-compile-XXXXXX";
static char said[400]; // the last sentence
static tt_compile_kept kept;

// The path of something in the root; the last four stay.
static inline const char *in_root(const char *name)
{
    static char path[4][200];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof(path[0]), "%s/%s", root, name);
    return path[turn];
}

static inline int remove_one(const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void remove_all(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static pid_t root_owner;
static inline void remove_root(void)
{
    if (getpid() == root_owner)
        remove_all(root);
}

// A compiler for the tests: a shell script, which is told where the library goes as $out and
// answers the question for its version by itself. All that it is asked is a line of "asked".
static inline const char *script(const char *name, const char *body)
{
    const char *path = in_root(name);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fprintf(file,
            "#!/bin/sh\necho \"$*\" 2>/dev/null >>%s/asked\n"
            "[ \"$1\" != --version ] || { echo '%s 1.0'; exit 0; }\n"
            "all=\"$*\"; out=${all##* -o }; out=${out%%%% *}\n%s\n",
            root, name, body);
    fclose(file);
    REQUIRE(chmod(path, 0755) == 0);
    return path;
}

static inline unsigned entries(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;
    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

// How many lines of "asked" have a text; "" for all.
static inline unsigned asked(const char *text)
{
    char line[1000];
    unsigned count = 0;
    FILE *file = fopen(in_root("asked"), "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, text) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

static inline void set_up(void)
{
    REQUIRE(mkdtemp(root) != NULL);
    root_owner = getpid();
    atexit(remove_root);
    REQUIRE(chmod(root, 0755) == 0);
    REQUIRE(mkdir(in_root("home"), 0755) == 0 && mkdir(in_root("tmp"), 0755) == 0);
    REQUIRE(setenv("HOME", in_root("home"), 1) == 0 && unsetenv("XDG_CACHE_HOME") == 0);
    REQUIRE(setenv("TMPDIR", in_root("tmp"), 1) == 0 && unsetenv("TT_ISA") == 0);
    script("counting", "exec gcc \"$@\"");
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

static inline void empty_cache(void)
{
    remove_all(in_root("home/.cache"));
    remove(in_root("asked"));
}

// A source whose function `answer` returns a number.
static inline const char *source_of(int number)
{
    static char source[100];
    snprintf(source, sizeof(source), "int answer(void) { return %d; }\n", number);
    return source;
}

// Compiles it, looks that nothing is left behind, and calls its `answer`: what that returns, or the
// status. Without a limit of time a machine that is busy is waited for.
static inline int answer_with(tt_compile_options options, const char *source)
{
    tt_compiled *compiled = (tt_compiled *)1;
    tt_text why;
    int answer;
    unsigned open_before = entries("/proc/self/fd");
    tt_text_init(&why, said, sizeof(said));
    kept = (tt_compile_kept)99;
    options.kept = &kept;
    options.timeout_ms = options.timeout_ms > 0 ? options.timeout_ms : 60000;
    tt_status status = tt_compile_c(&options, source, strlen(source), &compiled, &why);
    EXPECT((status == TT_OK) == (compiled != NULL));
    if (status == TT_OK) {
        int (*function)(void) = (int (*)(void))(uintptr_t)tt_compiled_find(compiled, "answer");
        answer = function != NULL ? function() : 12345;
        EXPECT(tt_compiled_find(compiled, "no_such_name") == NULL);
        tt_compiled_free(compiled);
    } else {
        answer = status;
        EXPECT(said[0] != 0);
    }
    EXPECT(!why.cut && strchr(said, '\n') == NULL);
    EXPECT_EQUAL(entries("/proc/self/fd"), open_before);
    EXPECT_EQUAL(entries(getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/nowhere"), 0);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    return answer;
}

static inline int answer_of(int number)
{
    return answer_with((tt_compile_options){0}, source_of(number));
}

// Whether the last sentence has a text; it is printed where it has not.
static inline bool told(const char *text)
{
    bool has = strstr(said, text) != NULL;
    if (!has)
        printf("\"%s\" has no \"%s\"\n", said, text);
    return has;
}

// Runs a check in a process of its own, whose environment and mounts are its own. With a user other
// than 0 it is that one's.
static inline void apart(void (*check)(void), uid_t user)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        test_failures = 0;
        if (user != 0)
            REQUIRE(setgid(user) == 0 && setuid(user) == 0);
        check();
        fflush(stdout);
        _exit(test_failures > 0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    EXPECT_EQUAL(status, 0);
}

// Mounts a little file system in a namespace of this process; false: it may not, which is said.
static inline bool mount_apart(const char *path, const char *what, unsigned long flags)
{
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", path, "tmpfs", flags, what) == 0)
        return true;
    printf("skipped: no file system can be mounted on %s: %s\n", path, strerror(errno));
    return false;
}

#endif
