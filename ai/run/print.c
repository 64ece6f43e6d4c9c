// A program as people read it, and the C of its forms.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/run/compile.h"
#include "ai/run/session_internal.h"
#include "tutti/compare.h"
#include "tutti/check.h"

const char *tt_step_name(const tt_step *step)
{
    static const struct {
        tt_kernel *kernel;
        const char *name;
    } names[] = {{tt_form_kernel, "form"},
                 {tt_move_kernel, "move"},
                 {tt_pad_kernel, "pad"},
                 {tt_concatenate_kernel, "concatenate"},
                 {tt_gather_kernel, "gather"}};
    for (size_t i = 0; i < TT_COUNT(names); i++)
        if (names[i].kernel == step->kernel)
            return step->fused != NULL && step->fused->between_count > 0 ? "chain" : names[i].name;
    return "reference";
}

// "in blocks at 128", "in 'w'": in blocks of images, in the arena, in a buffer that is assigned.
static void print_place(FILE *out, const tt_program *program, tt_value value)
{
    uint32_t root = program->root[tt_value_place(program->graph, value)];
    if (program->blocked[tt_value_place(program->graph, tt_shown(program->graph, value))])
        fprintf(out, " in blocks");
    if (program->place[root] != TT_NOWHERE)
        fprintf(out, " at %" PRIu64, program->place[root]);
    for (uint32_t i = 0; i < program->straight_count; i++)
        if (program->straight[i].value == root)
            fprintf(out, " in '%s'",
                    tt_graph_buffer(program->graph, program->straight[i].buffer)->name);
}

static const void *lies_in(const tt_program *program, tt_value value, uint64_t *place)
{
    const tt_graph *graph = program->graph;
    tt_value shown = tt_shown(graph, value);
    uint32_t root = tt_value_place(graph, shown);
    *place = program->place[root];
    for (uint32_t i = 0; i < program->straight_count; i++)
        if (program->straight[i].value == root)
            return tt_graph_buffer(graph, program->straight[i].buffer);
    if (tt_graph_node(graph, shown.node)->op == TT_OP_BUFFER)
        return tt_graph_buffer(graph, (uint32_t)tt_graph_attribute(graph, shown.node, 0, NULL)[0]);
    return program;
}

// What the step reads that lies where this is written.
static void print_in_place(FILE *out, const tt_program *program, const tt_step *step,
                           tt_value written)
{
    unsigned count;
    const tt_value *values = tt_step_values(program->graph, step, &count);
    uint64_t place, other;
    const void *in = lies_in(program, written, &place);
    for (unsigned i = 0; i < count; i++)
        if (lies_in(program, values[i], &other) == in && other == place)
            fprintf(out, " in place of %%%" PRIu32, values[i].node);
}

static void print_value(FILE *out, const tt_program *program, const char *before, tt_value value)
{
    char type[TT_TYPE_TEXT_BYTES];
    fprintf(out, "%s %%%" PRIu32, before, value.node);
    if (value.output > 0)
        fprintf(out, ".%u", value.output);
    fprintf(out, " %s", tt_type_text(tt_graph_type(program->graph, value), type));
    print_place(out, program, value);
}

static void print_values(FILE *out, const tt_program *program, const tt_step *step)
{
    unsigned count;
    const tt_value *values = tt_step_values(program->graph, step, &count);
    fprintf(out, "  reads");
    for (unsigned i = 0; i < count; i++)
        print_value(out, program, i > 0 ? "," : "", values[i]);
    fprintf(out, "\n  writes");
    for (unsigned i = 0; i < tt_step_write_count(program->graph, step); i++) {
        print_value(out, program, i > 0 ? "," : "", tt_step_write(step, i));
        print_in_place(out, program, step, tt_step_write(step, i));
    }
    fprintf(out, "\n");
}

// Of a chain: what lies in local memory between its forms.
static void print_between(FILE *out, const tt_program *program, const tt_step *step)
{
    char type[TT_TYPE_TEXT_BYTES];
    const tt_fused *fused = step->fused;
    for (uint32_t i = 0; fused != NULL && i < fused->between_count; i++) {
        tt_value value = fused->values[fused->read_count + fused->write_count + i];
        fprintf(out, "%s %%%" PRIu32 " %s%s", i > 0 ? "," : "  keeps near", value.node,
                tt_type_text(tt_graph_type(program->graph, value), type),
                i + 1 == fused->between_count ? "\n" : "");
    }
}

static void print_nodes(FILE *out, const tt_program *program, const tt_step *step)
{
    char text[256];
    uint32_t count = step->fused != NULL ? step->fused->node_count : 1;
    for (uint32_t i = 0; i < count; i++) {
        tt_text name;
        tt_text_init(&name, text, sizeof(text));
        tt_add_node(&name, program->graph,
                    step->fused != NULL ? step->fused->nodes[i] : step->node);
        fprintf(out, "%s %s", i > 0 ? "," : "", text);
    }
    fprintf(out, "\n");
}

static bool print_form(FILE *out, const tt_form *form)
{
    int length = tt_form_print(form, NULL, 0);
    char *text = length >= 0 ? malloc((size_t)length + 1) : NULL;
    if (text == NULL)
        return false;
    tt_form_print(form, text, (size_t)length + 1);
    for (const char *line = text; *line != '\0';) {
        size_t bytes = strcspn(line, "\n");
        fprintf(out, "    %.*s\n", (int)bytes, line);
        line += bytes + (line[bytes] == '\n');
    }
    free(text);
    return true;
}

char *tt_program_print(const tt_program *program)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    bool ok = out != NULL;
    if (!ok)
        return NULL;
    for (uint32_t i = 0; ok && i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        fprintf(out, "step %" PRIu32 ": %s:", i, tt_step_name(step));
        print_nodes(out, program, step);
        print_values(out, program, step);
        print_between(out, program, step);
        ok = step->fused == NULL || print_form(out, &step->fused->form);
    }
    ok = fclose(out) == 0 && ok;
    if (!ok) {
        free(text);
        return NULL;
    }
    return text;
}

char *tt_program_print_c(const tt_program *program)
{
    char *text = NULL;
    size_t length = 0;
    if (tt_program_print_forms(program, tt_isa_here(NULL), &text, &length))
        return text;
    free(text);
    return NULL;
}
