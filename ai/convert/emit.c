// The emitter: quantised layers become the steps and tables of a plan.
//
// Memory: in a chain only a step's input and output live at a time, so tensors are laid alternately
// at the arena's beginning and at its end; the arena is as large as the largest pair. A
// convolution's scratch goes into the gap between them where it fits, and makes the arena larger
// where not.

#include <stdlib.h>
#include <string.h>

#include "ai/lite/plan.h"
#include "ai/convert/layers.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define PLAN_BYTES_MAX ((uint64_t)16 << 20)

typedef struct emitter {
    const tt_layer *layer[TT_PLAN_STEPS_MAX];
    tt_plan_step step[TT_PLAN_STEPS_MAX];
    unsigned count;
    uint64_t arena_bytes, multiplications, bytes;
} emitter;

static uint64_t rounded(uint64_t bytes)
{
    return (bytes + TT_PLAN_ALIGNMENT - 1) / TT_PLAN_ALIGNMENT * TT_PLAN_ALIGNMENT;
}

static void collect(emitter *e, const tt_quantised *q)
{
    e->bytes = TT_PLAN_HEADER_BYTES;
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
        e->layer[e->count] = l;
        e->step[e->count++] = l->step;
    }
}

static void place_tensors(emitter *e)
{
    for (unsigned i = 0; i < e->count; i++) {
        const tt_plan_step *s = &e->step[i];
        uint64_t pair = rounded(tt_step_input_bytes(s)) + rounded(tt_step_output_bytes(s)) +
                        rounded(tt_step_scratch_bytes(s));
        e->arena_bytes = pair > e->arena_bytes ? pair : e->arena_bytes;
    }
    for (unsigned i = 0; i < e->count; i++) {
        tt_plan_step *s = &e->step[i];
        uint64_t in = rounded(tt_step_input_bytes(s)), out = rounded(tt_step_output_bytes(s));
        bool input_first = i % 2 == 0;
        s->input = (uint32_t)(input_first ? 0 : e->arena_bytes - in);
        s->output = (uint32_t)(input_first ? e->arena_bytes - out : 0);
        s->scratch = (uint32_t)(input_first ? in : out);
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

static void write_plan(emitter *e, const tt_quantised *q, tt_writer *w)
{
    tt_plan_step *first = &e->step[0], *last = &e->step[e->count - 1];
    tt_plan_header h = {
        .magic = TT_PLAN_MAGIC,
        .version = TT_PLAN_VERSION,
        .header_bytes = TT_PLAN_HEADER_BYTES,
        .step_count = e->count,
        .steps = TT_PLAN_HEADER_BYTES,
        .arena_bytes = (uint32_t)e->arena_bytes,
        .input = first->input,
        .input_bytes = (uint32_t)tt_step_input_bytes(first),
        .output = last->output,
        .output_bytes = (uint32_t)tt_step_output_bytes(last),
        .input_scale = q->input_scale,
        .input_zero_point = q->input_zero_point,
        .output_scale = q->layers[q->count - 1].scale,
        .output_zero_point = last->output_zero_point,
        .multiplications = (uint32_t)e->multiplications,
    };
    memcpy(h.input_shape, first->in, sizeof(h.input_shape));
    memcpy(h.output_shape, last->out, sizeof(h.output_shape));
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
