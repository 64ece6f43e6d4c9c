// Scenarios: what nodes do to one another while the network misbehaves, and what must hold all the
// same, besides what a scene watches.

#include <stdio.h>
#include <string.h>

#include "sim/scene.h"
#include "tutti/check.h"

#define POSTS 20
#define CROWD_POSTS 8 // of each
#define CROWD_SECONDS 4
#define TELLS 200
#define TELL_SECONDS 5
#define TELLS_AFTER 20

static void post_one(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    (void)sim;
    unsigned i = s->posts_started;
    tt_scene_post(s, 1 + i % 2, i % 3 == 0 ? "slow" : "echo");
}

// Two nodes post to a third, at once and through a worker.
static const char *run_posts(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    for (unsigned i = 0; i < POSTS; i++)
        tt_sim_at(s->sim, TT_SECONDS(2) + TT_MS(150) * i, post_one, s);
    tt_sim_run_until(s->sim, TT_SECONDS(30));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(160));
    tt_scene_expect_ended(s);
    return tt_scene_end(s);
}

// Every other node posts to the first, all in the same seconds.
static void post_from_crowd(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    (void)sim;
    tt_scene_post(s, 1 + s->posts_started % (s->nodes - 1), "echo");
}

static const char *run_crowd(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    unsigned posts = CROWD_POSTS * (s->nodes - 1);
    for (unsigned i = 0; i < posts; i++)
        tt_sim_at(s->sim, TT_SECONDS(2) + TT_SECONDS(CROWD_SECONDS) / posts * i, post_from_crowd,
                  s);
    tt_sim_run_until(s->sim, TT_SECONDS(30));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(160));
    tt_scene_expect_ended(s);
    return tt_scene_end(s);
}

// Every other node tells the first something, without an answer.
static void tell_one(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    (void)sim;
    tt_scene_tell(s, 1 + s->posts_started % (s->nodes - 1), "echo");
}

// A handler runs once or not at all; and once for each that was told on a good network.
static const char *run_tells(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    for (unsigned i = 0; i < TELLS; i++)
        tt_sim_at(s->sim, TT_SECONDS(2) + TT_SECONDS(TELL_SECONDS) / TELLS * i, tell_one, s);
    tt_sim_run_until(s->sim, TT_SECONDS(30));
    tt_sim_heal(s->sim);
    for (unsigned i = 1; i < s->nodes; i++) // so that each is known by its requests' numbers
        tt_sim_at(s->sim, TT_SECONDS(31), post_from_crowd, s);
    unsigned first = s->posts_started + s->nodes - 1;
    tt_sim_run_until(s->sim, TT_SECONDS(36)); // what was under way has come
    for (unsigned i = 0; i < TELLS_AFTER; i++)
        tt_sim_at(s->sim, TT_SECONDS(36) + TT_MS(50) * i, tell_one, s);
    tt_sim_run_until(s->sim, TT_SECONDS(45));
    for (unsigned i = first; i < s->posts_started; i++)
        if (s->runs[i] != 1)
            tt_scene_broke(s, "what was told on a good network did not come");
    return tt_scene_end(s);
}

static void on_put(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_scene *s = call->context;
    (void)now;
    s->put_ended++;
    s->put_done |= reply->status == TT_OK && reply->code == TT_CHANGED;
}

static void on_get(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_scene *s = call->context;
    (void)now;
    if (reply->final)
        s->get_ended++;
    if (reply->status != TT_OK)
        return;
    if (reply->offset != s->got_bytes || reply->offset + reply->length > TT_SCENE_FETCH_BYTES) {
        tt_scene_broke(s, "a piece of an answer came out of order");
        return;
    }
    memcpy(s->got + reply->offset, reply->payload, reply->length);
    s->got_bytes += reply->length;
    if (reply->last && (s->got_bytes != TT_SCENE_FETCH_BYTES ||
                        memcmp(s->got, s->long_text, TT_SCENE_FETCH_BYTES)))
        tt_scene_broke(s, "an answer did not arrive whole");
}

static void start_put(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    s->put = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                       .method = TT_PUT,
                       .path = "store",
                       .payload = s->body,
                       .length = TT_SCENE_BODY_BYTES,
                       .content_format = TT_FORMAT_OCTETS,
                       .accept = TT_FORMAT_NONE,
                       .timeout = TT_SECONDS(300),
                       .on_reply = on_put,
                       .context = s};
    tt_scene_call(s, 1, &s->put);
}

