// The GICv3 (Arm IHI 0069): distributor for shared lines, redistributor for private ones, system
// registers for the core.

#include "os/arch/arch.h"
#include "os/driver/gic_v3.h"

#define D(offset) (*(volatile uint32_t *)(distributor + (offset)))
#define R(offset) (*(volatile uint32_t *)(redistributor + (offset)))
#define ROUTER(line) (*(volatile uint64_t *)(distributor + 0x6000 + 8 * (line)))
#define PRIORITY(line) (*(volatile uint8_t *)(distributor + 0x400 + (line)))
#define SPECIAL_FIRST 1020

static uintptr_t distributor, redistributor;

void tt_gic_init(uintptr_t distributor_registers, uintptr_t redistributor_registers)
{
    distributor = distributor_registers;
    redistributor = redistributor_registers;
    R(0x14) &= ~2u; // GICR_WAKER: the core is awake
    while (R(0x14) & 4)
        ;
    D(0) = 0x12;                                      // GICD_CTLR: affinity routing, group 1
    R(0x10080) = ~0u;                                 // GICR_IGROUPR0: private lines are group 1
    __asm__ volatile("msr s3_0_c12_c12_5, %0\n isb\n" // ICC_SRE_EL1
                     "msr s3_0_c4_c6_0, %1\n"         // ICC_PMR_EL1: every priority
                     "msr s3_0_c12_c12_7, %2\n isb"   // ICC_IGRPEN1_EL1
                     ::"r"(7ul),
                     "r"(0xfful), "r"(1ul));
}

void tt_gic_enable(unsigned line)
{
    if (line < TT_GIC_SHARED) {
        R(0x10100) = 1u << line;
        return;
    }
    D(0x80 + 4 * (line / 32)) |= 1u << line % 32; // group 1
    ROUTER(line) = 0;                             // to core 0
    PRIORITY(line) = 0x80;
    D(0x100 + 4 * (line / 32)) = 1u << line % 32;
}

void tt_gic_handle(void)
{
    uint64_t acknowledged;
    __asm__ volatile("mrs %0, s3_0_c12_c12_0" : "=r"(acknowledged)); // ICC_IAR1_EL1
    unsigned line = (unsigned)acknowledged & 0xffffff;
    if (line >= SPECIAL_FIRST)
        return; // nothing, after all
    if (line == TT_A64_TIMER_LINE)
        tt_a64_timer_interrupt();
    else
        tt_kernel_interrupt(line);
    __asm__ volatile("dsb sy\n" // what the handler told its device, first
                     "msr s3_0_c12_c12_1, %0\n isb" ::"r"(acknowledged) // ICC_EOIR1_EL1
                     : "memory");
}
