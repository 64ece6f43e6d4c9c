// Forms as C: one walk over the instructions, which prints each as a statement.
//
// A register becomes a variable: a scalar r7 where it is uniform, else as many vectors of the
// machine as hold 16 lanes: r7_0, r7_1 ... The body of an axis of lanes is printed twice where it
// may have idle lanes, so that what runs most knows of none. Where it is known how many are idle,
// and nothing sees what is in them, vectors that are idle altogether are left out.

#include "ai/emit/emit_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tutti/check.h"

void tt_emit_indent(const tt_printer *p)
{
    fprintf(p->file, "%*s", (int)(4 * p->depth), "");
}

static void open_block(tt_printer *p)
{
    fprintf(p->file, "{\n");
    p->depth++;
}

static void close_block(tt_printer *p)
{
    p->depth--;
    tt_emit_indent(p);
    fprintf(p->file, "}\n");
}

// offset + the terms, without those of `without`.
void tt_emit_affine(const tt_printer *p, const tt_affine *place, uint32_t without)
{
    fprintf(p->file, "%" PRId64 "L", place->offset);
    for (unsigned i = 0; i < place->count; i++)
        if (place->term[i].axis != without)
            fprintf(p->file, " + i%" PRIu32 " * %" PRId64 "L", place->term[i].axis,
                    place->term[i].stride);
}

// Vector w of a register, or all of it where w is p->vectors.
void tt_emit_operand(const tt_printer *p, tt_register of, unsigned w)
{
    const tt_instruction *i = &p->form->code[of];
    if (w == p->vectors)
        fprintf(p->file, "r%" PRIu32, of);
    else if (i->uniform)
        fprintf(p->file, "tt_splat_%c(r%" PRIu32 ")", i->kind == TT_FORM_F32 ? 'v' : 'u', of);
    else
        fprintf(p->file, "r%" PRIu32 "_%u", of, of < p->lanes_loop ? w % p->whole : w);
}

// The beginning of a statement that makes vector w of a register.
void tt_emit_target(const tt_printer *p, uint32_t at, unsigned w)
{
    bool isfloat = p->form->code[at].kind == TT_FORM_F32;
    tt_emit_indent(p);
    if (w == p->vectors)
        fprintf(p->file, "%s r%" PRIu32 " = ", isfloat ? "float" : "unsigned", at);
    else
        fprintf(p->file, "%s r%" PRIu32 "_%u = ", isfloat ? "tt_v" : "tt_u", at, w);
}

static void print_walk(tt_printer *p, uint32_t from, uint32_t end);
static void print_one(tt_printer *p, uint32_t at);

static uint32_t end_of(const tt_form *form, uint32_t loop)
{
    uint32_t at = loop, depth = 0;
    do {
        depth += form->code[at].op == TT_FORM_LOOP;
        depth -= form->code[at].op == TT_FORM_END;
        at++;
    } while (depth > 0);
    return at - 1;
}

static void print_bound(const tt_printer *p, const char *of, int64_t number, const tt_affine *more,
                        int64_t divisor)
{
    fprintf(p->file, "tt_%s(%" PRId64 "L, tt_up(", of, number);
    tt_emit_affine(p, more, TT_NO_REGISTER);
    fprintf(p->file, ", %" PRId64 "L))", divisor);
}

// long i3 = FIRST, e3 = END;
static void print_range(const tt_printer *p, uint32_t number, bool split)
{
    const tt_form_axis *axis = &p->form->axis[number];
    tt_emit_indent(p);
    fprintf(p->file, "long i%" PRIu32 " = ", number);
    if (split)
        fprintf(p->file, "tt_most(from, ");
    if (axis->bounded)
        print_bound(p, "most", axis->first, &axis->from, axis->divisor);
    else
        fprintf(p->file, "%" PRId64 "L", axis->first);
    fprintf(p->file, split ? "), " : ", ");
    fprintf(p->file, split ? "e%" PRIu32 " = tt_least(to, " : "e%" PRIu32 " = ", number);
    if (axis->bounded)
        print_bound(p, "least", axis->end, &axis->to, axis->divisor);
    else
        fprintf(p->file, "%" PRId64 "L", axis->end);
    fprintf(p->file, split ? ");\n" : ";\n");
}

static void print_body(tt_printer *p, uint32_t loop, uint32_t end)
{
    uint32_t around = p->loop;
    p->loop = loop;
    print_walk(p, loop + 1, end);
    p->loop = around;
    close_block(p);
}

// The turn that has idle lanes, `busy` others, or as many as are left where that is 0.
static void print_idle_lanes(tt_printer *p, uint32_t loop, uint32_t end, unsigned busy)
{
    uint32_t axis = p->form->code[loop].a;
    tt_emit_indent(p);
    fprintf(p->file, "if (i%" PRIu32 " < e%" PRIu32 ") ", axis, axis);
    open_block(p);
    tt_emit_indent(p);
    if (busy > 0)
        fprintf(p->file, "const long n = %uL;\n", busy);
    else
        fprintf(p->file, "const long n = e%" PRIu32 " - i%" PRIu32 ";\n", axis, axis);
    for (unsigned w = 0; w < p->vectors; w++) {
        tt_emit_indent(p);
        fprintf(p->file, "const tt_u tt_busy_%u = tt_mask(n - %uL);\n", w, w * p->width);
    }
    p->partial = true;
    p->busy = busy;
    if (busy > 0 && !p->seen)
        p->used = (busy + p->width - 1) / p->width;
    print_body(p, loop, end);
    p->partial = false;
    p->used = p->vectors;
}

