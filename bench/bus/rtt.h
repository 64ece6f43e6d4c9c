// One side of the comparison: a server in a process of its own, and a client that asks it.

#ifndef TUTTI_BENCH_BUS_RTT_H
#define TUTTI_BENCH_BUS_RTT_H

#include <stdint.h>

#define ANSWER "8 bytes!"
#define ANSWER_BYTES 8
#define RESOURCE "value"

typedef struct side {
    const char *name;
    uint16_t port;
    void (*serve)(uint16_t port); // for ever
    void (*open_client)(uint16_t port);
    void (*ask)(void); // one confirmable GET; returns with the answer
} side;

extern const side libcoap_side;

_Noreturn void fail(const char *what);

#endif
