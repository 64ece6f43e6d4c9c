// Where what a group reads and writes lies along each axis of its domain, and the axes that all of
// it walks as one.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/fusing.h"

static int64_t add_place(fusing *f, const place *made)
{
    if (f->place_count == f->place_capacity) {
        uint32_t more = f->place_capacity > 0 ? 2 * f->place_capacity : 16;
        place *grown = realloc(f->place, more * sizeof(*grown));
        if (grown == NULL) {
            f->full = true;
            return 0;
        }
        f->place = grown;
        f->place_capacity = more;
    }
    for (uint32_t i = 0; i < f->place_count; i++)
        if (tt_same(f->place[i].stored, made->stored) && f->place[i].counted == made->counted &&
            f->place[i].operand == made->operand && f->place[i].offset == made->offset &&
            memcmp(f->place[i].stride, made->stride, sizeof(made->stride)) == 0)
            return i;
    f->place[f->place_count] = *made;
    return f->place_count++;
}

void tt_follow(const tt_graph *graph, tt_value value, tt_along at[TT_RANK_MAX])
{
    const tt_operation *n = tt_graph_node(graph, value.node);
    tt_value input = tt_graph_inputs(graph, value.node)[0];
    const tt_type *to = tt_graph_type(graph, value), *from = tt_graph_type(graph, input);
    tt_along out[TT_RANK_MAX];
    unsigned count = 0;
    const int64_t *first =
        n->word_count > 0 ? tt_graph_attribute(graph, value.node, 0, &count) : NULL;
    memcpy(out, at, sizeof(out));
    for (unsigned i = 0; i < from->rank; i++) {
        if (n->op == TT_OP_TRANSPOSE) {
            at[first[i]] = out[i];
        } else if (n->op == TT_OP_SLICE) {
            int64_t step = tt_graph_attribute(graph, value.node, 2, NULL)[i];
            at[i].offset = first[i] + out[i].offset * step;
            at[i].stride = out[i].stride * step;
        } else if (n->op == TT_OP_BROADCAST) {
            at[i] = from->size[i] == 1 ? (tt_along){0, 0, 0} : out[i + to->rank - from->rank];
        }
    }
    for (unsigned i = 0; n->op == TT_OP_FLIP && i < count; i++) {
        int64_t axis = first[i];
        at[axis].offset = to->size[axis] - 1 - out[axis].offset;
        at[axis].stride = -out[axis].stride;
    }
}

// The strides of what is stored, whose axes are walked as `at` says. In blocks of 16 images each
// element has the 16 side by side, and channels lie apart: [batch / 16][channel][row][column][16].
static void lie(const fusing *f, place *p, const tt_type *type, const tt_along *at)
{
    int64_t strides[TT_RANK_MAX] = {0};
    unsigned last = type->rank > 0 ? type->rank - 1u : 0;
    tt_strides(type, strides);
    if (!p->counted && f->groups->blocked[tt_value_place(f->graph, p->stored)]) {
        p->batch = (int)at[0].axis;
        for (unsigned i = 1; i < last; i++)
            strides[i] = TT_LANES * (strides[i] / type->size[last]);
        strides[last] = TT_LANES * (strides[0] / type->size[last]);
        strides[0] *= TT_LANES;
    }
    for (unsigned i = 0; i < type->rank; i++) {
        p->offset += at[i].offset * strides[i];
        p->stride[at[i].axis] += at[i].stride * strides[i];
    }
}

void tt_fusing_batch(const place *p, unsigned axis, int64_t *block, int64_t *image)
{
    bool blocked = p->batch == (int)axis;
    int64_t stride = p->stride[axis]; // that may be written to
    *block = blocked ? stride : TT_LANES * stride;
    *image = blocked ? 1 : stride;
}

// Where the elements of `value` lie, whose own axes are walked as `at` says.
static int64_t find_place(fusing *f, tt_value value, tt_along at[TT_RANK_MAX], bool operand)
{
    place made = {
        .element = tt_graph_type(f->graph, value)->element, .batch = -1, .operand = operand};
    while (tt_fusing_op_of(f, value.node) == TT_OP_STOP ||
           tt_fusing_op_of(f, value.node) == TT_OP_AFTER ||
           f->groups->how[value.node] == TT_LOWERED_SEEN) {
        if (f->groups->how[value.node] == TT_LOWERED_SEEN)
            tt_follow(f->graph, value, at);
        value = tt_graph_inputs(f->graph, value.node)[0];
    }
    const tt_type *type = tt_graph_type(f->graph, value);
    made.stored = tt_behind(f->groups, value);
    lie(f, &made, type, at);
    return add_place(f, &made);
}

