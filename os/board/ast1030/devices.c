// The devices of the AST1030's evaluation board: SPI NOR flash as its medium, no Ethernet, no
// entropy.

#include <string.h>

#include "board.h"
#include "os/arch/arch.h"
#include "os/driver/spi_fmc.h"
#include "os/driver/spi_nor.h"
#include "tutti/board.h"
#include "tutti/kernel.h"

const char tt_board_name[] = "ast1030-evb";
const char tt_board_cpu[] = "Cortex-M4F";

static void say(const char *text)
{
    tt_console_write(text, strlen(text));
}

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    (void)arrived, (void)context;
    say("board: there is no Ethernet\n");
    return NULL;
}

static const tt_cm_region window = {TT_BOARD_MEDIUM};

static void let_write(bool may)
{
    tt_cm_window_write(window, may);
}

tt_medium *tt_board_medium(void)
{
    static tt_spi_fmc controller;
    static tt_spi_nor flash;
    tt_spi_fmc_init(&controller, TT_BOARD_FLASH_CONTROLLER, window.base, let_write);
    tt_status status = tt_spi_nor_start(&flash, &controller.spi, controller.window);
    if (status == TT_OK)
        return &flash.medium;
    say(status == TT_NOT_FOUND ? "board: no SPI flash answers\n"
        : status == TT_BUSY    ? "board: the SPI flash stays busy\n"
                               : "board: the SPI flash is of a kind that is not known\n");
    return NULL;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    (void)bytes, (void)length;
    return 0; // its randomness comes from tt_provision
}
