#include "tutti/schedule.h"

#include <math.h>

double tt_schedule_at(const tt_schedule *s, uint64_t step)
{
    if (step < s->warm)
        return s->rate * ((double)(step + 1) / (double)s->warm);
    if (s->kind == TT_RATE_CONSTANT)
        return s->rate;
    if (step >= s->steps)
        return 0;
    double done = (double)(step - s->warm) / (double)(s->steps - s->warm);
    return s->kind == TT_RATE_LINEAR ? s->rate * (1 - done)
                                     : s->rate * 0.5 * (1 + cos(M_PI * done));
}
