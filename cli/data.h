// The data set that the command trains on and compiles with.

#ifndef TUTTI_CLI_DATA_H
#define TUTTI_CLI_DATA_H

#include "cli/command.h"
#include "tutti/dataset.h"

// Loads both sets from `folder`, or from where Debian's package puts them. A failure is said, with
// what to do about it, on behalf of `command`.
tt_exit tt_data_load(const char *command, const char *folder, tt_dataset *train, tt_dataset *test);

// Says why the file of a command cannot be used. What is missing or damaged is TT_EXIT_MISSING,
// what is sound but refused is TT_EXIT_FAILED.
tt_exit tt_data_refuse(const char *command, tt_status status, const char *sentence);
// The same, of a sentence that does not name the file.
tt_exit tt_data_refuse_file(const char *command, const char *path, tt_status status,
                            const char *sentence);

#endif
