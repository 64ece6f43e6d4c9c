// The sizes that a Cortex-M4F gives threads and stacks; the build chooses the CPU's folder.

#ifndef TUTTI_CPU_H
#define TUTTI_CPU_H

#define TT_STACK_GUARD 1024 // a region of the MPU, below a stack; it is aligned to its size
#define TT_STACK_ALIGNMENT 1024
#define TT_IDLE_STACK_BYTES 1024 // enough for a thread that does next to nothing
#define TT_CONTEXT_BYTES 8       // of a thread, beside its stack
#define TT_CONTEXT_ALIGNMENT 4

#endif
