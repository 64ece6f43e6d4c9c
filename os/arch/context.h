// Chooses the CPU's own context.h, which defines tt_arch_context. This is the one place outside a
// CPU's folder that asks which CPU it is.

#ifndef TUTTI_OS_ARCH_CONTEXT_H
#define TUTTI_OS_ARCH_CONTEXT_H

#if defined(__arm__)
#include "os/arch/cortex-m4/context.h"
#elif defined(__riscv)
#include "os/arch/riscv64/context.h"
#elif defined(__aarch64__) && defined(TT_BARE_METAL) // its compiler is the one for Linux
#include "os/arch/aarch64/context.h"
#else
#include "os/arch/linux/context.h"
#endif

#endif
