// A directory's client: one call at a time, chosen anew whenever one has ended or a time has come.
//
// Its answers are as hostile as anything from the network. They are read link by link, in storage
// for one; a link that is none, too long, or of a device that cannot be near is passed over, and
// what is behind TT_DIRECTORY_ANSWER_MAX bytes is not read.

#include "tutti/directory.h"

#include <string.h>

#include "node/internal.h"
#include "tutti/check.h"

#define FIND_PATH ".well-known/core"
#define FIND_QUERY "rt=core.rd*"
#define TIMEOUT TT_SECONDS(10)

static void act(tt_node *node, tt_time now, void *context);

// ---- what is told

static void ask(tt_directory *d, tt_time now, tt_directory_step step, tt_method method,
                const char *path)
{
    d->step = step;
    d->call.peer = step == TT_DIRECTORY_LISTS ? (tt_endpoint){0} : d->place;
    d->call.method = method;
    d->call.path = path;
    d->call.query = d->query[0] != '\0' ? d->query : NULL;
    d->call.payload = step == TT_DIRECTORY_REGISTERS ? d->text : NULL;
    d->call.length = step == TT_DIRECTORY_REGISTERS ? d->length : 0;
    d->call.content_format = step == TT_DIRECTORY_REGISTERS ? TT_FORMAT_LINKS : TT_FORMAT_NONE;
    d->call.accept = method == TT_GET ? TT_FORMAT_LINKS : TT_FORMAT_NONE;
    d->whole = true;
    d->listed = false;
    TT_CHECK(tt_bus_call(&d->node->bus, now, &d->call) == TT_OK); // its parts are ours, and fit
}

static void find(tt_directory *d, tt_time now)
{
    d->registering_path[0] = d->lookup_path[0] = '\0';
    strcpy(d->query, FIND_QUERY);
    tt_links_init(&d->links, d->text, sizeof(d->text));
    ask(d, now, TT_DIRECTORY_FINDS, TT_GET, FIND_PATH);
}

static void list(tt_directory *d, tt_time now)
{
    d->length = 0;
    d->query[0] = '\0';
    ask(d, now, TT_DIRECTORY_LISTS, TT_GET, FIND_PATH);
}

static void tell(tt_directory *d, tt_time now)
{
    const tt_discovery *own = &d->node->discovery;
    tt_text query;
    strcpy(d->name, own->name);
    tt_text_init(&query, d->query, sizeof(d->query));
    tt_text_add(&query, "ep=");
    tt_text_add(&query, d->name);
    tt_text_add(&query, "&lt=");
    tt_text_add_unsigned(&query, TT_DIRECTORY_LIFETIME);
    tt_text_add(&query, "&et=");
    tt_text_add(&query, own->options.kind);
    d->links_version = d->node->bus.links_version;
    ask(d, now, TT_DIRECTORY_REGISTERS, TT_POST, d->registering_path);
}

static void renew(tt_directory *d, tt_time now)
{
    d->query[0] = '\0';
    ask(d, now, TT_DIRECTORY_RENEWS, TT_POST, d->location);
}

static void look(tt_directory *d, tt_time now)
{
    d->query[0] = '\0';
    tt_links_init(&d->links, d->text, sizeof(d->text));
    ask(d, now, TT_DIRECTORY_LOOKS, TT_GET, d->lookup_path);
}

// ---- what comes of it

// Our own links, as many whole ones as there is room for.
static void take_own(tt_directory *d, const tt_reply *reply)
{
    size_t room = sizeof(d->text) - d->length;
    size_t taken = reply->length < room ? reply->length : room;
    if (d->whole && taken > 0)
        memcpy(d->text + d->length, reply->payload, taken);
    if (d->whole)
        d->length += taken;
    if (taken == reply->length || !d->whole)
        return;
    d->whole = false;
    size_t at = 0, end = 0; // of the last whole link
    tt_link link;
    while (at < d->length && tt_link_next(d->text, d->length, &at, &link) == TT_OK &&
           at < d->length)
        end = at;
    d->length = end;
}

