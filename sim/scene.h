// What the scenarios share: a world whose node 0 has resources that watch what is asked of them,
// the posts of others, and what must hold everywhere.

#ifndef TUTTI_SIM_SCENE_H
#define TUTTI_SIM_SCENE_H

#include "tutti/sim.h"

#define TT_SCENE_POSTS_MAX 512
#define TT_SCENE_OBSERVERS_MAX 64
#define TT_SCENE_BODY_BYTES 40000
#define TT_SCENE_FETCH_BYTES 5000

typedef struct tt_scene_work {
    tt_work work; // first
    struct tt_scene *scene;
    tt_answer_token token;
    uint32_t number;
} tt_scene_work;

typedef struct tt_scene_observer {
    tt_call call;
    struct tt_scene *scene;
    unsigned seen, notifications; // the last value, and how many came
    bool ended;
} tt_scene_observer;

typedef struct tt_scene {
    tt_sim *sim;
    unsigned nodes;
    const char *broken; // the first invariant that did not hold
    tt_resource echo, slow, store, fetch, counter;
    unsigned runs[TT_SCENE_POSTS_MAX]; // of the handler, by the number in the request
    tt_scene_work works[TT_SCENE_POSTS_MAX];
    tt_call posts[TT_SCENE_POSTS_MAX], put, get;
    uint8_t payloads[TT_SCENE_POSTS_MAX][4];
    unsigned ended[TT_SCENE_POSTS_MAX], put_ended, get_ended, posts_started;
    uint8_t body[TT_SCENE_BODY_BYTES], received[TT_SCENE_BODY_BYTES],
        long_text[TT_SCENE_FETCH_BYTES], got[TT_SCENE_FETCH_BYTES];
    size_t received_bytes, got_bytes;
    tt_scene_observer observers[TT_SCENE_OBSERVERS_MAX];
    tt_datagram told;
    unsigned counter_value, observers_started;
    bool put_done;
} tt_scene;

// A world whose nodes are all started.
tt_scene *tt_scene_new(const tt_sim_options *options);
// An invariant did not hold; the first one is kept.
void tt_scene_broke(tt_scene *scene, const char *what);
// Starts a call from a node.
void tt_scene_call(tt_scene *scene, unsigned from, tt_call *call);
// Posts the next number to node 0.
void tt_scene_post(tt_scene *scene, unsigned from, const char *path);
// The same without wanting an answer. Returns the number.
unsigned tt_scene_tell(tt_scene *scene, unsigned from, const char *path);
// Every post has ended, each once.
void tt_scene_expect_ended(tt_scene *scene);
// Checks that nobody's tables hold anything, and frees the scene: NULL, or what was broken.
const char *tt_scene_end(tt_scene *scene);

#endif
