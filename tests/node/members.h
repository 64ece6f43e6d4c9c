// What must hold of a table of members at any time.

#ifndef TUTTI_TESTS_NODE_MEMBERS_H
#define TUTTI_TESTS_NODE_MEMBERS_H

#include "node/members.h"
#include "tutti/check.h"

static inline void check_members(const tt_members *m)
{
    unsigned living = 0, unheard = 0, faded = 0, gone = 0, news = 0;
    uint64_t digest = 0;
    TT_CHECK(m->count <= m->capacity);
    for (unsigned i = 0; i < m->count; i++) {
        const tt_member *member = &m->places[i];
        TT_CHECK(member->id != 0 && tt_members_find(m, member->id) == member);
        const tt_member *there = tt_members_at(m, &member->endpoint);
        TT_CHECK(there != NULL && tt_endpoint_equal(&there->endpoint, &member->endpoint));
        TT_CHECK(member->state <= TT_MEMBER_GONE && member->endpoint.port != 0);
        faded += member->state != TT_MEMBER_ALIVE;
        gone += member->state == TT_MEMBER_GONE;
        news += member->told != UINT8_MAX;
        if (!tt_member_is_told(member))
            continue;
        living++;
        unheard += (member->sources & TT_MEMBER_BY_MDNS) == 0;
        digest ^= tt_member_mixed(member);
    }
    for (unsigned i = m->count; i < m->capacity; i++)
        TT_CHECK(m->places[i].id == 0);
    TT_CHECK(living == m->living && unheard == m->unheard && faded == m->faded && gone == m->gone);
    TT_CHECK(news == m->news && digest == m->digest);
}

#endif
