// The device runtime: runs a plan, a compiled int8 network, in one static arena without allocating.
//
// A plan is one flat file, little-endian, versioned and checksummed. It is checked once when opened
// and then used where it lies, in flash or in memory; running it needs no further checks. Tensors
// are int8 (rows, columns, channels), one image at a time. The arithmetic is TFLite's, bit for bit.
//
// Freestanding C; nothing here reads a clock, allocates or prints.

#ifndef TUTTI_LITE_H
#define TUTTI_LITE_H

#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_PLAN_MAGIC 0x4c505454u // "TTPL" in a file
#define TT_PLAN_VERSION 1
#define TT_PLAN_HEADER_BYTES 80
#define TT_PLAN_STEP_BYTES 72
#define TT_PLAN_STEPS_MAX 64
#define TT_PLAN_ALIGNMENT 4  // of the plan and of every table in it
#define TT_PLAN_PIECES_MAX 8 // of tensors, that one step's input may be put together of

typedef enum tt_step_kind {
    TT_STEP_CONV = 1, // also dense: one position of many channels
    TT_STEP_DEPTHWISE = 2,
    TT_STEP_MAX_POOL = 3,
    TT_STEP_AVERAGE_POOL = 4,
} tt_step_kind;

// The first TT_PLAN_HEADER_BYTES of a plan, field by field in this order, all 32-bit unless said.
typedef struct tt_plan_header {
    uint32_t magic;
    uint16_t version, header_bytes;
    uint32_t bytes; // of the whole plan
    uint32_t crc;   // tt_crc32 of all bytes from offset 16
    uint32_t step_count;
    uint32_t steps;              // offset of the steps in the plan
    uint32_t arena_bytes;        // that running needs
    uint32_t input, input_bytes; // offset in the arena, and size
    uint32_t output, output_bytes;
    float input_scale; // real = scale * (q - zero_point)
    int32_t input_zero_point;
    float output_scale;
    int32_t output_zero_point;
    uint16_t input_shape[3], output_shape[3]; // rows, columns, channels
    uint32_t multiplications; // multiply-accumulates of one run, of the steps' shapes
    uint32_t reserved;        // 0
} tt_plan_header;

// One step. Offsets of tensors and scratch are in the arena, of tables in the plan.
typedef struct tt_plan_step {
    uint8_t kind, stride_rows, stride_columns, reserved;
    uint16_t in[3], out[3]; // rows, columns, channels
    uint16_t window[2];     // rows, columns
    uint16_t before[2];     // padding above and to the left
    uint32_t input, output, scratch;
    uint32_t weights; // i8: conv (out, rows, columns, in); depthwise (rows, columns, out)
    uint32_t bias, multiplier, shift; // i32 (out) each; factor: multiplier / 2^31 * 2^shift, >= 0
    int32_t input_zero_point, output_zero_point, clamp[2];
    uint32_t reserved2;
} tt_plan_step;

// An open plan. `bytes` stays the caller's and must not change or move while it is open.
typedef struct tt_plan {
    const uint8_t *bytes;
    tt_plan_header header;
} tt_plan;

// Checks everything about a plan of `length` bytes and opens it: also that every step and the
// output read only what the input or a step before wrote, so that nothing of an earlier run shows,
// and that the header states the multiply-accumulates that the steps make. On failure says in `why`
// (or NULL) what was expected and what came: TT_DAMAGED (cut short, or the checksum fails),
// TT_MALFORMED (no plan, or it contradicts itself), TT_UNSUPPORTED (another version or kind of
// step, or reserved bytes that are not 0), TT_INVALID (not aligned).
tt_status tt_plan_open(tt_plan *plan, const void *bytes, size_t length, tt_text *why);

// The operations of one run of an open plan: what the innermost loops turn. Each
// multiply-accumulate is one (a convolution's with the padding around the image), each element that
// a pooling compares or adds another. Requantising an output and laying out a window are not
// counted: they are at most a few more an operation. UINT64_MAX stands for more than that.
uint64_t tt_plan_operations(const tt_plan *plan);

// Runs the network: `input` has header.input_bytes, `output` gets header.output_bytes. `arena` has
// at least header.arena_bytes, aligned to 4 (TT_CHECK); what it held before does not matter, and
// what it holds after is nothing to rely on. Takes no locks; plans may run side by side in arenas
// of their own, and one plan by several threads.
void tt_plan_run(const tt_plan *plan, void *arena, const int8_t *input, int8_t *output);

// Step `index` (below header.step_count: TT_CHECK), for those who list a plan.
void tt_plan_step_at(const tt_plan *plan, uint32_t index, tt_plan_step *step);

// Writes the two structures as they lie in a file; the header's checksum is the caller's.
struct tt_reader;
struct tt_writer;
void tt_plan_header_write(struct tt_writer *writer, const tt_plan_header *header);
void tt_plan_step_write(struct tt_writer *writer, const tt_plan_step *step);

TT_C_END

#endif
