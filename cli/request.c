// tutti get, put, post, delete and observe: one request to one device, and its answer.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/file.h"
#include "cli/find.h"
#include "cli/print.h"
#include "cli/say.h"
#include "cli/target.h"
#include "tutti/check.h"
#include "tutti/links.h"

#define BODY_MAX ((size_t)16 << 20)
#define ANSWER_MAX ((size_t)4 << 20)

static const char *net, *directory, *text, *format;
static bool host, as_json, verbose;
static unsigned timeout_s = 30, count_max;

#define NETWORK_OPTIONS                                                                            \
    {"net", "DIR", "a fleet's folder or switch socket; else $TUTTI_NET, else " TT_CLIENT_FOLDER,   \
     .text = &net},                                                                                \
        {"host", NULL, "use this machine's own network instead", .flag = &host},                   \
        TT_CLIENT_DIRECTORY_OPTION(directory),                                                     \
    {                                                                                              \
        "timeout", "SECONDS", "to find the device, and again for its answer",                      \
            .number = &timeout_s, .least = 1, .most = 86400                                        \
    }

static const tt_option get_options[] = {
    {"json", NULL, "print a JSON object: code, format, bytes and value, text or base64url",
     .flag = &as_json},
    NETWORK_OPTIONS,
};
static const tt_option delete_options[] = {NETWORK_OPTIONS};
static const tt_option body_options[] = {
    {"text", "TEXT", "send this instead of a file; '' sends an empty body", .text = &text,
     .may_be_empty = true},
    {"format", "FORMAT", "of the body: text, octets, cbor, json, links or a number",
     .text = &format, .choices = "text octets cbor json links"},
    NETWORK_OPTIONS,
};
static const tt_option observe_options[] = {
    {"verbose", NULL, "begin each with its time and sequence number; octets in hex", .letter = 'v',
     .flag = &verbose},
    {"count", "N", "end after so many; 0: go on", .number = &count_max, .least = 0,
     .most = 1000000},
    NETWORK_OPTIONS,
};

static const struct {
    const char *name;
    uint16_t number;
} formats[] = {
    {"text", TT_FORMAT_TEXT}, {"octets", TT_FORMAT_OCTETS}, {"cbor", TT_FORMAT_CBOR},
    {"json", TT_FORMAT_JSON}, {"links", TT_FORMAT_LINKS},
};

static tt_client client;
static const char *command; // the name of the one that runs

static bool read_format(uint16_t *number)
{
    for (size_t i = 0; i < TT_COUNT(formats); i++)
        if (strcmp(format, formats[i].name) == 0) {
            *number = formats[i].number;
            return true;
        }
    char *end;
    unsigned long value = strtoul(format, &end, 10);
    *number = (uint16_t)value;
    return format[0] >= '0' && format[0] <= '9' && *end == '\0' && value < TT_FORMAT_NONE;
}

// Fills what is sent; a file's bytes are in `*bytes`, to be freed.
static tt_exit read_body(tt_call *call, const char *file, uint8_t **bytes)
{
    call->content_format = TT_FORMAT_NONE;
    if (text != NULL && file != NULL) {
        tt_say_error("tutti %s: expected --text or a file, not both", command);
        return TT_EXIT_USAGE;
    }
    if (text != NULL) {
        call->payload = text;
        call->length = strlen(text);
        call->content_format = TT_FORMAT_TEXT;
    } else if (file != NULL) {
        tt_exit result = tt_file_read(command, file, BODY_MAX, bytes, &call->length);
        if (result != TT_EXIT_OK)
            return result;
        call->payload = *bytes;
        call->content_format = TT_FORMAT_OCTETS;
    }
    if (format != NULL && !read_format(&call->content_format)) {
        tt_say_error("tutti %s: --format takes text, octets, cbor, json, links or a number below "
                     "65535, not '%s'",
                     command, format);
        return TT_EXIT_USAGE;
    }
    return TT_EXIT_OK;
}

static void on_progress(tt_call *call, size_t sent)
{
    tt_say_progress(false, "sent %zu of %zu bytes", sent, call->length);
}

