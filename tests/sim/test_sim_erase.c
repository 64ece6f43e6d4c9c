// A device whose medium takes 400 ms to erase a sector answers pings meanwhile, each within 20 ms,
// and a second put waits its turn: one from another client, which is told to come again, and one of
// the device's own, which the store begins when the first is done.
//
// The times are the world's: they are the same on every machine.

#include <limits.h>

#include "sim/tearing.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/node_store.h"
#include "tutti/sim.h"
#include "tutti/store_service.h"

#define SECTOR 4096
#define SECTORS 4
#define VALUE 1500
#define ERASE TT_MS(400)
#define PING_MOST TT_MS(20)
#define PING_EVERY TT_MS(5)
#define ERASES 10

enum { DEVICE, PINGER, WRITERS }; // and two of these
enum { OWN_VALUE = 40 };

static const char *const paths[] = {"data/a", "data/b"}; // of each writer

typedef struct writer {
    tt_call call;
    unsigned node, taken, refused;
    uint8_t body[VALUE];
} writer;

static struct {
    tt_sim *sim;
    writer writers[2];
    tt_call ping;
    tt_time pinged, longest;
    unsigned pings, pings_meanwhile, own_puts;
    bool erasing, was_erasing; // now, and when the ping was sent
    bool stopped;              // nothing is put any more
} world;

static struct { // the device
    tt_tearing tearing;
    tt_store store;
    tt_store_service service;
    tt_node_timer timer, soon;
    tt_store_entry entries[16];
    uint32_t sectors[SECTORS];
    uint8_t buffer[128], image[SECTOR * SECTORS];
    tt_store_change own;
    tt_store_write own_write;
    unsigned own_done;
    uint64_t work; // of the medium, the erase that is under way among it
} keeper;

static uint64_t work_of_medium(void)
{
    return keeper.tearing.programs + keeper.tearing.erases + keeper.tearing.syncs;
}

// ---- The device.

static void own_done(tt_store_write *write)
{
    EXPECT_EQUAL(write->status, TT_OK);
    EXPECT(!world.erasing);
    keeper.own_done++;
}

// In the midst of an erase.
static void put_own(tt_sim *sim, void *context)
{
    (void)sim, (void)context;
    static uint8_t value[OWN_VALUE];
    EXPECT(world.erasing);
    if (world.stopped || keeper.own_write.status == TT_BUSY)
        return;
    keeper.own = (tt_store_change){.key = "own", .value = value, .length = sizeof(value)};
    keeper.own_write = (tt_store_write){.changes = &keeper.own, .count = 1, .done = own_done};
    tt_store_begin(&keeper.store, &keeper.own_write);
    world.own_puts++;
}

static void end_erase(tt_sim *sim, void *context)
{
    (void)sim, (void)context;
    EXPECT_EQUAL(work_of_medium(), keeper.work); // nothing was begun meanwhile
    keeper.tearing.busy = 0;
    world.erasing = false;
}

static void begin_operation(tt_tearing *tearing, const tt_tearing_operation *operation)
{
    if (operation->bytes != NULL)
        return;
    tearing->busy_erase = UINT_MAX; // until end_erase
    world.erasing = true;
    keeper.work = work_of_medium() + 1;
    tt_time now = tt_sim_now(world.sim);
    tt_sim_at(world.sim, now + ERASE / 2, put_own, NULL);
    tt_sim_at(world.sim, now + ERASE, end_erase, NULL);
}

static void on_start(tt_sim *sim, unsigned node, void *context)
{
    (void)context;
    if (node != DEVICE)
        return;
    tt_store_parts parts = {.medium = &keeper.tearing.medium,
                            .entries = keeper.entries,
                            .entries_max = TT_COUNT(keeper.entries),
                            .sectors = keeper.sectors,
                            .log_sectors = SECTORS,
                            .buffer = keeper.buffer,
                            .buffer_bytes = sizeof(keeper.buffer),
                            .format = true};
    REQUIRE(tt_store_open(&keeper.store, &parts) == TT_OK);
    REQUIRE(tt_store_service_init(&keeper.service,
                                  &(tt_store_service_options){.bus = &tt_sim_node(sim, node)->bus,
                                                              .store = &keeper.store}) == TT_OK);
}

static void turn_again(tt_node *node, tt_time now, void *context)
{
    (void)node, (void)now, (void)context;
}

static void on_turn(tt_node *node, tt_time now)
{
    if (tt_sim_index(world.sim, node) != DEVICE)
        return;
    tt_store_service_turn(&keeper.service, now);
    tt_node_turn_store(node, &keeper.timer, &keeper.store);
    if (tt_store_service_turn(&keeper.service, now))
        tt_node_after(node, &keeper.soon, TT_MS(1), turn_again, NULL);
}

// ---- Who asks.

