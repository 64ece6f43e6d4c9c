// A soak: several threads and an interrupt do random things to every kind of object, and to one
// another, while the invariants are checked again and again. At the end of a round all threads must
// come to their end, and no unit and no message may be lost or made up.
//
// Rounds follow from SOAK_SEED; under -icount they are the same each time. SOAK_ROUNDS says how
// many.

#include <string.h>

#include "os/kernel/scheduler.h"
#include "tests/os/events.h"
#include "tests/os/invariants.h"

#define WORKERS 6
#define OPERATIONS 60 // of a worker's life
#define LIVES 24      // of all workers, a round
#define MUTEXES 3
#define SEMAPHORES 3
#define QUEUES 2
#define CALM_PULSES 400 // in which every thread must have ended once nobody starts any

typedef struct message {
    uint32_t value, complement;
    uint8_t tail; // so that its size is no multiple of a word
} message;

// What was done in one context: summed when all is quiet, so that nobody is interrupted in a sum.
typedef struct ledger {
    uint32_t random;
    unsigned given[SEMAPHORES], taken[SEMAPHORES];
    uint32_t sent[QUEUES], received[QUEUES]; // sums of values
    unsigned operations;
} ledger;

static uint8_t stacks[WORKERS][TT_STACK_GUARD + TEST_STACK_BYTES]
    __attribute__((aligned(TT_STACK_ALIGNMENT)));
static tt_thread workers[WORKERS];
static ledger accounts[WORKERS + 2]; // then the first thread's and the interrupt's
static ledger *const first_account = &accounts[WORKERS];
static ledger *const interrupt_account = &accounts[WORKERS + 1];

static tt_mutex mutexes[MUTEXES];
static const void *inside[MUTEXES]; // who has the lock
static tt_semaphore semaphores[SEMAPHORES];
static tt_queue queues[QUEUES];
static uint8_t rings[QUEUES][3][sizeof(message)];
static const unsigned capacities[QUEUES] = {1, 3};
static const invariants_objects objects = {mutexes, semaphores, queues,
                                           MUTEXES, SEMAPHORES, QUEUES};
static volatile bool calm; // the round ends: no waiting that somebody else has to end
static volatile unsigned lives, depth;
static uint32_t seed = SOAK_SEED;
static unsigned checks;

_Noreturn static void fail(const char *what)
{
    say("FAIL ");
    say(what);
    say_number(" in the round of seed ", seed, "\nsoak: FAILED\n");
    tt_board_stop(1);
}

static void must(bool right, const char *what)
{
    if (!right)
        fail(what);
}

static void check_invariants(void)
{
    uintptr_t lock = tt_arch_lock();
    const char *broken = invariants_broken(&objects);
    checks++;
    tt_arch_unlock(lock);
    if (broken != NULL)
        fail(broken);
}

// xorshift32 (Marsaglia, 2003)
static unsigned below(ledger *account, unsigned limit)
{
    uint32_t x = account->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    account->random = x;
    return (x >> 8) % limit;
}

static tt_time some_deadline(ledger *account)
{
    switch (below(account, 4)) {
    case 0:
        return 0;
    case 1:
        return calm ? 0 : TT_FOREVER;
    default:
        return tt_now() + TT_US(below(account, 400));
    }
}

static void give(ledger *account, unsigned i)
{
    if (tt_semaphore_give(&semaphores[i]) == TT_OK)
        account->given[i]++;
}

static void take(ledger *account, unsigned i, tt_time deadline)
{
    tt_status status = tt_semaphore_take(&semaphores[i], deadline);
    if (status == TT_OK)
        account->taken[i]++;
    must(status == TT_OK || (status == TT_TIMED_OUT && tt_now() >= deadline),
         "a take ended with neither a unit nor its deadline");
}

static void send(ledger *account, unsigned i, tt_time deadline)
{
    uint32_t value = below(account, 1u << 24);
    message m = {value, ~value, (uint8_t)value};
    tt_status status = tt_queue_send(&queues[i], &m, deadline);
    if (status == TT_OK)
        account->sent[i] += value;
    must(status == TT_OK || (status == TT_TIMED_OUT && tt_now() >= deadline),
         "a send ended with neither room nor its deadline");
}

