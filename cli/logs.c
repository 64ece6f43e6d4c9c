// tutti logs: the newest lines of a device's console.

#include <signal.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/find.h"
#include "cli/log_lines.h"
#include "cli/say.h"
#include "tutti/check.h"

#define LOG_MAX 65536
#define FIND_AGAIN TT_MS(200)
#define ASK_AGAIN TT_MS(1000)

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
    tt_answer answer; // the text that is being received
    tt_log_lines lines;
    tt_time lost; // since when there is no answer; 0: the last try had one
} following;

static void print_new(following *f)
{
    tt_log_lines_print(&f->lines, stdout, (const char *)f->answer.payload, f->answer.length);
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
    if (!silent || !f->lines.any)
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
        tt_log_lines_set_boot(&f.lines, tt_client_boot(&client, &call.peer));
        if (result == TT_EXIT_OK && follow) {
            signal(SIGINT, interrupt);
            result = observe(device, &call, &f);
            signal(SIGINT, SIG_DFL); // nothing is to be ended in order while it is looked for
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
