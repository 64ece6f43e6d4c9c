// Reckoning with times. Functions of their own, and not inline: on a processor of 32 bits each is a
// dozen instructions, and the bus alone needs them in 130 places.

#include "tutti/time.h"

tt_time tt_earlier(tt_time a, tt_time b)
{
    return a < b ? a : b;
}

tt_time tt_later(tt_time a, tt_time b)
{
    return a > b ? a : b;
}

tt_time tt_after(tt_time now, tt_time duration)
{
    return now > 0 && duration > TT_FOREVER - now ? TT_FOREVER : now + duration;
}
