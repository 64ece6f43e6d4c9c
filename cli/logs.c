// tutti logs: the newest lines of a device's console.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/find.h"
#include "cli/say.h"
#include "tutti/check.h"

#define LOG_MAX 65536
#define FIND_AGAIN TT_MS(200)
#define ASK_AGAIN TT_MS(1000)
#define LINE_MAX_BYTES 512 // of what is remembered of a line

static const char *net;
static bool host, follow;
static unsigned timeout_s = 30;

static const tt_option options[] = {
    {"follow", NULL, "go on with what comes, until the interrupt key", .letter = 'f',
     .flag = &follow},
    {"net", "DIR", "a fleet's folder or switch socket; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &net},
    {"host", NULL, "use this machine's own network instead", .flag = &host},
    {"timeout", "SECONDS", "to find the device, and again for its answer", .number = &timeout_s,
     .least = 1, .most = 86400},
};

static tt_client client;
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

typedef struct following {
    tt_answer answer;          // the text that is being received
    unsigned long printed;     // number of the newest line that was printed
    bool any;                  // one was
    char line[LINE_MAX_BYTES]; // its begin
    size_t line_length;
    tt_time lost; // since when there is no answer; 0: the last try had one
} following;

// Whether this text has the newest line that was printed under its number, but another one: then it
// is of a device whose power was cut, and which counts from one again.
static bool is_other_line(const following *f, const char *line, size_t length)
{
    length = length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES;
    return strtoul(line, NULL, 10) == f->printed &&
           (length != f->line_length || memcmp(line, f->line, length) != 0);
}

static void print_line(following *f, unsigned long number, const char *line, size_t length)
{
    tt_say_put(stdout, line, length);
    f->printed = number;
    f->any = true;
    f->line_length = length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES;
    memcpy(f->line, line, f->line_length);
}

// Prints the lines that were not printed yet. A device whose power was cut counts from one again.
static void print_new(following *f)
{
    const char *text = (const char *)f->answer.payload, *end = text + f->answer.length;
    unsigned long newest = 0;
    bool other = false;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            break; // it is not complete yet
        newest = strtoul(at, NULL, 10);
        other = other || is_other_line(f, at, (size_t)(newline + 1 - at));
        at = newline + 1;
    }
    if (f->any && (newest < f->printed || other))
        f->printed = 0;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            break;
        unsigned long number = strtoul(at, NULL, 10);
        if (!f->any || number > f->printed)
            print_line(f, number, at, (size_t)(newline + 1 - at));
        at = newline + 1;
    }
    fflush(stdout);
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    following *f = call->context;
    if (reply->status == TT_OK)
        f->answer.status = TT_OK;
    tt_answer_take(&f->answer, reply);
    if (f->answer.status == TT_OK && reply->last && reply->code == TT_CONTENT) {
        f->lost = 0;
        print_new(f);
    }
}

// A device that was heard may be restarting: it has as long to come back as a first answer has.
static bool may_come_back(following *f)
{
    bool silent = f->answer.status == TT_TIMED_OUT || f->answer.status == TT_UNREACHABLE ||
                  f->answer.status == TT_RESET;
    if (!silent || !f->any)
        return false;
    tt_time now = tt_client_now(&client);
    f->lost = f->lost == 0 ? now : f->lost;
    return now - f->lost < TT_SECONDS(timeout_s);
}

// One observation; it ends where the device restarts, goes, or the user has enough.
static tt_exit observe(const char *device, tt_call *call, following *f)
{
    tt_time again = tt_client_now(&client) + ASK_AGAIN; // at the soonest
    f->answer.done = false;
    f->answer.status = tt_bus_call(&client.node.bus, tt_client_now(&client), call);
    if (f->answer.status != TT_OK)
        return tt_find_judge(&client, "logs", device, &f->answer);
    while (!f->answer.done && !interrupted && !ferror(stdout) && tt_client_alive(&client))
        tt_client_turn(&client, tt_client_now(&client) + FIND_AGAIN);
    if (!f->answer.done) {
        tt_bus_cancel(&client.node.bus, tt_client_now(&client), call);
        tt_client_turn(&client, tt_client_now(&client)); // tells the device
        return TT_EXIT_OK;
    }
    tt_exit result =
        may_come_back(f) ? TT_EXIT_OK : tt_find_judge(&client, "logs", device, &f->answer);
    if (result != TT_EXIT_OK)
        return result;
    while (tt_client_now(&client) < again && !interrupted && tt_client_alive(&client))
        tt_client_turn(&client, again);
    return TT_EXIT_OK;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    static uint8_t text[LOG_MAX];
    const char *device = arguments[0];
    tt_target target;
    following f = {.answer = {.payload = text, .capacity = sizeof(text)}};
    tt_exit result = tt_find_read("logs", device, "log", &target);
    if (result == TT_EXIT_OK)
        result = tt_client_open(&client, "logs", net, host, NULL, NULL);
    signal(SIGINT, interrupt);
    do {
        tt_call call = {.method = TT_GET,
                        .path = "log",
                        .content_format = TT_FORMAT_NONE,
                        .accept = TT_FORMAT_NONE,
                        .timeout = TT_SECONDS(timeout_s),
                        .observe = follow,
                        .on_reply = on_reply,
                        .context = &f};
        if (result == TT_EXIT_OK)
            result = tt_find(&client, "logs", &target, timeout_s, &call.peer);
        tt_say_progress_end();
        if (result == TT_EXIT_OK && follow) {
            result = observe(device, &call, &f);
        } else if (result == TT_EXIT_OK) {
            tt_client_ask(&client, &call, &f.answer);
            result = tt_find_judge(&client, "logs", device, &f.answer);
            if (result == TT_EXIT_OK)
                print_new(&f);
        }
    } while (result == TT_EXIT_OK && follow && !interrupted && !ferror(stdout) &&
             tt_client_alive(&client));
    return result;
}

const tt_command tt_command_logs = {
    .name = "logs",
    .arguments = "NAME",
    .summary = "Print the newest lines of a device's console, and follow them",
    .help = "NAME is a name, kind:KIND (the first found) or coap://HOST[:PORT]. Each line has its "
            "number and the\n"
            "seconds since the device started. A device keeps about 2 KB of them, over resets, "
            "until its power\n"
            "is cut; following goes on when it is found again.",
    .examples = "  tutti logs watch-3f9a\n  tutti logs kind:car -f",
    .options = options,
    .option_count = TT_COUNT(options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
