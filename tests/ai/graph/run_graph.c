// Runs graphs from standard input by the reference, for tests written in other languages.
//
//     run_graph --table      each operation's name, least and greatest number of inputs, a line
//     each run_graph [exact]      cases from standard input until it ends (cases.h), answers to
//     standard output

#include "ai/graph/reference.h"
#include "tests/ai/graph/cases.h"

static tt_reference_options options = {.bytes_max = (uint64_t)1 << 28,
                                       .cost_max = (uint64_t)1 << 32};

static void run(const tt_graph *graph, void **data, tt_text *why)
{
    uint32_t count = tt_graph_result_count(graph);
    tt_value *values = allocate((count + 1) * sizeof(*values));
    tt_reference *reference;
    for (uint32_t i = 0; i < count; i++)
        values[i] = tt_graph_result_at(graph, i)->value;
    tt_status status = tt_reference_run(graph, count, values, (const void *const *)data, &options,
                                        &reference, why);
    begin_answer(status, why->data, count);
    for (uint32_t i = 0; status == TT_OK && i < count; i++) {
        const tt_cells *tensor = tt_reference_result(reference, i);
        void *bytes = allocate((size_t)tt_type_count(&tensor->type) *
                               tt_element_bytes((tt_element)tensor->type.element));
        tt_cells_store(tensor, bytes);
        write_result(&tensor->type, bytes);
        free(bytes);
    }
    tt_reference_free(reference);
    free(values);
}

int main(int argument_count, char **arguments)
{
    if (argument_count > 1 && strcmp(arguments[1], "--table") == 0) {
        for (int op = 0; op < TT_OP_COUNT; op++)
            printf("%s %u %u\n", tt_op_name((tt_op)op), tt_row_of((tt_op)op)->inputs_min,
                   tt_row_of((tt_op)op)->inputs_max);
        return 0;
    }
    options.exact = argument_count > 1 && strcmp(arguments[1], "exact") == 0;
    while (run_case(run))
        continue;
    return 0;
}
