// C made into machine code while the program runs: the machine's compiler makes a library of it,
// the library is loaded, and kept in a cache for the next time. Where anything is missing or fails
// the answer is a status with one sentence, nothing is left behind, and the caller interprets.
//
// The compiler is $TUTTI_CC (a name or a path; empty: none), else the first of gcc, cc and clang in
// PATH. It runs in a process group of its own and not under a shell. The cache is the folder
// `tutti` in $XDG_CACHE_HOME or in ~/.cache; docs/ai.md says what is kept there. A program that is
// set-user-id starts no compiler and loads nothing.

#ifndef TUTTI_AI_COMPILE_H
#define TUTTI_AI_COMPILE_H

#include <stdatomic.h>

#include "ai/emit/c.h"
#include "tutti/status.h"
#include "tutti/text.h"

#define TT_COMPILE_TIMEOUT_MS 10000
#define TT_COMPILE_CACHE_BYTES_MAX ((uint64_t)512 << 20)
#define TT_COMPILED_BYTES_MAX ((size_t)64 << 20) // of one library

// "plain", "sse2", "avx2", "avx512".
const char *tt_isa_name(tt_isa isa);

// What the processor (CPUID) and the system have, at most $TT_ISA (avx512, avx2 or sse2). Where
// that asks for more than there is, or is no such word, the answer is what there is, and `why`,
// which may be NULL, says so; else `why` stays as it is.
tt_isa tt_isa_here(tt_text *why);
tt_status tt_isa_told(tt_text *why); // TT_INVALID with a sentence: $TT_ISA is none of these words

typedef enum tt_compile_kept {
    TT_COMPILE_NOT_KEPT, // compiled; there is no cache, or no room in it
    TT_COMPILE_KEPT,     // compiled, and in the cache now
    TT_COMPILE_FOUND,    // from the cache
} tt_compile_kept;

typedef struct tt_compile_options {
    tt_isa isa;
    const char *compiler;     // a name that is looked for in PATH, or a path; NULL: the usual one
    const char *flag;         // one more, such as "-fsanitize=thread"; NULL: none
    uint32_t timeout_ms;      // for all that the compiler does; 0: TT_COMPILE_TIMEOUT_MS
    uint64_t cache_bytes_max; // the oldest files go beyond it; 0: TT_COMPILE_CACHE_BYTES_MAX
    tt_compile_kept *kept;    // is told where it came from; NULL: nobody asks
    const atomic_bool *stop; // set by another thread: it ends soon, TT_CANCELLED; NULL: nobody does
} tt_compile_options;

typedef struct tt_compiled tt_compiled; // a loaded library; it holds one file descriptor

// Makes a library of one translation unit of C17 with GNU extensions, `length` bytes. On TT_OK it
// is the caller's, to be freed, and `why` has a sentence only where it could not be kept in the
// cache. Otherwise `*compiled` is NULL and `why`, which may be NULL, has the sentence:
//   TT_NOT_FOUND   there is no compiler
//   TT_DENIED      the program is set-user-id
//   TT_TIMED_OUT   the compiler took longer than it may, and was ended
//   TT_MALFORMED   the compiler refused the source; the sentence has what it said
//   TT_DAMAGED     what the compiler made is no library that can be loaded
//   TT_TOO_LARGE   it is larger than TT_COMPILED_BYTES_MAX
//   TT_FULL        there is no memory
//   TT_IO          a file or a process could not be made, or the compiler was ended by a signal
//   TT_CANCELLED   `stop` was set
// Waits for the compiler; any number of threads may compile at a time. The process must not ignore
// SIGCHLD, nor wait for children that it did not start.
TT_USE_RESULT tt_status tt_compile_c(const tt_compile_options *options, const char *source,
                                     size_t length, tt_compiled **compiled, tt_text *why);

// The same in two halves, for who compiles in another thread than he is asked in: the first reads
// the environment, which the second does not. It may be used by several threads at once, and for
// several sources; `options.compiler` counts in the first. TT_NOT_FOUND, TT_DENIED, TT_FULL; the
// others.
typedef struct tt_surroundings tt_surroundings;
TT_USE_RESULT tt_status tt_surroundings_take(const char *compiler, tt_surroundings **around,
                                             tt_text *why);
void tt_surroundings_free(tt_surroundings *around); // NULL is allowed
TT_USE_RESULT tt_status tt_compile_within(const tt_surroundings *around,
                                          const tt_compile_options *options, const char *source,
                                          size_t length, tt_compiled **compiled, tt_text *why);

// Where a function or an object is; NULL: the library has none of that name.
void *tt_compiled_find(const tt_compiled *compiled, const char *symbol);

// Unloads it: nothing of it may be running or be called later. NULL is allowed.
void tt_compiled_free(tt_compiled *compiled);

#endif
