#include "ai/graph/sliding.h"

tt_sliding tt_sliding_of(const tt_type *x, const int64_t *window, const tt_words *attribute,
                         unsigned first)
{
    tt_sliding s = {.axes = x->rank - 2u, .taps = 1};
    for (unsigned i = 0; i < s.axes; i++) {
        s.span[i] = (tt_span){.size = x->size[i + 1],
                              .window = window[i],
                              .stride = attribute[first].word[i],
                              .dilation = attribute[first + 1].word[i],
                              .spread = attribute[first + 2].word[i],
                              .before = attribute[first + 3].word[i],
                              .after = attribute[first + 4].word[i]};
        s.windows[i] = tt_span_windows(&s.span[i]);
        s.taps = (int64_t)tt_cost_multiply((uint64_t)s.taps, (uint64_t)window[i]);
    }
    return s;
}

bool tt_sliding_type(tt_rule *rule, const int64_t *window, unsigned first)
{
    const tt_type *x = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (x->element == TT_BOOL || x->rank < 3 || x->rank > TT_SPATIAL_MAX + 2)
        return tt_rule_fail(rule,
                            "the input is %s, expects numbers of (batch, sizes..., channels) "
                            "and 1 to %d axes between",
                            tt_type_text(x, text), TT_SPATIAL_MAX);
    for (unsigned i = first; i < first + 5; i++)
        if (rule->attribute[i].count != x->rank - 2u)
            return tt_rule_fail(rule, "%s has %u entries, %s has %u axes for windows",
                                rule->row->attributes[i].name, rule->attribute[i].count,
                                tt_type_text(x, text), x->rank - 2u);
    tt_sliding s = tt_sliding_of(x, window, rule->attribute, first);
    rule->out[0] = *x;
    for (unsigned i = 0; i < s.axes; i++) {
        if (s.windows[i] < 0)
            return tt_rule_fail(rule,
                                "a window of %lld, stride %lld, dilation %lld, spread %lld "
                                "or padding %lld, %lld on axis %u of %s is out of range",
                                (long long)window[i], (long long)s.span[i].stride,
                                (long long)s.span[i].dilation, (long long)s.span[i].spread,
                                (long long)s.span[i].before, (long long)s.span[i].after, i + 1,
                                tt_type_text(x, text));
        rule->out[0].size[i + 1] = s.windows[i];
    }
    return true;
}

int64_t tt_tap_place(const tt_sliding *s, const int64_t *o, int64_t tap)
{
    int64_t place = 0, scale = 1;
    for (unsigned i = s->axes; i > 0; i--) {
        int64_t at = tt_span_place(&s->span[i - 1], o[i - 1], tap % s->span[i - 1].window);
        if (at < 0)
            return -1;
        place += at * scale;
        scale *= s->span[i - 1].size;
        tap /= s->span[i - 1].window;
    }
    return place;
}

void tt_next_window(const tt_sliding *s, int64_t *o)
{
    for (unsigned i = s->axes; i > 0; i--) {
        if (++o[i - 1] < s->windows[i - 1])
            return;
        o[i - 1] = 0;
    }
}

int64_t tt_product_of(const int64_t *sizes, unsigned count)
{
    int64_t product = 1;
    for (unsigned i = 0; i < count; i++)
        product *= sizes[i];
    return product;
}

// Padding behind that makes `windows` windows of what `span` says otherwise.
static int64_t after_for(const tt_span *span, int64_t windows)
{
    int64_t size = span->size > 0 ? (span->size - 1) * span->spread + 1 : 0;
    return (windows - 1) * span->stride + (span->window - 1) * span->dilation + 1 - size -
           span->before;
}

tt_windows tt_windows_of(const tt_window_lists *lists)
{
    return (tt_windows){lists->stride, lists->dilation, lists->spread, lists->before, lists->after};
}

void tt_put_span(tt_window_lists *lists, unsigned axis, tt_span span, int64_t windows)
{
    lists->stride[axis] = span.stride;
    lists->dilation[axis] = span.dilation;
    lists->spread[axis] = span.spread;
    lists->before[axis] = span.before;
    lists->after[axis] = after_for(&span, windows);
}

tt_window_lists tt_backward_windows(const tt_sliding *s)
{
    tt_window_lists lists = {.stride = {0}};
    for (unsigned i = 0; i < s->axes; i++) {
        const tt_span *f = &s->span[i];
        tt_put_span(&lists, i,
                    (tt_span){.size = s->windows[i],
                              .window = f->window,
                              .stride = f->spread,
                              .dilation = f->dilation,
                              .spread = f->stride,
                              .before = (f->window - 1) * f->dilation - f->before},
                    f->size);
    }
    return lists;
}

tt_value tt_zeros_like(tt_graph *graph, tt_value a)
{
    tt_type type = *tt_graph_type(graph, a);
    return tt_broadcast(graph, tt_number(graph, (tt_element)type.element, 0), type.rank, type.size);
}

void tt_total_add(tt_total *sum, bool is_float, tt_cell a, tt_cell b)
{
    if (is_float)
        sum->real += (long double)a.f * b.f;
    else
        sum->whole += a.u * b.u;
}

tt_cell tt_total_cell(const tt_work *work, const tt_total *sum)
{
    tt_element element = (tt_element)work->out[0].type.element;
    if (!tt_element_is_float(element))
        return tt_cell_fit(element, (tt_cell){.u = sum->whole});
    double real = (double)sum->real;
    return (tt_cell){.f = work->exact ? real : tt_round_to(element, real)};
}
