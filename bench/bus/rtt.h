// One side of the comparison: a server in a process of its own, and a client that asks it.

#ifndef TUTTI_BENCH_BUS_RTT_H
#define TUTTI_BENCH_BUS_RTT_H

#include <stdint.h>

#define ANSWER "8 bytes!"
#define ANSWER_BYTES 8
#define RESOURCE "value"
#define LONG_BYTES (1u << 20) // byte i is (uint8_t)(i * 7)
#define LONG_RESOURCE "long"

typedef struct side {
    const char *name;
    uint16_t port;
    void (*serve)(uint16_t port); // for ever
    void (*open_client)(uint16_t port);
    void (*ask)(void);   // one confirmable GET; returns with the answer
    void (*fetch)(void); // one GET of LONG_BYTES
    void (*give)(void);  // one PUT of LONG_BYTES
} side;

extern const side libcoap_side;
extern uint8_t long_bytes[LONG_BYTES];

_Noreturn void fail(const char *what);

#endif
