// /.well-known/core: the links of this device's resources, filtered by a query such as
// rt=tutti.model or href=/ai/*; and the reader for the other side.

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

static void add_attribute(tt_text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    tt_text_add(text, name);
    tt_text_add(text, "=\"");
    tt_text_add(text, value);
    tt_text_add(text, "\"");
}

void tt_bus_links_handler(tt_resource *well_known, tt_time now, const tt_request *request,
                          tt_response *response)
{
    (void)now;
    tt_bus *bus = well_known->context;
    tt_text text;
    tt_text_init(&text, bus->links, sizeof(bus->links));
    for (tt_list *node = bus->resources.next; node != &bus->resources; node = node->next) {
        const tt_resource *resource = TT_CONTAINER(node, tt_resource, link);
        if (resource->hidden || !matches(resource, request->query))
            continue;
        tt_text_add(&text, text.length > 0 ? ",</" : "</");
        tt_text_add(&text, resource->path);
        tt_text_add(&text, ">");
        add_attribute(&text, ";rt", resource->type);
        add_attribute(&text, ";if", resource->interface_description);
        tt_text_add(&text, resource->observable ? ";obs" : "");
    }
    TT_CHECK(!text.cut); // a product with so many resources sets TT_BUS_LINKS_MAX
    response->code = TT_CONTENT;
    response->content_format = TT_FORMAT_LINKS;
    response->payload = bus->links;
    response->length = text.length;
}

static bool copy(char *to, size_t capacity, const char *from, size_t length)
{
    if (length >= capacity)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

// One parameter, ;name or ;name=value or ;name="value"; moves past it.
static tt_status parameter(const char *d, size_t length, size_t *at, tt_link *link)
{
    size_t name = *at, end = name;
    while (end < length && d[end] != '=' && d[end] != ';' && d[end] != ',')
        end++;
    size_t name_length = end - name, value = end, value_length = 0;
    if (end < length && d[end] == '=') {
        bool quoted = end + 1 < length && d[end + 1] == '"';
        value = end + 1 + quoted;
        end = value;
        while (end < length && (quoted ? d[end] != '"' : d[end] != ';' && d[end] != ','))
            end += quoted && d[end] == '\\' ? 2 : 1; // a backslash protects the next one
        if (quoted && end >= length)
            return TT_MALFORMED;
        value_length = end - value;
        end += quoted;
    }
    *at = end;
    if (name_length == 0)
        return TT_MALFORMED;
    if (name_length == 3 && memcmp(d + name, "obs", 3) == 0)
        link->observable = true;
    bool fits = true;
    if (name_length == 2 && memcmp(d + name, "rt", 2) == 0)
        fits = copy(link->type, sizeof(link->type), d + value, value_length);
    if (name_length == 2 && memcmp(d + name, "if", 2) == 0)
        fits = copy(link->interface_description, sizeof(link->interface_description), d + value,
                    value_length);
    return fits ? TT_OK : TT_TOO_LARGE;
}

tt_status tt_link_next(const char *d, size_t length, size_t *at, tt_link *link)
{
    memset(link, 0, sizeof(*link));
    if (*at < length && d[*at] == ',')
        ++*at;
    if (*at >= length)
        return TT_EMPTY;
    const char *end = memchr(d + *at, '>', length - *at);
    if (d[*at] != '<' || end == NULL)
        return TT_MALFORMED;
    size_t first = *at + 1;
    first += first < length && d[first] == '/';
    size_t path_length = (size_t)(end - d) > first ? (size_t)(end - d) - first : 0;
    *at = (size_t)(end - d) + 1;
    if (!copy(link->path, sizeof(link->path), d + first, path_length))
        return TT_TOO_LARGE;
    while (*at < length && d[*at] == ';') {
        ++*at;
        tt_status status = parameter(d, length, at, link);
        if (status != TT_OK)
            return status;
    }
    return *at == length || d[*at] == ',' ? TT_OK : TT_MALFORMED;
}
