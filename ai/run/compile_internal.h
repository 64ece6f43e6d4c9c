// What compile.c (what is asked, and in which order), compiler.c (of which compiler), isa.c (for
// which instructions), child.c (a process with a limit of time), cache.c (the folder) and load.c
// (bytes made callable) are to one another.

#ifndef TUTTI_AI_COMPILE_INTERNAL_H
#define TUTTI_AI_COMPILE_INTERNAL_H

#include <limits.h>
#include <stdatomic.h>

#include "ai/run/compile.h"
#include "base/sha256.h"

typedef struct tt_blob { // the bytes of a library
    uint8_t *data;       // by malloc
    size_t length;
} tt_blob;

tt_isa tt_isa_of_machine(void); // isa_x86.c or isa_plain.c

// Milliseconds on the monotonic clock.
int64_t tt_child_now_ms(void);

typedef struct tt_child {
    const char *const *arguments; // NULL behind the last; the first is the path
    const char *scratch;          // a folder, its TMPDIR; NULL: the caller's
    int input;                    // a file that is its standard input, or -1: none
    char *const *environment;     // NULL behind the last
    int64_t deadline_ms;
    const atomic_bool *stop; // set by another thread: it is ended at once; NULL: nobody does
} tt_child;

// The caller's environment; NULL: no memory. To be freed with free().
char **tt_environment_copy(void);

// Runs a program to its end and tells the first line that it said on standard output or error, that
// has "error" in it where one has, into `said`. Then nothing of its process group is alive.
// `*ended` is as of waitpid. TT_OK however it ended; TT_TIMED_OUT, TT_CANCELLED, TT_IO with a
// sentence.
tt_status tt_child_run(const tt_child *child, int *ended, tt_text *said, tt_text *why);

#define TT_SAID_BYTES 200 // of what a compiler says

typedef struct tt_compiler {
    const char *path;
    char version[TT_SAID_BYTES]; // the first line that it says of itself
    char *const *environment;
    int64_t deadline_ms; // of all its runs
    const atomic_bool *stop;
} tt_compiler;

// What compiling takes from the environment. It is read by the thread that asks for it: others may
// change the environment while the compiler works.
struct tt_surroundings {
    char compiler[PATH_MAX];      // the path of the one that was asked for, or of the usual one
    char **environment;           // for the compiler
    const char *temporary;        // $TMPDIR, in the environment; NULL: it is not set
    int cache;                    // the cache's folder; -1: there is none
    char no_cache[TT_SAID_BYTES]; // why
};

// Where it is; statuses and sentences as tt_surroundings_take's.
tt_status tt_compiler_find(const char *asked, char path[PATH_MAX], tt_text *why);
// Asks it for its version, once a process and path. Statuses and sentences as tt_compile_c's.
tt_status tt_compiler_ask_version(tt_compiler *compiler, tt_text *why);
// Runs it, until its own deadline: TT_OK where it ended well, else a sentence with what it said.
tt_status tt_compiler_run(const tt_compiler *compiler, tt_child child, tt_text *said, tt_text *why);

// Reads a whole file. TT_TOO_LARGE, TT_FULL, TT_IO.
tt_status tt_blob_read(int file, size_t bytes_max, tt_blob *blob);
bool tt_file_write_all(int file, const void *bytes, size_t length);

// The cache's folder, made where there is none: a file descriptor, or -1 and a sentence why there
// is no cache.
int tt_cache_open(tt_text *why);
// A library by its key: TT_OK, or TT_NOT_FOUND where there is none that is whole.
tt_status tt_cache_read(int folder, const uint8_t key[TT_SHA256_BYTES], tt_blob *blob);
// Keeps a library and lets the oldest go; false and a sentence where it was not kept.
bool tt_cache_write(int folder, const uint8_t key[TT_SHA256_BYTES], const tt_blob *blob,
                    uint64_t bytes_max, tt_text *why);

// Makes a library of bytes callable. TT_DAMAGED, TT_FULL, TT_IO with a reason in `why`. `temporary`
// is a folder, or NULL.
tt_status tt_load(const tt_blob *blob, const char *temporary, tt_compiled **compiled, tt_text *why);

// A folder for files that nobody else sees, in `temporary`, or /tmp. False: none could be made.
bool tt_scratch_make(const char *temporary, char *path, size_t capacity);
void tt_scratch_remove(const char *path); // and all that is in it

#endif
