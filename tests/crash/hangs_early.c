// A product that hangs in its start, before its loop has turned once. An image of a test.

#include <string.h>

#include "tutti/board.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/product.h"

static volatile bool spinning = true;

static tt_status start(tt_node *node)
{
    (void)node;
    const tt_crash *crash = tt_kept_crash();
    if (crash != NULL) // the next life
        tt_board_stop(strncmp(crash->reason, "watchdog: loop silent", 21) == 0 ? 0 : 1);
    while (spinning)
        ;
    return TT_OK;
}

const tt_product tt_product_table = {.kind = "early", .start = start};
