// RISC-V 64's part of os/arch/arch.h: supervisor mode under an SBI firmware, one hart.
// References: RISC-V Privileged Architecture 1.12; RISC-V SBI 1.0, chapter 6 (timer).

#include <string.h>

#include "os/arch/arch.h"
#include "os/arch/pages.h"
#include "tutti/check.h"

#define READ_CSR(name)                                                                             \
    ({                                                                                             \
        uint64_t csr_value;                                                                        \
        __asm__ volatile("csrr %0, " #name : "=r"(csr_value));                                     \
        csr_value;                                                                                 \
    })
#define WRITE_CSR(name, value)                                                                     \
    __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define SET_CSR(name, value)                                                                       \
    __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

#define STATUS_SIE 2u
#define STATUS_SPIE 0x20u
#define STATUS_SPP 0x100u
#define STATUS_FS_DIRTY 0x6000u
#define IE_TIMER 0x20u
#define IE_EXTERNAL 0x200u
#define CAUSE_INTERRUPT (1ull << 63)
#define CAUSE_ILLEGAL 2
#define CAUSE_BREAKPOINT 3
#define NANOSECONDS_PER_TICK 100 // of the `time` counter: 10 MHz on the virt board
#define SBI_TIMER 0x54494d45

void tt_riscv_trap_entry(void);
void tt_arch_switch_from_thread(void);
_Noreturn void tt_riscv_start_next(void);
void tt_riscv_trap(tt_arch_context *context, uint64_t cause, uint64_t value);

static bool in_interrupt;

uintptr_t tt_arch_lock(void)
{
    uint64_t before;
    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(before)::"memory");
    return before & STATUS_SIE;
}

void tt_arch_unlock(uintptr_t state)
{
    SET_CSR(sstatus, state);
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
    c->x[0] = (uint64_t)enter;
    c->x[2] = ((uint64_t)stack + stack_bytes) & ~15ull;
    c->x[10] = (uint64_t)entry;
    c->x[11] = (uint64_t)argument;
    c->status = STATUS_SPP | STATUS_SPIE | STATUS_FS_DIRTY;
    tt_pages_unmap((uintptr_t)stack, TT_STACK_GUARD);
}

void tt_arch_guard_release(void *stack)
{
    tt_pages_map((uintptr_t)stack, TT_STACK_GUARD);
}

void tt_arch_switch(void)
{
    if (!in_interrupt) // else at the trap's end
        tt_arch_switch_from_thread();
}

_Noreturn void tt_arch_start(void)
{
    tt_riscv_start_next();
}

tt_time tt_arch_now(void)
{
    return (tt_time)(READ_CSR(time) * NANOSECONDS_PER_TICK);
}

void tt_arch_timer_set(tt_time deadline)
{
    uint64_t when = deadline == TT_FOREVER ? UINT64_MAX
                    : deadline <= 0        ? 0
                                           : (uint64_t)deadline / NANOSECONDS_PER_TICK + 1;
    register uint64_t a0 __asm__("a0") = when;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = SBI_TIMER;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a6), "r"(a7) : "a1", "memory");
}

void tt_arch_idle(void)
{
    __asm__ volatile("wfi"); // ends when an enabled interrupt is pending, locked or not
}

bool tt_arch_interrupt_enable(unsigned line)
{
    return tt_board_interrupt_enable(line);
}

static const char *fault_name(uint64_t cause)
{
    static const char *const names[] = {[0] = "unaligned instruction",
                                        [1] = "instruction access",
                                        [2] = "illegal instruction",
                                        [3] = "breakpoint",
                                        [4] = "unaligned load",
                                        [5] = "load access",
                                        [6] = "unaligned store",
                                        [7] = "store access",
                                        [12] = "instruction page",
                                        [13] = "load page",
                                        [15] = "store page"};
    return cause < TT_COUNT(names) && names[cause] != NULL ? names[cause] : "exception";
}

// Where the context was left; the registers stay until the next call.
static tt_place place_of(const tt_arch_context *c)
{
    static const char *const names[32] = {"pc", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                          "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                          "a6", "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                          "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    static tt_register registers[32];
    for (int i = 0; i < 32; i++)
        registers[i] = (tt_register){names[i], c->x[i]};
    const bool on_trap_stack = in_interrupt || tt_kernel_current == NULL;
    return (tt_place){.registers = registers,
                      .count = 32,
                      .stack_pointer = c->x[2],
                      .stack_low = (uintptr_t)tt_trap_guard + TT_STACK_GUARD,
                      .stack_end = on_trap_stack ? (uintptr_t)tt_trap_stack : 0,
                      .in_interrupt = in_interrupt};
}

static void fault(const tt_arch_context *c, uint64_t cause, uint64_t value)
{
    const tt_place place = place_of(c);
    if (cause == CAUSE_BREAKPOINT && tt_kernel_check_is_failing())
        tt_kernel_check_trapped(&place);
    // Of these, `value` is the instruction itself, or anything (3.1.16).
    bool is_address = cause != CAUSE_ILLEGAL && cause != CAUSE_BREAKPOINT;
    tt_kernel_fault(fault_name(cause), is_address ? value : c->x[0], &place);
}

void tt_riscv_trap(tt_arch_context *context, uint64_t cause, uint64_t value)
{
    if (!(cause & CAUSE_INTERRUPT))
        fault(context, cause, value);
    in_interrupt = true;
    if ((cause & 0xff) == 5)
        tt_kernel_tick();
    else if ((cause & 0xff) == 9)
        tt_board_external_interrupt();
    in_interrupt = false;
    tt_kernel_current = tt_kernel_next; // trap.S restores this one
}

__attribute__((noinline)) _Noreturn void tt_arch_check_failed(void)
{
    __asm__ volatile("ebreak");
    __builtin_unreachable();
}

tt_place tt_arch_place_of(const tt_thread *thread)
{
    in_interrupt = false; // what counts is the thread
    return place_of((const tt_arch_context *)thread);
}

_Noreturn void tt_arch_expire(void)
{
    const tt_place place = tt_arch_place_of(tt_kernel_current); // that was interrupted
    tt_kernel_expired(&place);
}

void tt_cpu_init(const tt_range *devices, unsigned count)
{
    static tt_arch_context nobody; // where a trap before the first thread saves
    WRITE_CSR(stvec, tt_riscv_trap_entry);
    WRITE_CSR(sscratch, &nobody);
    SET_CSR(sstatus, STATUS_FS_DIRTY);
    tt_pages_init(devices, count);
    tt_pages_unmap((uintptr_t)tt_trap_guard, TT_STACK_GUARD);
    SET_CSR(sie, IE_TIMER | IE_EXTERNAL);
    tt_check_set_handler(tt_kernel_check_handler);
}
