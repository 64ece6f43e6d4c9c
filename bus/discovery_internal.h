// What the files of discovery share.

#ifndef TUTTI_BUS_DISCOVERY_INTERNAL_H
#define TUTTI_BUS_DISCOVERY_INTERNAL_H

#include "bus/dns.h"
#include "tutti/discovery.h"

#define TT_DISCOVERY_SERVICE "_coap._udp.local"
#define TT_DISCOVERY_SERVICES "_services._dns-sd._udp.local"
#define TT_DISCOVERY_TTL 120 // seconds; RFC 6762, 10

// discovery.c
bool tt_discovery_owns_name(const tt_discovery *d);
void tt_discovery_rename(tt_discovery *d, tt_time now);
void tt_discovery_conflict(tt_discovery *d, tt_time now, uint32_t boot, bool established);
void tt_discovery_answer_later(tt_discovery *d, tt_time now);

// discovery_write.c: whole messages. A legacy answer (RFC 6762, 6.7) repeats id and question.
void tt_discovery_write_records(tt_discovery *d, tt_writer *w, uint32_t ttl_seconds, uint16_t id,
                                const char *question);
void tt_discovery_write_probe(tt_discovery *d, tt_writer *w);
void tt_discovery_write_query(tt_discovery *d, tt_time now, tt_writer *w);

#endif
