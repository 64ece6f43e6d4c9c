// The resources /device and /device/restart.

#include <string.h>

#include "tutti/bus_storage.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/device_service.h"
#include "tutti/discovery.h"

static void write_text(tt_writer *w, const char *key, const char *value)
{
    tt_cbor_text(w, key);
    tt_cbor_text(w, value);
}

static void write_number(tt_writer *w, const char *key, uint64_t value)
{
    tt_cbor_text(w, key);
    tt_cbor_unsigned(w, value);
}

static void write_addresses(tt_writer *w, tt_platform *platform, uint16_t port)
{
    tt_endpoint addresses[TT_ADDRESSES_MAX];
    size_t count = platform->operations->addresses(platform, addresses, TT_COUNT(addresses));
    count = count < 4 ? count : 4; // a device has two; more would not fit the document
    tt_cbor_text(w, "addresses");
    tt_cbor_array(w, count);
    for (size_t i = 0; i < count; i++) {
        char buffer[TT_ENDPOINT_TEXT_MAX];
        tt_text text;
        tt_text_init(&text, buffer, sizeof(buffer));
        addresses[i].interface = 0; // a number of ours, of no use to the reader
        addresses[i].port = port != 0 ? port : TT_BUS_PORT;
        tt_endpoint_format(&addresses[i], &text);
        tt_cbor_text(w, buffer);
    }
}

static void write_document(tt_device_service *s, tt_time now)
{
    const tt_device_options *o = &s->options;
    tt_writer w;
    tt_writer_init(&w, s->document, sizeof(s->document));
    tt_cbor_map(&w, 14 + (o->version != NULL) + (o->commit != NULL) + (o->wakeups != NULL) +
                        (o->starts > 0));
    write_text(&w, "name", o->name);
    write_text(&w, "kind", o->kind);
    write_text(&w, "board", o->board);
    write_text(&w, "cpu", o->cpu);
    if (o->version != NULL)
        write_text(&w, "version", o->version);
    if (o->commit != NULL)
        write_text(&w, "commit", o->commit);
    write_number(&w, "wire", TT_WIRE_VERSION);
    write_number(&w, "boot", o->boot);
    if (o->starts > 0)
        write_number(&w, "starts", o->starts);
    write_number(&w, "restarts", o->restarts);
    write_text(&w, "mode", o->safe_mode ? "safe" : "normal");
    write_number(&w, "crashes", o->crashes != NULL ? o->crashes() : 0);
    write_number(&w, "uptime_ms", (uint64_t)(now - s->began) / 1000000);
    write_addresses(&w, o->platform, o->port);
    write_number(&w, "received", o->bus->counters.received);
    write_number(&w, "duplicates", o->bus->counters.duplicates);
    write_number(&w, "malformed", o->bus->counters.malformed);
    if (o->wakeups != NULL)
        write_number(&w, "wakeups", o->wakeups());
    TT_CHECK(!w.failed); // its texts are bounded
    s->length = w.length;
    s->version++;
}

// The document changes with every nanosecond, so it is made when its first block is asked for, and
// its other blocks are of the one that was made last.
static void get(tt_resource *resource, tt_time now, const tt_request *request,
                tt_response *response)
{
    tt_device_service *s = resource->context;
    if (request->window_offset == 0)
        write_document(s, now);
    tt_respond_bytes(request, response, TT_FORMAT_CBOR, s->document, s->length, s->version);
}

static void post_restart(tt_resource *resource, tt_time now, const tt_request *request,
                         tt_response *response)
{
    tt_device_service *s = resource->context;
    (void)now, (void)request;
    s->options.restart(s->options.context); // once this answer has gone out
    response->code = TT_CHANGED;
}

tt_status tt_device_service_init(tt_device_service *service, const tt_device_options *options)
{
    const char *const texts[] = {options->name, options->kind,    options->board,
                                 options->cpu,  options->version, options->commit};
    size_t bytes = 0;
    for (size_t i = 0; i < TT_COUNT(texts); i++)
        bytes += texts[i] != NULL ? strlen(texts[i]) : 0;
    if (bytes > TT_DEVICE_TEXTS_MAX)
        return TT_TOO_LARGE;
    memset(service, 0, sizeof(*service));
    service->options = *options;
    service->resource =
        (tt_resource){.path = "device",
                      .type = options->safe_mode ? "tutti.device tutti.safe" : "tutti.device",
                      .handler = get,
                      .context = service,
                      .methods = 1 << TT_GET};
    service->began = options->platform->operations->now(options->platform);
    service->restart = (tt_resource){.path = "device/restart",
                                     .handler = post_restart,
                                     .context = service,
                                     .methods = 1 << TT_POST};
    tt_status status = tt_bus_add(options->bus, &service->resource);
    if (status == TT_OK && options->restart != NULL)
        status = tt_bus_add(options->bus, &service->restart);
    return status;
}
