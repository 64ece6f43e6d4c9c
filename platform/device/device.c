// Clock, sleep and worker by the kernel, datagrams by lwIP over the board's Ethernet.
//
// The loop sleeps on a semaphore of one unit: an arriving frame, a finished work and a wake all
// give it. One worker thread, less urgent than the loop, runs works in order. Both are supervised:
// a loop that does not turn for two looks of tutti/liveness.h, or a work that takes longer than
// twelve, a minute, ends the device.

#include <string.h>

#include "platform/lwip/stack.h"
#include "tutti/board.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/liveness.h"
#include "tutti/platform_device.h"
#include "tutti/random.h"

#define WORKER_PRIORITY 8
#define LOOP_LOOKS_MAX 2
#define WORKER_LOOKS_MAX 12
#ifndef TT_WORKER_STACK_BYTES
#define TT_WORKER_STACK_BYTES (TT_STACK_GUARD < 4096 ? 2048 : 16384)
#endif

static struct {
    tt_platform platform; // first
    tt_random random;
    tt_semaphore wake;
    tt_thread worker;
    tt_queue queued, finished;
    tt_work *queued_storage[TT_WORKS_MAX], *finished_storage[TT_WORKS_MAX];
    tt_liveness loop_alive, worker_alive;
    uint64_t stirred;
    unsigned works; // queued, running or not yet done; counted by the loop's thread alone
} device;
static TT_STACK(worker_stack, TT_WORKER_STACK_BYTES);

static tt_time device_now(tt_platform *platform)
{
    (void)platform;
    return tt_now();
}

static tt_time stack_now(void *context)
{
    (void)context;
    return tt_now();
}

static void device_random(tt_platform *platform, void *bytes, size_t length)
{
    (void)platform;
    tt_random_bytes(&device.random, bytes, length);
}

static tt_status device_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                             size_t group_count, tt_socket *socket)
{
    (void)platform;
    return tt_stack_open(port, groups, group_count, socket);
}

static uint16_t device_port(tt_platform *platform, tt_socket socket)
{
    (void)platform;
    return tt_stack_port(socket);
}

static tt_status device_send(tt_platform *platform, const tt_datagram *datagram)
{
    (void)platform;
    return tt_stack_send(datagram);
}

static tt_status device_receive(tt_platform *platform, tt_datagram *datagram)
{
    (void)platform;
    return tt_stack_receive(datagram);
}

static size_t device_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform;
    return tt_stack_addresses(addresses, capacity);
}

static void device_wake(tt_platform *platform)
{
    (void)platform;
    tt_semaphore_give(&device.wake); // full: it will wake anyway
}

static void device_wait(tt_platform *platform, tt_time deadline)
{
    (void)platform;
    tt_work *work;
    tt_liveness_report(&device.loop_alive);
    tt_stack_advance();
    tt_semaphore_take(&device.wake, tt_earlier(deadline, tt_stack_deadline()));
    while (tt_queue_receive(&device.finished, &work, 0) == TT_OK) {
        device.works--;
        work->done(work, tt_now());
    }
}

static tt_status device_work(tt_platform *platform, tt_work *work)
{
    (void)platform;
    if (device.works == TT_WORKS_MAX)
        return TT_FULL;
    device.works++;
    TT_CHECK(tt_queue_send(&device.queued, &work, 0) == TT_OK);
    return TT_OK;
}

static void run_works(void *argument)
{
    (void)argument;
    for (;;) {
        tt_work *work;
        tt_liveness_rest(&device.worker_alive);
        tt_queue_receive(&device.queued, &work, TT_FOREVER);
        tt_liveness_report(&device.worker_alive);
        work->run(work);
        TT_CHECK(tt_queue_send(&device.finished, &work, 0) == TT_OK);
        tt_semaphore_give(&device.wake);
    }
}

static void frame_arrived(void *context)
{
    (void)context;
    tt_semaphore_give(&device.wake);
}

// FNV-1a over everything that differs between devices and starts: a seed, not a key.
static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    const uint8_t *data = bytes;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

void tt_platform_device_stir(const void *bytes, size_t length)
{
    TT_CHECK(device.platform.operations == NULL);
    device.stirred = mix(device.stirred, bytes, length);
}

static uint64_t make_seed(void)
{
    uint8_t entropy[32];
    size_t length = tt_board_entropy(entropy, sizeof(entropy));
    tt_time now = tt_now();
    uint32_t restarts = tt_kept_restarts(); // the launcher's boot number is the same after a reset
    uint64_t hash = mix(0xcbf29ce484222325u, &tt_provision, sizeof(tt_provision));
    hash = mix(hash, &restarts, sizeof(restarts));
    hash = mix(hash, entropy, length);
    hash = mix(hash, &device.stirred, sizeof(device.stirred));
    return mix(hash, &now, sizeof(now));
}

static const tt_platform_operations operations = {
    .now = device_now,
    .random = device_random,
    .open = device_open,
    .port = device_port,
    .send = device_send,
    .receive = device_receive,
    .addresses = device_addresses,
    .wait = device_wait,
    .wake = device_wake,
    .work = device_work,
};

tt_status tt_platform_device_start(tt_platform **platform)
{
    TT_CHECK(device.platform.operations == NULL);
    TT_CHECK(tt_semaphore_init(&device.wake, 0, 1) == TT_OK);
    TT_CHECK(tt_queue_init(&device.queued, device.queued_storage, sizeof(tt_work *),
                           TT_WORKS_MAX) == TT_OK);
    TT_CHECK(tt_queue_init(&device.finished, device.finished_storage, sizeof(tt_work *),
                           TT_WORKS_MAX) == TT_OK);
    tt_random_seed(&device.random, make_seed());
    tt_ethernet *ethernet = tt_board_ethernet(frame_arrived, NULL);
    if (ethernet == NULL)
        return TT_IO;
    tt_stack_start(&(tt_stack_options){
        .ethernet = ethernet, .now = stack_now, .seed = tt_random_u64(&device.random)});
    TT_CHECK(tt_thread_start(&device.worker, "worker", WORKER_PRIORITY, worker_stack,
                             sizeof(worker_stack), run_works, NULL) == TT_OK);
    device.platform.operations = &operations;
    device.loop_alive = (tt_liveness){
        .name = "loop", .looks_max = LOOP_LOOKS_MAX, .ask = frame_arrived, .context = NULL};
    device.worker_alive =
        (tt_liveness){.name = "worker", .looks_max = WORKER_LOOKS_MAX, .resting = true};
    tt_liveness_add(&device.loop_alive);
    tt_liveness_add(&device.worker_alive);
    *platform = &device.platform;
    return TT_OK;
}
