// How many sockets the one stack of a process has; lwIP's own table has as many.

#ifndef TUTTI_PLATFORM_LWIP_STACK_LIMITS_H
#define TUTTI_PLATFORM_LWIP_STACK_LIMITS_H

#ifndef TT_STACK_SOCKETS_MAX
#define TT_STACK_SOCKETS_MAX 4 // a device's; a build for a host asks for more (deps/CMakeLists.txt)
#endif

#endif
