// The programs that a session keeps for the sizes that they were asked for.

#include <string.h>

#include "ai/run/session_internal.h"

static bool is_asked(const tt_sized *kept, const tt_sized *asked)
{
    return kept->program != NULL && kept->build == asked->build &&
           kept->context == asked->context && kept->count == asked->count &&
           memcmp(kept->sizes, asked->sizes, sizeof(kept->sizes)) == 0;
}

// The place of what was asked for, or of what was used longest ago.
static tt_sized *find(tt_session *session, const tt_sized *asked)
{
    tt_sized *oldest = session->sized;
    for (unsigned i = 0; i < TT_PROGRAMS_KEPT; i++) {
        if (is_asked(&session->sized[i], asked))
            return &session->sized[i];
        if (session->sized[i].used < oldest->used)
            oldest = &session->sized[i];
    }
    return oldest;
}

tt_status tt_session_program(tt_session *session, tt_build *build, void *context, unsigned count,
                             const int64_t *sizes, tt_program **program, tt_text *why)
{
    *program = NULL;
    if (count > TT_RANK_MAX) {
        tt_text_add(why, "a program is asked for with ");
        tt_text_add_unsigned(why, count);
        tt_text_add(why, " sizes, expected at most 8");
        return TT_INVALID;
    }
    tt_sized asked = {.build = build, .context = context, .count = count};
    for (unsigned i = 0; i < count; i++)
        asked.sizes[i] = sizes[i];
    tt_sized *kept = find(session, &asked);
    if (!is_asked(kept, &asked)) {
        tt_graph *graph = build(context, count, sizes);
        tt_status status =
            graph != NULL ? tt_session_load(session, graph, &asked.program, why) : TT_FULL;
        tt_graph_free(graph);
        if (status != TT_OK)
            return status;
        tt_program_free(kept->program);
        *kept = asked;
    }
    kept->used = ++session->asked;
    *program = kept->program;
    return TT_OK;
}
