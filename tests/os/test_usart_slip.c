// The driver of a USART as an Ethernet, against a USART that is often not ready, raises its
// interrupt as the manual has it, or, like QEMU's, is always ready and never says so. And the one
// of a console.

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/random.h"

#define TUTTI_OS_DRIVER_REGISTERS_H // these registers take its place
static uint32_t tt_register_get(uintptr_t address);
static void tt_register_set(uintptr_t address, uint32_t value);
#include "os/driver/usart_slip.c"
#include "os/driver/usart_stm32.c"

#define LINE_MAX (64 * 1024)
#define BASE 0x40011000

static tt_usart_slip device;
static unsigned locked, arrivals;
static uint32_t control;
static unsigned control_writes, most_at_once, at_once;
static uint32_t divider;
static bool always_ready, ready = true, overrun;
static uint8_t written[LINE_MAX]; // by the driver
static size_t written_length;
static const uint8_t *coming; // to it
static size_t coming_length;

static uint32_t tt_register_get(uintptr_t address)
{
    if (address == BASE + TT_USART_STATUS)
        return (ready || always_ready ? TT_USART_SENDABLE : 0) |
               (coming_length > 0 ? TT_USART_RECEIVED : 0) | (overrun ? TT_USART_OVERRUN : 0);
    overrun &= address != BASE + TT_USART_DATA; // reading it acknowledges
    if (address != BASE + TT_USART_DATA || coming_length == 0)
        return 0;
    coming_length--;
    return *coming++;
}

static void tt_register_set(uintptr_t address, uint32_t value)
{
    if (address == BASE + TT_USART_CONTROL) {
        control = value;
        control_writes++;
    }
    if (address == BASE + TT_USART_DIVIDER)
        divider = value;
    if (address != BASE + TT_USART_DATA)
        return;
    EXPECT(ready || always_ready);
    REQUIRE(written_length < LINE_MAX);
    written[written_length++] = (uint8_t)value;
    at_once++;
    ready = false;
}

uintptr_t tt_arch_lock(void)
{
    at_once = 0;
    return locked++;
}

void tt_arch_unlock(uintptr_t state)
{
    locked = (unsigned)state;
    most_at_once = at_once > most_at_once ? at_once : most_at_once;
}

static void arrived(void *context)
{
    (void)context;
    arrivals++;
}

static void start(bool like_qemu)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    always_ready = like_qemu;
    ready = true;
    written_length = coming_length = arrivals = control_writes = most_at_once = 0;
    overrun = false;
    tt_usart_slip_init(&device, BASE, 42, mac);
    device.ethernet.arrived = arrived;
}

// What the driver has written comes to it.
static void loop_back(void)
{
    coming = written;
    coming_length = written_length;
    tt_usart_slip_interrupt(&device);
    written_length = 0;
}

// The line takes a byte after the other, until nothing asks for the interrupt any more.
static void drain(void)
{
    while (control & TT_USART_TELLS_SENDABLE) {
        ready = true;
        tt_usart_slip_interrupt(&device);
    }
    ready = true;
}

static uint8_t frame[TT_FRAME_MAX + 1], back[TT_FRAME_MAX];

static tt_status send(size_t length)
{
    return device.ethernet.send(&device.ethernet, frame, length);
}

static tt_status receive(size_t *length)
{
    return device.ethernet.receive(&device.ethernet, back, sizeof(back), length);
}

static void test_round_trips(bool like_qemu)
{
    tt_random random;
    size_t got;
    tt_random_seed(&random, 3);
    start(like_qemu);
    for (size_t length = 14; length <= TT_FRAME_MAX; length += 1 + tt_random_below(&random, 40)) {
        for (size_t i = 0; i < length; i++)
            frame[i] =
                (uint8_t)(tt_random_below(&random, 3) ? tt_random_below(&random, 256) : 0xc0);
        EXPECT_EQUAL(send(length), TT_OK);
        EXPECT_EQUAL(locked, 0);
        drain();
        loop_back();
        EXPECT_EQUAL(receive(&got), TT_OK);
        EXPECT_EQUAL(got, length < 60 ? 60 : length);
        EXPECT(memcmp(back, frame, length) == 0);
        for (size_t i = length; i < got; i++)
            EXPECT_EQUAL(back[i], 0);
        EXPECT_EQUAL(receive(&got), TT_EMPTY);
    }
    EXPECT_EQUAL(device.ethernet.frames_sent, device.ethernet.frames_received);
    EXPECT_EQUAL(arrivals, device.ethernet.frames_received);
    EXPECT_EQUAL(device.ethernet.frames_dropped, 0);
}

