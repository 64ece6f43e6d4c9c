// The history of a training: its curve over several epochs, of a training that goes on, of a long
// one; and its JSON.

#include <math.h>
#include <unistd.h>

#include "cli/history.h"
#include "cli/json.h"
#include "tests/test.h"

static tt_history history;

// What a step's images make of it by themselves; the sums are exact.
static double loss_of(unsigned epoch, size_t step)
{
    return (double)epoch + (double)step / 64;
}

static double accuracy_of(unsigned epoch, size_t step)
{
    return (double)((epoch + step) % 8) / 8;
}

// Takes in the steps of an epoch from `first` on, as a training tells them: means since the epoch's
// begin.
static void learn(unsigned epoch, size_t first, size_t steps)
{
    double loss = 0, accuracy = 0;
    for (size_t step = 1; step <= steps; step++) {
        loss += loss_of(epoch, step);
        accuracy += accuracy_of(epoch, step);
        tt_progress progress = {.epoch = epoch,
                                .step = step,
                                .steps = steps,
                                .loss = loss / (double)step,
                                .accuracy = accuracy / (double)step,
                                .epoch_end = step == steps,
                                .test_accuracy = step == steps ? (double)epoch / 2000 : -1};
        if (step >= first)
            tt_history_add(&history, &progress, epoch);
    }
}

// Expects the points of an epoch, the next being number `at`: means of the steps since the one
// before, up to its end. Returns the number of the point after them.
static size_t expect_points(size_t at, unsigned epoch, size_t steps)
{
    size_t before = 0, here = at;
    while (before < steps) {
        REQUIRE(here < history.point_count);
        const tt_history_point *point = &history.points[here++];
        size_t step = (size_t)lround((point->epoch - (epoch - 1)) * (double)steps);
        REQUIRE(step > before && step <= steps);
        double loss = 0, accuracy = 0;
        for (size_t i = before + 1; i <= step; i++) {
            loss += loss_of(epoch, i);
            accuracy += accuracy_of(epoch, i);
        }
        double since = (double)(step - before);
        EXPECT(fabs(point->loss - loss / since) < 1e-9);
        EXPECT(fabs(point->accuracy - accuracy / since) < 1e-9);
        before = step;
    }
    EXPECT(here - at <= TT_HISTORY_POINTS_AN_EPOCH + 2);
    return here;
}

static void test_epochs(void)
{
    static const size_t steps[] = {1, 3, 19, 20, 21, 39, 40, 45, 937};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        history = (tt_history){0};
        size_t at = 0;
        for (unsigned epoch = 1; epoch <= 3; epoch++)
            learn(epoch, 1, steps[i]);
        for (unsigned epoch = 1; epoch <= 3; epoch++)
            at = expect_points(at, epoch, steps[i]);
        EXPECT_EQUAL(at, history.point_count);
        EXPECT(at >= 3 * (steps[i] < 10 ? steps[i] : 10)); // a curve, not a line
        EXPECT(history.first_epoch == 1 && history.epoch_count == 3);
        for (unsigned e = 0; e < 3; e++) {
            const tt_history_epoch *epoch = &history.epochs[e];
            double mean = e + 1 + (double)(steps[i] + 1) / 128;
            EXPECT(fabs(epoch->loss - mean) < 1e-9 && epoch->seconds == e + 1);
            EXPECT(epoch->test_accuracy == (double)(e + 1) / 2000);
        }
    }
}

// One that goes on in the middle of an epoch: its first point has that epoch's steps from the
// begin.
static void test_goes_on(void)
{
    history = (tt_history){0};
    learn(7, 16, 40);
    learn(8, 1, 40);
    EXPECT(history.first_epoch == 7 && history.epoch_count == 2);
    EXPECT(history.points[0].epoch == 6 + 16.0 / 40);
    EXPECT_EQUAL(expect_points(expect_points(0, 7, 40), 8, 40), history.point_count);
}

// As many epochs as there may be, and more: all points of the former, nothing beyond.
static void test_long(void)
{
    history = (tt_history){0};
    for (unsigned epoch = 1; epoch <= TT_HISTORY_EPOCHS_MAX; epoch++)
        learn(epoch, 1, 39);
    EXPECT_EQUAL(history.epoch_count, TT_HISTORY_EPOCHS_MAX);
    EXPECT(history.points[history.point_count - 1].epoch == TT_HISTORY_EPOCHS_MAX);
    for (unsigned i = 0; i < 120; i++)
        learn(TT_HISTORY_EPOCHS_MAX + 1 + i, 1, 39);
    EXPECT_EQUAL(history.epoch_count, TT_HISTORY_EPOCHS_MAX);
    EXPECT(history.point_count <= sizeof(history.points) / sizeof(history.points[0]));
}

static void test_json(void)
{
    char path[] = "/tmp/tutti-history-XXXXXX", buffer[200];
    static size_t confusion[TT_CLASSES_MAX * TT_CLASSES_MAX] = {[1] = 5};
    tt_text why;
    tt_training *training;
    tt_json *root = NULL;
    int file = mkstemp(path);
    REQUIRE(file >= 0 && close(file) == 0);
    history = (tt_history){0};
    learn(7, 16, 40);
    learn(8, 1, 40);
    tt_train_options options = TT_TRAIN_DEFAULT;
    tt_text_init(&why, buffer, sizeof(buffer));
    REQUIRE(tt_training_new(&options, &training, &why) == TT_OK);
    EXPECT_EQUAL(tt_history_write(&history, path, training, 0.75, confusion), TT_EXIT_OK);
    REQUIRE(tt_json_read(path, &root, &why) == TT_OK);
    EXPECT(tt_json_get_number(root, "test_accuracy") == 0.75);
    EXPECT_EQUAL(tt_json_get_number(root, "seed"), options.seed);
    EXPECT(tt_json_get_number(root, "multiplications") == 981888);
    EXPECT_EQUAL(tt_json_count(tt_json_get(root, "epochs")), 2);
    const tt_json *first = tt_json_get(root, "epochs")->item;
    EXPECT(tt_json_get_number(first, "epoch") == 7 && tt_json_get_number(first, "seconds") == 7);
    EXPECT(tt_json_get_number(first->next, "epoch") == 8);
    EXPECT(tt_json_get_number(first->next, "loss") == history.epochs[1].loss);
    const tt_json *points = tt_json_get(root, "points");
    EXPECT_EQUAL(tt_json_count(points), history.point_count);
    EXPECT(points->item->item->number == 6 + 16.0 / 40);
    EXPECT(points->item->item->next->number == history.points[0].loss);
    EXPECT(points->item->item->next->next->number == history.points[0].accuracy);
    EXPECT_EQUAL(tt_json_count(tt_json_get(root, "confusion")), 100);
    EXPECT(tt_json_get(root, "confusion")->item->next->number == 5);
    tt_json_free(root);
    tt_training_free(training);
    unlink(path);
}

int main(void)
{
    test_epochs();
    test_goes_on();
    test_long();
    test_json();
    return test_result();
}
