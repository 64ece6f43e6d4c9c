// From a request to its resource's handler, and from the handler's response to the bytes of a
// block.
//
// A block of an answer is the window that its request named (RFC 7959, 2.2), so nothing is kept
// between two requests of one GET, whoever asks.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

// "a//b", "a/" and "a/./b" are other names than "a/b" and "a", and nobody's.
static bool is_alias(const char *path)
{
    size_t length = 0, dots = 0; // of the part so far
    for (const char *at = path; *path != '\0'; at++) {
        if (*at != '/' && *at != '\0') {
            length++;
            dots += *at == '.';
            continue;
        }
        if (length == dots && length <= 2) // empty, "." or ".."
            return true;
        if (*at == '\0')
            return false;
        length = dots = 0;
    }
    return false; // the root
}

// How many bytes of a path a resource's path has, where it is the path or above it; else 0.
static size_t match(const char *path, const tt_resource *resource)
{
    size_t length = 0;
    while (path[length] == resource->path[length] && path[length] != '\0')
        length++;
    bool is_above = resource->subtree && path[length] == '/';
    return resource->path[length] == '\0' && (path[length] == '\0' || is_above) ? length : 0;
}

tt_resource *tt_bus_find_resource(const tt_bus *bus, const char *path)
{
    if (is_alias(path))
        return NULL;
    tt_resource *best = NULL;
    size_t best_length = 0;
    for (tt_list *node = bus->resources.next; node != &bus->resources; node = node->next) {
        tt_resource *resource = TT_CONTAINER(node, tt_resource, link);
        size_t length = match(path, resource);
        if (length > 0 && path[length] == '\0')
            return resource;
        if (length > best_length) {
            best = resource;
            best_length = length;
        }
    }
    return best;
}

bool tt_bus_has_resource(const tt_bus *bus, const tt_resource *resource)
{
    const tt_list *node = bus->resources.next;
    while (node != &bus->resources && node != &resource->link)
        node = node->next;
    return node != &bus->resources;
}

void tt_bus_diagnose(tt_bus *bus, tt_response *response, tt_code code, const char *what,
                     const char *which)
{
    tt_text text;
    tt_text_init(&text, bus->diagnostic, sizeof(bus->diagnostic));
    tt_text_add(&text, what);
    tt_text_add(&text, which);
    response->code = code;
    response->payload = bus->diagnostic;
    response->length = text.length;
}

static const char *methods_text(uint8_t methods)
{
    // All combinations that occur are few; the text is made of the four names.
    static char text[32];
    static const char *const names[] = {[TT_GET] = "GET", "POST", "PUT", "DELETE"};
    tt_text out;
    tt_text_init(&out, text, sizeof(text));
    for (int method = TT_GET; method <= TT_DELETE; method++) {
        if (!(methods >> method & 1))
            continue;
        tt_text_add(&out, out.length > 0 ? ", " : "");
        tt_text_add(&out, names[method]);
    }
    return text;
}

static bool is_among(const uint16_t *formats, uint16_t format)
{
    while (*formats != TT_FORMAT_NONE && *formats != format)
        formats++;
    return *formats == format;
}

// Whether a resource that states its formats gives and takes these.
static bool has_formats(tt_bus *bus, const tt_resource *resource, const tt_request *request,
                        tt_response *response)
{
    if (request->accept != TT_FORMAT_NONE && resource->gives != NULL &&
        !is_among(resource->gives, request->accept))
        tt_bus_diagnose(bus, response, TT_NOT_ACCEPTABLE,
                        "not to be had in this format: ", request->path);
    else if (request->content_format != TT_FORMAT_NONE && resource->takes != NULL &&
             !is_among(resource->takes, request->content_format))
        tt_bus_diagnose(bus, response, TT_FORMAT_UNSUPPORTED,
                        "not taken in this format: ", request->path);
    else
        return true;
    return false;
}

