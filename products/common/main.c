// The start of every device: who it is, the network, the node, its services, the loop.
//
// In safe mode (tutti/kept.h) it is the same without what is the product's own: somebody can find
// the device, read how it ended, and restart it.

#include <string.h>

#include "products/common/internal.h"
#include "tutti/board.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/crash_service.h"
#include "tutti/device_service.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/liveness.h"
#include "tutti/log_service.h"
#include "tutti/model_service.h"
#include "tutti/node.h"
#include "tutti/platform_device.h"
#include "tutti/version.h"

#define NO_NETWORK_PAUSE TT_SECONDS(10)
#define FAREWELL TT_MS(100) // for the last frames to leave

static tt_node node;
static tt_device_service device_service;
static tt_crash_service crash_service;
static tt_log_service log_service;
static tt_model_service model_service;
static const tt_product_keep *keep; // NULL: nothing is kept without power
static tt_store *store;
static char name[TT_NAME_MAX];

void tt_product_say(const char *first, const char *second, const char *third)
{
    char line[160];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, first);
    tt_text_add(&text, second);
    tt_text_add(&text, third);
    tt_text_add(&text, "\n");
    tt_console_write(line, text.length);
}

bool tt_product_is_provisioned(void)
{
    return tt_provision.magic == TT_PROVISION_MAGIC &&
           tt_provision.version == TT_PROVISION_VERSION &&
           tt_provision.crc == tt_crc32(0, &tt_provision, offsetof(tt_provision_data, crc));
}

// "watch-3f9a": from the device's own seed, so that it keeps its name over restarts.
static void make_name(const char *kind)
{
    tt_text text;
    tt_text_init(&text, name, sizeof(name));
    tt_text_add(&text, kind);
    tt_text_add(&text, "-");
    tt_text_add_hex(&text, tt_crc32(0, tt_provision.seed, sizeof(tt_provision.seed)) & 0xffff, 4);
}

static void stop_loop(void *context)
{
    (void)context;
    tt_node_stop(&node); // then tt_main restarts
}

static unsigned count_crashes(void)
{
    const tt_crash *crash = tt_kept_crash();
    return crash == NULL ? 0 : 1 + crash->followed;
}

// The record is in the store, too. In safe mode that is opened now, since somebody wants it.
static void clear_crash(void)
{
    const tt_product_store *parts = tt_product_table.store;
    if (keep == NULL && parts != NULL && tt_kept_is_safe_mode() &&
        parts->code->open_to_clear(parts))
        keep = parts->code;
    if (keep != NULL)
        keep->clear_crash();
    else
        tt_kept_clear_crash();
}

static bool is_crash_cleared(void)
{
    return keep == NULL || keep->is_crash_cleared();
}

// A resource that the product's own configuration leaves no place for is missing, and the console
// says so: the rest of the device works.
static void offer(const char *what, tt_status status)
{
    if (status == TT_OK)
        return;
    tt_product_say("tutti: this device does not offer ", what, ":");
    tt_product_say("tutti: ", tt_status_text(status), "");
}

// What every device has, in safe mode too.
static void add_first_services(const tt_product *product, tt_platform *platform)
{
    offer("/device",
          tt_device_service_init(&device_service,
                                 &(tt_device_options){.bus = &node.bus,
                                                      .platform = platform,
                                                      .name = name,
                                                      .kind = product->kind,
                                                      .board = tt_board_name,
                                                      .cpu = tt_board_cpu,
                                                      .version = TUTTI_VERSION,
                                                      .commit = TUTTI_COMMIT,
                                                      .boot = tt_provision.boot,
                                                      .starts = keep != NULL ? keep->starts() : 0,
                                                      .restarts = tt_kept_restarts(),
                                                      .safe_mode = tt_kept_is_safe_mode(),
                                                      .crashes = count_crashes,
                                                      .wakeups = tt_kernel_wakeups,
                                                      .restart = stop_loop}));
    offer("/crash", tt_crash_service_init(&crash_service,
                                          &(tt_crash_options){.bus = &node.bus,
                                                              .record = tt_kept_crash,
                                                              .clear = clear_crash,
                                                              .is_cleared = is_crash_cleared}));
    offer("/log", tt_log_service_init(
                      &log_service, &(tt_log_options){.bus = &node.bus, .read = tt_kept_read_log}));
}

