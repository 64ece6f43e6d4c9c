// The devices of a Linux process: the virtual Ethernet's switch, a file as medium, and the host's
// entropy. The launcher gives an inherited socket that is connected to the switch, the hardware
// address, the provision file, and the file that is the medium, where there is to be one:
//
//     tutti-node DESCRIPTOR 02:00:00:00:00:01 FILE [MEDIUM]

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/arch/arch.h"
#include "os/driver/switch_link.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/medium_file.h"

#define ETHERNET_LINE 1
#define MEDIUM_LINE 2
#define END_LINE 3
#define MEDIUM_WORD 3 // of the arguments
#define MEDIUM_UNIT 4
#define MEDIUM_SECTOR 4096
#define MEDIUM_SECTORS 1024

const char tt_board_name[] = "linux";
const char tt_board_cpu[] = "this machine's";

static tt_switch_link ethernet;

static void say(const char *text)
{
    tt_console_write(text, strlen(text));
}

// Before the kernel runs: reads the seed that the launcher wrote.
void tt_linux_provision(void)
{
    if (tt_linux_argument_count < 3)
        return;
    int file = open(tt_linux_arguments[2], O_RDONLY | O_CLOEXEC);
    if (file < 0 ||
        read(file, &tt_provision, sizeof(tt_provision)) != (ssize_t)sizeof(tt_provision))
        memset(&tt_provision, 0, sizeof(tt_provision));
    if (file >= 0)
        close(file);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
                  &mac[4], &mac[5]) == 6;
}

static void on_readable(void *context)
{
    (void)context;
    if (ethernet.ethernet.arrived != NULL)
        ethernet.ethernet.arrived(ethernet.ethernet.arrived_context);
}

// SIGTERM: a signal that is none of the kernel's raises an interrupt, as the syncing thread does.
static int end_pipe[2] = {-1, -1};
static volatile sig_atomic_t should_stop;

static void on_terminate(int number)
{
    (void)number;
    int saved = errno;
    should_stop = 1;
    ssize_t written = write(end_pipe[1], "", 1);
    (void)written; // fails only where the pipe is full: it is told already
    errno = saved;
}

static void on_end_interrupt(void *context)
{
    char bytes[8];
    if (read(end_pipe[0], bytes, sizeof(bytes)) > 0)
        on_readable(context);
}

// Without it, SIGTERM ends the process as it would any.
static void await_end(void)
{
    struct sigaction action = {.sa_handler = on_terminate, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    if (pipe2(end_pipe, O_NONBLOCK | O_CLOEXEC) != 0)
        return;
    tt_status status = tt_interrupt_attach(END_LINE, on_end_interrupt, NULL);
    TT_CHECK(status == TT_OK); // the board has the line
    if (tt_linux_interrupt_on_read(end_pipe[0], END_LINE))
        sigaction(SIGTERM, &action, NULL);
}

bool tt_board_should_stop(void)
{
    return should_stop != 0;
}

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    uint8_t mac[6];
    if (tt_linux_argument_count < 3 || !parse_mac(tt_linux_arguments[1], mac)) {
        say("usage: tutti-node DESCRIPTOR HARDWARE-ADDRESS PROVISION-FILE [MEDIUM-FILE]\n"
            "A device of a fleet; tutti up starts it with a socket connected to the switch.\n");
        tt_board_stop(2); // starting anew would not change the words
    }
    if (tt_switch_link_attach(&ethernet, atoi(tt_linux_arguments[0]), mac) != TT_OK) {
        say("tutti-node: the descriptor is not a connected socket\n");
        tt_board_stop(1);
    }
    ethernet.ethernet.arrived = arrived;
    ethernet.ethernet.arrived_context = context;
    await_end();
    tt_status status = tt_interrupt_attach(ETHERNET_LINE, on_readable, NULL);
    TT_CHECK(status == TT_OK); // the board has the line
    return tt_linux_interrupt_on_read(ethernet.descriptor, ETHERNET_LINE) ? &ethernet.ethernet
                                                                          : NULL;
}

// The syncing thread is none of the kernel's: it raises an interrupt, and that tells.
static tt_medium_file medium;
static int medium_ended[2] = {-1, -1}; // a pipe: of an eventfd no signal tells

static void on_medium_ended(tt_medium_file *file)
{
    (void)file;
    ssize_t written = write(medium_ended[1], "", 1);
    (void)written; // fails only where the pipe is full: it is told already
}

static void on_medium_interrupt(void *context)
{
    (void)context;
    char bytes[8];
    if (read(medium_ended[0], bytes, sizeof(bytes)) > 0 && medium.medium.ready != NULL)
        medium.medium.ready(&medium.medium);
}

static bool open_medium(const char *path, tt_text *why)
{
    static const tt_medium_file_geometry geometry = {MEDIUM_UNIT, MEDIUM_SECTOR, MEDIUM_SECTORS,
                                                     0xff};
    if (tt_medium_file_open(&medium, path, &geometry, why) != TT_OK)
        return false;
    medium.ended = on_medium_ended;
    bool piped = pipe2(medium_ended, O_NONBLOCK | O_CLOEXEC) == 0;
    tt_status status = tt_interrupt_attach(MEDIUM_LINE, on_medium_interrupt, NULL);
    TT_CHECK(status == TT_OK); // the board has the line
    if (piped && tt_linux_interrupt_on_read(medium_ended[0], MEDIUM_LINE))
        return true;
    tt_text_add(why, "the system gives no interrupt");
    return false;
}

tt_medium *tt_board_medium(void)
{
    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_linux_argument_count <= MEDIUM_WORD) {
        say("board: there is no medium: no file is named for it\n");
        return NULL;
    }
    uintptr_t lock = tt_arch_lock(); // the host's library is not to be left in the middle
    bool opened = open_medium(tt_linux_arguments[MEDIUM_WORD], &why);
    tt_arch_unlock(lock);
    if (opened)
        return &medium.medium;
    say("board: there is no medium: ");
    say(sentence);
    say("\n");
    return NULL;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    ssize_t given = getrandom(bytes, length, 0);
    return given > 0 ? (size_t)given : 0;
}
