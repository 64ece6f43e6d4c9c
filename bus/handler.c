// From a request to its resource's handler, and from the handler's response to the bytes of a
// block.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

tt_resource *tt_bus_find_resource(const tt_bus *bus, const char *path)
{
    tt_resource *best = NULL;
    size_t best_length = 0;
    for (tt_list *node = bus->resources.next; node != &bus->resources; node = node->next) {
        tt_resource *resource = TT_CONTAINER(node, tt_resource, link);
        size_t length = strlen(resource->path);
        if (strncmp(path, resource->path, length) != 0)
            continue;
        if (path[length] == '\0')
            return resource;
        if (resource->subtree && path[length] == '/' && length > best_length) {
            best = resource;
            best_length = length;
        }
    }
    return best;
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

void tt_bus_run_handler(tt_bus *bus, tt_time now, tt_resource *resource, const tt_request *request,
                        tt_response *response)
{
    *response = (tt_response){
        .code = TT_INTERNAL_ERROR, .content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    if (resource == NULL)
        tt_bus_diagnose(bus, response, TT_PATH_NOT_FOUND, "no such path: ", request->path);
    else if (request->method > TT_DELETE || !(resource->methods >> request->method & 1))
        tt_bus_diagnose(bus, response, TT_METHOD_NOT_ALLOWED,
                        "method not allowed; allowed here: ", methods_text(resource->methods));
    else
        resource->handler(resource, now, request, response);
}

// A checksum of the representation: blocks of two different ones are never taken for one.
static uint32_t etag_of(const tt_response *response)
{
    return tt_crc32(0, response->payload, response->length);
}

bool tt_bus_write_response(tt_message_writer *w, const tt_message *request,
                           const tt_response *response, const uint32_t *observe)
{
    tt_block block = {.exponent = TT_BLOCK_EXPONENT_MAX};
    bool success = response->code < TT_BAD_REQUEST;
    if (request != NULL && request->block2.present && success) {
        block = request->block2;
        block.exponent =
            block.exponent > TT_BLOCK_EXPONENT_MAX ? TT_BLOCK_EXPONENT_MAX : block.exponent;
    }
    size_t size = tt_block_bytes(&block), offset = block.number * size;
    if (offset > response->length || (offset == response->length && offset > 0))
        return false;
    size_t left = response->length - offset, length = left < size ? left : size;
    block.more = left > size;
    bool blockwise = block.more || offset > 0 || (block.present && response->length > 0);
    if (blockwise && success) {
        uint32_t etag = etag_of(response);
        uint8_t bytes[4] = {(uint8_t)(etag >> 24), (uint8_t)(etag >> 16), (uint8_t)(etag >> 8),
                            (uint8_t)etag};
        tt_message_option(w, TT_OPTION_ETAG, bytes, sizeof(bytes));
    }
    if (observe != NULL)
        tt_message_option_number(w, TT_OPTION_OBSERVE, *observe);
    if (response->content_format != TT_FORMAT_NONE)
        tt_message_option_number(w, TT_OPTION_CONTENT_FORMAT, response->content_format);
    if (response->max_age_seconds != 60)
        tt_message_option_number(w, TT_OPTION_MAX_AGE, response->max_age_seconds);
    if (blockwise)
        tt_message_option_block(w, TT_OPTION_BLOCK2, &block);
    if (request != NULL && request->block1.present) {
        tt_block echo = request->block1;
        echo.more = response->code == TT_CONTINUE;
        tt_message_option_block(w, TT_OPTION_BLOCK1, &echo);
    }
    if (blockwise && offset == 0)
        tt_message_option_number(w, TT_OPTION_SIZE2, (uint32_t)response->length);
    if (response->code == TT_ENTITY_TOO_LARGE && response->size_max > 0) // RFC 7252, 5.9.2.9
        tt_message_option_number(w, TT_OPTION_SIZE1, (uint32_t)response->size_max);
    if (length > 0)
        tt_message_payload(w, (const uint8_t *)response->payload + offset, length);
    return !w->out.failed;
}
