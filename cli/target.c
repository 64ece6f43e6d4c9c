// Reading targets.

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/target.h"

static bool copy(char *to, size_t capacity, const char *from, size_t length)
{
    if (length >= capacity)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static tt_status refuse(tt_text *why, const char *expected, const char *text)
{
    tt_text_add(why, "expected ");
    tt_text_add(why, expected);
    tt_text_add(why, ", found '");
    tt_text_add(why, text);
    tt_text_add(why, "'");
    return TT_MALFORMED;
}

tt_status tt_target_parse(tt_target *target, const char *text, tt_text *why)
{
    static const char scheme[] = "coap://", kind[] = "kind:";
    *target = (tt_target){.kind = TT_TARGET_NAME};
    const char *device = text;
    if (strncmp(text, scheme, sizeof(scheme) - 1) == 0) {
        target->kind = TT_TARGET_ADDRESS;
        device += sizeof(scheme) - 1;
    } else if (strncmp(text, kind, sizeof(kind) - 1) == 0) {
        target->kind = TT_TARGET_KIND;
        device += sizeof(kind) - 1;
    }
    size_t device_length = strcspn(device, "/"), path_length;
    const char *path = device + device_length;
    if (device_length == 0 || *path != '/')
        return refuse(why, "NAME/path, kind:KIND/path or coap://HOST[:PORT]/path", text);
    path_length = strcspn(++path, "?");
    const char *query = path + path_length;
    if (*query == '?')
        query++;
    if (!copy(target->path, sizeof(target->path), path, path_length))
        return refuse(why, "a path of at most 63 bytes", path);
    if (!copy(target->query, sizeof(target->query), query, strlen(query)))
        return refuse(why, "a query of at most 63 bytes", query);
    if (target->kind != TT_TARGET_ADDRESS)
        return copy(target->device, sizeof(target->device), device, device_length)
                   ? TT_OK
                   : refuse(why, "a name of at most 31 bytes", text);
    char host[TT_ENDPOINT_TEXT_MAX];
    if (copy(host, sizeof(host), device, device_length) && strcmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    if (device_length >= sizeof(host) ||
        tt_endpoint_parse(&target->endpoint, host, TT_BUS_PORT) != TT_OK)
        return refuse(why, "an address such as 127.0.0.1:5683 or [fe80::1%1]:5683", text);
    return TT_OK;
}
