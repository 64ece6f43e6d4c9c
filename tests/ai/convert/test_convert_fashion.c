// Quantising a network trained for one epoch on the real images loses at most 0.3 points.

#include "tests/test.h"
#include "tutti/convert.h"
#include "tutti/lite.h"
#include "tutti/train.h"

#define CALIBRATION_IMAGES 500

int main(void)
{
    tt_dataset train, test;
    char buffer[512];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    if (tt_fashion_mnist_load(&train, &test, NULL, &why) != TT_OK) {
        printf("skipped: no data set: %s\n", buffer);
        return TEST_SKIPPED;
    }
    tt_train_options options = TT_TRAIN_DEFAULT;
    options.epochs = 1;
    tt_training *training = tt_training_new(&options);
    REQUIRE(tt_training_run(training, &train, &test, &why) == TT_OK);
    double before = tt_model_evaluate(tt_training_model(training), &test, 0, NULL);
    tt_model *model = tt_model_new(50);
    tt_model_copy_parameters(model, tt_training_model(training));
    static float calibration[CALIBRATION_IMAGES * 784];
    for (size_t i = 0; i < CALIBRATION_IMAGES * 784; i++)
        calibration[i] = (float)train.images[i] / 255;
    tt_quantised q;
    REQUIRE(tt_quantise(model->graph, model->image, model->logits, calibration, CALIBRATION_IMAGES,
                        &q, &why) == TT_OK);
    uint8_t *bytes;
    size_t length, right = 0;
    tt_plan plan;
    REQUIRE(tt_plan_emit(&q, &bytes, &length, &why) == TT_OK);
    REQUIRE(tt_plan_open(&plan, bytes, length, &why) == TT_OK);
    void *arena = malloc(plan.header.arena_bytes);
    for (size_t n = 0; n < test.count; n++) {
        int8_t image[784], logits[10];
        for (int i = 0; i < 784; i++)
            image[i] = (int8_t)(test.images[n * 784 + (size_t)i] - 128);
        tt_plan_run(&plan, arena, image, logits);
        int best = 0;
        for (int i = 1; i < 10; i++)
            best = logits[i] > logits[best] ? i : best;
        right += best == test.labels[n];
    }
    double after = (double)right / (double)test.count;
    printf("float %.2f %%, int8 %.2f %%, plan %zu bytes, arena %u bytes\n", 100 * before,
           100 * after, length, plan.header.arena_bytes);
    EXPECT(after >= before - 0.003);
    free(arena);
    free(bytes);
    tt_quantised_free(&q);
    tt_model_free(model);
    tt_training_free(training);
    tt_dataset_free(&train);
    tt_dataset_free(&test);
    return test_result();
}
