// A plan as it comes over the bus. Its checksum is made right first, else nothing behind it would
// be reached; what opens is run, in an arena of exactly the stated size, and again in one that held
// something else: the outputs are the same.

#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/lite.h"

#define ARENA_MAX 8192 // so that a run takes no more than moments
#define OPERATIONS_MAX 20000000

static void run_twice(const tt_plan *plan)
{
    const tt_plan_header *h = &plan->header;
    int8_t *arena = malloc(h->arena_bytes), *input = calloc(1, h->input_bytes);
    int8_t *output[2] = {malloc(h->output_bytes), malloc(h->output_bytes)};
    for (int i = 0; i < 2; i++) {
        memset(arena, 0x55 + i, h->arena_bytes);
        tt_plan_run(plan, arena, input, output[i]);
    }
    TT_CHECK(memcmp(output[0], output[1], h->output_bytes) == 0);
    free(arena);
    free(input);
    free(output[0]);
    free(output[1]);
}

// Opens the plan; where only the number of its multiply-accumulates is wrong, with the right one.
static tt_status open_plan(tt_plan *plan, uint8_t *bytes, size_t size)
{
    static const char start[] = "multiply-accumulates of a run: expected ";
    for (int pass = 0;; pass++) {
        char sentence[200];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_status status = tt_plan_open(plan, bytes, size, &why);
        TT_CHECK((status == TT_OK) == (why.length == 0));
        if (pass > 0 || strncmp(sentence, start, sizeof(start) - 1) != 0)
            return status;
        tt_writer writer;
        tt_writer_init(&writer, bytes + 72, 4);
        tt_write_le32(&writer, (uint32_t)strtoull(sentence + sizeof(start) - 1, NULL, 10));
        tt_writer_init(&writer, bytes + 12, 4);
        tt_write_le32(&writer, tt_crc32(0, bytes + 16, size - 16));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size); // exactly: the sanitizer sees one byte too many
    memcpy(bytes, data, size);
    if (size > 16) {
        tt_writer writer;
        tt_writer_init(&writer, bytes + 12, 4);
        tt_write_le32(&writer, tt_crc32(0, bytes + 16, size - 16));
        if (size < 65536) { // and its length
            tt_writer_init(&writer, bytes + 8, 4);
            tt_write_le32(&writer, (uint32_t)size);
        }
    }
    tt_plan plan;
    if (open_plan(&plan, bytes, size) == TT_OK && plan.header.arena_bytes <= ARENA_MAX &&
        plan.header.input_bytes <= ARENA_MAX && plan.header.output_bytes <= ARENA_MAX &&
        tt_plan_operations(&plan) <= OPERATIONS_MAX)
        run_twice(&plan);
    free(bytes);
    return 0;
}
