// tutti train: learns to classify Fashion-MNIST, with a line of progress, and writes a checkpoint.
//
// With --history a JSON file gets what the report draws.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/command.h"
#include "cli/data.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/say.h"
#include "tutti/train.h"

#define EPOCHS_MAX 1000
#define HISTORY_POINTS_AN_EPOCH 20
#define LINE_INTERVAL_S 0.1 // between two updates of the live line

static const char *data_folder, *out_path = "model.safetensors", *resume_path, *history_path;
static unsigned epochs = 10, seed = 1, threads;

static const tt_option options[] = {
    {"data", "DIR", "folder of the data set; else where Debian's package puts it",
     .text = &data_folder},
    {"epochs", "N", "passes over the 60,000 images", .number = &epochs, .least = 1,
     .most = EPOCHS_MAX},
    {"seed", "N", "of weights and order; the same seed gives the same bits", .number = &seed,
     .least = 0, .most = 0xffffffffu},
    {"threads", "N", "0: one a processor; the result is the same", .number = &threads, .least = 0,
     .most = 256},
    {"out", "FILE", "checkpoint to write", .text = &out_path},
    {"resume", "FILE", "checkpoint to go on from, to the same bits", .text = &resume_path},
    {"history", "FILE", "JSON with loss and accuracy along the way", .text = &history_path},
};

typedef struct point { // of the steps since the point before
    double epoch, loss, accuracy;
} point;

typedef struct history {
    point points[EPOCHS_MAX * (HISTORY_POINTS_AN_EPOCH + 2)];
    size_t point_count;
    struct {
        double steps, loss, accuracy; // sums over the epoch, at the last point
    } before;
    struct {
        double loss, accuracy, test_accuracy, seconds;
    } epochs[EPOCHS_MAX];
    unsigned first_epoch, epoch_count; // epochs[i] is epoch first_epoch + i
    double shown_s, started_s;
    tt_training *training;
    bool save_failed;
} history;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Progress tells means over the epoch so far; a curve is drawn of means since its last point.
static void add_point(history *kept, const tt_progress *progress)
{
    double steps = (double)progress->step, since = steps - kept->before.steps;
    double loss = progress->loss * steps, accuracy = progress->accuracy * steps;
    size_t points_max = sizeof(kept->points) / sizeof(kept->points[0]);
    if (kept->point_count < points_max && since > 0)
        kept->points[kept->point_count++] =
            (point){progress->epoch - 1 + steps / (double)progress->steps,
                    (loss - kept->before.loss) / since, (accuracy - kept->before.accuracy) / since};
    kept->before.steps = progress->epoch_end ? 0 : steps;
    kept->before.loss = progress->epoch_end ? 0 : loss;
    kept->before.accuracy = progress->epoch_end ? 0 : accuracy;
}

static void remember(history *kept, const tt_progress *progress)
{
    size_t interval = progress->steps / HISTORY_POINTS_AN_EPOCH;
    if (interval == 0 || progress->step % interval == 0 || progress->epoch_end)
        add_point(kept, progress);
    if (progress->epoch_end && kept->epoch_count < EPOCHS_MAX) {
        if (kept->epoch_count == 0)
            kept->first_epoch = progress->epoch;
        unsigned i = kept->epoch_count++;
        kept->epochs[i].loss = progress->loss;
        kept->epochs[i].accuracy = progress->accuracy;
        kept->epochs[i].test_accuracy = progress->test_accuracy;
        kept->epochs[i].seconds = now_s() - kept->started_s;
    }
}

static void show(history *kept, const tt_progress *progress)
{
    double now = now_s();
    if (!progress->epoch_end && now - kept->shown_s < LINE_INTERVAL_S)
        return;
    kept->shown_s = now;
    char left[32], test[48] = "";
    if (progress->test_accuracy >= 0)
        snprintf(test, sizeof(test), "  test %5.2f %%", 100 * progress->test_accuracy);
    tt_say_progress(
        progress->epoch_end,
        "epoch %2u/%u %3.0f %%  %6.0f images/s  loss %.4f  training %5.2f %%%s  %s left",
        progress->epoch, progress->epochs, 100.0 * (double)progress->step / (double)progress->steps,
        progress->images_per_second, progress->loss, 100 * progress->accuracy, test,
        tt_say_duration(progress->seconds_left, left));
}

static void on_progress(const tt_progress *progress, void *context)
{
    history *kept = context;
    remember(kept, progress);
    show(kept, progress);
}

