// Movement that no kernel reads through: elements copied to where they stand, whatever they are.

#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

// Copies `count` elements of `bytes` each, `from_step` and `to_step` elements apart.
static void copy_run(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t count,
                     size_t bytes)
{
    if (to_step == 1 && from_step == 1) {
        memcpy(to, from, (size_t)count * bytes);
        return;
    }
    if (bytes == 4) {
        for (int64_t i = 0; i < count; i++)
            ((uint32_t *)(void *)to)[i * to_step] =
                ((const uint32_t *)(const void *)from)[i * from_step];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(to + i * to_step * bytes, from + i * from_step * bytes, bytes);
}

typedef uint32_t quad __attribute__((vector_size(16), aligned(4), may_alias));

// Four rows of four words become columns.
static void turn_four(char *to, int64_t to_step, const char *from, int64_t from_step)
{
    quad a = *(const quad *)(const void *)from, b = *(const quad *)(const void *)(from + from_step);
    quad c = *(const quad *)(const void *)(from + 2 * from_step);
    quad d = *(const quad *)(const void *)(from + 3 * from_step);
    quad ac = __builtin_shufflevector(a, c, 0, 4, 1, 5);
    quad bd = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    quad ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    quad bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    *(quad *)(void *)to = __builtin_shufflevector(ac, bd, 0, 4, 1, 5);
    *(quad *)(void *)(to + to_step) = __builtin_shufflevector(ac, bd, 2, 6, 3, 7);
    *(quad *)(void *)(to + 2 * to_step) = __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    *(quad *)(void *)(to + 3 * to_step) = __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
}

// Words of `rows` rows that lie `from_step` apart become columns, `to_step` apart.
static void turn(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t rows,
                 int64_t columns)
{
    int64_t r4 = rows / 4 * 4, c4 = columns / 4 * 4;
    for (int64_t c = 0; c < c4; c += 4)
        for (int64_t r = 0; r < r4; r += 4)
            turn_four(to + 4 * (c * to_step + r), 4 * to_step, from + 4 * (r * from_step + c),
                      4 * from_step);
    if (r4 < rows)
        for (int64_t c = 0; c < c4; c++)
            copy_run(to + 4 * (c * to_step + r4), 1, from + 4 * (r4 * from_step + c), from_step,
                     rows - r4, 4);
    for (int64_t c = c4; c < columns; c++)
        copy_run(to + 4 * c * to_step, 1, from + 4 * c, from_step, rows, 4);
}

// The axis whose elements lie side by side where they come from, as the last one's do where they
// go; -1: it is the same one, or none.
static int turned_axis(const tt_type *shape, const int64_t *to_stride, const int64_t *from_stride,
                       size_t bytes)
{
    unsigned last = shape->rank - 1u;
    if (shape->rank < 2 || bytes != 4 || to_stride[last] != 1 || from_stride[last] <= 1)
        return -1;
    for (unsigned i = 0; i < last; i++)
        if (from_stride[i] == 1 && to_stride[i] > 1 && shape->size[i] >= 4)
            return (int)i;
    return -1;
}

// Walks `shape`, last axis as runs, from strides to strides.
static void copy_all(const tt_type *shape, char *to, const int64_t *to_stride, int64_t to_first,
                     const char *from, const int64_t *from_stride, int64_t from_first, size_t bytes)
{
    tt_type outer = *shape;
    tt_walk a, b;
    int64_t run = 1, to_step = 1, from_step = 1;
    if (outer.rank > 0) {
        outer.rank--;
        run = shape->size[outer.rank];
        to_step = to_stride[outer.rank];
        from_step = from_stride[outer.rank];
    }
    int turned = turned_axis(shape, to_stride, from_stride, bytes);
    if (turned >= 0)
        outer.size[turned] = 1;
    tt_walk_begin(&a, &outer, to_stride, to_first);
    tt_walk_begin(&b, &outer, from_stride, from_first);
    int64_t runs = tt_type_count(&outer);
    for (int64_t i = 0; run > 0 && i < runs; i++, tt_walk_next(&a), tt_walk_next(&b))
        if (turned >= 0)
            turn(to + a.at * bytes, to_stride[turned], from + b.at * bytes, from_step, run,
                 shape->size[turned]);
        else
            copy_run(to + a.at * bytes, to_step, from + b.at * bytes, from_step, run, bytes);
}

tt_status tt_move_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_type *in = tt_graph_type(graph, tt_graph_inputs(graph, step->node)[0]);
    const tt_type *out = tt_graph_type(graph, (tt_value){step->node, 0});
    int64_t own[TT_RANK_MAX] = {0}, stride[TT_RANK_MAX] = {0}, to[TT_RANK_MAX] = {0}, first = 0;
    unsigned count = 0;
    tt_op op = (tt_op)tt_graph_node(graph, step->node)->op;
    const int64_t *word = tt_graph_attribute(graph, step->node, 0, &count);
    tt_strides(in, own);
    tt_strides(out, to);
    if (op == TT_OP_BROADCAST) {
        tt_walk walk;
        tt_walk_broadcast(&walk, in, out);
        memcpy(stride, walk.stride, sizeof(stride));
    } else {
        memcpy(stride, own, sizeof(stride));
    }
    for (unsigned i = 0; i < count && op != TT_OP_BROADCAST; i++) {
        if (op == TT_OP_TRANSPOSE) {
            stride[i] = own[word[i]];
        } else if (op == TT_OP_SLICE) {
            first += word[i] * own[i];
            // A step of one element may be of any size: it is never taken.
            stride[i] =
                out->size[i] > 1 ? own[i] * tt_graph_attribute(graph, step->node, 2, NULL)[i] : 0;
        } else { // flip names its axes
            first += (in->size[word[i]] - 1) * own[word[i]];
            stride[word[i]] = -own[word[i]];
        }
    }
    copy_all(out, step->out[0], to, 0, step->in[0], stride, first,
             tt_element_bytes((tt_element)out->element));
    return TT_OK;
}

