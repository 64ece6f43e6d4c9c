// An image that writes to its medium all the time, for test_cut.sh to cut its power: the first
// sector is erased and programmed in four parts, over and over.

#include <string.h>

#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

#define ROUNDS 100000
#define PART 1024

void tt_main(void)
{
    static uint8_t bytes[PART];
    static const char begins[] = "writes: begins\n";
    tt_medium *medium = tt_board_medium();
    TT_CHECK(medium != NULL);
    tt_console_write(begins, strlen(begins));
    for (unsigned round = 0; round < ROUNDS; round++) {
        TT_CHECK(medium->operations->erase(medium, 0) == TT_OK);
        for (unsigned part = 0; part < 4; part++) {
            memset(bytes, (int)(part + 1), sizeof(bytes));
            TT_CHECK(medium->operations->program(medium, part * PART, bytes, PART) == TT_OK);
        }
    }
    tt_board_stop(0);
}
