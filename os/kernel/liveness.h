// The kernel's own side of tutti/liveness.h. Locked or in interrupt.

#ifndef TUTTI_OS_KERNEL_LIVENESS_H
#define TUTTI_OS_KERNEL_LIVENESS_H

#include "tutti/liveness.h"

void tt_liveness_tick(tt_time now); // in the timer's interrupt: looks if it is time

#endif