static tt_exit judge(tt_status status, const tt_answer *answer, const char *target,
                     const tt_endpoint *peer)
{
    char code[40];
    unsigned sleep_s = tt_node_sleep_of(&client.node, peer);
    if (status == TT_TIMED_OUT && sleep_s > 0) {
        tt_say_error("tutti %s: %s: no answer in time: it sleeps, for up to %u s at a time",
                     command, target, sleep_s);
        return TT_EXIT_UNREACHABLE;
    }
    if (status != TT_OK) {
        tt_say_error("tutti %s: %s: %s", command, target,
                     !tt_client_alive(&client)  ? TT_FLEET_ENDED
                     : status == TT_TIMED_OUT   ? "no answer in time"
                     : status == TT_UNREACHABLE ? "nothing listens there"
                                                : tt_status_text(status));
        return status == TT_TIMED_OUT || status == TT_UNREACHABLE || status == TT_RESET
                   ? TT_EXIT_UNREACHABLE
                   : TT_EXIT_FAILED;
    }
    bool refused = answer->code >= TT_BAD_REQUEST;
    tt_say_progress_end();
    if (as_json) {
        tt_print_json(stdout, answer->code, answer->content_format, answer->payload,
                      answer->length);
        return refused ? TT_EXIT_FAILED : TT_EXIT_OK;
    }
    if (refused || answer->code != TT_CONTENT)
        tt_say("%s", tt_code_text(answer->code, code));
    tt_print_payload(refused ? stderr : stdout, verbose, answer->content_format, answer->payload,
                     answer->length);
    return refused ? TT_EXIT_FAILED : TT_EXIT_OK;
}

// Opens the network, finds the device and fills the call.
static tt_exit prepare(tt_call *call, tt_target *target, const char *words)
{
    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_target_parse(target, words, &why) != TT_OK) {
        tt_say_error("tutti %s: %s", command, sentence);
        return TT_EXIT_USAGE;
    }
    tt_exit result = tt_client_open(&client, command, net, host, NULL, NULL);
    if (result == TT_EXIT_OK)
        result = tt_client_use_directory(&client, command, directory);
    if (result == TT_EXIT_OK)
        result = tt_find(&client, command, target, timeout_s, &call->peer);
    call->path = target->path;
    call->query = target->query[0] != '\0' ? target->query : NULL;
    call->accept = TT_FORMAT_NONE;
    call->timeout = TT_SECONDS(timeout_s);
    return result;
}

static tt_exit ask(const char *name, tt_method method, unsigned count, const char *const *arguments)
{
    static uint8_t payload[ANSWER_MAX];
    command = name;
    tt_target target;
    tt_call call = {.method = method, .on_progress = on_progress};
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    uint8_t *body = NULL;
    tt_exit result = read_body(&call, count > 1 ? arguments[1] : NULL, &body);
    if (result == TT_EXIT_OK)
        result = prepare(&call, &target, arguments[0]);
    if (result == TT_EXIT_OK)
        result = judge(tt_client_ask(&client, &call, &answer), &answer, arguments[0], &call.peer);
    free(body);
    return result;
}

static tt_exit run_get(unsigned count, const char *const *arguments)
{
    return ask("get", TT_GET, count, arguments);
}

static tt_exit run_put(unsigned count, const char *const *arguments)
{
    return ask("put", TT_PUT, count, arguments);
}

static tt_exit run_post(unsigned count, const char *const *arguments)
{
    return ask("post", TT_POST, count, arguments);
}

static tt_exit run_delete(unsigned count, const char *const *arguments)
{
    return ask("delete", TT_DELETE, count, arguments);
}

// ---- observe

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

typedef struct observation {
    tt_answer answer; // the representation that is being received
    unsigned count;
    tt_exit result;
    const char *target;
    bool plain; // it was answered, without notifications to follow (RFC 7641, 3.1)
} observation;

static bool is_enough(const observation *seen)
{
    return count_max > 0 && seen->count >= count_max;
}

// "2026-11-26 16:03:58.123 #12 ": when a notification came, by this machine's clock, and its
// Observe number (RFC 7641, 3.4), or "-" for a plain answer.
static void print_time(const tt_reply *reply)
{
    struct timespec now;
    struct tm local;
    char day[32];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &local);
    printf("%s.%03ld ", day, now.tv_nsec / 1000000);
    if (reply->final)
        printf("- ");
    else
        printf("#%u ", reply->observe_sequence);
}

static void on_notification(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    observation *seen = call->context;
    tt_answer *answer = &seen->answer;
    answer->status = TT_OK;
    tt_answer_take(answer, reply);
    if (reply->status == TT_CANCELLED || is_enough(seen) ||
        (answer->status == TT_OK && !reply->last))
        return;
    seen->count += answer->status == TT_OK;
    if (verbose && answer->status == TT_OK && answer->code < TT_BAD_REQUEST)
        print_time(reply);
    seen->result = judge(answer->status, answer, seen->target, &call->peer);
    seen->plain = reply->final && seen->result == TT_EXIT_OK;
}

