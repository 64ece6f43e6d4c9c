// Time: absolute nanoseconds on one 64-bit monotonic clock, which starts anywhere and never jumps.

#ifndef TUTTI_TIME_H
#define TUTTI_TIME_H

#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

typedef int64_t tt_time;

#define TT_FOREVER INT64_MAX // as a deadline: never passes
#define TT_US(count) ((tt_time)(count)*1000)
#define TT_MS(count) ((tt_time)(count)*1000000)
#define TT_SECONDS(count) ((tt_time)(count)*1000000000)

tt_time tt_earlier(tt_time a, tt_time b);
tt_time tt_later(tt_time a, tt_time b);

// `now + duration`, or TT_FOREVER where that would overflow. `now` may lie before the clock's zero,
// `duration` is not negative.
tt_time tt_after(tt_time now, tt_time duration);

TT_C_END

#endif
