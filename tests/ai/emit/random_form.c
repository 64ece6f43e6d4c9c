#include "tests/ai/emit/random_form.h"

#include <stdlib.h>
#include <string.h>

#define MADE_MAX 400
#define OPEN_MAX 4

static const uint8_t elements[RF_ELEMENTS] = {TT_F32, TT_F16, TT_BF16, TT_I8,  TT_I16, TT_I32,
                                              TT_I64, TT_U8,  TT_U16,  TT_U32, TT_BOOL};

typedef struct maker {
    tt_form *form;
    uint64_t state;
    tt_register made[MADE_MAX]; // of loops that are open
    bool mask[MADE_MAX];
    unsigned count;
    uint32_t open[OPEN_MAX];
    unsigned depth;
    uint64_t local;             // bytes of local memory that are taken
    int64_t taken[RF_ELEMENTS]; // elements of buffers to write that some store has
    unsigned left;              // statements that may still be made
} maker;

tt_element random_form_element(unsigned buffer)
{
    return (tt_element)elements[buffer % RF_ELEMENTS];
}

uint64_t random_form_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static unsigned below(maker *m, unsigned limit)
{
    return (unsigned)(random_form_next(&m->state) % limit);
}

static float of_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

float random_form_float(uint64_t *state)
{
    static const uint32_t special[] = {
        0x00000000, 0x3f800000, 0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x7f800000,
        0x7fc00000, 0x4b000000, 0x4affffff, 0x4effffff, 0x4f000000, 0x3f000000, 0x3fc00000,
        0x40200000, 0x477fe000, 0x477fefff, 0x477ff000, 0x38800000, 0x387fc000, 0x33000000,
        0x33000001, 0x3effffff, 0x3f800001, 0x3f7fffff, 0x20000000, 0x1a000000, 0x00000003};
    uint64_t bits = random_form_next(state);
    uint32_t sign = (uint32_t)(bits >> 63) << 31;
    switch (bits >> 8 & 7) {
    case 0:
        return of_bits(special[(bits >> 16) % (sizeof(special) / sizeof(special[0]))] | sign);
    case 1:
        return of_bits((uint32_t)(bits >> 16)); // any
    case 2:
        return of_bits(((uint32_t)(bits >> 16) & 0x007fffffu) | sign); // without a leading 1
    case 3:
        return (float)((int)(bits >> 20 & 63) - 32) * 0.5f;
    default:
        return of_bits((((uint32_t)(bits >> 16) & 0x03ffffffu) + 0x3d800000u) | sign);
    }
}

bool random_form_buffers(void *buffers[RF_BUFFERS], uint64_t seed)
{
    bool all = true;
    for (unsigned b = 0; b < RF_BUFFERS; b++) {
        size_t bytes = RF_COUNT * tt_element_bytes(random_form_element(b));
        uint8_t *data = malloc(bytes);
        buffers[b] = data;
        all = all && data != NULL;
        for (size_t i = 0; data != NULL && i < bytes; i++)
            data[i] = random_form_element(b) == TT_BOOL ? random_form_next(&seed) & 1
                                                        : (uint8_t)random_form_next(&seed);
    }
    for (unsigned i = 0; all && i < RF_COUNT; i++)
        ((float *)buffers[0])[i] = random_form_float(&seed);
    if (all)
        random_form_clear(buffers);
    return all;
}

void random_form_clear(void *buffers[RF_BUFFERS])
{
    for (unsigned b = RF_ELEMENTS; b < RF_BUFFERS; b++)
        memset(buffers[b], 0, RF_COUNT * tt_element_bytes(random_form_element(b)));
}

void random_form_free(void *buffers[RF_BUFFERS])
{
    for (unsigned b = 0; b < RF_BUFFERS; b++)
        free(buffers[b]);
}

// ---- Registers.

static tt_register keep(maker *m, tt_register at, bool mask)
{
    if (m->count < MADE_MAX) {
        m->made[m->count] = at;
        m->mask[m->count++] = mask;
    }
    return at;
}

