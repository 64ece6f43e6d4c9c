// A device of one's own: it samples a temperature every so often, serves it, tells whoever observes
// it, and sleeps in between.
//
//     tutti get kind:sensor/sensor/temperature        degrees Celsius, observable
//     tutti put kind:sensor/sensor/period --text 2    seconds between two samples, 1 to 3600
//     tutti get kind:sensor/sensor/samples            taken since the start
//
// The temperature is made up: the real one is read in `measure`.

#include "tutti/check.h"
#include "tutti/product.h"
#include "tutti/text.h"

#define PERIOD_MOST 3600 // seconds

static tt_node_timer timer;
static unsigned period = 10; // seconds
static unsigned samples;
static unsigned temperature; // tenths of a degree

static unsigned measure(void)
{
    static uint32_t noise = 1;
    noise = noise * 1664525 + 1013904223; // Numerical Recipes, 7.1
    return 200 + (noise >> 24) % 50;
}

static void respond_text(const tt_request *request, tt_response *response, const tt_text *text,
                         uint64_t version)
{
    tt_respond_bytes(request, response, TT_FORMAT_TEXT, text->data, text->length, version);
}

static void on_temperature(tt_resource *resource, tt_time now, const tt_request *request,
                           tt_response *response)
{
    static char line[16]; // an answer's bytes stay until the next call
    tt_text text;
    (void)resource, (void)now;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add_unsigned(&text, temperature / 10);
    tt_text_add(&text, ".");
    tt_text_add_unsigned(&text, temperature % 10);
    respond_text(request, response, &text, temperature);
}

static void on_samples(tt_resource *resource, tt_time now, const tt_request *request,
                       tt_response *response)
{
    static char line[16];
    tt_text text;
    (void)resource, (void)now;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add_unsigned(&text, samples);
    respond_text(request, response, &text, samples);
}

static void on_period(tt_resource *, tt_time, const tt_request *, tt_response *);

static tt_resource resources[] = {
    {.path = "sensor/temperature",
     .handler = on_temperature,
     .methods = 1 << TT_GET,
     .observable = true},
    {.path = "sensor/period", .handler = on_period, .methods = 1 << TT_GET | 1 << TT_PUT},
    {.path = "sensor/samples", .handler = on_samples, .methods = 1 << TT_GET},
};

// Called by the loop when the timer is due.
static void sample(tt_node *node, tt_time now, void *context)
{
    unsigned measured = measure();
    samples++;
    if (measured != temperature) {
        temperature = measured;
        tt_bus_changed(&node->bus, now, &resources[0]);
    }
    tt_node_after(node, &timer, TT_SECONDS(period), sample, context);
}

// A number from 1 to PERIOD_MOST, or 0.
static unsigned read_period(const tt_request *request)
{
    unsigned value = 0;
    if (request->offset != 0 || !request->last || request->length > 4)
        return 0;
    for (size_t i = 0; i < request->length; i++) {
        if (request->payload[i] < '0' || request->payload[i] > '9')
            return 0;
        value = value * 10 + (request->payload[i] - '0');
    }
    return value <= PERIOD_MOST ? value : 0;
}

static void on_period(tt_resource *resource, tt_time now, const tt_request *request,
                      tt_response *response)
{
    static char line[16];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    if (request->method == TT_GET) {
        tt_text_add_unsigned(&text, period);
        respond_text(request, response, &text, period);
        return;
    }
    unsigned wanted = read_period(request);
    if (wanted == 0) {
        static const char sentence[] = "expected a number of seconds from 1 to 3600";
        response->code = TT_BAD_REQUEST;
        response->payload = sentence;
        response->length = sizeof(sentence) - 1;
        return;
    }
    period = wanted;
    sample(resource->context, now, NULL); // and from now on every `period`
    response->code = TT_CHANGED;
}

// Once, before the device's loop turns.
static tt_status start(tt_node *node)
{
    for (size_t i = 0; i < TT_COUNT(resources); i++) {
        resources[i].context = node;
        tt_status status = tt_bus_add(&node->bus, &resources[i]);
        if (status != TT_OK)
            return status; // told on the console
    }
    tt_node_after(node, &timer, 0, sample, NULL);
    return TT_OK;
}

const tt_product tt_product_table = {.kind = "sensor", .start = start};
