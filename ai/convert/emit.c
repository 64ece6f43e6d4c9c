// The emitter: quantised layers become the steps and tables of a plan.
//
// Memory: a block holds a tensor, or the pieces of a concatenation next to each other, and lives
// from the step that makes the first of them to the last that reads one; a step's scratch is a
// block that lives at it alone. The arena is as large as what lives at a time. Blocks of tensors
// are laid, in the order in which they are made, alternately as low and as high as there is room,
// scratch as low as there is: in a chain all find room. Where branches leave gaps that nothing
// fits, the largest blocks are laid first, and where that is in vain, too, the arena is made
// larger.

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ai/lite/plan.h"
#include "ai/convert/layers.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define PLAN_BYTES_MAX ((uint64_t)16 << 20)

#define NOWHERE UINT64_MAX
#define SCRATCH UINT_MAX

typedef struct block {
    unsigned tensor; // by which it is named; SCRATCH
    uint64_t at, bytes;
    unsigned first, last; // steps at which it lives
    bool high, laid;
} block;

typedef struct emitter {
    const tt_layer *layer[TT_PLAN_STEPS_MAX];
    tt_plan_step step[TT_PLAN_STEPS_MAX];
    uint8_t made[TT_PLAN_STEPS_MAX]; // the tensor that a step makes
    unsigned count;
    tt_home home[TT_LAYER_TENSORS_MAX];
    block block[TT_LAYER_TENSORS_MAX + TT_PLAN_STEPS_MAX]; // in the order in which they are made
    unsigned block_count, tensor_blocks;
    uint64_t arena_bytes, multiplications, bytes;
} emitter;

static uint64_t rounded(uint64_t bytes)
{
    return (bytes + TT_PLAN_ALIGNMENT - 1) / TT_PLAN_ALIGNMENT * TT_PLAN_ALIGNMENT;
}

static block *new_block(emitter *e, unsigned tensor, uint64_t bytes, unsigned step)
{
    block *b = &e->block[e->block_count++];
    *b = (block){.tensor = tensor, .bytes = rounded(bytes), .first = step, .last = step};
    return b;
}

// The block of a tensor, which `step` makes if nothing before did.
static block *block_of(emitter *e, unsigned tensor, unsigned step)
{
    unsigned name = e->home[tensor].block;
    for (unsigned i = 0; i < e->block_count; i++)
        if (e->block[i].tensor == name)
            return &e->block[i];
    block *b = new_block(e, name, e->home[name].bytes, step);
    b->high = e->tensor_blocks++ % 2 == 1;
    return b;
}

static void collect(emitter *e, const tt_quantised *q)
{
    e->bytes = TT_PLAN_HEADER_BYTES;
    tt_layers_place(q, e->home);
    block_of(e, 0, 0);
    for (unsigned i = 0; i < q->count; i++) {
        const tt_layer *l = &q->layers[i];
        uint64_t out = l->step.out[2];
        if (l->kind == 0) // reshapes cost nothing and have no step
            continue;
        e->bytes += TT_PLAN_STEP_BYTES;
        if (l->weight != NULL) {
            e->bytes += rounded(out * (uint64_t)l->taps) + 3 * 4 * out;
            e->multiplications += (uint64_t)l->taps * tt_step_output_bytes(&l->step);
        }
        block_of(e, i + 1, e->count);
        block_of(e, l->input[0], e->count)->last = e->count;
        if (l->kind == TT_STEP_CONV)
            new_block(e, SCRATCH, tt_step_scratch_bytes(&l->step), e->count);
        e->layer[e->count] = l;
        e->made[e->count] = (uint8_t)(i + 1);
        e->step[e->count++] = l->step;
    }
    block_of(e, q->count, e->count)->last = e->count;
}