static void start_get(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    s->get = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                       .method = TT_GET,
                       .path = "fetch",
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .timeout = TT_SECONDS(120),
                       .on_reply = on_get,
                       .context = s};
    tt_scene_call(s, 1, &s->get);
}

// A long body there, a long answer back, block by block.
static const char *run_blocks(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    tt_sim_at(s->sim, TT_SECONDS(2), start_put, s);
    tt_sim_at(s->sim, TT_SECONDS(2) + TT_MS(5), start_get, s);
    tt_sim_run_until(s->sim, TT_SECONDS(40));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(500));
    if (s->put_ended != 1 || s->get_ended != 1)
        tt_scene_broke(s, "a transfer never ended, or ended twice");
    return tt_scene_end(s);
}

static void on_notification(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_scene_observer *o = call->context;
    (void)now;
    o->ended |= reply->final;
    if (reply->status != TT_OK || reply->length != 1)
        return;
    if (reply->payload[0] < o->seen)
        tt_scene_broke(o->scene, "an observer was taken back in time");
    o->seen = reply->payload[0];
    o->notifications++;
}

// The next one, each on a node of its own.
static void start_observing(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    tt_scene_observer *o = &s->observers[s->observers_started++];
    unsigned node = s->observers_started;
    o->scene = s;
    o->call = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                        .method = TT_GET,
                        .path = "counter",
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .observe = true,
                        .on_reply = on_notification,
                        .context = o};
    tt_scene_call(s, node, &o->call);
}

static void change(tt_sim *sim, void *context)
{
    tt_scene *s = context;
    s->counter_value++;
    tt_bus_changed(&tt_sim_node(sim, 0)->bus, tt_sim_node_now(sim, 0), &s->counter);
}

// Thirty values while the network is bad and nine when it is whole, of which at least one is
// confirmed and repeated until it arrives.
static void change_often(tt_scene *s)
{
    for (int i = 0; i < 30; i++)
        tt_sim_at(s->sim, TT_SECONDS(4) + TT_MS(300) * i, change, s);
    tt_sim_run_until(s->sim, TT_SECONDS(30));
    tt_sim_heal(s->sim);
    for (int i = 0; i < 9; i++)
        tt_sim_at(s->sim, TT_SECONDS(31 + i), change, s);
}

// An observer sees values in order, and the last one in the end.
static const char *run_observe(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    tt_scene_observer *o = &s->observers[0];
    tt_sim_at(s->sim, TT_SECONDS(2), start_observing, s);
    change_often(s);
    bool registered = o->notifications > 0;
    tt_sim_run_until(s->sim, TT_SECONDS(80));
    bool observed = tt_sim_node(s->sim, 0)->bus.observers[0].resource != NULL;
    if (registered && observed && o->seen != s->counter_value)
        tt_scene_broke(s, "an observer did not learn the last value");
    tt_bus_cancel(&tt_sim_node(s->sim, 1)->bus, tt_sim_node_now(s->sim, 1), &o->call);
    return tt_scene_end(s);
}

// More observers than a device has places for: whoever does not learn the last value was told that
// it observes no more.
static const char *run_watchers(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    for (unsigned i = 1; i < s->nodes; i++)
        tt_sim_at(s->sim, TT_SECONDS(2) + TT_MS(20) * i, start_observing, s);
    change_often(s);
    tt_sim_run_until(s->sim, TT_SECONDS(120));
    for (unsigned i = 0; i < s->observers_started; i++) {
        tt_scene_observer *o = &s->observers[i];
        if (o->ended)
            continue;
        if (o->seen != s->counter_value)
            tt_scene_broke(s, "an observer is stale, and was not told");
        tt_bus_cancel(&tt_sim_node(s->sim, i + 1)->bus, tt_sim_node_now(s->sim, i + 1), &o->call);
    }
    tt_sim_run_until(s->sim, TT_SECONDS(180));
    return tt_scene_end(s);
}

