// A build without platform/linux has no network of the host.

#include "cli/client.h"
#include "cli/say.h"

tt_exit tt_client_open_host(tt_client *client, const char *command)
{
    (void)client;
    tt_say_error("tutti %s: --host is not part of this build", command);
    return TT_EXIT_FAILED;
}
