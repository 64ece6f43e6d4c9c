// Rounding on this CPU.

#include <fenv.h>

#include "tests/os/events.h"

void round_to_zero(void)
{
    fesetround(FE_TOWARDZERO);
}
