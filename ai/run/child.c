// A process with a limit of time, in a process group of its own, of which nothing is left.
//
// The group is ended while its leader is still unwaited for: so long its number is no other's. What
// it says is read as it comes and mostly dropped, so neither a full pipe nor a disk limits it.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ai/run/compile_internal.h"
#include "tutti/check.h"

extern char **environ;

#define SAID_MAX 4096 // bytes of what it says that are looked at

int64_t tt_child_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- the environment

char **tt_environment_copy(void)
{
    size_t count = 0, bytes = 0;
    for (; environ != NULL && environ[count] != NULL; count++)
        bytes += strlen(environ[count]) + 1;
    char **copy = malloc((count + 1) * sizeof(*copy) + bytes);
    if (copy == NULL)
        return NULL;
    char *text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(environ[i]) + 1;
        copy[i] = memcpy(text, environ[i], length);
        text += length;
    }
    copy[count] = NULL;
    return copy;
}

// The child's environment in English, and with another TMPDIR unless `scratch` is NULL. One
// allocation; NULL: no memory.
static char **environment_of(const tt_child *child)
{
    static const char temporary[] = "TMPDIR=", language[] = "LC_ALL=C";
    const char *scratch = child->scratch;
    size_t count = 0, at = 0;
    while (child->environment[count] != NULL)
        count++;
    size_t text = strlen(temporary) + (scratch != NULL ? strlen(scratch) : 0) + 1;
    char **result = malloc((count + 3) * sizeof(*result) + text);
    if (result == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        char *setting = child->environment[i];
        if ((scratch == NULL || strncmp(setting, temporary, strlen(temporary)) != 0) &&
            strncmp(setting, "LC_ALL=", 7) != 0)
            result[at++] = setting;
    }
    if (scratch != NULL) {
        char *setting = (char *)(result + count + 3);
        memcpy(setting, temporary, sizeof(temporary));
        memcpy(setting + strlen(temporary), scratch, strlen(scratch) + 1);
        result[at++] = setting;
    }
    result[at++] = (char *)(uintptr_t)language;
    result[at] = NULL;
    return result;
}

// ---- the process

// Starts it with `input` and `output`, which are above standard error: 0, or an errno.
static int start(const tt_child *child, int input, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char **environment = environment_of(child);
    if (environment == NULL)
        return ENOMEM;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (error == 0)
        error = posix_spawn(pid, child->arguments[0], &actions, &attributes,
                            (char **)(uintptr_t)child->arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return error;
}

typedef struct listening {
    int pipe; // -1: it has been closed
    char said[SAID_MAX];
    size_t length;
} listening;

// Reads what is there, without waiting.
static void listen(listening *l)
{
    char dropped[SAID_MAX];
    while (l->pipe >= 0) {
        bool keep = l->length < SAID_MAX;
        ssize_t got = read(l->pipe, keep ? l->said + l->length : dropped,
                           keep ? SAID_MAX - l->length : sizeof(dropped));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close(l->pipe);
            l->pipe = -1;
        } else if (keep) {
            l->length += (size_t)got;
        } else {
            return; // once a turn, so that who never stops does not hold us
        }
    }
}

// Until the process has ended, which leaves it to be waited for, or the deadline has passed, or
// somebody wants no more of it.
static tt_status listen_until(listening *l, pid_t pid, const tt_child *child)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != EINTR)
            return TT_IO;
        listen(l); // after that: what it said before its end is in the pipe
        if (info.si_pid == pid)
            return TT_OK;
        if (child->stop != NULL && atomic_load(child->stop))
            return TT_CANCELLED;
        int64_t left_ms = child->deadline_ms - tt_child_now_ms();
        if (left_ms <= 0)
            return TT_TIMED_OUT;
        struct pollfd ready = {l->pipe, POLLIN, 0};
        poll(&ready, 1, left_ms < 2 ? (int)left_ms : 2);
    }
}

static void add_line(const listening *l, tt_text *said)
{
    const char *line = l->said, *end = l->said + l->length;
    size_t length = 0;
    for (const char *at = line; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        bool error = memmem(at, (size_t)(stop - at), "error", 5) != NULL;
        if (at == l->said || error) {
            line = at;
            length = (size_t)(stop - at);
        }
        if (error)
            break;
        at = stop + 1;
    }
    for (size_t i = 0; i < length; i++) {
        char c = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
        tt_text_add_bytes(said, &c, 1);
    }
}

// Ends what is alive of the group, and waits for its leader.
static tt_status end_group(pid_t pid, int *ended)
{
    kill(-pid, SIGKILL);
    pid_t got;
    do
        got = waitpid(pid, ended, 0);
    while (got < 0 && errno == EINTR);
    return got == pid ? TT_OK : TT_IO;
}

static tt_status cannot(const char *path, int error, tt_text *why)
{
    tt_text_add(why, path);
    tt_text_add(why, " cannot be started: ");
    tt_text_add(why, strerror(error));
    return TT_IO;
}

// A copy that no standard stream's place is taken by; closes the first.
static int above_standard(int file)
{
    int copy = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = errno;
    if (file >= 0)
        close(file);
    errno = error;
    return copy;
}

tt_status tt_child_run(const tt_child *child, int *ended, tt_text *said, tt_text *why)
{
    int ends[2] = {-1, -1};
    listening l = {.pipe = -1};
    pid_t pid = -1;
    int error = 0;
    int input = child->input >= 0 ? fcntl(child->input, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                  : above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (input < 0 || pipe2(ends, O_CLOEXEC) != 0)
        error = errno;
    l.pipe = ends[0];
    int output = error == 0 ? above_standard(ends[1]) : -1;
    if (error == 0 && (output < 0 || fcntl(l.pipe, F_SETFL, O_NONBLOCK) != 0))
        error = errno;
    if (error == 0)
        error = start(child, input, output, &pid);
    if (input >= 0)
        close(input);
    if (output >= 0)
        close(output);
    tt_status status = TT_OK;
    if (error == 0) {
        status = listen_until(&l, pid, child);
        tt_status end = status == TT_IO ? TT_OK : end_group(pid, ended);
        status = status == TT_OK ? end : status;
        add_line(&l, said);
    }
    if (l.pipe >= 0)
        close(l.pipe);
    if (error != 0)
        return cannot(child->arguments[0], error, why);
    if (status == TT_IO) {
        tt_text_add(why, "how ");
        tt_text_add(why, child->arguments[0]);
        tt_text_add(why, " ended is not known: this process ignores SIGCHLD, or waits for children "
                         "of others");
    } else if (status == TT_TIMED_OUT) {
        tt_text_add(why, child->arguments[0]);
        tt_text_add(why, " took too long and was ended");
    } else if (status == TT_CANCELLED) {
        tt_text_add(why, child->arguments[0]);
        tt_text_add(why, " was ended: nobody waits for it any more");
    }
    return status;
}
