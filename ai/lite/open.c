// Opening a plan: everything is checked here, once, so that running it needs no checks.
//
// What a step reads must have been written: by the input or by steps before it. No table of what
// was written is kept; whoever wrote a byte last is found by walking the steps backwards from its
// reader. In a chain that is the step before, so the walk is as short as the chain is simple; where
// a tensor lies in many pieces it is longer, and TT_PLAN_PIECES_MAX ends it.

#include <float.h>
#include <string.h>

#include "ai/lite/plan.h"
#include "tutti/bytes.h"

#define AVERAGED_MAX (1u << 23) // elements of int8 whose sum surely fits 32 bits
#define CRC_FROM 16             // offset of the first byte under the checksum

static uint64_t volume(const uint16_t shape[3])
{
    return (uint64_t)shape[0] * shape[1] * shape[2];
}

uint64_t tt_step_input_bytes(const tt_plan_step *step)
{
    return volume(step->in);
}

uint64_t tt_step_output_bytes(const tt_plan_step *step)
{
    return volume(step->out);
}

static uint64_t taps(const tt_plan_step *step)
{
    const uint16_t shape[3] = {step->window[0], step->window[1], step->in[2]};
    return volume(shape);
}

uint64_t tt_step_scratch_bytes(const tt_plan_step *step)
{
    return step->kind == TT_STEP_CONV ? taps(step) * sizeof(int16_t) : 0;
}

// Of a step that was checked, none of these overflows: tensors and tables have less than 2^31
// bytes.
static uint64_t multiplications_of(const tt_plan_step *s)
{
    uint64_t area = (uint64_t)s->window[0] * s->window[1];
    return s->kind == TT_STEP_CONV        ? taps(s) * tt_step_output_bytes(s)
           : s->kind == TT_STEP_DEPTHWISE ? area * tt_step_output_bytes(s)
                                          : 0;
}

// A pooling's window counts as far as it lies within the input.
static uint64_t pooled_of(const tt_plan_step *s)
{
    uint64_t area = 1;
    if (s->kind != TT_STEP_MAX_POOL && s->kind != TT_STEP_AVERAGE_POOL)
        return 0;
    for (int i = 0; i < 2; i++)
        area *= s->window[i] < s->in[i] ? s->window[i] : s->in[i];
    return area * tt_step_output_bytes(s);
}

static uint64_t sum_of(const tt_plan *plan, bool pooled)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < plan->header.step_count; i++) {
        tt_plan_step s;
        tt_plan_step_at(plan, i, &s);
        uint64_t more = multiplications_of(&s) + (pooled ? pooled_of(&s) : 0);
        sum = more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
    }
    return sum;
}

uint64_t tt_plan_operations(const tt_plan *plan)
{
    return sum_of(plan, true);
}

// `what`: `expected` wanted, `found` came.
static tt_status refuse(tt_text *why, tt_status status, const char *what, uint64_t expected,
                        uint64_t found)
{
    tt_text_add(why, what);
    tt_text_add(why, ": expected ");
    tt_text_add_unsigned(why, expected);
    tt_text_add(why, ", found ");
    tt_text_add_unsigned(why, found);
    return status;
}

static tt_status refuse_step(tt_text *why, uint32_t index, const char *what)
{
    tt_text_add(why, "step ");
    tt_text_add_unsigned(why, index);
    tt_text_add(why, ": ");
    tt_text_add(why, what);
    return TT_MALFORMED;
}

static bool lies_within(uint64_t offset, uint64_t length, uint64_t limit)
{
    return offset <= limit && length <= limit - offset;
}

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

// One axis of a sliding window: the output's size must be reachable, and every window must see at
// least one element of the input.
static bool axis_is_sound(unsigned in, unsigned out, unsigned window, unsigned stride,
                          unsigned before)
{
    if (in == 0 || out == 0 || stride == 0 || before >= window) // so the window has elements
        return false;
    uint64_t last =
        (uint64_t)(out - 1) * stride; // of the padded input, where the last window begins
    return last < (uint64_t)in + before;
}

static bool table_is_sound(const tt_plan_header *h, uint32_t offset, uint64_t bytes)
{
    return offset % TT_PLAN_ALIGNMENT == 0 && lies_within(offset, bytes, h->bytes);
}

