// What the files of `tutti data` share.

#ifndef TUTTI_CLI_KEPT_H
#define TUTTI_CLI_KEPT_H

#include "cli/command.h"

// Reads the image of a medium, says what is in it, of each sector too if `sectors`, and checks it;
// never writes there.
tt_exit tt_kept_check(const char *path, bool sectors);

#endif
