// The devices of a Linux process: the virtual Ethernet's switch, and the host's entropy. The
// launcher gives an inherited socket that is connected to the switch, the hardware address, and the
// provision file:
//
//     tutti-node DESCRIPTOR 02:00:00:00:00:01 FILE

#define _GNU_SOURCE

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/arch/context.h"
#include "os/driver/switch_link.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

#define ETHERNET_LINE 1

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

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    uint8_t mac[6];
    if (tt_linux_argument_count < 3 || !parse_mac(tt_linux_arguments[1], mac)) {
        say("usage: tutti-node DESCRIPTOR HARDWARE-ADDRESS PROVISION-FILE\n"
            "A device of a fleet; tutti up starts it with a socket connected to the switch.\n");
        tt_board_stop(2); // starting anew would not change the words
    }
    if (tt_switch_link_attach(&ethernet, atoi(tt_linux_arguments[0]), mac) != TT_OK) {
        say("tutti-node: the descriptor is not a connected socket\n");
        tt_board_stop(1);
    }
    ethernet.ethernet.arrived = arrived;
    ethernet.ethernet.arrived_context = context;
    tt_status status = tt_interrupt_attach(ETHERNET_LINE, on_readable, NULL);
    TT_CHECK(status == TT_OK); // the board has the line
    return tt_linux_interrupt_on_read(ethernet.descriptor, ETHERNET_LINE) ? &ethernet.ethernet
                                                                          : NULL;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    ssize_t given = getrandom(bytes, length, 0);
    return given > 0 ? (size_t)given : 0;
}
