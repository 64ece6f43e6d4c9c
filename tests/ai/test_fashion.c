// The whole path on the real images: train, quantise, run the plan on all 10,000 test images. One
// epoch for every test run; with an argument of 10 the whole training for three seeds, each of
// which must reach 91.5 % after its last epoch and lose at most 0.3 points by quantisation.

#include "tests/test.h"
#include "tutti/convert.h"
#include "tutti/lite.h"
#include "tutti/train.h"

#define CALIBRATION_IMAGES 500
#define BATCH 50
#define PIXELS 784
#define CLASSES 10
#define WEIGHT_BYTES_MAX (64 * 1024)
#define ACTIVATION_BYTES_MAX (48 * 1024)

// Share of the test images that the plan's int8 network gets right.
static double accuracy_of_plan(const tt_plan *plan, const tt_dataset *test)
{
    size_t right = 0;
    void *arena = malloc(plan->header.arena_bytes);
    REQUIRE(arena != NULL);
    for (size_t n = 0; n < test->count; n++) {
        int8_t image[PIXELS], logits[CLASSES];
        for (size_t i = 0; i < PIXELS; i++)
            image[i] = (int8_t)(test->images[n * PIXELS + i] - 128);
        tt_plan_run(plan, arena, image, logits);
        int best = 0;
        for (int i = 1; i < CLASSES; i++)
            best = logits[i] > logits[best] ? i : best;
        right += best == test->labels[n];
    }
    free(arena);
    return (double)right / (double)test->count;
}

static double quantise_and_run(const tt_model *model, const tt_dataset *train,
                               const tt_dataset *test, tt_text *why)
{
    static float calibration[CALIBRATION_IMAGES * PIXELS];
    tt_quantised *quantised;
    tt_graph *graph;
    uint8_t *bytes;
    size_t length;
    tt_plan plan;
    REQUIRE(tt_model_graph(model, BATCH, &graph, why) == TT_OK);
    for (size_t i = 0; i < CALIBRATION_IMAGES * PIXELS; i++)
        calibration[i] = (float)train->images[i] / 255;
    REQUIRE(tt_quantise(tt_model_session(model), graph, "image", "logits", calibration,
                        CALIBRATION_IMAGES, &quantised, why) == TT_OK);
    REQUIRE(tt_quantised_emit(quantised, &bytes, &length, why) == TT_OK);
    REQUIRE(tt_plan_open(&plan, bytes, length, why) == TT_OK);
    EXPECT(length <= WEIGHT_BYTES_MAX);
    EXPECT(plan.header.arena_bytes <= ACTIVATION_BYTES_MAX);
    double accuracy = accuracy_of_plan(&plan, test);
    free(bytes);
    tt_quantised_free(quantised);
    tt_graph_free(graph);
    return accuracy;
}

int main(int count, char **arguments)
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
    options.epochs = count > 1 ? (unsigned)atoi(arguments[1]) : 1;
    bool whole = options.epochs >= 10;
    for (options.seed = 1; options.seed <= (whole ? 3 : 1); options.seed++) {
        tt_training *training;
        REQUIRE(tt_training_new(&options, &training, &why) == TT_OK);
        tt_model *model = tt_training_model(training);
        EXPECT(tt_model_multiplications(model) <= 1000000);
        REQUIRE(tt_training_run(training, &train, &test, &why) == TT_OK);
        double in_float = 0;
        REQUIRE(tt_model_evaluate(model, &test, &in_float, NULL, &why) == TT_OK);
        double in_int8 = quantise_and_run(model, &train, &test, &why);
        printf("seed %u, %u epochs, of 10,000 test images: float %.2f %%, int8 %.2f %%; %.0f "
               "images/s\n",
               (unsigned)options.seed, options.epochs, 100 * in_float, 100 * in_int8,
               tt_training_images_per_second(training));
        EXPECT(in_float >= (whole ? 0.915 : 0.86));
        EXPECT(in_int8 >= in_float - 0.003);
        tt_training_free(training);
    }
    tt_dataset_free(&train);
    tt_dataset_free(&test);
    return test_result();
}
