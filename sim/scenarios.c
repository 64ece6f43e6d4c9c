// Scenarios: what nodes do to one another while the network misbehaves, and what must hold all the
// same.
//
// Everywhere: a handler never runs twice for one request, bodies arrive whole, every call ends
// exactly once, and when the network is whole again and all is quiet no table holds anything.

#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/sim.h"

#define POSTS 20
#define BODY_BYTES 40000
#define FETCH_BYTES 5000

typedef struct test_work {
    tt_work work; // first
    struct scene *scene;
    tt_answer_token token;
    uint32_t number;
} test_work;

typedef struct scene {
    tt_sim *sim;
    const char *broken; // the first invariant that did not hold
    tt_resource echo, slow, store, fetch, counter;
    unsigned runs[POSTS]; // of the handler, by the number in the request
    test_work works[POSTS];
    tt_call posts[POSTS], put, get, observe;
    unsigned ended[POSTS], put_ended, get_ended, posts_started;
    uint8_t body[BODY_BYTES], received[BODY_BYTES], long_text[FETCH_BYTES], got[FETCH_BYTES];
    size_t received_bytes, got_bytes;
    unsigned counter_value, seen_value, notifications;
    bool put_done;
} scene;

static void broke(scene *s, const char *what)
{
    if (s->broken == NULL)
        s->broken = what;
}

static uint32_t number_in(const tt_request *request)
{
    tt_reader r;
    tt_reader_init(&r, request->payload, request->length);
    return tt_read_be32(&r);
}

static void count_run(scene *s, const tt_request *request)
{
    uint32_t number = number_in(request);
    if (number >= POSTS)
        broke(s, "a request arrived changed");
    else if (++s->runs[number] > 1)
        broke(s, "a handler ran twice for one request");
}

static void echo(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    static uint8_t answer[4];
    (void)now;
    count_run(resource->context, request);
    memcpy(answer, request->payload, request->length < 4 ? request->length : 4);
    response->code = TT_CHANGED;
    response->payload = answer;
    response->length = 4;
}

static void slow_run(tt_work *work)
{
    (void)work;
}

static void slow_done(tt_work *work, tt_time now)
{
    test_work *w = (test_work *)work;
    uint8_t answer[4] = {(uint8_t)(w->number >> 24), (uint8_t)(w->number >> 16),
                         (uint8_t)(w->number >> 8), (uint8_t)w->number};
    tt_response response = {.code = TT_CHANGED,
                            .content_format = TT_FORMAT_NONE,
                            .payload = answer,
                            .length = 4,
                            .max_age_seconds = 60};
    tt_bus_answer(&tt_sim_node(w->scene->sim, 0)->bus, now, w->token, &response);
}

static void slow(tt_resource *resource, tt_time now, const tt_request *request,
                 tt_response *response)
{
    scene *s = resource->context;
    uint32_t number = number_in(request);
    (void)now;
    count_run(s, request);
    test_work *w = &s->works[number % POSTS];
    *w = (test_work){{slow_run, slow_done, NULL}, s, request->token, number};
    tt_platform *platform = tt_sim_node(s->sim, 0)->platform;
    if (platform->operations->work(platform, &w->work) == TT_OK)
        response->later = true;
    else
        response->code = TT_UNAVAILABLE; // too much at a time
}

static void store(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    scene *s = resource->context;
    (void)now;
    if (request->offset == 0)
        s->received_bytes = 0;
    if (request->offset != s->received_bytes)
        broke(s, "a piece of a body came out of order or twice");
    if (request->offset + request->length > BODY_BYTES) {
        broke(s, "a body grew on the way");
        return;
    }
    memcpy(s->received + request->offset, request->payload, request->length);
    s->received_bytes += request->length;
    if (request->last &&
        (s->received_bytes != BODY_BYTES || memcmp(s->received, s->body, BODY_BYTES) != 0))
        broke(s, "a body did not arrive whole");
    response->code = TT_CHANGED;
}

static void fetch(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    scene *s = resource->context;
    (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, s->long_text, FETCH_BYTES, 1);
}

static void counter(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    scene *s = resource->context;
    static uint8_t value[1];
    (void)now, (void)request;
    value[0] = (uint8_t)s->counter_value;
    response->code = TT_CONTENT;
    response->payload = value;
    response->length = 1;
}

