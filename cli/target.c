// Reading targets.

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

// Undoes the percent-encoding (RFC 3986, 2.1) of a path or query. The bus keeps both as one text
// whose parts `separator` parts, so a part cannot hold it, nor a zero byte.
static tt_status decode(char *to, size_t capacity, const char *from, size_t length, char separator,
                        tt_text *why)
{
    size_t used = 0;
    for (size_t i = 0; i < length && used < capacity; i++) {
        char byte = from[i];
        if (byte == '#')
            return refuse(why, "no fragment: a '#' that is meant is written %23", from);
        if (byte == '%') {
            int high = i + 2 < length ? hex_digit(from[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(from[i + 2]) : -1;
            if (low < 0)
                return refuse(why, "two hexadecimal digits behind each '%' (%25 is one)", from + i);
            byte = (char)(high * 16 + low);
            if (byte == '\0' || byte == separator)
                return refuse(why, "no separator and no zero byte inside a part", from + i);
            i += 2;
        }
        to[used++] = byte;
    }
    if (used == capacity)
        return refuse(
            why, separator == '/' ? "a path of at most 63 bytes" : "a query of at most 63 bytes",
            from);
    to[used] = '\0';
    return TT_OK;
}

// The scheme of a URI at the start of `text`, up to "://"; 0 where it begins otherwise.
static size_t scheme_length(const char *text)
{
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return strncmp(text + length, "://", 3) == 0 ? length : 0;
}

static tt_status parse_address(tt_target *target, const char *text, const char *authority,
                               size_t length, tt_text *why)
{
    char host[TT_ENDPOINT_TEXT_MAX];
    if (copy(host, sizeof(host), authority, length) && strcmp(host, "localhost") == 0)
        strcpy(host, "127.0.0.1");
    if (length >= sizeof(host) || tt_endpoint_parse(&target->endpoint, host, TT_BUS_PORT) != TT_OK)
        return refuse(why, "an address such as 127.0.0.1:5683 or [fe80::1%1]:5683", text);
    return TT_OK;
}

tt_status tt_target_parse(tt_target *target, const char *text, tt_text *why)
{
    static const char kind[] = "kind:";
    *target = (tt_target){.kind = TT_TARGET_NAME};
    const char *device = text;
    size_t scheme = scheme_length(text);
    if (scheme == 5 && strncasecmp(text, "coaps", 5) == 0)
        return refuse(why, "coap://: there is no security yet, so coaps:// reaches nobody", text);
    if (scheme > 0 && (scheme != 4 || strncasecmp(text, "coap", 4) != 0))
        return refuse(why, "coap://, the only scheme there is", text);
    if (scheme > 0) {
        target->kind = TT_TARGET_ADDRESS;
        device += scheme + 3;
    } else if (strncmp(text, kind, sizeof(kind) - 1) == 0) {
        target->kind = TT_TARGET_KIND;
        device += sizeof(kind) - 1;
    }
    bool address = target->kind == TT_TARGET_ADDRESS;
    size_t length = strcspn(device, address ? "/?#" : "/");
    const char *path = device + length;
    if (length == 0 || (*path != '/' && !address)) // a URI without a path means the root
        return refuse(why, "NAME/path, kind:KIND/path or coap://HOST[:PORT]/path", text);
    path += *path == '/';
    size_t path_length = strcspn(path, "?");
    const char *query = path + path_length;
    query += *query == '?';
    tt_status status = decode(target->path, sizeof(target->path), path, path_length, '/', why);
    if (status == TT_OK)
        status = decode(target->query, sizeof(target->query), query, strlen(query), '&', why);
    if (status != TT_OK)
        return status;
    if (address)
        return parse_address(target, text, device, length, why);
    return copy(target->device, sizeof(target->device), device, length)
               ? TT_OK
               : refuse(why, "a name of at most 31 bytes", text);
}
