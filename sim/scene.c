// The resources and posts of a scene.
//
// Everywhere: a handler never runs twice for one request, bodies arrive whole, every call ends
// exactly once, and when the network is whole again and all is quiet no table holds anything.

#include "sim/scene.h"

#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"

void tt_scene_broke(tt_scene *s, const char *what)
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

static void count_run(tt_scene *s, const tt_request *request)
{
    uint32_t number = number_in(request);
    if (number >= TT_SCENE_POSTS_MAX)
        tt_scene_broke(s, "a request arrived changed");
    else if (++s->runs[number] > 1)
        tt_scene_broke(s, "a handler ran twice for one request");
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
    tt_scene_work *w = (tt_scene_work *)work;
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
    tt_scene *s = resource->context;
    uint32_t number = number_in(request);
    (void)now;
    count_run(s, request);
    tt_scene_work *w = &s->works[number % TT_SCENE_POSTS_MAX];
    *w = (tt_scene_work){{slow_run, slow_done, NULL}, s, request->token, number};
    tt_platform *platform = tt_sim_node(s->sim, 0)->platform;
    if (platform->operations->work(platform, &w->work) == TT_OK)
        response->later = true;
    else
        response->code = TT_UNAVAILABLE; // too much at a time
}

static void store(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    tt_scene *s = resource->context;
    (void)now;
    if (request->offset == 0)
        s->received_bytes = 0;
    if (request->offset != s->received_bytes)
        tt_scene_broke(s, "a piece of a body came out of order or twice");
    if (request->offset + request->length > TT_SCENE_BODY_BYTES) {
        tt_scene_broke(s, "a body grew on the way");
        return;
    }
    memcpy(s->received + request->offset, request->payload, request->length);
    s->received_bytes += request->length;
    if (request->last && (s->received_bytes != TT_SCENE_BODY_BYTES ||
                          memcmp(s->received, s->body, TT_SCENE_BODY_BYTES) != 0))
        tt_scene_broke(s, "a body did not arrive whole");
    response->code = TT_CHANGED;
}

static void fetch(tt_resource *resource, tt_time now, const tt_request *request,
                  tt_response *response)
{
    tt_scene *s = resource->context;
    (void)now;
    tt_respond_bytes(request, response, TT_FORMAT_OCTETS, s->long_text, TT_SCENE_FETCH_BYTES, 1);
}

static void counter(tt_resource *resource, tt_time now, const tt_request *request,
                    tt_response *response)
{
    tt_scene *s = resource->context;
    static uint8_t value[1];
    (void)now, (void)request;
    value[0] = (uint8_t)s->counter_value;
    response->code = TT_CONTENT;
    response->payload = value;
    response->length = 1;
}

static void on_start(tt_sim *sim, unsigned node, void *context)
{
    tt_scene *s = context;
    if (node > 0 && node <= s->observers_started)
        s->observers[node - 1].ended = true; // with the life that it was of
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

tt_scene *tt_scene_new(const tt_sim_options *options)
{
    tt_scene *s = calloc(1, sizeof(*s));
    TT_CHECK(s != NULL);
    tt_sim_options o = *options;
    o.watch = true;
    o.on_start = on_start;
    o.context = s;
    s->sim = tt_sim_new(&o);
    TT_CHECK(s->sim != NULL); // whoever calls has checked the faults and the number of nodes
    tt_random_bytes(tt_sim_random(s->sim), s->body, sizeof(s->body));
    tt_random_bytes(tt_sim_random(s->sim), s->long_text, sizeof(s->long_text));
    s->nodes = options->nodes;
    for (unsigned i = 0; i < s->nodes; i++)
        tt_sim_start(s->sim, i, "test");
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
const char *tt_scene_end(tt_scene *s)
{
    for (unsigned i = 0; i < s->nodes && s->broken == NULL; i++)
        if (tt_sim_alive(s->sim, i) && busy(s->sim, i) > 0)
            tt_scene_broke(s, "a table still holds something at the end");
    const char *broken = s->broken;
    tt_sim_free(s->sim);
    free(s);
    return broken;
}

static void on_post(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_scene *s = call->context;
    size_t index = (size_t)(call - s->posts);
    (void)now;
    if (!reply->final)
        tt_scene_broke(s, "a call without observation went on");
    if (++s->ended[index] > 1)
        tt_scene_broke(s, "a call ended twice");
    if (reply->status == TT_OK && reply->code != TT_UNAVAILABLE &&
        (reply->length != 4 || memcmp(reply->payload, call->payload, 4) != 0))
        tt_scene_broke(s, "an answer belonged to another question");
}

void tt_scene_call(tt_scene *s, unsigned from, tt_call *call)
{
    if (tt_bus_call(&tt_sim_node(s->sim, from)->bus, tt_sim_node_now(s->sim, from), call) != TT_OK)
        tt_scene_broke(s, "a call was refused");
}

// The next post, which is not started.
static unsigned make_post(tt_scene *s, const char *path)
{
    unsigned i = s->posts_started++;
    uint8_t *payload = s->payloads[i];
    tt_writer w;
    TT_CHECK(i < TT_SCENE_POSTS_MAX);
    tt_writer_init(&w, payload, 4);
    tt_write_be32(&w, i);
    s->posts[i] = (tt_call){.peer = tt_sim_endpoint(s->sim, 0),
                            .method = TT_POST,
                            .path = path,
                            .payload = payload,
                            .length = 4,
                            .content_format = TT_FORMAT_OCTETS,
                            .accept = TT_FORMAT_NONE,
                            .on_reply = on_post,
                            .context = s};
    return i;
}

void tt_scene_post(tt_scene *s, unsigned from, const char *path)
{
    unsigned i = make_post(s, path);
    tt_scene_call(s, from, &s->posts[i]);
}

unsigned tt_scene_tell(tt_scene *s, unsigned from, const char *path)
{
    unsigned i = make_post(s, path);
    if (tt_node_tell(tt_sim_node(s->sim, from), tt_sim_node_now(s->sim, from), &s->posts[i],
                     &s->told) != TT_OK)
        tt_scene_broke(s, "what was told was refused");
    return i;
}

void tt_scene_expect_ended(tt_scene *s)
{
    for (unsigned i = 0; i < s->posts_started; i++)
        if (s->ended[i] != 1)
            tt_scene_broke(s, "a call never ended");
}
