// The resource /log.

#include <string.h>

#include "tutti/check.h"
#include "tutti/log_service.h"

static void get(tt_resource *resource, tt_time now, const tt_request *request,
                tt_response *response)
{
    (void)now;
    const tt_log_service *s = resource->context;
    size_t from = request->window_offset;
    uint64_t version, later;
    uint8_t next;
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_TEXT;
    response->payload = request->space;
    response->length = s->options.read(from, request->space, request->window_length, &version);
    response->more = s->options.read(from + response->length, &next, 1, &later) > 0 &&
                     response->length == request->window_length; // a line may have come meanwhile
    response->has_version = true;
    response->version = version;
}

tt_status tt_log_service_init(tt_log_service *service, const tt_log_options *options)
{
    memset(service, 0, sizeof(*service));
    service->options = *options;
    service->resource = (tt_resource){.path = "log",
                                      .type = "tutti.log",
                                      .handler = get,
                                      .context = service,
                                      .methods = 1 << TT_GET,
                                      .observable = true};
    return tt_bus_add(options->bus, &service->resource);
}

void tt_log_service_turn(tt_log_service *service, tt_time now)
{
    uint8_t nothing;
    uint64_t version;
    service->options.read(0, &nothing, 0, &version);
    if (version != service->told)
        tt_bus_changed(service->options.bus, now, &service->resource);
    service->told = version;
}
