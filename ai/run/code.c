// A program's forms as machine code.
//
// They are interpreted at first: many programs run once or twice, and the compiler takes a second.
// What has been interpreted for about as long is compiled, while the program goes on; the code is
// taken between two runs. Both give the same bits, so nobody sees when that was.

#include <stdio.h>
#include <stdlib.h>

#include "ai/run/compile.h"
#include "ai/run/parts.h"
#include "ai/run/session_internal.h"

#define ENOUGH ((uint64_t)1 << 27) // instructions that were interpreted

void tt_program_print_form(const tt_program *program, uint32_t step, tt_isa isa, FILE *file)
{
    char name[24];
    snprintf(name, sizeof(name), "step_%u", (unsigned)step);
    tt_emit_c(file, &program->steps[step].fused->form, name, isa);
}

bool tt_program_print_forms(const tt_program *program, tt_isa isa, char **text, size_t *length)
{
    FILE *file = open_memstream(text, length);
    if (file == NULL)
        return false;
    tt_emit_c_prelude(file, isa);
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].fused != NULL)
            tt_program_print_form(program, i, isa, file);
    return fclose(file) == 0;
}

const char *tt_program_uncompiled(const tt_program *program)
{
    return program->uncompiled;
}

// Once, and if that fails they are interpreted. `beside`: without waiting.
static void begin_code(tt_program *program, bool beside)
{
    bool later;
    tt_text why;
    tt_text_init(&why, program->uncompiled, sizeof(program->uncompiled));
    program->parts = tt_parts_begin(program, beside, &later, &why);
    program->interpreted = later ? 0 : UINT64_MAX;
    if (program->parts == NULL || beside)
        return;
    tt_parts_finish(program->parts);
    program->compiled = tt_parts_take(program->parts, program);
}

void tt_program_count(tt_program *program)
{
    tt_way way = program->session->options.way;
    if (program->parts != NULL && !program->compiled)
        program->compiled = tt_parts_take(program->parts, program);
    if (program->interpreted == UINT64_MAX || way == TT_RUN_INTERPRETED)
        return;
    if (way == TT_RUN_COMPILED)
        program->interpreted = ENOUGH;
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].fused != NULL)
            program->interpreted = tt_cost_add(program->interpreted, program->steps[i].fused->cost);
    if (program->interpreted >= ENOUGH)
        begin_code(program, way != TT_RUN_COMPILED);
}
