// The model service: receiving plans, describing them, running them.

#include <string.h>

#include "service/model/internal.h"
#include "tutti/bus_storage.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/model_service.h"

#define COLLECTION "ai/models"

static void refuse(tt_model_service *s, tt_response *response, tt_code code, const tt_text *text)
{
    response->code = code;
    response->payload = s->diagnostic;
    response->length = text->length;
}

static tt_text begin_text(tt_model_service *s, const char *first)
{
    tt_text text;
    tt_text_init(&text, s->diagnostic, sizeof(s->diagnostic));
    tt_text_add(&text, first);
    return text;
}

static void refuse_numbers(tt_model_service *s, tt_response *response, tt_code code,
                           const char *first, uint64_t found, const char *between,
                           uint64_t expected, const char *unit)
{
    tt_text text = begin_text(s, first);
    tt_text_add_unsigned(&text, found);
    tt_text_add(&text, between);
    tt_text_add_unsigned(&text, expected);
    tt_text_add(&text, unit);
    refuse(s, response, code, &text);
}

static void refuse_text(tt_model_service *s, tt_response *response, tt_code code, const char *text)
{
    tt_text whole = begin_text(s, text);
    refuse(s, response, code, &whole);
    if (code == TT_UNAVAILABLE)
        response->max_age_seconds = 1;
}

static const char *name_in(const char *path)
{
    return path[sizeof(COLLECTION) - 1] == '/' ? path + sizeof(COLLECTION) : "";
}

bool tt_model_slot_is_used(const tt_model_service *s, unsigned slot)
{
    for (unsigned i = 0; i < TT_MODEL_JOBS_MAX; i++)
        if (s->jobs[i].token != 0 && s->jobs[i].slot == slot)
            return true;
    return false;
}

// The one that the next plan goes to.
static unsigned next_slot(const tt_model_service *s)
{
    return s->options.slots[1] == NULL || s->slot != 0 ? 0 : 1;
}

// The unreserved characters of RFC 3986, 2.3, alone: others would break the links that tell of it.
bool tt_model_is_name(const char *name)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t length = strlen(name);
    return length > 0 && length < TT_MODEL_NAME_MAX && strspn(name, unreserved) == length;
}

// Whether more of a plan may still come. The bus gives an unfinished one up at the same time.
static bool is_receiving(const tt_model_service *s, tt_time now)
{
    return s->upload.under_way && now < tt_after(s->upload.heard, TT_BUS_TRANSFER_SILENCE);
}

// Whether somebody else's plan keeps others away: no longer than the bus lets it (bus/bodies.c).
static bool is_taken(const tt_model_service *s, tt_time now, const tt_endpoint *peer)
{
    return s->upload.under_way && now < tt_after(s->upload.heard, TT_BUS_TRANSFER_YIELD) &&
           !tt_endpoint_equal(&s->upload.peer, peer);
}

// Whether a plan may be received now: nobody else's upload, nothing running from the slot it goes
// to.
static bool may_upload(tt_model_service *s, tt_time now, const tt_request *request,
                       tt_response *response)
{
    const char *name = name_in(request->path);
    if (!tt_model_is_name(name)) {
        refuse_text(s, response, TT_BAD_REQUEST,
                    "a model's name has 1 to 23 letters, digits or any of - . _ ~");
        return false;
    }
    if (s->name[0] != '\0' && strcmp(s->name, name) != 0) {
        tt_text text = begin_text(s, "this device holds one model, and it is ");
        tt_text_add(&text, s->name);
        tt_text_add(&text, "; delete that first");
        refuse(s, response, TT_FORBIDDEN, &text);
        return false;
    }
    if (is_taken(s, now, request->peer) || s->keeping.under_way ||
        tt_model_slot_is_used(s, next_slot(s))) {
        refuse_text(s, response, TT_UNAVAILABLE, "another plan is being received or replaced");
        return false;
    }
    return true;
}

