// Forwards: a process of its own, since the launcher is a station already and a process has one.
//
// The launcher binds the ports, so that a port that is taken is told before anything starts, and
// writes to a pipe where each device is once it is found. A device that restarts keeps its address.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/forward.h"
#include "cli/linger.h"
#include "cli/say.h"
#include "tutti/platform_host.h"

#define SAY_INTERVAL TT_SECONDS(10)

typedef struct aim { // what goes through the pipe
    unsigned forward;
    tt_endpoint device;
} aim;

// ---- the process that forwards

static volatile sig_atomic_t ends;

static void end(int number)
{
    (void)number;
    ends = 1;
}

_Noreturn static void forward(tt_forwarder *forwarder, int aims, pid_t launcher)
{
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGINT, SIG_IGN); // the launcher says when
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    uint64_t told = 0;
    tt_time told_at = INT64_MIN / 2;
    // A deadline, since a signal may come just before the wait.
    while (!ends && getppid() == launcher &&
           tt_forwarder_turn(forwarder, aims, tt_host_now() + TT_MS(500))) {
        aim next;
        while (read(aims, &next, sizeof(next)) == sizeof(next)) // it does not block
            tt_forwarder_aim(forwarder, next.forward, &next.device);
        if (forwarder->turned_away > told && tt_host_now() - told_at >= SAY_INTERVAL) {
            tt_say("forwards: all places for clients, %u, are taken; %llu datagrams of new clients "
                   "were dropped",
                   TT_FORWARD_CLIENTS_MAX, (unsigned long long)(forwarder->turned_away - told));
            told = forwarder->turned_away;
            told_at = tt_host_now();
        }
    }
    _exit(0);
}

tt_exit tt_forwards_start(tt_forwards *f, const char *socket_path)
{
    if (f->forwarder.count == 0)
        return TT_EXIT_OK;
    int ends_of_pipe[2];
    uint64_t seed = 0;
    if (pipe2(ends_of_pipe, O_CLOEXEC | O_NONBLOCK) != 0 ||
        getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        tt_say_error("tutti up: forwards cannot start: %s", strerror(errno));
        return TT_EXIT_FAILED;
    }
    f->aims = ends_of_pipe[1];
    pid_t launcher = getpid();
    // A signal that comes before the process has its handler waits until it has.
    sigset_t terminate, before;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_BLOCK, &terminate, &before);
    f->pid = fork();
    if (f->pid == 0) {
        tt_status status = tt_forwarder_start(&f->forwarder, socket_path, seed);
        if (status == TT_OK)
            forward(&f->forwarder, ends_of_pipe[0], launcher);
        tt_say_error("tutti up: forwards cannot join the fleet: %s", tt_status_text(status));
        _exit(1);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends_of_pipe[0]);
    if (f->pid > 0)
        return TT_EXIT_OK;
    f->pid = 0;
    tt_say_error("tutti up: no process could be made: %s", strerror(errno));
    return TT_EXIT_FAILED;
}

// ---- the launcher

static tt_exit refuse(const char *word, size_t length, const char *reason)
{
    tt_say_error("tutti up: --forward %.*s: %s", (int)length, word, reason);
    return TT_EXIT_USAGE;
}

static tt_exit add(tt_forwards *f, const char *word, size_t length)
{
    static const char expected[] =
        "expected NAME:PORT, such as watch-1:5700, with a port from 1 to "
        "65535";
    const char *colon = memrchr(word, ':', length);
    size_t name_length = colon != NULL ? (size_t)(colon - word) : 0;
    char *after = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &after, 10) : 0;
    if (name_length == 0 || name_length >= TT_NAME_MAX || colon[1] < '0' || colon[1] > '9' ||
        after != word + length || port < 1 || port > 65535)
        return refuse(word, length, expected);
    unsigned number = f->forwarder.count;
    for (unsigned i = 0; i < number; i++)
        if (f->forwarder.forwards[i].port == port)
            return refuse(word, length, "this port leads to another device already");
    tt_status status;
    unsigned times = 0;
    do
        status = tt_forwarder_add(&f->forwarder, (uint16_t)port);
    while (status == TT_BUSY && tt_linger(&times));
    if (status == TT_FULL)
        return refuse(word, length, "there are 16 forwards at most");
    if (status != TT_OK) {
        refuse(word, length,
               status == TT_BUSY     ? "another program uses this port; choose another one"
               : status == TT_DENIED ? "this port needs root; choose one from 1024 on"
                                     : strerror(errno));
        return TT_EXIT_FAILED;
    }
    memcpy(f->names[number].name, word, name_length);
    f->names[number].name[name_length] = '\0';
    return TT_EXIT_OK;
}

tt_exit tt_forwards_open(tt_forwards *f, const char *const *words, unsigned count)
{
    memset(f, 0, sizeof(*f));
    f->aims = -1;
    for (unsigned i = 0; i < count; i++)
        for (const char *at = words[i];;) {
            size_t length = strcspn(at, ",");
            tt_exit result = add(f, at, length);
            if (result != TT_EXIT_OK) {
                tt_forwarder_close(&f->forwarder);
                return result;
            }
            if (at[length] == '\0')
                break;
            at += length + 1;
        }
    return TT_EXIT_OK;
}

void tt_forwards_found(tt_forwards *f, const char *label, const tt_peer *peer)
{
    for (unsigned i = 0; i < f->forwarder.count; i++) {
        const char *name = f->names[i].name;
        if ((label == NULL || strcmp(label, name) != 0) && strcasecmp(peer->name, name) != 0)
            continue;
        aim next;
        memset(&next, 0, sizeof(next));
        next.forward = i;
        next.device = peer->endpoint;
        if (f->aims < 0 || write(f->aims, &next, sizeof(next)) != sizeof(next))
            tt_say("%s is not forwarded any more: %s", name, strerror(errno));
        else if (!f->names[i].found)
            tt_say("%-9s %-16s coap://127.0.0.1:%u leads to it", label != NULL ? label : "-",
                   peer->name, f->forwarder.forwards[i].port);
        f->names[i].found = true;
    }
}

void tt_forwards_say_missing(const tt_forwards *f)
{
    for (unsigned i = 0; i < f->forwarder.count; i++)
        if (!f->names[i].found)
            tt_say("--forward %s:%u leads nowhere: no device of that name was found",
                   f->names[i].name, f->forwarder.forwards[i].port);
}

void tt_forwards_turn(tt_forwards *f)
{
    if (f->pid == 0 || waitpid(f->pid, NULL, WNOHANG) != f->pid)
        return;
    f->pid = 0;
    close(f->aims);
    f->aims = -1;
    tt_say_error("tutti up: what forwards ended by itself; the ports lead nowhere");
}

void tt_forwards_stop(tt_forwards *f)
{
    if (f->pid > 0) {
        kill(f->pid, SIGTERM);
        waitpid(f->pid, NULL, 0);
        f->pid = 0;
    }
    if (f->aims >= 0)
        close(f->aims);
    f->aims = -1;
    tt_forwarder_close(&f->forwarder);
}