// Where the elements of `value` lie, of which a node of `shape` reads those of its own place.
int64_t tt_fusing_place_of(fusing *f, tt_value value, const tt_type *shape)
{
    const tt_type *type = tt_graph_type(f->graph, value);
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    unsigned lead = f->group->domain.rank - shape->rank; // aligned at the last axis
    for (unsigned i = 0; i < type->rank; i++) {
        unsigned own = i + shape->rank - type->rank;
        at[i] = type->size[i] == 1 ? (tt_along){0, 0, 0} : (tt_along){0, 1, lead + own};
    }
    return find_place(f, value, at, false);
}

int64_t tt_fusing_operand(fusing *f, tt_value value)
{
    const tt_type *type = tt_graph_type(f->graph, value);
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    for (unsigned i = 0; i < type->rank; i++)
        at[i] = type->size[i] == 1 ? (tt_along){0, 0, 0} : (tt_along){0, 1, i};
    return find_place(f, value, at, true);
}

int64_t tt_fusing_iota_place(fusing *f, uint32_t node)
{
    place made = {.stored = {node, 0}, .counted = true, .element = TT_I32, .batch = -1};
    unsigned axis;
    const tt_type *type = tt_graph_type(f->graph, made.stored);
    tt_axis(tt_graph_attribute(f->graph, node, 2, NULL)[0], type->rank, &axis);
    if (type->size[axis] > 1)
        made.stride[f->group->domain.rank - type->rank + axis] = 1; // aligned at the last axis
    return add_place(f, &made);
}

static int64_t place_written(fusing *f, tt_value value)
{
    const tt_type *type = tt_graph_type(f->graph, value);
    place made = {.stored = value, .element = type->element, .batch = -1};
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    for (unsigned i = 0; i < type->rank; i++) // lanes are of one element, too: not at one place
        if (type->size[i] > 1 || f->group->domain.size[i] == 1)
            at[i] = (tt_along){0, 1, i};
    lie(f, &made, type, at);
    return add_place(f, &made);
}

// Where a member writes: its own type's rows, which are the domain's or its first axes.
int64_t tt_fusing_written_place(fusing *f, const member *m)
{
    return place_written(f, (tt_value){m->node, 0});
}

// Where the first member's second output is written, of the first's shape.
static int64_t second_place(fusing *f)
{
    return place_written(f, (tt_value){f->member[0].node, 1});
}

// Of what begins the group, one output behind the other.
void tt_fusing_find_written(fusing *f)
{
    member *m = &f->member[0];
    m->written = f->groups->stored[m->node] ? tt_fusing_written_place(f, m) : -1;
    if (!f->full && f->group->pool && m->written >= 0 && f->groups->second[m->node])
        f->second = second_place(f);
}

static bool is_reduced(const fusing *f, unsigned axis)
{
    unsigned count;
    if (!f->group->across)
        return f->group->split >= 0 && (int)axis >= f->group->split;
    const int64_t *axes = tt_graph_attribute(f->graph, f->member[f->count - 1].node, 0, &count);
    if (f->blocked && axis == f->domain.rank - 1u) // the images of a block are as the blocks
        axis = 0;
    for (unsigned i = 0; i < count; i++)
        if (axes[i] == axis)
            return true;
    return false;
}

// Whether what is read or written lies in blocks of images, so that they are walked so.
void tt_fusing_find_blocks(fusing *f)
{
    f->domain = f->group->domain;
    for (uint32_t i = 0; i < f->place_count; i++)
        f->blocked |= !f->place[i].operand && f->place[i].batch == 0;
    if (!f->blocked)
        return;
    for (uint32_t i = 0; i < f->place_count; i++) {
        place *p = &f->place[i];
        if (!p->operand)
            tt_fusing_batch(p, 0, &p->stride[0], &p->stride[f->domain.rank]);
    }
    f->domain.size[0] /= TT_LANES;
    f->domain.size[f->domain.rank++] = TT_LANES;
}

// The axes in the order in which they lie: in blocks of images, channels before rows.
static unsigned nth_axis(const fusing *f, unsigned n)
{
    unsigned channels = f->domain.rank - 2u;
    if (!f->blocked || n == 0 || n > channels)
        return n;
    return n == 1 ? channels : n - 1;
}