static bool holds(uint32_t begin, uint64_t bytes, uint32_t at)
{
    return at >= begin && at - begin < bytes;
}

static bool has_tables(const tt_plan_step *s)
{
    return s->kind == TT_STEP_CONV || s->kind == TT_STEP_DEPTHWISE;
}

// How far from `at` the steps before `index` had these numbers checked; `at` where it is none of
// theirs, and `*end` is then where theirs begin, if they do before it.
static uint32_t checked_until(const tt_plan *plan, uint32_t index, bool shifts, uint32_t at,
                              uint32_t *end)
{
    uint32_t until = at;
    for (uint32_t i = 0; i < index; i++) {
        tt_plan_step s;
        tt_plan_step_at(plan, i, &s);
        uint32_t begin = shifts ? s.shift : s.multiplier, bytes = 4u * s.out[2];
        if (!has_tables(&s))
            continue;
        if (holds(begin, bytes, at) && begin + bytes > until)
            until = begin + bytes;
        if (begin > at && begin < *end)
            *end = begin;
    }
    return until;
}

// Whether all numbers of a step's table lie within the limits. Steps may share tables, and each
// number is looked at once: else 64 KiB would keep a small CPU busy for seconds.
static bool numbers_are_sound(const tt_plan *plan, const tt_plan_step *s, uint32_t index,
                              bool shifts, int32_t least, int32_t greatest)
{
    uint32_t at = shifts ? s->shift : s->multiplier, end = at + 4u * s->out[2];
    while (at < end) {
        uint32_t stop = end, next = checked_until(plan, index, shifts, at, &stop);
        if (next > at) {
            at = next;
            continue;
        }
        tt_reader reader;
        tt_reader_init(&reader, plan->bytes + at, stop - at);
        for (; at < stop; at += 4) {
            int32_t number = (int32_t)tt_read_le32(&reader);
            if (number < least || number > greatest)
                return false;
        }
    }
    return true;
}

static tt_status check_tables(const tt_plan *plan, const tt_plan_step *s, uint32_t index,
                              tt_text *why)
{
    const tt_plan_header *h = &plan->header;
    bool depthwise = s->kind == TT_STEP_DEPTHWISE;
    uint64_t weights =
        depthwise ? (uint64_t)s->window[0] * s->window[1] * s->out[2] : taps(s) * s->out[2];
    if (depthwise && s->out[2] % s->in[2] != 0)
        return refuse_step(why, index, "output channels are no multiple of the input's");
    if (!table_is_sound(h, s->weights, weights) ||
        !table_is_sound(h, s->bias, 4 * (uint64_t)s->out[2]) ||
        !table_is_sound(h, s->multiplier, 4 * (uint64_t)s->out[2]) ||
        !table_is_sound(h, s->shift, 4 * (uint64_t)s->out[2]))
        return refuse_step(why, index, "a table is not aligned or lies outside the plan");
    if (!numbers_are_sound(plan, s, index, true, -31, 30))
        return refuse_step(why, index, "a shift is outside -31 to 30");
    if (!numbers_are_sound(plan, s, index, false, 0, INT32_MAX))
        return refuse_step(why, index, "a multiplier is negative");
    return TT_OK;
}

static bool is_int8(int32_t value)
{
    return value >= INT8_MIN && value <= INT8_MAX;
}

