// /.well-known/core: the links of this device's resources, filtered by a query such as
// rt=tutti.model or href=/ai/*; and the reader for the other side.
//
// The document is made anew for each window by walking the resources, so its length costs no
// memory; a window near the end costs a walk from the start.

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"
#include "tutti/links.h"

// Whether `value` is what the filter asks for: equal, or beginning so where the filter ends in '*'.
static bool matches_value(const char *value, size_t value_length, const char *filter,
                          size_t filter_length)
{
    if (filter_length > 0 && filter[filter_length - 1] == '*')
        return value_length >= filter_length - 1 && memcmp(value, filter, filter_length - 1) == 0;
    return value_length == filter_length && memcmp(value, filter, value_length) == 0;
}

// An attribute may list several values with spaces between (RFC 6690, 3.1).
static bool matches_attribute(const char *values, const char *filter, size_t filter_length)
{
    while (values != NULL && *values != '\0') {
        size_t length = strcspn(values, " ");
        if (matches_value(values, length, filter, filter_length))
            return true;
        values += length + (values[length] == ' ');
    }
    return false;
}

static bool matches(const tt_resource *resource, const char *query)
{
    const char *equals = strchr(query, '=');
    if (query[0] == '\0' || equals == NULL)
        return true;
    size_t name = (size_t)(equals - query), length = strcspn(equals + 1, "&");
    const char *filter = equals + 1;
    if (name == 2 && memcmp(query, "rt", 2) == 0)
        return matches_attribute(resource->type, filter, length);
    if (name == 2 && memcmp(query, "if", 2) == 0)
        return matches_attribute(resource->interface_description, filter, length);
    if (name == 4 && memcmp(query, "href", 4) == 0) {
        bool slash = length > 0 && filter[0] == '/';
        return matches_value(resource->path, strlen(resource->path), filter + slash,
                             length - slash);
    }
    return false; // an attribute that no resource has
}

static void add(tt_window *window, const char *text)
{
    tt_window_add(window, text, strlen(text));
}

// A quoted string, its quotes and backslashes escaped (RFC 7230, 3.2.6).
static void add_attribute(tt_window *window, const char *name, const char *value)
{
    if (value == NULL)
        return;
    add(window, name);
    add(window, "=\"");
    while (*value != '\0') {
        size_t plain = strcspn(value, "\"\\");
        tt_window_add(window, value, plain);
        value += plain;
        if (*value == '\0')
            break;
        add(window, "\\");
        tt_window_add(window, value++, 1);
    }
    add(window, "\"");
}

// What may stand in a path of a URI as it is: pchar and '/' of RFC 3986, 3.3.
static size_t plain_length(const char *path)
{
    return strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
                        "!$&'()*+,;=:@/");
}

