// What is asked of the compiler, and in which order: the cache, the compiler, the cache again.
//
// A library is named by all that decides its bytes: the source, the flags, the compiler's version
// line and what the program that loads it is built for.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ai/run/compile_internal.h"
#include "tutti/check.h"

#define ABI "1" // counts what printed C and its caller agree on
#define ARGUMENTS_MAX 32

static const char *const flags[] = {
    "-O2", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared", "-std=gnu17", "-w", NULL};

// By name, not -march=native: that is another thing on each machine.
static const char *const flags_of_isa[][8] = {
    [TT_ISA_PLAIN] = {NULL},
    [TT_ISA_SSE2] = {"-msse2", NULL},
    [TT_ISA_AVX2] = {"-mavx2", "-mfma", NULL},
    [TT_ISA_AVX512] = {"-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl",
                       "-mprefer-vector-width=512", NULL},
};

typedef struct job {
    const tt_surroundings *around;
    const tt_compile_options *options;
    const char *source;
    size_t length;
    tt_compiler compiler;
    uint8_t key[TT_SHA256_BYTES];
    const char *argument[ARGUMENTS_MAX]; // the path, the flags, then NULL
    unsigned argument_count;
} job;

static void add_arguments(job *j, const char *const *arguments)
{
    for (; *arguments != NULL; arguments++) {
        TT_CHECK(j->argument_count + 1 < ARGUMENTS_MAX);
        j->argument[j->argument_count++] = *arguments;
    }
    j->argument[j->argument_count] = NULL;
}

static void add_to_key(tt_sha256 *hash, const void *bytes, size_t length)
{
    uint64_t count = length; // so that no two lists of texts are the same bytes
    tt_sha256_add(hash, &count, sizeof(count));
    tt_sha256_add(hash, bytes, length);
}

static void make_key(job *j)
{
    struct utsname machine = {0};
    char abi[128];
    tt_sha256 hash;
    uname(&machine);
    int abi_length = snprintf(abi, sizeof(abi), "%s %s %zu", ABI, machine.machine, sizeof(void *));
    tt_sha256_start(&hash);
    add_to_key(&hash, abi, (size_t)abi_length);
    add_to_key(&hash, j->compiler.version, strlen(j->compiler.version));
    for (unsigned i = 1; i < j->argument_count; i++)
        add_to_key(&hash, j->argument[i], strlen(j->argument[i]));
    add_to_key(&hash, j->source, j->length);
    tt_sha256_end(&hash, j->key);
}

static tt_status say_error(tt_text *why, const char *what)
{
    int error = errno;
    tt_text_add(why, what);
    tt_text_add(why, strerror(error));
    return TT_IO;
}

// A file in the scratch folder, open to be read from its start, with the source in it.
static tt_status write_source(const job *j, const char *scratch, int *file, tt_text *why)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.4000s/source.c", scratch);
    *file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*file >= 0 && tt_file_write_all(*file, j->source, j->length) &&
        lseek(*file, 0, SEEK_SET) == 0)
        return TT_OK;
    tt_status status = say_error(why, "the source cannot be written for the compiler: ");
    if (*file >= 0)
        close(*file);
    return status;
}

static tt_status read_library(const job *j, const char *path, tt_blob *blob, tt_text *why)
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    tt_status status = file >= 0 ? tt_blob_read(file, TT_COMPILED_BYTES_MAX, blob) : TT_DAMAGED;
    if (file >= 0)
        close(file);
    status = status == TT_IO ? TT_DAMAGED : status;
    if (status != TT_OK) {
        tt_text_add(why, "what ");
        tt_text_add(why, j->compiler.path);
        tt_text_add(why, status == TT_TOO_LARGE ? " made is too large"
                         : status == TT_FULL    ? " made has no room in memory"
                                                : " made is not there or cannot be read");
    }
    return status;
}

static tt_status compile_in(job *j, const char *scratch, tt_blob *blob, tt_text *why)
{
    char path[PATH_MAX], line[TT_SAID_BYTES];
    int source = -1;
    tt_text said;
    tt_text_init(&said, line, sizeof(line));
    tt_status status = write_source(j, scratch, &source, why);
    if (status != TT_OK)
        return status;
    snprintf(path, sizeof(path), "%.4000s/library.so", scratch);
    const char *const rest[] = {"-x", "c", "-o", path, "-", NULL};
    add_arguments(j, rest);
    tt_child child = {.arguments = j->argument, .scratch = scratch, .input = source};
    status = tt_compiler_run(&j->compiler, child, &said, why);
    close(source);
    return status == TT_OK ? read_library(j, path, blob, why) : status;
}

static tt_status compile(job *j, tt_blob *blob, tt_text *why)
{
    char scratch[PATH_MAX - 100];
    if (!tt_scratch_make(j->around->temporary, scratch, sizeof(scratch)))
        return say_error(why, "no folder can be made in TMPDIR or /tmp for the compiler: ");
    tt_status status = compile_in(j, scratch, blob, why);
    tt_scratch_remove(scratch);
    return status;
}