static void test_asks_last(void)
{
    start(false);
    EXPECT(!(control & TT_USART_TELLS_SENDABLE));
    EXPECT_EQUAL(send(60), TT_OK);
    EXPECT_EQUAL(written_length, 1); // it was ready for one
    EXPECT(control & TT_USART_TELLS_SENDABLE);
    drain();
    EXPECT(!(control & TT_USART_TELLS_SENDABLE));
    EXPECT(control & TT_USART_TELLS_RECEIVED);
    EXPECT_EQUAL(control_writes, 3); // on, asks, asks no more
    EXPECT(written_length >= 66);
    start(true);
    EXPECT_EQUAL(send(60), TT_OK);
    EXPECT(written_length >= 66);
    EXPECT(!(control & TT_USART_TELLS_SENDABLE));
    EXPECT_EQUAL(control_writes, 1);
    EXPECT_EQUAL(most_at_once, 16); // others are not held off for longer
    EXPECT_EQUAL(divider, 42);
    EXPECT(device.ethernet.mac[0] == 2 && device.ethernet.mac[5] == 1);
}

// A second frame while the first leaves: it waits behind it, and nothing is asked for twice.
static void test_two_leave(void)
{
    size_t got;
    start(false);
    EXPECT_EQUAL(send(60), TT_OK);
    EXPECT_EQUAL(send(61), TT_OK);
    EXPECT_EQUAL(written_length, 1);
    EXPECT_EQUAL(control_writes, 2);
    drain();
    loop_back();
    EXPECT(receive(&got) == TT_OK && got == 60);
    EXPECT(receive(&got) == TT_OK && got == 61);
}

// As the other end sends it, unpadded.
static void come(size_t length)
{
    static uint8_t line[TT_SLIP_ENCODED_MAX(TT_FRAME_MAX + 1)];
    coming = line;
    coming_length = tt_slip_encode(frame, length, line);
    tt_usart_slip_interrupt(&device);
}

static void test_sizes(void)
{
    size_t got;
    start(true);
    come(14);
    EXPECT(receive(&got) == TT_OK && got == 14);
    come(13);
    EXPECT_EQUAL(receive(&got), TT_DAMAGED);
    come(TT_FRAME_MAX);
    EXPECT(receive(&got) == TT_OK && got == TT_FRAME_MAX);
    EXPECT_EQUAL(arrivals, 3);
    come(TT_FRAME_MAX + 1);
    EXPECT_EQUAL(arrivals, 4);
    EXPECT_EQUAL(receive(&got), TT_DAMAGED);
    EXPECT_EQUAL(receive(&got), TT_EMPTY);
    come(100); // for whom it is too large
    EXPECT_EQUAL(device.ethernet.receive(&device.ethernet, back, 99, &got), TT_DAMAGED);
    come(100);
    EXPECT_EQUAL(device.ethernet.receive(&device.ethernet, back, 100, &got), TT_OK);
    EXPECT_EQUAL(device.ethernet.frames_dropped, 3);
    EXPECT_EQUAL(device.ethernet.frames_received, 3);
    device.ethernet.arrived = NULL; // nobody wants to be told
    come(100);
    EXPECT_EQUAL(receive(&got), TT_OK);
    EXPECT_EQUAL(send(TT_FRAME_MAX), TT_OK);
}

// Frames that leave fill their ring to its last byte, wherever the first one lies, and not one
// more.
static void test_leaves_to_the_last_byte(size_t shift, size_t more)
{
    static const size_t overhead = LENGTH + TT_SLIP_CHECKSUM;
    size_t got, left = TT_USART_SLIP_BYTES, sum = 0;
    tt_status status;
    start(false);
    for (size_t moved = 0; moved < shift; moved += 100 + overhead) {
        EXPECT_EQUAL(send(100), TT_OK);
        drain();
        loop_back();
        EXPECT_EQUAL(receive(&got), TT_OK);
    }
    ready = false; // nothing leaves meanwhile
    while (left > 2 * (1000 + overhead)) {
        EXPECT_EQUAL(send(1000), TT_OK);
        left -= 1000 + overhead;
    }
    EXPECT_EQUAL(send(left / 2 - overhead), TT_OK);
    left -= left / 2;
    unsigned dropped = device.ethernet.frames_dropped;
    EXPECT_EQUAL(send(left - overhead + more), more > 0 ? TT_FULL : TT_OK);
    EXPECT_EQUAL(device.ethernet.frames_dropped - dropped, more);
    drain();
    loop_back();
    while ((status = receive(&got)) == TT_OK)
        sum += got + overhead;
    EXPECT_EQUAL(status, TT_EMPTY);
    EXPECT_EQUAL(sum, more > 0 ? TT_USART_SLIP_BYTES - left : TT_USART_SLIP_BYTES);
}

// The other ring, of frames that come.
static void test_comes_to_the_last_byte(size_t more)
{
    static const size_t overhead = LENGTH + TT_SLIP_CHECKSUM;
    size_t got, left = TT_USART_SLIP_BYTES;
    start(true);
    for (; left > TT_FRAME_MAX + overhead; left -= 1000 + overhead)
        come(1000);
    come(left - overhead + more);
    unsigned good = 0, bad = 0;
    for (tt_status status; (status = receive(&got)) != TT_EMPTY;)
        *(status == TT_OK ? &good : &bad) += 1;
    EXPECT_EQUAL(bad, more > 0);
    EXPECT_EQUAL(good + bad, arrivals);
    come(100);
    EXPECT_EQUAL(receive(&got), TT_OK);
}

