// Capture files: pcap's 24-byte header, then a 16-byte header and the bytes of each frame, all in
// the machine's byte order, which the magic number tells (draft-ietf-opsawg-pcap).

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/switch/capture.h"

#define PCAP_MAGIC_NANOSECONDS 0xa1b23c4du
#define PCAP_SNAP_LENGTH 65535
#define PCAP_ETHERNET 1

struct tt_capture {
    FILE *file;
};

static void stop(tt_capture *capture)
{
    fprintf(stderr, "the capture ends here, its file cannot be written: %s\n", strerror(errno));
    fclose(capture->file);
    capture->file = NULL;
}

tt_status tt_capture_open(tt_capture **opened, const char *path)
{
    tt_capture *capture = malloc(sizeof(*capture));
    if (capture == NULL)
        return TT_FULL;
    capture->file = fopen(path, "wb");
    if (capture->file == NULL) {
        free(capture);
        return TT_IO;
    }
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, snap_length, link;
    } header = {PCAP_MAGIC_NANOSECONDS, 2, 4, 0, 0, PCAP_SNAP_LENGTH, PCAP_ETHERNET};
    if (fwrite(&header, sizeof(header), 1, capture->file) != 1 || fflush(capture->file) != 0)
        stop(capture);
    *opened = capture;
    return TT_OK;
}

void tt_capture_close(tt_capture *capture)
{
    if (capture == NULL)
        return;
    if (capture->file != NULL)
        fclose(capture->file);
    free(capture);
}

void tt_capture_frame(tt_capture *capture, const void *frame, size_t length)
{
    if (capture->file == NULL)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t header[4] = {(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, (uint32_t)length,
                          (uint32_t)length};
    if (fwrite(header, sizeof(header), 1, capture->file) != 1 ||
        fwrite(frame, 1, length, capture->file) != length || fflush(capture->file) != 0)
        stop(capture);
}
