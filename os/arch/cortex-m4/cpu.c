// The Cortex-M4F's part of os/arch/arch.h. References: ARMv7-M Architecture Reference Manual, B1
// and B3.
//
// Locking is PRIMASK (context.h): WFI still wakes for a pending interrupt, so idling needs no
// race-free trick. A fault while locked escalates to HardFault, which is handled alike.

#include <string.h>

#include "os/arch/arch.h"
#include "tutti/check.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define ICSR REGISTER(0xe000ed04)
#define CCR REGISTER(0xe000ed14)
#define SHPR3 REGISTER(0xe000ed20)
#define SHCSR REGISTER(0xe000ed24)
#define CFSR REGISTER(0xe000ed28)
#define HFSR REGISTER(0xe000ed2c)
#define MMFAR REGISTER(0xe000ed34)
#define BFAR REGISTER(0xe000ed38)
#define MPU_CTRL REGISTER(0xe000ed94)
#define MPU_RBAR REGISTER(0xe000ed9c)
#define MPU_RASR REGISTER(0xe000eda0)
#define NVIC_ENABLE(line) REGISTER(0xe000e100 + 4 * ((line) / 32))
#define NVIC_PRIORITY(line) (*(volatile uint8_t *)(0xe000e400 + (line)))

#define FPCAR REGISTER(0xe000ef38)

#define CCR_THREAD_FROM_ANY 1u      // NONBASETHRDENA
#define ICSR_NMI_PENDING (1u << 31) // set by writing
#define NMI 2
#define CFSR_NO_FRAME (1u << 3 | 1u << 4 | 1u << 11 | 1u << 12) // [M]UNSTKERR, [M]STKERR
#define CFSR_LAZY (1u << 5 | 1u << 13)                          // MLSPERR, LSPERR
#define CFSR_UNDEFINED (1u << 16)
#define RBAR_VALID (1u << 4)
#define GUARD_REGION 7 // the highest number wins where regions overlap
#define WINDOW_REGION 5
#define GUARD_LOG2 10            // of TT_STACK_GUARD
#define NOWHERE 0xe0000000u      // the CPU's own registers, which no region covers (B3.5)
#define CHECK_INSTRUCTION 0xde54 // udf #0x54, below

enum { R0, R1, R2, R3, R12, LR, PC, XPSR, FRAME_WORDS };
#define FLOAT_WORDS 18         // more of a frame with FPU state: s0-s15, FPSCR, one unused
#define XPSR_ALIGNED (1u << 9) // a word lies between the frame and what was there before

void tt_arch_context_init(tt_arch_context *context, void *stack, size_t stack_bytes,
                          void (*entry)(void *argument), void *argument)
{
    uintptr_t top = (uintptr_t)stack + stack_bytes;
    uint32_t *frame = (uint32_t *)(top & ~(uintptr_t)7) - FRAME_WORDS;
    memset(frame, 0, FRAME_WORDS * sizeof(*frame));
    frame[R0] = (uint32_t)argument;
    frame[LR] = (uint32_t)tt_thread_exit; // where returning from entry leads
    frame[PC] = (uint32_t)entry & ~1u;
    frame[XPSR] = 1u << 24;      // Thumb
    uint32_t *saved = frame - 9; // r4-r11 and EXC_RETURN, as switch.S restores them
    memset(saved, 0, 9 * sizeof(*saved));
    saved[8] = 0xfffffffd; // thread mode, process stack, no FPU state
    context->stack_pointer = saved;
    context->guard = (uint32_t)stack | RBAR_VALID | GUARD_REGION;
}

void tt_arch_guard_release(void *stack)
{
    (void)stack; // the one region moves with the switch to the next thread
}

_Noreturn void tt_arch_start(void)
{
    tt_arch_switch();
    __asm__ volatile("dsb\n cpsie i\n isb");
    for (;;)
        ;
}

void tt_arch_idle(void)
{
    __asm__ volatile("dsb\n wfi");
}

bool tt_arch_interrupt_enable(unsigned line)
{
    NVIC_PRIORITY(line) = 0x80; // below faults, above PendSV
    NVIC_ENABLE(line) = 1u << line % 32;
    return true;
}

void tt_cm_interrupt(void); // in the vector table
void tt_cm_interrupt(void)
{
    uint32_t ipsr;
    __asm__ volatile("mrs %0, ipsr" : "=r"(ipsr));
    tt_kernel_interrupt((ipsr & 0x1ff) - 16);
}

