// Files written whole or not at all: what is replaced, what stays, what is refused.

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/file.h"
#include "tests/test.h"

static char folder[] = "/tmp/tutti-out-XXXXXX"; // the working directory of all that follows

static void make(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    REQUIRE(chmod(path, mode) == 0);
}

static const char *content(const char *path)
{
    static char text[64];
    FILE *file = fopen(path, "r");
    size_t length = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[length] = '\0';
    if (file != NULL)
        fclose(file);
    return file != NULL ? text : "(no file)";
}

// What was done to make it last, in its order. The linker puts these in front of the real ones.
static char done[128];
static ino_t synced;
static int next_fsync_fails; // with this errno; 0: it does not

int __real_fsync(int file);
int __wrap_fsync(int file);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

static void note(const char *what)
{
    strncat(done, what, sizeof(done) - 1 - strlen(done));
}

int __wrap_fsync(int file)
{
    struct stat found;
    REQUIRE(fstat(file, &found) == 0);
    note(S_ISDIR(found.st_mode) ? "folder " : found.st_size == 3 ? "file " : "part of a file ");
    if (S_ISREG(found.st_mode))
        synced = found.st_ino;
    errno = next_fsync_fails;
    next_fsync_fails = 0;
    return errno != 0 ? -1 : __real_fsync(file);
}

int __wrap_rename(const char *from, const char *to)
{
    note("rename ");
    return __real_rename(from, to);
}

static struct stat about(const char *path)
{
    struct stat found = {0};
    EXPECT(lstat(path, &found) == 0);
    return found;
}

static tt_exit write_new(const char *path)
{
    return tt_file_write("test", path, "new", 3);
}

// Whether the folder holds a temporary file.
static bool littered(void)
{
    return system("ls -A | grep -q '^\\.tutti-'") == 0;
}

static void test_replaces(void)
{
    mode_t mask = umask(027);
    EXPECT_EQUAL(write_new("fresh"), TT_EXIT_OK);
    EXPECT_TEXT(content("fresh"), "new");
    EXPECT_EQUAL(about("fresh").st_mode & 07777, 0640);
    umask(mask);
    make("old", "a longer old text", 0604);
    EXPECT_EQUAL(write_new("old"), TT_EXIT_OK);
    EXPECT_TEXT(content("old"), "new");
    EXPECT_EQUAL(about("old").st_mode & 07777, 0604);
    if (geteuid() == 0) { // the owner stays, too
        make("theirs", "old", 0644);
        REQUIRE(chown("theirs", 12345, 23456) == 0);
        EXPECT_EQUAL(write_new("theirs"), TT_EXIT_OK);
        EXPECT_EQUAL(about("theirs").st_uid, 12345);
        EXPECT_EQUAL(about("theirs").st_gid, 23456);
    }
}

static void test_links(void)
{
    REQUIRE(mkdir("far", 0777) == 0);
    make("far/file", "old", 0600);
    REQUIRE(symlink("far/file", "link") == 0 && symlink("link", "link-to-link") == 0);
    EXPECT_EQUAL(write_new("link-to-link"), TT_EXIT_OK);
    EXPECT_TEXT(content("far/file"), "new");
    EXPECT_EQUAL(about("far/file").st_mode & 07777, 0600);
    EXPECT(S_ISLNK(about("link").st_mode) && S_ISLNK(about("link-to-link").st_mode));
    // One that leads to nothing yet: the file is made where it leads to.
    REQUIRE(symlink("not-yet", "far/dangling") == 0);
    EXPECT_EQUAL(write_new("far/dangling"), TT_EXIT_OK);
    EXPECT_TEXT(content("far/not-yet"), "new");
    EXPECT(S_ISLNK(about("far/dangling").st_mode));
    REQUIRE(symlink("round", "round") == 0);
    EXPECT_EQUAL(write_new("round"), TT_EXIT_FAILED);
    // A hard link keeps the old content.
    make("first", "old", 0644);
    REQUIRE(link("first", "second") == 0);
    EXPECT_EQUAL(write_new("first"), TT_EXIT_OK);
    EXPECT_TEXT(content("second"), "old");
}

