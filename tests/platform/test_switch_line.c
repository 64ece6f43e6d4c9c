// Serial lines at the switch: frames in both directions, at every cut, what is damaged counted and
// dropped, a line that comes again, and a tty.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "os/driver/slip.h"
#include "tests/test.h"
#include "tools/switch/switch.h"
#include "tutti/bytes.h"

#define FRAME 60
#define LINE_MAX TT_SLIP_ENCODED_MAX(TT_SWITCH_FRAME_MAX)

static tt_switch *ethernet;
static char folder[] = "/tmp/tutti-line-XXXXXX";
static char path[64], lines[64];
static uint8_t frame[TT_SWITCH_FRAME_MAX + 1], line[LINE_MAX + 4];

static void turn(void)
{
    for (int i = 0; i < 5; i++)
        tt_switch_poll(ethernet, 0);
}

static int connect_line(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, lines);
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0);
    turn();
    return descriptor;
}

// A frame of `length` bytes to everybody, told apart by `mark`, with what matters to a line in it.
static size_t encode(size_t length, uint8_t mark)
{
    memset(frame, 0xff, 6);
    memcpy(frame + 6, "\x02\0\0\0\0\x0a", 6);
    for (size_t i = 12; i < length; i++)
        frame[i] = i % 3 == 0 ? mark : (uint8_t)(0xc0 + i % 32);
    return tt_slip_encode(frame, length, line);
}

static void give(int to, const uint8_t *bytes, size_t length)
{
    for (size_t sent = 0; sent < length; turn()) {
        ssize_t written = write(to, bytes + sent, length - sent);
        REQUIRE(written > 0);
        sent += (size_t)written;
    }
}

#define TRIES_MAX 2000 // of a millisecond: what a tty is given comes when the system has time

// Whether just this frame comes to an ordinary station.
static bool came(int station, size_t length)
{
    static uint8_t bytes[2 * (4 + TT_SWITCH_FRAME_MAX)];
    ssize_t got = -1;
    for (int tries = 0; got < 0 && tries < TRIES_MAX; tries++) {
        got = recv(station, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0)
            tt_switch_poll(ethernet, TT_MS(1));
    }
    return got == (ssize_t)(4 + length) && bytes[2] == length >> 8 && bytes[3] == (uint8_t)length &&
           memcmp(bytes + 4, frame, length) == 0;
}