// Idle lanes are read by nothing else: they store nothing, and what is made of them is of lanes.
static bool sees_idle_lanes(const tt_form *form, uint32_t loop, uint32_t end)
{
    for (uint32_t at = loop; at < end; at++)
        if (tt_form_joins((tt_form_op)form->code[at].op))
            return true;
    return false;
}

static void print_lanes_loop(const tt_printer *p, uint32_t number, unsigned lanes)
{
    tt_emit_indent(p);
    fprintf(p->file, "for (; i%" PRIu32 " + %u <= e%" PRIu32 "; i%" PRIu32 " += %u) ", number,
            lanes, number, number, lanes);
}

// Several turns at once, statement by statement, so that a processor need not look far ahead for
// what it can do beside a long calculation. Then, turn by turn, what waits for the turn before.
static void print_turns(tt_printer *p, uint32_t loop, uint32_t end)
{
    bool *waits = calloc(end - loop, sizeof(*waits));
    TT_CHECK(waits != NULL);
    unsigned turns = tt_emit_turns(p, loop, end, waits);
    if (turns > 1) {
        tt_printer many = *p;
        many.vectors = many.used = turns * p->vectors;
        many.loop = loop;
        print_lanes_loop(p, p->lanes, turns * TT_LANES);
        open_block(&many);
        for (uint32_t at = loop + 1; at < end; at++)
            if (!waits[at - loop])
                print_one(&many, at);
        for (many.first = 0; many.first < many.vectors; many.first += p->vectors) {
            many.used = many.first + p->vectors;
            for (uint32_t at = loop + 1; at < end; at++)
                if (waits[at - loop])
                    print_one(&many, at);
        }
        close_block(&many);
    }
    free(waits);
}

// Turns of 16 lanes, then the one that has fewer, as far as there are such.
static void print_lanes(tt_printer *p, uint32_t loop, uint32_t end)
{
    uint32_t number = p->form->code[loop].a;
    const tt_form_axis *axis = &p->form->axis[number];
    int64_t count = axis->end - axis->first;
    p->lanes = number;
    p->lanes_loop = loop;
    p->seen = sees_idle_lanes(p->form, loop, end);
    if (count >= TT_LANES) {
        print_turns(p, loop, end);
        print_lanes_loop(p, number, TT_LANES);
        open_block(p);
        print_body(p, loop, end);
    }
    if (axis->bounded)
        print_idle_lanes(p, loop, end, 0);
    else if (count % TT_LANES > 0) // none where there is nothing
        print_idle_lanes(p, loop, end, (unsigned)(count % TT_LANES));
    p->lanes = TT_NO_REGISTER;
}

static void print_loop(tt_printer *p, uint32_t loop, uint32_t end)
{
    uint32_t number = p->form->code[loop].a;
    tt_emit_indent(p);
    open_block(p);
    tt_emit_pointers(p, loop, end);
    print_range(p, number, loop == 0 && p->form->split);
    if (p->form->axis[number].lanes) {
        print_lanes(p, loop, end);
    } else {
        tt_emit_turned(p, loop, end);
        tt_emit_indent(p);
        fprintf(p->file, "for (; i%" PRIu32 " < e%" PRIu32 "; i%" PRIu32 "++) ", number, number,
                number);
        open_block(p);
        tt_emit_hidden(p, loop, end);
        print_body(p, loop, end);
    }
    close_block(p);
}

static void print_one(tt_printer *p, uint32_t at)
{
    switch (p->form->code[at].op) {
    case TT_FORM_LOAD:
        tt_emit_load(p, at);
        break;
    case TT_FORM_STORE:
        tt_emit_store(p, at);
        break;
    default:
        tt_emit_plain(p, at);
    }
}

static void print_walk(tt_printer *p, uint32_t from, uint32_t end)
{
    for (uint32_t at = from; at < end; at++) {
        if (p->form->code[at].op != TT_FORM_LOOP) {
            print_one(p, at);
            continue;
        }
        uint32_t last = end_of(p->form, at);
        print_loop(p, at, last);
        at = last;
    }
}

void tt_emit_c(FILE *file, const tt_form *form, const char *name, tt_isa isa)
{
    unsigned width = tt_emit_width(isa);
    tt_printer p = {.file = file,
                    .form = form,
                    .width = width,
                    .vectors = TT_LANES / width,
                    .used = TT_LANES / width,
                    .whole = TT_LANES / width,
                    .lanes = TT_NO_REGISTER,
                    .loop = TT_NO_REGISTER};
    p.pointer = malloc(2 * ((size_t)form->access_count + 1) * sizeof(*p.pointer));
    p.hidden = calloc((size_t)form->access_count + 1, sizeof(*p.hidden));
    TT_CHECK(p.pointer != NULL && p.hidden != NULL);
    fprintf(file, "void %s(void *const *buffers, long from, long to, void *local)\n", name);
    open_block(&p);
    fprintf(file, "    (void)buffers, (void)from, (void)to, (void)local;\n");
    tt_emit_pointers(&p, TT_NO_REGISTER, form->length);
    print_walk(&p, 0, form->length);
    for (uint32_t i = 0; i < form->access_count; i++)
        if (form->access[i].streamed) { // before another thread is told that it is there
            fprintf(file, "    TT_STREAMED;\n");
            break;
        }
    close_block(&p);
    free(p.pointer);
    free(p.hidden);
}
