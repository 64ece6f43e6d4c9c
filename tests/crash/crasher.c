// A product that ends in every way there is, each when a resource is posted to. An image of a test.

#include "os/arch/arch.h"
#include "tutti/product.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

static tt_node *node;
static volatile int limit = 3;

__attribute__((noinline)) static int inner(int value)
{
    TT_CHECK(value < limit);
    return value + 1;
}

__attribute__((noinline)) static int outer(int value)
{
    volatile char words[48]; // a frame of its own
    words[0] = (char)inner(value + 1);
    return words[0] + 1;
}

__attribute__((noinline)) static void spin(void)
{
    while (limit > 0)
        ;
}

static void run_spinning(tt_work *work)
{
    (void)work;
    spin();
}

static void done(tt_work *work, tt_time now)
{
    (void)work, (void)now;
}

static void run_urgent(void *argument)
{
    (void)argument;
    spin();
}

static void end_by_check(void)
{
    limit = outer(5);
}

static void end_by_fault(void)
{
    *(volatile uint8_t *)(uintptr_t)end_by_fault = 1; // code is not written
}

static void hang_work(void)
{
    static tt_work work = {.run = run_spinning, .done = done};
    TT_CHECK(node->platform->operations->work(node->platform, &work) == TT_OK);
}

static void starve(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread thread;
    TT_CHECK(tt_thread_start(&thread, "urgent", 25, stack, sizeof(stack), run_urgent, NULL) ==
             TT_OK);
}

static void block(void)
{
    static tt_semaphore never;
    TT_CHECK(tt_semaphore_init(&never, 0, 1) == TT_OK);
    tt_semaphore_take(&never, TT_FOREVER);
}

static void spin_locked(void)
{
    tt_arch_lock();
    spin();
}

static const struct {
    const char *path;
    void (*act)(void);
} ends[] = {
    {"test/check", end_by_check}, {"test/fault", end_by_fault}, {"test/hang", spin},
    {"test/worker", hang_work},   {"test/starve", starve},      {"test/block", block},
    {"test/locked", spin_locked},
};

// At the second call: the answer to the first has to leave before.
static tt_resource resources[TT_COUNT(ends)];
static void (*pending)(void);

static void run_pending(tt_work *work)
{
    (void)work;
}

static void act(tt_work *work, tt_time now)
{
    (void)work, (void)now;
    void (*now_due)(void) = pending;
    pending = NULL;
    now_due();
}

static void post(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    static tt_work work = {.run = run_pending, .done = act};
    (void)now, (void)request;
    pending = ends[resource - resources].act;
    bool queued = node->platform->operations->work(node->platform, &work) == TT_OK;
    response->code = queued ? TT_CHANGED : TT_UNAVAILABLE;
}

static tt_status start(tt_node *started)
{
    node = started;
    for (size_t i = 0; i < TT_COUNT(ends); i++) {
        resources[i] =
            (tt_resource){.path = ends[i].path, .handler = post, .methods = 1 << TT_POST};
        TT_CHECK(tt_bus_add(&node->bus, &resources[i]) == TT_OK);
    }
    return TT_OK;
}

static tt_store_entry entries[16];
static uint32_t sectors[4];
static uint8_t buffer[TT_MEDIUM_PROGRAM_BYTES_MAX] __attribute__((aligned(8)));
static const tt_product_store store = {.code = &tt_product_keeps,
                                       .entries = entries,
                                       .entries_max = TT_COUNT(entries),
                                       .sectors = sectors,
                                       .log_sectors = TT_COUNT(sectors),
                                       .buffer = buffer,
                                       .buffer_bytes = sizeof(buffer)};

const tt_product tt_product_table = {.kind = "crasher", .start = start, .store = &store};
