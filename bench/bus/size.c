// A node, for the size of it and of its tables: bench/bus/size.sh compiles this with tables of
// several sizes.

#include "tutti/node.h"

#define TABLE(name, of)                                                                            \
    extern char name[sizeof(of)];                                                                  \
    char name[sizeof(of)]

extern tt_node counted;
tt_node counted;

TABLE(buffers, counted.bus.buffers);
TABLE(datagram, counted.datagram);
TABLE(observers, counted.bus.observers);
TABLE(owed, counted.bus.owed);
TABLE(transfers, counted.bus.transfers);
TABLE(streams, counted.bus.streams);
TABLE(asks, counted.asks);
TABLE(strangers, counted.strangers);
TABLE(others, counted.others);
TABLE(discovery, counted.discovery);
