// Asking on behalf of others: finds a device that offers the model, forwards the input, tells who
// answered.
//
// One question at a time. Each known device of the wanted kind is asked for its links of the
// model's type; the first that names the model gets the input. Whoever answered last is asked first
// the next time.

#include <string.h>

#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/links.h"
#include "tutti/model_service.h"

#define COLLECTION "ai/ask"
#define LINKS_TIMEOUT TT_SECONDS(2)
#define ANSWER_TIMEOUT TT_SECONDS(10)

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply);

static void answer_text(tt_ask_service *s, tt_time now, tt_code code, const char *first,
                        const char *second)
{
    tt_text text;
    tt_text_init(&text, s->diagnostic, sizeof(s->diagnostic));
    tt_text_add(&text, first);
    tt_text_add(&text, second);
    tt_response response = {.code = code,
                            .content_format = TT_FORMAT_NONE,
                            .payload = s->diagnostic,
                            .length = text.length,
                            .max_age_seconds = 1};
    tt_bus_answer(s->options.bus, now, s->token, &response);
    s->token = 0;
}

static void start_call(tt_ask_service *s, tt_time now, const tt_endpoint *peer, bool links)
{
    s->links_asked = links;
    s->offered = false;
    s->call = (tt_call){.peer = *peer,
                        .method = links ? TT_GET : TT_POST,
                        .path = links ? ".well-known/core" : s->path,
                        .query = links ? "rt=" TT_MODEL_TYPE : NULL,
                        .payload = links ? NULL : s->input,
                        .length = links ? 0 : s->input_bytes,
                        .content_format = links ? TT_FORMAT_NONE : TT_FORMAT_OCTETS,
                        .accept = TT_FORMAT_NONE,
                        .timeout = links ? LINKS_TIMEOUT : ANSWER_TIMEOUT,
                        .on_reply = on_reply,
                        .context = s};
    s->asked = now;
    TT_CHECK(tt_bus_call(s->options.bus, now, &s->call) == TT_OK);
}

static bool is_wanted(const tt_ask_service *s, const tt_peer *peer)
{
    return peer->reported && (peer->wire == 0 || peer->wire == TT_WIRE_VERSION) &&
           (s->kind[0] == '\0' || tt_text_same_name(peer->kind, s->kind));
}

// Asks the next device from `place` on for its links; with none left the question fails.
static void ask_next(tt_ask_service *s, tt_time now)
{
    for (; s->place < s->options.peers_max; s->place++) {
        const tt_peer *peer = &s->options.peers[s->place];
        if (!is_wanted(s, peer))
            continue;
        strcpy(s->chosen_name, peer->name);
        strcpy(s->chosen_kind, peer->kind);
        strcpy(s->chosen_model, s->name);
        s->chosen = peer->endpoint;
        s->place++;
        start_call(s, now, &s->chosen, true);
        return;
    }
    s->chosen.port = 0;
    answer_text(s, now, TT_UNAVAILABLE, "no device offers the model ", s->name);
}

static void read_links(tt_ask_service *s, const tt_reply *reply)
{
    size_t at = 0;
    tt_link link;
    tt_status status;
    if (reply->offset == 0)
        tt_links_init(&s->links, (char *)s->document, sizeof(s->document));
    while ((status = tt_links_take(&s->links, (const char *)reply->payload, reply->length, &at,
                                   reply->last, &link)) != TT_EMPTY)
        s->offered |= status == TT_OK && strcmp(link.path, s->path) == 0;
}

static void write_document(tt_ask_service *s, tt_time now, const tt_reply *reply, tt_writer *w)
{
    char address[TT_ENDPOINT_TEXT_MAX];
    tt_text text;
    size_t best = 0;
    const int8_t *logits = (const int8_t *)reply->payload;
    for (size_t i = 1; i < reply->length; i++)
        best = logits[i] > logits[best] ? i : best;
    tt_text_init(&text, address, sizeof(address));
    tt_endpoint_format(&s->chosen, &text);
    tt_writer_init(w, s->document, sizeof(s->document));
    tt_cbor_map(w, 6);
    tt_cbor_text(w, "device");
    tt_cbor_text(w, s->chosen_name);
    tt_cbor_text(w, "kind");
    tt_cbor_text(w, s->chosen_kind);
    tt_cbor_text(w, "address");
    tt_cbor_text(w, address);
    tt_cbor_text(w, "class");
    tt_cbor_unsigned(w, best);
    tt_cbor_text(w, "logits");
    tt_cbor_bytes(w, reply->payload, reply->length);
    tt_cbor_text(w, "microseconds");
    tt_cbor_unsigned(w, (uint64_t)((now - s->asked) / 1000));
}

