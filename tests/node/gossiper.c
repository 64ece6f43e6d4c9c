// A node on any free port of the loopback interface, which it prints, that multicast does not
// reach: gossiper NAME [ADDRESS]: it knows the device at the address, and whom that one knows.

#include <stdio.h>

#include "tutti/check.h"
#include "tutti/members.h"
#include "tutti/node.h"
#include "tutti/platform_linux.h"

#define MEMBERS 16

static tt_status (*send_all)(tt_platform *platform, const tt_datagram *datagram);

// To a group nothing is sent, and nothing that came to one is answered.
static tt_status send_some(tt_platform *platform, const tt_datagram *datagram)
{
    return datagram->peer.port == TT_MDNS_PORT ? TT_OK : send_all(platform, datagram);
}

int main(int count, char **arguments)
{
    static tt_node node;
    static tt_members members;
    static tt_member places[MEMBERS];
    static uint16_t heads[2 * MEMBERS];
    static tt_platform_linux platform;
    static tt_platform_operations operations;
    tt_node_options options = {
        .name = count > 1 ? arguments[1] : "nobody", .kind = "test", .members = &members};
    tt_members_init(&members, places, heads, MEMBERS);
    if (tt_platform_linux_init(&platform) != TT_OK)
        return 1;
    operations = *platform.platform.operations;
    send_all = operations.send;
    operations.send = send_some;
    platform.platform.operations = &operations;
    if (tt_node_init(&node, &platform.platform, &options) != TT_OK)
        return 1;
    tt_endpoint given;
    if (count > 2) {
        tt_time now = operations.now(&platform.platform);
        TT_CHECK(tt_endpoint_parse(&given, arguments[2], TT_BUS_PORT) == TT_OK);
        TT_CHECK(tt_members_learn(&node, now, &given, TT_MEMBER_BY_HAND));
    }
    printf("%u\n", (unsigned)node.port);
    fflush(stdout);
    tt_node_run(&node);
    return 0;
}
