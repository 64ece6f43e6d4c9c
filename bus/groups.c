// Questions to a group: a small table of those that wait, and their answers.

#include "tutti/groups.h"

#include <string.h>

#include "bus/internal.h"
#include "tutti/check.h"

#define LINKS_PATH ".well-known/core"
#define AGAIN TT_MS(100) // where no buffer is free

void tt_groups_init(tt_groups *g, tt_bus *bus)
{
    memset(g, 0, sizeof(*g));
    g->bus = bus;
}

static bool is_question(const tt_message *m)
{
    bool plain = !m->bad_option && !m->bad_block && !m->proxy && !m->alias && !m->too_long;
    return plain && m->type == TT_NON_CONFIRMABLE && m->code == TT_GET && !m->has_observe &&
           !m->block1.present && m->block2.number == 0 &&
           (m->accept == TT_FORMAT_NONE || m->accept == TT_FORMAT_LINKS) &&
           strcmp(m->path, LINKS_PATH) == 0;
}

// A free place; NULL: there is none, or it waits already.
static struct tt_groups_question *place_for(tt_groups *g, const tt_endpoint *peer,
                                            const tt_message *m)
{
    struct tt_groups_question *place = NULL;
    for (size_t i = 0; i < TT_GROUPS_WAITING_MAX; i++) {
        struct tt_groups_question *q = &g->waiting[i];
        if (q->peer.port == 0)
            place = q;
        else if (q->id == m->id && tt_endpoint_equal(&q->peer, peer))
            return NULL;
    }
    return place;
}

void tt_groups_receive(tt_groups *g, tt_time now, const tt_endpoint *peer, const void *bytes,
                       size_t length)
{
    tt_message m;
    bool fits = tt_message_parse(&m, bytes, length) == TT_OK && is_question(&m) && peer->port != 0;
    struct tt_groups_question *q = fits ? place_for(g, peer, &m) : NULL;
    if (q == NULL) {
        g->counters.dropped++;
        return;
    }
    g->counters.taken++;
    tt_time leisure = (tt_time)tt_random_below(&g->bus->random, TT_GROUPS_LEISURE);
    *q = (struct tt_groups_question){.peer = *peer,
                                     .token = m.token,
                                     .block2 = m.block2,
                                     .id = m.id,
                                     .at = tt_after(now, leisure)};
    strcpy(q->query, m.query);
}

static void write_answer(tt_bus *bus, tt_time now, const struct tt_groups_question *q,
                         const tt_response *response, tt_bus_buffer *buffer)
{
    tt_bus_session *session = tt_session_find(bus, &q->peer); // none is made for a question
    uint16_t id;
    if (session == NULL || !tt_session_new_id(session, now, &id))
        id = bus->first_id++;
    tt_message_writer w;
    tt_message_begin(&w, buffer->bytes, sizeof(buffer->bytes), TT_NON_CONFIRMABLE, response->code,
                     id, &q->token);
    TT_CHECK(tt_bus_write_response(bus, &w, NULL, &q->block2, response, NULL)); // a block's bytes
    tt_buffer_send(buffer, &q->peer, w.out.length);
}

// False: no buffer is free.
static bool answer(tt_bus *bus, tt_time now, const struct tt_groups_question *q)
{
    tt_bus_buffer *buffer = tt_buffer_take(bus);
    if (buffer == NULL)
        return false;
    tt_request request = {.method = TT_GET,
                          .peer = &q->peer,
                          .path = LINKS_PATH,
                          .query = q->query,
                          .content_format = TT_FORMAT_NONE,
                          .accept = TT_FORMAT_NONE,
                          .last = true};
    tt_response response = {.content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    tt_bus_set_window(&request, &q->block2, buffer);
    tt_bus_run_handler(bus, now, &bus->well_known, &request, &response);
    if (response.code == TT_CONTENT && response.length > 0)
        write_answer(bus, now, q, &response, buffer);
    else
        buffer->state = TT_BUFFER_FREE; // nothing to say (RFC 6690, 4.1)
    return true;
}

void tt_groups_advance(tt_groups *g, tt_time now)
{
    for (size_t i = 0; i < TT_GROUPS_WAITING_MAX; i++) {
        struct tt_groups_question *q = &g->waiting[i];
        if (q->peer.port == 0 || now < q->at)
            continue;
        if (answer(g->bus, now, q))
            q->peer.port = 0;
        else
            q->at = tt_after(now, AGAIN);
    }
}

tt_time tt_groups_deadline(const tt_groups *g)
{
    tt_time deadline = TT_FOREVER;
    for (size_t i = 0; i < TT_GROUPS_WAITING_MAX; i++)
        if (g->waiting[i].peer.port != 0)
            deadline = tt_earlier(deadline, g->waiting[i].at);
    return deadline;
}
