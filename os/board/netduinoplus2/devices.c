// The devices of the Netduino Plus 2: a line of a USART as its Ethernet, and no entropy.

#include "board.h"
#include "os/driver/pin_stm32.h"
#include "os/driver/usart_slip.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

#define LINE_BAUD 1000000 // which both of its clocks give exactly

const char tt_board_name[] = TT_BOARD_NAME; // of its folder
const char tt_board_cpu[] = "Cortex-M4F";

static tt_usart_slip ethernet;

static void on_interrupt(void *context)
{
    tt_usart_slip_interrupt(context);
}

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    uint8_t mac[6];
    tt_provision_make_mac(tt_provision.seed, mac);
    tt_stm32_use_pin(TT_BOARD_GPIO_A, 2, TT_STM32_USART1_TO_3);
    tt_stm32_use_pin(TT_BOARD_GPIO_A, 3, TT_STM32_USART1_TO_3);
    tt_usart_slip_init(&ethernet, TT_BOARD_USART2, tt_board_clocks_now()->apb1_hz / LINE_BAUD, mac);
    ethernet.ethernet.arrived = arrived;
    ethernet.ethernet.arrived_context = context;
    tt_status status = tt_interrupt_attach(TT_BOARD_USART2_LINE, on_interrupt, &ethernet);
    TT_CHECK(status == TT_OK); // the board has the line
    return &ethernet.ethernet;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    (void)bytes, (void)length;
    return 0; // its randomness comes from tt_provision
}
