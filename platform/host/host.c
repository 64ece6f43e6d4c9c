// Clock, entropy, worker and sleep of a host process (see host.h).
//
// The worker and the loop share two lists under one lock. A wake is a count in an eventfd, so one
// that comes before the sleep ends the sleep too; it is the only thing here that a signal handler
// may do.

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tutti/platform_host.h"
#include "tutti/check.h"

tt_status tt_host_init(tt_host *host)
{
    *host = (tt_host){.wake_descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (host->wake_descriptor < 0)
        return TT_IO;
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->work_queued, NULL);
    return TT_OK;
}

tt_time tt_host_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return TT_SECONDS(now.tv_sec) + now.tv_nsec;
}

void tt_host_random(void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        TT_CHECK(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
}

static void append(tt_work **list, tt_work *work)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = work;
    work->next = NULL;
}

static void *run_works(void *argument)
{
    tt_host *host = argument;
    pthread_mutex_lock(&host->lock);
    for (;;) {
        while (host->queued == NULL)
            pthread_cond_wait(&host->work_queued, &host->lock);
        tt_work *work = host->queued;
        host->queued = work->next;
        pthread_mutex_unlock(&host->lock);
        work->run(work);
        pthread_mutex_lock(&host->lock);
        append(&host->finished, work);
        tt_host_wake(host);
    }
    return NULL;
}

tt_status tt_host_work(tt_host *host, tt_work *work)
{
    pthread_mutex_lock(&host->lock);
    tt_status status = host->works < TT_WORKS_MAX ? TT_OK : TT_FULL;
    if (status == TT_OK && !host->worker_started) {
        host->worker_started = pthread_create(&host->worker, NULL, run_works, host) == 0;
        if (!host->worker_started)
            status = TT_FULL;
    }
    if (status == TT_OK) {
        host->works++;
        append(&host->queued, work);
        pthread_cond_signal(&host->work_queued);
    }
    pthread_mutex_unlock(&host->lock);
    return status;
}

static void finish_works(tt_host *host)
{
    pthread_mutex_lock(&host->lock);
    tt_work *work = host->finished;
    host->finished = NULL;
    pthread_mutex_unlock(&host->lock);
    while (work != NULL) {
        tt_work *next = work->next;
        pthread_mutex_lock(&host->lock);
        host->works--; // `done` may queue it again
        pthread_mutex_unlock(&host->lock);
        work->done(work, tt_host_now());
        work = next;
    }
}

void tt_host_wake(tt_host *host)
{
    uint64_t one = 1;
    int saved = errno; // a signal handler may call this
    ssize_t written = write(host->wake_descriptor, &one, sizeof(one));
    (void)written; // fails only where the count is full, and then the sleep ends as well
    errno = saved;
}

unsigned tt_host_wait(tt_host *host, tt_time deadline, const int *descriptors, size_t count)
{
    struct pollfd watched[TT_HOST_DESCRIPTORS_MAX + 1] = {
        {.fd = host->wake_descriptor, .events = POLLIN}};
    TT_CHECK(count <= TT_HOST_DESCRIPTORS_MAX);
    for (size_t i = 0; i < count; i++)
        watched[i + 1] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};

    struct timespec left = {0};
    tt_time now = tt_host_now();
    if (deadline > now) {
        left.tv_sec = (deadline - now) / TT_SECONDS(1);
        left.tv_nsec = (deadline - now) % TT_SECONDS(1);
    }
    if (ppoll(watched, count + 1, deadline == TT_FOREVER ? NULL : &left, NULL) > 0 &&
        watched[0].revents != 0) {
        uint64_t wakes;
        ssize_t got = read(host->wake_descriptor, &wakes, sizeof(wakes));
        (void)got; // empties the count; nothing to do where it was empty
    }
    unsigned ready = 0;
    for (size_t i = 0; i < count; i++)
        ready |= (unsigned)(watched[i + 1].revents != 0) << i;
    finish_works(host);
    return ready;
}
