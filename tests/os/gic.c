// The interrupt controller of AArch64: while a handler runs its interrupt is active, so no other of
// its priority is signalled, and when it has returned none is active.

#include "os/board/virt_aarch64/board.h"
#include "tests/os/events.h"

#define IDLE 0xff // the running priority where no interrupt is active

static unsigned priority;
static volatile unsigned times;

static unsigned running_priority(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, s3_0_c12_c11_3" : "=r"(value)::"memory"); // ICC_RPR_EL1
    return (unsigned)value;
}

static void look(void)
{
    priority = running_priority();
}

static void handle(void *context)
{
    (void)context;
    look();
    times++;
}

// Lets the controller see a shared line, as its device would.
static void signal_line(unsigned line)
{
    *(volatile uint32_t *)(TT_BOARD_GIC_DISTRIBUTOR + 0x200 + 4 * (line / 32)) = 1u << line % 32;
}

void tt_main(void)
{
    const unsigned line = TT_BOARD_LINES - 1;
    in_interrupt(look);
    expect_true("the timer's interrupt is active while it is handled", priority < IDLE);
    expect_true("and not after it", running_priority() == IDLE);
    TT_CHECK(tt_interrupt_attach(line, handle, NULL) == TT_OK);
    for (unsigned i = 1; i <= 3; i++) {
        priority = IDLE;
        signal_line(line);
        busy_for(TT_MS(1));
        expect_true("a line's interrupt is active while it is handled", priority < IDLE);
        expect_true("once", times == i);
        expect_true("and not after it", running_priority() == IDLE);
    }
    finish("gic");
}