static bool receive(ledger *account, unsigned i, tt_time deadline)
{
    message m = {0, 0, 0};
    tt_status status = tt_queue_receive(&queues[i], &m, deadline);
    must(status == TT_OK || (status == TT_TIMED_OUT && tt_now() >= deadline),
         "a receive ended with neither a message nor its deadline");
    if (status != TT_OK)
        return false;
    must(m.value == ~m.complement && m.tail == (uint8_t)m.value, "a message is damaged");
    account->received[i] += m.value;
    return true;
}

// What an interrupt may do, too.
static void act_anywhere(ledger *account)
{
    tt_thread *other = &workers[below(account, WORKERS)];
    switch (below(account, 7)) {
    case 0:
        give(account, below(account, SEMAPHORES));
        break;
    case 1:
        take(account, below(account, SEMAPHORES), 0);
        break;
    case 2:
        send(account, below(account, QUEUES), 0);
        break;
    case 3:
        receive(account, below(account, QUEUES), 0);
        break;
    case 4:
        if (!calm && other != tt_thread_self())
            tt_thread_suspend(other);
        break;
    case 5:
        tt_thread_resume(other);
        break;
    default:
        tt_thread_set_priority(other, (uint8_t)(1 + below(account, 24)));
    }
}

static void start_worker(ledger *account, unsigned i);

static bool lock(ledger *account, unsigned i)
{
    tt_time deadline = some_deadline(account);
    if (tt_mutex_lock(&mutexes[i], deadline) != TT_OK) {
        must(tt_now() >= deadline, "a lock ended with neither the mutex nor its deadline");
        return false;
    }
    must(inside[i] == NULL, "two threads are inside of one mutex");
    inside[i] = tt_thread_self();
    must(tt_mutex_init(&mutexes[i]) == TT_BUSY, "a mutex that is held was initialised");
    return true;
}

static void unlock(unsigned i)
{
    must(inside[i] == tt_thread_self() && mutexes[i].owner == tt_thread_self(),
         "a mutex changed hands");
    inside[i] = NULL;
    tt_mutex_unlock(&mutexes[i]);
}

// Locks some in their order, so that there is no deadlock, does something while it holds them, and
// unlocks them in any order.
static void act_locked(ledger *account)
{
    bool locked[MUTEXES];
    for (unsigned i = 0; i < MUTEXES; i++)
        locked[i] = below(account, 2) && lock(account, i);
    switch (below(account, 4)) {
    case 0:
        tt_thread_sleep(tt_now() + TT_US(below(account, 100)));
        break;
    case 1:
        take(account, below(account, SEMAPHORES), tt_now() + TT_US(below(account, 100)));
        break;
    case 2:
        tt_thread_yield();
        break;
    default:
        act_anywhere(account);
    }
    for (unsigned i = below(account, MUTEXES), left = MUTEXES; left > 0; left--, i++)
        if (locked[i % MUTEXES])
            unlock(i % MUTEXES);
}

static void act(ledger *account, unsigned me)
{
    unsigned other = below(account, WORKERS);
    account->operations++;
    switch (below(account, 11)) {
    case 0:
    case 1:
    case 2:
        act_locked(account);
        break;
    case 3:
        take(account, below(account, SEMAPHORES), some_deadline(account));
        break;
    case 4:
        send(account, below(account, QUEUES), some_deadline(account));
        break;
    case 5:
        receive(account, below(account, QUEUES), some_deadline(account));
        break;
    case 6:
        tt_thread_sleep(tt_now() + TT_US(below(account, 300)));
        break;
    case 7:
        tt_thread_yield();
        break;
    case 8: // with a deadline: two may join each other
        if (other != me)
            tt_thread_join(&workers[other], tt_now() + TT_US(below(account, 300)));
        break;
    case 9:
        start_worker(account, other);
        break;
    default:
        act_anywhere(account);
    }
}

static void work(void *argument)
{
    unsigned me = (unsigned)(uintptr_t)argument;
    ledger *account = &accounts[me];
    for (unsigned i = 0; i < OPERATIONS; i++) {
        act(account, me);
        must(interrupts_are_on(), "interrupts are off");
        if (below(account, 16) == 0)
            check_invariants();
        if (below(account, 100) == 0)
            tt_thread_exit();
    }
}

