// A Linux process as a CPU: signals are its interrupts, ucontexts its threads.
//
// Locking costs no system call: a flag says that the kernel is busy, and a signal that finds it set
// only notes what happened; unlocking sees to it. A signal that finds it clear handles the
// interrupt on the interrupted thread's stack and may switch away from there: the thread goes on
// when it is switched back. Kernel threads call neither malloc nor stdio, which are not made for
// being left in the middle.

#define _GNU_SOURCE // REG_RIP and its kin

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "os/arch/arch.h"
#include "tutti/check.h"

#define RED_ZONE 128 // bytes below the stack pointer that a function of x86-64 may use

static volatile sig_atomic_t locked = 1; // from the first instruction on
static volatile sig_atomic_t tick_pending, read_pending;
static volatile sig_atomic_t in_interrupt;
static volatile sig_atomic_t check_is_failing, has_expired;
static const ucontext_t *interrupted; // by the signal that is handled; NULL: noticed when unlocking
static timer_t alarm_timer;
static unsigned read_lines[TT_LINUX_LINES];
static unsigned read_line_count;

static void handle_pending(void)
{
    in_interrupt = 1;
    while (tick_pending || read_pending) {
        if (tick_pending) {
            tick_pending = 0;
            tt_kernel_tick();
        }
        if (read_pending) {
            read_pending = 0;
            for (unsigned i = 0; i < read_line_count; i++)
                tt_kernel_interrupt(read_lines[i]);
        }
    }
    in_interrupt = 0;
    interrupted = NULL;
}

uintptr_t tt_arch_lock(void)
{
    uintptr_t was = (uintptr_t)locked;
    locked = 1;
    __asm__ volatile("" ::: "memory");
    return was;
}

void tt_arch_unlock(uintptr_t state)
{
    __asm__ volatile("" ::: "memory");
    if (state)
        return;
    for (;;) {
        if (tick_pending || read_pending)
            handle_pending(); // still locked: what comes meanwhile is seen by its loop
        if (tt_kernel_next != tt_kernel_current)
            tt_arch_switch();
        locked = 0;
        __asm__ volatile("" ::: "memory");
        if (!tick_pending && !read_pending)
            return;
        locked = 1; // a signal came between the last look and the clearing
    }
}

bool tt_arch_in_interrupt(void)
{
    return in_interrupt;
}

// Interrupt handlers lock and unlock too: their unlocking must neither clear the flag nor switch.
void tt_arch_switch(void)
{
    tt_arch_context *from = (tt_arch_context *)tt_kernel_current;
    if (in_interrupt)
        return; // when the last of the pending is handled
    tt_kernel_current = tt_kernel_next;
    swapcontext(&from->state, &((tt_arch_context *)tt_kernel_next)->state);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)info;
    int saved = errno;
    if (signal == SIGALRM)
        tick_pending = 1;
    else
        read_pending = 1;
    if (!locked) {
        locked = 1;
        interrupted = context;
        tt_arch_unlock(0); // handles it, perhaps on another thread first
    }
    errno = saved;
}

// The first thing that a thread runs: locked, as every switch leaves it.
static void thread_entry(void)
{
    tt_arch_context *self = (tt_arch_context *)tt_kernel_current;
    tt_arch_unlock(0);
    self->entry(self->argument);
    tt_thread_exit();
}

void tt_arch_context_init(tt_arch_context *context, void *stack, size_t stack_bytes,
                          void (*entry)(void *argument), void *argument)
{
    int refused = mprotect(stack, TT_STACK_GUARD, PROT_NONE);
    TT_CHECK(refused == 0);
    getcontext(&context->state);
    context->state.uc_stack.ss_sp = (char *)stack + TT_STACK_GUARD;
    context->state.uc_stack.ss_size = stack_bytes - TT_STACK_GUARD;
    context->state.uc_link = NULL;
    sigemptyset(&context->state.uc_sigmask);
    context->entry = entry;
    context->argument = argument;
    makecontext(&context->state, thread_entry, 0);
}

void tt_arch_guard_release(void *stack)
{
    int refused = mprotect(stack, TT_STACK_GUARD, PROT_READ | PROT_WRITE);
    TT_CHECK(refused == 0);
}

_Noreturn void tt_arch_start(void)
{
    tt_kernel_current = tt_kernel_next;
    setcontext(&((tt_arch_context *)tt_kernel_current)->state);
    abort();
}

tt_time tt_arch_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return TT_SECONDS(now.tv_sec) + now.tv_nsec;
}

void tt_arch_timer_set(tt_time deadline)
{
    struct itimerspec when = {0};
    if (deadline != TT_FOREVER) {
        deadline = deadline > 0 ? deadline : 1; // zero would disarm it
        when.it_value.tv_sec = deadline / 1000000000;
        when.it_value.tv_nsec = deadline % 1000000000;
    }
    timer_settime(alarm_timer, TIMER_ABSTIME, &when, NULL);
}

