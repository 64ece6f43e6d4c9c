// Capture files: pcap's 24-byte header, then a 16-byte header and the bytes of each frame, all in
// the machine's byte order, which the magic number tells (draft-ietf-opsawg-pcap).

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tools/switch/capture.h"

#define PCAP_MAGIC_NANOSECONDS 0xa1b23c4du
#define PCAP_SNAP_LENGTH 65535
#define PCAP_ETHERNET 1

struct tt_capture {
    int file;    // -1: it failed, which was said
    off_t whole; // bytes of it that are whole frames
    char path[]; // for that sentence
};

// Ends the capture behind its last whole frame, so that what was captured can be read.
static void stop(tt_capture *capture, int reason)
{
    fprintf(stderr, "the capture ends here, %s cannot be written: %s\n", capture->path,
            strerror(reason));
    if (ftruncate(capture->file, capture->whole) != 0)
        fprintf(stderr, "%s ends with a part of a frame: %s\n", capture->path, strerror(errno));
    close(capture->file);
    capture->file = -1;
}

static void append(tt_capture *capture, struct iovec *pieces, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += pieces[i].iov_len;
    ssize_t written;
    do
        written = writev(capture->file, pieces, count);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)length)
        capture->whole += written;
    else
        stop(capture, written < 0 ? errno : ENOSPC); // a regular file is cut short by nothing else
}

// Opens what is captured to: a new file or a regular one, whose content goes at once.
static tt_status open_file(const char *path, int *file)
{
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return TT_INVALID;
    *file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    return *file >= 0 ? TT_OK : TT_IO;
}

tt_status tt_capture_open(tt_capture **opened, const char *path)
{
    tt_capture *capture = malloc(sizeof(*capture) + strlen(path) + 1);
    if (capture == NULL)
        return TT_FULL;
    capture->whole = 0;
    strcpy(capture->path, path);
    tt_status status = open_file(path, &capture->file);
    if (status != TT_OK) {
        free(capture);
        return status;
    }
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, snap_length, link;
    } header = {PCAP_MAGIC_NANOSECONDS, 2, 4, 0, 0, PCAP_SNAP_LENGTH, PCAP_ETHERNET};
    append(capture, &(struct iovec){&header, sizeof(header)}, 1);
    *opened = capture;
    return TT_OK;
}

tt_status tt_capture_close(tt_capture *capture)
{
    if (capture == NULL)
        return TT_OK;
    if (capture->file >= 0 && close(capture->file) != 0) {
        fprintf(stderr, "the capture %s is not whole: %s\n", capture->path, strerror(errno));
        capture->file = -1;
    }
    tt_status status = capture->file >= 0 ? TT_OK : TT_IO;
    free(capture);
    return status;
}

void tt_capture_frame(tt_capture *capture, const void *frame, size_t length)
{
    if (capture->file < 0)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t header[4] = {(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, (uint32_t)length,
                          (uint32_t)length};
    struct iovec pieces[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)frame, length}};
    append(capture, pieces, 2);
}