// Two whose addresses change all the time post, observe, and one of them sends a body. When all is
// quiet they know the last value.
static const char *run_movers(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    tt_sim_at(s->sim, TT_SECONDS(2), start_put, s);
    for (unsigned i = 0; i < POSTS; i++)
        tt_sim_at(s->sim, TT_SECONDS(2) + TT_MS(900) * i, post_one, s);
    for (unsigned i = 0; i < 2; i++)
        tt_sim_at(s->sim, TT_SECONDS(3), start_observing, s);
    change_often(s);
    tt_sim_run_until(s->sim, TT_SECONDS(400));
    tt_scene_expect_ended(s);
    for (unsigned i = 0; i < 2; i++) {
        tt_scene_observer *o = &s->observers[i];
        if (!o->ended && o->seen != s->counter_value)
            tt_scene_broke(s, "an observer did not learn the last value");
        if (!o->ended)
            tt_bus_cancel(&tt_sim_node(s->sim, i + 1)->bus, tt_sim_node_now(s->sim, i + 1),
                          &o->call);
    }
    tt_sim_run_until(s->sim, TT_SECONDS(460));
    if (s->put_ended != 1)
        tt_scene_broke(s, "a transfer never ended, or ended twice");
    return tt_scene_end(s);
}

// Everyone finds everyone, and in the end knows no one who is not there.
static const char *run_discovery(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    tt_sim_run_until(s->sim, TT_SECONDS(20));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(90));
    for (unsigned i = 0; i < s->nodes; i++)
        for (unsigned k = 0; k < s->nodes; k++) {
            char name[TT_NAME_MAX];
            snprintf(name, sizeof(name), "node-%u", k);
            if (i != k && tt_node_find(tt_sim_node(s->sim, i), "test", name) == NULL)
                tt_scene_broke(s, "a device was not found");
        }
    tt_sim_kill(s->sim, 0);
    tt_sim_run_until(s->sim, TT_SECONDS(95));
    for (unsigned i = 1; i < s->nodes; i++)
        if (tt_node_find(tt_sim_node(s->sim, i), NULL, "node-0") != NULL)
            tt_scene_broke(s, "a dead device was still there after five seconds");
    return tt_scene_end(s);
}

// A device is killed in the middle of a transfer: seen as gone within five seconds, found again,
// and the transfer, started over, completes.
static const char *run_restart(const tt_sim_options *options)
{
    tt_scene *s = tt_scene_new(options);
    tt_sim_run_until(s->sim, TT_SECONDS(20));
    start_put(s->sim, s);
    tt_sim_run_until(s->sim, TT_SECONDS(20) + TT_MS(60));
    // Who had lost sight of it has nothing to see end, and the last answer may be under way.
    bool known = tt_node_find(tt_sim_node(s->sim, 1), NULL, "node-0") != NULL;
    bool in_the_middle = known && s->received_bytes < TT_SCENE_BODY_BYTES;
    tt_sim_kill(s->sim, 0);
    tt_sim_run_until(s->sim, TT_SECONDS(25) + TT_MS(60));
    if (tt_node_find(tt_sim_node(s->sim, 1), NULL, "node-0") != NULL)
        tt_scene_broke(s, "a dead device was still there after five seconds");
    if (in_the_middle && (s->put_ended != 1 || s->put_done))
        tt_scene_broke(s, "a transfer to a dead device did not end");
    s->received_bytes = 0;
    if (!tt_sim_alive(s->sim, 0)) // a fault may have started it
        tt_sim_start(s->sim, 0, "test");
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(40));
    if (tt_node_find(tt_sim_node(s->sim, 1), NULL, "node-0") == NULL)
        tt_scene_broke(s, "a restarted device was not found again");
    if (s->put_ended == 0) { // and its call is in use
        tt_scene_broke(s, "a transfer never ended");
        return tt_scene_end(s);
    }
    s->put_ended = 0;
    start_put(s->sim, s);
    tt_sim_run_until(s->sim, TT_SECONDS(90));
    if (!s->put_done)
        tt_scene_broke(s, "the transfer did not complete the second time");
    return tt_scene_end(s);
}

