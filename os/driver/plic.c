// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0). Contexts alternate:
// machine and supervisor mode of hart 0, of hart 1, and so on.

#include "os/arch/arch.h"
#include "os/driver/plic.h"
#include "os/driver/registers.h"

#define PRIORITY(line) (registers + 4 * (line))
#define ENABLE(line) (registers + 0x2000 + 0x80 * context + 4 * ((line) / 32))
#define THRESHOLD (registers + 0x200000 + 0x1000 * context)
#define CLAIM (registers + 0x200004 + 0x1000 * context)

static uintptr_t registers;
static uint64_t context;

void tt_plic_init(uintptr_t base, uint64_t hart)
{
    registers = base;
    context = 2 * hart + 1;
    tt_register_set(THRESHOLD, 0);
}

bool tt_plic_enable(unsigned line)
{
    if (line == 0)
        return false; // it means that none is pending
    tt_register_set(PRIORITY(line), 1);
    tt_register_set(ENABLE(line), tt_register_get(ENABLE(line)) | 1u << line % 32);
    return true;
}

void tt_plic_handle(void)
{
    uint32_t line;
    while ((line = tt_register_get(CLAIM)) != 0) {
        tt_kernel_interrupt(line);
        tt_register_set(CLAIM, line); // complete: the line may come again
    }
}
