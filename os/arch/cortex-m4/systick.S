// The entry of SysTick, for boards where it is the kernel's timer. It keeps the registers of what it
// interrupts: where no watchdog is, this interrupt ends a device that hangs, and the dump is to show
// where that was.

    .syntax unified
    .thumb
    .text

    .global tt_cm_systick
    .type tt_cm_systick, %function
tt_cm_systick:
    push    {r3-r11, lr}            // r3: the stack stays aligned to 8
    ldr     r0, =tt_cm_interrupted
    str     sp, [r0]
    bl      tt_timer_systick_interrupt
    ldr     r0, =tt_cm_interrupted
    movs    r1, #0
    str     r1, [r0]
    pop     {r3-r11, pc}