// One of a kind; masks only, or uniform ones only, where asked for. A new number where none fits.
static tt_register some(maker *m, tt_form_kind kind, bool mask, bool uniform)
{
    for (unsigned tries = 0; tries < 12 && m->count > 0; tries++) {
        unsigned recent = m->count > 12 && below(m, 3) > 0 ? m->count - 12 : 0;
        unsigned i = recent + below(m, m->count - recent);
        const tt_instruction *made = &m->form->code[m->made[i]];
        if (made->kind == kind && (!mask || m->mask[i]) && (!uniform || made->uniform))
            return m->made[i];
    }
    if (kind == TT_FORM_F32)
        return keep(m, tt_form_number(m->form, random_form_float(&m->state)), false);
    int32_t number = (int32_t)random_form_next(&m->state) >> below(m, 32);
    if (mask)
        number = below(m, 4) > 0 ? -1 : 0;
    return keep(m, tt_form_integer(m->form, number), mask);
}

static tt_register bits_of(maker *m, tt_register x)
{
    tt_register number = tt_form_2(m->form, TT_FORM_EQUAL, x, x);
    x = tt_form_make(m->form, TT_FORM_SELECT, number, x, tt_form_number(m->form, 1));
    return tt_form_1(m->form, TT_FORM_AS_INTEGER, x);
}

static void make_arithmetic(maker *m)
{
    tt_form_op op = (tt_form_op)(TT_FORM_JOIN + below(m, TT_FORM_OP_COUNT - TT_FORM_JOIN));
    tt_register made;
    if (op == TT_FORM_SELECT) {
        tt_form_kind kind = below(m, 3) > 0 ? TT_FORM_F32 : TT_FORM_I32;
        made = tt_form_make(m->form, op, some(m, TT_FORM_I32, true, false),
                            some(m, kind, false, false), some(m, kind, false, false));
    } else if (op == TT_FORM_AS_INTEGER) {
        made = bits_of(m, some(m, TT_FORM_F32, false, false));
    } else if (op >= TT_FORM_LEFT && op <= TT_FORM_RIGHT_SIGNED) {
        tt_register by = tt_form_2(m->form, TT_FORM_AND, some(m, TT_FORM_I32, false, true),
                                   tt_form_integer(m->form, 31));
        made = tt_form_2(m->form, op, some(m, TT_FORM_I32, false, false), by);
    } else {
        bool integers = (op >= TT_FORM_ADD_INTEGER && op <= TT_FORM_EQUAL_INTEGER) ||
                        op == TT_FORM_TO_FLOAT || op == TT_FORM_AS_FLOAT;
        tt_register from[3] = {TT_NO_REGISTER, TT_NO_REGISTER, TT_NO_REGISTER};
        for (unsigned i = 0; i < tt_form_operands(op); i++)
            from[i] = some(m, integers ? TT_FORM_I32 : TT_FORM_F32, false, false);
        made = tt_form_make(m->form, op, from[0], from[1], from[2]);
    }
    keep(m, made,
         (op >= TT_FORM_LESS && op <= TT_FORM_EQUAL) || op == TT_FORM_LESS_INTEGER ||
             op == TT_FORM_EQUAL_INTEGER);
}

// The greater of two, in the two ways that printers know.
static void make_greatest(maker *m)
{
    tt_register a = some(m, TT_FORM_F32, false, false), b = some(m, TT_FORM_F32, false, false);
    bool greatest = below(m, 2) > 0;
    keep(m,
         tt_form_make(m->form, TT_FORM_SELECT, tt_form_2(m->form, TT_FORM_LESS, a, b),
                      greatest ? b : a, greatest ? a : b),
         false);
}

static void make_start(maker *m)
{
    tt_form_kind kind = below(m, 3) > 0 ? TT_FORM_F32 : TT_FORM_I32;
    tt_register value = some(m, kind, false, below(m, 2) > 0);
    bool uniform = m->form->code[value].uniform && below(m, 3) == 0;
    keep(m, tt_form_start(m->form, value, uniform), false);
}

static void make_set(maker *m)
{
    tt_register started = TT_NO_REGISTER;
    for (unsigned tries = 0; tries < 20 && m->count > 0 && started == TT_NO_REGISTER; tries++) {
        tt_register at = m->made[below(m, m->count)];
        if (m->form->code[at].op == TT_FORM_START)
            started = at;
    }
    if (started == TT_NO_REGISTER)
        return;
    bool uniform = m->form->code[started].uniform;
    tt_form_kind kind = (tt_form_kind)m->form->code[started].kind;
    tt_register with = some(m, kind, false, uniform);
    if (below(m, 4) > 0)
        with = tt_form_2(m->form, kind == TT_FORM_F32 ? TT_FORM_ADD : TT_FORM_ADD_INTEGER, started,
                         with);
    else if (kind == TT_FORM_F32)
        with = tt_form_make(m->form, TT_FORM_FMA, with, some(m, kind, false, uniform), started);
    tt_form_set(m->form, started, with);
}

