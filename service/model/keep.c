// The model in a store: an extent under model/NAME. To put another one there is one commit, so
// whatever happens meanwhile the old one or the new one is there, whole.

#include <string.h>

#include "service/model/internal.h"
#include "tutti/text.h"

#define PREFIX "model/"
#define WINDOW 2 // the slot's number of pins[0]

static void release(tt_model_service *s)
{
    for (unsigned i = 0; i < 2; i++) {
        bool in_place = s->name[0] != '\0' && s->slot == WINDOW + i;
        if (!s->pinned[i] || in_place || tt_model_slot_is_used(s, WINDOW + i))
            continue;
        tt_store_unpin(&s->pins[i]);
        s->pinned[i] = false;
    }
}

// Takes hold of the plan where the medium shows it. False: it cannot be read there.
static bool hold(tt_model_service *s, const char *key, unsigned *slot, const void **bytes,
                 size_t *length)
{
    unsigned i = s->pinned[0] ? 1 : 0;
    if (s->pinned[i] || tt_store_window(s->options.store, key, &s->pins[i], bytes, length) != TT_OK)
        return false;
    s->pinned[i] = true;
    *slot = WINDOW + i;
    return true;
}

// Where the plan lies that is kept under `key`: in the window, or read into the first slot.
static tt_status find_plan(tt_model_service *s, const char *key, unsigned *slot, const void **bytes,
                           size_t *length)
{
    if (hold(s, key, slot, bytes, length))
        return TT_OK;
    *slot = 0;
    *bytes = s->options.slots[0];
    return tt_store_get(s->options.store, key, s->options.slots[0], s->options.slot_bytes, length);
}

static tt_time now_of(const tt_model_service *s)
{
    return s->options.platform->operations->now(s->options.platform);
}

static void load(tt_model_service *s)
{
    char key[TT_STORE_KEY_MAX + 1] = "";
    const char *name = key + strlen(PREFIX);
    const void *bytes;
    size_t length;
    unsigned slot;
    tt_plan plan;
    tt_response refused;
    s->diagnostic[0] = '\0';
    tt_status status = tt_store_next(s->options.store, PREFIX, key, NULL);
    if (status == TT_NOT_FOUND)
        return;
    if (status == TT_OK && !tt_model_is_name(name))
        status = TT_DAMAGED;
    if (status == TT_OK)
        status = find_plan(s, key, &slot, &bytes, &length);
    if (status == TT_OK && tt_model_check(s, bytes, length, &plan, &refused)) {
        tt_model_place(s, now_of(s), &plan, slot, name);
        s->diagnostic[0] = '\0';
    } else if (status != TT_OK) {
        tt_text why;
        tt_text_init(&why, s->diagnostic, sizeof(s->diagnostic));
        tt_text_add(&why, "the plan cannot be read: ");
        tt_text_add(&why, tt_status_text(status));
    }
    release(s);
}

// Where the asker has gone meanwhile nobody is left to tell.
static void answer(tt_model_service *s, tt_code code)
{
    tt_response response = {.code = code, .content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    if (code >= TT_BAD_REQUEST) {
        response.payload = s->diagnostic;
        response.length = strlen(s->diagnostic);
    }
    s->keeping.under_way = false;
    tt_bus_answer(s->options.bus, now_of(s), s->keeping.token, &response);
}

static tt_code say_failed(tt_model_service *s, tt_status status)
{
    tt_store_facts facts;
    tt_text text;
    tt_text_init(&text, s->diagnostic, sizeof(s->diagnostic));
    if (status != TT_FULL && status != TT_TOO_LARGE) {
        tt_text_add(&text, "the medium failed; it may or may not be kept");
        return TT_INTERNAL_ERROR;
    }
    bool told = tt_store_info(s->options.store, strlen(s->keeping.key), &facts) == TT_OK;
    if (told && facts.keys + facts.deleted >= facts.keys_max &&
        tt_store_find(s->options.store, s->keeping.key, NULL) == TT_NOT_FOUND) {
        tt_text_add(&text, "plan refused: no key is left; the store may hold ");
        tt_text_add_unsigned(&text, facts.keys_max);
        return TT_ENTITY_TOO_LARGE;
    }
    tt_text_add(&text, "plan refused: the store has no room for ");
    tt_text_add_unsigned(&text, s->keeping.change.length);
    tt_text_add(&text, " bytes in one piece");
    if (told) {
        uint64_t sector = s->options.store->parts.medium->sector_bytes;
        tt_text_add(&text, "; ");
        tt_text_add_unsigned(&text, facts.extent_sectors_free * sector);
        tt_text_add(&text, " of ");
        tt_text_add_unsigned(&text, facts.extent_sectors * sector);
        tt_text_add(&text, " are free");
    }
    return TT_ENTITY_TOO_LARGE;
}

static void fail(tt_model_service *s, tt_status status)
{
    if (s->overwritten) { // the one slot has what could not be kept
        tt_model_give_up(s, now_of(s));
        load(s);
    }
    answer(s, say_failed(s, status));
}

// The plan is kept: from now on it is the model, and its slot is free where it can be read in
// place.
static void on_put(tt_store_write *write)
{
    tt_model_service *s = write->user;
    const void *bytes;
    size_t length;
    unsigned slot;
    tt_plan in_place;
    if (write->status != TT_OK) {
        fail(s, write->status);
        return;
    }
    if (hold(s, s->keeping.key, &slot, &bytes, &length) &&
        tt_plan_open(&in_place, bytes, length, NULL) == TT_OK) {
        s->keeping.plan = in_place;
        s->keeping.slot = slot;
    }
    answer(s, tt_model_place(s, now_of(s), &s->keeping.plan, s->keeping.slot,
                             s->keeping.key + strlen(PREFIX)));
    release(s);
}

static void begin(tt_model_service *s, const tt_request *request, tt_response *response,
                  void (*done)(tt_store_write *write))
{
    tt_text key;
    tt_text_init(&key, s->keeping.key, sizeof(s->keeping.key));
    tt_text_add(&key, PREFIX);
    tt_text_add(&key, strrchr(request->path, '/') + 1); // it is ai/models/NAME
    s->keeping.change.key = s->keeping.key;
    s->keeping.write =
        (tt_store_write){.changes = &s->keeping.change, .count = 1, .done = done, .user = s};
    s->keeping.under_way = true;
    s->keeping.token = request->token;
    response->later = true;
    tt_store_begin(s->options.store, &s->keeping.write);
}

static void put(tt_model_service *s, const tt_plan *plan, unsigned slot, const tt_request *request,
                tt_response *response)
{
    s->keeping.plan = *plan;
    s->keeping.slot = slot;
    s->keeping.change = (tt_store_change){
        .value = s->options.slots[slot], .length = (uint32_t)s->upload.length, .extent = true};
    begin(s, request, response, on_put);
}

static void on_remove(tt_store_write *write)
{
    tt_model_service *s = write->user;
    if (write->status != TT_OK && write->status != TT_NOT_FOUND) {
        answer(s, say_failed(s, write->status));
        return;
    }
    tt_model_give_up(s, now_of(s));
    answer(s, TT_DELETED);
    release(s);
}

static void remove_model(tt_model_service *s, const tt_request *request, tt_response *response)
{
    s->keeping.change = (tt_store_change){.remove = true};
    begin(s, request, response, on_remove);
}

const tt_model_keep tt_model_keeps = {
    .load = load, .put = put, .remove = remove_model, .release = release};