// Whether a plan may run here; else `response` refuses it.
bool tt_model_check(tt_model_service *s, const void *bytes, size_t length, tt_plan *plan,
                    tt_response *response)
{
    tt_text why = begin_text(s, "plan refused: ");
    tt_status status = tt_plan_open(plan, bytes, length, &why);
    if (status != TT_OK) {
        refuse(s, response, TT_BAD_REQUEST, &why);
        return false;
    }
    const tt_plan_header *h = &plan->header;
    if (h->arena_bytes > s->options.arena_bytes) {
        refuse_numbers(s, response, TT_ENTITY_TOO_LARGE, "plan refused: it needs an arena of ",
                       h->arena_bytes, " bytes, this device has ", s->options.arena_bytes,
                       " bytes");
        return false;
    }
    if (h->output_bytes > TT_MODEL_OUTPUT_MAX) {
        refuse_numbers(s, response, TT_ENTITY_TOO_LARGE, "plan refused: its output has ",
                       h->output_bytes, " bytes, at most ", TT_MODEL_OUTPUT_MAX, " are supported");
        return false;
    }
    if (h->input_bytes > TT_MODEL_INPUT_MAX) {
        refuse_numbers(s, response, TT_ENTITY_TOO_LARGE, "plan refused: its input has ",
                       h->input_bytes, " bytes, at most ", TT_MODEL_INPUT_MAX, " are supported");
        return false;
    }
    uint64_t operations = tt_plan_operations(plan);
    if (operations > s->options.operations_max) {
        refuse_numbers(s, response, TT_ENTITY_TOO_LARGE, "plan refused: a run of it takes ",
                       operations, " operations, this device allows at most ",
                       s->options.operations_max, "");
        return false;
    }
    return true;
}

tt_code tt_model_place(tt_model_service *s, tt_time now, const tt_plan *plan, unsigned slot,
                       const char *name)
{
    bool fresh = s->name[0] == '\0';
    s->version++;
    s->overwritten = false;
    s->plan = *plan;
    s->slot = slot;
    if (!fresh)
        return TT_CHANGED;
    tt_text path;
    tt_text_init(&path, s->path, sizeof(s->path));
    tt_text_add(&path, COLLECTION "/");
    tt_text_add(&path, name);
    strcpy(s->name, name);
    TT_CHECK(tt_bus_add(s->options.bus, &s->model) == TT_OK);
    tt_bus_changed(s->options.bus, now, &s->collection);
    return TT_CREATED;
}

// A whole plan lies in the other slot: it takes the place of the model, once it is kept where that
// is to be; or is refused with its reason.
static void take_plan(tt_model_service *s, tt_time now, const tt_request *request,
                      tt_response *response)
{
    tt_plan plan;
    unsigned slot = next_slot(s);
    if (!tt_model_check(s, s->options.slots[slot], s->upload.length, &plan, response))
        return;
    if (s->options.keep == NULL)
        response->code = tt_model_place(s, now, &plan, slot, name_in(request->path));
    else if (request->token == 0)
        refuse_text(s, response, TT_UNAVAILABLE, "too many requests wait for their answers");
    else
        s->options.keep->put(s, &plan, slot, request, response);
}

void tt_model_give_up(tt_model_service *s, tt_time now)
{
    s->overwritten = s->upload.under_way = false;
    tt_bus_remove(s->options.bus, &s->model);
    s->name[0] = '\0';
    s->version++;
    tt_bus_changed(s->options.bus, now, &s->collection);
}

// A plan that was written over the model was refused, or its sender fell silent.
static void give_up_unwhole(tt_model_service *s, tt_time now)
{
    if (s->overwritten && !s->keeping.under_way && !is_receiving(s, now))
        tt_model_give_up(s, now);
}

static void put(tt_model_service *s, tt_time now, const tt_request *request, tt_response *response)
{
    if (request->offset == 0) {
        if (!may_upload(s, now, request, response))
            return;
        s->upload.under_way = true;
        s->upload.peer = *request->peer;
        s->upload.length = 0;
        strcpy(s->upload.path, request->path);
    } else if (!s->upload.under_way || !tt_endpoint_equal(&s->upload.peer, request->peer) ||
               strcmp(s->upload.path, request->path) != 0) {
        refuse_text(s, response, TT_ENTITY_INCOMPLETE,
                    "this transfer was not begun here; start over");
        return;
    }
    s->upload.heard = now;
    size_t end = request->offset + request->length;
    size_t size = request->size > end ? request->size : end;
    if (size > s->options.slot_bytes) {
        s->upload.under_way = false;
        refuse_numbers(s, response, TT_ENTITY_TOO_LARGE, "plan refused: ", size,
                       " bytes or more, this device takes at most ", s->options.slot_bytes, "");
        response->size_max = s->options.slot_bytes;
        return;
    }
    if (request->length > 0 && s->name[0] != '\0' && next_slot(s) == s->slot)
        s->overwritten = true;
    if (request->length > 0)
        memcpy(s->options.slots[next_slot(s)] + request->offset, request->payload, request->length);
    s->upload.length += request->length;
    response->code = TT_CONTINUE;
    if (!request->last)
        return;
    s->upload.under_way = false;
    take_plan(s, now, request, response);
}

