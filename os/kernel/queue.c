// Messages of one size in a ring.
//
// A message goes straight from sender to waiting receiver where there is one, so the ring is empty
// whenever receivers wait and full whenever senders wait.

#include <string.h>

#include "os/kernel/scheduler.h"

static inline bool initialised(const tt_queue *queue)
{
    return queue->mark == TT_MARK_QUEUE;
}

tt_status tt_queue_init(tt_queue *queue, void *storage, size_t message_bytes, unsigned capacity)
{
    if (storage == NULL || message_bytes == 0 || capacity == 0)
        return TT_INVALID;
    tt_lock_state lock = tt_scheduler_lock();
    bool busy = tt_waited_for(&queue->senders) || tt_waited_for(&queue->receivers);
    if (!busy) {
        *queue = (tt_queue){.mark = TT_MARK_QUEUE,
                            .storage = storage,
                            .message_bytes = message_bytes,
                            .capacity = capacity};
        tt_wait_queue_init(&queue->senders);
        tt_wait_queue_init(&queue->receivers);
    }
    tt_arch_unlock(lock);
    return busy ? TT_BUSY : TT_OK;
}

// Messages are small: a loop here costs a third of a call of the C library's, which saves space.
static void copy(void *to, const void *from, size_t bytes)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (; bytes >= sizeof(uint32_t); bytes -= sizeof(uint32_t)) {
        memcpy(out, in, sizeof(uint32_t)); // one load and one store
        out += sizeof(uint32_t), in += sizeof(uint32_t);
    }
    for (; bytes > 0; bytes--)
        *out++ = *in++;
}

static void *slot(const tt_queue *queue, unsigned index)
{
    index += queue->first;
    if (index >= queue->capacity)
        index -= queue->capacity;
    return queue->storage + index * queue->message_bytes;
}

// Locked: waits with the message's place for whoever takes or gives it; unlocks.
static tt_status wait(tt_wait_queue *waiters, void *message, tt_time deadline, tt_lock_state lock)
{
    if (!tt_wait_begin(waiters, deadline)) {
        tt_arch_unlock(lock);
        return TT_TIMED_OUT;
    }
    tt_kernel_current->transfer = message;
    return tt_wait_end(lock);
}

tt_status tt_queue_send(tt_queue *queue, const void *message, tt_time deadline)
{
    TT_CHECK(initialised(queue));
    tt_lock_state lock = tt_scheduler_lock();
    tt_thread *receiver = tt_wake_first(&queue->receivers);
    if (receiver == NULL && queue->count == queue->capacity)
        return wait(&queue->senders, (void *)(uintptr_t)message, deadline, lock); // which is read
    void *place = receiver != NULL ? receiver->transfer : slot(queue, queue->count++);
    copy(place, message, queue->message_bytes);
    tt_scheduler_unlock(lock);
    return TT_OK;
}

tt_status tt_queue_receive(tt_queue *queue, void *message, tt_time deadline)
{
    TT_CHECK(initialised(queue));
    tt_lock_state lock = tt_scheduler_lock();
    if (queue->count == 0)
        return wait(&queue->receivers, message, deadline, lock);
    copy(message, slot(queue, 0), queue->message_bytes);
    queue->first = queue->first + 1 == queue->capacity ? 0 : queue->first + 1;
    queue->count--;
    tt_thread *sender = tt_wake_first(&queue->senders);
    if (sender != NULL) // its message takes the place that became free
        copy(slot(queue, queue->count++), sender->transfer, queue->message_bytes);
    tt_scheduler_unlock(lock);
    return TT_OK;
}
