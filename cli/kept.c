// tutti data: what a device keeps under /data, asked for over the bus; and `check`, which reads a
// medium's image on this machine (kept_check.c).

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/file.h"
#include "cli/find.h"
#include "cli/json.h"
#include "cli/kept.h"
#include "cli/print.h"
#include "cli/say.h"
#include "tutti/check.h"

#define ROOT "data"
#define BODY_MAX ((size_t)1 << 20) // far more than a device takes: it says how much that is
#define LIST_MAX ((size_t)1 << 20)
#define KEYS_MAX 4096
#define BUSY_AGAIN TT_MS(200)

static const char *net, *text;
static bool host, as_json, sectors;
static unsigned timeout_s = 30, count_max;

static const tt_option options[] = {
    {"text", "TEXT", "put: this instead of a file; '' is an empty value", .text = &text,
     .may_be_empty = true},
    {"json", NULL, "ls: print an array of key, bytes and version", .flag = &as_json},
    {"sectors", NULL, "check: a line for each sector, too", .flag = &sectors},
    {"count", "N", "watch: end after so many changes; 0: go on", .number = &count_max, .least = 0,
     .most = 1000000},
    {"net", "DIR", "a fleet's folder or switch socket; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &net},
    {"host", NULL, "use this machine's own network instead", .flag = &host},
    {"timeout", "SECONDS", "to find the device, and again for its answer", .number = &timeout_s,
     .least = 1, .most = 86400},
};

static tt_client client;
static uint8_t payload[LIST_MAX];
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

// ---- Lists: </data/a>;sz=3;v=17,</data/b>;sz=5;v=18

typedef struct entry {
    char key[TT_BUS_PATH_MAX]; // without the leading "data/"
    unsigned long bytes, version;
} entry;

typedef struct list {
    entry entries[KEYS_MAX];
    size_t count;
} list;

static unsigned long attribute(const char *link, const char *end, const char *name)
{
    char digits[24] = "";
    const char *at = memmem(link, (size_t)(end - link), name, strlen(name));
    size_t length = at != NULL ? (size_t)(end - at) - strlen(name) : 0;
    length = length < sizeof(digits) - 1 ? length : sizeof(digits) - 1;
    if (at != NULL)
        memcpy(digits, at + strlen(name), length);
    digits[length] = '\0';
    return strtoul(digits, NULL, 10);
}

// False: that is no list of what is kept.
static bool read_list(list *l, const char *at, size_t length)
{
    static const char begin[] = "</" ROOT "/";
    const char *end = at + length;
    l->count = 0;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at)); // no key has one
        const char *link_end = comma != NULL ? comma : end;
        const char *close = memchr(at, '>', (size_t)(link_end - at));
        const char *key = at + strlen(begin);
        if (l->count == KEYS_MAX || close == NULL || close < key ||
            memcmp(at, begin, strlen(begin)) != 0 ||
            (size_t)(close - key) >= sizeof(l->entries[0].key))
            return false;
        entry *e = &l->entries[l->count++];
        *e = (entry){.bytes = attribute(close, link_end, ";sz="),
                     .version = attribute(close, link_end, ";v=")};
        memcpy(e->key, key, (size_t)(close - key));
        at = comma != NULL ? comma + 1 : end;
    }
    return true;
}

static void print_line(const char *what, const char *key, unsigned long bytes)
{
    printf("%s", what);
    tt_say_put(stdout, key, strlen(key));
    printf(" %lu\n", bytes);
}

static void print_list(const list *l)
{
    tt_json_writer json = {.file = stdout};
    if (!as_json) {
        for (size_t i = 0; i < l->count; i++)
            print_line("", l->entries[i].key, l->entries[i].bytes);
        return;
    }
    tt_json_open(&json, NULL, '[');
    for (size_t i = 0; i < l->count; i++) {
        tt_json_open(&json, NULL, '{');
        tt_json_bytes(&json, "key", l->entries[i].key, strlen(l->entries[i].key));
        tt_json_number(&json, "bytes", (double)l->entries[i].bytes);
        tt_json_number(&json, "version", (double)l->entries[i].version);
        tt_json_close(&json, '}');
    }
    tt_json_close(&json, ']');
    putchar('\n');
}

// ---- Asking.

// The path below /data on the device that is meant. `whole`: it must name a value.
static tt_exit read_target(const char *words, bool whole, tt_target *target)
{
    char sentence[256], with_path[512];
    bool address = strncmp(words, "coap://", 7) == 0;
    bool bare = strchr(address ? words + 7 : words, '/') == NULL;
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    int length = snprintf(with_path, sizeof(with_path), "%s%s", words, bare ? "/" : "");
    if (length >= (int)sizeof(with_path) || tt_target_parse(target, with_path, &why) != TT_OK) {
        tt_say_error("tutti data: %s",
                     sentence[0] != '\0' ? sentence : "expected NAME/KEY, found a longer word");
        return TT_EXIT_USAGE;
    }
    char key[TT_BUS_PATH_MAX];
    snprintf(key, sizeof(key), "%s", target->path);
    if ((whole && (key[0] == '\0' || key[strlen(key) - 1] == '/')) || target->query[0] != '\0') {
        tt_say_error(
            "tutti data: expected NAME/KEY, kind:KIND/KEY or coap://HOST[:PORT]/KEY, found "
            "'%s'",
            words);
        return TT_EXIT_USAGE;
    }
    length =
        snprintf(target->path, sizeof(target->path), ROOT "%s%s", key[0] != '\0' ? "/" : "", key);
    if (length < (int)sizeof(target->path))
        return TT_EXIT_OK;
    tt_say_error("tutti data: a key has at most %zu bytes, this one has %zu",
                 sizeof(target->path) - sizeof(ROOT "/"), strlen(key));
    return TT_EXIT_USAGE;
}