// ---- Accesses.

// Strides at random for all open axes; the numbers that the place then takes.
static tt_affine some_place(maker *m, int64_t *least, int64_t *most)
{
    static const int64_t strides[] = {1, 1, 1, 0, 2, -1, 3, 7, 40, -16};
    tt_affine place = {0};
    *least = *most = 0;
    for (unsigned i = 0; i < m->depth; i++) {
        const tt_form_axis *axis = &m->form->axis[m->open[i]];
        int64_t stride = strides[below(m, sizeof(strides) / sizeof(strides[0]))];
        int64_t a = stride * axis->first, b = stride * (axis->end - 1);
        tt_affine_add(&place, m->open[i], stride);
        *least += a < b ? a : b;
        *most += a < b ? b : a;
    }
    return place;
}

// A place that leaves the buffer, guarded by its number.
static tt_register guarded_load(maker *m, tt_form_access *access, int64_t least, int64_t most)
{
    access->place.offset = below(m, 2) > 0 ? -(least + most) / 2 : RF_COUNT - (least + most) / 2;
    tt_register number = tt_form_index(m->form, &access->place);
    tt_register guard = tt_form_2(
        m->form, TT_FORM_AND,
        tt_form_2(m->form, TT_FORM_LESS_INTEGER, tt_form_integer(m->form, -1), number),
        tt_form_2(m->form, TT_FORM_LESS_INTEGER, number, tt_form_integer(m->form, RF_COUNT)));
    return tt_form_load(m->form, access, guard, TT_NO_REGISTER);
}

static void make_load(maker *m)
{
    int64_t least, most;
    unsigned buffer = below(m, 2) > 0 ? 0 : below(m, RF_ELEMENTS);
    tt_form_access access = {.buffer = (uint16_t)buffer,
                             .element = elements[buffer],
                             .place = some_place(m, &least, &most)};
    bool mask = elements[buffer] == TT_BOOL;
    if (most - least > RF_COUNT / 2) {
        access.place = (tt_affine){0};
        least = most = 0;
    }
    if (below(m, 6) == 0) {
        keep(m, guarded_load(m, &access, least, most), mask);
        return;
    }
    access.place.offset = -least + below(m, 20);
    tt_register guard = TT_NO_REGISTER, index = TT_NO_REGISTER;
    if (below(m, 4) == 0)
        guard = some(m, TT_FORM_I32, true, false);
    if (below(m, 4) == 0) {
        access.index_stride = (int64_t)below(m, 7) - 3;
        access.place.offset += access.index_stride < 0 ? -255 * access.index_stride : 0;
        index = tt_form_2(m->form, TT_FORM_AND, some(m, TT_FORM_I32, false, false),
                          tt_form_integer(m->form, 255));
    }
    keep(m, tt_form_load(m->form, &access, guard, index), mask);
}

static void make_index(maker *m)
{
    int64_t least, most;
    tt_affine place = some_place(m, &least, &most);
    place.offset = (int64_t)below(m, 100) - 50;
    keep(m, tt_form_index(m->form, &place), false);
}

// To a part of a buffer that no other store has, so that turns are independent; perhaps with what
// stands there, or where no axis is split, with what another turn left.
static void make_store(maker *m)
{
    unsigned buffer = below(m, 2) > 0 ? 0 : below(m, RF_ELEMENTS);
    tt_form_kind kind = tt_form_kind_of((tt_element)elements[buffer]);
    tt_form_access access = {.buffer = (uint16_t)(RF_ELEMENTS + buffer),
                             .element = elements[buffer]};
    int64_t stride = 1 + below(m, 8) / 7, least = 0;
    for (unsigned i = m->depth; i-- > 0;) {
        const tt_form_axis *axis = &m->form->axis[m->open[i]];
        tt_affine_add(&access.place, m->open[i], stride);
        least += axis->first * stride;
        stride *= axis->end - axis->first > 0 ? axis->end - axis->first : 1;
    }
    if (m->taken[buffer] + stride + 40 > RF_COUNT)
        return;
    access.place.offset = m->taken[buffer] - least;
    m->taken[buffer] += stride + 40;
    bool uniform = m->form->lanes == TT_NO_REGISTER;
    tt_register value = some(m, kind, false, uniform), last = m->made[m->count - 1];
    if (below(m, 3) > 0 && m->form->code[last].kind == kind &&
        (m->form->code[last].uniform || !uniform))
        value = last; // what nothing uses yet
    bool same = buffer == 0 || elements[buffer] == TT_I32;
    if (same && below(m, 3) == 0) {
        tt_form_access from = access;
        from.place.offset += m->form->split ? 0 : below(m, 2) * below(m, 40);
        tt_register was = tt_form_load(m->form, &from, TT_NO_REGISTER, TT_NO_REGISTER);
        value =
            tt_form_2(m->form, kind == TT_FORM_F32 ? TT_FORM_ADD : TT_FORM_ADD_INTEGER, was, value);
    }
    tt_form_store(m->form, &access, value);
}

