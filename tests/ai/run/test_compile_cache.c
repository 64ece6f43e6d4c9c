// The cache of compiled libraries: what is found again and what is not, folders that are not to be
// trusted, damaged files, full disks, and ten processes at once.

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/ai/run/compile_test.h"
#include "tutti/check.h"

static const char *cache(void)
{
    return in_root("home/.cache/tutti");
}

// A compiler that compiles each number once: what is looked at is the cache.
static void save_time(void)
{
    char body[1000];
    snprintf(body, sizeof(body),
             "read -r line; n=${line#*return }; n=%s/library-${n%%%%;*}\n"
             "[ -e $n ] || echo \"$line\" | gcc -shared -fPIC -x c -o $n -; exec cp $n $out",
             root);
    REQUIRE(setenv("TUTTI_CC", script("quick", body), 1) == 0);
}

// gcc itself, where it matters what a compiler does with its disk and its time.
static void take_time(void)
{
    REQUIRE(setenv("TUTTI_CC", in_root("counting"), 1) == 0);
}

// The path of the only file there.
static const char *only_file(void)
{
    static char path[400];
    DIR *folder = opendir(cache());
    REQUIRE(folder != NULL);
    path[0] = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') {
            REQUIRE(path[0] == 0);
            snprintf(path, sizeof(path), "%s/%s", cache(), entry->d_name);
        }
    closedir(folder);
    REQUIRE(path[0] != 0);
    return path;
}

static void expect(int number, tt_compile_kept expected, unsigned files)
{
    EXPECT_EQUAL(answer_of(number), number);
    EXPECT_EQUAL(kept, expected);
    EXPECT((said[0] == 0) == (expected != TT_COMPILE_NOT_KEPT));
    EXPECT_EQUAL(entries(cache()), files);
}

static void test_found(void)
{
    struct stat about;
    expect(1, TT_COMPILE_KEPT, 1);
    EXPECT_EQUAL(asked(" -o "), 1);
    expect(1, TT_COMPILE_FOUND, 1);
    expect(1, TT_COMPILE_FOUND, 1);
    EXPECT_EQUAL(asked(" -o "), 1);
    EXPECT(stat(in_root("home/.cache"), &about) == 0 && (about.st_mode & 07777) == 0700);
    EXPECT(stat(cache(), &about) == 0 && (about.st_mode & 07777) == 0700);
    EXPECT(stat(only_file(), &about) == 0 && (about.st_mode & 07777) == 0600);
    EXPECT_EQUAL(strlen(strrchr(only_file(), '/')), 1 + 64 + 3);
    // Another source, flag, set of instructions or version is another file.
    expect(2, TT_COMPILE_KEPT, 2);
    tt_compile_options flag = {.flag = "-DA"}, other = {.flag = "-DB"};
    EXPECT_EQUAL(answer_with(flag, source_of(1)), 1);
    EXPECT_EQUAL(answer_with(other, source_of(1)), 1);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    EXPECT_EQUAL(entries(cache()), 4);
    if (tt_isa_here(NULL) != TT_ISA_PLAIN) {
        EXPECT_EQUAL(answer_with((tt_compile_options){.isa = TT_ISA_AVX2}, source_of(1)), 1);
        EXPECT_EQUAL(entries(cache()), 5);
        expect(1, TT_COMPILE_FOUND, 5);
    }
    tt_compile_options next = {.compiler = script("next", "exec gcc \"$@\"")};
    EXPECT_EQUAL(answer_with(next, source_of(1)), 1);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    // A source's end is no flag's beginning, and a byte behind its length is not of it.
    tt_compiled *compiled;
    tt_compile_options options = {.kept = &kept, .timeout_ms = 60000};
    REQUIRE(tt_compile_c(&options, "int answer(void) { return 1; }\nrubbish", 31, &compiled,
                         NULL) == TT_OK);
    EXPECT_EQUAL(kept, TT_COMPILE_FOUND);
    tt_compiled_free(compiled);
}

// ---- damage

static void overwrite(const char *path, long at, int byte)
{
    FILE *file = fopen(path, "r+");
    REQUIRE(file != NULL && fseek(file, at, at < 0 ? SEEK_END : SEEK_SET) == 0);
    int before = fgetc(file);
    REQUIRE(fseek(file, -1, SEEK_CUR) == 0 && fputc(before ^ byte, file) != EOF);
    REQUIRE(fclose(file) == 0);
}

