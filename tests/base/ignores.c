// Ignores a result that must be looked at: no compiler may take it in silence.

#include "tutti/status.h"

TT_USE_RESULT tt_status may_fail(void);
void ignore(void);

void ignore(void)
{
    may_fail();
}
