// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0). Contexts alternate:
// machine and supervisor mode of hart 0, of hart 1, and so on.

#include "os/arch/arch.h"
#include "os/driver/plic.h"

#define REGISTER(offset) (*(volatile uint32_t *)(registers + (offset)))
#define PRIORITY(line) REGISTER(4 * (line))
#define ENABLE(line) REGISTER(0x2000 + 0x80 * context + 4 * ((line) / 32))
#define THRESHOLD REGISTER(0x200000 + 0x1000 * context)
#define CLAIM REGISTER(0x200004 + 0x1000 * context)

static uintptr_t registers;
static uint64_t context;

void tt_plic_init(uintptr_t base, uint64_t hart)
{
    registers = base;
    context = 2 * hart + 1;
    THRESHOLD = 0;
}

bool tt_plic_enable(unsigned line)
{
    if (line == 0)
        return false; // it means that none is pending
    PRIORITY(line) = 1;
    ENABLE(line) |= 1u << line % 32;
    return true;
}

void tt_plic_handle(void)
{
    uint32_t line;
    while ((line = CLAIM) != 0) {
        tt_kernel_interrupt(line);
        CLAIM = line;
    }
}
