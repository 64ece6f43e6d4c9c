// Windows that slide over a tensor, and sums over them; for the rows of products and pools.

#ifndef TUTTI_AI_SLIDING_H
#define TUTTI_AI_SLIDING_H

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

#define TT_SPATIAL_MAX 5 // axes of windows: gradients need one more axis than x has

#define TT_WINDOWS                                                                                 \
    {"stride", TT_ATTRIBUTE_LIST}, {"dilation", TT_ATTRIBUTE_LIST}, {"spread", TT_ATTRIBUTE_LIST}, \
        {"before", TT_ATTRIBUTE_LIST},                                                             \
    {                                                                                              \
        "after", TT_ATTRIBUTE_LIST                                                                 \
    }

// Windows over the axes between the first and the last. Attributes: stride, dilation, spread,
// before, after from number `first` on.
typedef struct tt_sliding {
    unsigned axes;
    tt_span span[TT_SPATIAL_MAX];
    int64_t windows[TT_SPATIAL_MAX], taps; // elements of one window
} tt_sliding;

tt_sliding tt_sliding_of(const tt_type *x, const int64_t *window, const tt_words *attribute,
                         unsigned first);

// Whether x has room for windows and each list an entry for each of its axes between; `x` becomes
// the result's type but for the channels.
bool tt_sliding_type(tt_rule *rule, const int64_t *window, unsigned first);

// Where element `tap` of window `o` lies in x, counted over its axes of windows; -1: padding.
int64_t tt_tap_place(const tt_sliding *s, const int64_t *o, int64_t tap);

// The next window; the last axis counts fastest.
void tt_next_window(const tt_sliding *s, int64_t *o);

int64_t tt_product_of(const int64_t *sizes, unsigned count);

// Lists of a tt_windows from spans.
typedef struct tt_window_lists {
    int64_t stride[TT_SPATIAL_MAX], dilation[TT_SPATIAL_MAX], spread[TT_SPATIAL_MAX],
        before[TT_SPATIAL_MAX], after[TT_SPATIAL_MAX];
} tt_window_lists;

tt_windows tt_windows_of(const tt_window_lists *lists);

// The padding behind is what makes `windows` windows of the span.
void tt_put_span(tt_window_lists *lists, unsigned axis, tt_span span, int64_t windows);

// The windows by which gradients come back to x: what lay apart in y lies between, and turned
// round.
tt_window_lists tt_backward_windows(const tt_sliding *s);

// A sum of products of either kind.
typedef struct tt_total {
    long double real;
    uint64_t whole;
} tt_total;

void tt_total_add(tt_total *sum, bool is_float, tt_cell a, tt_cell b); // their product
tt_cell tt_total_cell(const tt_work *work, const tt_total *sum);

tt_value tt_zeros_like(tt_graph *graph, tt_value a);

#endif
