// Loads and stores as statements of C. Accesses that differ by the numbers of their innermost loop,
// or by a constant, share a pointer that is made before that loop.

#include "ai/emit/emit_internal.h"

#include <inttypes.h>

static const char *element_of(const tt_form_access *access)
{
    return tt_element_name((tt_element)access->element);
}

static bool is_access(const tt_instruction *i)
{
    return i->op == TT_FORM_LOAD || i->op == TT_FORM_STORE;
}

// Whether b is a, but for a constant and the numbers of `axis`.
static bool shares(const tt_form_access *a, const tt_form_access *b, uint32_t axis)
{
    if (a->buffer != b->buffer || a->element != b->element)
        return false;
    for (unsigned i = 0; i < a->place.count; i++)
        if (a->place.term[i].axis != axis &&
            tt_affine_stride(&b->place, a->place.term[i].axis) != a->place.term[i].stride)
            return false;
    for (unsigned i = 0; i < b->place.count; i++)
        if (b->place.term[i].axis != axis &&
            tt_affine_stride(&a->place, b->place.term[i].axis) != b->place.term[i].stride)
            return false;
    return true;
}

void tt_emit_pointers(const tt_printer *p, uint32_t loop, uint32_t end)
{
    const tt_form *form = p->form;
    uint32_t axis = loop == TT_NO_REGISTER ? TT_NO_REGISTER : form->code[loop].a;
    uint32_t made = TT_NO_REGISTER; // a list of those that were, by what `pointer` has of others
    uint32_t *pointer = p->pointer, *next = p->pointer + form->access_count;
    unsigned depth = 0;
    for (uint32_t at = loop == TT_NO_REGISTER ? 0 : loop + 1; at < end; at++) {
        const tt_instruction *i = &form->code[at];
        depth += i->op == TT_FORM_LOOP;
        depth -= i->op == TT_FORM_END;
        if (depth > 0 || !is_access(i))
            continue;
        const tt_form_access *access = &form->access[i->a];
        uint32_t known = made;
        while (known != TT_NO_REGISTER && !shares(&form->access[known], access, axis))
            known = next[known];
        pointer[i->a] = known == TT_NO_REGISTER ? i->a : known;
        if (known != TT_NO_REGISTER)
            continue;
        next[i->a] = made;
        made = i->a;
        tt_emit_indent(p);
        fprintf(p->file, "tt_%s *const p%" PRIu32 " = (tt_%s *)", element_of(access), i->a,
                element_of(access));
        if (access->buffer == TT_FORM_LOCAL)
            fprintf(p->file, "local + (");
        else
            fprintf(p->file, "buffers[%u] + (", access->buffer);
        tt_emit_affine(p, &access->place, axis);
        fprintf(p->file, ");\n");
    }
}

// The stride of an access from turn to turn of the innermost loop.
static int64_t loop_stride(const tt_printer *p, uint32_t access)
{
    return p->loop == TT_NO_REGISTER
               ? 0
               : tt_affine_stride(&p->form->access[access].place, p->form->code[p->loop].a);
}

static bool is_hidden(const tt_printer *p, const tt_instruction *i)
{
    uint32_t pointer = p->pointer[i->a];
    return p->hidden[pointer] && i->op == TT_FORM_LOAD && i->uniform &&
           loop_stride(p, i->a) == loop_stride(p, pointer);
}

// Where uniform numbers are read at several places in each turn of an innermost loop within lanes,
// as of the windows of a convolution, some are those of turns before at other places. Compilers
// then keep them in registers, which the sums need, and spill all of them: a pointer that comes out
// of an asm points they know not where.
void tt_emit_hidden(const tt_printer *p, uint32_t loop, uint32_t end)
{
    tt_printer within = *p;
    within.loop = loop;
    for (uint32_t at = loop + 1; at < end; at++) {
        if (p->form->code[at].op == TT_FORM_LOOP || p->lanes == TT_NO_REGISTER)
            return;
        if (is_access(&p->form->code[at])) // a body of lanes is printed twice
            p->hidden[p->form->code[at].a] = false;
    }
    for (uint32_t at = loop + 1; at < end; at++) {
        const tt_instruction *i = &p->form->code[at];
        uint32_t pointer = i->op == TT_FORM_LOAD && i->uniform ? p->pointer[i->a] : i->a;
        if (pointer == i->a || p->hidden[pointer] || loop_stride(&within, pointer) == 0)
            continue;
        p->hidden[pointer] = true;
        tt_emit_indent(p);
        fprintf(p->file, "tt_%s *q%" PRIu32 " = p%" PRIu32 " + i%" PRIu32 " * %" PRId64 "L;\n",
                element_of(&p->form->access[pointer]), pointer, pointer, p->form->code[loop].a,
                loop_stride(&within, pointer));
        tt_emit_indent(p);
        fprintf(p->file, "__asm__(\"\" : \"+r\"(q%" PRIu32 "));\n", pointer);
    }
}

