// Exceptions of a Cortex-M4F: the switch between threads, interrupts, faults.
//
// Threads run on the process stack, every exception on the main stack. On entry the CPU saves
// r0-r3, r12, lr, pc, xpsr (and s0-s15 lazily); the switch saves the rest below them.

    .syntax unified
    .thumb
    .text

    .equ MPU_RBAR, 0xe000ed9c
    .equ CCR, 0xe000ed14
    .equ THREAD_MAIN_STACK, 0xfffffff9 // EXC_RETURN: thread mode, main stack, no FPU state

    .global tt_cm_pendsv
    .type tt_cm_pendsv, %function
tt_cm_pendsv:
    cpsid   i
    ldr     r3, =tt_kernel_current
    ldr     r1, [r3]
    cbz     r1, 1f                  // the first switch leaves nobody
    mrs     r0, psp
    tst     lr, #16                 // EXC_RETURN bit 4 clear: the thread has used the FPU
    it      eq
    vstmdbeq r0!, {s16-s31}         // stores the lazily saved s0-s15 first
    stmdb   r0!, {r4-r11, lr}       // into the guard: MPU fault, the neighbour stays whole
    str     r0, [r1]
1:  ldr     r2, =tt_kernel_next
    ldr     r1, [r2]
    str     r1, [r3]
    ldrd    r0, r12, [r1]           // its stack pointer and guard
    ldr     r2, =MPU_RBAR
    str     r12, [r2]               // the guard moves below the next thread's stack
    ldmia   r0!, {r4-r11, lr}
    tst     lr, #16
    it      eq
    vldmiaeq r0!, {s16-s31}
    msr     psp, r0
    cpsie   i
    bx      lr                      // synchronises: the MPU's change holds from here

// The watchdog may let the CPU go on.
    .global tt_cm_nmi
    .type tt_cm_nmi, %function
tt_cm_nmi:
    push    {r3, lr}                // r3: the stack stays aligned to 8
    bl      tt_kernel_bite
    pop     {r3, lr}
    cmp     r0, #0
    bne     tt_cm_fault
    bx      lr

// A fault while this handler or the NMI's runs would lock the CPU up (B1.5.15): what looks at the
// fault runs in thread mode, on the exceptions' stack, masked. A fault there is one more HardFault.
    .global tt_cm_fault
    .type tt_cm_fault, %function
tt_cm_fault:
    tst     lr, #4                  // EXC_RETURN bit 2: which stack was in use
    ite     eq
    mrseq   r0, msp
    mrsne   r0, psp
    mov     r1, lr
    ldr     r2, =tt_exception_stack_low
    cmp     sp, r2
    itt     lo                      // its own stack has overflown: what it held first is given up
    ldrlo   r2, =tt_exception_stack
    movlo   sp, r2
    push    {r4-r11}
    mov     r2, sp
    mrs     r3, ipsr
    cpsid   i
    ldr     r4, =CCR                // from any depth (B3.2.8, NONBASETHRDENA)
    ldr     r5, [r4]
    orr     r5, #1
    str     r5, [r4]
    dsb
    ldr     r6, =tt_cm_fault_handler
    bic     r6, #1
    ldr     r7, =0x01000000         // xPSR: Thumb
    movs    r5, #0
    push    {r4-r7}                 // r12, lr, pc, xPSR
    push    {r0-r3}                 // (frame, exc_return, r4-r11, number of the exception)
    ldr     lr, =THREAD_MAIN_STACK
    bx      lr
