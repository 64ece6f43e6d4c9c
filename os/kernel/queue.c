// Messages of one size in a ring.
//
// A message goes straight from sender to waiting receiver where there is one, so the ring is empty
// whenever receivers wait and full whenever senders wait.

#include <string.h>

#include "os/kernel/scheduler.h"

void tt_queue_init(tt_queue *queue, void *storage, size_t message_bytes, unsigned capacity)
{
    TT_CHECK(storage != NULL && message_bytes > 0 && capacity > 0);
    *queue = (tt_queue){.storage = storage, .message_bytes = message_bytes, .capacity = capacity};
    tt_wait_queue_init(&queue->senders);
    tt_wait_queue_init(&queue->receivers);
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

tt_status tt_queue_send(tt_queue *queue, const void *message, tt_time deadline)
{
    tt_lock_state lock = tt_scheduler_lock();
    tt_thread *receiver = tt_wake_first(&queue->receivers);
    if (receiver != NULL || queue->count < queue->capacity) {
        void *place = receiver != NULL ? receiver->transfer : slot(queue, queue->count++);
        copy(place, message, queue->message_bytes);
        tt_scheduler_unlock(lock);
        return TT_OK;
    }
    if (tt_arch_in_interrupt()) {
        tt_arch_unlock(lock);
        return TT_TIMED_OUT;
    }
    tt_kernel_current->transfer = (void *)(uintptr_t)message; // read by the receiver that takes it
    return tt_wait_unlock(&queue->senders, deadline, lock);
}

tt_status tt_queue_receive(tt_queue *queue, void *message, tt_time deadline)
{
    tt_lock_state lock = tt_scheduler_lock();
    if (queue->count == 0) {
        tt_kernel_current->transfer = message;
        return tt_wait_unlock(&queue->receivers, deadline, lock);
    }
    copy(message, slot(queue, 0), queue->message_bytes);
    queue->first = queue->first + 1 == queue->capacity ? 0 : queue->first + 1;
    queue->count--;
    tt_thread *sender = tt_wake_first(&queue->senders);
    if (sender != NULL) // its message takes the place that became free
        copy(slot(queue, queue->count++), sender->transfer, queue->message_bytes);
    tt_scheduler_unlock(lock);
    return TT_OK;
}
