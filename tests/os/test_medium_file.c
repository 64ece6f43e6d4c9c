// The host's file as a medium: the contract with many geometries, over restarts, and everything
// that can be wrong with a file.

#define _GNU_SOURCE

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/os/medium_contract.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/medium_file.h"

static char folder[] = "/tmp/tutti-medium-XXXXXX";
static char path[64], other[64], sentence[512];
static tt_medium_file file;
static const tt_medium_file_geometry usual = {4, 512, 16, 0xff};

void medium_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static tt_status open_at(tt_medium_file *medium, const char *at, tt_medium_file_geometry geometry)
{
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    return tt_medium_file_open(medium, at, &geometry, &why);
}

static void expect_refused(tt_status expected, const char *says, const char *at,
                           tt_medium_file_geometry geometry)
{
    EXPECT_EQUAL(open_at(&file, at, geometry), expected);
    EXPECT(strstr(sentence, says) != NULL);
    if (strstr(sentence, says) == NULL)
        printf("it says: %s\n", sentence);
}

static long long size_of(const char *at)
{
    struct stat there;
    return stat(at, &there) == 0 ? there.st_size : -1;
}

static unsigned count_files(void)
{
    char command[128], line[16] = "";
    snprintf(command, sizeof(command), "ls -A %s | wc -l", folder);
    FILE *out = popen(command, "r");
    EXPECT(out != NULL && fgets(line, sizeof(line), out) != NULL);
    pclose(out);
    return (unsigned)atoi(line);
}

static void test_contract(void)
{
    static const tt_medium_file_geometry all[] = {
        {1, 512, 16, 0xff}, {4, 512, 16, 0xff}, {16, 512, 16, 0xff}, {1, 4096, 4, 0xff},
        {512, 4096, 64, 0}, {4, 768, 5, 0xff},  {64, 192, 9, 0x00},  {256, 4096, 256, 0xff},
    };
    for (unsigned i = 0; i < TT_COUNT(all); i++) {
        for (unsigned start = 1; start <= 3; start++) {
            tt_medium_file_geometry geometry = all[i];
            geometry.sectors = start == 3 ? 0 : geometry.sectors; // as many as there are
            EXPECT_EQUAL(open_at(&file, path, geometry), TT_OK);
            EXPECT_EQUAL(file.medium.sectors, all[i].sectors);
            medium_report report = medium_try(&file.medium);
            EXPECT_EQUAL(report.start, start);
            EXPECT(report.overwrites);
            if (report.broken != NULL)
                printf("geometry %u, start %u: %s\n", i, start, report.broken);
            EXPECT(report.broken == NULL);
            tt_medium_file_close(&file);
            EXPECT_EQUAL(report.told, 1); // of the one sync
        }
        EXPECT_EQUAL(size_of(path), (long long)all[i].sectors * all[i].sector_bytes);
        unlink(path);
    }
}

static void test_made_whole(void)
{
    uint8_t byte = 0;
    EXPECT_EQUAL(open_at(&file, path, usual), TT_OK);
    for (uint32_t at = 0; at < 8192; at++) {
        EXPECT_EQUAL(file.medium.operations->read(&file.medium, at, &byte, 1), TT_OK);
        EXPECT_EQUAL(byte, 0xff);
    }
    tt_medium_file_close(&file);
    EXPECT_EQUAL(count_files(), 1); // nothing beside it
    struct stat there;
    EXPECT(stat(path, &there) == 0 && (there.st_mode & 0777) == 0600);
}

static void test_refused(void)
{
    static const tt_medium_file_geometry none[] = {
        {0, 512, 16, 0xff}, {3, 512, 16, 0xff}, {1024, 4096, 4, 0xff},     {4, 510, 16, 0xff},
        {4, 0, 16, 0xff},   {4, 512, 1, 0xff},  {4, 1u << 20, 4096, 0xff}, {4, 512, 16, 0xaa},
    };
    unlink(path);
    for (unsigned i = 0; i < TT_COUNT(none); i++)
        expect_refused(TT_INVALID, "no medium of such sectors", path, none[i]);
    expect_refused(TT_NOT_FOUND, "No such file", "/tmp/tutti-is-not-there/a.img", usual);
    expect_refused(TT_NOT_FOUND, "No such file", path, (tt_medium_file_geometry){4, 512, 0, 0xff});
    expect_refused(TT_UNSUPPORTED, "found a folder", folder, usual);
    expect_refused(TT_UNSUPPORTED, "found what is none", "/dev/null", usual);
    EXPECT_EQUAL(count_files(), 0);

    FILE *made = fopen(path, "w");
    EXPECT(made != NULL && fputs("another build's", made) >= 0 && fclose(made) == 0);
    expect_refused(TT_UNSUPPORTED, "expected a medium of 8192 bytes, found 15", path, usual);
    expect_refused(TT_UNSUPPORTED, "expected a medium of 512-byte sectors, two at least, found 15",
                   path, (tt_medium_file_geometry){4, 512, 0, 0xff});
    EXPECT_EQUAL(size_of(path), 15); // as it was
    unlink(path);
    EXPECT(mkfifo(path, 0600) == 0);
    expect_refused(TT_UNSUPPORTED, "found what is none", path, usual);
    unlink(path);

    EXPECT_EQUAL(open_at(&file, path, usual), TT_OK);
    tt_medium_file second;
    EXPECT_EQUAL(open_at(&second, path, usual), TT_BUSY);
    EXPECT(strstr(sentence, "in use") != NULL);
    tt_medium_file_close(&file);
    EXPECT_EQUAL(open_at(&second, path, usual), TT_OK); // it was let go
    tt_medium_file_close(&second);
}

