// Sums and greatest ones of windows.

#include <math.h>

#include "ai/graph/sliding.h"

// Attribute 0 is the window.
static bool window_fits(tt_rule *rule)
{
    const tt_type *x = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    return (x->rank >= 3 && rule->attribute[0].count == x->rank - 2u) ||
           tt_rule_fail(rule, "a window of %u axes on %s, expects (batch, sizes..., channels)",
                        rule->attribute[0].count, tt_type_text(x, text));
}

static bool pool_sum_type(tt_rule *rule)
{
    return window_fits(rule) && tt_sliding_type(rule, rule->attribute[0].word, 1);
}

static bool pool_greatest_type(tt_rule *rule)
{
    if (!window_fits(rule) || !tt_sliding_type(rule, rule->attribute[0].word, 1))
        return false;
    int64_t taps = 1;
    for (unsigned i = 0; i < rule->attribute[0].count; i++) {
        if (rule->attribute[3].word[i] != 1)
            return tt_rule_fail(rule, "takes no spread but 1");
        taps = (int64_t)tt_cost_multiply((uint64_t)taps, (uint64_t)rule->attribute[0].word[i]);
        if (taps < 0 || taps > INT32_MAX)
            return tt_rule_fail(rule, "a window has too many elements to number them");
    }
    rule->output_count = 2;
    rule->out[1] = rule->out[0];
    rule->out[1].element = TT_I32;
    return true;
}

typedef void pooler(tt_work *work, const tt_sliding *s, const int64_t *o, const tt_cell *image,
                    int64_t channel, int64_t out);

static tt_status pool(tt_work *work, pooler *each)
{
    const tt_type *x = &work->in[0].type;
    tt_sliding s = tt_sliding_of(x, work->attribute[0].word, work->attribute, 1);
    int64_t windows = tt_product_of(s.windows, s.axes), image = tt_product_of(x->size + 1, s.axes);
    int64_t channels = x->size[x->rank - 1];
    for (int64_t n = 0; n < x->size[0]; n++) {
        int64_t o[TT_SPATIAL_MAX] = {0};
        for (int64_t i = 0; i < windows; i++, tt_next_window(&s, o))
            for (int64_t c = 0; c < channels; c++)
                each(work, &s, o, work->in[0].cells + n * image * channels, c,
                     (n * windows + i) * channels + c);
    }
    return TT_OK;
}

static void sum_window(tt_work *work, const tt_sliding *s, const int64_t *o, const tt_cell *image,
                       int64_t channel, int64_t out)
{
    const tt_type *x = &work->in[0].type;
    bool is_float = tt_element_is_float((tt_element)x->element);
    tt_cell one = is_float ? (tt_cell){.f = 1} : (tt_cell){.u = 1};
    tt_total sum = {0, 0};
    for (int64_t tap = 0; tap < s->taps; tap++) {
        int64_t place = tt_tap_place(s, o, tap);
        if (place >= 0)
            tt_total_add(&sum, is_float, image[place * x->size[x->rank - 1] + channel], one);
    }
    work->out[0].cells[out] = tt_total_cell(work, &sum);
}

static tt_status pool_sum_reference(tt_work *work)
{
    return pool(work, sum_window);
}

static void greatest_in_window(tt_work *work, const tt_sliding *s, const int64_t *o,
                               const tt_cell *image, int64_t channel, int64_t out)
{
    const tt_type *x = &work->in[0].type;
    tt_element element = (tt_element)x->element;
    bool is_float = tt_element_is_float(element);
    tt_cell best = tt_cell_of_number(element, (double)-INFINITY), none = {0}; // the least there is
    int64_t best_tap = -1;
    for (int64_t tap = 0; tap < s->taps; tap++) {
        int64_t place = tt_tap_place(s, o, tap);
        if (place < 0)
            continue;
        tt_cell cell = image[place * x->size[x->rank - 1] + channel];
        bool wins =
            best_tap < 0 || tt_cell_apply(TT_OP_LESS, element, best, cell, none, true).i != 0;
        if (is_float && best_tap >= 0 && (isnan(cell.f) || isnan(best.f)))
            wins = !isnan(best.f);
        if (wins) {
            best = cell;
            best_tap = tap;
        }
    }
    work->out[0].cells[out] = best;
    work->out[1].cells[out].i = best_tap;
}

