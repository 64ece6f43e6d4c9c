// Waiting for what a killed launcher leaves behind (linger.h).

#include <time.h>

#include "cli/linger.h"

#define LOOK_AGAIN_NS 20000000
#define TIMES_MAX 100

bool tt_linger(unsigned *times)
{
    if (*times == TIMES_MAX)
        return false;
    ++*times;
    nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_NS}, NULL);
    return true;
}
