// Arithmetic of shapes, walks and windows.

#include "ai/graph/shape.h"

#include <string.h>

bool tt_shape_join(tt_type *joined, const tt_type *other)
{
    tt_type result = *joined;
    result.rank = joined->rank > other->rank ? joined->rank : other->rank;
    memset(result.size, 0, sizeof(result.size));
    for (unsigned i = 1; i <= result.rank; i++) { // from the last axis
        int64_t a = i <= joined->rank ? joined->size[joined->rank - i] : 1;
        int64_t b = i <= other->rank ? other->size[other->rank - i] : 1;
        if (a != b && a != 1 && b != 1)
            return false;
        result.size[result.rank - i] = a == 1 ? b : a;
    }
    *joined = result;
    return true;
}

void tt_strides(const tt_type *type, int64_t stride[TT_RANK_MAX])
{
    int64_t step = 1;
    for (unsigned i = type->rank; i > 0; i--) {
        stride[i - 1] = step;
        step *= type->size[i - 1];
    }
}

void tt_walk_begin(tt_walk *walk, const tt_type *shape, const int64_t *stride, int64_t first)
{
    *walk = (tt_walk){.rank = shape->rank, .at = first};
    for (unsigned i = 0; i < shape->rank; i++) {
        walk->size[i] = shape->size[i];
        walk->stride[i] = stride[i];
    }
}

void tt_walk_broadcast(tt_walk *walk, const tt_type *from, const tt_type *to)
{
    int64_t own[TT_RANK_MAX] = {0}, stride[TT_RANK_MAX] = {0};
    tt_strides(from, own);
    for (unsigned i = 1; i <= from->rank; i++)
        stride[to->rank - i] = from->size[from->rank - i] == 1 ? 0 : own[from->rank - i];
    tt_walk_begin(walk, to, stride, 0);
}

void tt_walk_next(tt_walk *walk)
{
    for (unsigned i = walk->rank; i > 0; i--) {
        walk->at += walk->stride[i - 1];
        if (++walk->place[i - 1] < walk->size[i - 1])
            return;
        walk->at -= walk->size[i - 1] * walk->stride[i - 1];
        walk->place[i - 1] = 0;
    }
}

#define SPAN_MAX ((int64_t)1 << 40)  // of each number, so that sums stay in 64 bits
#define REACH_MAX ((int64_t)1 << 60) // of what is spread, and of a window's elements

int64_t tt_span_windows(const tt_span *span)
{
    if (span->window < 1 || span->stride < 1 || span->dilation < 1 || span->spread < 1 ||
        span->window > SPAN_MAX || span->stride > SPAN_MAX || span->dilation > SPAN_MAX ||
        span->spread > SPAN_MAX || span->size > SPAN_MAX || span->before > SPAN_MAX ||
        span->after > SPAN_MAX || span->before < -SPAN_MAX || span->after < -SPAN_MAX)
        return -1;
    int64_t spread, reach, covered;
    if (__builtin_mul_overflow(span->size - 1, span->spread, &spread) ||
        __builtin_mul_overflow(span->window - 1, span->dilation, &reach) || spread > REACH_MAX ||
        reach > REACH_MAX)
        return -1;
    covered = (span->size > 0 ? spread + 1 : 0) + span->before + span->after - (reach + 1);
    return covered < 0 ? 0 : covered / span->stride + 1;
}

int64_t tt_span_place(const tt_span *span, int64_t o, int64_t k)
{
    int64_t at = o * span->stride + k * span->dilation - span->before;
    if (span->spread == 1) // a division less
        return at < 0 || at >= span->size ? -1 : at;
    if (at < 0 || at % span->spread != 0 || at / span->spread >= span->size)
        return -1;
    return at / span->spread;
}
