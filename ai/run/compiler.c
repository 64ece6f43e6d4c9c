// Which compiler there is, what it says of itself, and a run of it.

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ai/run/compile_internal.h"
#include "tutti/check.h"

#define COMPILERS_KNOWN 8

static bool can_be_run(const char *folder, size_t folder_length, const char *name, char *path)
{
    int length = snprintf(path, PATH_MAX, "%.*s/%s", (int)folder_length, folder, name);
    struct stat about;
    return length > 0 && length < PATH_MAX && stat(path, &about) == 0 && S_ISREG(about.st_mode) &&
           access(path, X_OK) == 0;
}

// Looks a name up in PATH. Folders that are not absolute are passed over: what lies where the
// program happens to be started is nobody's compiler.
static bool find_in_path(const char *name, char *path)
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != 0) {
        size_t length = strcspn(at, ":");
        if (length > 0 && length < PATH_MAX && at[0] == '/' && can_be_run(at, length, name, path))
            return true;
        at += length;
        at += *at == ':';
    }
    return false;
}

tt_status tt_compiler_find(const char *asked, char path[PATH_MAX], tt_text *why)
{
    static const char *const usual[] = {"gcc", "cc", "clang"};
    if (asked == NULL)
        asked = getenv("TUTTI_CC");
    if (asked == NULL) {
        for (unsigned i = 0; i < TT_COUNT(usual); i++)
            if (find_in_path(usual[i], path))
                return TT_OK;
        tt_text_add(why, "there is no compiler: neither gcc nor cc nor clang is in PATH");
        return TT_NOT_FOUND;
    }
    if (asked[0] == 0) {
        tt_text_add(why, "there is no compiler: TUTTI_CC is empty");
        return TT_NOT_FOUND;
    }
    if (strchr(asked, '/') == NULL
            ? find_in_path(asked, path)
            : snprintf(path, PATH_MAX, "%s", asked) < PATH_MAX && access(path, X_OK) == 0)
        return TT_OK;
    tt_text_add(why, "there is no compiler: '");
    tt_text_add(why, asked);
    tt_text_add(why, "' is no program that can be run");
    return TT_NOT_FOUND;
}

tt_status tt_compiler_run(const tt_compiler *c, tt_child child, tt_text *said, tt_text *why)
{
    int ended = 0;
    child.deadline_ms = c->deadline_ms;
    child.environment = c->environment;
    child.stop = c->stop;
    tt_status status = tt_child_run(&child, &ended, said, why);
    if (status != TT_OK || (WIFEXITED(ended) && WEXITSTATUS(ended) == 0))
        return status;
    tt_text_add(why, c->path);
    if (WIFSIGNALED(ended)) {
        tt_text_add(why, " was ended by signal ");
        tt_text_add_signed(why, WTERMSIG(ended));
        return TT_IO;
    }
    tt_text_add(why, " failed with status ");
    tt_text_add_signed(why, WEXITSTATUS(ended));
    tt_text_add(why, said->length > 0 ? ": " : "");
    tt_text_add(why, said->data);
    return TT_MALFORMED;
}

// The version lines of the first few compilers that were asked, for as long as the process lives.
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;
static struct known {
    char *path, *version;
} known[COMPILERS_KNOWN];
static unsigned known_count;

static bool recall_version(tt_compiler *c)
{
    bool found = false;
    pthread_mutex_lock(&known_lock);
    for (unsigned i = 0; i < known_count && !found; i++)
        if (strcmp(known[i].path, c->path) == 0) {
            strcpy(c->version, known[i].version);
            found = true;
        }
    pthread_mutex_unlock(&known_lock);
    return found;
}

static void note_version(const tt_compiler *c)
{
    struct known new = {strdup(c->path), strdup(c->version)};
    bool noted = false;
    pthread_mutex_lock(&known_lock);
    if (known_count < COMPILERS_KNOWN && new.path != NULL &&new.version != NULL) {
        known[known_count++] = new;
        noted = true;
    }
    pthread_mutex_unlock(&known_lock);
    if (!noted) {
        free(new.path);
        free(new.version);
    }
}

tt_status tt_compiler_ask_version(tt_compiler *c, tt_text *why)
{
    if (recall_version(c))
        return TT_OK;
    tt_text said;
    tt_text_init(&said, c->version, sizeof(c->version));
    const char *arguments[] = {c->path, "--version", NULL};
    tt_status status =
        tt_compiler_run(c, (tt_child){.arguments = arguments, .input = -1}, &said, why);
    if (status == TT_OK)
        note_version(c);
    return status;
}