// ---- Loops.

static void make_block(maker *m, unsigned statements);

// Numbers of an axis of lanes: often fewer than a vector has, or that many more than whole turns.
static int64_t some_lanes(maker *m)
{
    switch (below(m, 6)) {
    case 0:
        return 1 + below(m, 8);
    case 1:
        return 16 * below(m, 3) + 1 + below(m, 8);
    case 2:
        return 16 * (1 + below(m, 3));
    case 3:
        return 1 + below(m, 400);
    default:
        return 1 + below(m, 40);
    }
}

static tt_form_axis some_axis(maker *m, bool split)
{
    tt_form_axis axis = {.first = (int64_t)below(m, 5) - 2};
    axis.lanes = m->form->lanes == TT_NO_REGISTER && below(m, split ? 4 : 2) == 0;
    axis.end = axis.first + (axis.lanes ? some_lanes(m) : 1 + below(m, split ? 20 : 4));
    if (split || below(m, 4) > 0)
        return axis;
    axis.bounded = true;
    axis.divisor = 1 + below(m, 3);
    axis.from.offset = (int64_t)below(m, 6) - 4;
    axis.to.offset = (axis.end + (int64_t)below(m, 8) - 5) * axis.divisor;
    for (unsigned i = 0; i < m->depth; i++)
        if (!m->form->axis[m->open[i]].lanes && below(m, 2) > 0) {
            tt_affine_add(&axis.from, m->open[i], (int64_t)below(m, 5) - 2);
            tt_affine_add(&axis.to, m->open[i], (int64_t)below(m, 5) - 2);
        }
    return axis;
}

static void make_loop(maker *m, bool split)
{
    if (m->depth == OPEN_MAX)
        return;
    tt_form_axis axis = some_axis(m, split);
    unsigned count = m->count;
    m->open[m->depth] = tt_form_loop(m->form, &axis);
    m->depth++;
    make_block(m, 3 + below(m, 6));
    tt_form_end(m->form);
    m->depth--;
    m->count = count;
}

// What most forms are for: lanes that add, or keep the greatest, and are joined.
static void make_reduction(maker *m)
{
    if (m->depth == OPEN_MAX || m->form->lanes != TT_NO_REGISTER)
        return;
    tt_register started = tt_form_start(m->form, some(m, TT_FORM_F32, false, true), false);
    tt_form_axis axis = some_axis(m, false);
    axis.lanes = true;
    axis.end = axis.first + 1 + below(m, 70);
    unsigned count = m->count;
    bool greatest = below(m, 2) > 0;
    m->open[m->depth++] = tt_form_loop(m->form, &axis);
    make_load(m);
    make_arithmetic(m);
    tt_register value = some(m, TT_FORM_F32, false, false);
    if (greatest)
        value = tt_form_make(m->form, TT_FORM_SELECT,
                             tt_form_2(m->form, TT_FORM_LESS, started, value), value, started);
    else
        value = tt_form_2(m->form, TT_FORM_ADD, started, value);
    tt_form_set(m->form, started, value);
    tt_form_end(m->form);
    m->depth--;
    m->count = count;
    keep(m, tt_form_1(m->form, greatest ? TT_FORM_JOIN_GREATEST : TT_FORM_JOIN, started), false);
}

// What products are: lanes, each with sums of several rows, to which a loop or two within add what
// is uniform times what is of lanes.
#define ROWS 3

