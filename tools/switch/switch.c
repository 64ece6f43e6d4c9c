// The user-space Ethernet switch: ports, learning, forwarding, bounded queues, counters, faults
// (see switch.h).
//
// A port reads into one buffer that holds at least one whole frame and writes from a ring of whole
// frames. Nothing waits for a slow station: its ring fills, and what comes then is dropped and
// counted, as a real switch does. Hostile lengths close the port, because after one the stream has
// no meaning.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tools/switch/capture.h"
#include "tools/switch/switch.h"
#include "tutti/check.h"
#include "tutti/random.h"

#define HEADER 4     // bytes of the length before each frame
#define FRAME_MIN 14 // two addresses and a type
#define INPUT_MAX (16 * 1024)
#define EVENTS_MAX 16
#define LISTENER TT_SWITCH_PORTS_MAX // the listening socket's number among the events

typedef struct frame {
    uint32_t length;                             // of bytes, the header included
    uint8_t bytes[HEADER + TT_SWITCH_FRAME_MAX]; // as they go over the wire
} frame;

typedef struct port {
    int descriptor; // -1: free
    bool used;      // was connected at some time
    bool cut;       // partitioned
    bool waiting;   // for the socket to take more
    tt_switch_port shown;
    uint8_t input[INPUT_MAX];
    size_t input_length;
    frame *queue; // a ring of TT_SWITCH_QUEUE_MAX
    size_t queue_first, queue_count;
    size_t sent; // bytes of the first frame that are out already
} port;

typedef struct station {
    uint8_t address[6];
    unsigned port;
    bool used;
} station;

struct tt_switch {
    int events; // epoll
    int listener;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    port ports[TT_SWITCH_PORTS_MAX];
    station stations[TT_SWITCH_STATIONS_MAX];
    unsigned station_next; // which to forget when the table is full
    uint64_t dropped_queue_full;
    tt_capture *capture;
    unsigned drop_percent;
    tt_random random;
};

static tt_status fill_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return TT_TOO_LARGE;
    memcpy(address->sun_path, path, strlen(path) + 1);
    return TT_OK;
}

// A socket file that nobody answers on is left over from a program that was killed.
static tt_status remove_stale(const struct sockaddr_un *address)
{
    struct stat entry;
    if (lstat(address->sun_path, &entry) != 0)
        return TT_OK;
    if (!S_ISSOCK(entry.st_mode))
        return TT_BUSY;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return TT_IO;
    bool stale = connect(probe, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                 errno == ECONNREFUSED;
    close(probe);
    if (!stale) // somebody's, even where it is no switch
        return TT_BUSY;
    return unlink(address->sun_path) == 0 ? TT_OK : TT_IO;
}

static bool watch(tt_switch *s, int operation, int descriptor, unsigned number, bool writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.u32 = number};
    return epoll_ctl(s->events, operation, descriptor, &event) == 0;
}

tt_status tt_switch_open(tt_switch **opened, const char *path)
{
    struct sockaddr_un address;
    tt_status status = fill_address(&address, path);
    if (status == TT_OK)
        status = remove_stale(&address);
    if (status != TT_OK)
        return status;
    tt_switch *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return TT_FULL;
    for (unsigned i = 0; i < TT_SWITCH_PORTS_MAX; i++)
        s->ports[i].descriptor = -1;
    s->events = epoll_create1(EPOLL_CLOEXEC);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->events < 0 || s->listener < 0 ||
        bind(s->listener, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        tt_switch_close(s); // the path is not ours to remove: it is still empty
        return TT_IO;
    }
    memcpy(s->path, address.sun_path, sizeof(s->path));
    if (listen(s->listener, TT_SWITCH_PORTS_MAX) != 0 ||
        !watch(s, EPOLL_CTL_ADD, s->listener, LISTENER, false)) {
        tt_switch_close(s);
        return TT_IO;
    }
    *opened = s;
    return TT_OK;
}

static void close_port(tt_switch *s, port *p)
{
    unsigned number = (unsigned)(p - s->ports);
    close(p->descriptor); // which also ends the watching
    p->descriptor = -1;
    p->shown.connected = false;
    p->queue_count = 0;
    for (unsigned i = 0; i < TT_SWITCH_STATIONS_MAX; i++)
        if (s->stations[i].port == number)
            s->stations[i].used = false;
}

