// The greatest of each window, and the gradient of that.
//
// The gradient is gathered: each element of the image adds up what the windows over it send back
// that chose it. Elements that lie alike below the windows (a phase) are one nest, so that where
// windows tile the image each nest reads one window for each element, and adds nothing.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/fusing.h"

#define WINDOWS_MAX 3
#define WRITTEN_OUT 16 // elements of a window, where all windows lie inside

typedef struct pooling {
    fusing *f;
    tt_form *form;
    uint32_t node; // the pool
    unsigned windows;
    tt_span span[WINDOWS_MAX];
    int64_t count[WINDOWS_MAX]; // of windows along an axis
    int64_t in[3];              // places: x; or which element was chosen, dy, and y or -1
    unsigned ins;
    // While it is walked.
    tt_affine at[3]; // what is read, by the open loops
    uint32_t loop[WINDOWS_MAX];
    int64_t phase[WINDOWS_MAX];
    bool tiled;               // windows lie side by side and cover the image
    bool inside;              // all windows lie in the image
    tt_register best, chosen; // what was started
    tt_affine tap;            // the number of the window's element
} pooling;

static int64_t divide_up(int64_t a, int64_t by)
{
    return a / by + (a % by > 0);
}

static const place *read_place(const pooling *p, unsigned i)
{
    return &p->f->place[p->in[i]];
}

typedef struct places {
    tt_affine at[3];
} places;

static places keep(const pooling *p)
{
    places kept;
    memcpy(kept.at, p->at, sizeof(kept.at));
    return kept;
}

static void restore(pooling *p, const places *kept)
{
    memcpy(p->at, kept->at, sizeof(kept->at));
}

// What is read lies `by` numbers of an axis further.
static void shift(pooling *p, unsigned axis, int64_t by)
{
    for (unsigned i = 0; i < p->ins; i++)
        p->at[i].offset += by * read_place(p, i)->stride[axis];
}

// And as many for each number of a loop.
static void advance(pooling *p, unsigned axis, uint32_t loop, int64_t by)
{
    for (unsigned i = 0; i < p->ins; i++)
        tt_affine_add(&p->at[i], loop, by * read_place(p, i)->stride[axis]);
}

