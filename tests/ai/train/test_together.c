// Two trainings at once, each in a thread of its own: the same bits as one after the other.

#include <pthread.h>

#include "tests/ai/train/made_up.h"

typedef struct work {
    tt_train_options options;
    const tt_dataset *data;
    tt_training *training;
    tt_status status;
} work;

static void *train(void *context)
{
    work *w = context;
    w->status = tt_training_new(&w->options, &w->training, NULL);
    if (w->status == TT_OK)
        w->status = tt_training_run(w->training, w->data, w->data, NULL);
    return NULL;
}

int main(void)
{
    tt_dataset data = make_data(32, 1);
    work alone[2], together[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        alone[i] = (work){.options = options_of(i == 0 ? TT_SGD : TT_ADAM), .data = &data};
        alone[i].options.epochs = 1;
        alone[i].options.threads = 2;
        alone[i].options.evaluate_each_epoch = true;
        together[i] = alone[i];
        train(&alone[i]);
        EXPECT_EQUAL(alone[i].status, TT_OK);
    }
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, train, &together[i]) == 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        REQUIRE(together[i].status == TT_OK);
        EXPECT(same_bits(alone[i].training, together[i].training));
        tt_training_free(alone[i].training);
        tt_training_free(together[i].training);
    }
    tt_dataset_free(&data);
    return test_result();
}
