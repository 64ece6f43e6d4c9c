// The first instructions: OpenSBI enters here in supervisor mode, a0 the hart, others asleep.

    .section .start, "ax"
    .global _start
_start:
    csrw    sie, zero
    la      sp, tt_trap_stack
    la      t0, tt_bss_begin
    la      t1, tt_bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  call    tt_board_start