void tt_switch_close(tt_switch *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < TT_SWITCH_PORTS_MAX; i++) {
        if (s->ports[i].descriptor >= 0)
            close_port(s, &s->ports[i]);
        free(s->ports[i].queue);
    }
    tt_capture_close(s->capture);
    if (s->listener >= 0)
        close(s->listener);
    if (s->events >= 0)
        close(s->events);
    if (s->path[0] != '\0')
        unlink(s->path);
    free(s);
}

// Makes a port of a connected socket; false, and the socket is closed, where there is no room.
static bool add_port(tt_switch *s, int descriptor)
{
    for (unsigned i = 0; i < TT_SWITCH_PORTS_MAX; i++) {
        port *p = &s->ports[i];
        if (p->descriptor >= 0)
            continue;
        if (p->queue == NULL)
            p->queue = malloc(TT_SWITCH_QUEUE_MAX * sizeof(*p->queue));
        if (p->queue == NULL || !watch(s, EPOLL_CTL_ADD, descriptor, i, false))
            break;
        p->descriptor = descriptor;
        p->used = true;
        p->cut = p->waiting = false;
        p->input_length = p->queue_count = p->queue_first = p->sent = 0;
        p->shown = (tt_switch_port){.connected = true};
        return true;
    }
    close(descriptor);
    return false;
}

int tt_switch_connect(tt_switch *s)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    if (!add_port(s, pair[0])) {
        close(pair[1]);
        return -1;
    }
    return pair[1];
}

static void accept_ports(tt_switch *s)
{
    for (;;) {
        int descriptor = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0)
            return;
        add_port(s, descriptor);
    }
}