// Whether an attribute lists a value among others (RFC 6690, 3.1).
static bool has_word(const char *values, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(values, word); at != NULL; at = strstr(at + 1, word))
        if ((at == values || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

// A service of the directory: its path on the directory itself.
static void take_service(tt_directory *d, size_t length)
{
    tt_link link;
    size_t at = 0;
    if (length < 2 || d->text[1] != '/' || tt_link_next(d->text, length, &at, &link) != TT_OK)
        return; // a path elsewhere is none
    if (has_word(link.type, "core.rd"))
        strcpy(d->registering_path, link.path);
    if (has_word(link.type, "core.rd-lookup-ep"))
        strcpy(d->lookup_path, link.path);
}

// The place in "coap://[fe80::1%25eth0]:5683": by an address, its zone that of the directory's own.
static bool read_base(const tt_directory *d, const char *base, tt_endpoint *endpoint)
{
    static const char scheme[] = "coap://";
    char host[TT_ENDPOINT_TEXT_MAX];
    if (strncmp(base, scheme, sizeof(scheme) - 1) != 0)
        return false;
    base += sizeof(scheme) - 1;
    size_t length = strcspn(base, "/?#"), zone = strcspn(base, "%]"), rest = strcspn(base, "]");
    if (length >= sizeof(host))
        return false;
    if (rest > length) // no brackets
        zone = rest = length;
    memcpy(host, base, zone);
    memcpy(host + zone, base + rest, length - rest);
    host[zone + length - rest] = '\0';
    if (tt_endpoint_parse(endpoint, host, TT_BUS_PORT) != TT_OK)
        return false;
    endpoint->interface = tt_endpoint_is_link_local(endpoint) ? d->place.interface : 0;
    return true;
}

static void take_device(tt_directory *d, tt_time now, size_t length)
{
    char name[TT_NAME_MAX], kind[TT_KIND_MAX], base[TT_ENDPOINT_TEXT_MAX + 16];
    tt_endpoint endpoint;
    if (tt_link_value(d->text, length, "ep", name, sizeof(name)) != TT_OK)
        return;
    d->listed |= strcmp(name, d->name) == 0;
    if (tt_link_value(d->text, length, "et", kind, sizeof(kind)) == TT_OK &&
        tt_link_value(d->text, length, "base", base, sizeof(base)) == TT_OK &&
        read_base(d, base, &endpoint) &&
        tt_discovery_hint(&d->node->discovery, now, name, kind, &endpoint))
        d->node->presence_at = tt_earlier(d->node->presence_at, now);
}

static void take_links(tt_directory *d, tt_time now, const tt_reply *reply)
{
    size_t at = 0, length;
    for (;;) {
        tt_status status = tt_links_take_text(&d->links, (const char *)reply->payload,
                                              reply->length, &at, reply->last, &length);
        if (status == TT_EMPTY)
            return;
        if (status == TT_OK && d->step == TT_DIRECTORY_FINDS)
            take_service(d, length);
        else if (status == TT_OK)
            take_device(d, now, length);
    }
}

// How long it waits after one more failure.
static tt_time next_pause(tt_directory *d)
{
    tt_time pause = TT_SECONDS(1) << (d->failures < 6 ? d->failures : 6);
    d->failures++;
    pause = tt_earlier(pause, TT_DIRECTORY_PAUSE);
    return pause + (tt_time)tt_random_below(&d->node->discovery.random, (uint64_t)pause / 2);
}

// It does not answer, or not as a directory: it may be another by now.
static void fail(tt_directory *d, tt_time now)
{
    d->found = false;
    d->renew_at = now;
    d->retry_at = tt_after(now, next_pause(d));
}

static void forgotten(tt_directory *d, tt_time now)
{
    d->location[0] = '\0';
    d->renew_at = now;
}

static void end_looking(tt_directory *d, tt_time now)
{
    tt_time pause = TT_SECONDS(1) << (d->looks < 5 ? d->looks : 5);
    d->looks++;
    d->look_at = tt_after(now, tt_earlier(pause, TT_DIRECTORY_LOOK));
    if (d->whole && !d->listed && d->location[0] != '\0')
        forgotten(d, now);
    else if (d->location[0] != '\0' || d->node->discovery.options.name == NULL)
        d->failures = 0;
}

// Refused, or nowhere to be renewed: looking goes on meanwhile.
static void end_registering(tt_directory *d, tt_time now, const tt_reply *reply)
{
    tt_time life = TT_SECONDS(TT_DIRECTORY_LIFETIME);
    bool refused = reply->code >= TT_BAD_REQUEST;
    if (d->step == TT_DIRECTORY_RENEWS && refused) { // 4.04
        forgotten(d, now);
        return;
    }
    if (d->step == TT_DIRECTORY_REGISTERS)
        d->location[0] = '\0';
    if (d->step == TT_DIRECTORY_REGISTERS && !refused && reply->location != NULL)
        strcpy(d->location, reply->location);
    if (d->location[0] == '\0') {
        d->renew_at = tt_after(now, next_pause(d));
        return;
    }
    tt_time by_chance = (tt_time)tt_random_below(&d->node->discovery.random, (uint64_t)life / 4);
    d->renew_at = tt_after(now, life / 2 + by_chance);
    d->failures = 0;
}

// A call has ended in order: its answer may be a refusal.
static void take_end(tt_directory *d, tt_time now, const tt_reply *reply)
{
    bool none = d->registering_path[0] == '\0' && d->lookup_path[0] == '\0';
    if (d->step == TT_DIRECTORY_REGISTERS || d->step == TT_DIRECTORY_RENEWS)
        end_registering(d, now, reply);
    else if (reply->code >= TT_BAD_REQUEST || (d->step == TT_DIRECTORY_FINDS && none))
        fail(d, now);
    else if (d->step == TT_DIRECTORY_FINDS)
        d->found = true;
    else if (d->step == TT_DIRECTORY_LISTS)
        tell(d, now);
    else
        end_looking(d, now);
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    tt_directory *d = call->context;
    tt_directory_step step = d->step;
    bool reads = step == TT_DIRECTORY_FINDS || step == TT_DIRECTORY_LOOKS;
    if (step == TT_DIRECTORY_LEAVES || step == TT_DIRECTORY_WAITS)
        return;
    if (reply->status == TT_OK && reply->code == TT_CONTENT && reads)
        take_links(d, now, reply);
    else if (reply->status == TT_OK && reply->code == TT_CONTENT && step == TT_DIRECTORY_LISTS)
        take_own(d, reply);
    bool endless = reads && !reply->final && reply->offset >= TT_DIRECTORY_ANSWER_MAX;
    if (!reply->final && !endless)
        return;
    d->whole &= !endless;
    if (reply->status == TT_OK)
        take_end(d, now, reply);
    else
        fail(d, now);
    if (d->step == step) { // else the next call is under way
        d->step = TT_DIRECTORY_WAITS;
        tt_node_after(d->node, &d->timer, 0, act, d);
    }
    if (endless)
        tt_bus_cancel(&d->node->bus, now, call);
}

// ---- what is next

static bool registers(const tt_directory *d)
{
    return d->found && d->registering_path[0] != '\0' && d->node->discovery.options.name != NULL;
}

static bool looks(const tt_directory *d)
{
    return d->found && d->lookup_path[0] != '\0' && d->node->discovery.options.browse;
}

// Whether what was registered is not what there is: other links, or another name after a conflict.
static bool is_old(const tt_directory *d)
{
    return d->links_version != d->node->bus.links_version ||
           strcmp(d->name, d->node->discovery.name) != 0;
}

static void act(tt_node *node, tt_time now, void *context)
{
    tt_directory *d = context;
    tt_time next = TT_FOREVER;
    if (d->step != TT_DIRECTORY_WAITS)
        return;
    if (now < d->retry_at)
        next = d->retry_at;
    else if (!d->found)
        find(d, now);
    else if (registers(d) && (d->location[0] == '\0' ? now >= d->renew_at : is_old(d)))
        list(d, now);
    else if (registers(d) && now >= d->renew_at)
        renew(d, now);
    else if (looks(d) && now >= d->look_at)
        look(d, now);
    else
        next =
            tt_earlier(registers(d) ? d->renew_at : TT_FOREVER, looks(d) ? d->look_at : TT_FOREVER);
    if (d->step == TT_DIRECTORY_WAITS)
        tt_node_after(node, &d->timer, tt_earlier(next, tt_after(now, TT_DIRECTORY_LOOK)) - now,
                      act, d);
}

tt_status tt_directory_start(tt_directory *d, tt_node *node, const tt_endpoint *place)
{
    const char *name = node->discovery.options.name;
    memset(d, 0, sizeof(*d));
    if (name != NULL &&
        (strchr(name, '&') != NULL || strchr(node->discovery.options.kind, '&') != NULL))
        return TT_INVALID;
    d->node = node;
    d->place = *place;
    d->retry_at = d->look_at = d->renew_at = INT64_MIN; // the clock may be before its zero
    d->call = (tt_call){.timeout = TIMEOUT, .on_reply = on_reply, .context = d};
    tt_node_after(node, &d->timer, 0, act, d);
    return TT_OK;
}

void tt_directory_leave(tt_directory *d, tt_time now)
{
    bool waits = d->step == TT_DIRECTORY_WAITS;
    if (d->node == NULL || d->step == TT_DIRECTORY_LEAVES)
        return;
    tt_node_cancel(&d->timer);
    d->step = TT_DIRECTORY_LEAVES;
    if (!waits)
        tt_bus_cancel(&d->node->bus, now, &d->call);
    d->query[0] = '\0';
    if (d->location[0] != '\0')
        ask(d, now, TT_DIRECTORY_LEAVES, TT_DELETE, d->location);
    d->location[0] = '\0';
}

bool tt_directory_is_registered(const tt_directory *d)
{
    return d->location[0] != '\0' && d->step != TT_DIRECTORY_LEAVES;
}
