// Instructions that are no loop and no access, as statements of C.

#include "ai/emit/emit_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct words {
    const char *lanes, *uniform;
} words;

static const words of_op[TT_FORM_OP_COUNT] = {
    [TT_FORM_ADD] = {"$ + $", "$ + $"},
    [TT_FORM_SUBTRACT] = {"$ - $", "$ - $"},
    [TT_FORM_MULTIPLY] = {"$ * $", "$ * $"},
    [TT_FORM_DIVIDE] = {"$ / $", "$ / $"},
    [TT_FORM_FMA] = {"tt_fma($, $, $)", "tt_fma1($, $, $)"},
    [TT_FORM_SQRT] = {"tt_sqrt($)", "tt_sqrt1($)"},
    [TT_FORM_FLOOR] = {"tt_floor($)", "tt_floor1($)"},
    [TT_FORM_CEIL] = {"tt_ceil($)", "tt_ceil1($)"},
    [TT_FORM_NEAREST] = {"tt_nearest($)", "tt_nearest1($)"},
    [TT_FORM_LESS] = {"(tt_u)($ < $)", "-(unsigned)($ < $)"},
    [TT_FORM_LESS_OR_EQUAL] = {"(tt_u)($ <= $)", "-(unsigned)($ <= $)"},
    [TT_FORM_EQUAL] = {"(tt_u)($ == $)", "-(unsigned)($ == $)"},
    [TT_FORM_ADD_INTEGER] = {"$ + $", "$ + $"},
    [TT_FORM_SUBTRACT_INTEGER] = {"$ - $", "$ - $"},
    [TT_FORM_MULTIPLY_INTEGER] = {"$ * $", "$ * $"},
    [TT_FORM_MULTIPLY_HIGH] = {"tt_high($, $)", "tt_high1($, $)"},
    [TT_FORM_AND] = {"$ & $", "$ & $"},
    [TT_FORM_OR] = {"$ | $", "$ | $"},
    [TT_FORM_XOR] = {"$ ^ $", "$ ^ $"},
    [TT_FORM_LEFT] = {"$ << (# & 31)", "$ << ($ & 31)"},
    [TT_FORM_RIGHT] = {"$ >> (# & 31)", "$ >> ($ & 31)"},
    [TT_FORM_RIGHT_SIGNED] = {"(tt_u)((tt_s)$ >> (int)(# & 31))", "(unsigned)((int)$ >> ($ & 31))"},
    [TT_FORM_LESS_INTEGER] = {"(tt_u)((tt_s)$ < (tt_s)$)", "-(unsigned)((int)$ < (int)$)"},
    [TT_FORM_EQUAL_INTEGER] = {"(tt_u)($ == $)", "-(unsigned)($ == $)"},
    [TT_FORM_TO_FLOAT] = {"tt_to_float($)", "tt_to_float1($)"},
    [TT_FORM_TO_INTEGER] = {"tt_to_integer($)", "tt_to_integer1($)"},
    [TT_FORM_AS_FLOAT] = {"(tt_v)$", "tt_as_float1($)"},
    [TT_FORM_AS_INTEGER] = {"(tt_u)$", "tt_as_integer1($)"},
};

// `$` is the next operand, `#` the next as a scalar.
static void print_words(const tt_printer *p, const char *text, const tt_instruction *i, unsigned w)
{
    const tt_register from[] = {i->a, i->b, i->c};
    unsigned next = 0;
    for (; *text != 0; text++)
        if (*text == '$' || *text == '#')
            tt_emit_operand(p, from[next++], *text == '#' ? p->vectors : w);
        else
            fputc(*text, p->file);
}

static bool same_value(const tt_printer *p, tt_register a, tt_register b)
{
    const tt_instruction *x = &p->form->code[a], *y = &p->form->code[b];
    return a == b || (x->op == TT_FORM_NUMBER && y->op == TT_FORM_NUMBER && x->bits == y->bits);
}

// A choice by LESS of what was compared is one instruction of most machines.
static const char *select_words(const tt_printer *p, const tt_instruction *i, tt_instruction *as)
{
    const tt_instruction *mask = &p->form->code[i->a];
    *as = *i;
    if (i->kind != TT_FORM_F32)
        return "tt_pick($, $, $)";
    if (mask->op != TT_FORM_LESS)
        return "tt_select($, $, $)";
    as->a = i->b;
    as->b = i->c;
    if (same_value(p, mask->a, i->c) && same_value(p, mask->b, i->b))
        return "tt_max($, $)";
    if (same_value(p, mask->a, i->b) && same_value(p, mask->b, i->c))
        return "tt_min($, $)";
    *as = *i;
    return "tt_select($, $, $)";
}