static void make_sums(maker *m, const tt_register *sum, unsigned depth)
{
    tt_form_axis axis = some_axis(m, false);
    axis.lanes = false;
    axis.end = axis.first + 1 + below(m, 3);
    m->open[m->depth++] = tt_form_loop(m->form, &axis);
    unsigned count = m->count;
    make_load(m);
    tt_register weight = some(m, TT_FORM_F32, false, false);
    tt_form_access window = {.place.offset = 100, .element = TT_F32};
    for (unsigned i = 0; i < m->depth; i++)
        if (!m->form->axis[m->open[i]].lanes)
            tt_affine_add(&window.place, m->open[i], below(m, 4));
    for (unsigned i = 0; i < ROWS; i++) {
        tt_register x = some(m, TT_FORM_F32, false, true);
        if (below(m, 3) > 0) // neighbours, some of which the turn before has read, too
            x = tt_form_load(m->form, &window, TT_NO_REGISTER, TT_NO_REGISTER);
        window.place.offset += below(m, 3);
        tt_form_set(m->form, sum[i], tt_form_make(m->form, TT_FORM_FMA, x, weight, sum[i]));
    }
    if (depth < 1 && m->depth < OPEN_MAX && below(m, 2) > 0)
        make_sums(m, sum, depth + 1);
    m->count = count;
    tt_form_end(m->form);
    m->depth--;
}

static void make_product(maker *m)
{
    bool lanes = m->form->lanes == TT_NO_REGISTER; // a loop of their own
    if (m->depth + lanes >= OPEN_MAX)
        return;
    unsigned count = m->count;
    tt_register sum[ROWS];
    bool before = below(m, 4) == 0; // the sums begin outside of the lanes, and are set within
    for (unsigned i = 0; before && i < ROWS; i++)
        sum[i] = tt_form_start(m->form, some(m, TT_FORM_F32, false, false), false);
    if (lanes) {
        tt_form_axis axis = {.first = (int64_t)below(m, 3) - 1, .lanes = true};
        axis.end = axis.first + some_lanes(m);
        m->open[m->depth++] = tt_form_loop(m->form, &axis);
    }
    for (unsigned i = 0; !before && i < ROWS; i++)
        sum[i] = tt_form_start(m->form, some(m, TT_FORM_F32, false, below(m, 2) > 0), false);
    make_sums(m, sum, 0);
    for (unsigned i = 0; i < ROWS; i++) {
        keep(m, sum[i], false);
        make_store(m);
    }
    m->count = count;
    if (lanes) {
        tt_form_end(m->form);
        m->depth--;
    }
    for (unsigned i = 0; lanes && before && i < ROWS; i++)
        keep(m, tt_form_1(m->form, TT_FORM_JOIN, sum[i]), false);
}

// A panel of local memory: what is stored there, by rows or by columns, is read again, by lanes or
// not. Where lanes are open, each has one element.
static tt_form_access some_panel(maker *m, int64_t count)
{
    uint8_t element = elements[below(m, 2) > 0 ? 0 : below(m, RF_ELEMENTS)];
    uint64_t bytes = (uint64_t)count * tt_element_bytes((tt_element)element);
    tt_form_access access = {.buffer = TT_FORM_LOCAL, .element = element};
    access.place.offset = (int64_t)(m->local / tt_element_bytes((tt_element)element));
    m->local += (bytes + 63) / 64 * 64 + (below(m, 20) == 0 ? 20480 : 0);
    m->form->local_bytes = m->local;
    return access;
}

