// The CPU's own context.h, which defines tt_arch_context. The build says where it is, from the
// board's CPU.

#ifndef TUTTI_OS_ARCH_CONTEXT_H
#define TUTTI_OS_ARCH_CONTEXT_H

#include TT_CPU_CONTEXT

#endif