// Whether the device's links say that the resource of `call` can be observed.
static bool is_offered(const tt_call *observing, tt_answer *answer)
{
    tt_call call = {.peer = observing->peer,
                    .method = TT_GET,
                    .path = ".well-known/core",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .timeout = TT_SECONDS(5)};
    if (tt_client_ask(&client, &call, answer) != TT_OK || answer->code != TT_CONTENT)
        return false;
    tt_link link;
    size_t at = 0;
    while (tt_link_next((const char *)answer->payload, answer->length, &at, &link) == TT_OK)
        if (strcmp(link.path, observing->path) == 0)
            return link.observable;
    return false;
}

// Says why there was one answer and nothing to follow.
static tt_exit explain_plain(const tt_call *call, observation *seen)
{
    bool full = is_offered(call, &seen->answer);
    tt_say_error("tutti observe: %s %s; this is what it holds now", seen->target,
                 full ? "can be observed, but its device takes no more observers now"
                      : "cannot be observed");
    return TT_EXIT_FAILED;
}

static tt_exit run_observe(unsigned count, const char *const *arguments)
{
    (void)count;
    static uint8_t payload[ANSWER_MAX];
    command = "observe";
    tt_target target;
    observation seen = {.answer = {.payload = payload, .capacity = sizeof(payload)},
                        .target = arguments[0]};
    tt_call call = {.method = TT_GET, .observe = true, .context = &seen};
    tt_exit result = prepare(&call, &target, arguments[0]);
    if (result != TT_EXIT_OK)
        return result;
    call.content_format = TT_FORMAT_NONE;
    call.on_reply = on_notification;
    signal(SIGINT, interrupt);
    tt_status status = tt_bus_call(&client.node.bus, tt_client_now(&client), &call);
    if (status != TT_OK)
        return judge(status, &seen.answer, arguments[0], &call.peer);
    while (!seen.answer.done && !interrupted && !is_enough(&seen) && !ferror(stdout) &&
           tt_client_alive(&client))
        tt_client_turn(&client, tt_client_now(&client) + TT_MS(200));
    if (!tt_client_alive(&client))
        return judge(TT_UNREACHABLE, &seen.answer, arguments[0], &call.peer);
    if (!seen.answer.done) {
        tt_bus_cancel(&client.node.bus, tt_client_now(&client), &call);
        tt_client_turn(&client, tt_client_now(&client)); // tells the device
    }
    return seen.plain ? explain_plain(&call, &seen) : seen.result;
}

#define COMMAND(command_name, words, most, table, ...)                                             \
    {                                                                                              \
        .name = #command_name, .arguments = words, .options = table,                               \
        .option_count = TT_COUNT(table), .arguments_min = 1, .arguments_max = most,                \
        .run = run_##command_name, __VA_ARGS__                                                     \
    }

#define TARGETS                                                                                    \
    "TARGET is NAME/path, kind:KIND/path (the first found) or coap://HOST[:PORT]/path; ?query "    \
    "may\n"                                                                                        \
    "follow. %20 and the like are decoded; without a path the root is meant."

const tt_command tt_command_get = COMMAND(
    get, "TARGET", 1, get_options, .summary = "Get what a resource holds",
    .help = TARGETS
    "\nCBOR is printed in diagnostic notation, octets raw into a pipe and as hex on a terminal.",
    .examples = "  tutti get kind:watch/device\n"
                "  tutti get watch-3f9a/.well-known/core\n"
                "  tutti get --json kind:watch/device | jq .value.name\n"
                "  tutti get --host coap://127.0.0.1:5683/device");

const tt_command tt_command_put =
    COMMAND(put, "TARGET [FILE]", 2, body_options,
            .summary = "Put a file or text into a resource, block by block",
            .help = TARGETS "\nFILE - is standard input.",
            .examples = "  tutti put kind:watch/ai/models/fashion fashion.plan\n"
                        "  echo kitchen | tutti put --host coap://127.0.0.1/store -");

const tt_command tt_command_post =
    COMMAND(post, "TARGET [FILE]", 2, body_options,
            .summary = "Post a file or text to a resource and print its answer",
            .help = TARGETS "\nFILE - is standard input.",
            .examples = "  tutti post kind:watch/ai/models/fashion image.bin | xxd\n"
                        "  tutti post kind:tv/ai/ask/fashion - <image.bin");

const tt_command tt_command_delete =
    COMMAND(delete, "TARGET", 1, delete_options, .summary = "Delete a resource", .help = TARGETS,
            .examples = "  tutti delete kind:watch/ai/models/fashion");

const tt_command tt_command_observe = COMMAND(
    observe, "TARGET", 1, observe_options, .summary = "Print a resource each time it changes",
    .help = TARGETS "\nEnds with the interrupt key, or after --count.",
    .examples = "  tutti observe kind:watch/ai/models\n  tutti observe -v kind:watch/ai/models\n  "
                "tutti observe --count 3 watch-3f9a/ai/models");