static tt_status pool_greatest_reference(tt_work *work)
{
    return pool(work, greatest_in_window);
}

static void pool_sum_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type x = *tt_graph_type(g, back->in[0]);
    tt_sliding s = tt_sliding_of(&x, back->attribute[0].word, back->attribute, 1);
    tt_window_lists lists = tt_backward_windows(&s);
    tt_windows windows = tt_windows_of(&lists);
    bool nothing = tt_type_count(tt_graph_type(g, back->dy[0])) == 0 || tt_type_count(&x) == 0;
    back->dx[0] = nothing ? tt_zeros_like(g, back->in[0])
                          : tt_pool_sum(g, back->dy[0], back->attribute[0].word, &windows);
}

#define TAPS_MAX 1024 // of a window that is differentiated: each is some nodes

// Each element of the window sends back what it was chosen for, to its place in x.
static void pool_greatest_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type x = *tt_graph_type(g, back->in[0]);
    tt_sliding s = tt_sliding_of(&x, back->attribute[0].word, back->attribute, 1);
    tt_value zero = tt_number(g, (tt_element)x.element, 0), sum = tt_zeros_like(g, back->in[0]);
    tt_value place = {back->node, 1};
    if (s.taps > TAPS_MAX) {
        tt_graph_fail(g, TT_UNSUPPORTED,
                      "pool_greatest: windows of %lld elements have no derivative, of %d they do; "
                      "greatest along an axis has one",
                      (long long)s.taps, TAPS_MAX);
        return;
    }
    for (int64_t tap = 0; tap < s.taps && tt_type_count(tt_graph_type(g, place)) > 0; tap++) {
        int64_t before[TT_RANK_MAX] = {0}, after[TT_RANK_MAX] = {0}, between[TT_RANK_MAX] = {0};
        int64_t rest = tap;
        for (unsigned i = s.axes; i > 0; i--) {
            const tt_span *f = &s.span[i - 1];
            before[i] = rest % f->window * f->dilation - f->before;
            between[i] = f->stride - 1;
            after[i] = f->size - before[i] - ((s.windows[i - 1] - 1) * f->stride + 1);
            rest /= f->window;
        }
        tt_value chosen = tt_equal(g, place, tt_number(g, TT_I32, (double)tap));
        tt_value sent = tt_select(g, chosen, back->dy[0], zero);
        tt_value there = tt_pad(g, sent, zero, before, after, between);
        sum = tap == 0 ? there : tt_add(g, sum, there);
    }
    back->dx[0] = sum;
}

static uint64_t pool_cost(const tt_graph *graph, uint32_t node)
{
    unsigned count;
    const int64_t *window = tt_graph_attribute(graph, node, 0, &count);
    uint64_t cost = (uint64_t)tt_type_count(tt_graph_type(graph, (tt_value){node, 0}));
    for (unsigned i = 0; i < count; i++)
        cost = tt_cost_multiply(cost, (uint64_t)window[i]);
    return cost;
}

const tt_row tt_pool_rows[] = {
    {.name = "pool_sum",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"window", TT_ATTRIBUTE_LIST}, TT_WINDOWS},
     .type = pool_sum_type,
     .reference = pool_sum_reference,
     .derivative = pool_sum_derivative,
     .cost = pool_cost,
     .help = "the sum of each window of (batch, sizes..., channels); padding is 0"},
    {.name = "pool_greatest",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"window", TT_ATTRIBUTE_LIST}, TT_WINDOWS},
     .type = pool_greatest_type,
     .reference = pool_greatest_reference,
     .derivative = pool_greatest_derivative,
     .cost = pool_cost,
     .help = "the greatest of each window, and its place there (i32; -1: all is padding); no "
             "number wins, padding never counts"},
};
