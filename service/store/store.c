// The resource /data: from requests to writes of the store, and from what became durable to
// answers.
//
// A medium that is busy cannot be read; what needs reading then (a GET, the quota of a PUT) waits
// for a turn of the loop in which it is not.

#include <string.h>

#include "service/store/internal.h"
#include "tutti/bus_storage.h"
#include "tutti/check.h"
#include "tutti/text.h"

#define PREFIX TT_STORE_SERVICE_PATH "/"

static tt_text begin_text(tt_store_service *s, const char *first)
{
    tt_text text;
    tt_text_init(&text, s->diagnostic, sizeof(s->diagnostic));
    tt_text_add(&text, first);
    return text;
}

static void refuse(tt_store_service *s, tt_response *response, tt_code code, const tt_text *text)
{
    response->code = code;
    response->content_format = TT_FORMAT_NONE;
    response->payload = s->diagnostic;
    response->length = text->length;
    if (code == TT_UNAVAILABLE)
        response->max_age_seconds = 1;
}

static void refuse_text(tt_store_service *s, tt_response *response, tt_code code, const char *first)
{
    tt_text text = begin_text(s, first);
    refuse(s, response, code, &text);
}

static void refuse_path(tt_store_service *s, tt_response *response, tt_code code, const char *first,
                        const char *path)
{
    tt_text text = begin_text(s, first);
    tt_text_add(&text, path);
    refuse(s, response, code, &text);
}

// "data/a/b": below data, and no segment that is empty, ".", "..", or has what a link cannot have.
static bool is_key(const char *path)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    const char *at = path + strlen(PREFIX);
    if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
        return false;
    for (;;) {
        size_t length = strspn(at, unreserved);
        bool dots = length <= 2 && strspn(at, ".") >= length; // "", ".", ".."
        if (dots || (at[length] != '/' && at[length] != '\0'))
            return false;
        if (at[length] == '\0')
            return true;
        at += length + 1;
    }
}

// ---- Reading.

static tt_status read_value(tt_store_service *s, const tt_request *request, tt_response *response)
{
    tt_store_value value;
    size_t length;
    uint32_t offset =
        request->window_offset < UINT32_MAX ? (uint32_t)request->window_offset : UINT32_MAX;
    tt_status status = tt_store_read(s->options.store, request->path, offset, request->space,
                                     request->window_length, &length, &value);
    if (status != TT_OK)
        return status;
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_OCTETS;
    response->payload = request->space;
    response->length = length;
    response->more = offset < value.length && value.length - offset > length;
    response->size = value.length;
    response->has_version = true;
    response->version = value.version;
    return TT_OK;
}

// TT_BUSY: it must wait. Otherwise the response is made.
static tt_status get(tt_store_service *s, const tt_request *request, tt_response *response)
{
    tt_status status = is_key(request->path) ? read_value(s, request, response) : TT_NOT_FOUND;
    if (status == TT_NOT_FOUND)
        status = tt_store_service_list(s, request, response);
    if (status == TT_NOT_FOUND)
        refuse_path(s, response, TT_PATH_NOT_FOUND, "nothing is kept under ", request->path);
    else if (status == TT_DAMAGED)
        refuse_path(s, response, TT_INTERNAL_ERROR, "damaged: ", request->path);
    else if (status != TT_OK && status != TT_BUSY)
        refuse_text(s, response, TT_INTERNAL_ERROR, "the medium cannot be read");
    return status == TT_BUSY ? TT_BUSY : TT_OK;
}

static void get_later(tt_store_service *s, const tt_request *request, tt_response *response)
{
    for (unsigned i = 0; request->token != 0 && i < TT_STORE_SERVICE_READS_MAX; i++) {
        if (s->reads[i].token != 0)
            continue;
        s->reads[i].token = request->token;
        s->reads[i].offset = request->window_offset;
        s->reads[i].length = request->window_length;
        strcpy(s->reads[i].path, request->path);
        response->later = true;
        return;
    }
    refuse_text(s, response, TT_UNAVAILABLE, "the medium is being written");
    response->busy = request->token == 0; // an observer's, or a stream's: asked again
}

