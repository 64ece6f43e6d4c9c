// Nothing that was acknowledged over the bus is lost: a device with a store on a tearing medium,
// whose power goes at random bytes of programs and stages of erases and at random times, and
// another that puts and deletes values over a network that loses, doubles and reorders.
//
//     test_sim_kept SEEDS [FIRST]

#include "sim/tearing.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/node_store.h"
#include "tutti/sim.h"
#include "tutti/store_service.h"

#define SECTOR 4096
#define SECTORS 4
#define UNIT 4
#define KEYS 6
#define VALUE_MAX 1500
#define CANDIDATES_MAX 256
#define CHANGES 60
#define DEVICE 0
#define CLIENT 1

// What a key may hold: the value of the last change that was acknowledged, or one of those that
// were begun since. 0: it is not there.
typedef struct expected {
    uint32_t values[CANDIDATES_MAX];
    unsigned count;
} expected;

static struct {
    tt_sim *sim;
    const char *broken;
    expected keys[KEYS];
    tt_call call;
    uint8_t body[VALUE_MAX];
    char path[TT_BUS_PATH_MAX];
    unsigned key, changes, acknowledged, starts;
    uint32_t value; // that is being put; 0: deleted
    bool stopped, calling;
} world;

static struct { // the device
    tt_tearing tearing;
    tt_store store;
    tt_store_service service;
    tt_node_timer timer, soon;
    tt_store_entry entries[16];
    uint32_t sectors[SECTORS];
    uint8_t buffer[128], image[SECTOR * SECTORS];
    bool open;
} keeper;

static void broke(const char *what)
{
    if (world.broken == NULL)
        world.broken = what;
}

static uint32_t draw(uint32_t below)
{
    return (uint32_t)tt_random_below(tt_sim_random(world.sim), below);
}

static void path_of(unsigned key)
{
    snprintf(world.path, sizeof(world.path), "data/k%u", key);
}

// A value is a number, its length, and bytes that follow from both.
static size_t make_value(uint32_t number, uint8_t *bytes)
{
    tt_random random;
    tt_random_seed(&random, number);
    size_t length = 4 + tt_random_below(&random, number % 5 == 0 ? VALUE_MAX - 3 : 60);
    tt_random_bytes(&random, bytes, length);
    bytes[0] = (uint8_t)number;
    bytes[1] = (uint8_t)(number >> 8);
    bytes[2] = (uint8_t)(number >> 16);
    bytes[3] = (uint8_t)(number >> 24);
    return length;
}

// ---- The device.

// What the store holds is what may be there, whole; what is there now is all that may be from now
// on.
static void check_store(void)
{
    static uint8_t bytes[VALUE_MAX + 1], whole[VALUE_MAX];
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        size_t length;
        uint32_t number = 0;
        snprintf(key, sizeof(key), "data/k%u", i);
        tt_status status = tt_store_get(&keeper.store, key, bytes, sizeof(bytes), &length);
        if (status == TT_OK && length >= 4) {
            tt_reader reader;
            tt_reader_init(&reader, bytes, length);
            number = tt_read_le32(&reader);
            if (make_value(number, whole) != length || memcmp(whole, bytes, length) != 0)
                broke("a value is not whole");
        } else if (status != TT_NOT_FOUND) {
            broke("a value cannot be read");
        }
        expected *e = &world.keys[i];
        bool found = false;
        for (unsigned k = 0; k < e->count; k++)
            found |= e->values[k] == number;
        if (!found)
            broke("what was acknowledged is not there");
    }
}

static void on_start(tt_sim *sim, unsigned node, void *context)
{
    (void)context;
    if (node != DEVICE)
        return;
    world.starts++;
    memset(&keeper.timer, 0, sizeof(keeper.timer));
    memset(&keeper.soon, 0, sizeof(keeper.soon));
    keeper.tearing.busy_program = draw(3);
    keeper.tearing.busy_erase = draw(20);
    keeper.tearing.busy_sync = draw(3);
    tt_store_parts parts = {.medium = &keeper.tearing.medium,
                            .entries = keeper.entries,
                            .entries_max = TT_COUNT(keeper.entries),
                            .sectors = keeper.sectors,
                            .log_sectors = SECTORS,
                            .buffer = keeper.buffer,
                            .buffer_bytes = sizeof(keeper.buffer),
                            .format = true};
    if (tt_store_open(&keeper.store, &parts) != TT_OK) {
        broke("the store cannot be opened");
        return;
    }
    check_store();
    keeper.open = true;
    tt_store_service_init(
        &keeper.service,
        &(tt_store_service_options){.bus = &tt_sim_node(sim, node)->bus, .store = &keeper.store});
}

static void turn_again(tt_node *node, tt_time now, void *context)
{
    (void)node, (void)now, (void)context;
}

static void on_turn(tt_node *node, tt_time now)
{
    if (tt_sim_index(world.sim, node) != DEVICE || !keeper.open)
        return;
    tt_store_service_turn(&keeper.service, now);
    tt_node_turn_store(node, &keeper.timer, &keeper.store);
    if (keeper.tearing.dead) // its last turn
        return;
    if (tt_store_service_turn(&keeper.service, now))
        tt_node_after(node, &keeper.soon, TT_MS(1), turn_again, NULL);
}