static void on_start(tt_sim *sim, unsigned node, void *context)
{
    scene *s = context;
    if (node != 0)
        return;
    tt_bus *bus = &tt_sim_node(sim, 0)->bus;
    s->echo = (tt_resource){.path = "echo", .handler = echo, .context = s, .methods = 1 << TT_POST};
    s->slow = (tt_resource){.path = "slow", .handler = slow, .context = s, .methods = 1 << TT_POST};
    s->store =
        (tt_resource){.path = "store", .handler = store, .context = s, .methods = 1 << TT_PUT};
    s->fetch =
        (tt_resource){.path = "fetch", .handler = fetch, .context = s, .methods = 1 << TT_GET};
    s->counter = (tt_resource){.path = "counter",
                               .handler = counter,
                               .context = s,
                               .methods = 1 << TT_GET,
                               .observable = true};
    tt_resource *all[] = {&s->echo, &s->slow, &s->store, &s->fetch, &s->counter};
    for (size_t i = 0; i < TT_COUNT(all); i++)
        TT_CHECK(tt_bus_add(bus, all[i]) == TT_OK);
}

static scene *new_scene(const tt_sim_options *options)
{
    scene *s = calloc(1, sizeof(*s));
    TT_CHECK(s != NULL);
    tt_sim_options o = *options;
    o.on_start = on_start;
    o.context = s;
    s->sim = tt_sim_new(&o);
    TT_CHECK(s->sim != NULL); // tutti-sim takes no other numbers of nodes
    tt_random_bytes(tt_sim_random(s->sim), s->body, sizeof(s->body));
    tt_random_bytes(tt_sim_random(s->sim), s->long_text, sizeof(s->long_text));
    return s;
}

// What a node holds besides the questions of presence, which never rest.
static size_t busy(tt_sim *sim, unsigned index)
{
    const tt_node *node = tt_sim_node(sim, index);
    size_t count = tt_bus_busy(&node->bus);
    for (unsigned i = 0; i < TT_NODE_ASKS_MAX; i++)
        count -= node->asks[i].busy && !node->asks[i].answered && !node->asks[i].failed;
    return count;
}

// Checks that everything has ended, and frees the scene.
static const char *end_scene(scene *s, unsigned nodes)
{
    for (unsigned i = 0; i < nodes && s->broken == NULL; i++)
        if (tt_sim_alive(s->sim, i) && busy(s->sim, i) > 0)
            broke(s, "a table still holds something at the end");
    const char *broken = s->broken;
    tt_sim_free(s->sim);
    free(s);
    return broken;
}

static void on_post(tt_call *call, tt_time now, const tt_reply *reply)
{
    scene *s = call->context;
    size_t index = (size_t)(call - s->posts);
    (void)now;
    if (!reply->final)
        broke(s, "a call without observation went on");
    if (++s->ended[index] > 1)
        broke(s, "a call ended twice");
    if (reply->status == TT_OK && reply->code != TT_UNAVAILABLE &&
        (reply->length != 4 || memcmp(reply->payload, call->payload, 4) != 0))
        broke(s, "an answer belonged to another question");
}

static void start_post(scene *s, unsigned from, const char *path)
{
    static uint8_t payloads[POSTS][4]; // the same in every run
    unsigned i = s->posts_started++;
    uint8_t *payload = payloads[i];
    payload[0] = payload[1] = payload[2] = 0;
    payload[3] = (uint8_t)i;
    s->posts[i] = (tt_call){.peer = tt_sim_endpoint(s->sim, 0),
                            .method = TT_POST,
                            .path = path,
                            .payload = payload,
                            .length = 4,
                            .content_format = TT_FORMAT_OCTETS,
                            .accept = TT_FORMAT_NONE,
                            .on_reply = on_post,
                            .context = s};
    TT_CHECK(tt_bus_call(&tt_sim_node(s->sim, from)->bus, tt_sim_node_now(s->sim, from),
                         &s->posts[i]) == TT_OK);
}

static void post_one(tt_sim *sim, void *context)
{
    scene *s = context;
    (void)sim;
    unsigned i = s->posts_started;
    start_post(s, 1 + i % 2, i % 3 == 0 ? "slow" : "echo");
}