static tt_exit prepare(const char *words, bool whole, tt_target *target, tt_call *call)
{
    tt_exit result = read_target(words, whole, target);
    if (result == TT_EXIT_OK)
        result = tt_client_open(&client, "data", net, host, NULL, NULL);
    if (result == TT_EXIT_OK)
        result = tt_find(&client, "data", target, timeout_s, &call->peer);
    tt_say_progress_end();
    call->path = target->path;
    call->content_format = call->accept = TT_FORMAT_NONE;
    call->timeout = TT_SECONDS(timeout_s);
    return result;
}

// A device that is putting another's value says 5.03: it is asked anew until the time is over.
static tt_exit ask(const char *words, tt_call *call, tt_answer *answer)
{
    tt_time deadline = tt_client_now(&client) + TT_SECONDS(timeout_s);
    for (;;) {
        tt_client_ask(&client, call, answer);
        if (answer->status != TT_OK || answer->code != TT_UNAVAILABLE ||
            tt_client_now(&client) > deadline)
            break;
        tt_time again = tt_client_now(&client) + BUSY_AGAIN;
        while (tt_client_now(&client) < again && tt_client_alive(&client))
            tt_client_turn(&client, again);
    }
    tt_say_progress_end();
    return tt_find_judge(&client, "data", words, answer);
}

static tt_exit run_ls(const char *words)
{
    static list l;
    tt_target target;
    tt_call call = {.method = TT_GET};
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_exit result = prepare(words, false, &target, &call);
    if (result == TT_EXIT_OK)
        result = ask(words, &call, &answer);
    if (result != TT_EXIT_OK)
        return result;
    if (answer.content_format != TT_FORMAT_LINKS) { // it is a value
        l.count = 1;
        strcpy(l.entries[0].key, target.path + strlen(ROOT "/"));
        l.entries[0].bytes = answer.length;
    } else if (!read_list(&l, (const char *)payload, answer.length)) {
        tt_say_error("tutti data: %s: expected a list of what is kept, found other links", words);
        return TT_EXIT_FAILED;
    }
    print_list(&l);
    return TT_EXIT_OK;
}

static tt_exit run_get(const char *words)
{
    tt_target target;
    tt_call call = {.method = TT_GET};
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_exit result = prepare(words, true, &target, &call);
    if (result == TT_EXIT_OK)
        result = ask(words, &call, &answer);
    if (result != TT_EXIT_OK)
        return result;
    if (answer.content_format == TT_FORMAT_LINKS) {
        tt_say_error("tutti data: %s: there is no value, but others below it; 'tutti data ls' "
                     "lists them",
                     words);
        return TT_EXIT_FAILED;
    }
    tt_print_payload(stdout, false, answer.content_format, payload, answer.length);
    return TT_EXIT_OK;
}

static tt_exit change(const char *words, tt_method method, const char *file)
{
    tt_target target;
    tt_call call = {.method = method};
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    uint8_t *bytes = NULL;
    tt_exit result = TT_EXIT_OK;
    if (method == TT_PUT && (text != NULL) == (file != NULL)) {
        tt_say_error("tutti data: put expects --text or a file%s",
                     text != NULL ? ", not both" : "");
        return TT_EXIT_USAGE;
    }
    if (file != NULL)
        result = tt_file_read("data", file, BODY_MAX, &bytes, &call.length);
    if (result == TT_EXIT_OK)
        result = prepare(words, true, &target, &call);
    if (method == TT_PUT) {
        call.payload = file != NULL ? (const void *)bytes : text;
        call.length = file != NULL ? call.length : strlen(text);
        call.content_format = TT_FORMAT_OCTETS;
    }
    if (result == TT_EXIT_OK)
        result = ask(words, &call, &answer);
    free(bytes);
    return result;
}

// ---- Watching.

typedef struct watching {
    tt_answer answer;
    list lists[2]; // the newest and the one before, by turns
    unsigned turn, count;
    bool begun, malformed;
    bool plain; // it was answered, without notifications to follow
} watching;

static const entry *find(const list *l, const char *key)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->entries[i].key, key) == 0)
            return &l->entries[i];
    return NULL;
}

