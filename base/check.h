// What follows a failed check that no handler took: one of two files is linked.

#ifndef TUTTI_BASE_CHECK_H
#define TUTTI_BASE_CHECK_H

_Noreturn void tt_check_end(const char *file, int line, const char *condition);

#endif
