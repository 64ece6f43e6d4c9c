// tutti crash: how a device ended, by its record and the image of its kind.

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/find.h"
#include "cli/fleet.h"
#include "cli/say.h"
#include "tools/backtrace/dump.h"
#include "tutti/check.h"

#define RECORD_MAX 65536

static const char *net, *image;
static bool host, raw, clear;
static unsigned timeout_s = 30;

static const tt_option options[] = {
    {"image", "FILE", "the image that ran; else the one that 'tutti up' started", .text = &image},
    {"raw", NULL, "print the record's lines and no calls", .flag = &raw},
    {"clear", NULL, "and then delete the record, so that the next end is kept", .flag = &clear},
    {"net", "DIR", "a fleet's folder or switch socket; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &net},
    {"host", NULL, "use this machine's own network instead", .flag = &host},
    {"timeout", "SECONDS", "to find the device, and again for its answer", .number = &timeout_s,
     .least = 1, .most = 86400},
};

static tt_client client;

static tt_exit request(const char *device, tt_call *call, tt_method method, tt_answer *answer)
{
    call->method = method;
    call->path = "crash";
    call->content_format = call->accept = TT_FORMAT_NONE;
    call->timeout = TT_SECONDS(timeout_s);
    tt_client_ask(&client, call, answer);
    tt_say_progress_end();
    return tt_find_judge(&client, "crash", device, answer);
}

// The fleet knows which image it gave to which device; one on another network is asked for.
static const char *find_image(const tt_target *target, const char *device)
{
    static char path[TT_DEVICE_PATH_MAX];
    if (image != NULL)
        return image;
    if (host || target->kind == TT_TARGET_ADDRESS)
        return NULL;
    const tt_peer *peer = NULL;
    if (target->kind == TT_TARGET_KIND)
        peer = tt_node_find(&client.node, target->device, NULL);
    const char *name = peer != NULL ? peer->name : device;
    return tt_fleet_ask("image", tt_client_folder(net), name, path, sizeof(path)) ? path : NULL;
}

static tt_exit print_record(const tt_target *target, const char *device, const tt_answer *answer)
{
    const char *text = (const char *)answer->payload, *why;
    const char *file = raw ? NULL : find_image(target, device);
    bool in_image;
    if (file == NULL) {
        tt_say_put(stdout, text, answer->length);
        if (!raw)
            tt_say("name the image that ran with --image FILE to see the calls");
        return TT_EXIT_OK;
    }
    if (tt_dump_print_calls(text, answer->length, file, &why, &in_image))
        return TT_EXIT_OK;
    tt_say_error("tutti crash: %s%s%s", in_image ? file : "", in_image ? ": " : "", why);
    return in_image ? TT_EXIT_MISSING : TT_EXIT_FAILED;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    static uint8_t record[RECORD_MAX];
    const char *device = arguments[0];
    tt_target target;
    tt_call call = {0};
    tt_answer answer = {.payload = record, .capacity = sizeof(record)};
    if (image != NULL && access(image, R_OK) != 0) {
        tt_say_error("tutti crash: %s cannot be read", image);
        return TT_EXIT_MISSING;
    }
    tt_exit result = tt_find_read("crash", device, "crash", &target);
    if (result == TT_EXIT_OK)
        result = tt_client_open(&client, "crash", net, host, NULL, NULL);
    if (result == TT_EXIT_OK)
        result = tt_find(&client, "crash", &target, timeout_s, &call.peer);
    if (result == TT_EXIT_OK)
        result = request(device, &call, TT_GET, &answer);
    if (result == TT_EXIT_OK)
        result = print_record(&target, device, &answer);
    fflush(stdout);
    if (result == TT_EXIT_OK && clear)
        result = request(device, &call, TT_DELETE, &answer);
    return result;
}

const tt_command tt_command_crash = {
    .name = "crash",
    .arguments = "NAME",
    .summary = "Print how a device ended, and the calls that led there",
    .help = "NAME is a name, kind:KIND (the first found) or coap://HOST[:PORT]. A device keeps the "
            "record of its\n"
            "first end since it was cleared, over resets, until its power is cut.",
    .examples = "  tutti crash kind:watch\n"
                "  tutti crash watch-3f9a --clear\n"
                "  tutti crash watch-3f9a --image build/cortex-m4/products/watch/watch.elf",
    .options = options,
    .option_count = TT_COUNT(options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
