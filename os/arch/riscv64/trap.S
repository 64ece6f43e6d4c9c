// Traps and switches of RISC-V 64, supervisor mode.
//
// sscratch holds the address of the current thread's context. A trap saves every register there and goes
// on on the trap stack, so an overflown thread stack is never written to. A thread that gives up the CPU
// saves what a call preserves. Both leave by the same restoring code.

    .text
    .equ STATUS, 256
    .equ FCSR, 264
    .equ F, 272
    .equ TRAP_STACK_BYTES, 4096 + 16384     // in board.ld, its guard with it

.macro save_callee_floats base
    fsd fs0, F+8*8(\base)
    fsd fs1, F+8*9(\base)
    fsd fs2, F+8*18(\base)
    fsd fs3, F+8*19(\base)
    fsd fs4, F+8*20(\base)
    fsd fs5, F+8*21(\base)
    fsd fs6, F+8*22(\base)
    fsd fs7, F+8*23(\base)
    fsd fs8, F+8*24(\base)
    fsd fs9, F+8*25(\base)
    fsd fs10, F+8*26(\base)
    fsd fs11, F+8*27(\base)
.endm

    .align 4
    .global tt_riscv_trap_entry
tt_riscv_trap_entry:
    csrrw   a0, sscratch, a0
    sd      ra, 8*1(a0)
    sd      sp, 8*2(a0)
    sd      gp, 8*3(a0)
    sd      tp, 8*4(a0)
    sd      t0, 8*5(a0)
    sd      t1, 8*6(a0)
    sd      t2, 8*7(a0)
    sd      s0, 8*8(a0)
    sd      s1, 8*9(a0)
    csrrw   t0, sscratch, a0        // the thread's own a0, and the context back
    sd      t0, 8*10(a0)
    sd      a1, 8*11(a0)
    sd      a2, 8*12(a0)
    sd      a3, 8*13(a0)
    sd      a4, 8*14(a0)
    sd      a5, 8*15(a0)
    sd      a6, 8*16(a0)
    sd      a7, 8*17(a0)
    sd      s2, 8*18(a0)
    sd      s3, 8*19(a0)
    sd      s4, 8*20(a0)
    sd      s5, 8*21(a0)
    sd      s6, 8*22(a0)
    sd      s7, 8*23(a0)
    sd      s8, 8*24(a0)
    sd      s9, 8*25(a0)
    sd      s10, 8*26(a0)
    sd      s11, 8*27(a0)
    sd      t3, 8*28(a0)
    sd      t4, 8*29(a0)
    sd      t5, 8*30(a0)
    sd      t6, 8*31(a0)
    csrr    t0, sepc
    sd      t0, 0(a0)
    csrr    t0, sstatus
    sd      t0, STATUS(a0)
    csrr    t0, fcsr
    sd      t0, FCSR(a0)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd     f\n, F+8*\n(a0)
    .endr
    la      t0, tt_trap_stack
    sub     t1, t0, sp
    li      t2, TRAP_STACK_BYTES
    mv      sp, t0
    bgeu    t1, t2, 1f
    la      sp, tt_fault_stack      // a fault in a handler, whose frames are to be dumped
1:  csrr    a1, scause
    csrr    a2, stval
    call    tt_riscv_trap           // (context, cause, value)
    la      t0, tt_kernel_current
    ld      a0, 0(t0)
    j       restore

// Locked. The current thread stops here and goes on when it is switched back to.
    .global tt_arch_switch_from_thread
tt_arch_switch_from_thread:
    la      t0, tt_kernel_current
    ld      a0, 0(t0)
    sd      ra, 0(a0)               // goes on behind the call
    sd      sp, 8*2(a0)
    sd      gp, 8*3(a0)
    sd      tp, 8*4(a0)
    sd      s0, 8*8(a0)
    sd      s1, 8*9(a0)
    sd      s2, 8*18(a0)
    sd      s3, 8*19(a0)
    sd      s4, 8*20(a0)
    sd      s5, 8*21(a0)
    sd      s6, 8*22(a0)
    sd      s7, 8*23(a0)
    sd      s8, 8*24(a0)
    sd      s9, 8*25(a0)
    sd      s10, 8*26(a0)
    sd      s11, 8*27(a0)
    save_callee_floats a0
    csrr    t1, fcsr
    sd      t1, FCSR(a0)
    csrr    t1, sstatus
    li      t2, 0x120
    or      t1, t1, t2              // SPP: back to supervisor mode
    xori    t1, t1, 0x20            // SPIE clear: still locked
    sd      t1, STATUS(a0)
    // fall through to the next thread
    .global tt_riscv_start_next
tt_riscv_start_next:
    la      t0, tt_kernel_next
    ld      a0, 0(t0)
    la      t0, tt_kernel_current
    sd      a0, 0(t0)
restore:
    csrw    sscratch, a0
    ld      t0, 0(a0)
    csrw    sepc, t0
    ld      t0, STATUS(a0)
    csrw    sstatus, t0
    ld      t0, FCSR(a0)
    csrw    fcsr, t0
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld     f\n, F+8*\n(a0)
    .endr
    ld      ra, 8*1(a0)
    ld      sp, 8*2(a0)
    ld      gp, 8*3(a0)
    ld      tp, 8*4(a0)
    ld      t0, 8*5(a0)
    ld      t1, 8*6(a0)
    ld      t2, 8*7(a0)
    ld      s0, 8*8(a0)
    ld      s1, 8*9(a0)
    ld      a1, 8*11(a0)
    ld      a2, 8*12(a0)
    ld      a3, 8*13(a0)
    ld      a4, 8*14(a0)
    ld      a5, 8*15(a0)
    ld      a6, 8*16(a0)
    ld      a7, 8*17(a0)
    ld      s2, 8*18(a0)
    ld      s3, 8*19(a0)
    ld      s4, 8*20(a0)
    ld      s5, 8*21(a0)
    ld      s6, 8*22(a0)
    ld      s7, 8*23(a0)
    ld      s8, 8*24(a0)
    ld      s9, 8*25(a0)
    ld      s10, 8*26(a0)
    ld      s11, 8*27(a0)
    ld      t3, 8*28(a0)
    ld      t4, 8*29(a0)
    ld      t5, 8*30(a0)
    ld      t6, 8*31(a0)
    ld      a0, 8*10(a0)
    sret