static bool nothing_came(int station)
{
    uint8_t byte;
    return recv(station, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

// Whether a line says just this frame.
static bool is_said(int from, size_t length)
{
    static uint8_t bytes[LINE_MAX + 1];
    size_t expected = tt_slip_encode(frame, length, line), got = 0;
    for (int tries = 0; got < expected && tries < TRIES_MAX; tries++) {
        tt_switch_poll(ethernet, tries == 0 ? 0 : TT_MS(1));
        ssize_t now = read(from, bytes + got, sizeof(bytes) - got);
        got += now > 0 ? (size_t)now : 0;
    }
    return got == expected && memcmp(bytes, line, expected) == 0;
}

static uint64_t damaged(unsigned port)
{
    tt_switch_port shown;
    REQUIRE(tt_switch_port_get(ethernet, port, &shown));
    return shown.counters.dropped_damaged;
}

static void send_ordinary(int station, size_t length)
{
    uint8_t head[4] = {0, 0, (uint8_t)(length >> 8), (uint8_t)length};
    give(station, head, 4);
    give(station, frame, length);
}

static void test_both_ways(int station)
{
    int wire = connect_line();
    fcntl(wire, F_SETFL, O_NONBLOCK);
    for (size_t length = 14; length <= TT_SWITCH_FRAME_MAX; length += 61) {
        give(wire, line, encode(length, 1));
        EXPECT(came(station, length));
        EXPECT(nothing_came(wire)); // never back
        send_ordinary(station, length);
        EXPECT(is_said(wire, length));
    }
    close(wire);
    turn();
}

static void test_cuts(int station)
{
    int wire = connect_line();
    size_t bytes = encode(FRAME, 2);
    for (size_t cut = 1; cut < bytes; cut++) {
        give(wire, line, cut);
        EXPECT(nothing_came(station));
        give(wire, line + cut, bytes - cut);
        EXPECT(came(station, FRAME));
    }
    EXPECT_EQUAL(damaged(1), 0);
    close(wire);
    turn();
}

static void test_damage(int station)
{
    int wire = connect_line();
    size_t bytes = encode(FRAME, 3);
    unsigned harmed = 0;
    for (size_t at = 1; at + 1 < bytes; at++) {
        line[at] ^= 0x55;
        give(wire, line, bytes);
        EXPECT(nothing_came(station));
        EXPECT(damaged(1) > harmed); // by one, or by two where an END came about
        harmed = (unsigned)damaged(1);
        line[at] ^= 0x55;
    }
    give(wire, line, encode(13, 3)); // too short for a frame
    EXPECT(nothing_came(station));
    give(wire, line, encode(TT_SWITCH_FRAME_MAX + 1, 3));
    EXPECT(nothing_came(station));
    EXPECT_EQUAL(damaged(1), harmed + 2);
    static uint8_t noise[20000];
    memset(noise, 'n', sizeof(noise));
    give(wire, noise, sizeof(noise));
    give(wire, line, encode(FRAME, 4)); // its first END ends the noise
    EXPECT(came(station, FRAME));
    EXPECT_EQUAL(damaged(1), harmed + 3);
    close(wire);
    turn();
}

static void test_comes_again(int station)
{
    int wire = connect_line();
    give(wire, line, encode(FRAME, 5) / 2); // goes in the midst of a frame
    close(wire);
    turn();
    wire = connect_line();
    give(wire, line, encode(FRAME, 6));
    EXPECT(came(station, FRAME));
    close(wire);
    turn();
}

// Nobody reads the line at port 1 until no more frame for it is kept.
static void fill_line(int station)
{
    tt_switch_port shown = {.connected = false};
    encode(TT_SWITCH_FRAME_MAX, 7);
    for (int tries = 0; shown.counters.dropped_queue_full == 0 && tries < TRIES_MAX; tries++) {
        send_ordinary(station, TT_SWITCH_FRAME_MAX);
        turn();
        REQUIRE(tt_switch_port_get(ethernet, 1, &shown));
    }
    EXPECT(shown.counters.dropped_queue_full > 0);
}

// Whoever is at port 1 next has nothing of a frame in whose midst another line went.
static void expect_a_whole_frame(int station)
{
    int wire = connect_line();
    fcntl(wire, F_SETFL, O_NONBLOCK);
    encode(FRAME, 8);
    send_ordinary(station, FRAME);
    EXPECT(is_said(wire, FRAME));
    close(wire);
    turn();
}

static void test_goes_unread(int station)
{
    int wire = connect_line();
    fill_line(station);
    close(wire);
    turn();
    expect_a_whole_frame(station);
}

static void test_rates(int controller, const char *name)
{
    static const struct {
        unsigned baud;
        speed_t speed;
    } rates[] = {{9600, B9600},     {115200, B115200},   {230400, B230400},   {460800, B460800},
                 {921600, B921600}, {1000000, B1000000}, {2000000, B2000000}, {3000000, B3000000}};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        tt_switch *other;
        struct termios settings;
        char at[80];
        snprintf(at, sizeof(at), "%s/rate", folder);
        REQUIRE(tt_switch_open(&other, at) == TT_OK);
        EXPECT_EQUAL(tt_switch_open_tty(other, name, rates[i].baud), TT_OK);
        REQUIRE(tcgetattr(controller, &settings) == 0);
        EXPECT_EQUAL(cfgetospeed(&settings), rates[i].speed);
        EXPECT_EQUAL(cfgetispeed(&settings), rates[i].speed);
        tt_switch_close(other);
    }
}

static void test_tty(int station)
{
    int controller = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (controller < 0 || grantpt(controller) != 0 || unlockpt(controller) != 0) {
        printf("no pseudo-terminal can be had here\n");
        return;
    }
    const char *name = ptsname(controller);
    EXPECT_EQUAL(tt_switch_open_tty(ethernet, name, 12345), TT_INVALID);
    EXPECT_EQUAL(tt_switch_open_tty(ethernet, "/dev/null", 1000000), TT_INVALID);
    EXPECT_EQUAL(tt_switch_open_tty(ethernet, "/nowhere", 1000000), TT_IO);
    test_rates(controller, name);
    EXPECT_EQUAL(tt_switch_open_tty(ethernet, name, 1000000), TT_OK);
    for (unsigned mark = 0; mark < 256; mark++) { // all bytes pass as they are
        give(controller, line, encode(FRAME, (uint8_t)mark));
        EXPECT(came(station, FRAME));
        send_ordinary(station, FRAME);
        EXPECT(is_said(controller, FRAME));
    }
    fill_line(station); // a tty takes a part of a frame
    close(controller);  // hangs up
    tt_switch_port shown = {.connected = true};
    for (int tries = 0; shown.connected && tries < TRIES_MAX; tries++) {
        tt_switch_poll(ethernet, TT_MS(1));
        REQUIRE(tt_switch_port_get(ethernet, 1, &shown));
    }
    EXPECT(!shown.connected);
    expect_a_whole_frame(station);
}

int main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/switch", folder);
    snprintf(lines, sizeof(lines), "%s/lines", folder);
    REQUIRE(tt_switch_open(&ethernet, path) == TT_OK);
    EXPECT_EQUAL(tt_switch_listen_for_lines(ethernet, path), TT_BUSY);
    REQUIRE(tt_switch_listen_for_lines(ethernet, lines) == TT_OK);
    EXPECT_EQUAL(tt_switch_listen_for_lines(ethernet, lines), TT_INVALID);
    int station = tt_switch_connect(ethernet);
    test_both_ways(station);
    test_cuts(station);
    test_damage(station);
    test_comes_again(station);
    test_goes_unread(station);
    test_tty(station);
    tt_switch_close(ethernet);
    EXPECT(access(lines, F_OK) != 0 && access(path, F_OK) != 0);
    rmdir(folder);
    return test_result();
}