// Two nodes post to a third, at once and through a worker.
static const char *run_posts(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    o.nodes = o.nodes < 3 ? 3 : o.nodes;
    scene *s = new_scene(&o);
    for (unsigned i = 0; i < o.nodes; i++)
        tt_sim_start(s->sim, i, "test");
    for (unsigned i = 0; i < POSTS; i++)
        tt_sim_at(s->sim, TT_SECONDS(2) + TT_MS(150) * i, post_one, s);
    tt_sim_run_until(s->sim, TT_SECONDS(30));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(160));
    for (unsigned i = 0; i < POSTS; i++)
        if (s->ended[i] != 1)
            broke(s, "a call never ended");
    return end_scene(s, o.nodes);
}

static void on_put(tt_call *call, tt_time now, const tt_reply *reply)
{
    scene *s = call->context;
    (void)now;
    s->put_ended++;
    s->put_done |= reply->status == TT_OK && reply->code == TT_CHANGED;
}

static void on_get(tt_call *call, tt_time now, const tt_reply *reply)
{
    scene *s = call->context;
    (void)now;
    if (reply->final)
        s->get_ended++;
    if (reply->status != TT_OK)
        return;
    if (reply->offset != s->got_bytes || reply->offset + reply->length > FETCH_BYTES) {
        broke(s, "a piece of an answer came out of order");
        return;
    }
    memcpy(s->got + reply->offset, reply->payload, reply->length);
    s->got_bytes += reply->length;
    if (reply->last && (s->got_bytes != FETCH_BYTES || memcmp(s->got, s->long_text, FETCH_BYTES)))
        broke(s, "an answer did not arrive whole");
}

static void start_put(tt_sim *sim, void *context)
{
    scene *s = context;
    s->put = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                       .method = TT_PUT,
                       .path = "store",
                       .payload = s->body,
                       .length = BODY_BYTES,
                       .content_format = TT_FORMAT_OCTETS,
                       .accept = TT_FORMAT_NONE,
                       .timeout = TT_SECONDS(300),
                       .on_reply = on_put,
                       .context = s};
    TT_CHECK(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &s->put) == TT_OK);
}

static void start_get(tt_sim *sim, void *context)
{
    scene *s = context;
    s->get = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                       .method = TT_GET,
                       .path = "fetch",
                       .content_format = TT_FORMAT_NONE,
                       .accept = TT_FORMAT_NONE,
                       .timeout = TT_SECONDS(120),
                       .on_reply = on_get,
                       .context = s};
    TT_CHECK(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &s->get) == TT_OK);
}

// A long body there, a long answer back, block by block.
static const char *run_blocks(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    o.nodes = 2;
    scene *s = new_scene(&o);
    tt_sim_start(s->sim, 0, "test");
    tt_sim_start(s->sim, 1, "test");
    tt_sim_at(s->sim, TT_SECONDS(2), start_put, s);
    tt_sim_at(s->sim, TT_SECONDS(2) + TT_MS(5), start_get, s);
    tt_sim_run_until(s->sim, TT_SECONDS(40));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(500));
    if (s->put_ended != 1 || s->get_ended != 1)
        broke(s, "a transfer never ended, or ended twice");
    return end_scene(s, 2);
}

static void on_notification(tt_call *call, tt_time now, const tt_reply *reply)
{
    scene *s = call->context;
    (void)now;
    if (reply->status != TT_OK || reply->length != 1)
        return;
    if (reply->payload[0] < s->seen_value)
        broke(s, "an observer was taken back in time");
    s->seen_value = reply->payload[0];
    s->notifications++;
}

static void start_observing(tt_sim *sim, void *context)
{
    scene *s = context;
    s->observe = (tt_call){.peer = tt_sim_endpoint(sim, 0),
                           .method = TT_GET,
                           .path = "counter",
                           .content_format = TT_FORMAT_NONE,
                           .accept = TT_FORMAT_NONE,
                           .observe = true,
                           .on_reply = on_notification,
                           .context = s};
    TT_CHECK(tt_bus_call(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &s->observe) == TT_OK);
}

static void change(tt_sim *sim, void *context)
{
    scene *s = context;
    s->counter_value++;
    tt_bus_changed(&tt_sim_node(sim, 0)->bus, tt_sim_node_now(sim, 0), &s->counter);
}

