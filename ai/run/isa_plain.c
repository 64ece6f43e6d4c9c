// Machines that are no x86.

#include "ai/run/block_elements.h"
#include "ai/run/compile_internal.h"

tt_isa tt_isa_of_machine(void)
{
    return TT_ISA_PLAIN;
}

tt_block_three *tt_block_fma_of_machine(void)
{
    return tt_block_fma;
}

tt_block_rows *tt_block_multiply_add_of_machine(void)
{
    return tt_block_multiply_add;
}
