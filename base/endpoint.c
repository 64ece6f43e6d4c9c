// Endpoints: comparing, writing and reading them (RFC 4291 text forms, RFC 5952 output).

#include <string.h>

#include "tutti/endpoint.h"

static const uint8_t ipv4_mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool tt_endpoint_equal(const tt_endpoint *a, const tt_endpoint *b)
{
    return a->port == b->port && a->interface == b->interface &&
           memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool tt_endpoint_is_ipv4(const tt_endpoint *endpoint)
{
    return memcmp(endpoint->ip, ipv4_mapped_prefix, sizeof(ipv4_mapped_prefix)) == 0;
}

bool tt_endpoint_is_multicast(const tt_endpoint *endpoint)
{
    if (tt_endpoint_is_ipv4(endpoint))
        return endpoint->ip[12] >= 224 && endpoint->ip[12] <= 239;
    return endpoint->ip[0] == 0xff;
}

bool tt_endpoint_is_loopback(const tt_endpoint *endpoint)
{
    static const uint8_t six[16] = {[15] = 1};
    if (tt_endpoint_is_ipv4(endpoint))
        return endpoint->ip[12] == 127;
    return memcmp(endpoint->ip, six, sizeof(six)) == 0;
}

bool tt_endpoint_is_link_local(const tt_endpoint *endpoint)
{
    if (tt_endpoint_is_ipv4(endpoint))
        return endpoint->ip[12] == 169 && endpoint->ip[13] == 254;
    return endpoint->ip[0] == 0xfe && (endpoint->ip[1] & 0xc0) == 0x80;
}

static void format_ipv4(const uint8_t *ip, tt_text *text)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            tt_text_add(text, ".");
        tt_text_add_unsigned(text, ip[i]);
    }
}

static void format_ipv6(const uint8_t *ip, tt_text *text)
{
    // The longest run of two or more zero groups becomes "::", the first of equals (RFC 5952, 4.2).
    int run_start = -1, run_length = 1;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && ip[2 * (i + length)] == 0 && ip[2 * (i + length) + 1] == 0)
            length++;
        if (length > run_length) {
            run_start = i;
            run_length = length;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == run_start) {
            tt_text_add(text, "::");
            i += run_length - 1;
            continue;
        }
        if (i > 0 && i != run_start + run_length) // without a run that is 0
            tt_text_add(text, ":");
        tt_text_add_hex(text, (uint64_t)ip[2 * i] << 8 | ip[2 * i + 1], 1);
    }
}

void tt_endpoint_format(const tt_endpoint *endpoint, tt_text *text)
{
    if (tt_endpoint_is_ipv4(endpoint)) {
        format_ipv4(endpoint->ip + 12, text);
    } else {
        tt_text_add(text, "[");
        format_ipv6(endpoint->ip, text);
        if (endpoint->interface != 0) {
            tt_text_add(text, "%");
            tt_text_add_unsigned(text, endpoint->interface);
        }
        tt_text_add(text, "]");
    }
    tt_text_add(text, ":");
    tt_text_add_unsigned(text, endpoint->port);
}

// Reads decimal digits up to `limit`; false where there is none or the value is larger.
static bool parse_decimal(const char **cursor, unsigned limit, unsigned *value)
{
    const char *at = *cursor;
    if (*at < '0' || *at > '9')
        return false;
    for (*value = 0; *at >= '0' && *at <= '9'; at++) {
        *value = *value * 10 + (unsigned)(*at - '0');
        if (*value > limit)
            return false;
    }
    *cursor = at;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool parse_ipv4(const char **cursor, uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned value;
        if (i > 0 && *(*cursor)++ != '.')
            return false;
        if (!parse_decimal(cursor, 255, &value))
            return false;
        ip[i] = (uint8_t)value;
    }
    return true;
}

// Reads as much as is an address into `ip`, which is all zero; what follows is the caller's.
static bool parse_ipv6(const char **cursor, uint8_t ip[16])
{
    uint8_t bytes[16] = {0};
    int count = 0, gap = -1; // bytes read, and where "::" stood
    const char *at = *cursor;
    while (count < 16) {
        if (at[0] == ':' && at[1] == ':') {
            if (gap >= 0)
                return false;
            gap = count;
            at += 2;
        } else if (count > 0 && gap != count) {
            if (*at != ':' || hex_digit(at[1]) < 0)
                break;
            at++;
        }
        if (hex_digit(*at) < 0)
            break;
        const char *group = at;
        unsigned value = 0;
        while (hex_digit(*at) >= 0 && at - group < 4)
            value = value << 4 | (unsigned)hex_digit(*at++);
        if (*at == '.' && count <= 12) { // a dotted tail, such as ::ffff:192.0.2.1
            at = group;
            if (!parse_ipv4(&at, bytes + count))
                return false;
            count += 4;
            break;
        }
        bytes[count++] = (uint8_t)(value >> 8);
        bytes[count++] = (uint8_t)value;
    }
    if (gap < 0 ? count != 16 : count > 14)
        return false;
    size_t head = gap < 0 ? 16 : (size_t)gap;
    memcpy(ip, bytes, head);
    if (gap >= 0)
        memcpy(ip + 16 - (count - gap), bytes + gap, (size_t)(count - gap));
    *cursor = at;
    return true;
}

tt_status tt_endpoint_parse(tt_endpoint *endpoint, const char *text, uint16_t default_port)
{
    tt_endpoint parsed = {.port = default_port};
    const char *at = text;
    bool bracket = *at == '[';
    bool ipv6 = bracket || strchr(at, '.') == NULL ||
                (strchr(at, ':') != NULL && strchr(at, ':') < strchr(at, '.'));
    at += bracket;
    if (ipv6) {
        if (!parse_ipv6(&at, parsed.ip))
            return TT_MALFORMED;
        if (*at == '%') {
            unsigned interface;
            at++;
            if (!parse_decimal(&at, 255, &interface))
                return TT_MALFORMED;
            parsed.interface = (uint8_t)interface;
        }
    } else {
        memcpy(parsed.ip, ipv4_mapped_prefix, sizeof(ipv4_mapped_prefix));
        if (!parse_ipv4(&at, parsed.ip + 12))
            return TT_MALFORMED;
    }
    if (bracket && *at++ != ']')
        return TT_MALFORMED;
    if (*at == ':' && (bracket || !ipv6)) {
        unsigned port;
        at++;
        if (!parse_decimal(&at, 65535, &port))
            return TT_MALFORMED;
        parsed.port = (uint16_t)port;
    }
    if (*at != '\0')
        return TT_MALFORMED;
    *endpoint = parsed;
    return TT_OK;
}
