// The client on this machine's own network.

#include "cli/client.h"
#include "cli/say.h"
#include "tutti/platform_linux.h"

tt_exit tt_client_open_host(tt_client *client, const char *command)
{
    static tt_platform_linux host;
    tt_status status = tt_platform_linux_init(&host);
    client->platform = &host.platform;
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: this machine's network cannot be used: %s", command,
                 tt_status_text(status));
    return TT_EXIT_FAILED;
}