// Each damage is seen, compiled again, and what was compiled takes the damaged one's place.
static void expect_again(void)
{
    expect(1, TT_COMPILE_KEPT, 1);
    expect(1, TT_COMPILE_FOUND, 1);
}

static void test_damaged(void)
{
    struct stat about;
    char path[400], other[400];
    expect(1, TT_COMPILE_KEPT, 1);
    snprintf(path, sizeof(path), "%s", only_file());
    REQUIRE(stat(path, &about) == 0);
    const off_t lengths[] = {0, 1, 39, 40, 41, about.st_size / 2, about.st_size - 1};
    for (unsigned i = 0; i < TT_COUNT(lengths); i++) {
        REQUIRE(truncate(path, lengths[i]) == 0);
        expect_again();
    }
    REQUIRE(truncate(path, about.st_size + 1) == 0);
    expect_again();
    const long places[] = {0, 100, about.st_size / 2, -1, -33, -40, -41};
    for (unsigned i = 0; i < TT_COUNT(places); i++) {
        overwrite(path, places[i], 1);
        expect_again();
    }
    REQUIRE(chmod(path, 0622) == 0); // others may have written in it
    expect_again();
    // What is whole, but another's: the library of 2 by the name of 1.
    snprintf(other, sizeof(other), "%s/moved", root);
    REQUIRE(rename(path, in_root("first")) == 0);
    expect(2, TT_COMPILE_KEPT, 1);
    REQUIRE(rename(only_file(), path) == 0);
    expect_again();
    // What is no file at all.
    REQUIRE(rename(path, other) == 0 && symlink(other, path) == 0);
    expect_again();
    REQUIRE(unlink(path) == 0 && mkfifo(path, 0600) == 0);
    expect_again();
    REQUIRE(unlink(path) == 0 && mkdir(path, 0700) == 0);
    expect(1, TT_COMPILE_NOT_KEPT, 1);
    EXPECT(told("it was not kept in the cache: "));
    REQUIRE(truncate(other, (off_t)1 << 27) == 0 && rmdir(path) == 0 && rename(other, path) == 0);
    expect_again();
}

// ---- folders

static void expect_no_cache(const char *sentence)
{
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQUAL(answer_of(1), 1);
        EXPECT_EQUAL(kept, TT_COMPILE_NOT_KEPT);
        EXPECT(told(sentence));
    }
}

static void test_no_home(void)
{
    unsetenv("HOME");
    expect_no_cache("there is no cache: neither XDG_CACHE_HOME nor HOME is a path");
    setenv("HOME", "", 1);
    setenv("XDG_CACHE_HOME", "relative", 1);
    expect_no_cache("there is no cache: neither");
    setenv("HOME", in_root("nowhere"), 1);
    expect_no_cache("there is no cache: ");
    EXPECT(told("/nowhere/.cache/tutti cannot be made or opened"));
    setenv("HOME", "/dev/null", 1);
    expect_no_cache("cannot be made or opened");
    static char deep[5000] = "/";
    memset(deep + 1, 'x', sizeof(deep) - 2);
    setenv("HOME", deep, 1);
    expect_no_cache("there is no cache");
    setenv("XDG_CACHE_HOME", in_root("xdg"), 1);
    EXPECT_EQUAL(answer_of(1), 1);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    EXPECT_EQUAL(entries(in_root("xdg/tutti")), 1);
    setenv("XDG_CACHE_HOME", in_root("100%s%d"), 1); // a name as any other
    EXPECT_EQUAL(answer_of(1), 1);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    EXPECT_EQUAL(entries(in_root("100%s%d/tutti")), 1);
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", in_root("home%n"), 1);
    REQUIRE(mkdir(in_root("home%n"), 0700) == 0);
    EXPECT_EQUAL(answer_of(1), 1);
    EXPECT_EQUAL(entries(in_root("home%n/.cache/tutti")), 1);
}