// Code executes and is never written, data is written and never executes; where regions overlap the
// higher number wins, and where there is none every access faults (B3.5). Not subject to the MPU
// are the reading of exception vectors and the CPU's own registers from 0xe0000000 on (B3.5),
// which never execute.
static void protect(uint32_t number, tt_cm_region region, uint32_t access)
{
    if (region.log2 == 0)
        return;
    MPU_RBAR = region.base | RBAR_VALID | number;
    MPU_RASR = access | (region.log2 - 1) << 1 | 1;
}

#define ACCESS_NONE (1u << 28)
#define ACCESS_READ_EXECUTE (6u << 24 | 1u << 17)
#define ACCESS_READ_WRITE (1u << 28 | 3u << 24 | 1u << 18 | 1u << 17)
#define ACCESS_READ (1u << 28 | 6u << 24 | 1u << 18 | 1u << 17)
#define ACCESS_DEVICES (1u << 28 | 3u << 24 | 1u << 18 | 1u << 16)

void tt_cm_init(const tt_cm_map *map)
{
    SHPR3 = 0xffu << 16 | 0x80u << 24; // PendSV last of all
    SHCSR |= 7u << 16;                 // memory, bus and usage faults have vectors of their own
    CCR |= CCR_THREAD_FROM_ANY;        // a dump goes on in thread mode, see tt_cm_fault
    protect(0, map->code, ACCESS_READ_EXECUTE);
    protect(1, map->data, ACCESS_READ_WRITE);
    protect(2, map->devices, ACCESS_DEVICES);
    protect(3, map->null, ACCESS_NONE);
    protect(4, map->more_data, ACCESS_READ_WRITE);
    protect(WINDOW_REGION, map->window, ACCESS_READ);
    // Until the first switch places it. The stack of exceptions needs none: it is the first of the
    // data, and below those there is no region.
    protect(GUARD_REGION, (tt_cm_region){NOWHERE, GUARD_LOG2}, ACCESS_NONE);
    __asm__ volatile("dmb" ::: "memory");
    MPU_CTRL = 1; // on, with nothing behind the regions
    __asm__ volatile("dsb\n isb" ::: "memory");
    tt_check_set_handler(tt_kernel_check_handler);
}

void tt_cm_window_write(tt_cm_region window, bool may)
{
    uintptr_t lock = tt_arch_lock(); // a switch between the two registers would turn to the guard's
    protect(WINDOW_REGION, window, may ? ACCESS_READ_WRITE : ACCESS_READ);
    __asm__ volatile("dsb\n isb" ::: "memory");
    tt_arch_unlock(lock);
}

static const char *fault_name(uint32_t status)
{
    static const struct {
        uint32_t any; // of CFSR's bits (B3.2.15); the first that fits
        const char *name;
    } names[] = {
        {1u << 4, "memory protection while saving registers"},
        {1u << 12, "bus error while saving registers"},
        {1u << 5, "memory protection while saving FPU registers"},
        {1u << 13, "bus error while saving FPU registers"},
        {1u << 3, "memory protection while restoring registers"},
        {1u << 11, "bus error while restoring registers"},
        {0xff, "memory protection"},
        {0xff00, "bus error"},
        {1u << 24, "unaligned access"},
        {1u << 25, "division by zero"},
        {0xffff0000, "illegal instruction"},
    };
    for (unsigned i = 0; i < TT_COUNT(names); i++)
        if (status & names[i].any)
            return names[i].name;
    return "hard fault";
}

static uint32_t fault_address(uint32_t status, uint32_t frame_address, uint32_t pc)
{
    if (status & CFSR_NO_FRAME)
        return frame_address;
    if (status & CFSR_LAZY)
        return FPCAR;
    return status & 0x80 ? MMFAR : status & 0x8000 ? BFAR : pc;
}

// Where the stack pointer was before the CPU put its frame there (B1.5.6, B1.5.7).
static uint32_t stack_before(const uint32_t *frame, uint32_t frame_address, uint32_t exc_return)
{
    uint32_t words = FRAME_WORDS + (exc_return & 16 ? 0 : FLOAT_WORDS);
    words += frame[XPSR] & XPSR_ALIGNED ? 1 : 0;
    return frame_address + words * sizeof(uint32_t);
}

// r3 to r11 and EXC_RETURN of what the timer's interrupt came upon (systick.S), while that runs.
const uint32_t *volatile tt_cm_interrupted;
#define INTERRUPTED_HIGH 1 // r4
#define INTERRUPTED_RETURN 9

