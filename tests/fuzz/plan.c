// A plan as it comes over the bus. Its checksum is made right first, else nothing behind it would
// be reached; what opens is run, in an arena of exactly the stated size.

#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/lite.h"

#define ARENA_MAX 8192 // so that a run takes no more than moments

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
    char sentence[200];
    tt_text why;
    tt_plan plan;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_plan_open(&plan, bytes, size, &why) != TT_OK) {
        TT_CHECK(why.length > 0);
    } else if (plan.header.arena_bytes <= ARENA_MAX && plan.header.input_bytes <= ARENA_MAX &&
               plan.header.output_bytes <= ARENA_MAX) {
        void *arena = calloc(1, plan.header.arena_bytes);
        int8_t *input = calloc(1, plan.header.input_bytes);
        int8_t *output = calloc(1, plan.header.output_bytes);
        tt_plan_run(&plan, arena, input, output);
        free(arena);
        free(input);
        free(output);
    }
    free(bytes);
    return 0;
}