static void test_folders(void)
{
    REQUIRE(mkdir(in_root("home/.cache"), 0755) == 0 && mkdir(in_root("elsewhere"), 0700) == 0);
    REQUIRE(symlink(in_root("elsewhere"), cache()) == 0);
    expect_no_cache("/tutti is a symbolic link");
    EXPECT_EQUAL(entries(in_root("elsewhere")), 0);
    REQUIRE(unlink(cache()) == 0 && symlink(in_root("nothing"), cache()) == 0);
    expect_no_cache("/tutti is a symbolic link");
    EXPECT(access(in_root("nothing"), F_OK) != 0);
    REQUIRE(unlink(cache()) == 0 && mkdir(cache(), 0700) == 0);
    static const mode_t modes[] = {0720, 0702, 01777};
    for (unsigned i = 0; i < TT_COUNT(modes); i++) {
        REQUIRE(chmod(cache(), modes[i]) == 0);
        expect_no_cache("/tutti can be written by others");
        EXPECT_EQUAL(entries(cache()), 0);
    }
    REQUIRE(chmod(cache(), 0755) == 0);
    expect(1, TT_COMPILE_KEPT, 1);
    if (geteuid() == 0) {
        REQUIRE(chown(cache(), 1, 1) == 0);
        expect_no_cache("/tutti is another user's");
        REQUIRE(chown(cache(), 0, 0) == 0 && chown(only_file(), 1, 1) == 0);
        expect_again();
    } else {
        printf("skipped: only root can give a folder to another user\n");
    }
    REQUIRE(rename(only_file(), in_root("file")) == 0 && rmdir(cache()) == 0);
    REQUIRE(rename(in_root("file"), cache()) == 0);
    expect_no_cache("/tutti cannot be made or opened");
    // The folder above may be a link: many have theirs on another disk.
    empty_cache();
    REQUIRE(symlink(in_root("elsewhere"), in_root("home/.cache")) == 0);
    expect(1, TT_COMPILE_KEPT, 1);
    REQUIRE(unlink(in_root("home/.cache")) == 0);
}

// Run as one who may not write in the home.
static void test_read_only(void)
{
    REQUIRE(setenv("TMPDIR", in_root("tmp-of-one"), 1) == 0);
    REQUIRE(chmod(in_root("home"), 0555) == 0 || geteuid() != 0);
    expect_no_cache("/home/.cache/tutti cannot be made or opened");
}

static void check_read_only(void)
{
    REQUIRE(mkdir(in_root("tmp-of-one"), 0777) == 0 && chmod(in_root("tmp-of-one"), 0777) == 0);
    EXPECT_EQUAL(answer_of(1), 1); // which makes the file of what was asked
    empty_cache();
    REQUIRE(chmod(in_root("home"), 0555) == 0);
    apart(test_read_only, geteuid() == 0 ? 65534 : 0);
    REQUIRE(chmod(in_root("home"), 0755) == 0);
}

// ---- disks

