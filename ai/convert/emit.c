// The emitter: quantised layers become the steps and tables of a plan.
//
// Memory: a block holds a tensor, or the pieces of a concatenation next to each other, and lives
// from the step that makes the first of them to the last that reads one. Blocks are laid, in the
// order in which they are made, alternately as low and as high in the arena as there is room, then
// each step's scratch as low as there is room. The arena is as large as what lives at a time; in a
// chain that is enough, where branches leave gaps that nothing fits it is made larger and laid
// anew.

#include <stdlib.h>
#include <string.h>

#include "ai/lite/plan.h"
#include "ai/convert/layers.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define PLAN_BYTES_MAX ((uint64_t)16 << 20)

#define NOWHERE UINT64_MAX

typedef struct block {
    uint8_t name; // its own tensor
    uint64_t at, bytes;
    unsigned first, last; // steps
} block;

typedef struct emitter {
    const tt_layer *layer[TT_PLAN_STEPS_MAX];
    tt_plan_step step[TT_PLAN_STEPS_MAX];
    uint8_t made[TT_PLAN_STEPS_MAX]; // the tensor that a step makes
    unsigned count;
    tt_home home[TT_LAYER_TENSORS_MAX];
    block block[TT_LAYER_TENSORS_MAX]; // in the order in which they are made
    unsigned block_count, laid;
    uint64_t arena_bytes, multiplications, bytes;
} emitter;

static uint64_t rounded(uint64_t bytes)
{
    return (bytes + TT_PLAN_ALIGNMENT - 1) / TT_PLAN_ALIGNMENT * TT_PLAN_ALIGNMENT;
}

// The block of a tensor, which `step` makes if nothing before did.
static block *block_of(emitter *e, unsigned tensor, unsigned step)
{
    uint8_t name = e->home[tensor].block;
    for (unsigned i = 0; i < e->block_count; i++)
        if (e->block[i].name == name)
            return &e->block[i];
    block *b = &e->block[e->block_count++];
    *b = (block){.name = name, .bytes = rounded(e->home[name].bytes), .first = step, .last = step};
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
        uint64_t bytes = rounded(tt_step_scratch_bytes(&e->step[step]));
        for (unsigned i = 0; i < e->block_count; i++)
            if (e->block[i].first <= step && e->block[i].last >= step)
                bytes += e->block[i].bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

// A block that was laid, lives at `step` and has some of these bytes.
static const block *in_the_way(const emitter *e, uint64_t at, uint64_t bytes, unsigned step)
{
    for (unsigned i = 0; i < e->laid; i++) {
        const block *b = &e->block[i];
        if (b->last >= step && at < b->at + b->bytes && b->at < at + bytes)
            return b;
    }
    return NULL;
}

// The lowest or highest place where nothing lives at `step`, or NOWHERE.
static uint64_t free_place(const emitter *e, uint64_t bytes, unsigned step, bool highest)
{
    uint64_t at = highest ? e->arena_bytes - bytes : 0;
    for (const block *b; (b = in_the_way(e, at, bytes, step)) != NULL;) {
        if (highest ? b->at < bytes : b->at + b->bytes + bytes > e->arena_bytes)
            return NOWHERE;
        at = highest ? b->at - bytes : b->at + b->bytes;
    }
    return at;
}

// A step without scratch names the gap between its tensors all the same.
static uint64_t scratch_place(emitter *e, unsigned step)
{
    uint64_t bytes = rounded(tt_step_scratch_bytes(&e->step[step]));
    const block *in = block_of(e, e->layer[step]->input[0], step);
    const block *out = block_of(e, e->made[step], step);
    if (bytes > 0)
        return free_place(e, bytes, step, false);
    return in->at + in->bytes < out->at + out->bytes ? in->at + in->bytes : out->at + out->bytes;
}

// False where the arena is too small for this order.
static bool lay_blocks(emitter *e)
{
    e->laid = 0;
    for (unsigned step = 0; step < e->count; step++) {
        for (; e->laid < e->block_count && e->block[e->laid].first == step; e->laid++) {
            block *b = &e->block[e->laid];
            b->at = free_place(e, b->bytes, step, e->laid % 2 == 1);
            if (b->at == NOWHERE)
                return false;
        }
        uint64_t scratch = scratch_place(e, step);
        if (scratch == NOWHERE)
            return false;
        e->step[step].scratch = (uint32_t)scratch;
    }
    return true;
}

static uint32_t place_of(emitter *e, unsigned tensor)
{
    return (uint32_t)(block_of(e, tensor, e->count)->at + e->home[tensor].offset);
}

static void place_tensors(emitter *e)
{
    e->arena_bytes = most_alive(e);
    while (!lay_blocks(e)) // it ends: twice the sum of all blocks and a scratch is enough
        e->arena_bytes += rounded(e->arena_bytes / 32 + 1);
    for (unsigned i = 0; i < e->count; i++) {
        e->step[i].input = place_of(e, e->layer[i]->input[0]);
        e->step[i].output = place_of(e, e->made[i]);
    }
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
        TT_CHECK(!writer.failed);
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
