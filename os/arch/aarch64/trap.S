// Exceptions and switches of AArch64, EL1. Threads run on SP_EL0, exceptions on SP_EL1, so an overflown
// thread stack is never written to. Offsets are those of tt_arch_context.

    .equ SP_, 248
    .equ PC_, 256
    .equ STATUS, 264
    .equ FPCR_, 272
    .equ Q, 288

    .text

.macro save_floats
    stp     q0, q1, [x0, #Q+32*0]
    stp     q2, q3, [x0, #Q+32*1]
    stp     q4, q5, [x0, #Q+32*2]
    stp     q6, q7, [x0, #Q+32*3]
    stp     q8, q9, [x0, #Q+32*4]
    stp     q10, q11, [x0, #Q+32*5]
    stp     q12, q13, [x0, #Q+32*6]
    stp     q14, q15, [x0, #Q+32*7]
    stp     q16, q17, [x0, #Q+32*8]
    stp     q18, q19, [x0, #Q+32*9]
    stp     q20, q21, [x0, #Q+32*10]
    stp     q22, q23, [x0, #Q+32*11]
    stp     q24, q25, [x0, #Q+32*12]
    stp     q26, q27, [x0, #Q+32*13]
    stp     q28, q29, [x0, #Q+32*14]
    stp     q30, q31, [x0, #Q+32*15]
    mrs     x1, fpcr
    mrs     x2, fpsr
    stp     x1, x2, [x0, #FPCR_]
.endm

    .macro vector kind
    .balign 128
    stp     x0, x1, [sp, #-16]!
    mov     x1, #\kind
    b       take
    .endm

    .balign 2048
    .global tt_a64_vectors
tt_a64_vectors:
    vector 0                        // from a thread: synchronous
    vector 1                        // from a thread: interrupt
    vector 2
    vector 2
    // From an exception: a fault in the handler of another, perhaps for want of stack.
    .rept 4
    .balign 128
    msr     tpidr_el1, x0
    mov     x0, sp
    msr     tpidr_el0, x0
    ldr     x0, =tt_fault_stack
    mov     sp, x0
    mrs     x0, tpidr_el1
    stp     x0, x1, [sp, #-16]!
    mov     x1, #3
    b       take
    .endr
    vector 2                        // from below EL1: nothing runs there
    vector 2
    vector 2
    vector 2
    vector 2
    vector 2
    vector 2
    vector 2

take:
    ldr     x0, =tt_kernel_current
    ldr     x0, [x0]
    cbnz    x0, 1f
    ldr     x0, =tt_a64_nobody      // before the first thread
1:  stp     x2, x3, [x0, #16]
    ldp     x2, x3, [sp], #16       // the thread's x0 and x1
    stp     x2, x3, [x0]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    mov     x20, x1
    mrs     x2, sp_el0
    mrs     x3, tpidr_el0
    cmp     x20, #3
    csel    x2, x3, x2, eq          // a handler's own stack
    stp     x30, x2, [x0, #240]
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x1, x2, [x0, #PC_]
    save_floats
    mov     x1, x20
    bl      tt_a64_trap             // (context, kind)
    ldr     x0, =tt_kernel_current
    ldr     x0, [x0]
    b       restore

// Locked. The current thread stops here and goes on when it is switched back to.
    .global tt_arch_switch_from_thread
tt_arch_switch_from_thread:
    ldr     x0, =tt_kernel_current
    ldr     x0, [x0]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    mov     x2, sp
    stp     x30, x2, [x0, #240]
    mov     x2, #0x84               // EL1 on SP_EL0, interrupts off
    stp     x30, x2, [x0, #PC_]     // goes on behind the call
    save_floats
    // fall through to the next thread
    .global tt_a64_start_next
tt_a64_start_next:
    msr     spsel, #1
    ldr     x1, =tt_kernel_next
    ldr     x0, [x1]
    ldr     x1, =tt_kernel_current
    str     x0, [x1]
restore:
    ldp     q0, q1, [x0, #Q+32*0]
    ldp     q2, q3, [x0, #Q+32*1]
    ldp     q4, q5, [x0, #Q+32*2]
    ldp     q6, q7, [x0, #Q+32*3]
    ldp     q8, q9, [x0, #Q+32*4]
    ldp     q10, q11, [x0, #Q+32*5]
    ldp     q12, q13, [x0, #Q+32*6]
    ldp     q14, q15, [x0, #Q+32*7]
    ldp     q16, q17, [x0, #Q+32*8]
    ldp     q18, q19, [x0, #Q+32*9]
    ldp     q20, q21, [x0, #Q+32*10]
    ldp     q22, q23, [x0, #Q+32*11]
    ldp     q24, q25, [x0, #Q+32*12]
    ldp     q26, q27, [x0, #Q+32*13]
    ldp     q28, q29, [x0, #Q+32*14]
    ldp     q30, q31, [x0, #Q+32*15]
    ldp     x1, x2, [x0, #FPCR_]
    msr     fpcr, x1
    msr     fpsr, x2
    ldp     x1, x2, [x0, #PC_]
    msr     elr_el1, x1
    msr     spsr_el1, x2
    ldp     x30, x2, [x0, #240]
    msr     sp_el0, x2
    ldp     x28, x29, [x0, #224]
    ldp     x26, x27, [x0, #208]
    ldp     x24, x25, [x0, #192]
    ldp     x22, x23, [x0, #176]
    ldp     x20, x21, [x0, #160]
    ldp     x18, x19, [x0, #144]
    ldp     x16, x17, [x0, #128]
    ldp     x14, x15, [x0, #112]
    ldp     x12, x13, [x0, #96]
    ldp     x10, x11, [x0, #80]
    ldp     x8, x9, [x0, #64]
    ldp     x6, x7, [x0, #48]
    ldp     x4, x5, [x0, #32]
    ldp     x2, x3, [x0, #16]
    ldp     x0, x1, [x0]
    eret
