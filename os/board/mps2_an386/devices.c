// The devices of the AN386: a LAN9118, memory that may outlast a loss of power, and no entropy.

#include <string.h>

#include "board.h"
#include "os/arch/arch.h"
#include "os/driver/lan9118.h"
#include "os/driver/nv_ram.h"
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

static void let_write(bool may)
{
    tt_cm_window_write((tt_cm_region){TT_BOARD_MEDIUM}, may);
}

tt_medium *tt_board_medium(void)
{
    static tt_nv_ram ram;
    const tt_cm_region window = {TT_BOARD_MEDIUM};
    tt_nv_ram_init(&ram, window.base, 1u << window.log2, let_write);
    return &ram.medium;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    (void)bytes, (void)length;
    return 0; // its randomness comes from tt_provision
}
