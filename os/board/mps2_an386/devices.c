// The devices of the AN386: a LAN9118, and no entropy.

#include <string.h>

#include "board.h"
#include "os/driver/lan9118.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

const char tt_board_name[] = "mps2-an386";
const char tt_board_cpu[] = "Cortex-M4F";

static tt_lan9118 ethernet;

static void on_interrupt(void *context)
{
    tt_lan9118_interrupt(context);
}

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    static const char none[] = "board: the LAN9118 does not answer\n";
    if (tt_lan9118_init(&ethernet, TT_BOARD_ETHERNET) != TT_OK) {
        tt_console_write(none, strlen(none));
        return NULL;
    }
    ethernet.ethernet.arrived = arrived;
    ethernet.ethernet.arrived_context = context;
    tt_status status = tt_interrupt_attach(TT_BOARD_ETHERNET_LINE, on_interrupt, &ethernet);
    TT_CHECK(status == TT_OK); // the board has the line
    return &ethernet.ethernet;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    (void)bytes, (void)length;
    return 0; // its randomness comes from tt_provision
}