static void write_shape(tt_writer *w, const uint16_t shape[3])
{
    tt_cbor_array(w, 3);
    for (int i = 0; i < 3; i++)
        tt_cbor_unsigned(w, shape[i]);
}

static void get(tt_model_service *s, const tt_request *request, tt_response *response)
{
    const tt_plan_header *h = &s->plan.header;
    tt_writer w;
    tt_writer_init(&w, s->document, sizeof(s->document));
    tt_cbor_map(&w, 9);
    tt_cbor_text(&w, "name");
    tt_cbor_text(&w, s->name);
    tt_cbor_text(&w, "bytes");
    tt_cbor_unsigned(&w, h->bytes);
    tt_cbor_text(&w, "crc");
    tt_cbor_unsigned(&w, h->crc);
    tt_cbor_text(&w, "input");
    write_shape(&w, h->input_shape);
    tt_cbor_text(&w, "output");
    write_shape(&w, h->output_shape);
    tt_cbor_text(&w, "scale");
    tt_cbor_float(&w, h->output_scale);
    tt_cbor_text(&w, "zero_point");
    tt_cbor_signed(&w, h->output_zero_point);
    tt_cbor_text(&w, "arena");
    tt_cbor_unsigned(&w, h->arena_bytes);
    tt_cbor_text(&w, "answered");
    tt_cbor_unsigned(&w, s->answered);
    TT_CHECK(!w.failed);
    tt_respond_bytes(request, response, TT_FORMAT_CBOR, s->document, w.length, s->version);
}

static void run_job(tt_work *work)
{
    tt_model_job *job = (tt_model_job *)work;
    tt_plan_run(&job->plan, job->service->options.arena, job->input, job->output);
}

static void answer_busy(tt_model_service *s, tt_time now, tt_answer_token token)
{
    static const char text[] = "busy: no worker is free";
    tt_response response = {.code = TT_UNAVAILABLE,
                            .content_format = TT_FORMAT_NONE,
                            .payload = text,
                            .length = sizeof(text) - 1,
                            .max_age_seconds = 1};
    tt_bus_answer(s->options.bus, now, token, &response); // where the asker has gone, nobody waits
}

// Gives the oldest job that waits to a worker; one that no worker takes is answered so.
static void start_oldest(tt_model_service *s, tt_time now)
{
    const tt_platform_operations *operations = s->options.platform->operations;
    tt_model_job *job = &s->jobs[s->first_job];
    while (!s->running && job->token != 0) {
        s->running = operations->work(s->options.platform, &job->work) == TT_OK;
        if (s->running)
            return;
        answer_busy(s, now, job->token);
        job->token = 0;
        s->first_job = (s->first_job + 1) % TT_MODEL_JOBS_MAX;
        job = &s->jobs[s->first_job];
    }
}

static void job_done(tt_work *work, tt_time now)
{
    tt_model_job *job = (tt_model_job *)work;
    tt_model_service *s = job->service;
    tt_response response = {.code = TT_CONTENT,
                            .content_format = TT_FORMAT_OCTETS,
                            .payload = job->output,
                            .length = job->plan.header.output_bytes,
                            .max_age_seconds = 0};
    // Where the asker has gone meanwhile, nobody is left to tell.
    if (tt_bus_answer(s->options.bus, now, job->token, &response) == TT_OK) {
        s->answered++;
        s->version++;
    }
    job->token = 0;
    s->running = false;
    s->first_job = (s->first_job + 1) % TT_MODEL_JOBS_MAX;
    if (s->options.keep != NULL)
        s->options.keep->release(s);
    start_oldest(s, now);
}

