// lwIP for a Tutti device: datagrams and the two protocols that answer a ping, over one Ethernet
// interface, without threads and without timers of its own. The sizes below are the whole memory of
// the network half: about 18 KB, the same on every device.

#ifndef TUTTI_LWIPOPTS_H
#define TUTTI_LWIPOPTS_H

#include "stack_limits.h"

// One thread, one interface; stack.c walks the table of periodic functions itself.
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_STATUS_CALLBACK 1 // says that an address is ready
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define MEM_ALIGNMENT 8

// Protocols. A datagram fits one frame by contract, so nothing is ever cut or put together.
#define LWIP_TCP 0
#define LWIP_UDP 1
#define LWIP_RAW 0
#define LWIP_DHCP 0
#define LWIP_DNS 0
#define LWIP_AUTOIP 1
#define LWIP_IGMP 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_IPV6 1
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_FRAG 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_AUTOCONFIG 0 // link-local only: no router belongs to the virtual Ethernet
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_NUM_ADDRESSES 1
#define LWIP_MULTICAST_TX_OPTIONS 1

// Received frames: chains of small buffers. They are taken from the driver one at a time, so four
// of the largest are plenty.
#define PBUF_POOL_SIZE 24
#define PBUF_POOL_BUFSIZE 256
// Frames to send: each lives until the driver has copied it, or until its neighbour is known.
#define MEM_SIZE (6 * 1024)
#define MEMP_NUM_PBUF 8
#define MEMP_NUM_UDP_PCB TT_STACK_SOCKETS_MAX
#define MEMP_NUM_IGMP_GROUP 4
#define MEMP_NUM_MLD6_GROUP 4

// Neighbours: sixteen peers (TT_NODE_PEERS_MAX) and their groups.
#define ARP_TABLE_SIZE 20
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 2
#define MEMP_NUM_ARP_QUEUE 4
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_ND6_NUM_NEIGHBORS 20
#define LWIP_ND6_NUM_DESTINATIONS 20
#define LWIP_ND6_NUM_PREFIXES 1
#define LWIP_ND6_NUM_ROUTERS 1
#define LWIP_ND6_QUEUEING 1
#define MEMP_NUM_ND6_QUEUE 4

#endif