// What lives at a step takes so much at least.
static uint64_t most_alive(const emitter *e)
{
    uint64_t most = 0;
    for (unsigned step = 0; step < e->count; step++) {
        uint64_t bytes = 0;
        for (unsigned i = 0; i < e->block_count; i++)
            if (e->block[i].first <= step && e->block[i].last >= step)
                bytes += e->block[i].bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

// A block that was laid, lives when this one does and would have bytes of its place at `at`.
static const block *in_the_way(const emitter *e, const block *b, uint64_t at)
{
    for (unsigned i = 0; i < e->block_count; i++) {
        const block *other = &e->block[i];
        if (other->laid && other->first <= b->last && b->first <= other->last &&
            at < other->at + other->bytes && other->at < at + b->bytes)
            return other;
    }
    return NULL;
}

// The lowest or highest place where nothing lives when it does, or NOWHERE.
static uint64_t free_place(const emitter *e, const block *b, bool high)
{
    uint64_t at = high ? e->arena_bytes - b->bytes : 0;
    for (const block *other; (other = in_the_way(e, b, at)) != NULL;) {
        uint64_t end = other->at + other->bytes;
        if (high ? other->at < b->bytes : end + b->bytes > e->arena_bytes)
            return NOWHERE;
        at = high ? other->at - b->bytes : end;
    }
    return at;
}

static block *next_block(emitter *e, bool largest)
{
    block *next = NULL;
    for (unsigned i = 0; i < e->block_count; i++)
        if (!e->block[i].laid && (next == NULL || (largest && e->block[i].bytes > next->bytes)))
            next = &e->block[i];
    return next;
}

// In the order in which they are made, or the largest first. False where the arena is too small.
static bool lay_blocks(emitter *e, bool largest)
{
    for (unsigned i = 0; i < e->block_count; i++)
        e->block[i].laid = false;
    for (block *b; (b = next_block(e, largest)) != NULL; b->laid = true) {
        b->at = free_place(e, b, b->high && !largest);
        if (b->at == NOWHERE)
            return false;
    }
    return true;
}

static uint32_t place_of(emitter *e, unsigned tensor)
{
    return (uint32_t)(block_of(e, tensor, e->count)->at + e->home[tensor].offset);
}

// Between its tensors: what a step without scratch names.
static uint32_t gap_of(emitter *e, unsigned step)
{
    const block *in = block_of(e, e->layer[step]->input[0], step);
    const block *out = block_of(e, e->made[step], step);
    uint64_t in_end = in->at + in->bytes, out_end = out->at + out->bytes;
    return (uint32_t)(in_end < out_end ? in_end : out_end);
}

static void place_tensors(emitter *e)
{
    e->arena_bytes = most_alive(e);
    while (!lay_blocks(e, false) && !lay_blocks(e, true)) // all side by side would surely fit
        e->arena_bytes += rounded(e->arena_bytes / 64 + 1);
    for (unsigned i = 0; i < e->count; i++) {
        e->step[i].input = place_of(e, e->layer[i]->input[0]);
        e->step[i].output = place_of(e, e->made[i]);
        e->step[i].scratch = gap_of(e, i);
    }
    for (unsigned i = 0; i < e->block_count; i++)
        if (e->block[i].tensor == SCRATCH)
            e->step[e->block[i].first].scratch = (uint32_t)e->block[i].at;
}

static uint32_t weights_table(tt_writer *w, const tt_layer *l)
{
    uint32_t at = (uint32_t)w->length;
    tt_write_bytes(w, l->weight, (size_t)(l->step.out[2] * l->taps));
    while (w->length % TT_PLAN_ALIGNMENT != 0 && !w->failed)
        tt_write_u8(w, 0);
    return at;
}

static uint32_t numbers_table(tt_writer *w, const int32_t *numbers, unsigned count)
{
    uint32_t at = (uint32_t)w->length;
    for (unsigned i = 0; i < count; i++)
        tt_write_le32(w, (uint32_t)numbers[i]);
    return at;
}

// The layer whose shape the output has: a reshape at the end tells the runtime nothing.
static const tt_layer *last_shape(const tt_quantised *q)
{
    const tt_layer *l = &q->layers[q->count - 1];
    while (l->kind == 0 && l->pieces == 0) // a plan has steps, so this is not the input's
        l = &q->layers[l->input[0] - 1];
    return l;
}

static tt_plan_header header_of(emitter *e, const tt_quantised *q)
{
    const tt_plan_step *first = &e->step[0]; // which can read the input alone
    const tt_layer *last = &q->layers[q->count - 1];
    tt_plan_header h = {
        .magic = TT_PLAN_MAGIC,
        .version = TT_PLAN_VERSION,
        .header_bytes = TT_PLAN_HEADER_BYTES,
        .step_count = e->count,
        .steps = TT_PLAN_HEADER_BYTES,
        .arena_bytes = (uint32_t)e->arena_bytes,
        .input = place_of(e, 0),
        .input_bytes = (uint32_t)tt_step_input_bytes(first),
        .output = place_of(e, q->count),
        .output_bytes = (uint32_t)e->home[q->count].bytes,
        .input_scale = q->input_scale,
        .input_zero_point = q->input_zero_point,
        .output_scale = last->scale,
        .output_zero_point = last->step.output_zero_point,
        .multiplications = (uint32_t)e->multiplications,
    };
    memcpy(h.input_shape, first->in, sizeof(h.input_shape));
    memcpy(h.output_shape, last_shape(q)->step.out, sizeof(h.output_shape));
    return h;
}

static void write_plan(emitter *e, const tt_quantised *q, tt_writer *w)
{
    tt_plan_header h = header_of(e, q);
    w->length = TT_PLAN_HEADER_BYTES + e->count * TT_PLAN_STEP_BYTES;
    for (unsigned i = 0; i < e->count; i++) {
        const tt_layer *l = e->layer[i];
        if (l->weight == NULL)
            continue;
        e->step[i].weights = weights_table(w, l);
        e->step[i].bias = numbers_table(w, l->bias_sum, l->step.out[2]);
        e->step[i].multiplier = numbers_table(w, l->multiplier, l->step.out[2]);
        e->step[i].shift = numbers_table(w, l->shift, l->step.out[2]);
    }
    h.bytes = (uint32_t)w->length;
    size_t end = w->length;
    w->length = 0;
    tt_plan_header_write(w, &h);
    for (unsigned i = 0; i < e->count; i++)
        tt_plan_step_write(w, &e->step[i]);
    h.crc = tt_crc32(0, w->data + 16, end - 16);
    w->length = 0;
    tt_plan_header_write(w, &h);
    w->length = end;
}

static tt_status check_limits(const emitter *e, tt_text *why)
{
    const char *problem = NULL;
    if (e->count == 0 || e->bytes > PLAN_BYTES_MAX)
        problem = "the network is empty or its plan would be larger than 16 MiB";
    else if (e->arena_bytes > INT32_MAX)
        problem = "its tensors take more memory than a plan can address (2 GiB)";
    else if (e->multiplications > UINT32_MAX)
        problem = "its multiply-accumulates are more than a plan can state (4294967295)";
    tt_text_add(why, problem != NULL ? problem : "");
    return problem == NULL ? TT_OK : TT_TOO_LARGE;
}

tt_status tt_quantised_emit(const tt_quantised *q, uint8_t **bytes, size_t *length, tt_text *why)
{
    emitter *e = calloc(1, sizeof(*e));
    tt_plan plan;
    *bytes = NULL;
    if (e == NULL)
        return TT_FULL;
    collect(e, q);
    place_tensors(e);
    tt_status status = check_limits(e, why);
    if (status == TT_OK && (*bytes = calloc(1, (size_t)e->bytes)) == NULL)
        status = TT_FULL;
    if (status == TT_OK) {
        tt_writer writer;
        tt_writer_init(&writer, *bytes, (size_t)e->bytes);
        write_plan(e, q, &writer);
        TT_CHECK(!writer.failed && writer.length == e->bytes);
        *length = writer.length;
        status = tt_plan_open(&plan, *bytes, *length, why); // e.g. a shift that no multiplier has
    }
    if (status != TT_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    free(e);
    return status;
}