// Both by trying and by writing, and nothing changes.
static void expect_refused(const char *path)
{
    struct stat before = {0}, after = {0};
    int there = lstat(path, &before);
    EXPECT_EQUAL(tt_file_try("test", path), TT_EXIT_FAILED);
    EXPECT_EQUAL(write_new(path), TT_EXIT_FAILED);
    EXPECT_EQUAL(lstat(path, &after), there);
    EXPECT(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
}

static void test_refuses(void)
{
    REQUIRE(mkfifo("pipe", 0666) == 0 && mkdir("dir", 0777) == 0);
    REQUIRE(symlink("pipe", "link-to-pipe") == 0 && symlink("/dev/full", "link-to-full") == 0);
    static const char *const wrong[] = {
        "",
        "-",
        "pipe",
        "dir",
        "dir/",
        "dir/.",
        "link-to-pipe",
        "link-to-full",
        "/dev/full",
        "/dev/null",
        "none/file",
        "fresh/file",
        "nothing/",
        "/proc/version",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect_refused(wrong[i]);
    // What one's own output goes to: replaced, it would be lost.
    int saved = dup(STDOUT_FILENO);
    fflush(stdout);
    REQUIRE(saved >= 0 && freopen("output", "w", stdout) != NULL);
    tt_exit by_name = tt_file_try("test", "output"), by_device = tt_file_try("test", "/dev/stdout");
    fflush(stdout);
    REQUIRE(dup2(saved, STDOUT_FILENO) >= 0);
    EXPECT_EQUAL(by_name, TT_EXIT_FAILED);
    EXPECT_EQUAL(by_device, TT_EXIT_FAILED);
}

// Names of one file, there or not, by whatever way; and of two.
static void test_apart(void)
{
    make("one", "old", 0644);
    make("two", "old", 0644);
    REQUIRE(symlink("one", "to-one") == 0 && symlink("new", "to-new") == 0);
    static const char *const same[][2] = {
        {"one", "one"}, {"one", "./one"},      {"one", "to-one"},
        {"new", "new"}, {"new", "far/../new"}, {"to-new", "new"},
    };
    static const char *const apart[][2] = {
        {"one", "two"},
        {"one", "new"},
        {"new", "one"},
        {"new", "far/new"},
        {"new", "newer"},
        {"none/new", "none/new"}, // the folder is not there: that is said when it is tried
        {NULL, "one"},
        {"one", NULL},
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        EXPECT_EQUAL(tt_file_expect_apart("test", same[i][0], same[i][1]), TT_EXIT_USAGE);
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
        EXPECT_EQUAL(tt_file_expect_apart("test", apart[i][0], apart[i][1]), TT_EXIT_OK);
}

// A file that another one is mounted on, which only root can make.
static void test_mount_point(void)
{
    make("mounted", "old", 0644);
    make("below", "below", 0644);
    char path[64];
    snprintf(path, sizeof(path), "%s/mounted", folder);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("below", path, NULL, MS_BIND, NULL) != 0)
            _exit(77);
        _exit(tt_file_try("test", path) != TT_EXIT_FAILED ||
                      tt_file_try("test", "below") != TT_EXIT_OK
                  ? 1
                  : 0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        printf("a mount point was not tried: that needs root\n");
    else
        EXPECT_EQUAL(WEXITSTATUS(status), 0);
}

// As somebody without rights, in a process of his own, since root may write everywhere.
static void test_rights(void)
{
    make("read-only", "old", 0444);
    REQUIRE(chmod(folder, 0777) == 0 && mkdir("closed", 0755) == 0);
    make("closed/file", "old", 0666);
    REQUIRE(mkdir("shared", 0777) == 0 && chmod("shared", 01777) == 0);
    make("shared/file", "old", 0666);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        bool mine = access("closed", W_OK) == 0; // an ordinary user made it himself
        if (tt_file_try("test", "read-only") != TT_EXIT_FAILED ||
            write_new("read-only") != TT_EXIT_FAILED)
            _exit(1);
        if (!mine && (tt_file_try("test", "closed/file") != TT_EXIT_FAILED ||
                      tt_file_try("test", "shared/file") != TT_EXIT_FAILED))
            _exit(2);
        _exit(tt_file_try("test", "shared/new") != TT_EXIT_OK ? 3 : 0);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    EXPECT_EQUAL(status, 0);
    EXPECT_TEXT(content("read-only"), "old");
}

// A disk that takes 4 KiB and no more, and a caller that gives up.
static void test_failed_writes(void)
{
    static const char much[100000];
    make("kept", "old", 0644);
    struct rlimit limit, little;
    REQUIRE(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    little = limit;
    little.rlim_cur = 4096;
    fflush(stdout);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
    tt_exit large = tt_file_write("test", "kept", much, sizeof(much));
    tt_exit new_one = tt_file_write("test", "never", much, sizeof(much));
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    EXPECT_EQUAL(large, TT_EXIT_FAILED);
    EXPECT_EQUAL(new_one, TT_EXIT_FAILED);
    EXPECT_TEXT(content("kept"), "old");
    EXPECT_TEXT(content("never"), "(no file)");
    tt_file_out out;
    REQUIRE(tt_file_begin(&out, "test", "kept") == TT_EXIT_OK);
    fputs("half", out.stream);
    EXPECT_TEXT(content("kept"), "old");
    tt_file_abandon(&out);
    EXPECT_TEXT(content("kept"), "old");
    EXPECT_EQUAL(tt_file_try("test", "kept"), TT_EXIT_OK);
    EXPECT_EQUAL(tt_file_try("test", "never"), TT_EXIT_OK);
    EXPECT_TEXT(content("never"), "(no file)");
    // The place is lost between the beginning and the end.
    REQUIRE(mkdir("moving", 0777) == 0 && tt_file_begin(&out, "test", "moving/x") == TT_EXIT_OK);
    REQUIRE(mkdir("moving/x", 0777) == 0);
    EXPECT_EQUAL(tt_file_commit(&out), TT_EXIT_FAILED);
    EXPECT(rmdir("moving/x") == 0 && rmdir("moving") == 0); // and nothing lies in it
}

// The content is on the disk before the name leads to it, and the name before success is told: a
// power cut at any moment leaves the old file or the new one.
static void test_lasts(void)
{
    make("lasting", "old", 0644);
    done[0] = '\0';
    EXPECT_EQUAL(write_new("lasting"), TT_EXIT_OK);
    EXPECT_TEXT(done, "file rename folder ");
    EXPECT(about("lasting").st_ino == synced);
    make("lasting", "old", 0644);
    done[0] = '\0';
    next_fsync_fails = EIO;
    EXPECT_EQUAL(write_new("lasting"), TT_EXIT_FAILED);
    EXPECT_TEXT(done, "file ");
    EXPECT_TEXT(content("lasting"), "old");
}

static void test_kept(void)
{
    done[0] = '\0';
    EXPECT(tt_file_keep("kept", "new", 3));
    EXPECT_TEXT(done, "file rename folder ");
    EXPECT_EQUAL(about("kept").st_mode & 07777, 0600);
    next_fsync_fails = ENOSPC;
    EXPECT(!tt_file_keep("kept", "two", 3) && errno == ENOSPC);
    next_fsync_fails = ENOSPC;
    EXPECT(!tt_file_keep("never", "two", 3) && access("never", F_OK) != 0);
    EXPECT(!tt_file_keep("nowhere/kept", "two", 3) && errno == ENOENT);
    EXPECT_TEXT(content("kept"), "new");
}

int main(void)
{
    REQUIRE(mkdtemp(folder) != NULL && chdir(folder) == 0);
    test_replaces();
    test_links();
    test_refuses();
    test_apart();
    test_mount_point();
    test_rights();
    test_failed_writes();
    test_lasts();
    test_kept();
    EXPECT(!littered());
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    EXPECT_EQUAL(system(command), 0);
    return test_result();
}
