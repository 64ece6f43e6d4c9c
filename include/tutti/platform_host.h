// What every platform on a host shares: its clock and entropy, one worker thread, and a sleep that
// a descriptor, a finished work, a wake or a deadline ends. platform/linux and platform/switch add
// datagrams to it.

#ifndef TUTTI_PLATFORM_HOST_H
#define TUTTI_PLATFORM_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "tutti/language.h"
#include "tutti/platform.h"

TT_C_BEGIN

#define TT_HOST_DESCRIPTORS_MAX 6 // that tt_host_wait watches

typedef struct tt_host {
    int wake_descriptor; // an eventfd
    pthread_t worker;
    bool worker_started;
    pthread_mutex_t lock; // of all below
    pthread_cond_t work_queued;
    tt_work *queued, *finished; // lists by `next`, in order
    unsigned works;             // queued, running or not yet done
} tt_host;

// TT_IO where the system gives no descriptor. The worker starts with the first work.
tt_status tt_host_init(tt_host *host);

// CLOCK_MONOTONIC.
tt_time tt_host_now(void);
// From the system's generator.
void tt_host_random(void *bytes, size_t length);

// As the operations of tt_platform with the same names; `descriptors` are those of its sockets, -1
// for none. tt_host_wait returns bit i set where descriptor i has something to read.
unsigned tt_host_wait(tt_host *host, tt_time deadline, const int *descriptors, size_t count);
void tt_host_wake(tt_host *host);
tt_status tt_host_work(tt_host *host, tt_work *work);

TT_C_END

#endif