// Refused while the worker lives; of two who try at once, one succeeds.
static void start_worker(ledger *account, unsigned i)
{
    if (calm || lives >= LIVES)
        return;
    tt_status status = tt_thread_start(&workers[i], "worker", (uint8_t)(1 + below(account, 24)),
                                       stacks[i], sizeof(stacks[i]), work, (void *)(uintptr_t)i);
    must(status == TT_OK || status == TT_BUSY, "a worker was not started");
    if (status == TT_OK)
        lives++;
}

static void interrupt(void)
{
    must(++depth == 1, "an interrupt came into another");
    for (unsigned i = below(interrupt_account, 3); i > 0; i--)
        act_anywhere(interrupt_account);
    check_invariants();
    depth--;
    at_tick = interrupt;
}

static bool all_ended(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (workers[i].state != TT_THREAD_ENDED)
            return false;
    return true;
}

// What threads that wait for ever may need to go on.
static void help(ledger *account)
{
    for (unsigned i = 0; i < WORKERS; i++)
        tt_thread_resume(&workers[i]);
    for (unsigned i = 0; i < SEMAPHORES; i++)
        give(account, i);
    for (unsigned i = 0; i < QUEUES; i++)
        if (!receive(account, i, 0))
            send(account, i, 0);
}

static void count(void)
{
    for (unsigned i = 0; i < SEMAPHORES; i++) {
        unsigned units = 0;
        for (unsigned a = 0; a < TT_COUNT(accounts); a++)
            units += accounts[a].given[i] - accounts[a].taken[i];
        must(units == semaphores[i].free, "a semaphore's units do not add up");
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        while (receive(first_account, i, 0))
            ;
        uint32_t difference = 0;
        for (unsigned a = 0; a < TT_COUNT(accounts); a++)
            difference += accounts[a].sent[i] - accounts[a].received[i];
        must(difference == 0, "a queue's messages do not add up");
    }
}

static void run_round(void)
{
    calm = false;
    lives = 0;
    for (unsigned i = 0; i < TT_COUNT(accounts); i++)
        accounts[i] =
            (ledger){.random = (seed + 1) * 2654435761u + i, .operations = accounts[i].operations};
    for (unsigned i = 0; i < MUTEXES; i++)
        TT_CHECK(tt_mutex_init(&mutexes[i]) == TT_OK);
    for (unsigned i = 0; i < SEMAPHORES; i++)
        TT_CHECK(tt_semaphore_init(&semaphores[i], 0, 1 + i) == TT_OK);
    for (unsigned i = 0; i < QUEUES; i++)
        TT_CHECK(tt_queue_init(&queues[i], rings[i], sizeof(message), capacities[i]) == TT_OK);
    for (unsigned i = 0; i < WORKERS; i++)
        start_worker(first_account, i);
    at_tick = interrupt;
    unsigned left = CALM_PULSES;
    while (left > 0 && !all_ended()) {
        tt_thread_sleep(tt_now() + TT_US(20 + below(first_account, 200)));
        if (lives < LIVES)
            start_worker(first_account, below(first_account, WORKERS));
        else
            calm = true;
        if (calm)
            left--;
        if (calm || below(first_account, 4) == 0)
            help(first_account);
        check_invariants();
    }
    at_tick = NULL;
    must(all_ended(), "a thread did not come to its end: it missed what it waited for");
    for (unsigned i = 0; i < WORKERS; i++)
        must(tt_thread_join(&workers[i], 0) == TT_OK, "an ended thread could not be joined");
    count();
}

void tt_main(void)
{
    unsigned operations = 0;
    tt_thread_set_priority(tt_thread_self(), 28);
    for (unsigned round = 0; round < SOAK_ROUNDS; round++, seed++)
        run_round();
    for (unsigned a = 0; a < TT_COUNT(accounts); a++)
        operations += accounts[a].operations;
    say_number("", operations, " operations, invariants checked ");
    say_number("", checks, " times\n");
    finish("soak");
}
