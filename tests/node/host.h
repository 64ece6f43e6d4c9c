// A platform of plain variables for one node: its time, its chance, and what comes to it are the
// test's. What it sends is for the test's own `send`.

#ifndef TUTTI_TESTS_NODE_HOST_H
#define TUTTI_TESTS_NODE_HOST_H

#include <string.h>

#include "tests/test.h"
#include "tutti/node.h"

#define HOST_INBOX_MAX 64

static struct {
    tt_platform platform; // first
    tt_time now;
    tt_random random;
    tt_datagram inbox[HOST_INBOX_MAX];
    unsigned first, count;
} host;

static tt_time host_now(tt_platform *platform)
{
    (void)platform;
    return host.now;
}

static void host_random(tt_platform *platform, void *bytes, size_t length)
{
    (void)platform;
    tt_random_bytes(&host.random, bytes, length);
}

// The bus's socket is 0, that of multicast DNS 1.
static tt_status host_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                           size_t group_count, tt_socket *socket)
{
    (void)platform, (void)groups, (void)group_count;
    *socket = port == TT_MDNS_PORT;
    return TT_OK;
}

static uint16_t host_port(tt_platform *platform, tt_socket socket)
{
    (void)platform, (void)socket;
    return TT_BUS_PORT;
}

static tt_status host_receive(tt_platform *platform, tt_datagram *datagram)
{
    (void)platform;
    if (host.count == 0)
        return TT_EMPTY;
    *datagram = host.inbox[host.first];
    host.first = (host.first + 1) % HOST_INBOX_MAX;
    host.count--;
    return TT_OK;
}

// An empty datagram that comes next behind those that wait.
static inline tt_datagram *host_add(const tt_endpoint *from)
{
    REQUIRE(host.count < HOST_INBOX_MAX);
    tt_datagram *d = &host.inbox[(host.first + host.count++) % HOST_INBOX_MAX];
    *d = (tt_datagram){.peer = *from};
    return d;
}

static inline void host_start(const tt_platform_operations *operations)
{
    memset(&host, 0, sizeof(host));
    host.platform.operations = operations;
    host.now = TT_SECONDS(1);
    tt_random_seed(&host.random, 3);
}

// The test's bus at the near address of a number.
static inline tt_endpoint host_place(unsigned i)
{
    return (tt_endpoint){
        .ip = {0xfe, 0x80, [15] = (uint8_t)i}, .port = TT_BUS_PORT, .interface = 1};
}

#endif