static void add_services(const tt_product *product, tt_platform *platform)
{
    if (keep != NULL)
        offer("/data", keep->offer(&node));
    if (product->slot_bytes > 0)
        offer("/ai/models", tt_model_service_init(
                                &model_service,
                                &(tt_model_options){.bus = &node.bus,
                                                    .platform = platform,
                                                    .slots = {product->slots[0], product->slots[1]},
                                                    .slot_bytes = product->slot_bytes,
                                                    .arena = product->arena,
                                                    .arena_bytes = product->arena_bytes,
                                                    .operations_max = product->operations_max,
                                                    .keep = keep != NULL ? keep->model : NULL,
                                                    .store = store}));
    if (product->slot_bytes > 0 && model_service.diagnostic[0] != '\0')
        tt_product_say("tutti: the kept model is not offered: ", model_service.diagnostic, "");
    if (product->asks)
        offer("/ai/ask", tt_product_offer_ask(&node, platform));
    if (product->start != NULL)
        offer("all that is its own", product->start(&node));
}

static void on_turn(tt_node *self, tt_time now)
{
    if (tt_board_should_stop())
        tt_node_stop(self); // which says goodbye
    tt_log_service_turn(&log_service, now);
    if (keep != NULL)
        keep->turn(self, now);
    tt_crash_service_turn(&crash_service, now);
}

static void on_line(void *context)
{
    tt_platform *platform = context;
    platform->operations->wake(platform);
}

// There is nobody to be told of it but the console.
_Noreturn static void end_without_network(tt_status status)
{
    tt_product_say("tutti: ", name, " is not on the network, and starts anew in 10 s:");
    tt_product_say("tutti: ", tt_status_text(status), "");
    tt_kept_excuse(); // a product that never ran is not what failed
    tt_thread_sleep(tt_after(tt_now(), NO_NETWORK_PAUSE));
    tt_board_reset();
}

// Not in safe mode: what is kept may be what ended the device (clear_crash).
static void open_store(const tt_product *product)
{
    if (product->store == NULL || tt_kept_is_safe_mode())
        return;
    store = product->store->code->open(product->store);
    keep = store != NULL ? product->store->code : NULL;
}

void tt_main(void)
{
    const tt_product *product = &tt_product_table;
    if (!tt_product_is_provisioned()) {
        tt_product_say("tutti: this device has no seed of its own; its name may be another's", "",
                       "");
        memset(&tt_provision, 0, sizeof(tt_provision));
    } else if (tt_provision.mode == TT_PROVISION_MEASURE) {
        tt_measure(product);
    }
    tt_kept_set_boot(tt_provision.boot);
    make_name(product->kind);
    open_store(product);
    tt_platform *platform;
    tt_node_options options = {.name = name,
                               .kept_name = keep != NULL ? keep->name(name) : NULL,
                               .kind = product->kind,
                               .port = TT_BUS_PORT,
                               .members = product->members != NULL ? product->members() : NULL,
                               .on_turn = on_turn};
    tt_status status = tt_platform_device_start(&platform);
    if (status == TT_OK)
        status =
            tt_product_init_node(&node, platform, &options); // a product's kind may be too long
    if (status != TT_OK)
        end_without_network(status);
    if (keep != NULL)
        keep->run(platform);
    tt_liveness_start(TT_LIVENESS_PERIOD); // what is the product's own may hang in its start
    add_first_services(product, platform);
    if (tt_kept_is_safe_mode())
        tt_product_say(
            "tutti: safe mode: this device stopped early three times; restart it by hand", "", "");
    else
        add_services(product, platform);
    tt_kept_on_line(on_line, platform);
    tt_product_say("tutti: unprotected until pairing exists; bound to the virtual Ethernet only",
                   "", "");
    tt_product_say("tutti: ", name, " ready");
    tt_node_run(&node);
    tt_thread_sleep(tt_after(tt_now(), FAREWELL));
    if (tt_board_should_stop())
        tt_board_stop(0);
    tt_kept_restart();
}
