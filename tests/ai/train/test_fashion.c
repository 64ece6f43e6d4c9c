// Training on the real images: one epoch for every test run; with an argument of 10, the whole
// training for three seeds, each of which must reach 91.5 % after its last epoch.

#include "tests/test.h"
#include "tutti/train.h"

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
    double least = options.epochs >= 10 ? 0.915 : 0.86;
    for (options.seed = 1; options.seed <= (options.epochs >= 10 ? 3 : 1); options.seed++) {
        tt_training *training = tt_training_new(&options);
        tt_model *model = tt_training_model(training);
        EXPECT(tt_model_multiplications(model) <= 1000000);
        EXPECT(tt_model_parameter_elements(model) <= 64 * 1024);
        EXPECT_EQUAL(tt_training_run(training, &train, &test, &why), TT_OK);
        double accuracy = tt_model_evaluate(model, &test, 0, NULL);
        printf("seed %u, %u epochs: %.2f %% of 10,000 test images, %.0f images/s\n",
               (unsigned)options.seed, options.epochs, 100 * accuracy,
               tt_training_images_per_second(training));
        EXPECT(accuracy >= least);
        tt_training_free(training);
    }
    tt_dataset_free(&train);
    tt_dataset_free(&test);
    return test_result();
}
