// AArch64's part of os/arch/arch.h: EL1, one core. Reference: Arm Architecture Reference Manual for
// A-profile, D1 (exceptions), D11 (generic timer).

#include <string.h>

#include "os/arch/arch.h"
#include "os/arch/pages.h"
#include "tutti/check.h"

#define READ(name)                                                                                 \
    ({                                                                                             \
        uint64_t register_value;                                                                   \
        __asm__ volatile("mrs %0, " #name : "=r"(register_value));                                 \
        register_value;                                                                            \
    })
#define WRITE(name, value)                                                                         \
    __asm__ volatile("msr " #name ", %0\n isb" ::"r"((uint64_t)(value)) : "memory")

#define DAIF_IRQ 0x80u
#define STATUS_EL1_ON_SP_EL0 4u
#define CLASS_BREAKPOINT 0x3c // of ESR_EL1: brk
#define TIMER_ENABLE 1u

enum { FROM_THREAD, INTERRUPT, UNEXPECTED, FROM_HANDLER };

void tt_arch_switch_from_thread(void);
_Noreturn void tt_a64_start_next(void);
void tt_a64_trap(tt_arch_context *context, uint64_t kind);
extern uint8_t tt_a64_vectors[];
tt_arch_context tt_a64_nobody; // where an exception before the first thread saves

static bool in_interrupt;
static uint64_t nanoseconds_per_tick;

uintptr_t tt_arch_lock(void)
{
    uint64_t before = READ(daif);
    __asm__ volatile("msr daifset, #2" ::: "memory");
    return before;
}

void tt_arch_unlock(uintptr_t state)
{
    __asm__ volatile("msr daif, %0" ::"r"(state) : "memory");
}

bool tt_arch_in_interrupt(void)
{
    return in_interrupt;
}

static void enter(void (*entry)(void *argument), void *argument)
{
    entry(argument);
    tt_thread_exit();
}

void tt_arch_context_init(tt_arch_context *c, void *stack, size_t stack_bytes,
                          void (*entry)(void *argument), void *argument)
{
    memset(c, 0, sizeof(*c));
    c->x[0] = (uint64_t)entry;
    c->x[1] = (uint64_t)argument;
    c->pc = (uint64_t)enter;
    c->sp = ((uint64_t)stack + stack_bytes) & ~15ull;
    c->status = STATUS_EL1_ON_SP_EL0; // interrupts on
    tt_pages_unmap((uintptr_t)stack, TT_STACK_GUARD);
}

void tt_arch_guard_release(void *stack)
{
    tt_pages_map((uintptr_t)stack, TT_STACK_GUARD);
}

void tt_arch_switch(void)
{
    if (!in_interrupt) // else at the exception's end
        tt_arch_switch_from_thread();
}

_Noreturn void tt_arch_start(void)
{
    tt_a64_start_next();
}

tt_time tt_arch_now(void)
{
    __asm__ volatile("isb"); // the counter must not be read early
    return (tt_time)(READ(cntvct_el0) * nanoseconds_per_tick);
}

void tt_arch_timer_set(tt_time deadline)
{
    if (deadline == TT_FOREVER) {
        WRITE(cntv_ctl_el0, 0);
        return;
    }
    WRITE(cntv_cval_el0, deadline <= 0 ? 0 : (uint64_t)deadline / nanoseconds_per_tick + 1);
    WRITE(cntv_ctl_el0, TIMER_ENABLE);
}

void tt_a64_timer_interrupt(void)
{
    WRITE(cntv_ctl_el0, 0); // until the next deadline
    tt_kernel_tick();
}

void tt_arch_idle(void)
{
    __asm__ volatile("dsb sy\n wfi");
}

bool tt_arch_interrupt_enable(unsigned line)
{
    return tt_board_interrupt_enable(line);
}

static const char *fault_name(uint64_t class)
{
    switch (class) {
    case 0x0e:
        return "illegal state";
    case 0x20:
    case 0x21:
        return "instruction page";
    case 0x22:
        return "unaligned instruction";
    case 0x24:
    case 0x25:
        return "data page";
    case 0x26:
        return "unaligned stack";
    case 0x00:
        return "illegal instruction";
    case CLASS_BREAKPOINT:
        return "breakpoint";
    default:
        return "exception";
    }
}

// Aborts and a program counter that is not aligned; of the others, FAR_EL1 says nothing.
static bool has_address(uint64_t class)
{
    return class >= 0x20 && class <= 0x25;
}

// Where the context was left; the registers stay until the next call.
static tt_place place_of(const tt_arch_context *c, uint64_t kind)
{
    static const char *const names[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",
                                        "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
                                        "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
                                        "x24", "x25", "x26", "x27", "x28", "x29", "lr"};
    static tt_register registers[TT_COUNT(names) + 4];
    unsigned count = 0;
    registers[count++] = (tt_register){"pc", c->pc};
    registers[count++] = (tt_register){"sp", c->sp};
    for (unsigned i = 0; i < TT_COUNT(names); i++)
        registers[count++] = (tt_register){names[i], c->x[i]};
    registers[count++] = (tt_register){"esr", READ(esr_el1)};
    return (tt_place){.registers = registers,
                      .count = count,
                      .stack_pointer = c->sp,
                      .stack_low = (uintptr_t)tt_trap_guard + TT_STACK_GUARD,
                      .stack_end = kind == FROM_HANDLER ? (uintptr_t)tt_trap_stack : 0,
                      .in_interrupt = in_interrupt};
}

static void fault(const tt_arch_context *c, uint64_t kind)
{
    const tt_place place = place_of(c, kind);
    uint64_t class = READ(esr_el1) >> 26 & 0x3f;
    if (class == CLASS_BREAKPOINT && tt_kernel_check_is_failing())
        tt_kernel_check_trapped(&place);
    tt_kernel_fault(fault_name(class), has_address(class) ? READ(far_el1) : c->pc, &place);
}

void tt_a64_trap(tt_arch_context *context, uint64_t kind)
{
    if (kind != INTERRUPT)
        fault(context, kind);
    in_interrupt = true;
    tt_board_external_interrupt();
    in_interrupt = false;
    tt_kernel_current = tt_kernel_next; // trap.S restores this one
}

__attribute__((noinline)) _Noreturn void tt_arch_check_failed(void)
{
    __asm__ volatile("brk #0x54");
    __builtin_unreachable();
}

tt_place tt_arch_place_of(const tt_thread *thread)
{
    in_interrupt = false; // what counts is the thread
    return place_of((const tt_arch_context *)thread, FROM_THREAD);
}

_Noreturn void tt_arch_expire(void)
{
    const tt_place place = tt_arch_place_of(tt_kernel_current); // that was interrupted
    tt_kernel_expired(&place);
}

void tt_cpu_init(const tt_range *devices, unsigned count)
{
    WRITE(vbar_el1, tt_a64_vectors);
    nanoseconds_per_tick = 1000000000 / READ(cntfrq_el0);
    tt_check_set_handler(tt_kernel_check_handler);
    TT_CHECK(nanoseconds_per_tick * READ(cntfrq_el0) == 1000000000); // 62.5 MHz: 16 ns, exactly
    tt_pages_init(devices, count);
    tt_pages_unmap((uintptr_t)tt_trap_guard, TT_STACK_GUARD);
}
