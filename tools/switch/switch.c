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
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "os/driver/slip.h"
#include "tools/switch/capture.h"
#include "tools/switch/switch.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/random.h"

#define HEADER 4     // bytes of the length before each frame
#define FRAME_MIN 14 // two addresses and a type
#define INPUT_MAX (16 * 1024)
#define EVENTS_MAX 16
#define LISTENER TT_SWITCH_PORTS_MAX // the listening sockets' numbers among the events

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
    // Of a serial line.
    bool is_line, is_tty;
    tt_slip_reader reader;
    size_t line_length; // of the frame that comes, behind HEADER in `line_input`
    uint8_t line_input[HEADER + TT_SWITCH_FRAME_MAX + TT_SLIP_CHECKSUM];
    uint8_t
        line_output[TT_SLIP_ENCODED_MAX(TT_SWITCH_FRAME_MAX)]; // the first frame of the queue ...
    size_t line_output_length;                                 // ... once it is being sent
} port;

typedef struct station {
    uint8_t address[6];
    unsigned port;
    bool used;
} station;

struct tt_switch {
    int events;       // epoll
    int listeners[2]; // for stations, for serial lines; -1: none
    char paths[2][sizeof(((struct sockaddr_un *)0)->sun_path)];
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

static tt_status listen_at(tt_switch *s, unsigned which, const char *path)
{
    struct sockaddr_un address;
    tt_status status = fill_address(&address, path);
    if (status == TT_OK)
        status = remove_stale(&address);
    if (status != TT_OK)
        return status;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        if (listener >= 0)
            close(listener); // the path is not ours to remove
        return TT_IO;
    }
    s->listeners[which] = listener;
    memcpy(s->paths[which], address.sun_path, sizeof(s->paths[which]));
    bool listens = listen(listener, TT_SWITCH_PORTS_MAX) == 0 &&
                   watch(s, EPOLL_CTL_ADD, listener, LISTENER + which, false);
    return listens ? TT_OK : TT_IO;
}

tt_status tt_switch_open(tt_switch **opened, const char *path)
{
    tt_switch *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return TT_FULL;
    for (unsigned i = 0; i < TT_SWITCH_PORTS_MAX; i++)
        s->ports[i].descriptor = -1;
    s->listeners[0] = s->listeners[1] = -1;
    s->events = epoll_create1(EPOLL_CLOEXEC);
    tt_status status = s->events < 0 ? TT_IO : listen_at(s, 0, path);
    if (status == TT_OK)
        *opened = s;
    else
        tt_switch_close(s);
    return status;
}

tt_status tt_switch_listen_for_lines(tt_switch *s, const char *path)
{
    return s->listeners[1] >= 0 ? TT_INVALID : listen_at(s, 1, path);
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
    for (unsigned i = 0; i < TT_COUNT(s->listeners); i++) {
        if (s->listeners[i] >= 0)
            close(s->listeners[i]);
        if (s->paths[i][0] != '\0')
            unlink(s->paths[i]);
    }
    if (s->events >= 0)
        close(s->events);
    free(s);
}

// Makes a port of a connected socket or a tty; NULL, and it is closed, where there is no room.
static port *add_port(tt_switch *s, int descriptor)
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
        p->is_line = p->is_tty = false;
        return p;
    }
    close(descriptor);
    return NULL;
}

static port *add_line(tt_switch *s, int descriptor, bool is_tty)
{
    port *p = add_port(s, descriptor);
    if (p == NULL)
        return NULL;
    p->is_line = true;
    p->is_tty = is_tty;
    p->reader = (tt_slip_reader){0};
    p->line_length = p->line_output_length = 0;
    return p;
}

static bool find_speed(unsigned baud, speed_t *speed)
{
    static const struct {
        unsigned baud;
        speed_t speed;
    } speeds[] = {{9600, B9600},     {115200, B115200},   {230400, B230400},   {460800, B460800},
                  {921600, B921600}, {1000000, B1000000}, {2000000, B2000000}, {3000000, B3000000}};
    for (unsigned i = 0; i < TT_COUNT(speeds); i++) {
        *speed = speeds[i].speed;
        if (speeds[i].baud == baud)
            return true;
    }
    return false;
}

