// A node, for the size of it: bench/bus/size.sh compiles this with tables of several sizes.

#include "tutti/node.h"

extern tt_node counted;
tt_node counted;
