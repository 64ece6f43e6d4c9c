// The emitter: a chain of int8 values becomes the steps and tables of a plan.
//
// Memory: in a chain only a step's input and output live at a time, so tensors are laid alternately
// at the arena's beginning and at its end; the arena is as large as the largest pair. A
// convolution's scratch goes into the gap between them where it fits, and makes the arena larger
// where not.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/oldconvert/refusal.h"
#include "ai/oldgraph/primitive.h"
#include "ai/lite/plan.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/oldconvert.h"

#define PLAN_BYTES_MAX ((size_t)16 << 20)

typedef struct emitter {
    tt_plan_step steps[TT_PLAN_STEPS_MAX];
    const tt_value *values[TT_PLAN_STEPS_MAX];
    size_t count;
    size_t arena_bytes;
    uint64_t multiplications;
} emitter;

static size_t rounded(size_t bytes)
{
    return (bytes + TT_PLAN_ALIGNMENT - 1) / TT_PLAN_ALIGNMENT * TT_PLAN_ALIGNMENT;
}

static bool has_tables(const tt_value *value)
{
    return value->input_count == 5;
}

// Rows, columns and channels of an image, or one position of many channels for a dense layer;
// false where a plan cannot say it.
static bool plan_shape(const tt_shape *shape, uint16_t out[3])
{
    if (shape->rank != 4 && shape->rank != 2)
        return false;
    size_t size[3] = {1, 1, shape->rank == 4 ? shape->size[3] : shape->size[1]};
    if (shape->rank == 4) {
        size[0] = shape->size[1];
        size[1] = shape->size[2];
    }
    for (int i = 0; i < 3; i++) {
        if (size[i] > UINT16_MAX)
            return false;
        out[i] = (uint16_t)size[i];
    }
    return true;
}

// The kind of step that computes a value; 0 where none does.
static unsigned kind_of(const tt_value *value)
{
    static const struct {
        const char *primitive;
        tt_step_kind kind;
    } kinds[] = {
        {"quantised_conv2d", TT_STEP_CONV},
        {"quantised_dense", TT_STEP_CONV},
        {"quantised_depthwise_conv2d", TT_STEP_DEPTHWISE},
        {"max_pool2d", TT_STEP_MAX_POOL},
        {"quantised_average_pool2d", TT_STEP_AVERAGE_POOL},
    };
    for (size_t i = 0; i < TT_COUNT(kinds); i++)
        if (strcmp(kinds[i].primitive, value->primitive->name) == 0 && value->type == TT_I8)
            return kinds[i].kind;
    return 0;
}

// false where a number of it does not fit the plan's format.
static bool make_step(emitter *e, const tt_value *value)
{
    const tt_attributes *a = &value->attributes;
    tt_plan_step *s = &e->steps[e->count];
    *s = (tt_plan_step){.kind = (uint8_t)kind_of(value),
                        .stride_rows = 1,
                        .stride_columns = 1,
                        .window = {1, 1},
                        .input_zero_point = value->inputs[0]->zero_point,
                        .output_zero_point = value->zero_point,
                        .clamp = {-128, 127}};
    if (!plan_shape(&value->inputs[0]->shape, s->in) || !plan_shape(&value->shape, s->out))
        return false;
    if (value->shape.rank == 4) {
        size_t window[2] = {a->window[0], a->window[1]};
        if (has_tables(value)) {
            window[0] = value->inputs[1]->shape.size[1];
            window[1] = value->inputs[1]->shape.size[2];
        }
        tt_window place;
        tt_window_compute(&value->inputs[0]->shape.size[1], window, a->stride, a->padding, &place);
        if (a->stride[0] > UINT8_MAX || a->stride[1] > UINT8_MAX || window[0] > UINT16_MAX ||
            window[1] > UINT16_MAX)
            return false;
        s->stride_rows = (uint8_t)a->stride[0];
        s->stride_columns = (uint8_t)a->stride[1];
        for (int i = 0; i < 2; i++) {
            s->window[i] = (uint16_t)window[i];
            s->before[i] = (uint16_t)place.before[i];
        }
    }
    if (s->kind != TT_STEP_MAX_POOL) {
        s->clamp[0] = a->clamp[0];
        s->clamp[1] = a->clamp[1];
    }
    if (has_tables(value)) {
        size_t per_output = tt_shape_count(&value->inputs[1]->shape) / s->out[2];
        e->multiplications += per_output * tt_step_output_bytes(s);
    }
    e->values[e->count++] = value;
    return true;
}

