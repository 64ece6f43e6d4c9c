// Machines that are no x86.

#include "ai/run/compile_internal.h"

tt_isa tt_isa_of_machine(void)
{
    return TT_ISA_PLAIN;
}
