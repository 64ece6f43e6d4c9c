// Without memory: each allocation of each reader and writer fails once. Each says TT_FULL then, or
// has the same bytes as ever; none is left behind.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/failing_memory.h"
#include "tests/test.h"
#include "tutti/tensor_file.h"

typedef struct result {
    uint8_t *bytes; // that were made
    size_t length;
    tt_tensor_file file; // that was read
} result;

static tt_tensor_file made;
static result whole[3]; // a file of each format
static char path[] = "/tmp/tutti-memory-XXXXXX";

static tt_status make(int format, result *r)
{
    return format == 0   ? tt_safetensors_make(&made, &r->bytes, &r->length, NULL)
           : format == 1 ? tt_npz_make(&made, &r->bytes, &r->length, NULL)
                         : tt_npy_make(&made.entries[1].tensor, &r->bytes, &r->length, NULL);
}

static tt_status parse(int format, result *r)
{
    tt_status (*const parsers[])(tt_tensor_file *, const void *, size_t,
                                 tt_text *) = {tt_safetensors_parse, tt_npz_parse, tt_npy_parse};
    return parsers[format](&r->file, whole[format].bytes, whole[format].length, NULL);
}

static tt_status read_path(int format, result *r)
{
    tt_status (*const readers[])(tt_tensor_file *, const char *,
                                 tt_text *) = {tt_safetensors_read, tt_npz_read, tt_npy_read};
    return readers[format](&r->file, path, NULL);
}

// Lets one allocation after the other fail until none is left to.
static void starve(tt_status (*work)(int format, result *r), int format)
{
    long failing = 0;
    for (bool over = false; !over; failing++) {
        result r = {0};
        live = 0;
        until_failure = failing;
        watched = true;
        tt_status status = work(format, &r);
        over = until_failure >= 0;
        watched = false;
        EXPECT(status == TT_OK || (status == TT_FULL && !over));
        EXPECT(status == TT_OK || (live == 0 && r.bytes == NULL && r.file.entries == NULL));
        EXPECT(r.bytes == NULL || (r.length == whole[format].length &&
                                   memcmp(r.bytes, whole[format].bytes, r.length) == 0));
        watched = true;
        free(r.bytes);
        tt_tensor_file_free(&r.file);
        watched = false;
        EXPECT(status != TT_OK || live == 0);
    }
    EXPECT(failing > 1);
}

int main(void)
{
    static const float data[6000] = {1};
    char text[60];
    for (int i = 0; i < 40; i++) { // more than a stream's first buffer holds
        tt_tensor tensor = {TT_ELEMENT_F32, 2, {2, i * 5}, data};
        snprintf(text, sizeof(text), "a tensor with a long name %d", i);
        REQUIRE(tt_tensor_file_add(&made, text, &tensor) == TT_OK);
        REQUIRE(tt_tensor_file_describe(&made, text, "value") == TT_OK);
    }
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0);
    for (int format = 0; format < 3; format++) {
        REQUIRE(make(format, &whole[format]) == TT_OK);
        starve(make, format);
        starve(parse, format);
        REQUIRE(ftruncate(descriptor, 0) == 0);
        REQUIRE(pwrite(descriptor, whole[format].bytes, whole[format].length, 0) ==
                (ssize_t)whole[format].length);
        starve(read_path, format);
        free(whole[format].bytes);
    }
    close(descriptor);
    unlink(path);
    tt_tensor_file_free(&made);
    return test_result();
}
