// The platform of a host process that is a station of the virtual Ethernet: platform/host for
// clock, worker and sleep, lwIP over the switch's socket for datagrams (see
// tutti/platform_switch.h).

#include <stddef.h>

#include "os/driver/switch_link.h"
#include "tutti/platform_host.h"
#include "platform/lwip/stack.h"
#include "tutti/check.h"
#include "tutti/platform_switch.h"
#include "tutti/random.h"

static struct station {
    tt_platform platform; // first
    tt_host host;
    tt_switch_link link;
} station;

static tt_time station_now(tt_platform *platform)
{
    (void)platform;
    return tt_host_now();
}

static tt_time stack_now(void *context)
{
    (void)context;
    return tt_host_now();
}

static void station_random(tt_platform *platform, void *bytes, size_t length)
{
    (void)platform;
    tt_host_random(bytes, length);
}

static tt_status station_open(tt_platform *platform, uint16_t port, const tt_endpoint *groups,
                              size_t group_count, tt_socket *opened)
{
    (void)platform;
    return tt_stack_open(port, groups, group_count, opened);
}

static uint16_t station_port(tt_platform *platform, tt_socket socket)
{
    (void)platform;
    return tt_stack_port(socket);
}

static tt_status station_send(tt_platform *platform, const tt_datagram *datagram)
{
    (void)platform;
    return tt_stack_send(datagram);
}

static tt_status station_receive(tt_platform *platform, tt_datagram *datagram)
{
    (void)platform;
    return tt_stack_receive(datagram);
}

static size_t station_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform;
    return tt_stack_addresses(addresses, capacity);
}

static void station_wait(tt_platform *platform, tt_time deadline)
{
    (void)platform;
    tt_stack_advance();
    // A connection that was closed is always readable: without the switch only time passes.
    tt_host_wait(&station.host, tt_earlier(deadline, tt_stack_deadline()), &station.link.descriptor,
                 station.link.gone ? 0 : 1);
}

static void station_wake(tt_platform *platform)
{
    (void)platform;
    tt_host_wake(&station.host);
}

static tt_status station_work(tt_platform *platform, tt_work *work)
{
    (void)platform;
    return tt_host_work(&station.host, work);
}

static const tt_platform_operations operations = {
    .now = station_now,
    .random = station_random,
    .open = station_open,
    .port = station_port,
    .send = station_send,
    .receive = station_receive,
    .addresses = station_addresses,
    .wait = station_wait,
    .wake = station_wake,
    .work = station_work,
};

tt_status tt_platform_switch_open(tt_platform **platform, const char *socket_path, uint64_t seed)
{
    TT_CHECK(station.platform.operations == NULL); // one a process
    tt_random random;
    uint8_t mac[6];
    tt_random_seed(&random, seed);
    tt_random_bytes(&random, mac, sizeof(mac));
    mac[0] = 0x02; // locally administered, one station

    tt_status status = tt_switch_link_open(&station.link, socket_path, mac);
    if (status != TT_OK)
        return status;
    status = tt_host_init(&station.host);
    if (status != TT_OK)
        return status;
    // Whoever asks should not wait a second for each question, and forty random bits are its own.
    tt_stack_start(&(tt_stack_options){.ethernet = &station.link.ethernet,
                                       .now = stack_now,
                                       .seed = tt_random_u64(&random),
                                       .optimistic = true});
    station.platform.operations = &operations;
    *platform = &station.platform;
    return TT_OK;
}

bool tt_platform_switch_alive(const tt_platform *platform)
{
    (void)platform;
    return !station.link.gone;
}
