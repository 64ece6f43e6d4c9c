// The resource /log.

#include <string.h>

#include "tutti/check.h"
#include "tutti/log_service.h"

static void get(tt_resource *resource, tt_time now, const tt_request *request,
                tt_response *response)
{
    static uint8_t text[4096];
    (void)now, (void)request;
    const tt_log_service *s = resource->context;
    uint64_t version;
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_TEXT;
    response->payload = text;
    response->length = s->options.read(0, text, sizeof(text), &version);
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