static void print_place(const tt_printer *p, const tt_instruction *i, int64_t more)
{
    const tt_form_access *access = &p->form->access[i->a];
    uint32_t pointer = p->pointer[i->a];
    bool hidden = is_hidden(p, i);
    fprintf(p->file, "%c%" PRIu32, hidden ? 'q' : 'p', pointer);
    if (p->loop != TT_NO_REGISTER) {
        uint32_t axis = p->form->code[p->loop].a;
        int64_t stride = tt_affine_stride(&access->place, axis);
        if (stride != 0 && !hidden)
            fprintf(p->file, " + i%" PRIu32 " * %" PRId64 "L", axis, stride);
    }
    more += access->place.offset - p->form->access[pointer].place.offset;
    if (more != 0)
        fprintf(p->file, " + %" PRId64 "L", more);
    if (i->c != TT_NO_REGISTER && p->form->code[i->c].uniform)
        fprintf(p->file, " + (long)(int)r%" PRIu32 " * %" PRId64 "L", i->c, access->index_stride);
}

// 0 where no lanes are open.
static int64_t lane_stride(const tt_printer *p, const tt_instruction *i)
{
    return tt_affine_stride(&p->form->access[i->a].place, p->lanes);
}

static bool by_lane(const tt_printer *p, tt_register of)
{
    return of != TT_NO_REGISTER && !p->form->code[of].uniform;
}

bool tt_emit_is_full(const tt_printer *p, unsigned w)
{
    return !p->partial || p->busy >= (w + 1) * p->width;
}

// The lanes of vector w that are not idle.
static void print_count(const tt_printer *p, unsigned w)
{
    unsigned before = w * p->width;
    if (tt_emit_is_full(p, w))
        fprintf(p->file, "%uL", p->width);
    else if (p->busy > 0)
        fprintf(p->file, "%uL", p->busy > before ? p->busy - before : 0);
    else
        fprintf(p->file, "n - %uL", before);
}

static void print_lanes_loaded(const tt_printer *p, const tt_instruction *i, unsigned w)
{
    const tt_form_access *access = &p->form->access[i->a];
    int64_t stride = lane_stride(p, i);
    bool each = by_lane(p, i->b) || by_lane(p, i->c);
    const char *way = each ? "g" : !tt_emit_is_full(p, w) ? "n" : stride == 1 ? "" : "s";
    fprintf(p->file, "tt_load%s_%s(", way, element_of(access));
    print_place(p, i, stride * (int64_t)(w * p->width));
    if (*way != 0)
        fprintf(p->file, ", %" PRId64 "L", stride);
    if (*way == 'g' || *way == 'n') {
        fprintf(p->file, ", ");
        print_count(p, w);
    }
    if (each) {
        fprintf(p->file, ", ");
        if (by_lane(p, i->b))
            tt_emit_operand(p, i->b, w);
        else
            fprintf(p->file, "tt_splat_u(1)");
        fprintf(p->file, ", ");
        if (by_lane(p, i->c))
            tt_emit_operand(p, i->c, w);
        else
            fprintf(p->file, "tt_splat_u(0)");
        fprintf(p->file, ", %" PRId64 "L", access->index_stride);
    }
    fprintf(p->file, ")");
}

