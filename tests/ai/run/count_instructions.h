// How many instructions of the machine a call takes, stepped through one by one: the same number on
// a busy machine as on an idle one, for what only time would tell otherwise. A step takes some 20
// microseconds.

#ifndef TUTTI_COUNT_INSTRUCTIONS_H
#define TUTTI_COUNT_INSTRUCTIONS_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

// Runs it in a child, whose memory is its own. -1: it cannot be traced here.
static inline long count_instructions(void (*function)(void *context), void *context)
{
    int status = 0;
    long count = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        function(context); // what is done once only
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        raise(SIGSTOP);
        function(context);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
        return -1;
    for (; ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0; count++)
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
            return count;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

static inline void count_nothing(void *context)
{
    (void)context;
}

// Whether instructions are counted: a machine may forbid that, and what sanitizers add is not
// meant.
static inline bool can_count_instructions(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
    printf("instructions are not counted: they are another compiler's, or a sanitizer's\n");
    return false;
#else
    if (count_instructions(count_nothing, NULL) > 0)
        return true;
    printf("instructions are not counted: this machine lets no process be stepped through\n");
    return false;
#endif
}

#endif
