// The other side of a comparison: a process that holds the same network or operation, made with
// another library (peer.py), and works when it is told to. A line goes out, a line comes back.

#ifndef TUTTI_BENCH_AI_PEER_H
#define TUTTI_BENCH_AI_PEER_H

#include <stdbool.h>

#define BENCH_LINE_BYTES 1024

typedef struct bench_peer bench_peer;

// Starts `python script threads`. Ends the program where that cannot be.
bench_peer *bench_peer_start(const char *python, const char *script, unsigned threads);
void bench_peer_end(bench_peer *peer); // and waits for its end; NULL is allowed

// Sends a line and takes the answer: what stands behind "ok ", or false and what stands behind
// "skip ". Ends the program where the peer has ended.
__attribute__((format(printf, 3, 4))) bool
bench_peer_ask(bench_peer *peer, char answer[BENCH_LINE_BYTES], const char *format, ...);

_Noreturn void bench_fail(const char *what, const char *more); // says so and ends the program

#endif
