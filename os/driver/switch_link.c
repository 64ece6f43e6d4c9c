// An Ethernet driver whose wire is a unix stream socket: each frame is a 4-byte big-endian length
// and its bytes. It calls neither malloc nor stdio, and never waits: a frame that the socket takes
// in part is finished by a later call, and until then the next one is refused with TT_FULL.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/driver/switch_link.h"

#define HEADER 4
#define FRAME_LEAST 60  // bytes of the shortest frame on a wire, without its checksum
#define FRAME_MOST 1600 // what the switch passes on; over TT_FRAME_MAX is dropped
#define FRAME_HEADER 14 // addresses and type

// Whether a call that failed only asks to be made again later.
static bool later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// Writes what is left of the last frame.
static tt_status flush(tt_switch_link *link)
{
    while (link->output_start < link->output_end) {
        ssize_t written = send(link->descriptor, link->output + link->output_start,
                               link->output_end - link->output_start, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && later())
            return TT_FULL;
        if (written <= 0) {
            link->gone = true;
            return TT_IO;
        }
        link->output_start += (size_t)written;
    }
    return TT_OK;
}

static tt_status send_frame(tt_ethernet *ethernet, const void *frame, size_t length)
{
    tt_switch_link *link = (tt_switch_link *)ethernet;
    if (length > TT_FRAME_MAX)
        return TT_TOO_LARGE;
    if (link->gone)
        return TT_IO;
    tt_status status = flush(link);
    if (status != TT_OK) {
        ethernet->frames_dropped++;
        return status;
    }
    size_t padded = length < FRAME_LEAST ? FRAME_LEAST : length;
    memset(link->output, 0, HEADER + FRAME_LEAST);
    link->output[2] = (uint8_t)(padded >> 8);
    link->output[3] = (uint8_t)padded;
    memcpy(link->output + HEADER, frame, length);
    link->output_start = 0;
    link->output_end = HEADER + padded;
    ethernet->frames_sent++;
    return flush(link) == TT_IO ? TT_IO : TT_OK;
}

// Reads more into the input; false where nothing is there now.
static bool fill(tt_switch_link *link)
{
    memmove(link->input, link->input + link->input_start, link->input_end - link->input_start);
    link->input_end -= link->input_start;
    link->input_start = 0;
    ssize_t got = recv(link->descriptor, link->input + link->input_end,
                       sizeof(link->input) - link->input_end, MSG_DONTWAIT);
    if (got > 0)
        link->input_end += (size_t)got;
    else if (got == 0 || !later())
        link->gone = true;
    return got > 0;
}

static tt_status receive_frame(tt_ethernet *ethernet, void *frame, size_t capacity, size_t *length)
{
    tt_switch_link *link = (tt_switch_link *)ethernet;
    flush(link); // a frame that is half out must not wait for the next one to be sent
    for (;;) {
        const uint8_t *at = link->input + link->input_start;
        size_t there = link->input_end - link->input_start;
        size_t size = there < HEADER
                          ? 0
                          : (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        if (there >= HEADER && (size < FRAME_HEADER || size > FRAME_MOST)) {
            link->gone = true; // the stream has no meaning any more
            link->input_end = link->input_start;
        }
        if (there < HEADER || there < HEADER + size) {
            if (link->gone || !fill(link))
                return TT_EMPTY;
            continue;
        }
        link->input_start += HEADER + size;
        if (size > capacity) {
            ethernet->frames_dropped++;
            return TT_DAMAGED;
        }
        memcpy(frame, at + HEADER, size);
        *length = size;
        ethernet->frames_received++;
        return TT_OK;
    }
}

tt_status tt_switch_link_attach(tt_switch_link *link, int descriptor, const uint8_t mac[6])
{
    memset(link, 0, sizeof(*link)); // it is large: no second one on the stack
    link->ethernet.send = send_frame;
    link->ethernet.receive = receive_frame;
    link->descriptor = descriptor;
    memcpy(link->ethernet.mac, mac, 6);
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 ? TT_OK : TT_IO;
}

tt_status tt_switch_link_open(tt_switch_link *link, const char *path, const uint8_t mac[6])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return TT_TOO_LARGE;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return TT_IO;
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        tt_status status = errno == ENOENT || errno == ECONNREFUSED ? TT_NOT_FOUND : TT_IO;
        close(descriptor);
        return status;
    }
    return tt_switch_link_attach(link, descriptor, mac);
}