static tt_status check_step(const tt_plan *plan, uint32_t index, tt_text *why)
{
    const tt_plan_header *h = &plan->header;
    tt_plan_step s;
    tt_plan_step_at(plan, index, &s);
    if (s.kind < TT_STEP_CONV || s.kind > TT_STEP_AVERAGE_POOL) {
        refuse_step(why, index, "unknown kind ");
        tt_text_add_unsigned(why, s.kind);
        return TT_UNSUPPORTED;
    }
    if (s.reserved != 0 || s.reserved2 != 0) {
        refuse_step(why, index, "reserved bytes are not 0");
        return TT_UNSUPPORTED;
    }
    if (!axis_is_sound(s.in[0], s.out[0], s.window[0], s.stride_rows, s.before[0]) ||
        !axis_is_sound(s.in[1], s.out[1], s.window[1], s.stride_columns, s.before[1]) ||
        s.in[2] == 0 || s.out[2] == 0)
        return refuse_step(why, index, "its window does not fit its input");
    uint64_t in = tt_step_input_bytes(&s), out = tt_step_output_bytes(&s);
    uint64_t scratch = tt_step_scratch_bytes(&s);
    if (!lies_within(s.input, in, h->arena_bytes) || !lies_within(s.output, out, h->arena_bytes) ||
        !lies_within(s.scratch, scratch, h->arena_bytes) || s.scratch % TT_PLAN_ALIGNMENT != 0)
        return refuse_step(why, index, "a tensor lies outside the arena");
    if (overlap(s.input, in, s.output, out) ||
        (scratch > 0 &&
         (overlap(s.input, in, s.scratch, scratch) || overlap(s.output, out, s.scratch, scratch))))
        return refuse_step(why, index, "its tensors overlap");
    if (!is_int8(s.input_zero_point) || !is_int8(s.output_zero_point) || !is_int8(s.clamp[0]) ||
        !is_int8(s.clamp[1]) || s.clamp[0] > s.clamp[1])
        return refuse_step(why, index, "a zero point or limit is outside -128 to 127");
    if (s.kind == TT_STEP_AVERAGE_POOL && (uint32_t)s.window[0] * s.window[1] > AVERAGED_MAX)
        return refuse_step(why, index, "it averages more elements than a 32-bit sum can hold");
    if (s.kind == TT_STEP_MAX_POOL || s.kind == TT_STEP_AVERAGE_POOL)
        return s.in[2] == s.out[2] ? TT_OK
                                   : refuse_step(why, index, "pooling changes the channels");
    return check_tables(plan, &s, index, why);
}

// How far the bytes from `at` to `end` hold what one tensor left there, written by the input or by
// one of the first `steps` steps; `at` where its byte holds no tensor's.
static uint32_t written_until(const tt_plan *plan, uint32_t steps, uint32_t at, uint32_t end)
{
    const tt_plan_header *h = &plan->header;
    for (uint32_t i = steps; i-- > 0;) {
        tt_plan_step s;
        tt_plan_step_at(plan, i, &s);
        uint32_t out = (uint32_t)tt_step_output_bytes(&s);
        uint32_t scratch = (uint32_t)tt_step_scratch_bytes(&s);
        if (holds(s.output, out, at))
            return end - s.output < out ? end : s.output + out;
        if (holds(s.scratch, scratch, at))
            return at;
        if (s.output > at && s.output < end) // from there on it hides what is older
            end = s.output;
        if (scratch > 0 && s.scratch > at && s.scratch < end)
            end = s.scratch;
    }
    if (!holds(h->input, h->input_bytes, at))
        return at;
    return end - h->input < h->input_bytes ? end : h->input + h->input_bytes;
}

// Why nobody may read these bytes of the arena after the first `steps` steps; NULL if one may.
static const char *unreadable(const tt_plan *plan, uint32_t steps, uint32_t at, uint32_t bytes)
{
    uint32_t end = at + bytes;
    for (unsigned pieces = 0; at < end; pieces++) {
        uint32_t next = written_until(plan, steps, at, end);
        if (next == at)
            return "bytes that nothing before wrote are read";
        if (pieces == TT_PLAN_PIECES_MAX)
            return "what is read lies in more than 8 pieces of tensors";
        at = next;
    }
    return NULL;
}

static tt_status check_reads(const tt_plan *plan, tt_text *why)
{
    const tt_plan_header *h = &plan->header;
    for (uint32_t i = 0; i < h->step_count; i++) {
        tt_plan_step s;
        tt_plan_step_at(plan, i, &s);
        const char *problem = unreadable(plan, i, s.input, (uint32_t)tt_step_input_bytes(&s));
        if (problem != NULL)
            return refuse_step(why, i, problem);
    }
    const char *problem = unreadable(plan, h->step_count, h->output, h->output_bytes);
    if (problem == NULL)
        return TT_OK;
    tt_text_add(why, "the output: ");
    tt_text_add(why, problem);
    return TT_MALFORMED;
}

