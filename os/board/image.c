// What all boards have that are no process: nobody ends them in order.
//
// The image's identity on boards whose linker script marks it: the note of the linker (System V
// ABI, "Note Section": sizes of name and description, a type, then both).

#include "os/arch/arch.h"
#include "tutti/board.h"

#define HEAD_BYTES 16 // with the name "GNU"

extern const uint8_t tt_build_id[], tt_build_id_end[];

const uint8_t *tt_board_image(size_t *length)
{
    ptrdiff_t bytes = tt_build_id_end - tt_build_id;
    *length = bytes >= HEAD_BYTES ? tt_build_id[4] : 0; // the description's size, below 256
    return tt_build_id + HEAD_BYTES;
}

bool tt_board_should_stop(void)
{
    return false;
}
