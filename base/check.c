// Where a failed check goes: to the handler that the program set, then to this machine's end.

#include <stddef.h>

#include "base/check.h"
#include "tutti/check.h"

static tt_check_handler *check_handler;

void tt_check_set_handler(tt_check_handler *handler)
{
    check_handler = handler;
}

void tt_check_failed(const char *file, int line, const char *condition)
{
    if (check_handler != NULL)
        check_handler(file, line, condition);
    tt_check_end(file, line, condition);
}