static tt_register load(pooling *p, unsigned i)
{
    tt_form_access access = {
        .buffer = (uint16_t)p->in[i], .element = read_place(p, i)->element, .place = p->at[i]};
    return tt_form_load(p->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

// Whether x takes the place of the best so far: it is greater, or the first that is no number.
static tt_register wins(tt_form *form, tt_register x, tt_register best)
{
    tt_register not = tt_form_2(form, TT_FORM_XOR, tt_form_2(form, TT_FORM_LESS_OR_EQUAL, x, best),
                                tt_form_integer(form, -1));
    return tt_form_2(form, TT_FORM_AND, not, tt_form_2(form, TT_FORM_EQUAL, best, best));
}

static void compare_written_out(pooling *p)
{
    int64_t tap[WINDOWS_MAX] = {0}, number = 0;
    bool more = true;
    for (; more; number++) {
        places kept = keep(p);
        for (unsigned i = 0; i < p->windows; i++)
            shift(p, i + 1, tap[i] * p->span[i].dilation);
        tt_register x = load(p, 0), here = tt_form_integer(p->form, (int32_t)number);
        restore(p, &kept);
        tt_register won = number > 0 ? wins(p->form, x, p->best) : 0;
        p->best = number > 0 ? tt_form_make(p->form, TT_FORM_SELECT, won, x, p->best) : x;
        p->chosen = number > 0 ? tt_form_make(p->form, TT_FORM_SELECT, won, here, p->chosen) : here;
        more = false;
        for (unsigned i = p->windows; i > 0 && !more; i--) {
            more = ++tap[i - 1] < p->span[i - 1].window;
            tap[i - 1] = more ? tap[i - 1] : 0;
        }
    }
}

// A loop over the elements of window i that lie in the image, and those of the windows behind it.
static void compare_inside(pooling *p, unsigned i)
{
    if (i == p->windows) {
        tt_register x = load(p, 0), here = tt_form_index(p->form, &p->tap);
        tt_register none =
            tt_form_2(p->form, TT_FORM_LESS_INTEGER, p->chosen, tt_form_integer(p->form, 0));
        tt_register won = tt_form_2(p->form, TT_FORM_OR, wins(p->form, x, p->best), none);
        tt_register best = tt_form_make(p->form, TT_FORM_SELECT, won, x, p->best);
        tt_register chosen = tt_form_make(p->form, TT_FORM_SELECT, won, here, p->chosen);
        tt_form_set(p->form, p->best, best);
        tt_form_set(p->form, p->chosen, chosen);
        return;
    }
    const tt_span *s = &p->span[i];
    tt_affine tap = p->tap;
    places kept = keep(p);
    tt_form_axis taps = {.end = s->window, .bounded = !p->inside, .divisor = s->dilation};
    taps.from.offset = s->before;
    taps.to.offset = s->size + s->before;
    tt_affine_add(&taps.from, p->loop[i], -s->stride);
    tt_affine_add(&taps.to, p->loop[i], -s->stride);
    uint32_t id = tt_form_loop(p->form, &taps);
    int64_t behind = 1;
    for (unsigned k = i + 1; k < p->windows; k++)
        behind *= p->span[k].window;
    tt_affine_add(&p->tap, id, behind);
    advance(p, i + 1, id, s->dilation);
    compare_inside(p, i + 1);
    tt_form_end(p->form);
    restore(p, &kept);
    p->tap = tap;
}

static void store_second(pooling *p)
{
    fusing *f = p->f;
    if (f->second < 0)
        return;
    const place *to = &f->place[f->second];
    tt_form_access access = {
        .buffer = (uint16_t)f->second, .element = to->element, .place = tt_fusing_affine(f, to)};
    tt_form_store(p->form, &access, p->chosen);
}

static void store_all(pooling *p, tt_register made)
{
    fusing *f = p->f;
    f->nest++;
    f->member[0].inner_made = made;
    f->member[0].inner_at = f->nest;
    for (uint32_t k = 0; k < f->count; k++)
        tt_fusing_store(f, k);
}

static void greatest(pooling *p)
{
    int64_t taps = 1;
    for (unsigned i = 0; i < p->windows && taps <= WRITTEN_OUT; i++)
        taps *= p->span[i].window;
    if (p->inside && taps <= WRITTEN_OUT) {
        compare_written_out(p);
    } else {
        tt_register least = tt_form_number(p->form, -(float)INFINITY);
        p->best = tt_form_start(p->form, least, false);
        p->chosen = tt_form_start(p->form, tt_form_integer(p->form, -1), false);
        p->tap = (tt_affine){0};
        compare_inside(p, 0);
    }
    store_second(p);
    store_all(p, p->best);
}

// Elements of a window by which an element of the image, of some phase, is seen: first + step j,
// from window `window` - back j behind that of the loop's number.
typedef struct seen {
    int64_t first, step, count, window, back;
} seen;

static seen seen_of(const tt_span *s, int64_t phase)
{
    seen made = {.step = 1};
    while (made.first < s->stride &&
           (phase + s->before - made.first * s->dilation) % s->stride != 0)
        made.first++;
    while (made.step * s->dilation % s->stride != 0)
        made.step++;
    if (made.first < s->window && made.first < s->stride)
        made.count = divide_up(s->window - made.first, made.step);
    made.window = (phase + s->before - made.first * s->dilation) / s->stride;
    made.back = made.step * s->dilation / s->stride;
    return made;
}

// What a window sends back, to whatever it chose.
static tt_register load_sent(pooling *p)
{
    tt_register zero = tt_form_number(p->form, 0), dy = load(p, 1);
    if (p->ins < 3)
        return dy;
    tt_register off = tt_form_2(p->form, TT_FORM_LESS_OR_EQUAL, load(p, 2), zero);
    return tt_form_make(p->form, TT_FORM_SELECT, off, zero, dy);
}

// And what of it comes to one element, if it chose that.
static tt_register sent(pooling *p)
{
    tt_register dy = load_sent(p);
    tt_register chosen =
        tt_form_2(p->form, TT_FORM_EQUAL_INTEGER, load(p, 0), tt_form_index(p->form, &p->tap));
    return tt_form_make(p->form, TT_FORM_SELECT, chosen, dy, tt_form_number(p->form, 0));
}

// Adds up by windows from i on; without a loop where there is but one. Returns whether there is
// any.
static bool gather(pooling *p, unsigned i, bool alone)
{
    if (i == p->windows) {
        tt_register x = sent(p);
        if (alone)
            p->best = x;
        else
            tt_form_set(p->form, p->best, tt_form_2(p->form, TT_FORM_ADD, p->best, x));
        return true;
    }
    const tt_span *s = &p->span[i];
    seen w = seen_of(s, p->phase[i]);
    int64_t behind = 1, numbers = divide_up(s->size - p->phase[i], s->stride);
    tt_affine tap = p->tap;
    places kept = keep(p);
    if (w.count == 0)
        return false;
    for (unsigned k = i + 1; k < p->windows; k++)
        behind *= p->span[k].window;
    shift(p, i + 1, w.window);
    p->tap.offset += w.first * behind;
    bool bounded = w.window - (w.count - 1) * w.back < 0 || w.window + numbers > p->count[i];
    bool loops = bounded || w.count > 1, any;
    if (loops) {
        tt_form_axis taps = {.end = w.count, .bounded = bounded, .divisor = w.back};
        taps.from.offset = w.window - p->count[i] + 1;
        taps.to.offset = w.window + 1;
        tt_affine_add(&taps.from, p->loop[i], 1);
        tt_affine_add(&taps.to, p->loop[i], 1);
        uint32_t id = tt_form_loop(p->form, &taps);
        advance(p, i + 1, id, -w.back);
        tt_affine_add(&p->tap, id, w.step * behind);
    }
    any = gather(p, i + 1, alone);
    if (loops)
        tt_form_end(p->form);
    restore(p, &kept);
    p->tap = tap;
    return any;
}

// Whether each element is seen by one window, whichever it is.
static bool seen_once(const pooling *p)
{
    for (unsigned i = 0; i < p->windows; i++) {
        seen w = seen_of(&p->span[i], p->phase[i]);
        int64_t numbers = divide_up(p->span[i].size - p->phase[i], p->span[i].stride);
        if (w.count != 1 || w.window < 0 || w.window + numbers > p->count[i])
            return false;
    }
    return true;
}

static void send_back(pooling *p)
{
    tt_register zero = tt_form_number(p->form, 0);
    bool alone = seen_once(p), none = false;
    for (unsigned i = 0; i < p->windows; i++)
        none |= seen_of(&p->span[i], p->phase[i]).count == 0;
    p->tap = (tt_affine){0};
    p->best = zero;
    if (!alone && !none)
        p->best = tt_form_start(p->form, zero, false);
    if (!none)
        gather(p, 0, alone);
    store_all(p, p->best);
}

// Whether windows lie side by side and cover the image.
static bool is_tiled(const pooling *p)
{
    int64_t taps = 1;
    for (unsigned i = 0; i < p->windows; i++) {
        const tt_span *s = &p->span[i];
        taps *= s->window;
        if (s->window != s->stride || s->dilation != 1 || s->before != 0 ||
            s->size != s->stride * p->count[i] || taps > WRITTEN_OUT)
            return false;
    }
    return true;
}

// All elements of a window at once: what is read is loaded once.
static void send_back_tiled(pooling *p)
{
    int64_t tap[WINDOWS_MAX] = {0};
    tt_register chosen = load(p, 0), dy = load_sent(p), zero = tt_form_number(p->form, 0);
    bool more = true;
    for (int32_t number = 0; more; number++) {
        tt_register here =
            tt_form_2(p->form, TT_FORM_EQUAL_INTEGER, chosen, tt_form_integer(p->form, number));
        store_all(p, tt_form_make(p->form, TT_FORM_SELECT, here, dy, zero));
        more = false;
        for (unsigned i = p->windows; i > 0 && !more; i--) {
            more = ++tap[i - 1] < p->span[i - 1].window;
            tap[i - 1] = more ? tap[i - 1] : 0;
        }
        for (unsigned i = 0; i < p->windows; i++)
            p->f->fixed[i + 1] = tap[i];
    }
}

// A loop over an axis of what is made; where `lanes`, its last one.
static void open_axis(pooling *p, unsigned axis, bool lanes)
{
    fusing *f = p->f;
    int64_t size = f->axis[axis].size;
    uint32_t id = tt_fusing_open(f, axis, 1, (tt_form_axis){.end = size, .lanes = lanes});
    bool images = f->blocked && axis == f->domain.rank - 1u;
    for (unsigned k = 0; k < p->ins; k++) {
        const place *read = read_place(p, k);
        int64_t block, image;
        tt_fusing_batch(read, 0, &block, &image);
        bool by_block = f->blocked && axis == 0;
        tt_affine_add(&p->at[k], id, images ? image : by_block ? block : read->stride[axis]);
    }
}

// Axes of the image from i on, then lanes, then what is done with each.
static void walk(pooling *p, unsigned i)
{
    fusing *f = p->f;
    places kept = keep(p);
    bool back = p->ins > 1, split = f->open_count == 0;
    if (i == p->windows) {
        open_axis(p, f->domain.rank - 1u, true); // channels, or the images of a block
        if (back && p->tiled)
            send_back_tiled(p);
        else if (back)
            send_back(p);
        else
            greatest(p);
        tt_fusing_close(f);
        restore(p, &kept);
        return;
    }
    const tt_span *s = &p->span[i];
    int64_t phases = back && !p->tiled ? s->stride : 1, scale = back ? s->stride : 1;
    int64_t size = back && !p->tiled ? s->size : p->count[i];
    split = split && phases == 1;
    for (int64_t number = 0; number < phases && number < size; number++) {
        int64_t loops = divide_up(size - number, phases);
        p->phase[i] = number;
        f->fixed[i + 1] += number;
        p->loop[i] = tt_fusing_open(f, i + 1, scale, (tt_form_axis){.end = loops});
        f->form->split |= split;
        f->fused->turns = split ? loops : f->fused->turns;
        advance(p, i + 1, p->loop[i], back ? 1 : s->stride);
        shift(p, i + 1, back ? 0 : -s->before);
        walk(p, i + 1);
        tt_fusing_close(f);
        f->fixed[i + 1] -= number;
        restore(p, &kept);
    }
}

void tt_fuse_pool(fusing *f, const tt_value *reads)
{
    bool back = reads != NULL;
    uint32_t node = back ? reads[0].node : f->member[0].node;
    const tt_type *x = tt_graph_type(f->graph, tt_graph_inputs(f->graph, node)[0]);
    const tt_type *y = tt_graph_type(f->graph, (tt_value){node, 0});
    pooling p = {.f = f, .form = f->form, .node = node, .windows = x->rank - 2u, .inside = true};
    if (!back)
        p.in[p.ins++] = tt_fusing_operand(f, tt_graph_inputs(f->graph, node)[0]);
    for (unsigned i = 0; back && i < 3 && !tt_is_none(reads[i]); i++)
        p.in[p.ins++] = tt_fusing_operand(f, reads[i]);
    for (unsigned i = 0; i < p.windows; i++) {
        p.span[i] = (tt_span){.size = x->size[i + 1],
                              .window = tt_graph_attribute(f->graph, node, 0, NULL)[i],
                              .stride = tt_graph_attribute(f->graph, node, 1, NULL)[i],
                              .dilation = tt_graph_attribute(f->graph, node, 2, NULL)[i],
                              .spread = 1,
                              .before = tt_graph_attribute(f->graph, node, 4, NULL)[i]};
        const tt_span *s = &p.span[i];
        p.count[i] = y->size[i + 1];
        p.inside &=
            s->before <= 0 &&
            (p.count[i] - 1) * s->stride - s->before + (s->window - 1) * s->dilation < s->size;
    }
    p.tiled = back && is_tiled(&p);
    if (f->full)
        return;
    for (unsigned i = 0; i < p.ins; i++)
        f->blocked |= read_place(&p, i)->batch == 0;
    tt_fusing_walk(f);
    for (unsigned i = 0; i < p.ins; i++)
        p.at[i].offset = read_place(&p, i)->offset;
    if (f->axis[0].size > 1) {
        open_axis(&p, 0, false);
        f->form->split = true;
        f->fused->turns = f->axis[0].size;
    }
    if (f->blocked) // channels lie apart
        open_axis(&p, p.windows + 1, false);
    walk(&p, 0);
    while (f->open_count > 0)
        tt_fusing_close(f);
}