const tt_sim_scenario tt_sim_scenarios[] = {
    {.name = "posts",
     .what = "requests that must run once, answered at once and by a worker",
     .run = run_posts,
     .nodes_min = 3,
     .nodes_max = 10,
     .loss_percent_max = 20},
    {.name = "blocks",
     .what = "a body of 40 KB and an answer of 5 KB, block by block",
     .run = run_blocks,
     .nodes_min = 2,
     .nodes_max = 2,
     .loss_percent_max = 20,
     .any_fault = true},
    {.name = "observe",
     .what = "an observer of a value that changes",
     .run = run_observe,
     .nodes_min = 2,
     .nodes_max = 2,
     .loss_percent_max = 20,
     .any_fault = true},
    {.name = "discovery",
     .what = "five to ten devices find one another; one dies",
     .run = run_discovery,
     .nodes_min = 5,
     .nodes_max = 10,
     .loss_percent_max = 20},
    {.name = "restart",
     .what = "a device killed in mid-transfer and started again",
     .run = run_restart,
     .nodes_min = 2,
     .nodes_max = 2,
     .loss_percent_max = 10},
    {.name = "hard",
     .what = "the same requests among faults of every kind",
     .run = run_posts,
     .nodes_min = 3,
     .nodes_max = 10,
     .loss_percent_max = 20,
     .any_fault = true},
    {.name = "movers",
     .what = "clients whose addresses change all the time",
     .run = run_movers,
     .nodes_min = 3,
     .nodes_max = 10,
     .loss_percent_max = 20,
     .any_fault = true,
     .faults = "rebind 1 at 2.5s every 3s\nmove 2 at 3.1s every 4s\nrebind 2 at 4s every 7s\n"},
    {.name = "watchers",
     .what = "more observers than a device has places for",
     .run = run_watchers,
     .nodes_min = 16,
     .nodes_max = 64,
     .loss_percent_max = 20,
     .any_fault = true},
    {.name = "crowd",
     .what = "more clients at a time than any table has places for",
     .run = run_crowd,
     .nodes_min = 16,
     .nodes_max = 64,
     .loss_percent_max = 20,
     .any_fault = true},
    {.name = "gossip",
     .what = "nodes that know an address each find all others; one dies, one restarts",
     .run = tt_sim_gossip_run,
     .nodes_min = 16,
     .nodes_max = TT_SIM_NODES_MAX,
     .loss_percent_max = 5},
    {.name = "tells",
     .what = "requests without an answer: each once, or not at all",
     .run = run_tells,
     .nodes_min = 2,
     .nodes_max = 6,
     .loss_percent_max = 20,
     .any_fault = true},
    {0},
};

// ---- what a seed draws

static unsigned within(unsigned number, unsigned least, unsigned most)
{
    return number < least ? least : number > most ? most : number;
}

// Two at most of these, all over before a scenario heals its network.
static void draw_more(tt_random *random, char *text, size_t room)
{
    static const char *const more[] = {
        "burst 300ms every 5s\n",
        "busy 0 at 3s for 5s\n",
        "busy 1 at 2.5s for 2s within 5s\n",
        "cut from 0 to 1 at 3s for 4s every 10s\n",
        "cut between 0 and all at 3s for 3s every 12s\n",
        "bottleneck 20kB/s queue 200ms\n",
        "skew 1000ppm 0\nskew -1000ppm 1\njump 5s 0 at 6s\n",
        "sleep 1 at 3s for 4s every 10s\n",
        "rebind 1 at 3s every 3s\n",
        "move 1 at 3s within 4s\n",
        "reorder 10% by 300ms\n",
    };
    for (unsigned i = 0; i < 2; i++) {
        size_t length = strlen(text);
        snprintf(text + length, room - length, "%s", more[tt_random_below(random, TT_COUNT(more))]);
    }
}

void tt_sim_draw(const tt_sim_scenario *scenario, uint64_t seed, tt_sim_options *options,
                 char faults[TT_SIM_FAULTS_TEXT_MAX])
{
    tt_random random;
    tt_random_seed(&random, seed);
    // Two to five nodes; now and then up to ten.
    unsigned nodes = seed % 4 == 0 ? 6 + (unsigned)(seed / 4 % 5) : 2 + (unsigned)(seed % 4);
    snprintf(faults, TT_SIM_FAULTS_TEXT_MAX, "delay 0.2ms jitter %ums\nloss %u%%\ndouble %u%%\n",
             (unsigned)(1 + seed % 4 * 60),
             within((unsigned)(seed % 5) * 5, 0, scenario->loss_percent_max),
             (unsigned)(seed % 3) * 10);
    if (scenario->faults != NULL)
        strcat(faults, scenario->faults);
    if (scenario->any_fault && seed % 2 == 0)
        draw_more(&random, faults, TT_SIM_FAULTS_TEXT_MAX);
    *options = (tt_sim_options){.seed = seed,
                                .nodes = within(nodes, scenario->nodes_min, scenario->nodes_max),
                                .faults = faults,
                                .work_time = TT_MS(40),
                                .skew_parts_per_million = 200};
}