// Who may not write: as a stranger, since nothing stops the superuser.
static void test_read_only(void)
{
    EXPECT(chmod(path, 0444) == 0 && chmod(folder, 0755) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(3);
        tt_status status = open_at(&file, path, usual), made = open_at(&file, other, usual);
        _exit(status == TT_DENIED && made == TT_DENIED ? 0 : 1);
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(chmod(path, 0600) == 0);
}

static tt_status finish(tt_medium *medium)
{
    tt_status status;
    for (unsigned i = 0; (status = medium->operations->poll(medium)) == TT_BUSY && i < 5000; i++)
        medium_pause();
    return status;
}

static void expect_trouble(const char *says)
{
    const uint8_t bytes[4] = {1, 2, 3, 4};
    tt_medium *medium = &file.medium;
    EXPECT_EQUAL(medium->operations->program(medium, 512, bytes, 4), TT_IO);
    EXPECT_TEXT(file.trouble, says);
    file.trouble = NULL;
    EXPECT_EQUAL(medium->operations->erase(medium, 512), TT_IO);
    EXPECT_TEXT(file.trouble, says);
    file.trouble = NULL;
    EXPECT_EQUAL(medium->operations->sync(medium), TT_IO);
    EXPECT_TEXT(file.trouble, says);
    EXPECT_EQUAL(medium->operations->poll(medium), TT_OK); // nothing was begun
}

static void test_taken_away(void)
{
    uint8_t byte;
    EXPECT_EQUAL(open_at(&file, path, usual), TT_OK);
    EXPECT(truncate(path, 100) == 0);
    EXPECT_EQUAL(file.medium.operations->read(&file.medium, 96, &byte, 1), TT_OK);
    EXPECT_EQUAL(file.medium.operations->read(&file.medium, 100, &byte, 1), TT_IO);
    EXPECT_TEXT(file.trouble, "the file was cut short");
    expect_trouble("the file was cut short");
    EXPECT_EQUAL(size_of(path), 100);
    EXPECT(truncate(path, 8192) == 0); // it is back
    EXPECT_EQUAL(file.medium.operations->erase(&file.medium, 0), TT_OK);
    unlink(path);
    expect_trouble("the file was removed");
    tt_medium_file_close(&file);
}

// A disk that is full: a file that may not become larger than a limit.
static void test_full(void)
{
    struct rlimit before, less = {.rlim_cur = 4096};
    signal(SIGXFSZ, SIG_IGN);
    EXPECT(getrlimit(RLIMIT_FSIZE, &before) == 0);
    less.rlim_max = before.rlim_max;
    EXPECT(setrlimit(RLIMIT_FSIZE, &less) == 0);
    expect_refused(TT_FULL, "File too large", path, usual);
    EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    EXPECT_EQUAL(count_files(), 0); // no half of one
    EXPECT_EQUAL(open_at(&file, path, usual), TT_OK);
    EXPECT(setrlimit(RLIMIT_FSIZE, &less) == 0);
    const uint8_t bytes[512] = {0};
    EXPECT_EQUAL(file.medium.operations->program(&file.medium, 7680, bytes, 512), TT_OK);
    EXPECT_EQUAL(finish(&file.medium), TT_IO);
    EXPECT_TEXT(file.trouble, "the file may not be so large");
    EXPECT_EQUAL(file.medium.operations->erase(&file.medium, 7680), TT_OK);
    EXPECT_EQUAL(finish(&file.medium), TT_IO);
    EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    EXPECT_EQUAL(file.medium.operations->erase(&file.medium, 7680), TT_OK);
    EXPECT_EQUAL(finish(&file.medium), TT_OK); // there is room again
    tt_medium_file_close(&file);
}

static int told;

static void tell_by_descriptor(tt_medium_file *medium)
{
    uint64_t one = 1;
    (void)medium;
    if (write(told, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort(); // expectations are the other thread's
}

// Syncs go on in another thread, end, and are told of once each; closing waits for one.
static void test_syncs(void)
{
    EXPECT_EQUAL(open_at(&file, path, usual), TT_OK);
    told = eventfd(0, EFD_CLOEXEC);
    file.ended = tell_by_descriptor;
    for (unsigned i = 0; i < 50; i++) {
        uint64_t count = 0;
        struct pollfd wait = {.fd = told, .events = POLLIN};
        EXPECT_EQUAL(file.medium.operations->sync(&file.medium), TT_OK);
        EXPECT_EQUAL(poll(&wait, 1, 30000), 1);
        EXPECT_EQUAL(file.medium.operations->poll(&file.medium), TT_OK);
        EXPECT(read(told, &count, sizeof(count)) == (ssize_t)sizeof(count) && count == 1);
    }
    EXPECT_EQUAL(file.medium.operations->sync(&file.medium), TT_OK);
    tt_medium_file_close(&file);
    close(told);
}

int main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/a.img", folder);
    snprintf(other, sizeof(other), "%s/b.img", folder);
    test_contract();
    test_made_whole();
    test_refused();
    test_read_only();
    test_taken_away();
    test_full();
    test_syncs();
    unlink(path);
    EXPECT(rmdir(folder) == 0);
    return test_result();
}
