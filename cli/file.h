// Whole files in and out, with failures said.

#ifndef TUTTI_CLI_FILE_H
#define TUTTI_CLI_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"

// Each says a failure on behalf of `command`.
tt_exit tt_file_write(const char *command, const char *path, const void *bytes, size_t length);
// Closes a file that was written, which is where a full disk shows at the latest.
tt_exit tt_file_close(const char *command, const char *path, FILE *file);
// Whether `folder` and `name` together can be a unix socket's path; where they cannot, that is
// said.
bool tt_file_fits_socket(const char *command, const char *folder, const char *name);
// The last line of a text file that holds anything, "" where there is none; what is longer loses
// its start.
void tt_file_last_line(const char *path, char *line, size_t capacity);
// Reads at most `limit` bytes into memory that the caller frees; "-" is standard input.
tt_exit tt_file_read(const char *command, const char *path, size_t limit, uint8_t **bytes,
                     size_t *length);

#endif
