// What a board with a Cortex-M owes to cortex_m.c. Its board.h defines TT_BOARD_LINES,
// TT_BOARD_TIMER_LINE (TT_BOARD_LINES where the timer is SysTick) and TT_BOARD_SYSTICK:
// tt_cm_systick (arch/cortex-m4/systick.S), or tt_cm_fault where it is not used. TT_BOARD_CODE,
// TT_BOARD_DATA and TT_BOARD_DEVICES are what it gives to tt_cm_init, each BASE, LOG2 of its bytes;
// its board.ld can ASSERT that its memories are within tt_board_code to tt_board_code_end and
// tt_board_data to tt_board_data_end, which are the first two.

#ifndef TUTTI_OS_BOARD_CORTEX_M_H
#define TUTTI_OS_BOARD_CORTEX_M_H

// Once, with memory as C expects it and interrupts off: CPU and protection (tt_cm_init), clocks,
// console, timer. The kernel starts when it returns.
void tt_cm_board_start(void);

#endif
