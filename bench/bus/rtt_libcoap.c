// libcoap's side, by its public interface (version 4.3).

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <string.h>

#include "bench/bus/rtt.h"

static coap_context_t *context;
static coap_session_t *session;
static int answered;

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

static void serve(uint16_t port)
{
    coap_address_t address = loopback(port);
    coap_startup();
    context = coap_new_context(NULL);
    if (context == NULL || coap_new_endpoint(context, &address, COAP_PROTO_UDP) == NULL)
        fail("libcoap's port cannot be opened");
    coap_resource_t *resource = coap_resource_init(coap_make_str_const(RESOURCE), 0);
    coap_register_request_handler(resource, COAP_REQUEST_GET, value);
    coap_add_resource(context, resource);
    for (;;)
        coap_io_process(context, COAP_IO_WAIT);
}

static coap_response_t on_response(coap_session_t *from, const coap_pdu_t *sent,
                                   const coap_pdu_t *received, const coap_mid_t id)
{
    size_t length;
    const uint8_t *data;
    (void)from, (void)sent, (void)id;
    if (!coap_get_data(received, &length, &data) || length != ANSWER_BYTES ||
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
    session =
        context != NULL ? coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP) : NULL;
    if (session == NULL)
        fail("libcoap's client cannot be opened");
    coap_register_response_handler(context, on_response);
}

static void ask(void)
{
    coap_pdu_t *request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, session);
    uint8_t token[8];
    size_t token_length;
    coap_session_new_token(session, &token_length, token);
    coap_add_token(request, token_length, token);
    coap_add_option(request, COAP_OPTION_URI_PATH, sizeof(RESOURCE) - 1, (const uint8_t *)RESOURCE);
    answered = 0;
    if (coap_send(session, request) == COAP_INVALID_MID)
        fail("libcoap did not send");
    while (!answered)
        coap_io_process(context, COAP_IO_WAIT);
}

const side libcoap_side = {"libcoap", 0, serve, open_client, ask};