static void print_arithmetic(const tt_printer *p, uint32_t at, const tt_instruction *i)
{
    tt_instruction as = *i;
    words text = of_op[i->op];
    if (i->op == TT_FORM_SELECT)
        text = (words){select_words(p, i, &as), "$ != 0 ? $ : $"};
    for (unsigned w = tt_emit_first(p, i->uniform); w < tt_emit_end(p, i->uniform); w++) {
        tt_emit_target(p, at, w);
        print_words(p, i->uniform ? text.uniform : text.lanes, i->uniform ? i : &as, w);
        fprintf(p->file, ";\n");
    }
}

static void print_join(const tt_printer *p, uint32_t at, const tt_instruction *i)
{
    tt_emit_target(p, at, p->vectors);
    fprintf(p->file, i->op == TT_FORM_JOIN        ? "tt_join("
                     : i->op == TT_FORM_JOIN_BOTH ? "tt_join_both("
                                                  : "tt_join_greatest(");
    for (unsigned w = 0; w < p->vectors; w++) {
        fprintf(p->file, w > 0 ? ", " : "");
        tt_emit_operand(p, i->a, w);
    }
    for (unsigned w = 0; i->op == TT_FORM_JOIN_BOTH && w < p->vectors; w++) {
        fprintf(p->file, ", ");
        tt_emit_operand(p, i->b, w);
    }
    fprintf(p->file, ");\n");
}

static void print_number(const tt_printer *p, uint32_t at, const tt_instruction *i)
{
    float number;
    memcpy(&number, &i->bits, sizeof(number));
    tt_emit_target(p, at, p->vectors);
    if (i->op == TT_FORM_NUMBER && isfinite(number))
        fprintf(p->file, "%af;\n", (double)number);
    else
        fprintf(p->file,
                i->op == TT_FORM_NUMBER ? "tt_as_float1(%" PRIu32 "u);\n" : "%" PRIu32 "u;\n",
                i->bits);
}

static void print_index(const tt_printer *p, uint32_t at, const tt_instruction *i)
{
    const tt_affine *place = &p->form->place[i->a];
    int64_t stride = tt_affine_stride(place, p->lanes); // 0 where no lanes are open
    for (unsigned w = tt_emit_first(p, i->uniform); w < tt_emit_end(p, i->uniform); w++) {
        tt_emit_target(p, at, w);
        if (i->uniform) {
            fprintf(p->file, "(unsigned)(");
            tt_emit_affine(p, place, TT_NO_REGISTER);
            fprintf(p->file, ");\n");
            continue;
        }
        fprintf(p->file, "tt_splat_u((unsigned)(");
        tt_emit_affine(p, place, TT_NO_REGISTER);
        fprintf(p->file, ")) + tt_lanes(%u) * %" PRIu32 "u;\n", w * p->width, (uint32_t)stride);
    }
}

// START and SET.
static void print_start(const tt_printer *p, uint32_t at, const tt_instruction *i)
{
    for (unsigned w = tt_emit_first(p, i->uniform); w < tt_emit_end(p, i->uniform); w++) {
        tt_emit_target(p, at, w);
        tt_emit_operand(p, i->a, w);
        fprintf(p->file, ";\n");
    }
}

static void print_set(const tt_printer *p, const tt_instruction *i)
{
    const tt_instruction *started = &p->form->code[i->a];
    bool uniform = started->uniform, isfloat = started->kind == TT_FORM_F32;
    for (unsigned w = tt_emit_first(p, uniform); w < tt_emit_end(p, uniform); w++) {
        tt_emit_indent(p);
        tt_emit_operand(p, i->a, w);
        fprintf(p->file, " = ");
        bool idle = !uniform && !tt_emit_is_full(p, w) && (p->seen || i->a < p->lanes_loop);
        if (idle)
            fprintf(p->file, "%s(tt_busy_%u, ", isfloat ? "tt_select" : "tt_pick", w);
        tt_emit_operand(p, i->b, w);
        if (idle)
            fprintf(p->file, ", r%" PRIu32 "_%u)", i->a, w);
        fprintf(p->file, ";\n");
    }
}

void tt_emit_plain(const tt_printer *p, uint32_t at)
{
    const tt_instruction *i = &p->form->code[at];
    switch (i->op) {
    case TT_FORM_NUMBER:
    case TT_FORM_INTEGER:
        print_number(p, at, i);
        break;
    case TT_FORM_INDEX:
        print_index(p, at, i);
        break;
    case TT_FORM_START:
        print_start(p, at, i);
        break;
    case TT_FORM_SET:
        print_set(p, i);
        break;
    case TT_FORM_JOIN:
    case TT_FORM_JOIN_BOTH:
    case TT_FORM_JOIN_GREATEST:
        print_join(p, at, i);
        break;
    default:
        print_arithmetic(p, at, i);
    }
}
