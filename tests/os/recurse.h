// A recursion without end, for a stack that must not hold it.

#ifndef TUTTI_TESTS_OS_RECURSE_H
#define TUTTI_TESTS_OS_RECURSE_H

#include "tutti/kernel.h"

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    volatile unsigned words[20];
    words[depth % 20] = depth;
    if (tt_now() < 0) // never, but the compiler cannot know
        return 0;
    return recurse(depth + 1) + words[depth % 20];
}

#endif
