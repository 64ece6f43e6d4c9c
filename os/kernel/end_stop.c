// The end of an image that links no other: it stops.

#include "tutti/kernel.h"

void tt_kernel_end(int code)
{
    tt_board_stop(code);
}
