// libcoap's side, by its public interface (version 4.3).

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <stdbool.h>
#include <string.h>

#include "bench/bus/rtt.h"

static coap_context_t *context;
static coap_session_t *session;
static int answered, putting;
static size_t received; // of the long answer

static coap_address_t loopback(uint16_t port)
{
    coap_address_t address;
    coap_address_init(&address);
    address.size = sizeof(address.addr.sin);
    address.addr.sin.sin_family = AF_INET;
    address.addr.sin.sin_port = htons(port);
    address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void value(coap_resource_t *resource, coap_session_t *from, const coap_pdu_t *request,
                  const coap_string_t *query, coap_pdu_t *response)
{
    (void)resource, (void)from, (void)request, (void)query;
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    coap_add_data(response, ANSWER_BYTES, (const uint8_t *)ANSWER);
}

static void give_long(coap_resource_t *resource, coap_session_t *from, const coap_pdu_t *request,
                      const coap_string_t *query, coap_pdu_t *response)
{
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    coap_add_data_large_response(resource, from, request, response, query,
                                 COAP_MEDIATYPE_APPLICATION_OCTET_STREAM, -1, 1, LONG_BYTES,
                                 long_bytes, NULL, NULL);
}

static void take_long(coap_resource_t *resource, coap_session_t *from, const coap_pdu_t *request,
                      const coap_string_t *query, coap_pdu_t *response)
{
    size_t length, offset, total;
    const uint8_t *data;
    (void)resource, (void)from, (void)query;
    bool right = coap_get_data_large(request, &length, &data, &offset, &total) &&
                 length == LONG_BYTES && memcmp(data, long_bytes, length) == 0;
    coap_pdu_set_code(response, right ? COAP_RESPONSE_CODE_CHANGED : COAP_RESPONSE_CODE_INCOMPLETE);
}

static void add(const char *path, coap_method_handler_t handler, coap_method_handler_t put)
{
    coap_resource_t *resource = coap_resource_init(coap_make_str_const(path), 0);
    coap_register_request_handler(resource, COAP_REQUEST_GET, handler);
    if (put != NULL)
        coap_register_request_handler(resource, COAP_REQUEST_PUT, put);
    coap_add_resource(context, resource);
}

static void serve(uint16_t port)
{
    coap_address_t address = loopback(port);
    coap_startup();
    context = coap_new_context(NULL);
    if (context == NULL || coap_new_endpoint(context, &address, COAP_PROTO_UDP) == NULL)
        fail("libcoap's port cannot be opened");
    coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
    add(RESOURCE, value, NULL);
    add(LONG_RESOURCE, give_long, take_long);
    for (;;)
        coap_io_process(context, COAP_IO_WAIT);
}

static coap_response_t on_response(coap_session_t *from, const coap_pdu_t *sent,
                                   const coap_pdu_t *received_pdu, const coap_mid_t id)
{
    size_t length;
    const uint8_t *data;
    coap_block_t block;
    (void)from, (void)sent, (void)id;
    if (putting) {
        if (coap_pdu_get_code(received_pdu) != COAP_RESPONSE_CODE_CHANGED)
            fail("libcoap did not take what was put");
        answered = 1;
        return COAP_RESPONSE_OK;
    }
    if (coap_get_block(received_pdu, COAP_OPTION_BLOCK2, &block)) {
        size_t offset = (size_t)block.num << (block.szx + 4);
        if (!coap_get_data(received_pdu, &length, &data) || offset != received ||
            offset + length > LONG_BYTES || memcmp(data, long_bytes + offset, length) != 0)
            fail("libcoap's long answer is wrong");
        received = offset + length;
        answered = !block.m;
        return COAP_RESPONSE_OK;
    }
    if (!coap_get_data(received_pdu, &length, &data) || length != ANSWER_BYTES ||
        memcmp(data, ANSWER, length) != 0)
        fail("libcoap's answer is wrong");
    answered = 1;
    return COAP_RESPONSE_OK;
}

static void open_client(uint16_t port)
{
    coap_address_t address = loopback(port);
    coap_startup();
    context = coap_new_context(NULL);
    if (context != NULL)
        coap_context_set_block_mode(context,
                                    COAP_BLOCK_USE_LIBCOAP); // of sessions made from now on
    session =
        context != NULL ? coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP) : NULL;
    if (session == NULL)
        fail("libcoap's client cannot be opened");
    coap_register_response_handler(context, on_response);
}

static void get(const char *path)
{
    coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
    uint8_t token[8];
    size_t token_length;
    coap_session_new_token(session, &token_length, token);
    coap_add_token(request, token_length, token);
    coap_add_option(request, COAP_OPTION_URI_PATH, strlen(path), (const uint8_t *)path);
    answered = 0;
    received = 0;
    if (coap_send(session, request) == COAP_INVALID_MID)
        fail("libcoap did not send");
    while (!answered)
        coap_io_process(context, COAP_IO_WAIT);
}

static void ask(void)
{
    get(RESOURCE);
}

static void fetch(void)
{
    get(LONG_RESOURCE);
}

static void give(void)
{
    coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_PUT, session);
    uint8_t token[8];
    size_t token_length;
    coap_session_new_token(session, &token_length, token);
    coap_add_token(request, token_length, token);
    coap_add_option(request, COAP_OPTION_URI_PATH, strlen(LONG_RESOURCE),
                    (const uint8_t *)LONG_RESOURCE);
    answered = 0;
    putting = 1;
    if (!coap_add_data_large_request(session, request, LONG_BYTES, long_bytes, NULL, NULL) ||
        coap_send(session, request) == COAP_INVALID_MID)
        fail("libcoap did not send");
    while (!answered)
        coap_io_process(context, COAP_IO_WAIT);
    putting = 0;
}

const side libcoap_side = {"libcoap", 0, serve, open_client, ask, fetch, give};
