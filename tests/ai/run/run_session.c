// Runs graphs from standard input by a session each, with its kernels; tests/ai/graph/cases.h says
// how. With the bits of ways (tests/ai/emit/printed.h) as an argument the forms of all of them are
// printed in one file in the end, compiled so, and held against the interpreter.

#include "tests/ai/graph/cases.h"
#include "tests/ai/run/printed_steps.h"
#include "tutti/session.h"

static tt_status run_program(tt_session *session, tt_program *program, const tt_graph *graph,
                             void **data, tt_text *why)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        size_t bytes = (size_t)tt_type_count(&buffer->type) *
                       tt_element_bytes((tt_element)buffer->type.element);
        if (buffer->kind == TT_INPUT)
            tt_program_set(program, buffer->name, data[i]);
        else if (buffer->kind != TT_CONSTANT && data[i] != NULL)
            memcpy(tt_session_bytes(session, buffer->name, NULL), data[i], bytes);
    }
    return tt_program_run(program, why);
}

static unsigned ways, graphs, forms;

static void run(const tt_graph *graph, void **data, tt_text *why)
{
    tt_session_options options = {.threads = 1, .way = TT_RUN_FAST};
    tt_session *session = NULL;
    tt_program *program = NULL;
    uint32_t count = tt_graph_result_count(graph);
    tt_status status = tt_session_new(&options, &session, why);
    if (status == TT_OK)
        status = tt_session_load(session, graph, &program, why);
    if (status == TT_OK)
        status = run_program(session, program, graph, data, why);
    if (ways != 0 && status == TT_OK)
        forms = printed_steps_add(graph, ++graphs, UINT32_MAX);
    begin_answer(status, why->data, count);
    for (uint32_t i = 0; status == TT_OK && i < count; i++) {
        tt_type type;
        const void *bytes = tt_program_result(program, i, &type);
        write_result(&type, bytes);
    }
    tt_session_free(session);
}

int main(int argc, char **argv)
{
    ways = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 0;
    while (run_case(run))
        continue;
    if (ways == 0)
        return 0;
    const char *folder = printed_folder();
    fprintf(stderr, "%u forms of %u graphs printed\n", forms, graphs);
    return folder != NULL && forms > 0 && printed_steps_check(folder, ways) ? 0 : 1;
}
