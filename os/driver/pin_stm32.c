#include "os/driver/pin_stm32.h"
#include "os/driver/registers.h"

#define MODE 0x00
#define FUNCTION_LOW 0x20 // of pins 0 to 7; those of 8 to 15 follow
#define MODE_FUNCTION 2u

static void set_field(uintptr_t address, unsigned place, unsigned bits, uint32_t value)
{
    uint32_t mask = ((1u << bits) - 1) << place * bits;
    tt_register_set(address, (tt_register_get(address) & ~mask) | value << place * bits);
}

void tt_stm32_use_pin(uintptr_t base, unsigned pin, uint32_t function)
{
    set_field(base + FUNCTION_LOW + pin / 8 * 4, pin % 8, 4, function);
    set_field(base + MODE, pin, 2, MODE_FUNCTION); // and only then leaves its old use
}