// Prints what differs from the list before.
static void print_changes(watching *w)
{
    list *new = &w->lists[w->turn], *old = &w->lists[1 - w->turn];
    w->malformed = !read_list(new, (const char *)payload, w->answer.length);
    if (w->malformed)
        return;
    for (size_t i = 0; w->begun && i < old->count; i++)
        if (find(new, old->entries[i].key) == NULL) {
            print_line("rm ", old->entries[i].key, old->entries[i].bytes);
            w->count++;
        }
    for (size_t i = 0; w->begun && i < new->count; i++) {
        const entry *before = find(old, new->entries[i].key);
        if (before == NULL || before->version != new->entries[i].version) {
            print_line("put ", new->entries[i].key, new->entries[i].bytes);
            w->count++;
        }
    }
    w->turn = 1 - w->turn;
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    watching *w = call->context;
    if (reply->status == TT_OK)
        w->answer.status = TT_OK;
    tt_answer_take(&w->answer, reply);
    if (w->answer.status != TT_OK || !reply->last || reply->code != TT_CONTENT)
        return;
    if (w->answer.content_format == TT_FORMAT_LINKS) {
        print_changes(w);
    } else if (w->begun) {
        tt_print_payload(stdout, true, TT_FORMAT_OCTETS, payload, w->answer.length);
        w->count++;
    }
    w->begun = true;
    fflush(stdout);
}

// One observation: it ends where the device restarts or refuses, or its user has enough.
static tt_exit watch_once(const char *words, tt_call *call, watching *w)
{
    w->answer.done = false;
    w->answer.status = tt_bus_call(&client.node.bus, tt_client_now(&client), call);
    while (w->answer.status == TT_OK && !w->answer.done && !interrupted && !w->malformed &&
           !ferror(stdout) && !(count_max > 0 && w->count >= count_max) && tt_client_alive(&client))
        tt_client_turn(&client, tt_client_now(&client) + TT_MS(200));
    w->plain = w->answer.done && w->answer.status == TT_OK;
    if (!w->answer.done && w->answer.status == TT_OK) {
        bool alive = tt_client_alive(&client);
        tt_bus_cancel(&client.node.bus, tt_client_now(&client), call);
        tt_client_turn(&client, tt_client_now(&client)); // tells the device
        w->answer.status = alive ? TT_OK : TT_UNREACHABLE;
        w->answer.code = TT_CONTENT;
    }
    if (w->malformed) {
        tt_say_error("tutti data: %s: expected a list of what is kept, found other links", words);
        return TT_EXIT_FAILED;
    }
    return tt_find_judge(&client, "data", words, &w->answer);
}

static tt_exit run_watch(const char *words)
{
    static watching w = {.answer = {.payload = payload, .capacity = sizeof(payload)}};
    tt_target target;
    tt_call call = {.method = TT_GET};
    tt_exit result = prepare(words, false, &target, &call);
    if (result != TT_EXIT_OK)
        return result;
    call.observe = true;
    call.on_reply = on_reply;
    call.context = &w;
    signal(SIGINT, interrupt);
    result = watch_once(words, &call, &w);
    if (result == TT_EXIT_OK && w.plain) {
        tt_say_error("tutti data: %s: its device takes no more observers now", words);
        result = TT_EXIT_FAILED;
    }
    return result;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    const char *action = arguments[0], *words = arguments[1];
    if (count > 2 && strcmp(action, "put") != 0) {
        tt_say_error("tutti data: %s takes one word, not '%s'", action, arguments[2]);
        return TT_EXIT_USAGE;
    }
    if (strcmp(action, "ls") == 0)
        return run_ls(words);
    if (strcmp(action, "get") == 0)
        return run_get(words);
    if (strcmp(action, "put") == 0)
        return change(words, TT_PUT, count > 2 ? arguments[2] : NULL);
    if (strcmp(action, "rm") == 0)
        return change(words, TT_DELETE, NULL);
    if (strcmp(action, "watch") == 0)
        return run_watch(words);
    if (strcmp(action, "check") == 0)
        return tt_kept_check(words, sectors);
    tt_say_error("tutti data: expected ls, get, put, rm, watch or check, found '%s'", action);
    return TT_EXIT_USAGE;
}

const tt_command tt_command_data = {
    .name = "data",
    .arguments = "ls|get|put|rm|watch|check WHERE [FILE]",
    .summary = "List, read, write and watch what a device keeps without power",
    .help =
        "WHERE is NAME/KEY, kind:KIND/KEY (the first found) or coap://HOST[:PORT]/KEY; ls and "
        "watch take\n"
        "a prefix of keys, or none. put has its value from FILE, - for standard input, or "
        "--text, and ends\n"
        "when the value is durable. watch prints each change of a value, or of the keys below a "
        "prefix;\n"
        "a key that is not there yet ends it with 4.04: watch the prefix above it, or all.\n"
        "check takes the file of a medium (tutti up --keep DIR: DIR/LABEL.img), says what is in "
        "it and\n"
        "whether it is sound, and never changes it.",
    .examples = "  tutti data put watch-3f9a/settings/volume --text 7\n"
                "  tutti data ls kind:watch/settings\n"
                "  tutti data watch kind:watch --count 3\n"
                "  tutti data check fleet.kept/watch-1.img",
    .options = options,
    .option_count = TT_COUNT(options),
    .choices = "ls get put rm watch check",
    .arguments_min = 2,
    .arguments_max = 3,
    .run = run,
};
