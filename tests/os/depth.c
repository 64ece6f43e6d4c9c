// Ten calls deep, each with floating-point values of its own that live across the next, something
// reads where no memory is: the dump must lead through all ten, though the CPU saves an FPU's state
// in a frame of another size. In a thread, or in an interrupt that comes while a thread computes
// (DEPTH_IN_INTERRUPT; the linker puts our tick in front of the kernel's).

#include "tutti/check.h"
#include "tutti/kernel.h"

static const volatile float *volatile nowhere = (const float *)0x5a5a5a58;
static volatile float factor = 1.5f, result;

void __real_tt_kernel_tick(void);
void __wrap_tt_kernel_tick(void);

__attribute__((noinline)) static float call0(float a, float b)
{
    return a * b + *nowhere;
}

#define CALL(name, next)                                                                           \
    __attribute__((noinline)) static float name(float a, float b)                                  \
    {                                                                                              \
        float c = a * b + factor, d = a - b * factor;                                              \
        return next(c, d) * c + d * a - b;                                                         \
    }
CALL(call1, call0)
CALL(call2, call1)
CALL(call3, call2)
CALL(call4, call3)
CALL(call5, call4)
CALL(call6, call5)
CALL(call7, call6)
CALL(call8, call7)
CALL(call9, call8)

void __wrap_tt_kernel_tick(void)
{
    if (DEPTH_IN_INTERRUPT)
        result = call9(factor, factor);
    else
        __real_tt_kernel_tick();
}

static void sleep(void *argument)
{
    (void)argument;
    tt_thread_sleep(tt_now() + TT_MS(5));
}

__attribute__((noinline)) static void compute(void)
{
    if (!DEPTH_IN_INTERRUPT)
        result = call9(factor, factor);
    while (tt_now() < TT_FOREVER)
        factor = factor * 0.5f + 1;
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread thread;
    TT_CHECK(tt_thread_start(&thread, "sleeper", 20, stack, sizeof(stack), sleep, NULL) == TT_OK);
    compute();
}
