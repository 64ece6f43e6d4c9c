// What boards with a Cortex-M have in common: vectors, memory, how the kernel starts, the reset and
// the end. The board's board.h says how many interrupts there are, which of them is the timer's,
// and who gets SysTick; its tt_cm_board_start does the rest.

#include <string.h>

#include "board.h"
#include "os/arch/arch.h"
#include "os/board/cortex_m.h"
#include "tutti/board.h"
#include "tutti/kernel.h"

#define MAIN_PRIORITY 16
#define REGISTER(address) (*(volatile uint32_t *)(address))
#define VTOR REGISTER(0xe000ed08)
#define AIRCR REGISTER(0xe000ed0c)
#define CPACR REGISTER(0xe000ed88)
#define CPACR_FPU (0xfu << 20)
#define RESET_REQUEST 0x05fa0004 // with the key (ARMv7-M, B3.2.6)

// The regions of board.h, each BASE, LOG2: such a one begins at a multiple of its size (B3.5.8).
// The linker has them as NAME and NAME_end, for board.ld to compare with its own.
#define END_OF(base, log2) ((base) + (1ull << (log2)))
#define BEGIN_OF(base, log2) (base)
#define IS_ALIGNED(...) IS_MULTIPLE(__VA_ARGS__) // expands the region's name
#define IS_MULTIPLE(base, log2) ((base) % (1ull << (log2)) == 0)
#define TELL_LINKER(name, region)                                                                  \
    __asm__ volatile(".global " name ", " name "_end\n"                                            \
                     ".set " name ", %c0\n"                                                        \
                     ".set " name "_end, %c1" ::"i"(BEGIN_OF(region)),                             \
                     "i"((uint32_t)END_OF(region)))
_Static_assert(IS_ALIGNED(TT_BOARD_CODE), "TT_BOARD_CODE: its base is no multiple of its size");
_Static_assert(IS_ALIGNED(TT_BOARD_DATA), "TT_BOARD_DATA: its base is no multiple of its size");
_Static_assert(IS_ALIGNED(TT_BOARD_DEVICES),
               "TT_BOARD_DEVICES: its base is no multiple of its size");

extern uint8_t tt_data_begin[], tt_data_end[], tt_data_image[], tt_bss_begin[], tt_bss_end[];
void tt_reset(void);
void tt_cm_pendsv(void);
void tt_cm_nmi(void);
void tt_cm_fault(void);
void tt_cm_interrupt(void);
void TT_BOARD_SYSTICK(void);

tt_interrupt_slot tt_board_interrupts[TT_BOARD_LINES];
const unsigned tt_board_interrupt_lines = TT_BOARD_LINES;
const unsigned tt_board_timer_line = TT_BOARD_TIMER_LINE;

tt_provision_data tt_provision __attribute__((section(".noinit")));

__attribute__((section(".vectors"), used)) static const void *const vectors[16 + TT_BOARD_LINES] = {
    tt_exception_stack,
    tt_reset,
    tt_cm_nmi,
    tt_cm_fault,        // HardFault
    tt_cm_fault,        // MemManage
    tt_cm_fault,        // BusFault
    tt_cm_fault,        // UsageFault
    [11] = tt_cm_fault, // SVCall: unused
    [14] = tt_cm_pendsv,
    [15] = TT_BOARD_SYSTICK,
    [16 ... 16 + TT_BOARD_LINES - 1] = tt_cm_interrupt,
};

static void first_thread(void *argument)
{
    (void)argument;
    tt_main();
}

void tt_reset(void)
{
    TELL_LINKER("tt_board_code", TT_BOARD_CODE); // no instruction
    TELL_LINKER("tt_board_data", TT_BOARD_DATA);
    CPACR |= CPACR_FPU; // first: compilers move words by its registers, too
    __asm__ volatile("dsb\n isb" ::: "memory");
    memcpy(tt_data_begin, tt_data_image, (size_t)(tt_data_end - tt_data_begin));
    memset(tt_bss_begin, 0, (size_t)(tt_bss_end - tt_bss_begin));
    __asm__ volatile("cpsid i");
    VTOR = (uint32_t)vectors;
    tt_cm_board_start();
    tt_kernel_start(first_thread, MAIN_PRIORITY);
}

// RAM keeps what it holds.
void tt_board_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    AIRCR = RESET_REQUEST;
    __asm__ volatile("dsb" ::: "memory");
    for (;;)
        ;
}

// Semihosting's SYS_EXIT_EXTENDED: under QEMU the process ends with the code; real boards need a
// debugger.
void tt_board_stop(int code)
{
    volatile uint32_t block[2] = {0x20026, (uint32_t)code};
    register uint32_t r0 __asm__("r0") = 0x20;
    register volatile uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" ::"r"(r0), "r"(r1) : "memory");
    for (;;)
        ;
}
