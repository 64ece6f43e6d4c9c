// The devices of the Netduino Plus 2: no Ethernet yet, and no entropy.

#include <string.h>

#include "tutti/board.h"
#include "tutti/kernel.h"

const char tt_board_name[] = "netduinoplus2";
const char tt_board_cpu[] = "Cortex-M4F";

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    static const char none[] = "board: no Ethernet\n";
    (void)arrived, (void)context;
    tt_console_write(none, strlen(none));
    return NULL;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    (void)bytes, (void)length;
    return 0; // its randomness comes from tt_provision
}
