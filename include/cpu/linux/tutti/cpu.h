// The sizes that a Linux process gives threads and stacks; the build chooses the CPU's folder.

#ifndef TUTTI_CPU_H
#define TUTTI_CPU_H

#define TT_STACK_GUARD 16384 // pages that may not be touched, below a stack
#define TT_STACK_ALIGNMENT 4096
#define TT_IDLE_STACK_BYTES (32 * 1024) // enough for a thread that does next to nothing
#define TT_CONTEXT_BYTES 5120 // at least the host's ucontext_t: 968 on x86-64, 4,560 on AArch64
#define TT_CONTEXT_ALIGNMENT 16

#endif
