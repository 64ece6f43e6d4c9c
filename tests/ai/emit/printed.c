#define _GNU_SOURCE // nftw

#include "tests/ai/emit/printed.h"

#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 300
#define FLAGS_MAX 8

extern char **environ;

static const char *const widths[] = {"plain", "sse2", "avx2", "avx512"};
static const char *const flags[][FLAGS_MAX] = {
    {NULL},
    {"-msse2", NULL},
    {"-mavx2", "-mfma", NULL},
    {"-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", NULL},
};

static const char *compiler_of(unsigned way)
{
    return way % 2 == 0 ? "gcc" : "clang";
}

const char *printed_way(unsigned way)
{
    static char text[40];
    snprintf(text, sizeof(text), "%s %s", compiler_of(way), widths[way / 2]);
    return text;
}

bool printed_runs(unsigned way)
{
    static bool said[PRINTED_WAYS];
    bool runs = way / 2 == TT_ISA_AVX512
                    ? __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
                : way / 2 == TT_ISA_AVX2
                    ? __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                    : true;
    if (!runs && !said[way])
        printf("compiled only, since this machine has no %s: %s\n", widths[way / 2],
               printed_way(way));
    said[way] = true;
    return runs;
}

static void path_of(char *path, const char *folder, const char *name, unsigned way, const char *end)
{
    snprintf(path, PATH_BYTES, "%s/%s_%s_%s%s", folder, name, widths[way / 2],
             end[1] == 's' ? compiler_of(way) : "", end);
}

static bool print_source(const char *path, const tt_form *forms, unsigned count, tt_isa isa)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    tt_emit_c_prelude(file, isa);
    for (unsigned i = 0; i < count; i++) {
        char function[20];
        snprintf(function, sizeof(function), "f%u", i);
        tt_emit_c(file, &forms[i], function, isa);
    }
    return fclose(file) == 0;
}

// 0: no such compiler.
static pid_t start(const char *folder, const char *name, unsigned way)
{
    char source[PATH_BYTES], object[PATH_BYTES];
    path_of(source, folder, name, way, ".c");
    path_of(object, folder, name, way, ".so");
    const char *arguments[16 + FLAGS_MAX] = {compiler_of(way),
                                             "-O2",
                                             "-ffp-contract=off",
                                             "-fno-math-errno",
                                             "-w",
                                             "-fPIC",
                                             "-shared",
                                             "-o",
                                             object,
                                             source};
    for (unsigned i = 0; flags[way / 2][i] != NULL; i++)
        arguments[10 + i] = flags[way / 2][i];
    pid_t child = 0;
    int error =
        posix_spawnp(&child, arguments[0], NULL, NULL, (char **)(uintptr_t)arguments, environ);
    if (error != 0)
        printf("skipped, since it does not start: %s: %s\n", arguments[0], strerror(error));
    return error == 0 ? child : 0;
}

static bool finish(pid_t child)
{
    int status = 0;
    return child == 0 || (waitpid(child, &status, 0) == child && status == 0);
}

bool printed_compile(const char *folder, const char *name, const tt_form *forms, unsigned count,
                     unsigned ways)
{
    bool all = true;
    pid_t running[2] = {0};
    unsigned next = 0;
    for (unsigned way = 0; way < PRINTED_WAYS; way++) {
        char source[PATH_BYTES];
        path_of(source, folder, name, way, ".c");
        if (way % 2 == 0)
            all = print_source(source, forms, count, (tt_isa)(way / 2)) && all;
        if ((ways >> way & 1) == 0)
            continue;
        all = finish(running[next]) && all;
        running[next] = start(folder, name, way);
        next = 1 - next;
    }
    bool last = finish(running[0]);
    return finish(running[1]) && last && all;
}

void *printed_open(const char *folder, const char *name, unsigned way)
{
    char object[PATH_BYTES];
    path_of(object, folder, name, way, ".so");
    if (access(object, F_OK) != 0)
        return NULL;
    void *made = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (made == NULL) { // which no test may pass over
        printf("%s\n", dlerror());
        exit(1);
    }
    return made;
}

static char folder_made[PATH_BYTES];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder_made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *printed_folder(void)
{
    const char *above = getenv("TMPDIR");
    snprintf(folder_made, sizeof(folder_made), "%s/tutti-forms-XXXXXX",
             above != NULL ? above : "/tmp");
    if (mkdtemp(folder_made) == NULL)
        return NULL;
    atexit(remove_folder);
    return folder_made;
}