tt_status tt_switch_open_tty(tt_switch *s, const char *path, unsigned baud)
{
    speed_t speed;
    if (!find_speed(baud, &speed))
        return TT_INVALID;
    int tty = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (tty < 0)
        return TT_IO;
    struct termios settings;
    bool ready = tcgetattr(tty, &settings) == 0;
    if (ready) {
        cfmakeraw(&settings);
        settings.c_cflag |= CLOCAL | CREAD;
        ready = cfsetspeed(&settings, speed) == 0 && tcsetattr(tty, TCSANOW, &settings) == 0;
    }
    if (!ready) {
        close(tty);
        return TT_INVALID;
    }
    return add_line(s, tty, true) != NULL ? TT_OK : TT_FULL;
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
    if (add_port(s, pair[0]) == NULL) {
        close(pair[1]);
        return -1;
    }
    return pair[1];
}

static void accept_ports(tt_switch *s, unsigned which)
{
    for (;;) {
        int descriptor = accept4(s->listeners[which], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0)
            return;
        if (which == 0)
            add_port(s, descriptor);
        else
            add_line(s, descriptor, false);
    }
}

// The first frame of the queue as its port has it: a length and bytes, or a line's.
static const uint8_t *first_frame(port *p, size_t *length)
{
    const frame *first = &p->queue[p->queue_first];
    *length = first->length;
    if (!p->is_line)
        return first->bytes;
    if (p->line_output_length == 0)
        p->line_output_length =
            tt_slip_encode(first->bytes + HEADER, first->length - HEADER, p->line_output);
    *length = p->line_output_length;
    return p->line_output;
}

// Writes what the socket takes, and asks to be told when it takes more.
static void flush(tt_switch *s, port *p)
{
    while (p->queue_count > 0) {
        size_t length;
        const uint8_t *bytes = first_frame(p, &length) + p->sent;
        ssize_t written =
            p->is_tty ? write(p->descriptor, bytes, length - p->sent)
                      : send(p->descriptor, bytes, length - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            p->queue_count = 0; // the station is gone; its port closes when that is read
        if (written <= 0)
            break;
        p->sent += (size_t)written;
        if (p->sent < length)
            continue;
        p->shown.counters.frames_out++;
        p->shown.counters.bytes_out += p->queue[p->queue_first].length - HEADER;
        p->sent = p->line_output_length = 0;
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

// A frame of a line has ended. What has come is one, was damaged on the way, or is nothing: the
// noise between two frames.
static void end_line_frame(tt_switch *s, port *p, bool whole, unsigned *frames)
{
    const uint8_t *bytes = p->line_input + HEADER;
    size_t length = p->line_length;
    p->line_length = 0;
    if (whole && length == 0)
        return;
    if (!whole || length < FRAME_MIN + TT_SLIP_CHECKSUM ||
        tt_crc32(0, bytes, length) != TT_SLIP_RESIDUE) {
        p->shown.counters.dropped_damaged++;
        return;
    }
    length -= TT_SLIP_CHECKSUM;
    p->line_input[2] = (uint8_t)(length >> 8);
    p->line_input[3] = (uint8_t)length;
    forward(s, p, p->line_input, HEADER + length);
    ++*frames;
}

static void forward_line(tt_switch *s, port *p, unsigned *frames)
{
    for (size_t i = 0; i < p->input_length; i++) {
        uint8_t byte = p->input[i];
        tt_slip_event event = tt_slip_take(&p->reader, &byte);
        if (event == TT_SLIP_BYTE && HEADER + p->line_length == sizeof(p->line_input))
            tt_slip_lose(&p->reader);
        else if (event == TT_SLIP_BYTE)
            p->line_input[HEADER + p->line_length++] = byte;
        else if (event != TT_SLIP_NOTHING)
            end_line_frame(s, p, event == TT_SLIP_ENDED, frames);
    }
    p->input_length = 0;
}

// One read a turn: a station that floods does not keep the others waiting.
static void read_port(tt_switch *s, port *p, unsigned *frames)
{
    ssize_t got = read(p->descriptor, p->input + p->input_length, INPUT_MAX - p->input_length);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got > 0)
        p->input_length += (size_t)got;
    if (got > 0 && p->is_line)
        forward_line(s, p, frames);
    else if (got <= 0 || !forward_input(s, p, frames))
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
        if (number >= LISTENER) {
            accept_ports(s, number - LISTENER);
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