static tt_status check_header(const tt_plan_header *h, size_t length, tt_text *why)
{
    if (h->magic != TT_PLAN_MAGIC)
        return refuse(why, TT_MALFORMED, "this is no plan; its first four bytes", TT_PLAN_MAGIC,
                      h->magic);
    if (h->version != TT_PLAN_VERSION)
        return refuse(why, TT_UNSUPPORTED, "plan version", TT_PLAN_VERSION, h->version);
    if (h->header_bytes != TT_PLAN_HEADER_BYTES)
        return refuse(why, TT_UNSUPPORTED, "bytes of the header", TT_PLAN_HEADER_BYTES,
                      h->header_bytes);
    if (h->bytes != length)
        return refuse(why, TT_DAMAGED, "length of the plan in bytes", h->bytes, length);
    return TT_OK;
}

static bool is_scale(float scale)
{
    return scale >= 0 && scale <= FLT_MAX; // and not NaN; 0 where the maker states none
}

static tt_status check_contents(const tt_plan *plan, tt_text *why)
{
    const tt_plan_header *h = &plan->header;
    if (h->bytes > INT32_MAX || h->arena_bytes > INT32_MAX) // the kernels index with int
        return refuse(why, TT_MALFORMED, "bytes of plan and arena, each at most", INT32_MAX,
                      h->bytes > INT32_MAX ? h->bytes : h->arena_bytes);
    if (h->step_count == 0 || h->step_count > TT_PLAN_STEPS_MAX)
        return refuse(why, TT_MALFORMED, "number of steps, from 1 to", TT_PLAN_STEPS_MAX,
                      h->step_count);
    if (h->steps % TT_PLAN_ALIGNMENT != 0 ||
        !lies_within(h->steps, (uint64_t)h->step_count * TT_PLAN_STEP_BYTES, h->bytes))
        return refuse(why, TT_MALFORMED, "the steps lie outside the plan; its length", h->bytes,
                      h->steps);
    uint64_t input_end = (uint64_t)h->input + h->input_bytes;
    uint64_t output_end = (uint64_t)h->output + h->output_bytes;
    if (input_end > h->arena_bytes || output_end > h->arena_bytes)
        return refuse(why, TT_MALFORMED, "input or output lie outside the arena; its bytes",
                      h->arena_bytes, input_end > output_end ? input_end : output_end);
    if (volume(h->input_shape) != h->input_bytes)
        return refuse(why, TT_MALFORMED, "bytes of the input's shape", volume(h->input_shape),
                      h->input_bytes);
    if (volume(h->output_shape) != h->output_bytes)
        return refuse(why, TT_MALFORMED, "bytes of the output's shape", volume(h->output_shape),
                      h->output_bytes);
    if (!is_scale(h->input_scale) || !is_scale(h->output_scale) || !is_int8(h->input_zero_point) ||
        !is_int8(h->output_zero_point)) {
        tt_text_add(why, "a scale or zero point of the header is no sensible number");
        return TT_MALFORMED;
    }
    if (h->reserved != 0)
        return refuse(why, TT_UNSUPPORTED, "reserved bytes of the header", 0, h->reserved);
    for (uint32_t i = 0; i < h->step_count; i++) {
        tt_status status = check_step(plan, i, why);
        if (status != TT_OK)
            return status;
    }
    uint64_t multiplications = sum_of(plan, false);
    if (h->multiplications != multiplications)
        return refuse(why, TT_MALFORMED, "multiply-accumulates of a run", multiplications,
                      h->multiplications);
    return check_reads(plan, why);
}

tt_status tt_plan_open(tt_plan *plan, const void *bytes, size_t length, tt_text *why)
{
    if ((uintptr_t)bytes % TT_PLAN_ALIGNMENT != 0)
        return refuse(why, TT_INVALID, "alignment of the plan in memory", TT_PLAN_ALIGNMENT,
                      (uintptr_t)bytes % TT_PLAN_ALIGNMENT);
    if (length < TT_PLAN_HEADER_BYTES)
        return refuse(why, TT_DAMAGED, "length of the plan in bytes, at least",
                      TT_PLAN_HEADER_BYTES, length);
    tt_reader reader;
    tt_reader_init(&reader, bytes, TT_PLAN_HEADER_BYTES);
    plan->bytes = bytes;
    tt_plan_header_read(&reader, &plan->header);
    tt_status status = check_header(&plan->header, length, why);
    if (status != TT_OK)
        return status;
    uint32_t crc = tt_crc32(0, plan->bytes + CRC_FROM, length - CRC_FROM);
    if (crc != plan->header.crc)
        return refuse(why, TT_DAMAGED, "checksum", plan->header.crc, crc);
    return check_contents(plan, why);
}