// `exception`: the number of that which brought us here.
void tt_cm_fault_handler(const uint32_t *frame, uint32_t exc_return, const uint32_t *high,
                         uint32_t exception);
void tt_cm_fault_handler(const uint32_t *frame, uint32_t exc_return, const uint32_t *high,
                         uint32_t exception)
{
    static const uint32_t none[FRAME_WORDS];
    uint32_t status = CFSR;
    const uint32_t *interrupted = tt_cm_interrupted;
    if (exception == NMI && interrupted != NULL && (interrupted[INTERRUPTED_RETURN] & 4)) {
        // By tt_arch_expire: not the timer's interrupt matters, but the thread below it.
        __asm__("mrs %0, psp" : "=r"(frame));
        exc_return = interrupted[INTERRUPTED_RETURN];
        high = interrupted + INTERRUPTED_HIGH;
    }
    uint32_t frame_address = (uint32_t)frame;
    bool has_frame = !(status & CFSR_NO_FRAME) && frame_address >= (uint32_t)tt_exception_stack_low;
    if (!has_frame)
        frame = none;
    MPU_CTRL = 0; // the frame may lie in the guard
    __asm__ volatile("dsb\n isb");
    uint32_t before = stack_before(frame, frame_address, exc_return);
    const tt_register registers[] = {
        {"pc", frame[PC]}, {"lr", frame[LR]}, {"r0", frame[R0]},   {"r1", frame[R1]},
        {"r2", frame[R2]}, {"r3", frame[R3]}, {"r12", frame[R12]}, {"xpsr", frame[XPSR]},
        {"sp", before},    {"r4", high[0]},   {"r5", high[1]},     {"r6", high[2]},
        {"r7", high[3]},   {"r8", high[4]},   {"r9", high[5]},     {"r10", high[6]},
        {"r11", high[7]},  {"cfsr", status},  {"hfsr", HFSR},
    };
    unsigned lost = has_frame ? 0 : FRAME_WORDS; // what only the frame has comes first
    const tt_place place = {
        .registers = registers + lost,
        .count = TT_COUNT(registers) - lost,
        .stack_pointer = before,
        .stack_low = (uintptr_t)tt_exception_stack_low,
        .stack_end = exc_return & 4 ? 0 : (uintptr_t)tt_exception_stack,
        .in_interrupt = !(exc_return & 8),
    };
    if (exception == NMI)
        tt_kernel_expired(&place);
    // Only an instruction that was fetched can be looked at.
    if (has_frame && (status & CFSR_UNDEFINED) &&
        *(const uint16_t *)frame[PC] == CHECK_INSTRUCTION && tt_kernel_check_is_failing())
        tt_kernel_check_trapped(&place);
    tt_kernel_fault(fault_name(status), fault_address(status, frame_address, frame[PC]), &place);
}

__attribute__((noinline)) _Noreturn void tt_arch_check_failed(void)
{
    __asm__ volatile("udf #0x54");
    __builtin_unreachable();
}

// As switch.S has saved it: r4-r11, EXC_RETURN, s16-s31 where the FPU was in use, the CPU's frame.
tt_place tt_arch_place_of(const tt_thread *thread)
{
    static tt_register registers[11];
    static const char *const names[] = {"r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"};
    const uint32_t *saved = ((const tt_arch_context *)thread)->stack_pointer;
    bool has_floats = !(saved[8] & 16);
    const uint32_t *frame = saved + 9 + (has_floats ? 16 : 0);
    uintptr_t above = (uintptr_t)(frame + FRAME_WORDS + (has_floats ? 18 : 0));
    above += frame[XPSR] >> 9 & 1 ? sizeof(uint32_t) : 0; // the CPU has aligned its frame
    registers[0] = (tt_register){"pc", frame[PC]};
    registers[1] = (tt_register){"lr", frame[LR]};
    registers[2] = (tt_register){"sp", above};
    for (unsigned i = 0; i < TT_COUNT(names); i++)
        registers[3 + i] = (tt_register){names[i], saved[i]};
    return (tt_place){.registers = registers, .count = TT_COUNT(registers), .stack_pointer = above};
}

_Noreturn void tt_arch_expire(void)
{
    ICSR = ICSR_NMI_PENDING;
    __asm__ volatile("dsb\n isb");
    for (;;)
        ;
}
