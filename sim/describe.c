// Messages in words, for the trace: as much as fits a line, of whatever bytes came.

#include "bus/dns.h"
#include "bus/message.h"
#include "sim/internal.h"
#include "tutti/check.h"
#include "tutti/discovery.h"

const char *const tt_sim_message_names[TT_SIM_MESSAGES] = {
    [TT_SIM_MDNS_QUESTION] = "mDNS question",
    [TT_SIM_MDNS_ANSWER] = "mDNS answer",
    [TT_SIM_COAP_CON] = "CoAP CON",
    [TT_SIM_COAP_NON] = "CoAP NON",
    [TT_SIM_COAP_ACK] = "CoAP ACK",
    [TT_SIM_COAP_RST] = "CoAP RST",
    [TT_SIM_OTHER] = "other",
};

tt_sim_message tt_sim_message_of(const tt_endpoint *from, const tt_endpoint *to, const void *bytes,
                                 size_t length)
{
    const uint8_t *first = bytes;
    if (length >= 12 && (from->port == TT_MDNS_PORT || to->port == TT_MDNS_PORT))
        return first[2] & 0x80 ? TT_SIM_MDNS_ANSWER : TT_SIM_MDNS_QUESTION; // RFC 1035, 4.1.1: QR
    if (length >= 4 && first[0] >> 6 == 1) // RFC 7252, 3: the version
        return TT_SIM_COAP_CON + (first[0] >> 4 & 3);
    return TT_SIM_OTHER;
}

static void add_number(tt_text *text, const char *what, uint64_t number)
{
    tt_text_add(text, what);
    tt_text_add_unsigned(text, number);
}

static void describe_dns(const void *bytes, size_t length, tt_text *text)
{
    tt_dns_header header;
    tt_dns_record record = {0};
    tt_reader r;
    tt_reader_init(&r, bytes, length);
    tt_dns_header_read(&r, &header);
    add_number(text, " ", header.questions);
    add_number(text, "+", header.answers);
    add_number(text, "+", header.authorities);
    add_number(text, "+", header.additionals);
    bool asks = header.questions > 0;
    if ((asks ? tt_dns_question_read(&r, &record) : tt_dns_record_read(&r, &record)) != TT_OK)
        return;
    add_number(text, ", type ", record.type);
    tt_text_add(text, " of ");
    tt_text_add(text, record.name);
    if (!asks && record.ttl_seconds == 0)
        tt_text_add(text, ", goodbye");
}

static void add_code(tt_text *text, unsigned code)
{
    static const char *const methods[] = {"empty", "GET", "POST", "PUT", "DELETE"};
    tt_text_add(text, " ");
    if (code < TT_COUNT(methods)) {
        tt_text_add(text, methods[code]);
        return;
    }
    tt_text_add_unsigned(text, code >> 5);
    tt_text_add(text, code % 32 < 10 ? ".0" : ".");
    tt_text_add_unsigned(text, code % 32);
}

static void add_block(tt_text *text, const char *which, const tt_block *block)
{
    if (!block->present)
        return;
    add_number(text, which, block->number);
    add_number(text, "/", tt_block_bytes(block));
    tt_text_add(text, block->more ? "+" : "");
}

static void describe_coap(const void *bytes, size_t length, tt_text *text)
{
    static tt_message message; // large
    tt_status status = tt_message_parse(&message, bytes, length);
    add_code(text, message.code);
    if (status == TT_OK && message.path[0] != '\0') {
        tt_text_add(text, " /");
        tt_text_add(text, message.path);
    }
    tt_text_add(text, " id ");
    tt_text_add_hex(text, message.id, 4);
    if (status != TT_OK) {
        tt_text_add(text, ", malformed");
        return;
    }
    tt_text_add(text, message.token.length > 0 ? " token " : "");
    for (unsigned i = 0; i < message.token.length; i++)
        tt_text_add_hex(text, message.token.bytes[i], 2);
    if (message.has_observe)
        add_number(text, " observe ", message.observe);
    add_block(text, " block1 ", &message.block1);
    add_block(text, " block2 ", &message.block2);
    if (message.length > 0)
        add_number(text, " body ", message.length);
}

void tt_sim_describe(tt_sim_message message, const void *bytes, size_t length, tt_text *text)
{
    const uint8_t *first = bytes;
    tt_text_add(text, tt_sim_message_names[message]);
    if (message == TT_SIM_MDNS_QUESTION || message == TT_SIM_MDNS_ANSWER)
        describe_dns(bytes, length, text);
    else if (message != TT_SIM_OTHER)
        describe_coap(bytes, length, text);
    tt_text_add(text, message == TT_SIM_OTHER ? " " : "");
    for (size_t i = 0; i < length && i < 16 && message == TT_SIM_OTHER; i++)
        tt_text_add_hex(text, first[i], 2);
}
