// The device's own side of discovery and its timing: probe, announce, answer.
//
// A name is probed for three times, 250 ms apart, then announced twice (RFC 6762, 8). Answers to
// multicast questions wait 20 to 120 ms, so that devices do not speak all at once (6), and go to
// the zone, IPv4 or IPv6, in which they were asked (20).

#include <string.h>

#include "bus/discovery_internal.h"
#include "tutti/check.h"

#define PROBES 3
#define PROBE_INTERVAL TT_MS(250)
#define ANNOUNCEMENTS 2
#define ANNOUNCE_INTERVAL TT_SECONDS(1)
#define LONG_AGO TT_SECONDS(10) // of what has not happened yet
#define DEFER_INTERVAL TT_SECONDS(1)
#define DEFEND_INTERVAL TT_MS(250)   // between two tellings to one who probes (6)
#define SPEAK_INTERVAL TT_SECONDS(1) // between two tellings of the same to everyone (6)
#define CONFLICTS_MANY 15            // from so many on, names are tried slowly (8.1)
#define CONFLICT_INTERVAL TT_SECONDS(5)

tt_time tt_discovery_random(tt_discovery *d, tt_time least, tt_time greatest)
{
    return least + (tt_time)tt_random_below(&d->random, (uint64_t)(greatest - least));
}

static tt_status check_options(const tt_discovery_options *options)
{
    if (options->browse && options->peers_max == 0)
        return TT_INVALID;
    if (options->name == NULL)
        return TT_OK;
    tt_status status = tt_discovery_check_label(options->name, TT_NAME_MAX);
    if (status == TT_OK)
        status = tt_discovery_check_label(options->kind, TT_KIND_MAX);
    if (status == TT_OK && options->kept_name != NULL)
        status = tt_discovery_check_label(options->kept_name, TT_NAME_MAX);
    return status == TT_OK && options->boot == 0 ? TT_INVALID : status;
}

tt_status tt_discovery_set_up(tt_discovery *d, tt_time now, const tt_discovery_options *options,
                              const tt_discovery_browsing *browsing)
{
    tt_status status = check_options(options);
    if (status != TT_OK)
        return status;
    memset(d, 0, sizeof(*d));
    d->options = *options;
    d->browsing = browsing;
    tt_random_seed(&d->random, options->seed);
    d->state.announce_at = d->state.answer_at = d->state.more_at = d->state.query_at =
        d->state.renew_at = d->state.expire_at = TT_FOREVER;
    d->state.spoke_at = now - SPEAK_INTERVAL;
    d->state.asked_at = d->state.queried_at = now - LONG_AGO;
    if (options->name != NULL)
        strcpy(d->name, options->kept_name != NULL ? options->kept_name : options->name);
    return TT_OK;
}

tt_status tt_discovery_init_announcer(tt_discovery *d, tt_time now,
                                      const tt_discovery_options *options)
{
    return options->browse ? TT_INVALID : tt_discovery_set_up(d, now, options, NULL);
}

static bool are_equal(const tt_endpoint *a, const tt_endpoint *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tt_endpoint_equal(&a[i], &b[i]))
            return false;
    return true;
}

void tt_discovery_set_addresses(tt_discovery *d, tt_time now, const tt_endpoint *addresses,
                                size_t count)
{
    if (count > TT_COUNT(d->addresses))
        count = TT_COUNT(d->addresses);
    if (count == d->address_count && are_equal(d->addresses, addresses, count))
        return;
    memcpy(d->addresses, addresses, count * sizeof(*addresses));
    d->address_count = count;
    if (count > 0 && d->browsing != NULL) // a network came up
        d->browsing->ask_soon(d, now);
    if (d->options.name == NULL || count == 0)
        return;
    if (d->state.probes == PROBES)
        d->state.announcements = ANNOUNCEMENTS;
    // The first probe waits up to 250 ms, so that a house after a power cut does not speak all at
    // once.
    d->state.announce_at =
        tt_after(now, d->state.probes == PROBES ? 0 : tt_discovery_random(d, 0, PROBE_INTERVAL));
}

void tt_discovery_set_sleep(tt_discovery *d, tt_time now, uint16_t seconds)
{
    d->options.sleep_s = seconds;
    tt_discovery_say_here(d, now);
}

