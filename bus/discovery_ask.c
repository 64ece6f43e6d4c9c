// Looking for others: when questions are put, and when what is known of others ends.
//
// Queries are sent at growing intervals, from 1 s to an hour, with what is known already listed
// (RFC 6762, 7.1); what nears its end is asked for again, four times if need be (5.2). One device's
// question serves all that would have put it (7.3), so among many there is one question and one
// answer of each in the life of a record.
//
// A program that calls tt_discovery_init has this file and what it needs, one that calls
// tt_discovery_init_announcer alone has not.

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

#define QUERY_INTERVAL_FIRST TT_SECONDS(1)
#define QUERY_INTERVAL_MAX TT_SECONDS(3600)           // 5.2
#define RENEW_BEFORE TT_SECONDS(TT_DISCOVERY_TTL / 5) // its end, then
#define RENEW_INTERVAL TT_SECONDS(TT_DISCOVERY_TTL / 20)
#define RENEW_SPREAD TT_MS(TT_DISCOVERY_TTL * 20) // 2 % of their life, by chance
#define ASK_AGAIN_INTERVAL TT_SECONDS(1)
#define ASK_FOR_UNKNOWN_INTERVAL TT_SECONDS(10)

static void ask_soon(tt_discovery *d, tt_time now)
{
    d->state.query_interval = QUERY_INTERVAL_FIRST;
    d->state.query_at =
        tt_earlier(d->state.query_at, tt_after(now, tt_discovery_random(d, TT_MS(20), TT_MS(120))));
}

void tt_discovery_ask_again(tt_discovery *d, tt_time now)
{
    if (now - d->state.asked_at < ASK_AGAIN_INTERVAL)
        return;
    d->state.asked_at = now;
    if (d->browsing != NULL)
        ask_soon(d, now);
    tt_discovery_say_here(d, tt_after(now, tt_discovery_random(d, TT_MS(20), TT_MS(120))));
}

void tt_discovery_asked(tt_discovery *d, tt_time now)
{
    struct tt_discovery_state *s = &d->state;
    s->queried_at = s->renew_at = now; // which changes when it is to be renewed
    s->refresh_after = tt_discovery_random(d, 0, RENEW_SPREAD);
    if (s->query_at == TT_FOREVER || s->query_at > tt_after(now, s->query_interval))
        return;
    s->query_at = tt_after(now, s->query_interval);
    s->query_interval = tt_earlier(2 * s->query_interval, QUERY_INTERVAL_MAX);
}

// One of those that do not know somebody asks, and serves them all.
void tt_discovery_ask_for_unknown(tt_discovery *d, tt_time now)
{
    if (now - d->state.asked_at < ASK_FOR_UNKNOWN_INTERVAL)
        return;
    d->state.asked_at = now;
    d->state.query_at = tt_earlier(d->state.query_at,
                                   tt_after(now, tt_discovery_random(d, TT_MS(20), TT_SECONDS(1))));
}

// When the records of a peer are to be renewed next.
static tt_time renew_at(const tt_discovery *d, const tt_peer *peer)
{
    if (!peer->reported || peer->doubted)
        return TT_FOREVER;
    tt_time first = peer->expires - RENEW_BEFORE, asked = d->state.queried_at;
    return asked < first ? first + d->state.refresh_after : asked + RENEW_INTERVAL;
}

// When somebody's records are to be renewed, and end: found anew where one of the times has come or
// something was heard, so that asking for the deadline costs nothing among many. Signs of life only
// move both away.
static void look_at_peers(tt_discovery *d, tt_time now)
{
    struct tt_discovery_state *s = &d->state;
    if (now < tt_earlier(s->renew_at, s->expire_at))
        return;
    s->renew_at = s->expire_at = TT_FOREVER;
    for (size_t i = 0; i < d->options.peers_max; i++) {
        const tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0' || peer->lost || peer->doubted)
            continue;
        s->renew_at = tt_earlier(s->renew_at, renew_at(d, peer));
        s->expire_at = tt_earlier(s->expire_at, peer->expires);
    }
}

static void end_records(tt_discovery *d, tt_time now)
{
    for (size_t i = 0; i < d->options.peers_max; i++) {
        tt_peer *peer = &d->options.peers[i];
        if (peer->name[0] == '\0' || peer->lost || now < peer->expires)
            continue;
        if (peer->reported)
            tt_discovery_doubt(d, now, peer);
        else
            tt_discovery_forget(peer);
    }
}

static void advance(tt_discovery *d, tt_time now)
{
    if (now >= d->state.expire_at)
        end_records(d, now);
    look_at_peers(d, now);
}

// A planned question goes to both zones; one that renews records to those of their devices.
static void transmit_query(tt_discovery *d, tt_time now, tt_writer *w)
{
    struct tt_discovery_state *s = &d->state;
    if (s->known_at == 0) {
        s->query_families = now >= s->query_at ? TT_FAMILY_BOTH : 0;
        for (size_t i = 0; i < d->options.peers_max; i++) {
            const tt_peer *peer = &d->options.peers[i];
            if (renew_at(d, peer) - RENEW_INTERVAL > now)
                continue;
            bool late = peer->expires - now < RENEW_BEFORE / 2; // whatever zone it is still in
            s->query_families |= late ? TT_FAMILY_BOTH : tt_discovery_zone(peer->families);
        }
    }
    tt_discovery_write_query(d, now, w);
    tt_discovery_asked(d, now);
}

static bool transmit(tt_discovery *d, tt_time now, tt_writer *w)
{
    const struct tt_discovery_state *s = &d->state;
    look_at_peers(d, now);
    tt_time at = tt_earlier(s->query_at, s->renew_at);
    if (s->known_at == 0 && (at == TT_FOREVER || now < at))
        return false;
    transmit_query(d, now, w);
    return true;
}

static const tt_discovery_browsing browsing = {
    .ask_soon = ask_soon,
    .heard = tt_discovery_hear_lost,
    .record = tt_discovery_hear_record,
    .response_end = tt_discovery_report_complete,
    .knows = tt_discovery_knows,
    .question = tt_discovery_hear_question,
    .advance = advance,
    .transmit = transmit,
};

tt_status tt_discovery_init(tt_discovery *d, tt_time now, const tt_discovery_options *options)
{
    tt_status status = tt_discovery_set_up(d, now, options, options->browse ? &browsing : NULL);
    if (status != TT_OK || !options->browse)
        return status;
    memset(options->peers, 0, options->peers_max * sizeof(options->peers[0]));
    for (size_t i = 0; i < options->others_max; i++)
        options->others[i].until_s = 0;
    ask_soon(d, now);
    return TT_OK;
}
