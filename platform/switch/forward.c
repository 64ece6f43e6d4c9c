// Passing datagrams between the loopback interface and the virtual Ethernet (see forward.h).

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tutti/platform_host.h"
#include "platform/lwip/stack.h"
#include "platform/switch/forward.h"
#include "tutti/check.h"
#include "tutti/random.h"

#define AT_A_TIME 16 // datagrams of one socket in one turn, so that none starves the others

_Static_assert(TT_FORWARD_CLIENTS_MAX <= TT_STACK_SOCKETS_MAX, "each client has a socket");

static socklen_t to_system(const tt_endpoint *endpoint, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof(*address));
    if (tt_endpoint_is_ipv4(endpoint)) {
        struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        memcpy(&four.sin_addr, endpoint->ip + 12, 4);
        memcpy(address, &four, sizeof(four));
        return sizeof(four);
    }
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    memcpy(&six.sin6_addr, endpoint->ip, 16);
    memcpy(address, &six, sizeof(six));
    return sizeof(six);
}

static void from_system(const struct sockaddr_storage *address, tt_endpoint *endpoint)
{
    *endpoint = (tt_endpoint){0};
    if (address->ss_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof(four));
        endpoint->ip[10] = endpoint->ip[11] = 0xff;
        memcpy(endpoint->ip + 12, &four.sin_addr, 4);
        endpoint->port = ntohs(four.sin_port);
    } else {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof(six));
        memcpy(endpoint->ip, &six.sin6_addr, 16);
        endpoint->port = ntohs(six.sin6_port);
    }
}

// ---- opening

static tt_status bind_loopback(bool ipv6, uint16_t port, int *descriptor)
{
    tt_endpoint four = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = port};
    tt_endpoint six = {.ip = {[15] = 1}, .port = port};
    struct sockaddr_storage address;
    socklen_t length = to_system(ipv6 ? &six : &four, &address);
    *descriptor = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*descriptor < 0)
        return ipv6 && errno == EAFNOSUPPORT ? TT_OK : TT_IO; // one family will do
    if (bind(*descriptor, (struct sockaddr *)&address, length) == 0)
        return TT_OK;
    int reason = errno;
    close(*descriptor);
    *descriptor = -1;
    return reason == EADDRINUSE              ? TT_BUSY
           : reason == EACCES                ? TT_DENIED
           : ipv6 && reason == EADDRNOTAVAIL ? TT_OK // IPv6 is switched off
                                             : TT_IO;
}

tt_status tt_forwarder_add(tt_forwarder *f, uint16_t port)
{
    if (f->count == TT_FORWARDS_MAX)
        return TT_FULL;
    tt_forward *forward = &f->forwards[f->count];
    *forward = (tt_forward){.port = port, .descriptors = {-1, -1}};
    tt_status status = bind_loopback(false, port, &forward->descriptors[0]);
    if (status == TT_OK)
        status = bind_loopback(true, port, &forward->descriptors[1]);
    if (status == TT_OK)
        f->count++;
    else if (forward->descriptors[0] >= 0)
        close(forward->descriptors[0]);
    return status;
}

static tt_time stack_now(void *context)
{
    (void)context;
    return tt_host_now();
}

tt_status tt_forwarder_start(tt_forwarder *f, const char *socket_path, uint64_t seed)
{
    tt_random random;
    uint8_t mac[6];
    tt_random_seed(&random, seed);
    tt_random_bytes(&random, mac, sizeof(mac));
    mac[0] = 0x02; // locally administered, one station
    tt_status status = tt_switch_link_open(&f->link, socket_path, mac);
    if (status == TT_OK)
        tt_stack_start(&(tt_stack_options){.ethernet = &f->link.ethernet,
                                           .now = stack_now,
                                           .seed = tt_random_u64(&random),
                                           .optimistic = true});
    return status;
}

void tt_forwarder_aim(tt_forwarder *f, unsigned forward, const tt_endpoint *device)
{
    TT_CHECK(forward < f->count);
    f->forwards[forward].device = *device;
}

void tt_forwarder_close(tt_forwarder *f)
{
    for (unsigned i = 0; i < 2 * f->count; i++)
        if (f->forwards[i / 2].descriptors[i % 2] >= 0)
            close(f->forwards[i / 2].descriptors[i % 2]);
    f->count = 0;
}

// ---- clients

// The place for a new client: a free one, that of one who was silent too long, or in a full table
// that of who was silent longest; NULL where all are active.
static tt_forward_client *find_place(tt_forwarder *f, tt_time now)
{
    tt_forward_client *oldest = &f->clients[0];
    for (unsigned i = 0; i < TT_FORWARD_CLIENTS_MAX; i++) {
        if (!f->clients[i].used)
            return &f->clients[i];
        if (f->clients[i].active_at < oldest->active_at)
            oldest = &f->clients[i];
    }
    return now - oldest->active_at >= TT_FORWARD_YIELDS ? oldest : NULL;
}