void tt_discovery_goodbye(tt_discovery *d, tt_time now)
{
    if (d->options.name == NULL || d->state.probes < PROBES)
        return;
    d->state.goodbye = true;
    d->state.announce_at = now;
}

bool tt_discovery_owns_name(const tt_discovery *d)
{
    return d->options.name != NULL && d->state.probes == PROBES && d->address_count > 0;
}

tt_time tt_discovery_owned_for(const tt_discovery *d, tt_time now)
{
    return tt_discovery_owns_name(d) ? now - d->state.owned_since : 0;
}

static void probe_again(tt_discovery *d, tt_time now)
{
    d->state.probes = d->state.announcements = 0;
    d->state.announce_at =
        tt_after(now, d->state.claims < CONFLICTS_MANY ? tt_discovery_random(d, 0, PROBE_INTERVAL)
                                                       : CONFLICT_INTERVAL);
}

// Another device has our name: the next one is tried, "watch-3f9a-2".
static void rename_anew(tt_discovery *d, tt_time now)
{
    tt_text text;
    char buffer[TT_NAME_MAX];
    d->state.conflicts++;
    tt_text_init(&text, buffer, sizeof(buffer));
    size_t length = strlen(d->options.name), most = sizeof(buffer) - 4; // room for the suffix
    if (length >= most)
        for (length = most - 1; ((uint8_t)d->options.name[length] & 0xc0) == 0x80; length--)
            ; // no character is cut in two
    tt_text_add_bytes(&text, d->options.name, length);
    tt_text_add(&text, "-");
    tt_text_add_unsigned(&text, d->state.conflicts % 90 + 1);
    strcpy(d->name, buffer);
    probe_again(d, now);
}

// For whom it is established; of two who both hold it each probes anew, and one finds out (RFC
// 6762, 9). After many claims in a row the next probe is waited for, and what is claimed before it
// is no answer to it: whoever claims every name makes us try one in 5 s (8.1).
void tt_discovery_yield(tt_discovery *d, tt_time now)
{
    if (tt_discovery_owned_for(d, now) >= TT_DISCOVERY_SETTLED)
        d->state.claims = 0;
    if (d->state.claims >= CONFLICTS_MANY && d->state.probes == 0)
        return;
    d->state.claims++;
    if (d->state.probes < PROBES)
        rename_anew(d, now);
    else
        probe_again(d, now);
}

// The other wants it at the same time and compares greater. It may be that it does not mean it (its
// probe may be an old one that was held up): the name is tried once more, later (8.2).
void tt_discovery_defer(tt_discovery *d, tt_time now)
{
    d->state.probes = d->state.announcements = 0;
    d->state.announce_at = tt_after(now, DEFER_INTERVAL);
}

void tt_discovery_defend(tt_discovery *d, tt_time now)
{
    tt_time soonest = tt_after(d->state.spoke_at, DEFEND_INTERVAL);
    d->state.announcements = d->state.announcements > 0 ? d->state.announcements : 1;
    d->state.announce_at = tt_earlier(d->state.announce_at, now > soonest ? now : soonest);
}

void tt_discovery_say_here(tt_discovery *d, tt_time now)
{
    if (!tt_discovery_owns_name(d) || d->state.announcements > 0)
        return;
    d->state.announcements = 1;
    tt_time soonest = tt_after(d->state.spoke_at, SPEAK_INTERVAL);
    d->state.announce_at = now > soonest ? now : soonest;
}

void tt_discovery_answer_later(tt_discovery *d, tt_time now, uint8_t families, bool at_once)
{
    tt_time at = at_once ? now : tt_after(now, tt_discovery_random(d, TT_MS(20), TT_MS(120)));
    tt_time soonest = tt_after(d->state.spoke_at, SPEAK_INTERVAL);
    d->state.answer_at = tt_earlier(d->state.answer_at, at > soonest ? at : soonest);
    d->state.answer_families |= families;
}

void tt_discovery_await_more(tt_discovery *d, tt_time now, const tt_endpoint *asker,
                             uint8_t families)
{
    if (d->state.more_at != TT_FOREVER && !tt_endpoint_equal(&d->state.more_from, asker)) {
        tt_discovery_answer_later(d, now, families, false); // one is waited for at a time
        return;
    }
    d->state.more_from = *asker;
    d->state.more_families = families;
    d->state.more_at = tt_after(now, tt_discovery_random(d, TT_MS(400), TT_MS(500)));
}