static void post(tt_model_service *s, tt_time now, const tt_request *request, tt_response *response)
{
    size_t expected = s->plan.header.input_bytes;
    bool whole = request->last && request->offset == 0;
    if (!whole && (request->size == expected || request->size == 0)) {
        refuse_numbers(s, response, TT_BAD_REQUEST, "the input came in blocks, the first of ",
                       request->length, " bytes; the model expects one message of ", expected,
                       " bytes");
        return;
    }
    if (request->size != expected) {
        refuse_numbers(s, response, TT_BAD_REQUEST, "the input has ", request->size,
                       " bytes, the model expects ", expected, "");
        return;
    }
    tt_model_job *job = NULL;
    for (unsigned i = 0; i < TT_MODEL_JOBS_MAX && job == NULL; i++) { // in order of arrival
        tt_model_job *next = &s->jobs[(s->first_job + i) % TT_MODEL_JOBS_MAX];
        job = next->token == 0 ? next : NULL;
    }
    if (job == NULL) {
        refuse_text(s, response, TT_UNAVAILABLE, "busy: too many inputs wait already");
        return;
    }
    job->work = (tt_work){.run = run_job, .done = job_done};
    job->service = s;
    job->token = request->token;
    job->plan = s->plan;
    job->slot = s->slot;
    job->taken = now;
    for (size_t i = 0; i < expected; i++)
        job->input[i] = (int8_t)(request->payload[i] ^ 0x80); // b - 128
    response->later = true; // the token is owed from here on, so an answer may come at once
    start_oldest(s, now);
}

static void handle(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    tt_model_service *s = resource->context;
    const char *name = name_in(request->path);
    bool collection = name[0] == '\0', puts = request->method == TT_PUT;
    if (!puts || strcmp(name, s->name) != 0)
        give_up_unwhole(s, now);
    bool present = !collection && strcmp(name, s->name) == 0;
    if (collection && request->method == TT_GET) {
        tt_respond_bytes(request, response, TT_FORMAT_TEXT, s->name, strlen(s->name), s->version);
    } else if (puts) {
        put(s, now, request, response);
        give_up_unwhole(s, now);
    } else if (collection) {
        refuse_text(s, response, TT_METHOD_NOT_ALLOWED, "method not allowed; allowed here: GET");
    } else if (!present) {
        tt_text text = begin_text(s, "no such model: ");
        tt_text_add(&text, name);
        refuse(s, response, TT_PATH_NOT_FOUND, &text);
    } else if (s->overwritten && request->method != TT_DELETE) {
        refuse_text(s, response, TT_UNAVAILABLE, "its plan is being replaced, and not whole");
    } else if (request->method == TT_GET) {
        get(s, request, response);
    } else if (request->method == TT_POST) {
        post(s, now, request, response);
    } else if (s->options.keep == NULL) {
        tt_model_give_up(s, now);
        response->code = TT_DELETED;
    } else if (s->keeping.under_way || request->token == 0) {
        refuse_text(s, response, TT_UNAVAILABLE, "a plan is being kept or deleted");
    } else {
        s->options.keep->remove(s, request, response);
    }
}

static bool is_aligned(const void *storage)
{
    return storage != NULL && (uintptr_t)storage % TT_PLAN_ALIGNMENT == 0;
}

tt_status tt_model_service_init(tt_model_service *s, const tt_model_options *options)
{
    uint8_t methods = 1 << TT_GET | 1 << TT_PUT | 1 << TT_POST | 1 << TT_DELETE;
    if (!is_aligned(options->arena) || !is_aligned(options->slots[0]) ||
        (options->slots[1] != NULL && !is_aligned(options->slots[1])))
        return TT_INVALID;
    memset(s, 0, sizeof(*s));
    s->options = *options;
    if (s->options.operations_max == 0)
        s->options.operations_max = TT_MODEL_OPERATIONS_MAX;
    s->collection = (tt_resource){.path = COLLECTION,
                                  .type = "tutti.models",
                                  .handler = handle,
                                  .context = s,
                                  .methods = methods,
                                  .observable = true,
                                  .subtree = true,
                                  .any_order = true};
    s->model = (tt_resource){.path = s->path,
                             .type = TT_MODEL_TYPE,
                             .handler = handle,
                             .context = s,
                             .methods = methods,
                             .any_order = true};
    tt_status status = tt_bus_add(options->bus, &s->collection);
    if (status == TT_OK && options->keep != NULL)
        options->keep->load(s);
    return status;
}
