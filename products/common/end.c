// The end of a product: what failed is recorded by now (tutti/kept.h), and the device starts anew.
// Only where the launcher started it to measure something it stops, with the code.

#include "products/common/internal.h"
#include "tutti/board.h"
#include "tutti/kernel.h"

void tt_kernel_end(int code)
{
    if (tt_product_is_provisioned() && tt_provision.mode == TT_PROVISION_MEASURE)
        tt_board_stop(code);
    tt_board_reset();
}
