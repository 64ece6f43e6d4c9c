// Measuring one inference: the launcher has put a plan into slot 0 and images into slot 1, and says
// so in tt_provision. Prints for each image the nanoseconds of the device's clock and the output
// tensor.
//
// Under QEMU's -icount shift=5,sleep=off an instruction takes 32 ns of that clock, so the time
// counts instructions, to within a tick of the timer, the same on every machine.

#include <string.h>

#include "products/common/internal.h"
#include "tutti/kernel.h"
#include "tutti/lite.h"
#include "tutti/board.h"

#define INPUT_MAX 1024
#define OUTPUT_MAX 64

static void say(const tt_text *text)
{
    tt_console_write(text->data, text->length);
}

static tt_time run_one(const tt_plan *plan, void *arena, const uint8_t *pixels, int8_t *output)
{
    static int8_t input[INPUT_MAX];
    for (size_t i = 0; i < plan->header.input_bytes; i++)
        input[i] = (int8_t)(pixels[i] ^ 0x80);
    tt_time begin = tt_now();
    tt_plan_run(plan, arena, input, output);
    return tt_now() - begin;
}

void tt_measure(const tt_product *product)
{
    char line[256];
    tt_text text;
    tt_plan plan;
    static int8_t output[OUTPUT_MAX];
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, "measure: ");
    if (product->slots[1] == NULL || tt_provision.measure_plan_bytes > product->slot_bytes ||
        tt_plan_open(&plan, product->slots[0], tt_provision.measure_plan_bytes, &text) != TT_OK ||
        plan.header.arena_bytes > product->arena_bytes || plan.header.input_bytes > INPUT_MAX ||
        plan.header.output_bytes > OUTPUT_MAX ||
        (uint64_t)tt_provision.measure_images * plan.header.input_bytes > product->slot_bytes) {
        tt_text_add(&text, "\nmeasure: this plan cannot be run here\n");
        say(&text);
        tt_board_stop(1);
    }
    for (uint32_t i = 0; i < tt_provision.measure_images; i++) {
        const uint8_t *pixels = product->slots[1] + i * plan.header.input_bytes;
        tt_time taken = run_one(&plan, product->arena, pixels, output);
        tt_text_init(&text, line, sizeof(line));
        tt_text_add(&text, "measure: image ");
        tt_text_add_unsigned(&text, i);
        tt_text_add(&text, " nanoseconds ");
        tt_text_add_unsigned(&text, (uint64_t)taken);
        tt_text_add(&text, " output ");
        for (uint32_t k = 0; k < plan.header.output_bytes; k++)
            tt_text_add_hex(&text, (uint8_t)output[k], 2);
        tt_text_add(&text, "\n");
        say(&text);
    }
    tt_board_stop(0);
}
