// Arithmetic of shapes, and walks over tensors in the order of another shape; for rows.

#ifndef TUTTI_AI_SHAPE_H
#define TUTTI_AI_SHAPE_H

#include "tutti/graph.h"

// `joined` becomes the shape that both are broadcast to: axes aligned at the last, size 1 repeats.
// False where they do not go together.
bool tt_shape_join(tt_type *joined, const tt_type *other);

// Elements between neighbours along each axis, in the order of the last axis.
void tt_strides(const tt_type *type, int64_t stride[TT_RANK_MAX]);

// Visits elements of a tensor while the place counts through a shape.
typedef struct tt_walk {
    unsigned rank;
    int64_t size[TT_RANK_MAX], place[TT_RANK_MAX]; // of the shape that is counted through
    int64_t stride[TT_RANK_MAX];                   // of the tensor, for a step along each axis
    int64_t at;                                    // the tensor's element, in its order
} tt_walk;
// Over `from`, which is broadcast to the shape of `to`.
void tt_walk_broadcast(tt_walk *walk, const tt_type *from, const tt_type *to);
// Over any strides, from element `first` on.
void tt_walk_begin(tt_walk *walk, const tt_type *shape, const int64_t *stride, int64_t first);
void tt_walk_next(tt_walk *walk);

// Windows along one axis.
typedef struct tt_span {
    int64_t size, window, stride, dilation, spread, before, after;
} tt_span;
// How many windows there are, or -1 where a number is out of range.
int64_t tt_span_windows(const tt_span *span);
// The input's element under element `k` of window `o`, or -1 for padding and what is spread
// between.
int64_t tt_span_place(const tt_span *span, int64_t o, int64_t k);

#endif
