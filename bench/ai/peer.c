// A process with two pipes.

#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/ai/peer.h"

extern char **environ;

struct bench_peer {
    pid_t process;
    FILE *to, *from;
};

void bench_fail(const char *what, const char *more)
{
    fflush(stdout);
    fprintf(stderr, "bench_ai: %s%s\n", what, more);
    exit(1);
}

bench_peer *bench_peer_start(const char *python, const char *script, unsigned threads)
{
    int to[2], from[2];
    char count[16];
    posix_spawn_file_actions_t actions;
    bench_peer *peer = malloc(sizeof(*peer));
    if (peer == NULL || pipe(to) != 0 || pipe(from) != 0)
        bench_fail("no memory or pipes for ", script);
    snprintf(count, sizeof(count), "%u", threads);
    char *words[] = {(char *)python, (char *)script, count, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, to[i]);
        posix_spawn_file_actions_addclose(&actions, from[i]);
    }
    if (posix_spawn(&peer->process, python, &actions, NULL, words, environ) != 0)
        bench_fail("cannot be started: ", python);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    peer->to = fdopen(to[1], "w");
    peer->from = fdopen(from[0], "r");
    if (peer->to == NULL || peer->from == NULL)
        bench_fail("no memory for pipes to ", script);
    return peer;
}

void bench_peer_end(bench_peer *peer)
{
    if (peer == NULL)
        return;
    fclose(peer->to); // the end of its input is its end
    fclose(peer->from);
    waitpid(peer->process, NULL, 0);
    free(peer);
}

bool bench_peer_ask(bench_peer *peer, char answer[BENCH_LINE_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(peer->to, format, arguments);
    va_end(arguments);
    fputc('\n', peer->to);
    if (fflush(peer->to) != 0 || fgets(answer, BENCH_LINE_BYTES, peer->from) == NULL)
        bench_fail("the peer has ended before its answer to ", format);
    answer[strcspn(answer, "\n")] = '\0';
    bool good = strncmp(answer, "ok ", 3) == 0;
    if (!good && strncmp(answer, "skip ", 5) != 0)
        bench_fail("the peer said ", answer);
    const char *rest = answer + (good ? 3 : 5);
    memmove(answer, rest, strlen(rest) + 1);
    return good;
}
