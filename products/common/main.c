// The start of every device: who it is, the network, the node, its services, the loop.

#include <string.h>

#include "products/common/product.h"
#include "tutti/board.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/device_service.h"
#include "tutti/kernel.h"
#include "tutti/model_service.h"
#include "tutti/node.h"
#include "tutti/platform_device.h"

static tt_node node;
static tt_device_service device_service;
static tt_model_service model_service;
static tt_ask_service ask_service;
static char name[TT_NAME_MAX];

static void say(const char *first, const char *second, const char *third)
{
    tt_console_write(first, strlen(first));
    tt_console_write(second, strlen(second));
    tt_console_write(third, strlen(third));
    tt_console_write("\n", 1);
}

static bool is_provisioned(void)
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

static void add_services(const tt_product *product, tt_platform *platform)
{
    tt_device_service_init(&device_service, &(tt_device_options){.bus = &node.bus,
                                                                 .platform = platform,
                                                                 .name = name,
                                                                 .kind = product->kind,
                                                                 .board = tt_board_name,
                                                                 .cpu = tt_board_cpu,
                                                                 .boot = tt_provision.boot,
                                                                 .wakeups = tt_kernel_wakeups});
    if (product->slot_bytes > 0)
        tt_model_service_init(&model_service,
                              &(tt_model_options){.bus = &node.bus,
                                                  .platform = platform,
                                                  .slots = {product->slots[0], product->slots[1]},
                                                  .slot_bytes = product->slot_bytes,
                                                  .arena = product->arena,
                                                  .arena_bytes = product->arena_bytes});
    if (product->asks)
        tt_ask_service_init(&ask_service, &(tt_ask_options){.bus = &node.bus,
                                                            .platform = platform,
                                                            .peers = node.peers,
                                                            .peers_max = TT_NODE_PEERS_MAX});
}

void tt_main(void)
{
    const tt_product *product = &tt_product_table;
    if (!is_provisioned()) {
        say("tutti: this device has no seed of its own; its name may be another's", "", "");
        memset(&tt_provision, 0, sizeof(tt_provision));
    } else if (tt_provision.mode == TT_PROVISION_MEASURE) {
        tt_measure(product);
    }
    make_name(product->kind);
    tt_platform *platform;
    tt_node_options options = {
        .name = name, .kind = product->kind, .port = TT_BUS_PORT, .browse = true};
    if (tt_platform_device_start(&platform) != TT_OK ||
        tt_node_init(&node, platform, &options) != TT_OK) {
        say("tutti: ", name, " has no network and stops");
        tt_board_stop(1);
    }
    add_services(product, platform);
    say("tutti: unprotected until pairing exists; bound to the virtual Ethernet only", "", "");
    say("tutti: ", name, " ready");
    tt_node_run(&node);
    tt_board_stop(0);
}
