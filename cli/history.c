// The history of a training, and its JSON.

#include "cli/file.h"
#include "cli/history.h"
#include "cli/json.h"

// Progress tells means over the epoch so far; a curve is drawn of means since its last point.
static void add_point(tt_history *kept, const tt_progress *progress)
{
    double steps = (double)progress->step, since = steps - kept->before.steps;
    double loss = progress->loss * steps, accuracy = progress->accuracy * steps;
    size_t points_max = sizeof(kept->points) / sizeof(kept->points[0]);
    if (kept->point_count < points_max && since > 0)
        kept->points[kept->point_count++] = (tt_history_point){
            progress->epoch - 1 + steps / (double)progress->steps,
            (loss - kept->before.loss) / since, (accuracy - kept->before.accuracy) / since};
    kept->before.steps = progress->epoch_end ? 0 : steps;
    kept->before.loss = progress->epoch_end ? 0 : loss;
    kept->before.accuracy = progress->epoch_end ? 0 : accuracy;
}

void tt_history_add(tt_history *kept, const tt_progress *progress, double seconds)
{
    // Rounded up: never more points than there is room for.
    size_t interval =
        (progress->steps + TT_HISTORY_POINTS_AN_EPOCH - 1) / TT_HISTORY_POINTS_AN_EPOCH;
    if (progress->step % interval == 0 || progress->epoch_end)
        add_point(kept, progress);
    if (progress->epoch_end && kept->epoch_count < TT_HISTORY_EPOCHS_MAX) {
        if (kept->epoch_count == 0)
            kept->first_epoch = progress->epoch;
        unsigned i = kept->epoch_count++;
        kept->epochs[i] = (tt_history_epoch){progress->loss, progress->accuracy,
                                             progress->test_accuracy, seconds};
    }
}

tt_exit tt_history_write(const tt_history *kept, const char *path, tt_training *training,
                         double test_accuracy, const size_t *confusion)
{
    size_t classes = (size_t)tt_model_network(tt_training_model(training))->classes;
    tt_file_out out;
    tt_exit result = tt_file_begin(&out, "train", path);
    if (result != TT_EXIT_OK)
        return result;
    tt_json_writer json = {.file = out.stream};
    tt_json_open(&json, NULL, '{');
    tt_json_number(&json, "seed", (double)tt_training_seed(training));
    tt_json_number(&json, "images", (double)tt_training_images(training));
    tt_json_number(&json, "images_per_second", tt_training_images_per_second(training));
    tt_json_number(&json, "test_accuracy", test_accuracy);
    tt_json_number(&json, "multiplications",
                   (double)tt_model_multiplications(tt_training_model(training)));
    tt_json_number(&json, "parameters",
                   (double)tt_model_parameter_elements(tt_training_model(training)));
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
    for (size_t i = 0; i < classes * classes; i++)
        tt_json_number(&json, NULL, (double)confusion[i]);
    tt_json_close(&json, ']');
    tt_json_close(&json, '}');
    fputc('\n', out.stream);
    return tt_file_commit(&out);
}
