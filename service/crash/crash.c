// The resource /crash. Its text is made anew for each window.

#include <string.h>

#include "tutti/check.h"
#include "tutti/crash_service.h"

static void handle(tt_resource *resource, tt_time now, const tt_request *request,
                   tt_response *response)
{
    static const char none[] = "no crash is recorded";
    (void)now;
    tt_crash_service *s = resource->context;
    const tt_crash *crash = s->options.record();
    if (crash == NULL) {
        response->code = TT_PATH_NOT_FOUND;
        response->payload = none;
        response->length = sizeof(none) - 1;
    } else if (request->method == TT_DELETE) {
        s->options.clear();
        response->code = TT_DELETED;
        response->later =
            s->clearing == 0 && s->options.is_cleared != NULL && !s->options.is_cleared();
        s->clearing = response->later ? request->token : s->clearing;
    } else {
        uint8_t next;
        size_t from = request->window_offset;
        response->code = TT_CONTENT;
        response->content_format = TT_FORMAT_TEXT;
        response->payload = request->space;
        response->length = tt_crash_read(crash, from, request->space, request->window_length);
        response->more = tt_crash_read(crash, from + response->length, &next, 1) > 0;
        response->has_version = true;
        response->version = crash->crc; // differs with everything in it
    }
}

tt_status tt_crash_service_init(tt_crash_service *service, const tt_crash_options *options)
{
    memset(service, 0, sizeof(*service));
    service->options = *options;
    service->resource = (tt_resource){.path = "crash",
                                      .type = "tutti.crash",
                                      .handler = handle,
                                      .context = service,
                                      .methods = 1 << TT_GET | 1 << TT_DELETE};
    return tt_bus_add(options->bus, &service->resource);
}

void tt_crash_service_turn(tt_crash_service *s, tt_time now)
{
    tt_response response = {.code = TT_DELETED, .content_format = TT_FORMAT_NONE};
    if (s->clearing == 0 || !s->options.is_cleared())
        return;
    if (tt_bus_answer(s->options.bus, now, s->clearing, &response) != TT_FULL)
        s->clearing = 0; // else in a later turn
}