static void answer_reads(tt_store_service *s, tt_time now)
{
    for (unsigned i = 0; i < TT_STORE_SERVICE_READS_MAX; i++) {
        tt_request request = {.method = TT_GET,
                              .path = s->reads[i].path,
                              .query = "",
                              .last = true,
                              .window_offset = s->reads[i].offset,
                              .window_length = s->reads[i].length,
                              .space = tt_bus_answer_space(s->options.bus)};
        tt_response response = {
            .code = TT_INTERNAL_ERROR, .content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
        if (s->reads[i].token == 0 || request.space == NULL ||
            get(s, &request, &response) == TT_BUSY)
            continue;
        if (tt_bus_answer(s->options.bus, now, s->reads[i].token, &response) != TT_FULL)
            s->reads[i].token = 0; // answered, or the asker has gone
    }
}

// ---- Writing.

static void answer(tt_store_service *s, tt_time now, const tt_response *response)
{
    if (tt_bus_answer(s->options.bus, now, s->asked.token, response) != TT_FULL)
        s->asked.token = 0;
}

static bool is_below(const char *path, const char *prefix)
{
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

static const tt_store_quota *quota_of(const tt_store_service *s, const char *path)
{
    const tt_store_quota *best = NULL;
    for (unsigned i = 0; i < s->options.quota_count; i++) {
        const tt_store_quota *quota = &s->options.quotas[i];
        if (is_below(path, quota->prefix) &&
            (best == NULL || strlen(quota->prefix) > strlen(best->prefix)))
            best = quota;
    }
    return best;
}

// "full: data/ may hold 200 bytes, of which 22 are free; this value may have 0".
static void refuse_full(tt_store_service *s, tt_response *response, const char *of, uint64_t limit,
                        uint64_t free, uint64_t most)
{
    tt_text text = begin_text(s, "full: ");
    tt_text_add(&text, of);
    tt_text_add(&text, " may hold ");
    tt_text_add_unsigned(&text, limit);
    tt_text_add(&text, " bytes, of which ");
    tt_text_add_unsigned(&text, free);
    tt_text_add(&text, " are free; this value may have ");
    tt_text_add_unsigned(&text, most);
    refuse(s, response, TT_ENTITY_TOO_LARGE, &text);
    response->size_max = most < TT_STORE_SERVICE_VALUE_MAX ? most : TT_STORE_SERVICE_VALUE_MAX;
}

// "no key is left: data/ may hold 40 keys, and has 40".
static void refuse_key(tt_store_service *s, tt_response *response, const char *of, uint32_t limit,
                       uint32_t keys, uint32_t deleted)
{
    tt_text text = begin_text(s, "no key is left: ");
    tt_text_add(&text, of);
    tt_text_add(&text, " may hold ");
    tt_text_add_unsigned(&text, limit);
    tt_text_add(&text, " keys, and has ");
    tt_text_add_unsigned(&text, keys);
    if (deleted > 0) {
        tt_text_add(&text, " and ");
        tt_text_add_unsigned(&text, deleted);
        tt_text_add(&text, " deleted ones, whose old values are still on the medium");
    }
    refuse(s, response, TT_ENTITY_TOO_LARGE, &text);
}

// What is below each quota's prefix: a walk over all keys, so it is done once, and on_change goes
// on from there.
static tt_status count_all(tt_store_service *s)
{
    tt_status status = TT_OK;
    for (unsigned i = 0; status == TT_OK && !s->is_counted && i < s->options.quota_count; i++)
        status = tt_store_service_count(s, s->options.quotas[i].prefix, &s->used[i]);
    s->is_counted = s->is_counted || status == TT_OK;
    return status;
}

static uint64_t cost_of(const char *key, uint64_t value_length)
{
    return strlen(key) + 16 + value_length;
}

// What is there under the path that is to be changed. TT_OK, TT_BUSY, TT_IO.
static tt_status look(tt_store_service *s)
{
    tt_store_value old;
    tt_status status = tt_store_find(s->options.store, s->path, &old);
    s->asked.fresh = status == TT_NOT_FOUND;
    s->asked.cost = status == TT_OK ? cost_of(s->path, old.length) : 0;
    return status == TT_NOT_FOUND ? TT_OK : status;
}

// Whether a value keeps to its quota, of which the value that it replaces is not counted. TT_BUSY;
// TT_IO; TT_FULL, and the response says so.
static tt_status weigh(tt_store_service *s, tt_response *response)
{
    const tt_store_quota *quota = quota_of(s, s->path);
    uint64_t cost = cost_of(s->path, s->asked.change.length);
    tt_status status = quota != NULL ? count_all(s) : TT_OK;
    if (status != TT_OK || quota == NULL)
        return status;
    const tt_store_usage *used = &s->used[quota - s->options.quotas];
    if (s->asked.fresh && quota->keys > 0 && used->keys >= quota->keys) {
        refuse_key(s, response, quota->prefix, quota->keys, used->keys, 0);
        return TT_FULL;
    }
    uint64_t free = used->bytes < quota->bytes ? quota->bytes - used->bytes : 0;
    if (cost <= free + s->asked.cost || cost <= s->asked.cost)
        return TT_OK;
    uint64_t most = free + s->asked.cost, key = cost_of(s->path, 0);
    refuse_full(s, response, quota->prefix, quota->bytes, free, most > key ? most - key : 0);
    return TT_FULL;
}

static void begin_asked(tt_store_service *s, tt_time now)
{
    tt_response response = {.content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    tt_status status = look(s);
    if (status == TT_OK && !s->asked.change.remove)
        status = weigh(s, &response);
    if (status == TT_BUSY)
        return;
    if (status == TT_OK) {
        s->asked.begun = true;
        tt_store_begin(s->options.store, &s->asked.write);
        return;
    }
    if (status != TT_FULL)
        refuse_text(s, &response, TT_INTERNAL_ERROR, "the medium cannot be read");
    answer(s, now, &response);
}

static tt_status refuse_store(tt_store_service *s, tt_response *response)
{
    tt_store_facts facts;
    tt_status status = tt_store_info(s->options.store, strlen(s->path), &facts);
    if (status != TT_OK)
        return status;
    uint64_t free = facts.used < facts.capacity ? facts.capacity - facts.used : 0;
    if (s->asked.fresh && facts.keys + facts.deleted >= facts.keys_max)
        refuse_key(s, response, "the store", facts.keys_max, facts.keys, facts.deleted);
    else
        refuse_full(s, response, "the store", facts.capacity, free, facts.value_max);
    return TT_OK;
}

// The write has ended, and says how.
static void answer_asked(tt_store_service *s, tt_time now)
{
    tt_response response = {.content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    tt_status status = s->asked.write.status;
    if (status == TT_OK)
        response.code = s->asked.change.remove ? TT_DELETED
                        : s->asked.fresh       ? TT_CREATED
                                               : TT_CHANGED;
    else if (status == TT_NOT_FOUND)
        refuse_path(s, &response, TT_PATH_NOT_FOUND, "nothing is kept under ", s->path);
    else if (status == TT_FULL || status == TT_TOO_LARGE)
        status = refuse_store(s, &response);
    else
        refuse_text(s, &response, TT_INTERNAL_ERROR,
                    "the medium failed; it may or may not be kept");
    if (status != TT_BUSY)
        answer(s, now, &response);
}

static void ask(tt_store_service *s, const tt_request *request, tt_response *response)
{
    strcpy(s->path, request->path);
    s->asked.token = request->token;
    s->asked.begun = s->asked.fresh = false;
    s->asked.change = (tt_store_change){.key = s->path,
                                        .value = s->value,
                                        .length = (uint32_t)s->upload.length,
                                        .remove = request->method == TT_DELETE};
    s->asked.write = (tt_store_write){.changes = &s->asked.change, .count = 1};
    response->later = true;
}

// Whether the sender of a value keeps others away: no longer than the bus lets it (bus/bodies.c).
static bool is_receiving(const tt_store_service *s, tt_time now)
{
    return s->upload.under_way && now < tt_after(s->upload.heard, TT_BUS_TRANSFER_YIELD);
}

// Whether a change may begin: nobody else's is under way.
static bool may_change(tt_store_service *s, tt_time now, const tt_request *request,
                       tt_response *response)
{
    if (!is_key(request->path)) {
        refuse_text(s, response, TT_BAD_REQUEST,
                    "a path below /data is of letters, digits and - . _ ~ between its slashes");
        return false;
    }
    bool own = tt_endpoint_equal(&s->upload.peer, request->peer);
    if (s->asked.token == 0 && request->token != 0 && (own || !is_receiving(s, now)))
        return true;
    refuse_text(s, response, TT_UNAVAILABLE, "another value is being put");
    return false;
}

static void put(tt_store_service *s, tt_time now, const tt_request *request, tt_response *response)
{
    size_t end = request->offset + request->length,
           size = request->size > end ? request->size : end;
    if (!may_change(s, now, request, response))
        return;
    if (s->options.quotas != NULL && quota_of(s, request->path) == NULL) {
        refuse_path(s, response, TT_FORBIDDEN, "no quota is for ", request->path);
        return;
    }
    bool goes_on = s->upload.under_way && strcmp(s->path, request->path) == 0 &&
                   tt_endpoint_equal(&s->upload.peer, request->peer);
    if (request->offset > 0 && !goes_on) {
        refuse_text(s, response, TT_ENTITY_INCOMPLETE, "this value was not begun here; start over");
        return;
    }
    s->upload.under_way = size <= sizeof(s->value) && !request->last;
    if (size > sizeof(s->value)) {
        tt_text text = begin_text(s, "a value has at most ");
        tt_text_add_unsigned(&text, sizeof(s->value));
        tt_text_add(&text, " bytes; this one has ");
        tt_text_add_unsigned(&text, size);
        tt_text_add(&text, request->size > 0 ? "" : " or more");
        refuse(s, response, TT_ENTITY_TOO_LARGE, &text);
        response->size_max = sizeof(s->value);
        return;
    }
    if (request->length > 0)
        memcpy(s->value + request->offset, request->payload, request->length);
    strcpy(s->path, request->path);
    s->upload.peer = *request->peer;
    s->upload.heard = now;
    s->upload.length = (request->offset > 0 ? s->upload.length : 0) + request->length;
    response->code = TT_CONTINUE;
    if (request->last)
        ask(s, request, response);
}

static void handle(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    tt_store_service *s = resource->context;
    if (request->method == TT_PUT) {
        put(s, now, request, response);
    } else if (request->method == TT_DELETE) {
        if (may_change(s, now, request, response))
            ask(s, request, response);
    } else if (get(s, request, response) == TT_BUSY) {
        get_later(s, request, response);
    }
}

// A change of this service's own is known to the byte and key; after another's all is counted anew.
static void note_cost(tt_store_service *s, const char *key)
{
    const tt_store_change *change = &s->asked.change;
    if (s->asked.token == 0 || !s->asked.begun || key != change->key)
        s->is_counted = false;
    for (unsigned i = 0; s->is_counted && i < s->options.quota_count; i++)
        if (is_below(key, s->options.quotas[i].prefix)) {
            s->used[i].bytes += (change->remove ? 0 : cost_of(key, change->length)) - s->asked.cost;
            s->used[i].keys += (change->remove ? 0 : 1) - (s->asked.fresh ? 0 : 1);
        }
}

static void on_change(tt_store_observer *observer, const char *key)
{
    tt_store_service *s = observer->user;
    note_cost(s, key);
    s->changes++;
    s->changed_count++;
    if (strlen(key) < sizeof(s->changed)) // it came by a path
        strcpy(s->changed, key);
}

static bool is_busy(const tt_store_service *s)
{
    tt_medium *medium = s->options.store->parts.medium;
    return medium->operations->poll(medium) == TT_BUSY;
}

// Observers are told by a GET, so it waits until the medium can be read.
static void tell_observers(tt_store_service *s, tt_time now)
{
    if (s->changed_count == 0 || is_busy(s))
        return;
    tt_bus_changed_path(s->options.bus, now, &s->resource,
                        s->changed_count == 1 ? s->changed : NULL);
    s->changed_count = 0;
}

bool tt_store_service_turn(tt_store_service *s, tt_time now)
{
    if (s->asked.token != 0 && !s->asked.begun)
        begin_asked(s, now);
    else if (s->asked.token != 0 && s->asked.write.status != TT_BUSY)
        answer_asked(s, now);
    answer_reads(s, now);
    tell_observers(s, now);
    bool waits = s->changed_count > 0;
    for (unsigned i = 0; i < TT_STORE_SERVICE_READS_MAX; i++)
        waits |= s->reads[i].token != 0;
    return waits || (s->asked.token != 0 && !(s->asked.begun && s->asked.write.status == TT_BUSY));
}

tt_status tt_store_service_init(tt_store_service *s, const tt_store_service_options *options)
{
    if (options->quota_count > TT_STORE_SERVICE_QUOTAS_MAX)
        return TT_TOO_LARGE;
    memset(s, 0, sizeof(*s));
    s->options = *options;
    s->resource = (tt_resource){.path = TT_STORE_SERVICE_PATH,
                                .type = "tutti.data",
                                .handler = handle,
                                .context = s,
                                .methods = 1 << TT_GET | 1 << TT_PUT | 1 << TT_DELETE,
                                .any_order = true,
                                .observable = true,
                                .subtree = true};
    s->observer = (tt_store_observer){.prefix = PREFIX, .changed = on_change, .user = s};
    tt_store_observe(options->store, &s->observer);
    return tt_bus_add(options->bus, &s->resource);
}
