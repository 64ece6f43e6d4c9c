// The bytes of a plan, and running it. What they must be like to be run stands in open.c.

#include <string.h>

#include "ai/lite/plan.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

static float read_float(tt_reader *reader)
{
    uint32_t bits = tt_read_le32(reader);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void write_float(tt_writer *writer, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    tt_write_le32(writer, bits);
}

void tt_plan_header_read(tt_reader *r, tt_plan_header *h)
{
    h->magic = tt_read_le32(r);
    h->version = tt_read_le16(r);
    h->header_bytes = tt_read_le16(r);
    h->bytes = tt_read_le32(r);
    h->crc = tt_read_le32(r);
    h->step_count = tt_read_le32(r);
    h->steps = tt_read_le32(r);
    h->arena_bytes = tt_read_le32(r);
    h->input = tt_read_le32(r);
    h->input_bytes = tt_read_le32(r);
    h->output = tt_read_le32(r);
    h->output_bytes = tt_read_le32(r);
    h->input_scale = read_float(r);
    h->input_zero_point = (int32_t)tt_read_le32(r);
    h->output_scale = read_float(r);
    h->output_zero_point = (int32_t)tt_read_le32(r);
    for (int i = 0; i < 3; i++)
        h->input_shape[i] = tt_read_le16(r);
    for (int i = 0; i < 3; i++)
        h->output_shape[i] = tt_read_le16(r);
    h->multiplications = tt_read_le32(r);
    h->reserved = tt_read_le32(r);
}

void tt_plan_header_write(tt_writer *w, const tt_plan_header *h)
{
    tt_write_le32(w, h->magic);
    tt_write_le16(w, h->version);
    tt_write_le16(w, h->header_bytes);
    tt_write_le32(w, h->bytes);
    tt_write_le32(w, h->crc);
    tt_write_le32(w, h->step_count);
    tt_write_le32(w, h->steps);
    tt_write_le32(w, h->arena_bytes);
    tt_write_le32(w, h->input);
    tt_write_le32(w, h->input_bytes);
    tt_write_le32(w, h->output);
    tt_write_le32(w, h->output_bytes);
    write_float(w, h->input_scale);
    tt_write_le32(w, (uint32_t)h->input_zero_point);
    write_float(w, h->output_scale);
    tt_write_le32(w, (uint32_t)h->output_zero_point);
    for (int i = 0; i < 3; i++)
        tt_write_le16(w, h->input_shape[i]);
    for (int i = 0; i < 3; i++)
        tt_write_le16(w, h->output_shape[i]);
    tt_write_le32(w, h->multiplications);
    tt_write_le32(w, h->reserved);
}

static void step_read(tt_reader *r, tt_plan_step *s)
{
    s->kind = tt_read_u8(r);
    s->stride_rows = tt_read_u8(r);
    s->stride_columns = tt_read_u8(r);
    s->reserved = tt_read_u8(r);
    for (int i = 0; i < 3; i++)
        s->in[i] = tt_read_le16(r);
    for (int i = 0; i < 3; i++)
        s->out[i] = tt_read_le16(r);
    for (int i = 0; i < 2; i++)
        s->window[i] = tt_read_le16(r);
    for (int i = 0; i < 2; i++)
        s->before[i] = tt_read_le16(r);
    s->input = tt_read_le32(r);
    s->output = tt_read_le32(r);
    s->scratch = tt_read_le32(r);
    s->weights = tt_read_le32(r);
    s->bias = tt_read_le32(r);
    s->multiplier = tt_read_le32(r);
    s->shift = tt_read_le32(r);
    s->input_zero_point = (int32_t)tt_read_le32(r);
    s->output_zero_point = (int32_t)tt_read_le32(r);
    for (int i = 0; i < 2; i++)
        s->clamp[i] = (int32_t)tt_read_le32(r);
    s->reserved2 = tt_read_le32(r);
}

void tt_plan_step_write(tt_writer *w, const tt_plan_step *s)
{
    tt_write_u8(w, s->kind);
    tt_write_u8(w, s->stride_rows);
    tt_write_u8(w, s->stride_columns);
    tt_write_u8(w, s->reserved);
    for (int i = 0; i < 3; i++)
        tt_write_le16(w, s->in[i]);
    for (int i = 0; i < 3; i++)
        tt_write_le16(w, s->out[i]);
    for (int i = 0; i < 2; i++)
        tt_write_le16(w, s->window[i]);
    for (int i = 0; i < 2; i++)
        tt_write_le16(w, s->before[i]);
    tt_write_le32(w, s->input);
    tt_write_le32(w, s->output);
    tt_write_le32(w, s->scratch);
    tt_write_le32(w, s->weights);
    tt_write_le32(w, s->bias);
    tt_write_le32(w, s->multiplier);
    tt_write_le32(w, s->shift);
    tt_write_le32(w, (uint32_t)s->input_zero_point);
    tt_write_le32(w, (uint32_t)s->output_zero_point);
    for (int i = 0; i < 2; i++)
        tt_write_le32(w, (uint32_t)s->clamp[i]);
    tt_write_le32(w, s->reserved2);
}

void tt_plan_step_at(const tt_plan *plan, uint32_t index, tt_plan_step *step)
{
    TT_CHECK(index < plan->header.step_count);
    tt_reader reader;
    tt_reader_init(&reader, plan->bytes + plan->header.steps + index * TT_PLAN_STEP_BYTES,
                   TT_PLAN_STEP_BYTES);
    step_read(&reader, step);
}

void tt_plan_run(const tt_plan *plan, void *arena, const int8_t *input, int8_t *output)
{
    const tt_plan_header *h = &plan->header;
    char *memory = arena;
    TT_CHECK((uintptr_t)arena % TT_PLAN_ALIGNMENT == 0);
    memcpy(memory + h->input, input, h->input_bytes);
    for (uint32_t i = 0; i < h->step_count; i++) {
        tt_plan_step s;
        tt_plan_step_at(plan, i, &s);
        tt_step_memory m = {
            .input = (const int8_t *)(memory + s.input),
            .output = (int8_t *)(memory + s.output),
            .scratch = (int16_t *)(void *)(memory + s.scratch),
            .weights = (const int8_t *)plan->bytes + s.weights,
            .bias = (const int32_t *)(const void *)(plan->bytes + s.bias),
            .multiplier = (const int32_t *)(const void *)(plan->bytes + s.multiplier),
            .shift = (const int32_t *)(const void *)(plan->bytes + s.shift),
        };
        switch ((tt_step_kind)s.kind) {
        case TT_STEP_CONV:
            tt_lite_conv(&s, &m);
            break;
        case TT_STEP_DEPTHWISE:
            tt_lite_depthwise(&s, &m);
            break;
        case TT_STEP_MAX_POOL:
            tt_lite_max_pool(&s, &m);
            break;
        case TT_STEP_AVERAGE_POOL:
            tt_lite_average_pool(&s, &m);
            break;
        }
    }
    memcpy(output, memory + h->output, h->output_bytes);
}