static void forget(tt_forward_client *client)
{
    tt_stack_close(client->socket);
    client->used = false;
}

static tt_forward_client *client_of(tt_forwarder *f, unsigned forward, const tt_endpoint *endpoint,
                                    tt_time now)
{
    for (unsigned i = 0; i < TT_FORWARD_CLIENTS_MAX; i++) {
        tt_forward_client *client = &f->clients[i];
        if (client->used && client->forward == forward &&
            tt_endpoint_equal(&client->endpoint, endpoint))
            return client;
    }
    tt_forward_client *client = find_place(f, now);
    tt_socket socket;
    if (client != NULL && client->used)
        forget(client);
    if (client == NULL || tt_stack_open(0, NULL, 0, &socket) != TT_OK) {
        f->turned_away++;
        return NULL;
    }
    *client = (tt_forward_client){
        .used = true, .forward = forward, .endpoint = *endpoint, .socket = socket};
    return client;
}

static void forget_silent(tt_forwarder *f, tt_time now)
{
    for (unsigned i = 0; i < TT_FORWARD_CLIENTS_MAX; i++)
        if (f->clients[i].used && now - f->clients[i].active_at >= TT_FORWARD_IDLE)
            forget(&f->clients[i]);
}

// ---- passing on

static void take_from_clients(tt_forwarder *f, unsigned forward, int descriptor, tt_time now)
{
    tt_datagram *d = &f->datagram;
    for (int i = 0; i < AT_A_TIME; i++) {
        struct sockaddr_storage from;
        socklen_t from_bytes = sizeof(from);
        ssize_t length = recvfrom(descriptor, d->data, sizeof(d->data), MSG_TRUNC,
                                  (struct sockaddr *)&from, &from_bytes);
        if (length < 0)
            return;
        if ((size_t)length > sizeof(d->data) || f->forwards[forward].device.port == 0)
            continue; // no frame holds it, or nobody is there yet
        tt_endpoint endpoint;
        from_system(&from, &endpoint);
        tt_forward_client *client = client_of(f, forward, &endpoint, now);
        if (client == NULL)
            continue;
        client->active_at = now;
        d->socket = client->socket;
        d->peer = f->forwards[forward].device;
        d->hop_limit = 0;
        d->length = (size_t)length;
        (void)tt_stack_send(d); // one that does not go is lost, and whoever needs it repeats it
    }
}

static void give_to_client(tt_forwarder *f, tt_time now)
{
    const tt_datagram *d = &f->datagram;
    for (unsigned i = 0; i < TT_FORWARD_CLIENTS_MAX; i++) {
        tt_forward_client *client = &f->clients[i];
        if (!client->used || client->socket != d->socket)
            continue;
        const tt_forward *forward = &f->forwards[client->forward];
        if (!tt_endpoint_equal(&forward->device, &d->peer))
            return; // somebody else's: a client asked the device and nobody else
        client->active_at = now;
        struct sockaddr_storage to;
        socklen_t length = to_system(&client->endpoint, &to);
        (void)sendto(forward->descriptors[!tt_endpoint_is_ipv4(&client->endpoint)], d->data,
                     d->length, 0, (struct sockaddr *)&to, length); // lost where it does not go
        return;
    }
}

static int milliseconds_until(tt_time deadline)
{
    tt_time left = deadline - tt_host_now();
    return deadline == TT_FOREVER ? -1
           : left <= 0            ? 0
                                  : (int)(tt_earlier(left, TT_SECONDS(60)) / TT_MS(1)) + 1;
}

bool tt_forwarder_turn(tt_forwarder *f, int other, tt_time deadline)
{
    struct pollfd watched[2 + 2 * TT_FORWARDS_MAX] = {{.fd = f->link.descriptor, .events = POLLIN},
                                                      {.fd = other, .events = POLLIN}};
    for (unsigned i = 0; i < 2 * f->count; i++)
        watched[2 + i] =
            (struct pollfd){.fd = f->forwards[i / 2].descriptors[i % 2], .events = POLLIN};
    tt_stack_advance();
    deadline = tt_earlier(deadline, tt_stack_deadline());
    if (poll(watched, 2 + 2 * f->count, milliseconds_until(deadline)) < 0)
        return !f->link.gone; // a signal
    tt_time now = tt_host_now();
    forget_silent(f, now);
    for (unsigned i = 0; i < 2 * f->count; i++)
        if (watched[2 + i].revents != 0)
            take_from_clients(f, i / 2, watched[2 + i].fd, now);
    for (int i = 0; i < AT_A_TIME; i++) {
        tt_status status = tt_stack_receive(&f->datagram);
        if (status == TT_EMPTY)
            break;
        if (status == TT_OK)
            give_to_client(f, now);
    }
    return !f->link.gone;
}