static tt_status check_value(const tt_value *value, tt_text *why)
{
    if (kind_of(value) == 0)
        return tt_refuse_value(why, value, "has no step in a plan", TT_UNSUPPORTED);
    if (value->shape.size[0] != 1) {
        tt_refuse_value(why, value, "a plan computes one image at a time, this has ",
                        TT_UNSUPPORTED);
        tt_text_add_unsigned(why, value->shape.size[0]);
        return TT_UNSUPPORTED;
    }
    for (unsigned k = 1; k < value->input_count; k++)
        if (value->inputs[k]->data == NULL)
            return tt_refuse_value(why, value, "its tables are not constants", TT_UNSUPPORTED);
    return TT_OK;
}

static tt_status too_large(tt_text *why, const tt_value *value)
{
    tt_text_add(why, "value %");
    tt_text_add_unsigned(why, value->id);
    tt_text_add(why, " is beyond a plan's limits (64 steps, sizes to 65535, strides to 255)");
    return TT_TOO_LARGE;
}

// The steps in order, from the image to the logits; reshapes cost nothing and have none.
static tt_status collect(emitter *e, const tt_value *logits, const tt_value *image, tt_text *why)
{
    const tt_value *chain[TT_PLAN_STEPS_MAX]; // from the end
    size_t count = 0;
    for (const tt_value *at = logits; at != image; at = at->inputs[0]) {
        bool reshape = strcmp(at->primitive->name, "reshape") == 0;
        tt_status status = reshape ? TT_OK : check_value(at, why);
        if (status != TT_OK)
            return status;
        if (!reshape && count == TT_PLAN_STEPS_MAX)
            return too_large(why, at);
        if (!reshape)
            chain[count++] = at;
    }
    while (count > 0)
        if (!make_step(e, chain[--count]))
            return too_large(why, chain[count]);
    return TT_OK;
}

static void place_tensors(emitter *e)
{
    for (size_t i = 0; i < e->count; i++) {
        tt_plan_step *s = &e->steps[i];
        size_t pair = rounded(tt_step_input_bytes(s)) + rounded(tt_step_output_bytes(s)) +
                      rounded(tt_step_scratch_bytes(s));
        e->arena_bytes = pair > e->arena_bytes ? pair : e->arena_bytes;
    }
    for (size_t i = 0; i < e->count; i++) {
        tt_plan_step *s = &e->steps[i];
        size_t in = rounded(tt_step_input_bytes(s)), out = rounded(tt_step_output_bytes(s));
        bool input_first = i % 2 == 0;
        s->input = (uint32_t)(input_first ? 0 : e->arena_bytes - in);
        s->output = (uint32_t)(input_first ? e->arena_bytes - out : 0);
        s->scratch = (uint32_t)(input_first ? in : out);
    }
}

// Appends a table, aligned; with a writer that has no room only counts.
static uint32_t table(tt_writer *w, const tt_value *value)
{
    uint32_t at = (uint32_t)w->length;
    if (value->type == TT_I8) {
        tt_write_bytes(w, value->data, tt_value_bytes(value));
    } else {
        const int32_t *numbers = value->data;
        for (size_t i = 0; i < tt_shape_count(&value->shape); i++)
            tt_write_le32(w, (uint32_t)numbers[i]);
    }
    while (w->length % TT_PLAN_ALIGNMENT != 0 && !w->failed)
        tt_write_u8(w, 0);
    return at;
}

