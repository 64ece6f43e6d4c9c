// The sizes that AArch64 gives threads and stacks; the build chooses the CPU's folder.

#ifndef TUTTI_CPU_H
#define TUTTI_CPU_H

#define TT_STACK_GUARD 4096 // a page that is not mapped, below a stack
#define TT_STACK_ALIGNMENT 4096
#define TT_IDLE_STACK_BYTES 4096 // enough for a thread that does next to nothing
#define TT_CONTEXT_BYTES 800     // every register
#define TT_CONTEXT_ALIGNMENT 16

#endif
