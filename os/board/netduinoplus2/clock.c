// The clocks of the STM32F405 (ST RM0090, 7): crystal or internal oscillator, PLL, 168 MHz.
//
// A flag that never comes ends its wait: the board goes on more slowly, and says so by its clocks.
// A register of clocks that reads 0 is none, since the CPU runs by one of them: so it is under
// QEMU, which has no such registers (7.2) or no clocks behind them, and runs at 168 MHz from the
// start.

#include <stdbool.h>

#include "board.h"
#include "os/driver/registers.h"

#define CONTROL (TT_BOARD_RCC + 0x00)
#define PLL (TT_BOARD_RCC + 0x04)
#define CONFIGURATION (TT_BOARD_RCC + 0x08)
#define FLASH_ACCESS TT_BOARD_FLASH

#define AHB1_ENABLE (TT_BOARD_RCC + 0x30)
#define APB1_ENABLE (TT_BOARD_RCC + 0x40)
#define APB2_ENABLE (TT_BOARD_RCC + 0x44)
#define GPIO_A_AND_B (1u << 0 | 1u << 1)
#define USART2 (1u << 17)
#define USART1 (1u << 4)

#define CRYSTAL_ON (1u << 16)
#define CRYSTAL_READY (1u << 17)
#define PLL_ON (1u << 24)
#define PLL_READY (1u << 25)
#define PLL_FROM_CRYSTAL (1u << 22)
#define INTERNAL_MHZ 16
#define FLASH_AT_168_MHZ (5u | 7u << 8) // five wait states; prefetch and both caches
#define APB1_BY_4 (5u << 10)
#define APB2_BY_2 (4u << 13)
#define SWITCH_TO_PLL 2u
#define SWITCHED_TO_PLL (2u << 2)
#define SWITCHED (3u << 2)

#define SPINS_MAX 200000 // at 16 MHz some 100 ms; a crystal takes a few

static bool wait_for(uintptr_t address, uint32_t mask, uint32_t value)
{
    for (int spins = 0; spins < SPINS_MAX; spins++)
        if ((tt_register_get(address) & mask) == value)
            return true;
    return false;
}

static void set_bits(uintptr_t address, uint32_t bits)
{
    tt_register_set(address, tt_register_get(address) | bits);
}

// 1 MHz into the PLL, 336 MHz inside, half of that out, and 48 MHz for what wants them.
static uint32_t pll_from(uint32_t megahertz)
{
    return megahertz | 336u << 6 | 7u << 24;
}

static const tt_board_clocks full = {168000000, 42000000, 84000000},
                             slow = {16000000, 16000000, 16000000};

static const tt_board_clocks *speed_up(void)
{
    if (tt_register_get(CONTROL) == 0)
        return &full;
    set_bits(CONTROL, CRYSTAL_ON);
    bool crystal = wait_for(CONTROL, CRYSTAL_READY, CRYSTAL_READY);
    tt_register_set(PLL, crystal ? pll_from(TT_BOARD_CRYSTAL_MHZ) | PLL_FROM_CRYSTAL
                                 : pll_from(INTERNAL_MHZ));
    set_bits(CONTROL, PLL_ON);
    if (!wait_for(CONTROL, PLL_READY, PLL_READY))
        return &slow;
    tt_register_set(FLASH_ACCESS, FLASH_AT_168_MHZ); // before the CPU is faster than it
    tt_register_set(CONFIGURATION, APB1_BY_4 | APB2_BY_2 | SWITCH_TO_PLL);
    if (wait_for(CONFIGURATION, SWITCHED, SWITCHED_TO_PLL))
        return &full;
    tt_register_set(CONFIGURATION, 0);
    return &slow;
}

static const tt_board_clocks *clocks = &slow;

void tt_board_clock_start(void)
{
    clocks = speed_up();
    set_bits(AHB1_ENABLE, GPIO_A_AND_B);
    set_bits(APB1_ENABLE, USART2);
    set_bits(APB2_ENABLE, USART1);
}

const tt_board_clocks *tt_board_clocks_now(void)
{
    return clocks;
}