// Bytes were lost: that is acknowledged, and no byte made of it.
static void test_overrun(void)
{
    size_t got;
    start(true);
    overrun = true;
    tt_usart_slip_interrupt(&device);
    EXPECT(!overrun);
    come(60);
    EXPECT(receive(&got) == TT_OK && got == 60);
    EXPECT_EQUAL(device.ethernet.frames_dropped, 0);
}

static void test_full(void)
{
    unsigned taken = 0;
    size_t got;
    start(false);
    EXPECT_EQUAL(send(TT_FRAME_MAX + 1), TT_TOO_LARGE);
    while (send(1000) == TT_OK)
        taken++;
    EXPECT_EQUAL(taken, 4);
    EXPECT_EQUAL(device.ethernet.frames_dropped, 1);
    drain();
    loop_back(); // all four find room, a fifth and sixth would not
    EXPECT_EQUAL(arrivals, 4);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQUAL(send(1000), TT_OK);
        drain();
        loop_back();
    }
    EXPECT_EQUAL(receive(&got), TT_DAMAGED);
    EXPECT_EQUAL(receive(&got), TT_DAMAGED);
    for (int i = 0; i < 4; i++)
        EXPECT(receive(&got) == TT_OK && got == 1000);
    EXPECT_EQUAL(receive(&got), TT_EMPTY);
    EXPECT_EQUAL(send(1000), TT_OK);
    drain();
    loop_back();
    EXPECT_EQUAL(receive(&got), TT_OK);
}

static void test_damage(void)
{
    size_t got;
    start(true);
    for (size_t at = 0; at < 66; at++) { // no byte of a frame may change
        EXPECT_EQUAL(send(60), TT_OK);
        written[at] ^= 1;
        loop_back();
        EXPECT_EQUAL(send(60), TT_OK);
        loop_back();
        unsigned good = 0, bad = 0;
        for (tt_status status; (status = receive(&got)) != TT_EMPTY;)
            *(status == TT_OK ? &good : &bad) += 1;
        EXPECT(good == 1 && bad >= 1);
    }
    static const uint8_t runt[] = {0xc0, 'a', 0xc0, 0xc0, 'a', 'b', 'c', 'd', 'e', 0xc0};
    coming = runt;
    coming_length = sizeof(runt);
    tt_usart_slip_interrupt(&device);
    EXPECT_EQUAL(receive(&got), TT_DAMAGED);
    EXPECT_EQUAL(receive(&got), TT_DAMAGED);
    EXPECT_EQUAL(receive(&got), TT_EMPTY);
}

static void test_noise(void)
{
    static uint8_t noise[20000];
    tt_random random;
    size_t got;
    tt_random_seed(&random, 5);
    start(true);
    for (int round = 0; round < 200; round++) {
        size_t length = tt_random_below(&random, sizeof(noise));
        for (size_t i = 0; i < length; i++) // sometimes without any END
            noise[i] = (uint8_t)tt_random_below(&random, round % 2 ? 256 : 0xc0);
        coming = noise;
        coming_length = length;
        tt_usart_slip_interrupt(&device);
        for (tt_status status; (status = receive(&got)) != TT_EMPTY;)
            EXPECT_EQUAL(status, TT_DAMAGED);
        EXPECT_EQUAL(send(100), TT_OK);
        loop_back();
        tt_status status;
        while ((status = receive(&got)) == TT_DAMAGED)
            ;
        EXPECT(status == TT_OK && got == 100);
    }
}

static void test_console(void)
{
    static const uint8_t text[] = "abc";
    written_length = 0;
    EXPECT_EQUAL(tt_board_console_put(text, 3), 3); // which nothing will ever write
    EXPECT_EQUAL(written_length, 0);
    tt_usart_stm32_console(BASE, 7);
    EXPECT_EQUAL(divider, 7);
    ready = true;
    always_ready = false;
    EXPECT_EQUAL(tt_board_console_put(text, 3), 1);
    EXPECT_EQUAL(tt_board_console_put(text + 1, 2), 0);
    EXPECT_EQUAL(written_length, 1);
    EXPECT_EQUAL(written[0], 'a');
}

int main(void)
{
    test_console();
    test_round_trips(false);
    test_round_trips(true);
    test_asks_last();
    test_two_leave();
    test_sizes();
    for (size_t shift = 0; shift < 3 * TT_USART_SLIP_BYTES; shift += 777)
        for (size_t more = 0; more < 2; more++)
            test_leaves_to_the_last_byte(shift, more);
    test_comes_to_the_last_byte(0);
    test_comes_to_the_last_byte(1);
    test_overrun();
    test_full();
    test_damage();
    test_noise();
    return test_result();
}