static void add_path(tt_window *window, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    while (*path != '\0') {
        size_t plain = plain_length(path);
        tt_window_add(window, path, plain);
        path += plain;
        if (*path == '\0')
            break;
        uint8_t byte = (uint8_t)*path++;
        tt_window_add(window, (const char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
}

void tt_bus_links_handler(tt_resource *well_known, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)now;
    tt_bus *bus = well_known->context;
    tt_window window;
    tt_window_begin(&window, request, response, TT_FORMAT_LINKS, bus->links_version);
    bool tells_size = request->window_offset == 0;
    for (tt_list *node = bus->resources.next; node != &bus->resources; node = node->next) {
        const tt_resource *resource = TT_CONTAINER(node, tt_resource, link);
        if (resource->hidden || !matches(resource, request->query))
            continue;
        add(&window, window.at > 0 ? ",</" : "</");
        add_path(&window, resource->path);
        add(&window, ">");
        add_attribute(&window, ";rt", resource->type);
        add_attribute(&window, ";if", resource->interface_description);
        add(&window, resource->observable ? ";obs" : "");
        if (!tells_size && tt_window_is_full(&window))
            return;
    }
    tt_window_end(&window);
}

// A value with what `unescape` takes off: false where it does not fit.
static bool copy(char *to, size_t capacity, const char *from, size_t length,
                 size_t (*unescape)(const char *from, size_t length, char *byte))
{
    size_t used = 0;
    for (size_t at = 0; at < length; used++) {
        if (used + 1 >= capacity)
            return false;
        at += unescape(from + at, length - at, &to[used]);
    }
    to[used] = '\0';
    return true;
}

// A backslash protects the next one (RFC 7230, 3.2.6).
static size_t unescape_quoted(const char *from, size_t length, char *byte)
{
    bool pair = from[0] == '\\' && length > 1;
    *byte = from[pair];
    return 1 + (size_t)pair;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

// %20 and such (RFC 3986, 2.1); a terminator stays as it is written.
static size_t unescape_path(const char *from, size_t length, char *byte)
{
    int high = from[0] == '%' && length > 2 ? hex_digit(from[1]) : -1;
    int low = high >= 0 ? hex_digit(from[2]) : -1;
    bool triple = low >= 0 && (high | low) != 0;
    *byte = triple ? (char)(high << 4 | low) : from[0];
    return triple ? 3 : 1;
}

typedef struct parameter {
    const char *name, *value;
    size_t name_length, value_length;
} parameter;

static bool is_named(const parameter *p, const char *name)
{
    return p->name_length == strlen(name) && memcmp(p->name, name, p->name_length) == 0;
}

// One parameter, ;name or ;name=value or ;name="value"; moves past it.
static tt_status next_parameter(const char *d, size_t length, size_t *at, parameter *p)
{
    size_t end = ++*at;
    while (end < length && d[end] != '=' && d[end] != ';' && d[end] != ',')
        end++;
    *p = (parameter){.name = d + *at, .name_length = end - *at, .value = d + end};
    if (end < length && d[end] == '=') {
        bool quoted = end + 1 < length && d[end + 1] == '"';
        p->value = d + end + 1 + quoted;
        end += 1 + (size_t)quoted;
        while (end < length && (quoted ? d[end] != '"' : d[end] != ';' && d[end] != ','))
            end += quoted && d[end] == '\\' ? 2 : 1; // a backslash protects the next one
        if (quoted && end >= length)
            return TT_MALFORMED;
        p->value_length = (size_t)(d + end - p->value);
        end += quoted;
    }
    *at = end;
    return p->name_length > 0 ? TT_OK : TT_MALFORMED;
}

// The path of a link, between < and >; moves past it.
static tt_status next_target(const char *d, size_t length, size_t *at, const char **path,
                             size_t *path_length)
{
    const char *end = memchr(d + *at, '>', length - *at);
    if (d[*at] != '<' || end == NULL)
        return TT_MALFORMED;
    size_t first = *at + 1;
    *path = d + first;
    *path_length = (size_t)(end - d) - first;
    *at = (size_t)(end - d) + 1;
    return TT_OK;
}

static bool take_parameter(tt_link *link, const parameter *p)
{
    link->observable |= is_named(p, "obs");
    if (is_named(p, "rt"))
        return copy(link->type, sizeof(link->type), p->value, p->value_length, unescape_quoted);
    if (is_named(p, "if"))
        return copy(link->interface_description, sizeof(link->interface_description), p->value,
                    p->value_length, unescape_quoted);
    return true;
}

tt_status tt_link_next(const char *d, size_t length, size_t *at, tt_link *link)
{
    const char *path;
    size_t path_length;
    memset(link, 0, sizeof(*link));
    if (*at < length && d[*at] == ',')
        ++*at;
    if (*at >= length)
        return TT_EMPTY;
    tt_status status = next_target(d, length, at, &path, &path_length);
    if (status != TT_OK)
        return status;
    bool slash = path_length > 0 && path[0] == '/';
    if (!copy(link->path, sizeof(link->path), path + slash, path_length - slash, unescape_path))
        return TT_TOO_LARGE;
    while (*at < length && d[*at] == ';') {
        parameter p;
        status = next_parameter(d, length, at, &p);
        if (status != TT_OK)
            return status;
        if (!take_parameter(link, &p))
            return TT_TOO_LARGE;
    }
    return *at == length || d[*at] == ',' ? TT_OK : TT_MALFORMED;
}

tt_status tt_link_value(const char *text, size_t length, const char *name, char *value,
                        size_t capacity)
{
    const char *path;
    size_t at = 0, path_length;
    tt_status status =
        length > 0 ? next_target(text, length, &at, &path, &path_length) : TT_MALFORMED;
    while (status == TT_OK && at < length && text[at] == ';') {
        parameter p;
        status = next_parameter(text, length, &at, &p);
        if (status == TT_OK && is_named(&p, name))
            return copy(value, capacity, p.value, p.value_length, unescape_quoted) ? TT_OK
                                                                                   : TT_TOO_LARGE;
    }
    return status == TT_OK ? TT_NOT_FOUND : status;
}

void tt_links_init(tt_links *links, char *text, size_t capacity)
{
    *links = (tt_links){.text = text, .capacity = capacity};
}

// The text stays where it is until the next link begins.
static tt_status end_link(tt_links *links, size_t *link_length)
{
    bool cut = links->cut;
    *link_length = links->length;
    tt_links_init(links, links->text, links->capacity);
    return cut ? TT_TOO_LARGE : *link_length == 0 ? TT_MALFORMED : TT_OK; // nothing between commas
}

tt_status tt_links_take_text(tt_links *links, const char *piece, size_t length, size_t *at,
                             bool last, size_t *link_length)
{
    while (*at < length) {
        char c = piece[(*at)++];
        if (c == ',' && !links->in_path && !links->quoted)
            return end_link(links, link_length);
        if (!links->quoted && (c == '<' || c == '>'))
            links->in_path = c == '<';
        else if (c == '"' && !links->in_path && !links->escaped)
            links->quoted = !links->quoted;
        links->escaped = links->quoted && c == '\\' && !links->escaped;
        if (links->length < links->capacity)
            links->text[links->length++] = c;
        else
            links->cut = true;
    }
    return last && links->length > 0 ? end_link(links, link_length) : TT_EMPTY;
}

tt_status tt_links_take(tt_links *links, const char *piece, size_t length, size_t *at, bool last,
                        tt_link *link)
{
    size_t link_length, first = 0;
    tt_status status = tt_links_take_text(links, piece, length, at, last, &link_length);
    return status == TT_OK ? tt_link_next(links->text, link_length, &first, link) : status;
}
