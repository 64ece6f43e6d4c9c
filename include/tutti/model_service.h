// Models as resources: a device takes a plan, keeps it, and runs it for whoever asks.
//
//     PUT /ai/models/NAME       a plan, block by block, checked before it takes the old one's place
//     GET /ai/models/NAME       what it is, a CBOR map
//     GET /ai/models            the names
//     POST /ai/models/NAME      input bytes in one message, answered by the output tensor, int8;
//                               computed by a worker
//     DELETE /ai/models/NAME
//
// For a network of images the input bytes are pixels, 0 to 255; byte b becomes the int8 value b -
// 128, which the quantiser's scale of 1/255 and zero point -128 make exactly b/255.
//
// A device holds one model at a time. Its plan lies in one of two slots; a new plan is received in
// the other, so a refused or unfinished one leaves the model in place untouched. A device with one
// slot writes the new plan over the old one: the model answers 5.03 until it is whole, and is gone
// where it is refused, or its sender is silent for TT_BUS_TRANSFER_SILENCE (found out by whoever
// asks next).
//
// With a store the model is kept over a loss of power: it is checked and offered again at the next
// start. A PUT and a DELETE are answered when that is durable; until then the old model stays, and
// a new plan that the store has no room for leaves it in place (4.13). Where the store's medium can
// be read in place the plan runs from there, else from its slot.

#ifndef TUTTI_MODEL_SERVICE_H
#define TUTTI_MODEL_SERVICE_H

#include "tutti/bus.h"
#include "tutti/discovery.h"
#include "tutti/language.h"
#include "tutti/links.h"
#include "tutti/lite.h"
#include "tutti/platform.h"
#include "tutti/store.h"

TT_C_BEGIN

#define TT_MODEL_NAME_MAX 24                // bytes, the terminator included
#define TT_MODEL_INPUT_MAX TT_BUS_BLOCK_MAX // bytes: an input travels in one message
#define TT_MODEL_OUTPUT_MAX 256
#ifndef TT_MODEL_OPERATIONS_MAX
#define TT_MODEL_OPERATIONS_MAX 32000000 // of a run, where a product states no other limit
#endif
#define TT_MODEL_JOBS_MAX 2         // inputs taken and not yet answered; more get 5.03
#define TT_MODEL_TYPE "tutti.model" // rt= of the resources

typedef struct tt_model_service tt_model_service;

typedef struct tt_model_job {
    tt_work work; // first: a worker gets it back
    tt_model_service *service;
    tt_answer_token token; // 0: free
    tt_plan plan;          // the one that was in place when the input came
    unsigned slot;
    tt_time taken; // when the input came
    int8_t input[TT_MODEL_INPUT_MAX];
    int8_t output[TT_MODEL_OUTPUT_MAX];
} tt_model_job;

typedef struct tt_model_keep tt_model_keep;
extern const tt_model_keep tt_model_keeps; // what keeping takes: who names it has it

typedef struct tt_model_options {
    tt_bus *bus;
    tt_platform *platform; // for workers
    uint8_t *slots[2];     // aligned to TT_PLAN_ALIGNMENT; the second may be NULL
    size_t slot_bytes;     // of each
    void *arena;           // aligned to TT_PLAN_ALIGNMENT
    size_t arena_bytes;
    uint64_t operations_max;   // of a run (tt_plan_operations); 0: TT_MODEL_OPERATIONS_MAX
    const tt_model_keep *keep; // &tt_model_keeps; or NULL: the model ends with the device's power
    tt_store *store;           // opened with extents; whoever owns it turns it
} tt_model_options;

struct tt_model_service {
    tt_model_options options;
    tt_resource collection;       // ai/models
    tt_resource model;            // ai/models/NAME while there is one
    char name[TT_MODEL_NAME_MAX]; // "" while there is none
    char path[TT_BUS_PATH_MAX];
    tt_plan plan;
    unsigned slot;    // where the plan lies: 0 and 1 are the slots, 2 and 3 what `pins` hold
    bool overwritten; // and a new one is written over it
    struct {
        bool under_way;
        tt_endpoint peer;
        char path[TT_BUS_PATH_MAX];
        size_t length;
        tt_time heard;
    } upload;
    struct { // a plan that is being kept, or one that is being deleted
        bool under_way;
        tt_answer_token token;
        char key[TT_MODEL_NAME_MAX + 8];
        tt_store_change change;
        tt_store_write write;
        tt_plan plan;
        unsigned slot; // where it lies
    } keeping;
    tt_store_pin pins[2];
    bool pinned[2];
    tt_model_job jobs[TT_MODEL_JOBS_MAX];
    unsigned first_job;    // the oldest
    bool running;          // a worker has the oldest job
    uint8_t document[192]; // what GET answers
    char diagnostic[160];
    uint64_t answered;
    uint64_t version; // of what GET answers: counts all changes
};

// Adds the resources. The service and all that `options` points to live as long as the bus.
// TT_INVALID (slots or arena are not there or not aligned); as tt_bus_add. A model that was kept is
// offered; one that does not pass any more is not, and `diagnostic` says why; else that is "".
tt_status tt_model_service_init(tt_model_service *service, const tt_model_options *options);

// Asking on behalf of others: a device without a model finds one that has it, and forwards.
//
//     POST /ai/ask/NAME[?kind=KIND]     input bytes, answered by a CBOR map
//                                       {device, kind, address, class, logits, microseconds}
//
// The devices are those that discovery knows; each is asked once for its links with rt=tutti.model,
// and the answer is remembered until it fails.
typedef struct tt_ask_options {
    tt_bus *bus;
    tt_platform *platform; // for the clock
    const tt_peer *peers; // the table of discovery; entries that are not `reported` are passed over
    size_t peers_max;
} tt_ask_options;

typedef struct tt_ask_service {
    tt_ask_options options;
    tt_resource resource;  // ai/ask
    tt_answer_token token; // of the one that is being asked for; 0: free
    tt_call call;
    char kind[TT_KIND_MAX], name[TT_MODEL_NAME_MAX]; // wanted; kind "" for any
    char path[TT_BUS_PATH_MAX];                      // of the model, on the other device
    size_t place;                                    // of the device being asked, in `peers`
    tt_endpoint chosen; // where the last answer came from; port 0: none
    char chosen_name[TT_NAME_MAX], chosen_kind[TT_KIND_MAX], chosen_model[TT_MODEL_NAME_MAX];
    bool links_asked; // the call under way asks for links, not for an answer
    bool offered;     // the links that came so far name the model
    tt_time asked;
    uint8_t input[TT_MODEL_INPUT_MAX];
    size_t input_bytes;
    tt_links links; // being read, in `document`
    uint8_t document[TT_MODEL_OUTPUT_MAX + 192];
    char diagnostic[96];
} tt_ask_service;

// Adds the resource; as tt_bus_add. What `options` points to lives as long as the bus.
tt_status tt_ask_service_init(tt_ask_service *service, const tt_ask_options *options);

TT_C_END

#endif
