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
                 {tt_concatenate_kernel, "concatenate"}};
    for (size_t i = 0; i < TT_COUNT(names); i++)
        if (names[i].kernel == step->kernel)
            return names[i].name;
    return "reference";
}

static void print_values(FILE *out, const tt_program *program, const char *what,
                         const tt_value *values, unsigned count)
{
    fprintf(out, "  %s", what);
    for (unsigned i = 0; i < count; i++) {
        char type[TT_TYPE_TEXT_BYTES];
        uint64_t place = program->place[program->root[tt_value_place(program->graph, values[i])]];
        fprintf(out, "%s %%%" PRIu32, i > 0 ? "," : "", values[i].node);
        if (values[i].output > 0)
            fprintf(out, ".%u", values[i].output);
        fprintf(out, " %s", tt_type_text(tt_graph_type(program->graph, values[i]), type));
        if (place != TT_NOWHERE)
            fprintf(out, " at %" PRIu64, place);
    }
    fprintf(out, "\n");
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
        unsigned count, written = tt_step_write_count(program->graph, step);
        const tt_value *values = tt_step_values(program->graph, step, &count);
        fprintf(out, "step %" PRIu32 ": %s:", i, tt_step_name(step));
        print_nodes(out, program, step);
        print_values(out, program, "reads", values, count);
        tt_value made[TT_OUTPUTS_MAX];
        if (step->fused != NULL) {
            print_values(out, program, "writes", values + count, written);
        } else {
            for (unsigned k = 0; k < written; k++)
                made[k] = tt_step_write(step, k);
            print_values(out, program, "writes", made, written);
        }
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
