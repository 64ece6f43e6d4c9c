// What a fleet leaves behind whose launcher was killed: its processes end with it, but a moment
// later. Until then its media, ports and sockets are in use.

#ifndef TUTTI_CLI_LINGER_H
#define TUTTI_CLI_LINGER_H

#include <stdbool.h>

// For whoever found something in use, with a count that is 0 before the first time: waits a little.
// True: it may be free now; false: it was in use for two seconds, so the fleet that has it runs.
bool tt_linger(unsigned *times);

#endif