// Joins neighbouring axes where everything lies in one row; leaves out those of one element.
void tt_fusing_find_axes(fusing *f)
{
    const tt_type *domain = &f->domain;
    walk_axis all[TT_RANK_MAX];
    unsigned count = 0;
    for (unsigned k = 0; k < domain->rank; k++) {
        unsigned i = nth_axis(f, k);
        bool reduced = is_reduced(f, i);
        if (domain->size[i] == 1)
            continue;
        bool joined = count > 0 && all[count - 1].reduced == reduced;
        for (uint32_t m = 0; joined && m < f->place_count; m++)
            joined =
                f->place[m].stride[all[count - 1].last] == f->place[m].stride[i] * domain->size[i];
        if (joined) {
            all[count - 1].last = i;
            all[count - 1].size *= domain->size[i];
        } else {
            all[count++] = (walk_axis){i, domain->size[i], reduced};
        }
    }
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < count; i++)
            if (all[i].reduced == (pass == 1)) {
                f->axis[f->axis_count++] = all[i];
                f->outer_count += pass == 0;
            }
}

uint32_t tt_fusing_open(fusing *f, unsigned axis, int64_t scale, tt_form_axis loop)
{
    uint32_t id = tt_form_loop(f->form, &loop);
    f->open[f->open_count].id = id;
    f->open[f->open_count].axis = axis;
    f->open[f->open_count++].scale = scale;
    return id;
}

void tt_fusing_close(fusing *f)
{
    tt_form_end(f->form);
    f->open_count--;
}

tt_affine tt_fusing_affine(const fusing *f, const place *p)
{
    tt_affine made = {.offset = p->offset};
    for (unsigned i = 0; i <= TT_RANK_MAX; i++)
        made.offset += p->stride[i] * f->fixed[i];
    for (unsigned i = 0; i < f->open_count; i++)
        tt_affine_add(&made, f->open[i].id,
                      p->stride[f->axis[f->open[i].axis].last] * f->open[i].scale);
    return made;
}

// A loop over a part: numbers below `part`, and below what is left of `size`. The part's number
// is that of the loop opened as number `parts`.
tt_form_axis tt_fusing_rest(const fusing *f, unsigned parts, int64_t part, int64_t size, bool lanes)
{
    tt_form_axis axis = {.end = part, .lanes = lanes};
    if (size % part != 0) {
        axis.bounded = true;
        axis.divisor = 1;
        axis.from.offset = 0;
        axis.to.offset = size;
        tt_affine_add(&axis.to, f->open[parts].id, -part);
    }
    return axis;
}

void tt_fusing_mark_inner(fusing *f)
{
    for (uint32_t k = 0; k < f->place_count; k++) {
        place *p = &f->place[k];
        p->outer_register = p->inner_register = TT_NO_REGISTER;
        p->inner = f->group->split < 0; // one nest, or a sum across, in which all is inside
        for (unsigned i = f->outer_count; i < f->axis_count; i++)
            p->inner |= p->stride[f->axis[i].last] != 0;
    }
}

// Places become buffers: those that are read, and then those that are written.
bool tt_fusing_list_buffers(fusing *f)
{
    tt_fused *fused = f->fused;
    uint32_t count = f->place_count;
    uint16_t *buffer = calloc(2 * count + 1u, sizeof(*buffer)), *use = buffer + count;
    fused->values = calloc(count + 1u, sizeof(*fused->values));
    bool ok = buffer != NULL && fused->values != NULL;
    for (uint32_t i = 0; ok && i < f->form->access_count; i++)
        if (f->form->access[i].buffer != TT_FORM_LOCAL)
            use[f->form->access[i].buffer] |= 1;
    for (uint32_t i = 0; ok && i < f->count; i++)
        if (f->member[i].written >= 0)
            use[f->member[i].written] |= 2;
    if (ok && f->second >= 0)
        use[f->second] |= 2;
    for (unsigned written = 0; ok && written < 2; written++)
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = written != 0 ? fused->read_count : 0;
            uint32_t end = fused->read_count + fused->write_count;
            if (use[i] != (written != 0 ? 3 : 1))
                continue;
            while (at < end && !tt_same(fused->values[at], f->place[i].stored))
                at++;
            if (at == end) {
                fused->values[at] = f->place[i].stored;
                *(written != 0 ? &fused->write_count : &fused->read_count) += 1;
            }
            buffer[i] = (uint16_t)at;
        }
    for (uint32_t i = 0; ok && i < f->form->access_count; i++)
        if (f->form->access[i].buffer != TT_FORM_LOCAL)
            f->form->access[i].buffer = buffer[f->form->access[i].buffer];
    free(buffer);
    return ok;
}

// A product or a pool walks the domain's axes as they are.
void tt_fusing_walk(fusing *f)
{
    tt_fusing_find_blocks(f);
    for (unsigned i = 0; i < f->domain.rank; i++)
        f->axis[i] = (walk_axis){.last = i, .size = f->domain.size[i]};
    f->axis_count = f->domain.rank;
    tt_fusing_mark_inner(f);
}