static void ping(tt_sim *sim, void *context)
{
    (void)context;
    world.pinged = tt_sim_now(sim);
    world.was_erasing = world.erasing;
    EXPECT_EQUAL(
        tt_bus_ping(&tt_sim_node(sim, PINGER)->bus, tt_sim_node_now(sim, PINGER), &world.ping),
        TT_OK);
}

static void on_pong(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    tt_time took = tt_sim_now(world.sim) - world.pinged;
    EXPECT_EQUAL(reply->status, TT_OK);
    world.pings++;
    world.pings_meanwhile += world.was_erasing;
    world.longest = took > world.longest ? took : world.longest;
    tt_sim_at(world.sim, tt_sim_now(world.sim) + PING_EVERY, ping, NULL);
}

static void put(tt_sim *sim, void *context)
{
    writer *w = context;
    if (world.stopped)
        return;
    w->call.peer = tt_sim_endpoint(sim, DEVICE);
    w->call.method = TT_PUT;
    w->call.path = paths[w->node - WRITERS];
    w->call.payload = w->body;
    w->call.length = VALUE;
    w->call.content_format = w->call.accept = TT_FORMAT_NONE;
    memset(w->body, (int)w->taken, sizeof(w->body));
    EXPECT_EQUAL(
        tt_bus_call(&tt_sim_node(sim, w->node)->bus, tt_sim_node_now(sim, w->node), &w->call),
        TT_OK);
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    writer *w = call->context;
    if (!reply->final)
        return;
    EXPECT_EQUAL(reply->status, TT_OK);
    if (reply->code == TT_UNAVAILABLE) { // the other's is under way
        w->refused++;
    } else {
        EXPECT(reply->code == TT_CREATED || reply->code == TT_CHANGED);
        w->taken++;
    }
    tt_sim_at(world.sim, tt_sim_now(world.sim) + TT_MS(30), put, w);
}

static void expect_value(const char *key, size_t length, uint8_t byte)
{
    static uint8_t bytes[VALUE + 1];
    size_t got = 0;
    EXPECT_EQUAL(tt_store_get(&keeper.store, key, bytes, sizeof(bytes), &got), TT_OK);
    EXPECT_EQUAL(got, length);
    for (size_t i = 0; i < got; i++)
        EXPECT_EQUAL(bytes[i], byte);
}

int main(void)
{
    world.sim = tt_sim_new(&(tt_sim_options){.seed = 1,
                                             .nodes = WRITERS + 2,
                                             .faults = "delay 1ms",
                                             .on_start = on_start,
                                             .on_turn = on_turn});
    REQUIRE(world.sim != NULL);
    memset(keeper.image, 0xff, sizeof(keeper.image));
    tt_tearing_init(&keeper.tearing, keeper.image, 4, SECTOR, SECTORS, 0xff);
    keeper.tearing.unhashed = true;
    keeper.tearing.before = begin_operation;
    keeper.tearing.busy_program = keeper.tearing.busy_sync = 1;
    tt_sim_start(world.sim, DEVICE, "keeper");
    tt_sim_start(world.sim, PINGER, NULL);
    world.ping.peer = tt_sim_endpoint(world.sim, DEVICE);
    world.ping.on_reply = on_pong;
    tt_sim_at(world.sim, TT_SECONDS(2), ping, NULL);
    for (unsigned i = 0; i < TT_COUNT(world.writers); i++) {
        writer *w = &world.writers[i];
        w->node = WRITERS + i;
        w->call.on_reply = on_reply;
        w->call.context = w;
        w->call.timeout = TT_SECONDS(20);
        tt_sim_start(world.sim, w->node, NULL);
        tt_sim_at(world.sim, TT_SECONDS(2), put, w);
    }
    tt_sim_run_until(world.sim, TT_SECONDS(60));
    world.stopped = true;
    tt_sim_run_until(world.sim, TT_SECONDS(70));

    printf("%llu erases of 400 ms; %u pings, %u of them meanwhile, %.1f ms at most\n",
           (unsigned long long)keeper.tearing.erases, world.pings, world.pings_meanwhile,
           (double)world.longest / 1e6);
    EXPECT(keeper.tearing.erases >= ERASES);
    EXPECT(world.pings_meanwhile >= ERASES * (ERASE / (PING_EVERY + PING_MOST)));
    EXPECT(world.longest <= PING_MOST);
    EXPECT_EQUAL(keeper.tearing.misuses, 0);
    EXPECT(world.own_puts >= ERASES - 1 && keeper.own_done == world.own_puts);
    expect_value("own", OWN_VALUE, 0);
    for (unsigned i = 0; i < TT_COUNT(world.writers); i++) {
        writer *w = &world.writers[i];
        printf("writer %u: %u puts taken, %u told to come again\n", i, w->taken, w->refused);
        EXPECT(w->taken >= ERASES && w->refused > 0);
        expect_value(paths[i], VALUE, (uint8_t)(w->taken - 1));
    }
    tt_sim_free(world.sim);
    return test_result();
}
