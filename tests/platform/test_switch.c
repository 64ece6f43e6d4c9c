// The switch: learning, no echo, a bounded queue with counted drops, hostile lengths, faults that a
// seed repeats, ports that come and go, and a capture that a stranger could read.

#include <fcntl.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/test.h"
#include "tools/switch/switch.h"
#include "tutti/time.h"

#define FRAME 60

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t ann[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t bob[6] = {2, 0, 0, 0, 0, 0xb};

static tt_switch *ethernet;
static char folder[] = "/tmp/tutti-switch-XXXXXX";
static char path[64], capture[64];

static void turn(void)
{
    while (tt_switch_poll(ethernet, 0) > 0)
        ;
    tt_switch_poll(ethernet, 0);
}

static void send_frame(int station, const uint8_t *to, const uint8_t *from, uint8_t mark)
{
    uint8_t bytes[4 + FRAME] = {0, 0, 0, FRAME};
    memcpy(bytes + 4, to, 6);
    memcpy(bytes + 10, from, 6);
    bytes[16] = 0x88; // a local experimental type
    bytes[17] = 0xb5;
    bytes[18] = mark;
    REQUIRE(send(station, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes));
}

// How many frames wait at a station; the mark of the last goes out.
static int received(int station, uint8_t *mark)
{
    uint8_t bytes[4 + FRAME];
    int count = 0;
    while (recv(station, bytes, sizeof(bytes), MSG_DONTWAIT) == sizeof(bytes)) {
        count++;
        if (mark)
            *mark = bytes[18];
    }
    return count;
}

static bool closed(int station)
{
    uint8_t byte;
    return recv(station, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_learning(void)
{
    int a = tt_switch_connect(ethernet), b = tt_switch_connect(ethernet),
        c = tt_switch_connect(ethernet);
    uint8_t mark = 0;
    send_frame(a, everybody, ann, 1);
    turn();
    EXPECT_EQUAL(received(a, NULL), 0); // never back
    EXPECT_EQUAL(received(b, &mark), 1);
    EXPECT_EQUAL(received(c, NULL), 1);
    EXPECT_EQUAL(mark, 1);
    send_frame(b, ann, bob, 2); // known: to a alone
    turn();
    EXPECT_EQUAL(received(a, &mark), 1);
    EXPECT_EQUAL(mark, 2);
    EXPECT_EQUAL(received(c, NULL), 0);
    send_frame(a, bob, ann, 3);
    turn();
    EXPECT_EQUAL(received(b, NULL), 1);
    EXPECT_EQUAL(received(c, NULL), 0);
    send_frame(c, bob, ann, 4); // ann moved to c
    send_frame(c, ann, ann, 5); // to herself: nowhere
    turn();
    EXPECT_EQUAL(received(b, NULL), 1);
    send_frame(b, ann, bob, 6);
    turn();
    EXPECT_EQUAL(received(a, NULL), 0);
    EXPECT_EQUAL(received(c, NULL), 1);
    close(c); // and left: unknown again, so everybody hears
    turn();
    send_frame(b, ann, bob, 7);
    turn();
    EXPECT_EQUAL(received(a, NULL), 1);
    close(a);
    close(b);
    turn();
}

static void test_overload(void)
{
    int sender = tt_switch_connect(ethernet), slow = tt_switch_connect(ethernet),
        quick = tt_switch_connect(ethernet);
    int small = 4096;
    setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    enum { SENT = 20000 };
    int arrived = 0;
    for (int i = 0; i < SENT; i++) {
        send_frame(sender, everybody, ann, (uint8_t)i);
        if (i % 50 == 0) {
            turn();
            arrived += received(quick, NULL);
        }
    }
    turn();
    arrived += received(quick, NULL);
    EXPECT_EQUAL(arrived, SENT); // one who reads loses nothing by one who does not
    tt_switch_port port;
    REQUIRE(tt_switch_port_get(ethernet, 1, &port));
    EXPECT(port.counters.dropped_queue_full > 0);
    uint64_t lost = port.counters.dropped_queue_full;
    int late = 0;
    for (int i = 0; i < 1000; i++) {
        turn();
        late += received(slow, NULL);
    }
    EXPECT_EQUAL((uint64_t)late + lost, SENT); // whatever is missing was counted
    REQUIRE(tt_switch_port_get(ethernet, 1, &port));
    EXPECT_EQUAL(port.counters.frames_out, late);
    EXPECT_EQUAL(tt_switch_dropped(ethernet), lost);
    close(sender);
    close(slow);
    close(quick);
    turn();
    close(tt_switch_connect(ethernet)); // another station takes the port; the loss is not forgotten
    turn();
    EXPECT_EQUAL(tt_switch_dropped(ethernet), lost);
}

static void test_hostile(void)
{
    static const uint32_t lengths[] = {0, 1, 13, TT_SWITCH_FRAME_MAX + 1, 0x7fffffff, 0xffffffff};
    int good = tt_switch_connect(ethernet);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        int bad = tt_switch_connect(ethernet);
        uint8_t bytes[64] = {(uint8_t)(lengths[i] >> 24), (uint8_t)(lengths[i] >> 16),
                             (uint8_t)(lengths[i] >> 8), (uint8_t)lengths[i]};
        REQUIRE(send(bad, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes));
        turn();
        EXPECT(closed(bad));
        EXPECT_EQUAL(received(good, NULL), 0);
        close(bad);
    }
    // Byte by byte, and the largest frame that is allowed.
    int slow = tt_switch_connect(ethernet);
    static uint8_t large[4 + TT_SWITCH_FRAME_MAX] = {0, 0, TT_SWITCH_FRAME_MAX >> 8,
                                                     TT_SWITCH_FRAME_MAX & 0xff};
    memcpy(large + 4, everybody, 6);
    memcpy(large + 10, ann, 6);
    for (size_t i = 0; i < sizeof(large); i++) {
        REQUIRE(send(slow, large + i, 1, MSG_NOSIGNAL) == 1);
        if (i % 100 == 0)
            turn();
    }
    turn();
    static uint8_t got[sizeof(large) + 1];
    EXPECT_EQUAL(recv(good, got, sizeof(got), MSG_DONTWAIT), sizeof(large));
    EXPECT(memcmp(got, large, sizeof(large)) == 0);
    // One that leaves in the middle of a frame.
    REQUIRE(send(slow, large, 100, MSG_NOSIGNAL) == 100);
    close(slow);
    turn();
    EXPECT_EQUAL(received(good, NULL), 0);
    close(good);
    turn();
}

static uint64_t lost_with(uint64_t seed, uint8_t *pattern, int frames)
{
    int a = tt_switch_connect(ethernet), b = tt_switch_connect(ethernet);
    tt_switch_drop(ethernet, 30, seed);
    for (int i = 0; i < frames; i++) {
        send_frame(a, everybody, ann, (uint8_t)i);
        turn();
        pattern[i] = received(b, NULL) > 0;
    }
    tt_switch_drop(ethernet, 0, 0);
    tt_switch_port port;
    REQUIRE(tt_switch_port_get(ethernet, 1, &port));
    close(a);
    close(b);
    turn();
    return port.counters.dropped_fault;
}

static void test_faults(void)
{
    enum { FRAMES = 500 };
    static uint8_t first[FRAMES], again[FRAMES], other[FRAMES];
    uint64_t lost = lost_with(7, first, FRAMES);
    EXPECT(lost > FRAMES * 20 / 100 && lost < FRAMES * 40 / 100);
    EXPECT_EQUAL(lost_with(7, again, FRAMES), lost);
    EXPECT(memcmp(first, again, FRAMES) == 0);
    lost_with(8, other, FRAMES);
    EXPECT(memcmp(first, other, FRAMES) != 0);

    int a = tt_switch_connect(ethernet), b = tt_switch_connect(ethernet);
    tt_switch_partition(ethernet, 1, true);
    send_frame(a, everybody, ann, 1);
    send_frame(b, everybody, bob, 2);
    turn();
    EXPECT_EQUAL(received(a, NULL), 0);
    EXPECT_EQUAL(received(b, NULL), 0);
    tt_switch_partition(ethernet, 1, false);
    send_frame(a, everybody, ann, 3);
    turn();
    EXPECT_EQUAL(received(b, NULL), 1);
    close(a);
    close(b);
    turn();
}

static void test_sockets(void)
{
    tt_switch *second;
    EXPECT_EQUAL(tt_switch_open(&second, path), TT_BUSY);
    EXPECT_EQUAL(tt_switch_open(&second, folder), TT_BUSY); // not a socket: not ours to remove
    char long_path[200];
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    EXPECT_EQUAL(tt_switch_open(&second, long_path), TT_TOO_LARGE);
    EXPECT_EQUAL(tt_switch_open(&second, "/nonexistent/socket"), TT_IO);
    // A socket of another kind refuses a connection too, but it is somebody's.
    char foreign[sizeof(path) + 8];
    snprintf(foreign, sizeof(foreign), "%s-foreign", path);
    struct sockaddr_un taken = {.sun_family = AF_UNIX};
    memcpy(taken.sun_path, foreign, strlen(foreign) + 1);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
    REQUIRE(bind(datagrams, (struct sockaddr *)&taken, sizeof(taken)) == 0);
    EXPECT_EQUAL(tt_switch_open(&second, foreign), TT_BUSY);
    EXPECT(access(foreign, F_OK) == 0);
    close(datagrams);
    unlink(foreign);

    // As many as there are ports; the next is refused and leaves no trace.
    int stations[TT_SWITCH_PORTS_MAX];
    for (int i = 0; i < TT_SWITCH_PORTS_MAX; i++)
        REQUIRE((stations[i] = tt_switch_connect(ethernet)) >= 0);
    EXPECT_EQUAL(tt_switch_connect(ethernet), -1);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int refused = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(connect(refused, (struct sockaddr *)&address, sizeof(address)) == 0);
    turn();
    EXPECT(closed(refused));
    close(refused);
    for (int i = 0; i < TT_SWITCH_PORTS_MAX; i++)
        close(stations[i]);
    turn();
    int outside = socket(AF_UNIX, SOCK_STREAM, 0), inside = tt_switch_connect(ethernet);
    REQUIRE(connect(outside, (struct sockaddr *)&address, sizeof(address)) == 0);
    turn();
    send_frame(outside, everybody, ann, 9);
    turn();
    EXPECT_EQUAL(received(inside, NULL), 1);
    close(outside);
    close(inside);
    turn();
}

static void test_capture(void)
{
    int a = tt_switch_connect(ethernet);
    REQUIRE(tt_switch_capture(ethernet, capture) == TT_OK);
    send_frame(a, everybody, ann, 0x5a);
    turn();
    struct stat about; // whoever reads while the fleet runs sees each frame at once
    REQUIRE(stat(capture, &about) == 0);
    EXPECT_EQUAL(about.st_size, 24 + 16 + FRAME);
    REQUIRE(tt_switch_capture(ethernet, NULL) == TT_OK);
    send_frame(a, everybody, ann, 0x5b);
    turn();
    close(a);
    turn();
    uint8_t bytes[200];
    int file = open(capture, O_RDONLY);
    REQUIRE(file >= 0);
    EXPECT_EQUAL(read(file, bytes, sizeof(bytes)), 24 + 16 + FRAME); // one frame, not two
    close(file);
    uint32_t magic, length;
    memcpy(&magic, bytes, 4);
    memcpy(&length, bytes + 24 + 8, 4);
    EXPECT_EQUAL(magic, 0xa1b23c4d);
    EXPECT_EQUAL(length, FRAME);
    EXPECT(memcmp(bytes + 40 + 6, ann, 6) == 0);
    EXPECT_EQUAL(bytes[40 + 14], 0x5a);
    EXPECT_EQUAL(tt_switch_capture(ethernet, "/nonexistent/capture"), TT_IO);
}

int main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/socket", folder);
    snprintf(capture, sizeof(capture), "%s/capture.pcap", folder);
    // A socket that a killed program left behind is replaced.
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(bind(stale, (struct sockaddr *)&address, sizeof(address)) == 0);
    close(stale);
    REQUIRE(tt_switch_open(&ethernet, path) == TT_OK);

    test_learning();
    test_overload();
    test_hostile();
    test_faults();
    test_sockets();
    test_capture();

    tt_switch_close(ethernet);
    EXPECT(access(path, F_OK) != 0); // its socket is gone with it
    unlink(capture);
    rmdir(folder);
    return test_result();
}