void tt_emit_load(const tt_printer *p, uint32_t at)
{
    const tt_instruction *i = &p->form->code[at];
    bool guarded = i->b != TT_NO_REGISTER && p->form->code[i->b].uniform;
    for (unsigned w = tt_emit_first(p, i->uniform); w < tt_emit_end(p, i->uniform); w++) {
        tt_emit_target(p, at, w);
        if (guarded) {
            fprintf(p->file, i->uniform ? "0;\n" : "{0};\n");
            tt_emit_indent(p);
            fprintf(p->file, "if (r%" PRIu32 " != 0)\n", i->b);
            tt_emit_indent(p);
            fprintf(p->file, "    ");
            tt_emit_operand(p, at, w);
            fprintf(p->file, " = ");
        }
        if (i->uniform) {
            fprintf(p->file, "tt_get_%s(", element_of(&p->form->access[i->a]));
            print_place(p, i, 0);
            fprintf(p->file, ")");
        } else {
            print_lanes_loaded(p, i, w);
        }
        fprintf(p->file, ";\n");
    }
}

// Whether whole vectors of neighbours are stored at multiples of their size.
static bool is_streamed(const tt_printer *p, const tt_form_access *access)
{
    if (!access->streamed || access->element != TT_F32 || p->partial ||
        p->form->axis[p->lanes].bounded || p->form->axis[p->lanes].first % TT_LANES != 0 ||
        access->place.offset % TT_LANES != 0)
        return false;
    for (unsigned t = 0; t < access->place.count; t++)
        if (access->place.term[t].axis != p->lanes && access->place.term[t].stride % TT_LANES != 0)
            return false;
    return true;
}

void tt_emit_store(const tt_printer *p, uint32_t at)
{
    const tt_instruction *i = &p->form->code[at];
    const char *element = element_of(&p->form->access[i->a]);
    int64_t stride = lane_stride(p, i);
    for (unsigned w = tt_emit_first(p, i->uniform); w < tt_emit_end(p, i->uniform); w++) {
        const char *way = !tt_emit_is_full(p, w) ? "n" : stride == 1 ? "" : "s";
        tt_emit_indent(p);
        if (*way == 0 && is_streamed(p, &p->form->access[i->a]))
            fprintf(p->file, "tt_stream(");
        else if (i->uniform)
            fprintf(p->file, "tt_put_%s(", element);
        else
            fprintf(p->file, "tt_store%s_%s(", way, element);
        print_place(p, i, stride * (int64_t)(w * p->width));
        if (!i->uniform && *way != 0)
            fprintf(p->file, ", %" PRId64 "L", stride);
        if (!i->uniform && *way == 'n') {
            fprintf(p->file, ", ");
            print_count(p, w);
        }
        fprintf(p->file, ", ");
        tt_emit_operand(p, i->b, w);
        fprintf(p->file, ");\n");
    }
}

static bool is_word(const tt_form_access *access)
{
    return access->element == TT_F32 || access->element == TT_I32 || access->element == TT_U32;
}

// Whether the loop copies rows, of lanes that are neighbours, into columns of local memory, which
// are neighbours by its axis.
static bool turns(const tt_printer *p, uint32_t loop, uint32_t end)
{
    const tt_instruction *load = &p->form->code[loop + 1], *store = load + 1;
    if (p->partial || end != loop + 3 || load->op != TT_FORM_LOAD || store->op != TT_FORM_STORE ||
        store->b != loop + 1 || load->b != TT_NO_REGISTER || load->c != TT_NO_REGISTER)
        return false;
    const tt_form_access *from = &p->form->access[load->a], *to = &p->form->access[store->a];
    return is_word(from) && from->element == to->element && from->buffer != TT_FORM_LOCAL &&
           to->buffer == TT_FORM_LOCAL && lane_stride(p, load) == 1 &&
           tt_affine_stride(&to->place, p->form->code[loop].a) == 1;
}

void tt_emit_turned(const tt_printer *p, uint32_t loop, uint32_t end)
{
    if (!turns(p, loop, end))
        return;
    const tt_instruction *load = &p->form->code[loop + 1], *store = load + 1;
    uint32_t axis = p->form->code[loop].a;
    tt_printer within = *p;
    within.loop = loop;
    tt_emit_indent(p);
    fprintf(p->file, "if (e%" PRIu32 " - i%" PRIu32 " == %d)\n", axis, axis, TT_LANES);
    within.depth++;
    tt_emit_indent(&within);
    fprintf(p->file, "tt_turn((tt_word *)(");
    print_place(&within, store, 0);
    fprintf(p->file, "), %" PRId64 "L, (const tt_word *)(", lane_stride(p, store));
    print_place(&within, load, 0);
    fprintf(p->file, "), %" PRId64 "L);\n", loop_stride(&within, load->a));
    tt_emit_indent(p);
    fprintf(p->file, "else\n");
}