static void forward_answer(tt_ask_service *s, tt_time now, const tt_reply *reply)
{
    if (reply->offset + reply->length > TT_MODEL_OUTPUT_MAX) {
        answer_text(s, now, TT_INTERNAL_ERROR, "too long an answer from ", s->chosen_name);
        return;
    }
    if (reply->code != TT_CONTENT || reply->length == 0) {
        tt_response response = {.code =
                                    reply->code >= TT_BAD_REQUEST ? reply->code : TT_INTERNAL_ERROR,
                                .content_format = TT_FORMAT_NONE,
                                .payload = reply->payload,
                                .length = reply->length,
                                .max_age_seconds = 1};
        tt_bus_answer(s->options.bus, now, s->token, &response);
        s->token = 0;
        return;
    }
    tt_writer w;
    write_document(s, now, reply, &w);
    if (w.failed) {
        answer_text(s, now, TT_INTERNAL_ERROR, "too long an answer from ", s->chosen_name);
        return;
    }
    tt_response response = {.code = TT_CONTENT,
                            .content_format = TT_FORMAT_CBOR,
                            .payload = s->document,
                            .length = w.length};
    tt_bus_answer(s->options.bus, now, s->token, &response);
    s->token = 0;
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_ask_service *s = call->context;
    bool failed = reply->status != TT_OK || reply->code == TT_PATH_NOT_FOUND;
    if (s->links_asked && reply->status == TT_OK && reply->code == TT_CONTENT)
        read_links(s, reply);
    if (!reply->final)
        return;
    if (s->links_asked && s->offered)
        start_call(s, now, &s->chosen, false);
    else if (s->links_asked || failed)
        ask_next(s, now); // this device has no such model, or is gone: another may
    else
        forward_answer(s, now, reply);
}

// The device that answered last, if it is still there and still fits.
static bool is_chosen_good(const tt_ask_service *s)
{
    if (s->chosen.port == 0 || strcmp(s->chosen_model, s->name) != 0)
        return false;
    for (size_t i = 0; i < s->options.peers_max; i++)
        if (is_wanted(s, &s->options.peers[i]) &&
            tt_endpoint_equal(&s->options.peers[i].endpoint, &s->chosen))
            return true;
    return false;
}

static bool read_wish(tt_ask_service *s, const tt_request *request)
{
    const char *name =
        request->path[sizeof(COLLECTION) - 1] == '/' ? request->path + sizeof(COLLECTION) : "";
    size_t kind = strncmp(request->query, "kind=", 5) == 0 ? strcspn(request->query + 5, "&") : 0;
    if (name[0] == '\0' || strlen(name) >= sizeof(s->name) || kind >= sizeof(s->kind))
        return false;
    strcpy(s->name, name);
    memcpy(s->kind, request->query + 5 * (kind > 0), kind);
    s->kind[kind] = '\0';
    tt_text path;
    tt_text_init(&path, s->path, sizeof(s->path));
    tt_text_add(&path, "ai/models/");
    tt_text_add(&path, name);
    return true;
}

static void refuse(tt_ask_service *s, tt_response *response, tt_code code, const char *text)
{
    tt_text whole;
    tt_text_init(&whole, s->diagnostic, sizeof(s->diagnostic));
    tt_text_add(&whole, text);
    response->code = code;
    response->payload = s->diagnostic;
    response->length = whole.length;
    response->max_age_seconds = 1;
}

static void handle(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    tt_ask_service *s = resource->context;
    if (!request->last || request->offset > 0 || request->length == 0 ||
        request->length > sizeof(s->input)) {
        refuse(s, response, TT_BAD_REQUEST, "expected one input of 1 to 1024 bytes");
        return;
    }
    if (s->token != 0) {
        refuse(s, response, TT_UNAVAILABLE, "busy: one question at a time");
        return;
    }
    if (!read_wish(s, request)) {
        refuse(s, response, TT_BAD_REQUEST, "expected ai/ask/MODEL, and perhaps ?kind=KIND");
        return;
    }
    memcpy(s->input, request->payload, request->length);
    s->input_bytes = request->length;
    s->token = request->token;
    s->place = 0;
    response->later = true;
    if (is_chosen_good(s))
        start_call(s, now, &s->chosen, false);
    else
        ask_next(s, now); // may answer at once that there is nobody: the token is owed already
}

tt_status tt_ask_service_init(tt_ask_service *s, const tt_ask_options *options)
{
    memset(s, 0, sizeof(*s));
    s->options = *options;
    s->resource = (tt_resource){.path = COLLECTION,
                                .type = "tutti.ask",
                                .handler = handle,
                                .context = s,
                                .methods = 1 << TT_POST,
                                .subtree = true};
    return tt_bus_add(options->bus, &s->resource);
}