void tt_arch_idle(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); // so that nothing comes between the look and the sleep
    if (!tick_pending && !read_pending) {
        sigset_t none;
        sigemptyset(&none);
        sigsuspend(&none);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

bool tt_arch_interrupt_enable(unsigned line)
{
    (void)line; // by tt_linux_interrupt_on_read
    return true;
}

_Bool tt_linux_interrupt_on_read(int descriptor, unsigned line)
{
    if (read_line_count == TT_LINUX_LINES)
        return false;
    read_lines[read_line_count++] = line;
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETOWN, getpid()) == 0 &&
           fcntl(descriptor, F_SETFL, flags | O_ASYNC | O_NONBLOCK) == 0;
}

#if defined(__x86_64__)
static void collect(const ucontext_t *state, tt_register *registers, tt_place *place)
{
    static const struct {
        const char *name;
        int index;
    } names[] = {{"pc", REG_RIP},  {"sp", REG_RSP},  {"rbp", REG_RBP}, {"rax", REG_RAX},
                 {"rbx", REG_RBX}, {"rcx", REG_RCX}, {"rdx", REG_RDX}, {"rsi", REG_RSI},
                 {"rdi", REG_RDI}, {"r8", REG_R8},   {"r9", REG_R9},   {"r10", REG_R10},
                 {"r11", REG_R11}, {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14},
                 {"r15", REG_R15}};
    place->count = TT_COUNT(names);
    for (unsigned i = 0; i < place->count; i++)
        registers[i] =
            (tt_register){names[i].name, (uintptr_t)state->uc_mcontext.gregs[names[i].index]};
    place->stack_pointer = (uintptr_t)state->uc_mcontext.gregs[REG_RSP];
}
#else // a host on AArch64
static void collect(const ucontext_t *state, tt_register *registers, tt_place *place)
{
    registers[0] = (tt_register){"pc", state->uc_mcontext.pc};
    registers[1] = (tt_register){"sp", state->uc_mcontext.sp};
    registers[2] = (tt_register){"x29", state->uc_mcontext.regs[29]};
    registers[3] = (tt_register){"lr", state->uc_mcontext.regs[30]};
    place->count = 4;
    place->stack_pointer = state->uc_mcontext.sp;
}
#endif

// Where a signal's frame did not fit on the stack the host gives no address: it is the frame's.
static uintptr_t fault_address(const siginfo_t *info, uintptr_t stack_pointer)
{
    const tt_arch_context *thread = (const tt_arch_context *)tt_kernel_current;
    uintptr_t address = (uintptr_t)info->si_addr;
    if (info->si_code == SI_KERNEL && thread != NULL) {
        uintptr_t end = (uintptr_t)thread->state.uc_stack.ss_sp; // the guard is below
        uintptr_t frame = stack_pointer - RED_ZONE - (uintptr_t)sysconf(_SC_MINSIGSTKSZ);
        if (frame < end && frame >= end - TT_STACK_GUARD)
            address = frame;
    }
    return address;
}

// Runs on a stack of its own (sigaltstack), so an overflown one can be reported.
static void on_fault(int signal, siginfo_t *info, void *context)
{
    tt_register registers[32];
    tt_place place = {.registers = registers, .in_interrupt = in_interrupt};
    collect(context, registers, &place);
    if (has_expired)
        tt_kernel_expired(&place);
    if (check_is_failing)
        tt_kernel_check_trapped(&place);
    const char *what = signal == SIGSEGV  ? "memory protection"
                       : signal == SIGILL ? "illegal instruction"
                       : signal == SIGFPE ? "arithmetic"
                                          : "bus error";
    tt_kernel_fault(what, fault_address(info, place.stack_pointer), &place);
}

__attribute__((noinline)) _Noreturn void tt_arch_check_failed(void)
{
    check_is_failing = 1;
    __builtin_trap();
}

static tt_place place_of(const ucontext_t *state)
{
    static tt_register registers[32];
    tt_place place = {.registers = registers};
    collect(state, registers, &place);
    return place;
}

tt_place tt_arch_place_of(const tt_thread *thread)
{
    return place_of(&((const tt_arch_context *)thread)->state);
}

_Noreturn void tt_arch_expire(void)
{
    if (interrupted != NULL) {
        const tt_place place = place_of(interrupted);
        tt_kernel_expired(&place);
    }
    has_expired = 1; // in the call that unlocks: the trap shows where
    __builtin_trap();
}

void tt_linux_cpu_init(void)
{
    static uint8_t fault_stack[64 * 1024];
    stack_t alternative = {.ss_sp = fault_stack, .ss_size = sizeof(fault_stack)};
    sigaltstack(&alternative, NULL);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction fault = {.sa_sigaction = on_fault,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigfillset(&action.sa_mask);
    sigfillset(&fault.sa_mask);
    for (unsigned i = 0; i < TT_COUNT(faults); i++) {
        sigdelset(&action.sa_mask, faults[i]); // a blocked fault ends the process without a dump
        sigdelset(&fault.sa_mask, faults[i]);  // one while dumping, too
    }
    for (unsigned i = 0; i < TT_COUNT(faults); i++)
        sigaction(faults[i], &fault, NULL);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGIO, &action, NULL);
    sigset_t none; // the life before this one ended with all blocked, and what came since waits
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    if (timer_create(CLOCK_MONOTONIC, &event, &alarm_timer) != 0)
        abort();
    tt_check_set_handler(tt_kernel_check_handler);
}