tt_status tt_pad_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_type *in = tt_graph_type(graph, tt_graph_inputs(graph, step->node)[0]);
    const tt_type *out = tt_graph_type(graph, (tt_value){step->node, 0});
    size_t bytes = tt_element_bytes((tt_element)out->element);
    int64_t from[TT_RANK_MAX] = {0}, to[TT_RANK_MAX] = {0}, count = tt_type_count(out);
    int64_t from_first = 0, to_first = 0;
    tt_type inside = *in;
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)step->out[0] + i * bytes, step->in[1], bytes);
    tt_strides(in, from);
    tt_strides(out, to);
    for (unsigned i = 0; i < in->rank; i++) { // the part of the input that is not taken away
        int64_t before = tt_graph_attribute(graph, step->node, 0, NULL)[i];
        int64_t each = tt_graph_attribute(graph, step->node, 2, NULL)[i] + 1;
        int64_t skip = before < 0 ? (-before + each - 1) / each : 0;
        int64_t room = out->size[i] - (before + skip * each); // from where the first of it lies
        int64_t fits = room > 0 ? (room + each - 1) / each : 0, left = in->size[i] - skip;
        inside.size[i] = left < 0 ? 0 : left < fits ? left : fits;
        if (inside.size[i] == 0) // then nothing is copied, whatever these numbers are
            return TT_OK;
        from_first += skip * from[i];
        to_first += (before + skip * each) * to[i];
        to[i] *= inside.size[i] > 1 ? each : 0;
    }
    copy_all(&inside, step->out[0], to, to_first, step->in[0], from, from_first, bytes);
    return TT_OK;
}

tt_status tt_concatenate_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_operation *node = tt_graph_node(graph, step->node);
    const tt_type *out = tt_graph_type(graph, (tt_value){step->node, 0});
    int64_t axis = tt_graph_attribute(graph, step->node, 0, NULL)[0], first = 0;
    int64_t to[TT_RANK_MAX] = {0}, from[TT_RANK_MAX] = {0};
    tt_strides(out, to);
    for (unsigned i = 0; i < node->input_count; i++) {
        const tt_type *in = tt_graph_type(graph, tt_graph_inputs(graph, step->node)[i]);
        tt_strides(in, from);
        copy_all(in, step->out[0], to, first, step->in[i], from, 0,
                 tt_element_bytes((tt_element)out->element));
        first += in->size[axis] * to[axis];
    }
    return TT_OK;
}

// What is outside of its axis is the reference's to tell of.
tt_status tt_gather_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_value *inputs = tt_graph_inputs(graph, step->node);
    const tt_type *in = tt_graph_type(graph, inputs[0]), *by = tt_graph_type(graph, inputs[1]);
    unsigned axis = (unsigned)tt_graph_attribute(graph, step->node, 0, NULL)[0];
    size_t bytes = tt_element_bytes((tt_element)in->element);
    int64_t count = tt_type_count(by), outer = 1;
    for (unsigned i = 0; i < axis; i++)
        outer *= in->size[i];
    for (unsigned i = axis + 1; i < in->rank; i++)
        bytes *= (size_t)in->size[i];
    for (int64_t i = 0; i < count; i++) {
        int64_t at = tt_cell_load((tt_element)by->element, step->in[1], i).i;
        if (at < 0 || at >= in->size[axis])
            return tt_reference_kernel(running, step);
        for (int64_t o = 0; o < outer; o++)
            memcpy((char *)step->out[0] + (size_t)(o * count + i) * bytes,
                   (const char *)step->in[0] + (size_t)(o * in->size[axis] + at) * bytes, bytes);
    }
    return TT_OK;
}