static tt_status compile_and_load(job *j, tt_compile_kept *kept, tt_compiled **compiled,
                                  tt_text *why)
{
    tt_blob blob = {0};
    char line[TT_SAID_BYTES];
    tt_text reason;
    tt_text_init(&reason, line, sizeof(line));
    uint64_t bytes_max = j->options->cache_bytes_max;
    bytes_max = bytes_max > 0 ? bytes_max : TT_COMPILE_CACHE_BYTES_MAX;
    tt_status status = compile(j, &blob, why);
    if (status != TT_OK)
        return status;
    status = tt_load(&blob, j->around->temporary, compiled, &reason);
    if (status != TT_OK) {
        tt_text_add(why, "what ");
        tt_text_add(why, j->compiler.path);
        tt_text_add(why, " made cannot be loaded: ");
        tt_text_add(why, line);
    } else if (j->around->cache >= 0 &&
               tt_cache_write(j->around->cache, j->key, &blob, bytes_max, why)) {
        *kept = TT_COMPILE_KEPT;
    }
    free(blob.data);
    return status;
}

// With what was found in the cache, or else by the compiler.
static tt_status make(job *j, tt_compile_kept *kept, tt_compiled **compiled, tt_text *why)
{
    tt_blob blob;
    if (j->around->cache >= 0 && tt_cache_read(j->around->cache, j->key, &blob) == TT_OK) {
        tt_status status = tt_load(&blob, j->around->temporary, compiled, NULL);
        free(blob.data);
        if (status == TT_OK) {
            *kept = TT_COMPILE_FOUND;
            return TT_OK;
        }
    }
    return compile_and_load(j, kept, compiled, why);
}

tt_status tt_surroundings_take(const char *compiler, tt_surroundings **around, tt_text *why)
{
    *around = NULL;
    if (getauxval(AT_SECURE) != 0) { // the environment is of somebody who has fewer rights
        tt_text_add(why, "a program that is set-user-id starts no compiler");
        return TT_DENIED;
    }
    tt_surroundings *taken = calloc(1, sizeof(*taken));
    if (taken == NULL)
        return TT_FULL;
    taken->cache = -1;
    tt_status status = tt_compiler_find(compiler, taken->compiler, why);
    taken->environment = status == TT_OK ? tt_environment_copy() : NULL;
    if (status == TT_OK && taken->environment == NULL)
        status = TT_FULL;
    if (status != TT_OK) {
        tt_surroundings_free(taken);
        return status;
    }
    for (char **at = taken->environment; *at != NULL; at++)
        if (strncmp(*at, "TMPDIR=", 7) == 0)
            taken->temporary = *at + 7;
    tt_text no_cache;
    tt_text_init(&no_cache, taken->no_cache, sizeof(taken->no_cache));
    taken->cache = tt_cache_open(&no_cache);
    *around = taken;
    return TT_OK;
}

void tt_surroundings_free(tt_surroundings *around)
{
    if (around == NULL)
        return;
    if (around->cache >= 0)
        close(around->cache);
    free(around->environment);
    free(around);
}

tt_status tt_compile_within(const tt_surroundings *around, const tt_compile_options *options,
                            const char *source, size_t length, tt_compiled **compiled, tt_text *why)
{
    job j = {.around = around, .options = options, .source = source, .length = length};
    tt_compile_kept kept = TT_COMPILE_NOT_KEPT;
    TT_CHECK((unsigned)options->isa < TT_COUNT(flags_of_isa));
    *compiled = NULL;
    uint32_t timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TT_COMPILE_TIMEOUT_MS;
    j.compiler = (tt_compiler){.path = around->compiler,
                               .environment = around->environment,
                               .deadline_ms = tt_child_now_ms() + timeout_ms,
                               .stop = options->stop};
    tt_status status = tt_compiler_ask_version(&j.compiler, why);
    if (status != TT_OK)
        return status;
    const char *const first[] = {around->compiler, NULL}, *const last[] = {options->flag, NULL};
    add_arguments(&j, first);
    add_arguments(&j, flags);
    add_arguments(&j, flags_of_isa[options->isa]);
    add_arguments(&j, last);
    make_key(&j);
    status = make(&j, &kept, compiled, why);
    if (around->cache < 0 && status == TT_OK)
        tt_text_add(why, around->no_cache);
    if (options->kept != NULL)
        *options->kept = kept;
    return status;
}

tt_status tt_compile_c(const tt_compile_options *options, const char *source, size_t length,
                       tt_compiled **compiled, tt_text *why)
{
    tt_surroundings *around;
    *compiled = NULL;
    tt_status status = tt_surroundings_take(options->compiler, &around, why);
    if (status == TT_OK)
        status = tt_compile_within(around, options, source, length, compiled, why);
    tt_surroundings_free(around);
    return status;
}
