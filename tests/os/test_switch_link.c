// The driver whose wire is a socket, against the other end of it: what tutti/ethernet.h promises of
// every driver.

#include <sys/socket.h>
#include <unistd.h>

#include "os/driver/switch_link.h"
#include "tests/test.h"

int main(void)
{
    static tt_switch_link link;
    static uint8_t frame[TT_FRAME_MAX + 1];
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    tt_ethernet *ethernet = &link.ethernet;
    uint8_t got[4 + TT_FRAME_MAX + 1];
    int ends[2], small = 4096;
    size_t length = 0;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    REQUIRE(tt_switch_link_attach(&link, ends[0], mac) == TT_OK);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    EXPECT(memcmp(ethernet->mac, mac, 6) == 0);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_EMPTY);
    EXPECT_EQUAL(ethernet->send(ethernet, frame, TT_FRAME_MAX + 1), TT_TOO_LARGE);
    memset(frame, 0x55, sizeof(frame));
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 60), TT_OK);
    EXPECT_EQUAL(read(ends[1], got, sizeof(got)), 64);
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_OK);
    EXPECT_EQUAL(read(ends[1], got, sizeof(got)), 64);
    EXPECT(memcmp(got, "\0\0\0\x3c", 4) == 0);
    for (unsigned i = 0; i < 60; i++)
        EXPECT_EQUAL(got[4 + i], i < 20 ? 0x55 : 0);
    unsigned taken = 0;
    while (taken < 1000 && ethernet->send(ethernet, frame, TT_FRAME_MAX) == TT_OK)
        memset(frame, (int)++taken, TT_FRAME_MAX);
    EXPECT(taken > 0 && taken < 1000);
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_FULL);
    EXPECT(ethernet->frames_sent == 2 + taken && ethernet->frames_dropped == 2);
    for (unsigned i = 0; i < taken; i++) { // whole, and as they were; the last goes out by itself
        size_t there = 0;
        ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length);
        while (there < 4 + TT_FRAME_MAX) {
            ssize_t more = recv(ends[1], got + there, 4 + TT_FRAME_MAX - there, MSG_DONTWAIT);
            if (more <= 0)
                break;
            there += (size_t)more;
        }
        EXPECT_EQUAL(there, 4 + TT_FRAME_MAX);
        EXPECT(got[4] == (i == 0 ? 0x55 : (uint8_t)i) && got[3 + TT_FRAME_MAX] == got[4]);
    }
    // Longer than a frame may be: dropped. Then one that is whole.
    memset(got, 0, sizeof(got));
    got[2] = (TT_FRAME_MAX + 1) >> 8;
    got[3] = (TT_FRAME_MAX + 1) & 0xff;
    EXPECT(write(ends[1], got, sizeof(got)) == sizeof(got) && write(ends[1], "\0\0\0\x0e", 4) == 4);
    EXPECT_EQUAL(write(ends[1], "fourteen bytes", 14), 14);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_DAMAGED);
    EXPECT_EQUAL(ethernet->frames_dropped, 3);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_OK);
    EXPECT(length == 14 && memcmp(frame, "fourteen bytes", 14) == 0);
    EXPECT_EQUAL(ethernet->frames_received, 1);
    close(ends[1]);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_EMPTY);
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_IO);
    EXPECT(link.gone);
    close(ends[0]);
    return test_result();
}