void tt_response_begin(tt_response *response, tt_code code)
{
    *response =
        (tt_response){.code = code, .content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
}

void tt_bus_refuse(tt_bus *bus, tt_response *response, tt_code code, const char *what,
                   const char *which)
{
    tt_response_begin(response, code);
    tt_bus_diagnose(bus, response, code, what, which);
}

void tt_bus_run_handler(tt_bus *bus, tt_time now, tt_resource *resource, const tt_request *request,
                        tt_response *response)
{
    tt_response_begin(response, TT_INTERNAL_ERROR);
    if (resource == NULL) {
        tt_bus_diagnose(bus, response, TT_PATH_NOT_FOUND, "no such path: ", request->path);
    } else if (request->method > TT_DELETE || !(resource->methods >> request->method & 1)) {
        tt_bus_diagnose(bus, response, TT_METHOD_NOT_ALLOWED,
                        "method not allowed; allowed here: ", methods_text(resource->methods));
    } else if (has_formats(bus, resource, request, response)) {
        resource->handler(resource, now, request, response);
        response->stream = 0;
        if (response->busy && !response->later) {
            tt_bus_refuse(bus, response, TT_UNAVAILABLE, "cannot be taken now: ", request->path);
            response->busy = true;
        }
        if (!response->later)
            tt_bus_check_response(bus, request, response);
    }
}

void tt_bus_set_window(tt_request *request, const tt_block *block2, tt_bus_buffer *buffer)
{
    bool get = request->method == TT_GET && block2 != NULL && block2->present;
    request->window_length = get ? tt_block_bytes(block2) : TT_BUS_BLOCK_MAX;
    request->window_offset = get ? block2->number * request->window_length : 0;
    request->space = buffer != NULL ? buffer->bytes + TT_HEAD_MAX : NULL;
}

// 2.31 is one as long as the body goes on.
static bool is_answer(tt_code code)
{
    return (code >= TT_CODE(2, 1) && code < TT_CODE(3, 0)) ||
           (code >= TT_BAD_REQUEST && code < TT_CODE(6, 0));
}

void tt_bus_check_response(tt_bus *bus, const tt_request *request, tt_response *response)
{
    bool windowed = request->method == TT_GET && response->code < TT_BAD_REQUEST;
    bool other = response->content_format != request->accept &&
                 response->content_format != TT_FORMAT_NONE && request->accept != TT_FORMAT_NONE;
    const char *fault = NULL;
    if (!is_answer(response->code) || (response->code == TT_CONTINUE && request->last))
        fault = "its handler gives no code of an answer: ";
    else if (response->length > 0 && response->payload == NULL)
        fault = "its handler gives a length without a payload: ";
    else if (response->length > (windowed ? request->window_length : TT_BUS_BLOCK_MAX))
        fault = "its handler gives more bytes than a window: ";
    else if (response->more && (!windowed || response->length < request->window_length))
        fault = "its handler gives a part of a window: ";
    else if ((response->more || request->window_offset > 0) && windowed && !response->has_version)
        fault = "longer than a block, and its handler tells no version: ";
    if (fault == NULL && windowed && other) // the handler does not look at Accept
        tt_bus_refuse(bus, response, TT_NOT_ACCEPTABLE,
                      "not to be had in this format: ", request->path);
    else if (fault != NULL)
        tt_bus_refuse(bus, response, TT_INTERNAL_ERROR, fault, request->path);
    else if (windowed && response->length == 0 && request->window_offset > 0)
        tt_bus_refuse(bus, response, TT_BAD_OPTION,
                      "the block lies outside the representation: ", request->path);
}

// The salt is drawn at each start: a version that counts from the start anew names another
// representation then, and whoever goes on fetching blocks over a restart must see it.
uint8_t tt_bus_etag(const tt_bus *bus, uint64_t version, uint64_t *etag)
{
    bool shorter = version <= UINT32_MAX;
    *etag = version ^ bus->version_salt;
    *etag = shorter ? (uint32_t)*etag : *etag;
    return shorter ? 4 : 8;
}

static void write_etag(const tt_bus *bus, tt_message_writer *w, uint64_t version)
{
    uint64_t etag;
    uint8_t length = tt_bus_etag(bus, version, &etag);
    tt_message_option_tag(w, TT_OPTION_ETAG, etag, length);
}

bool tt_bus_write_response(const tt_bus *bus, tt_message_writer *w, const tt_block *block1,
                           const tt_block *block2, const tt_response *response,
                           const uint32_t *observe)
{
    tt_block block = {.exponent = TT_BLOCK_EXPONENT_MAX};
    bool success = response->code < TT_BAD_REQUEST;
    if (block2 != NULL && block2->present && success)
        block = *block2;
    // Only an answer to another method than GET can be longer than the block that is wanted. Its
    // rest is not to be had, since its handler cannot be asked twice.
    size_t size = tt_block_bytes(&block);
    size_t length = response->length < size ? response->length : size;
    block.more = response->more || response->length > size;
    bool blockwise = block.more || block.number > 0 || (block.present && length > 0);
    if (response->has_version && success)
        write_etag(bus, w, response->version);
    if (observe != NULL)
        tt_message_option_number(w, TT_OPTION_OBSERVE, *observe);
    if (response->content_format != TT_FORMAT_NONE)
        tt_message_option_number(w, TT_OPTION_CONTENT_FORMAT, response->content_format);
    if (response->max_age_seconds != 60)
        tt_message_option_number(w, TT_OPTION_MAX_AGE, response->max_age_seconds);
    if (blockwise)
        tt_message_option_block(w, TT_OPTION_BLOCK2, &block);
    if (block1 != NULL && block1->present) {
        tt_block echo = *block1;
        echo.more = response->code == TT_CONTINUE;
        tt_message_option_block(w, TT_OPTION_BLOCK1, &echo);
    }
    size_t whole = response->size > 0 ? response->size : response->more ? 0 : response->length;
    if (blockwise && block.number == 0 && whole > 0)
        tt_message_option_number(w, TT_OPTION_SIZE2, (uint32_t)whole);
    if (response->code == TT_ENTITY_TOO_LARGE && response->size_max > 0) // RFC 7252, 5.9.2.9
        tt_message_option_number(w, TT_OPTION_SIZE1, (uint32_t)response->size_max);
    if (response->stream != 0)
        tt_message_option_number(w, TT_OPTION_STREAM, response->stream);
    if (response->introduces)
        tt_message_option_tag(w, TT_OPTION_IDENTITY, bus->identity, 8);
    if (length > 0)
        tt_message_payload(w, response->payload, length);
    return !w->out.failed;
}