// Writes what the socket takes, and asks to be told when it takes more.
static void flush(tt_switch *s, port *p)
{
    while (p->queue_count > 0) {
        const frame *first = &p->queue[p->queue_first];
        ssize_t written = send(p->descriptor, first->bytes + p->sent, first->length - p->sent,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            p->queue_count = 0; // the station is gone; its port closes when that is read
        if (written <= 0)
            break;
        p->sent += (size_t)written;
        if (p->sent < first->length)
            continue;
        p->shown.counters.frames_out++;
        p->shown.counters.bytes_out += first->length - HEADER;
        p->sent = 0;
        p->queue_first = (p->queue_first + 1) % TT_SWITCH_QUEUE_MAX;
        p->queue_count--;
    }
    bool waiting = p->queue_count > 0;
    if (waiting != p->waiting) {
        p->waiting = waiting;
        watch(s, EPOLL_CTL_MOD, p->descriptor, (unsigned)(p - s->ports), waiting);
    }
}

// Queues one frame, header included, for a port.
static void deliver(tt_switch *s, port *p, const uint8_t *bytes, size_t length)
{
    bool lost = s->drop_percent > 0 && tt_random_below(&s->random, 100) < s->drop_percent;
    if (p->cut || lost) {
        p->shown.counters.dropped_fault++;
        return;
    }
    if (p->queue_count == TT_SWITCH_QUEUE_MAX) {
        p->shown.counters.dropped_queue_full++;
        s->dropped_queue_full++;
        return;
    }
    frame *last = &p->queue[(p->queue_first + p->queue_count++) % TT_SWITCH_QUEUE_MAX];
    last->length = (uint32_t)length;
    memcpy(last->bytes, bytes, length);
    flush(s, p);
}

static station *find_station(tt_switch *s, const uint8_t *address)
{
    for (unsigned i = 0; i < TT_SWITCH_STATIONS_MAX; i++)
        if (s->stations[i].used && memcmp(s->stations[i].address, address, 6) == 0)
            return &s->stations[i];
    return NULL;
}

static void learn(tt_switch *s, port *from, const uint8_t *address)
{
    if (address[0] & 1) // a group never sends
        return;
    memcpy(from->shown.station, address, 6);
    station *known = find_station(s, address);
    for (unsigned i = 0; known == NULL && i < TT_SWITCH_STATIONS_MAX; i++)
        if (!s->stations[i].used)
            known = &s->stations[i];
    if (known == NULL) // a station that invents addresses pushes out the others, no more
        known = &s->stations[s->station_next++ % TT_SWITCH_STATIONS_MAX];
    known->used = true;
    known->port = (unsigned)(from - s->ports);
    memcpy(known->address, address, 6);
}

static void forward(tt_switch *s, port *from, const uint8_t *bytes, size_t length)
{
    const uint8_t *destination = bytes + HEADER, *source = bytes + HEADER + 6;
    from->shown.counters.frames_in++;
    from->shown.counters.bytes_in += length - HEADER;
    if (from->cut) {
        from->shown.counters.dropped_fault++;
        return;
    }
    learn(s, from, source);
    if (s->capture != NULL)
        tt_capture_frame(s->capture, bytes + HEADER, length - HEADER);

    const station *to = destination[0] & 1 ? NULL : find_station(s, destination);
    if (to != NULL) {
        if (&s->ports[to->port] != from)
            deliver(s, &s->ports[to->port], bytes, length);
        return;
    }
    for (unsigned i = 0; i < TT_SWITCH_PORTS_MAX; i++)
        if (s->ports[i].descriptor >= 0 && &s->ports[i] != from)
            deliver(s, &s->ports[i], bytes, length);
}

// Forwards the whole frames of the input; false where a length cannot be right.
static bool forward_input(tt_switch *s, port *p, unsigned *frames)
{
    size_t taken = 0;
    while (p->input_length - taken >= HEADER) {
        const uint8_t *at = p->input + taken;
        uint32_t length =
            (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        if (length < FRAME_MIN || length > TT_SWITCH_FRAME_MAX)
            return false;
        if (p->input_length - taken < HEADER + length)
            break;
        forward(s, p, at, HEADER + length);
        taken += HEADER + length;
        ++*frames;
    }
    p->input_length -= taken;
    memmove(p->input, p->input + taken, p->input_length);
    return true;
}

// One read a turn: a station that floods does not keep the others waiting.
static void read_port(tt_switch *s, port *p, unsigned *frames)
{
    ssize_t got =
        recv(p->descriptor, p->input + p->input_length, INPUT_MAX - p->input_length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got > 0)
        p->input_length += (size_t)got;
    if (got <= 0 || !forward_input(s, p, frames))
        close_port(s, p);
}

static tt_time clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return TT_SECONDS(now.tv_sec) + now.tv_nsec;
}

// Milliseconds for epoll_wait, rounded up so that it never spins.
static int left_ms(tt_time deadline, tt_time now)
{
    if (deadline == TT_FOREVER)
        return -1;
    tt_time left = deadline - now;
    return left <= 0                 ? 0
           : left > TT_SECONDS(1000) ? 1000000
                                     : (int)((left + TT_MS(1) - 1) / TT_MS(1));
}

unsigned tt_switch_poll(tt_switch *s, tt_time timeout)
{
    struct epoll_event events[EVENTS_MAX];
    unsigned frames = 0;
    tt_time deadline = tt_after(clock_now(), timeout);
    int count = epoll_wait(s->events, events, EVENTS_MAX, left_ms(deadline, clock_now()));
    for (int i = 0; i < count; i++) {
        unsigned number = events[i].data.u32;
        if (number == LISTENER) {
            accept_ports(s);
            continue;
        }
        port *p = &s->ports[number];
        if (p->descriptor >= 0 && (events[i].events & EPOLLOUT))
            flush(s, p);
        if (p->descriptor >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            read_port(s, p, &frames);
    }
    return frames;
}

int tt_switch_descriptor(const tt_switch *s)
{
    return s->events; // an epoll descriptor is itself readable when something waits
}

tt_status tt_switch_capture(tt_switch *s, const char *path)
{
    tt_status status = tt_capture_close(s->capture);
    s->capture = NULL;
    return path == NULL ? status : tt_capture_open(&s->capture, path);
}

uint64_t tt_switch_dropped(const tt_switch *s)
{
    return s->dropped_queue_full;
}

bool tt_switch_port_get(const tt_switch *s, unsigned number, tt_switch_port *out)
{
    if (number >= TT_SWITCH_PORTS_MAX || !s->ports[number].used)
        return false;
    *out = s->ports[number].shown;
    return true;
}

void tt_switch_drop(tt_switch *s, unsigned percent, uint64_t seed)
{
    s->drop_percent = percent;
    tt_random_seed(&s->random, seed);
}

void tt_switch_partition(tt_switch *s, unsigned number, bool cut)
{
    TT_CHECK(number < TT_SWITCH_PORTS_MAX);
    s->ports[number].cut = cut;
}