static void test_read_only_disk(void)
{
    REQUIRE(mkdir(in_root("home/.cache"), 0700) == 0 && mkdir(cache(), 0700) == 0);
    if (!mount_apart(in_root("home"), "size=1m", 0))
        return;
    REQUIRE(mkdir(in_root("home/.cache"), 0700) == 0);
    expect(1, TT_COMPILE_KEPT, 1);
    REQUIRE(mount("none", in_root("home"), NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    expect(1, TT_COMPILE_FOUND, 1);
    expect(2, TT_COMPILE_NOT_KEPT, 1);
    EXPECT(told("it was not kept in the cache: Read-only file system"));
}

static void test_full_cache(void)
{
    if (!mount_apart(in_root("home"), "size=24k", 0)) // six pages; a library is about four
        return;
    expect(1, TT_COMPILE_KEPT, 1);
    expect(2, TT_COMPILE_NOT_KEPT, 1);
    EXPECT(told("it was not kept in the cache: No space left on device"));
    expect(1, TT_COMPILE_FOUND, 1);
}

// No room for the source, for what the compiler makes between, for the library.
static void test_full_temporary(void)
{
    take_time();
    if (!mount_apart(in_root("tmp"), "size=4k", 0))
        return;
    static char source[9000];
    memset(source, ' ', sizeof(source) - 1);
    EXPECT_EQUAL(answer_with((tt_compile_options){0}, source), TT_IO);
    EXPECT(told("the source cannot be written for the compiler: No space left on device"));
    EXPECT_EQUAL(answer_of(3), TT_MALFORMED);
    EXPECT(told("failed with status 1: ") && told("error"));
    REQUIRE(mount("none", in_root("tmp"), NULL, MS_REMOUNT, "size=12k") == 0);
    EXPECT_EQUAL(answer_of(3), TT_MALFORMED);
    EXPECT_EQUAL(entries(cache()), 0);
}

// The same for all that a process writes, wherever; gcc is ended by the signal or says so.
static void test_limit_of_files(void)
{
    take_time();
    EXPECT_EQUAL(answer_of(1), 1);
    REQUIRE(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    for (rlim_t bytes = 0; bytes <= 20480; bytes += 2048) {
        struct rlimit before, little;
        REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
        little = (struct rlimit){bytes, before.rlim_max};
        fflush(stdout);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
        int answer = answer_of(1000 + (int)bytes);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
        EXPECT(answer < 0 || answer == 1000 + (int)bytes);
        EXPECT(answer > 0 || said[0] != 0);
        EXPECT(bytes > 0 || answer == TT_IO);
    }
}

// No folder can be made for the compiler: TMPDIR is nowhere, and nobody may write in /tmp.
static void test_no_temporary(void)
{
    if (!mount_apart("/tmp", "size=4k", 0))
        return;
    REQUIRE(mount("none", "/tmp", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    setenv("TMPDIR", "/nowhere", 1);
    setenv("TUTTI_CC", "gcc", 1);
    EXPECT_EQUAL(answer_of(1), TT_IO);
    EXPECT_TEXT(said, "no folder can be made in TMPDIR or /tmp for the compiler: Read-only file "
                      "system");
}

static void test_no_execution(void)
{
    if (!mount_apart(in_root("home"), "size=1m", MS_NOEXEC) ||
        !mount_apart(in_root("tmp"), "size=1m", MS_NOEXEC))
        return;
    expect(1, TT_COMPILE_KEPT, 1);
    expect(1, TT_COMPILE_FOUND, 1);
}

// Without /proc a library comes from a file, which is gone while it is loaded.
static void test_no_proc(void)
{
    if (!mount_apart("/proc", "size=4k", 0))
        return;
    expect(1, TT_COMPILE_KEPT, 1);
    expect(1, TT_COMPILE_FOUND, 1);
    if (!mount_apart(in_root("tmp"), "size=1m", MS_NOEXEC))
        return;
    expect(1, TT_COMPILE_FOUND, 1); // from /tmp
}

// ---- the limit

// A file of the cache's own kind, so old and so large.
static void put(const char *name, long age_s, off_t bytes)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", cache(), name);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    REQUIRE(file >= 0 && ftruncate(file, bytes) == 0 && futimens(file, times) == 0);
    close(file);
}

static bool there(const char *name)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", cache(), name);
    return access(path, F_OK) == 0;
}

#define SIXTY "000000000000000000000000000000000000000000000000000000000000"

static void test_limit(void)
{
    struct stat about;
    char first[400];
    expect(9, TT_COMPILE_KEPT, 1);
    put(SIXTY "0007.so", 9000, 200 << 20); // three of them are more than 512 MB; they have holes
    put(SIXTY "0008.so", 8000, 200 << 20);
    put(SIXTY "0009.so", 7000, 200 << 20);
    expect(8, TT_COMPILE_KEPT, 4);
    EXPECT(!there(SIXTY "0007.so") && there(SIXTY "0008.so") && there(SIXTY "0009.so"));
    empty_cache();
    expect(1, TT_COMPILE_KEPT, 1);
    snprintf(first, sizeof(first), "%s", only_file());
    REQUIRE(stat(first, &about) == 0);
    put(SIXTY "0001.so", 3000, 1000000);
    put(SIXTY "0002.so", 4000, 1000000);
    put(SIXTY "0003.so", 2000, 1000000);
    put(SIXTY "0004.so.other", 9000, 1000000); // not ours, and not counted
    put("README", 9000, 1000000);
    put(SIXTY "0005.0123456789abcdef.new", 3700, 1000000); // left behind by who was ended
    put(SIXTY "0006.0123456789abcdef.new", 1000, 10);
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    REQUIRE(utimensat(AT_FDCWD, first, old, 0) == 0);
    expect(1, TT_COMPILE_FOUND, 8); // which makes it the youngest
    // All but one go: the oldest two of the others.
    tt_compile_options options = {.cache_bytes_max = 1000010 + 2 * (uint64_t)about.st_size};
    EXPECT_EQUAL(answer_with(options, source_of(2)), 2);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    EXPECT(!there(SIXTY "0001.so") && !there(SIXTY "0002.so") && there(SIXTY "0003.so"));
    EXPECT(there(SIXTY "0004.so.other") && there("README") && access(first, F_OK) == 0);
    EXPECT(!there(SIXTY "0005.0123456789abcdef.new") && there(SIXTY "0006.0123456789abcdef.new"));
    EXPECT_EQUAL(entries(cache()), 6);
    options.cache_bytes_max--; // one byte less, and the next goes
    EXPECT_EQUAL(answer_with(options, source_of(3)), 3);
    EXPECT(!there(SIXTY "0003.so"));
    EXPECT_EQUAL(entries(cache()), 6);
    // What is larger than all of it is not kept, and nothing goes for it.
    options.cache_bytes_max = (uint64_t)about.st_size - 1;
    EXPECT_EQUAL(answer_with(options, source_of(4)), 4);
    EXPECT_EQUAL(kept, TT_COMPILE_NOT_KEPT);
    EXPECT(told("larger than the whole cache may be"));
    EXPECT_EQUAL(entries(cache()), 6);
    options.cache_bytes_max++;
    EXPECT_EQUAL(answer_with(options, source_of(4)), 4);
    EXPECT_EQUAL(kept, TT_COMPILE_KEPT);
    EXPECT_EQUAL(entries(cache()), 3);
    // Many: not one pass for each.
    for (unsigned i = 0; i < 1000; i++) {
        char name[100];
        snprintf(name, sizeof(name), SIXTY "%04x.so", i);
        put(name, 5000 - (long)i, 1000);
    }
    options.cache_bytes_max = 100000;
    EXPECT_EQUAL(answer_with(options, source_of(5)), 5);
    unsigned left = entries(cache()) - 2; // without those that are not ours
    EXPECT(left > 60 && left < 100);
    EXPECT(there(SIXTY "03e7.so") && !there(SIXTY "0300.so"));
}

// ---- many at once

static void ten_at_once(void)
{
    fflush(stdout);
    pid_t child[10];
    int go[2];
    REQUIRE(pipe(go) == 0);
    for (unsigned i = 0; i < 10; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            char byte;
            close(go[1]);
            test_failures = 0;
            (void)!read(go[0], &byte, 1); // until the pipe's other end is closed
            tt_compiled *compiled = NULL;
            tt_compile_options options = {.timeout_ms = 60000, .kept = &kept};
            const char *source = source_of(77);
            EXPECT_EQUAL(tt_compile_c(&options, source, strlen(source), &compiled, NULL), TT_OK);
            EXPECT_EQUAL(((int (*)(void))(uintptr_t)tt_compiled_find(compiled, "answer"))(), 77);
            EXPECT(kept == TT_COMPILE_KEPT || kept == TT_COMPILE_FOUND);
            tt_compiled_free(compiled);
            fflush(stdout);
            _exit(test_failures > 0);
        }
    }
    close(go[0]), close(go[1]);
    for (unsigned i = 0; i < 10; i++) {
        int status = -1;
        REQUIRE(waitpid(child[i], &status, 0) == child[i]);
        EXPECT_EQUAL(status, 0);
    }
    EXPECT_EQUAL(entries(cache()), 1);
    EXPECT_EQUAL(entries(in_root("tmp")), 0);
    expect(77, TT_COMPILE_FOUND, 1);
}

static void test_ten(void)
{
    take_time();
    ten_at_once();
    overwrite(only_file(), 100, 1);
    ten_at_once();
}

int main(void)
{
    void (*const checks[])(void) = {
        test_found,        test_damaged,
        test_no_home,      test_folders,
        check_read_only,   test_read_only_disk,
        test_full_cache,   test_full_temporary,
        test_no_execution, test_no_proc,
        test_no_temporary, test_limit_of_files,
        test_limit,        test_ten,
    };
    if (system("gcc --version >/dev/null 2>&1") != 0) {
        printf("skipped: there is no gcc\n");
        return TEST_SKIPPED;
    }
    set_up();
    save_time();
    for (unsigned i = 0; i < TT_COUNT(checks); i++) {
        apart(checks[i], 0);
        empty_cache();
    }
    return test_result();
}
