// What handlers use to answer a GET with the window of a representation that was asked for.

#include <string.h>

#include "tutti/bus.h"

void tt_respond_bytes(const tt_request *request, tt_response *response, uint16_t content_format,
                      const void *bytes, size_t length, uint64_t version)
{
    size_t offset = request->window_offset < length ? request->window_offset : length;
    size_t left = length - offset;
    response->code = TT_CONTENT;
    response->content_format = content_format;
    response->payload = left > 0 ? (const uint8_t *)bytes + offset : NULL;
    response->more = left > request->window_length;
    response->length = response->more ? request->window_length : left;
    response->size = length;
    response->has_version = true;
    response->version = version;
}

void tt_window_begin(tt_window *window, const tt_request *request, tt_response *response,
                     uint16_t content_format, uint64_t version)
{
    *window = (tt_window){.request = request, .response = response};
    response->code = TT_CONTENT;
    response->content_format = content_format;
    response->payload = request->space;
    response->length = 0;
    response->more = false;
    response->has_version = true;
    response->version = version;
}

void tt_window_add(tt_window *window, const void *bytes, size_t length)
{
    const tt_request *request = window->request;
    tt_response *response = window->response;
    size_t before = request->window_offset > window->at ? request->window_offset - window->at : 0;
    window->at += length;
    if (before >= length)
        return;
    size_t room = request->window_length - response->length, wanted = length - before;
    response->more |= wanted > room;
    wanted = wanted < room ? wanted : room;
    memcpy(request->space + response->length, (const uint8_t *)bytes + before, wanted);
    response->length += wanted;
}

bool tt_window_is_full(const tt_window *window)
{
    return window->response->more;
}

void tt_window_end(tt_window *window)
{
    window->response->size = window->at;
}
