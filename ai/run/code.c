// A program's forms as machine code.
//
// They are interpreted at first: many programs run once or twice, and the compiler takes a second.
// What has been interpreted for about as long is compiled, all forms of the program in one file.
// Both give the same bits, so nobody sees when that was.

#include <stdio.h>
#include <stdlib.h>

#include "ai/run/compile.h"
#include "ai/run/session_internal.h"

#define ENOUGH ((uint64_t)1 << 27) // instructions that were interpreted

bool tt_program_print_forms(const tt_program *program, tt_isa isa, char **text, size_t *length)
{
    FILE *file = open_memstream(text, length);
    if (file == NULL)
        return false;
    tt_emit_c_prelude(file, isa);
    for (uint32_t i = 0; i < program->step_count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "step_%u", (unsigned)i);
        if (program->steps[i].fused != NULL)
            tt_emit_c(file, &program->steps[i].fused->form, name, isa);
    }
    return fclose(file) == 0;
}

static void take_code(tt_program *program)
{
    for (uint32_t i = 0; i < program->step_count; i++) {
        char name[24];
        snprintf(name, sizeof(name), "step_%u", (unsigned)i);
        if (program->steps[i].fused != NULL)
            program->steps[i].code = (tt_code *)tt_compiled_find(program->compiled, name);
    }
}

void tt_program_compile(tt_program *program)
{
    char *text = NULL;
    size_t length = 0;
    tt_isa isa = tt_isa_here(NULL);
    program->interpreted = UINT64_MAX; // once
    if (tt_program_print_forms(program, isa, &text, &length) &&
        tt_compile_c(&(tt_compile_options){.isa = isa}, text, length, &program->compiled, NULL) ==
            TT_OK)
        take_code(program);
    free(text);
}

void tt_program_count(tt_program *program)
{
    tt_way way = program->session->options.way;
    if (program->interpreted == UINT64_MAX || way == TT_RUN_INTERPRETED)
        return;
    if (way == TT_RUN_COMPILED)
        program->interpreted = ENOUGH;
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].fused != NULL)
            program->interpreted = tt_cost_add(program->interpreted, program->steps[i].fused->cost);
    if (program->interpreted >= ENOUGH)
        tt_program_compile(program);
}
