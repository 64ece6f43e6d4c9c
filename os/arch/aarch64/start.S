// The first instructions at EL1: CPU 0 goes on, others sleep.

    .section .start, "ax"
    .global _start
_start:
    mrs     x1, mpidr_el1
    and     x1, x1, #0xff
    cbnz    x1, 3f
    mov     x1, #(3 << 20)          // floating point and vectors: C code uses them
    msr     cpacr_el1, x1
    msr     spsel, #1
    isb
    ldr     x1, =tt_trap_stack
    mov     sp, x1
    ldr     x1, =tt_bss_begin
    ldr     x2, =tt_bss_end
1:  cmp     x1, x2
    b.hs    2f
    str     xzr, [x1], #8
    b       1b
2:  bl      tt_board_start
3:  wfi
    b       3b
