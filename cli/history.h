// What a training did along the way, for the report: a curve of loss and accuracy, and its epochs.

#ifndef TUTTI_CLI_HISTORY_H
#define TUTTI_CLI_HISTORY_H

#include "cli/command.h"
#include "tutti/train.h"

#define TT_HISTORY_EPOCHS_MAX 1000
#define TT_HISTORY_POINTS_AN_EPOCH 20

typedef struct tt_history_point { // of the steps since the point before
    double epoch, loss, accuracy;
} tt_history_point;

typedef struct tt_history_epoch {
    double loss, accuracy, test_accuracy, seconds;
} tt_history_epoch;

typedef struct tt_history {
    tt_history_point points[TT_HISTORY_EPOCHS_MAX * (TT_HISTORY_POINTS_AN_EPOCH + 2)];
    size_t point_count;
    struct {
        double steps, loss, accuracy; // sums over the epoch, at the last point
    } before;
    tt_history_epoch epochs[TT_HISTORY_EPOCHS_MAX];
    unsigned first_epoch, epoch_count; // epochs[i] is epoch first_epoch + i
} tt_history;

// Takes a step's progress in; `seconds` since the training began.
void tt_history_add(tt_history *history, const tt_progress *progress, double seconds);

// Writes it as JSON with the finished training's figures; `confusion` is (classes, classes).
// Failures are said, for `tutti train`.
tt_exit tt_history_write(const tt_history *history, const char *path, tt_training *training,
                         double test_accuracy, const size_t *confusion);

#endif