static tt_exit write_history(const history *kept, double test_accuracy, const size_t *confusion)
{
    tt_file_out out;
    tt_exit result = tt_file_begin(&out, "train", history_path);
    if (result != TT_EXIT_OK)
        return result;
    tt_json_writer json = {.file = out.stream};
    tt_json_open(&json, NULL, '{');
    tt_json_number(&json, "seed", (double)tt_training_seed(kept->training));
    tt_json_number(&json, "images_per_second", tt_training_images_per_second(kept->training));
    tt_json_number(&json, "test_accuracy", test_accuracy);
    tt_json_number(&json, "multiplications",
                   (double)tt_model_multiplications(tt_training_model(kept->training)));
    tt_json_number(&json, "parameters",
                   (double)tt_model_parameter_elements(tt_training_model(kept->training)));
    tt_json_open(&json, "epochs", '[');
    for (unsigned i = 0; i < kept->epoch_count; i++) {
        tt_json_open(&json, NULL, '{');
        tt_json_number(&json, "epoch", kept->first_epoch + i);
        tt_json_number(&json, "loss", kept->epochs[i].loss);
        tt_json_number(&json, "accuracy", kept->epochs[i].accuracy);
        tt_json_number(&json, "test_accuracy", kept->epochs[i].test_accuracy);
        tt_json_number(&json, "seconds", kept->epochs[i].seconds);
        tt_json_close(&json, '}');
    }
    tt_json_close(&json, ']');
    tt_json_open(&json, "points", '[');
    for (size_t i = 0; i < kept->point_count; i++) {
        tt_json_open(&json, NULL, '[');
        tt_json_number(&json, NULL, kept->points[i].epoch);
        tt_json_number(&json, NULL, kept->points[i].loss);
        tt_json_number(&json, NULL, kept->points[i].accuracy);
        tt_json_close(&json, ']');
    }
    tt_json_close(&json, ']');
    tt_json_open(&json, "confusion", '['); // rows: label, columns: answer
    for (size_t i = 0; i < 100; i++)
        tt_json_number(&json, NULL, (double)confusion[i]);
    tt_json_close(&json, ']');
    tt_json_close(&json, '}');
    fputc('\n', out.stream);
    return tt_file_commit(&out);
}

static tt_exit save(const tt_training *training)
{
    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_training_save(training, out_path, &why) == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti train: %s", sentence);
    return TT_EXIT_FAILED;
}

// Runs the epochs that are left, then saves and evaluates.
static tt_exit train(const tt_dataset *train_set, const tt_dataset *test_set)
{
    static history kept; // large, so not on the stack
    tt_train_options chosen = TT_TRAIN_DEFAULT;
    chosen.epochs = epochs;
    chosen.seed = seed;
    chosen.threads = threads;
    chosen.evaluate_each_epoch = true;
    chosen.on_progress = on_progress;
    chosen.context = &kept;
    tt_training *training = tt_training_new(&chosen);
    kept.training = training;
    kept.started_s = now_s();

    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_exit result = TT_EXIT_OK;
    if (resume_path != NULL && tt_training_load(training, resume_path, &why) != TT_OK) {
        tt_say_error("tutti train: cannot resume: %s", sentence);
        result = TT_EXIT_MISSING;
    } else if (tt_training_run(training, train_set, test_set, &why) != TT_OK) {
        tt_say_error("tutti train: %s", sentence);
        result = TT_EXIT_FAILED;
    } else {
        result = save(training);
    }
    if (result == TT_EXIT_OK) {
        size_t confusion[TT_CLASSES_MAX * TT_CLASSES_MAX] = {0};
        double accuracy =
            tt_model_evaluate(tt_training_model(training), test_set, threads, confusion);
        if (history_path != NULL)
            result = write_history(&kept, accuracy, confusion);
        tt_say("%s: %u epochs, %.2f %% of the %zu test images, %.0f images/s", out_path,
               tt_training_epochs_done(training), 100 * accuracy, test_set->count,
               tt_training_images_per_second(training));
    }
    tt_training_free(training);
    return result;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    (void)arguments;
    tt_dataset train_set, test_set;
    tt_exit result = tt_data_load("train", data_folder, &train_set, &test_set);
    if (result != TT_EXIT_OK)
        return result;
    result = train(&train_set, &test_set);
    tt_dataset_free(&train_set);
    tt_dataset_free(&test_set);
    return result;
}

const tt_command tt_command_train = {
    .name = "train",
    .arguments = "",
    .summary = "Train the classifier of Fashion-MNIST and write a checkpoint",
    .help = "The network has 0.98 million multiply-accumulates and fits a watch. The number of "
            "epochs is\n"
            "fixed beforehand and the last one counts; test accuracy is shown but chooses nothing.",
    .examples =
        "  tutti train\n"
        "  tutti train --epochs 10 --seed 2 --out model.safetensors --history history.json\n"
        "  tutti train --resume model.safetensors --epochs 12",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