static void write_plan(emitter *e, const tt_quantised *q, tt_writer *w)
{
    tt_plan_step *first = &e->steps[0], *last = &e->steps[e->count - 1];
    tt_plan_header h = {
        .magic = TT_PLAN_MAGIC,
        .version = TT_PLAN_VERSION,
        .header_bytes = TT_PLAN_HEADER_BYTES,
        .step_count = (uint32_t)e->count,
        .steps = TT_PLAN_HEADER_BYTES,
        .arena_bytes = (uint32_t)e->arena_bytes,
        .input = first->input,
        .input_bytes = (uint32_t)tt_step_input_bytes(first),
        .output = last->output,
        .output_bytes = (uint32_t)tt_step_output_bytes(last),
        .input_scale = q->image->scale,
        .input_zero_point = q->image->zero_point,
        .output_scale = q->logits->scale,
        .output_zero_point = q->logits->zero_point,
        .multiplications = (uint32_t)e->multiplications,
    };
    memcpy(h.input_shape, first->in, sizeof(h.input_shape));
    memcpy(h.output_shape, last->out, sizeof(h.output_shape));
    w->length = TT_PLAN_HEADER_BYTES + e->count * TT_PLAN_STEP_BYTES;
    for (size_t i = 0; i < e->count; i++) {
        if (!has_tables(e->values[i]))
            continue;
        e->steps[i].weights = table(w, e->values[i]->inputs[1]);
        e->steps[i].bias = table(w, e->values[i]->inputs[2]);
        e->steps[i].multiplier = table(w, e->values[i]->inputs[3]);
        e->steps[i].shift = table(w, e->values[i]->inputs[4]);
    }
    h.bytes = (uint32_t)w->length;
    size_t end = w->length;
    w->length = 0;
    tt_plan_header_write(w, &h);
    for (size_t i = 0; i < e->count; i++)
        tt_plan_step_write(w, &e->steps[i]);
    h.crc = tt_crc32(0, w->data + 16, end - 16);
    w->length = 0;
    tt_plan_header_write(w, &h);
    w->length = end;
}

// A scale of 0 says that the maker states none: of both ends, or of neither.
static tt_status check_scales(const tt_quantised *q, tt_text *why)
{
    if (q->image->scale == 0 && q->logits->scale == 0)
        return TT_OK;
    const tt_value *ends[] = {q->image, q->logits};
    for (int i = 0; i < 2; i++)
        if (!isnormal(ends[i]->scale) || ends[i]->scale < 0)
            return tt_refuse_value(why, ends[i], "its scale is no positive, finite number",
                                   TT_INVALID);
    return TT_OK;
}

tt_status tt_plan_emit(const tt_quantised *q, uint8_t **bytes, size_t *length, tt_text *why)
{
    *bytes = NULL;
    if (q->graph == NULL || q->image == NULL || q->logits == NULL) {
        tt_text_add(why, "the network has no image or no logits");
        if (q->graph != NULL && tt_graph_error(q->graph)[0] != '\0')
            tt_text_add(why, "; ");
        if (q->graph != NULL)
            tt_text_add(why, tt_graph_error(q->graph));
        return TT_INVALID;
    }
    emitter *e = calloc(1, sizeof(*e));
    size_t capacity = TT_PLAN_HEADER_BYTES + TT_PLAN_STEPS_MAX * TT_PLAN_STEP_BYTES;
    if (e == NULL)
        return TT_FULL;
    tt_status status = check_scales(q, why);
    if (status == TT_OK)
        status = collect(e, q->logits, q->image, why);
    for (size_t i = 0; i < e->count; i++)
        for (unsigned k = 1; k < e->values[i]->input_count; k++)
            capacity += rounded(tt_value_bytes(e->values[i]->inputs[k]));
    if (status == TT_OK && (e->count == 0 || capacity > PLAN_BYTES_MAX)) {
        tt_text_add(why, "the network is empty or its plan would be larger than 16 MiB");
        status = TT_TOO_LARGE;
    }
    if (status == TT_OK) {
        place_tensors(e);
        if (e->arena_bytes > INT32_MAX || e->multiplications > UINT32_MAX) {
            tt_text_add(why, e->arena_bytes > INT32_MAX
                                 ? "its tensors take more memory than a plan can address (2 GiB)"
                                 : "its multiply-accumulates are more than a plan can state "
                                   "(4294967295)");
            status = TT_TOO_LARGE;
        }
    }
    *bytes = status == TT_OK ? calloc(1, capacity) : NULL;
    if (status == TT_OK && *bytes == NULL)
        status = TT_FULL;
    if (status == TT_OK) {
        tt_writer writer;
        tt_writer_init(&writer, *bytes, capacity);
        write_plan(e, q, &writer);
        TT_CHECK(!writer.failed);
        *length = writer.length;
        tt_plan plan;
        status = tt_plan_open(&plan, *bytes, *length, why); // e.g. a shift that no multiplier has
    }
    if (status != TT_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    free(e);
    return status;
}