static void make_panel_of_lanes(maker *m)
{
    const tt_form_axis *axis = &m->form->axis[m->form->lanes];
    tt_form_access access = some_panel(m, axis->end - axis->first);
    tt_form_kind kind = tt_form_kind_of((tt_element)access.element);
    access.place.offset -= axis->first;
    tt_affine_add(&access.place, m->form->lanes, 1);
    tt_form_store(m->form, &access, some(m, kind, access.element == TT_BOOL, false));
    tt_register read = tt_form_load(m->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
    keep(m, read, access.element == TT_BOOL);
}

// 16 rows of lanes become columns, most of the time in the way that printers know.
static void make_turned_panel(maker *m)
{
    tt_form_axis lanes = {.first = (int64_t)below(m, 2) * 3, .lanes = true};
    tt_form_axis columns = {.first = (int64_t)below(m, 3)};
    lanes.end = lanes.first + some_lanes(m);
    columns.end = columns.first + (below(m, 6) > 0 ? 16 : 8);
    if (below(m, 4) == 0) { // how many there are is known when it runs
        columns.bounded = true;
        columns.divisor = 1;
        columns.from.offset = columns.first;
        columns.to.offset = columns.end - (below(m, 3) == 0);
    }
    tt_form_access from = {.buffer = (uint16_t)(below(m, 3) > 0 ? 0 : 5),
                           .place.offset = below(m, 20)};
    from.element = elements[from.buffer];
    tt_form_access to = {.buffer = TT_FORM_LOCAL, .element = from.element};
    int64_t step = columns.end + (below(m, 4) == 0), offset = (int64_t)(m->local / 4);
    m->local += (uint64_t)(step * (lanes.end + 1) * 4 + 63) / 64 * 64;
    m->form->local_bytes = m->local;
    for (unsigned reads = 0; reads < 2; reads++) {
        unsigned count = m->count;
        m->open[m->depth++] = tt_form_loop(m->form, &lanes);
        m->open[m->depth++] = tt_form_loop(m->form, &columns);
        to.place = (tt_affine){.offset = offset};
        tt_affine_add(&to.place, m->open[m->depth - 2], step);
        tt_affine_add(&to.place, m->open[m->depth - 1], 1);
        if (reads == 0) {
            if (m->depth > 2 && !m->form->axis[m->open[0]].lanes)
                tt_affine_add(&from.place, m->open[0], 1 + below(m, 2));
            from.place.offset += 8; // the outermost may begin below 0
            tt_affine_add(&from.place, m->open[m->depth - 2], 1);
            tt_affine_add(&from.place, m->open[m->depth - 1], 100);
            tt_form_store(m->form, &to,
                          tt_form_load(m->form, &from, TT_NO_REGISTER, TT_NO_REGISTER));
        } else {
            keep(m, tt_form_load(m->form, &to, TT_NO_REGISTER, TT_NO_REGISTER), false);
            make_store(m);
        }
        m->count = count;
        m->depth -= 2;
        tt_form_end(m->form);
        tt_form_end(m->form);
    }
}

static void make_panel(maker *m)
{
    if (m->local > 60000 || (m->form->lanes == TT_NO_REGISTER && m->depth + 2 > OPEN_MAX))
        return;
    if (m->form->lanes != TT_NO_REGISTER) {
        make_panel_of_lanes(m);
        return;
    }
    if (below(m, 3) == 0) {
        make_turned_panel(m);
        return;
    }
    tt_form_axis rows = {.end = 1 + below(m, 4)}, columns = {.end = some_lanes(m), .lanes = true};
    tt_form_access access = some_panel(m, rows.end * columns.end);
    int64_t offset = access.place.offset;
    bool turned = below(m, 3) == 0, mask = access.element == TT_BOOL;
    for (unsigned reads = 0; reads < 2; reads++) {
        unsigned count = m->count;
        columns.lanes = reads == 0 || below(m, 3) > 0;
        m->open[m->depth++] = tt_form_loop(m->form, &rows);
        m->open[m->depth++] = tt_form_loop(m->form, &columns);
        access.place = (tt_affine){.offset = offset};
        tt_affine_add(&access.place, m->open[m->depth - 2], turned ? 1 : columns.end);
        tt_affine_add(&access.place, m->open[m->depth - 1], turned ? rows.end : 1);
        if (reads == 0) {
            make_load(m);
            tt_form_kind kind = tt_form_kind_of((tt_element)access.element);
            tt_form_store(m->form, &access, some(m, kind, mask, false));
        } else {
            keep(m, tt_form_load(m->form, &access, TT_NO_REGISTER, TT_NO_REGISTER), mask);
            make_store(m);
        }
        m->count = count;
        m->depth -= 2;
        tt_form_end(m->form);
        tt_form_end(m->form);
    }
}

static void make_block(maker *m, unsigned statements)
{
    make_load(m);
    for (unsigned i = 0; i < statements && m->left > 0; i++, m->left--) {
        unsigned what = below(m, 32);
        if (what < 11)
            make_arithmetic(m);
        else if (what == 11)
            make_greatest(m);
        else if (what < 15)
            make_load(m);
        else if (what == 15)
            make_index(m);
        else if (what < 18)
            make_start(m);
        else if (what < 20)
            make_set(m);
        else if (what < 22)
            make_store(m);
        else if (what < 24)
            make_reduction(m);
        else if (what < 28)
            make_product(m);
        else if (what < 30)
            make_panel(m);
        else
            make_loop(m, false);
    }
    make_store(m);
}

void random_form(tt_form *form, uint64_t seed)
{
    maker m = {.form = form, .state = seed, .left = 40};
    tt_form_begin(form);
    form->split = below(&m, 3) > 0;
    if (form->split)
        make_loop(&m, true);
    else
        make_block(&m, 14);
}