// An observer sees values in order, and the last one in the end.
static const char *run_observe(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    o.nodes = 2;
    scene *s = new_scene(&o);
    tt_sim_start(s->sim, 0, "test");
    tt_sim_start(s->sim, 1, "test");
    tt_sim_at(s->sim, TT_SECONDS(2), start_observing, s);
    for (int i = 0; i < 30; i++)
        tt_sim_at(s->sim, TT_SECONDS(4) + TT_MS(300) * i, change, s);
    tt_sim_run_until(s->sim, TT_SECONDS(30));
    tt_sim_heal(s->sim);
    bool registered = s->notifications > 0;
    for (int i = 0; i < 9; i++) // at least one of these is confirmed and repeated until it arrives
        tt_sim_at(s->sim, TT_SECONDS(31 + i), change, s);
    tt_sim_run_until(s->sim, TT_SECONDS(80));
    bool observed = tt_sim_node(s->sim, 0)->bus.observers[0].resource != NULL;
    if (registered && observed && s->seen_value != s->counter_value)
        broke(s, "an observer did not learn the last value");
    tt_bus_cancel(&tt_sim_node(s->sim, 1)->bus, tt_sim_node_now(s->sim, 1), &s->observe);
    return end_scene(s, 2);
}

// Everyone finds everyone, and in the end knows no one who is not there.
static const char *run_discovery(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    o.nodes = o.nodes < 5 ? 5 : o.nodes > 10 ? 10 : o.nodes;
    scene *s = new_scene(&o);
    for (unsigned i = 0; i < o.nodes; i++)
        tt_sim_start(s->sim, i, "test");
    tt_sim_run_until(s->sim, TT_SECONDS(20));
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(90));
    for (unsigned i = 0; i < o.nodes; i++)
        for (unsigned k = 0; k < o.nodes; k++) {
            char name[TT_NAME_MAX];
            snprintf(name, sizeof(name), "node-%u", k);
            if (i != k && tt_node_find(tt_sim_node(s->sim, i), "test", name) == NULL)
                broke(s, "a device was not found");
        }
    tt_sim_kill(s->sim, 0);
    tt_sim_run_until(s->sim, TT_SECONDS(95));
    for (unsigned i = 1; i < o.nodes; i++)
        if (tt_node_find(tt_sim_node(s->sim, i), NULL, "node-0") != NULL)
            broke(s, "a dead device was still there after five seconds");
    return end_scene(s, o.nodes);
}

// A device is killed in the middle of a transfer: seen as gone within five seconds, found again,
// and the transfer, started over, completes.
static const char *run_restart(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    o.nodes = 2;
    o.loss_percent = o.loss_percent > 10 ? 10 : o.loss_percent;
    scene *s = new_scene(&o);
    tt_sim_start(s->sim, 0, "test");
    tt_sim_start(s->sim, 1, "test");
    tt_sim_run_until(s->sim, TT_SECONDS(20));
    start_put(s->sim, s);
    tt_sim_run_until(s->sim, TT_SECONDS(20) + TT_MS(60));
    bool in_the_middle = s->put_ended == 0;
    tt_sim_kill(s->sim, 0);
    tt_sim_run_until(s->sim, TT_SECONDS(25) + TT_MS(60));
    if (tt_node_find(tt_sim_node(s->sim, 1), NULL, "node-0") != NULL)
        broke(s, "a dead device was still there after five seconds");
    if (in_the_middle && (s->put_ended != 1 || s->put_done))
        broke(s, "a transfer to a dead device did not end");
    s->received_bytes = 0;
    tt_sim_start(s->sim, 0, "test");
    tt_sim_heal(s->sim);
    tt_sim_run_until(s->sim, TT_SECONDS(40));
    if (tt_node_find(tt_sim_node(s->sim, 1), NULL, "node-0") == NULL)
        broke(s, "a restarted device was not found again");
    s->put_ended = 0;
    start_put(s->sim, s);
    tt_sim_run_until(s->sim, TT_SECONDS(90));
    if (!s->put_done)
        broke(s, "the transfer did not complete the second time");
    return end_scene(s, 2);
}

const tt_sim_scenario tt_sim_scenarios[] = {
    {"posts", "requests that must run once, answered at once and by a worker", run_posts},
    {"blocks", "a body of 40 KB and an answer of 5 KB, block by block", run_blocks},
    {"observe", "an observer of a value that changes", run_observe},
    {"discovery", "five to ten devices find one another; one dies", run_discovery},
    {"restart", "a device killed in mid-transfer and started again", run_restart},
    {NULL, NULL, NULL},
};