// ---- The client.

static void begin_change(tt_sim *sim, void *context);

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    if (!reply->final)
        return;
    world.calling = false;
    expected *e = &world.keys[world.key];
    bool put = call->method == TT_PUT;
    bool done = reply->status == TT_OK &&
                (put ? reply->code == TT_CREATED || reply->code == TT_CHANGED
                     : reply->code == TT_DELETED || reply->code == TT_PATH_NOT_FOUND);
    if (done) {
        world.acknowledged++;
        e->values[0] = world.value;
        e->count = 1;
    }
    tt_sim_at(world.sim, tt_sim_now(world.sim) + TT_MS(draw(400)), begin_change, NULL);
}

static void begin_change(tt_sim *sim, void *context)
{
    (void)context;
    if (world.stopped)
        return;
    world.key = draw(KEYS);
    world.value = draw(4) == 0 ? 0 : ++world.changes;
    expected *e = &world.keys[world.key];
    if (e->count == CANDIDATES_MAX)
        return broke("too many changes without an acknowledgement");
    e->values[e->count++] = world.value;
    path_of(world.key);
    world.call = (tt_call){.peer = tt_sim_endpoint(sim, DEVICE),
                           .method = world.value == 0 ? TT_DELETE : TT_PUT,
                           .path = world.path,
                           .payload = world.body,
                           .length = world.value == 0 ? 0 : make_value(world.value, world.body),
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_NONE,
                           .timeout = TT_SECONDS(20),
                           .on_reply = on_reply};
    world.calling = true;
    tt_node *node = tt_sim_node(sim, CLIENT);
    TT_CHECK(tt_bus_call(&node->bus, tt_sim_node_now(sim, CLIENT), &world.call) == TT_OK);
}

static void run(uint64_t seed)
{
    memset(&world, 0, sizeof(world));
    memset(&keeper, 0, sizeof(keeper));
    char faults[192];
    // In the middle of a write; and while it does nothing, or in a transfer.
    snprintf(faults, sizeof(faults),
             "delay 0.1ms jitter %ums\nloss %u%%\ndouble %u%%\n"
             "tear 0 at 1s every 8s within 7s\n"
             "kill 0 at 15s every 30s within 15s\nstart 0 at 36s every 30s",
             (unsigned)(1 + seed % 50), (unsigned)(seed % 3 * 7), (unsigned)(seed % 4 * 5));
    tt_sim_options options = {.seed = seed,
                              .nodes = 2,
                              .faults = faults,
                              .skew_parts_per_million = 200,
                              .on_start = on_start,
                              .on_turn = on_turn};
    world.sim = tt_sim_new(&options);
    for (unsigned i = 0; i < KEYS; i++)
        world.keys[i].count = 1;
    tt_tearing_init(&keeper.tearing, keeper.image, UNIT, SECTOR, SECTORS, 0xff);
    keeper.tearing.unhashed = true;
    tt_random_seed(&keeper.tearing.random, seed);
    tt_sim_set_medium(world.sim, DEVICE, &keeper.tearing);
    tt_sim_start(world.sim, DEVICE, "keeper");
    tt_sim_start(world.sim, CLIENT, NULL);
    tt_sim_at(world.sim, TT_SECONDS(2), begin_change, NULL);
    for (unsigned s = 0; s < 2000 && world.changes < CHANGES && world.broken == NULL; s++)
        tt_sim_run_until(world.sim, TT_SECONDS(2 + s));
    // The last life: what is there, and that it can be written still.
    world.stopped = true;
    tt_sim_heal(world.sim);
    tt_sim_run_until(world.sim, tt_sim_now(world.sim) + TT_SECONDS(60));
    if (tt_sim_alive(world.sim, DEVICE))
        tt_sim_kill(world.sim, DEVICE);
    tt_sim_start(world.sim, DEVICE, "keeper");
    world.stopped = false;
    unsigned before = world.acknowledged;
    begin_change(world.sim, NULL);
    world.stopped = true;
    tt_sim_run_until(world.sim, tt_sim_now(world.sim) + TT_SECONDS(30));
    if (world.calling || world.acknowledged == before)
        broke("nothing can be put any more");
    tt_sim_free(world.sim);
}

int main(int count, char **words)
{
    uint64_t seeds = count > 1 ? strtoull(words[1], NULL, 10) : 200, all = 0, cuts = 0;
    uint64_t first = count > 2 ? strtoull(words[2], NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        run(seed);
        all += world.acknowledged;
        cuts += world.starts - 1;
        if (world.broken != NULL)
            printf("seed %llu: %s\n", (unsigned long long)seed, world.broken);
        EXPECT(world.broken == NULL);
    }
    printf("%llu seeds: %llu changes acknowledged, %llu cuts of the power\n",
           (unsigned long long)seeds, (unsigned long long)all, (unsigned long long)cuts);
    EXPECT(all >= seeds * 20 && cuts >= seeds); // or the test shows nothing
    return test_result();
}
