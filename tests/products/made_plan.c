// A plan for tests on devices, what it is asked, and what must come out: of made-up weights, so
// that nothing is trained.
//
//     test_made_plan FOLDER      writes FOLDER/plan and FOLDER/plan2; image.N, and what they
//     answer,
//                                logits.N and logits2.N, for N from 0

#include "cli/file.h"
#include "tests/ai/convert/made_up_plan.h"
#include "tutti/random.h"

#define IMAGES 5

static void write(const char *folder, const char *name, int number, const void *bytes,
                  size_t length)
{
    char path[512], digits[16] = "";
    if (number >= 0)
        snprintf(digits, sizeof(digits), ".%d", number);
    snprintf(path, sizeof(path), "%s/%s%s", folder, name, digits);
    REQUIRE(tt_file_write("test", path, bytes, length) == TT_EXIT_OK);
}

int main(int count, char **words)
{
    REQUIRE(count == 2);
    tt_random random;
    uint8_t *plan, image[MADE_UP_PIXELS];
    size_t length;
    int8_t logits[MADE_UP_CLASSES];
    tt_quantised *quantised = made_up_network(1), *second = made_up_network(2);
    REQUIRE(tt_quantised_emit(second, &plan, &length, NULL) == TT_OK);
    write(words[1], "plan2", -1, plan, length);
    REQUIRE(tt_quantised_emit(quantised, &plan, &length, NULL) == TT_OK);
    write(words[1], "plan", -1, plan, length);
    tt_random_seed(&random, 1);
    for (int i = 0; i < IMAGES; i++) {
        tt_random_bytes(&random, image, sizeof(image));
        REQUIRE(tt_quantised_run(quantised, image, logits) == TT_OK);
        write(words[1], "image", i, image, sizeof(image));
        write(words[1], "logits", i, logits, sizeof(logits));
        REQUIRE(tt_quantised_run(second, image, logits) == TT_OK);
        write(words[1], "logits2", i, logits, sizeof(logits));
    }
    return test_result();
}
