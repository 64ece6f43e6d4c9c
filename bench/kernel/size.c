// The smallest image that uses what kernels are compared by: two threads with stacks of 512 bytes,
// a semaphore, a queue, and waits that end at a time. What it takes of flash and RAM is the bench;
// it runs all the same, and says so.

#include "tutti/check.h"
#include "tutti/kernel.h"

#define ROUNDS 3
#define PATIENCE TT_SECONDS(1)

static TT_STACK(sender_stack, 512);
static TT_STACK(receiver_stack, 512);
static tt_thread sender, receiver;
static tt_semaphore received;
static tt_queue queue;
static uint32_t messages[4];

static void send(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        tt_thread_sleep(tt_after(tt_now(), TT_MS(1)));
        TT_CHECK(tt_queue_send(&queue, &i, tt_after(tt_now(), PATIENCE)) == TT_OK);
        TT_CHECK(tt_semaphore_take(&received, tt_after(tt_now(), PATIENCE)) == TT_OK);
    }
}

static void receive(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t message;
        TT_CHECK(tt_queue_receive(&queue, &message, tt_after(tt_now(), PATIENCE)) == TT_OK);
        TT_CHECK(message == i && tt_semaphore_give(&received) == TT_OK);
    }
}

void tt_main(void)
{
    TT_CHECK(tt_semaphore_init(&received, 0, 1) == TT_OK);
    TT_CHECK(tt_queue_init(&queue, messages, sizeof(messages[0]), TT_COUNT(messages)) == TT_OK);
    TT_CHECK(tt_thread_start(&receiver, "receiver", 5, receiver_stack, sizeof(receiver_stack),
                             receive, NULL) == TT_OK);
    TT_CHECK(tt_thread_start(&sender, "sender", 4, sender_stack, sizeof(sender_stack), send,
                             NULL) == TT_OK);
    TT_CHECK(tt_thread_join(&sender, tt_after(tt_now(), PATIENCE)) == TT_OK);
    tt_console_write("kernel size\n", 12);
    tt_board_stop(0);
}