void tt_discovery_knows_us(tt_discovery *d, const tt_endpoint *asker)
{
    if (tt_endpoint_equal(&d->state.more_from, asker))
        d->state.more_at = TT_FOREVER;
}

tt_time tt_discovery_deadline(const tt_discovery *d)
{
    const struct tt_discovery_state *s = &d->state;
    if (s->asker.port != 0 || s->known_at > 0)
        return INT64_MIN;
    tt_time deadline = tt_earlier(tt_earlier(s->announce_at, s->answer_at), s->more_at);
    return tt_earlier(tt_earlier(deadline, s->query_at), tt_earlier(s->renew_at, s->expire_at));
}

void tt_discovery_advance(tt_discovery *d, tt_time now)
{
    if (d->state.more_at <= now) { // all that it knows was told by now (7.2)
        d->state.more_at = TT_FOREVER;
        tt_discovery_answer_later(d, now, d->state.more_families, true);
    }
    if (d->browsing != NULL)
        d->browsing->advance(d, now);
}

const tt_endpoint tt_mdns_groups[2] = {
    [TT_FAMILY_IPV4 - 1] = {.ip = {[10] = 0xff, 0xff, 224, 0, 0, 251}, .port = TT_MDNS_PORT},
    [TT_FAMILY_IPV6 - 1] = {.ip = {0xff, 2, [15] = 0xfb}, .port = TT_MDNS_PORT},
};

static void to_families(tt_endpoint *peer, uint8_t families)
{
    if (families == TT_FAMILY_IPV4 || families == TT_FAMILY_IPV6)
        *peer = tt_mdns_groups[families - 1];
    else
        *peer = (tt_endpoint){.port = TT_MDNS_PORT};
}

static bool due(tt_time at, tt_time now)
{
    return at != TT_FOREVER && now >= at;
}

static void tell_everyone(tt_discovery *d, tt_time now, tt_writer *w)
{
    d->state.spoke_at = now;
    d->state.answer_at = TT_FOREVER;
    d->state.answer_families = 0;
    tt_discovery_write_records(d, w, TT_DISCOVERY_TTL);
}

static void transmit_announcement(tt_discovery *d, tt_time now, tt_writer *w)
{
    struct tt_discovery_state *s = &d->state;
    s->announce_at = TT_FOREVER;
    if (s->goodbye) {
        s->goodbye = false;
        tt_discovery_write_records(d, w, 0);
        d->options.name = NULL; // nothing may follow that others would take for its return
        s->answer_at = s->more_at = TT_FOREVER;
    } else if (s->probes < PROBES) {
        tt_discovery_write_probe(d, w);
        s->probes++;
        s->announce_at = tt_after(now, PROBE_INTERVAL);
        if (s->probes == PROBES) {
            s->announcements = ANNOUNCEMENTS;
            s->owned_since = now;
        }
    } else if (s->announcements > 0) {
        tell_everyone(d, now, w);
        if (--s->announcements > 0)
            s->announce_at = tt_after(now, ANNOUNCE_INTERVAL);
    }
}

tt_status tt_discovery_transmit(tt_discovery *d, tt_time now, tt_endpoint *peer, void *bytes,
                                size_t capacity, size_t *length)
{
    struct tt_discovery_state *s = &d->state;
    tt_writer w;
    bool fits = capacity >= TT_MDNS_MESSAGE_MAX;
    TT_CHECK(fits);
    tt_writer_init(&w, bytes, TT_MDNS_MESSAGE_MAX);
    to_families(peer, TT_FAMILY_BOTH);
    if (s->asker.port != 0) {
        *peer = s->asker;
        s->asker.port = 0;
        if (s->asker_legacy)
            tt_discovery_write_legacy(d, &w);
        else
            tt_discovery_write_records(d, &w, TT_DISCOVERY_TTL);
    } else if (due(s->announce_at, now)) {
        transmit_announcement(d, now, &w);
    } else if (due(s->answer_at, now)) {
        to_families(peer, s->answer_families);
        tell_everyone(d, now, &w);
    } else if (d->browsing != NULL && d->browsing->transmit(d, now, &w)) {
        to_families(peer, s->query_families);
    }
    *length = w.length;
    return w.length > 0 && !w.failed ? TT_OK : TT_EMPTY;
}
