// Whole files in and out, with failures said on behalf of `command`.

#ifndef TUTTI_CLI_FILE_H
#define TUTTI_CLI_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"

// A file that is being written: whole or not at all.
//
// What is written goes to a temporary file beside the target, and takes its place only when all of
// it lies on the disk; until then, and after every failure, what was there before is still there.
// A target is a regular file or a new name. Through symbolic links what they lead to is replaced
// and the links stay; a device node, a pipe, a folder, `-` and the command's own standard output
// are refused, and so is what the system would not let go: a mount point, or somebody else's file
// in a sticky folder. The new file has the permissions of the old one (and its owner, where the
// process may give that); another hard link to the old one keeps the old content.
typedef struct tt_file_out {
    FILE *stream; // write here; what fails is kept by the stream, and told by tt_file_commit
    const char *command, *path; // as given, for the sentences; the caller's, until the end
    char *target, *temporary;   // its own
} tt_file_out;

// Whether `path` could be written now, without changing anything: for the time before long work.
// Says what is wrong; 1 (TT_EXIT_FAILED), as all failures here.
tt_exit tt_file_try(const char *command, const char *path);

// Whether what is written to `other` would take the place of `one`, an input or another output: a
// usage error (TT_EXIT_USAGE), which is said. Either may be NULL, for none.
tt_exit tt_file_expect_apart(const char *command, const char *one, const char *other);

// Begins a file; where that fails, which is said, nothing is left to end. Otherwise exactly one of
// the two below ends it.
tt_exit tt_file_begin(tt_file_out *out, const char *command, const char *path);
// Puts the file in its place, once all of it is on the disk. A failure is said, and leaves what was
// there before.
tt_exit tt_file_commit(tt_file_out *out);
// Leaves what was there before, in silence.
void tt_file_abandon(tt_file_out *out);

// The three in one, for bytes in memory.
tt_exit tt_file_write(const char *command, const char *path, const void *bytes, size_t length);

// The same without a word, for a file of this program's own that its owner alone may read: false
// with errno, and what was there before is unchanged.
bool tt_file_keep(const char *path, const void *bytes, size_t length);

// Whether `folder` and `name` together can be a unix socket's path; where they cannot, that is
// said.
bool tt_file_fits_socket(const char *command, const char *folder, const char *name);
// The last line of a text file that holds anything, "" where there is none; what is longer loses
// its start.
void tt_file_last_line(const char *path, char *line, size_t capacity);
// The first line of a text file with `part` in it, from there on; what is longer loses its end.
// False, and nothing is written, where there is none.
bool tt_file_find_line(const char *path, const char *part, char *line, size_t capacity);
// Makes a folder and those above it that are not there; false with errno.
bool tt_file_make_folder(const char *path);
// The folder that this program lies in; what belongs to its build or SDK is found from there. False
// where it cannot be told, or is longer than `capacity`.
bool tt_file_program_folder(char *folder, size_t capacity);
// Reads at most `limit` bytes into memory that the caller frees, and that has room for one more;
// "-" is standard input.
tt_exit tt_file_read(const char *command, const char *path, size_t limit, uint8_t **bytes,
                     size_t *length);

#endif
