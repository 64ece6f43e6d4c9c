// tutti train: learns to classify Fashion-MNIST, with a line of progress, and keeps a checkpoint.
//
// The checkpoint is written after every epoch and at the interrupt, whole or not at all. What can
// be refused is refused before the training begins. An epoch whose checkpoint cannot be written is
// no reason to lose it: that is said, the training goes on, and the next epoch tries again.
//
// With --history a JSON file gets what the report draws.

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/data.h"
#include "cli/file.h"
#include "cli/history.h"
#include "cli/json.h"
#include "cli/say.h"
#include "tutti/train.h"

#define IMAGES 60000 // of the data set
#define OUT_PATH "model.safetensors"
#define LINE_INTERVAL_S 0.1 // between two updates of the live line
// The command that goes on: four paths, of which each byte may be a quote that takes four.
#define COMMAND_BYTES (4 * 4 * PATH_MAX + 256)

static const char *data_folder, *out_path, *resume_path, *history_path;
static unsigned epochs = 10, seed = 1, images = IMAGES, threads, extend;
static bool epochs_given, seed_given, images_given, json_wanted;

static const tt_option options[] = {
    {"data", "DIR", "folder of the data set; else where Debian's package puts it",
     .text = &data_folder},
    {"epochs", "N", "passes over the images", .number = &epochs, .least = 1,
     .most = TT_HISTORY_EPOCHS_MAX, .given = &epochs_given},
    {"seed", "N", "of weights and order; the same seed gives the same bits", .number = &seed,
     .least = 0, .most = 0xffffffffu, .given = &seed_given},
    {"images", "N", "learn from the first so many of the images", .number = &images, .least = 64,
     .most = IMAGES, .given = &images_given},
    {"threads", "N", "0: one a processor; the result is the same", .number = &threads, .least = 0,
     .most = 256},
    {"out", "FILE", "checkpoint to write, after every epoch (" OUT_PATH ", or that of --resume)",
     .text = &out_path},
    {"resume", "FILE", "checkpoint to go on from, to the same bits", .text = &resume_path},
    {"extend", "N", "with --resume: to N epochs in all, a new schedule and so other bits; 0: no",
     .number = &extend, .least = 0, .most = TT_HISTORY_EPOCHS_MAX},
    {"history", "FILE", "JSON with loss and accuracy along the way, of this run",
     .text = &history_path},
    {"json", NULL, "print the result as JSON", .flag = &json_wanted},
};

static volatile sig_atomic_t stop;

// A second signal ends the program as it always did; the checkpoint before is whole.
static void on_signal(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

// What the command keeps beside the training.
typedef struct session {
    tt_training *training;
    tt_history history;
    tt_progress last;
    double shown_s, started_s;
    bool saved;   // some checkpoint was written by this run
    bool unsaved; // the last one could not be
    bool told;    // why it is interpreted
} session;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static tt_exit save(session *s)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    uint8_t *bytes;
    size_t length;
    tt_exit result = TT_EXIT_FAILED;
    tt_status status = tt_training_save(s->training, &bytes, &length, &why);
    if (status == TT_OK)
        result = tt_file_write("train", out_path, bytes, length);
    else
        tt_say_error("tutti train: %s", sentence[0] != '\0' ? sentence : tt_status_text(status));
    free(bytes);
    s->unsaved = result != TT_EXIT_OK;
    s->saved = s->saved || !s->unsaved;
    return result;
}

static void show(session *s, const tt_progress *progress)
{
    double now = now_s();
    if (!progress->epoch_end && now - s->shown_s < LINE_INTERVAL_S)
        return;
    s->shown_s = now;
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
    session *s = context;
    s->last = *progress;
    if (!s->told && tt_training_uncompiled(s->training)[0] != '\0') {
        tt_say("the steps are interpreted, which is slower: %s",
               tt_training_uncompiled(s->training));
        s->told = true;
    }
    tt_history_add(&s->history, progress, now_s() - s->started_s);
    show(s, progress);
    if (progress->epoch_end && save(s) != TT_EXIT_OK && progress->epoch < progress->epochs)
        tt_say("epoch %u is not saved; the training goes on, the next epoch tries again",
               progress->epoch);
}

// ---- before the training

static bool contradicts(const char *option, bool given, unsigned value, uint64_t planned)
{
    if (!given || value == planned)
        return false;
    tt_say_error("tutti train: --%s %u contradicts %s, which was made with --%s %llu; leave it out "
                 "to go on to the same bits%s",
                 option, value, resume_path, option, (unsigned long long)planned,
                 strcmp(option, "epochs") == 0 ? ", or take --extend instead for other ones" : "");
    return true;
}

// What to train with: the command line's, or all that a checkpoint was made with.
static tt_exit choose(tt_train_options *chosen)
{
    chosen->epochs = epochs;
    chosen->seed = seed;
    chosen->images_max = images;
    if (extend > 0 && resume_path == NULL) {
        tt_say_error("tutti train: --extend needs --resume and the checkpoint to go on from");
        return TT_EXIT_USAGE;
    }
    if (resume_path == NULL)
        return TT_EXIT_OK;
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_checkpoint_options(resume_path, chosen, &why);
    if (status != TT_OK)
        return tt_data_refuse("train", status, sentence);
    if (contradicts("epochs", epochs_given, epochs, chosen->epochs) ||
        contradicts("seed", seed_given, seed, chosen->seed) ||
        contradicts("images", images_given, images, chosen->images_max))
        return TT_EXIT_USAGE;
    chosen->extend = extend > 0;
    chosen->epochs = extend > 0 ? extend : chosen->epochs;
    return TT_EXIT_OK;
}

// All that can be refused without the data set, so that nobody waits in vain.
static tt_exit begin(tt_train_options *chosen, tt_training **training)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (out_path == NULL)
        out_path = resume_path != NULL ? resume_path : OUT_PATH;
    tt_exit result = tt_file_expect_apart("train", out_path, history_path);
    if (result == TT_EXIT_OK)
        result = tt_file_expect_apart("train", resume_path, history_path);
    if (result == TT_EXIT_OK)
        result = choose(chosen);
    if (result == TT_EXIT_OK)
        result = tt_file_try("train", out_path);
    if (result == TT_EXIT_OK && history_path != NULL)
        result = tt_file_try("train", history_path);
    if (result != TT_EXIT_OK)
        return result;
    tt_status status = tt_training_new(chosen, training, &why);
    if (status == TT_OK && resume_path != NULL)
        status = tt_training_load(*training, resume_path, &why);
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_training_free(*training);
    return tt_data_refuse("train", status, sentence);
}

// ---- after it

// A word as a shell reads it.
static void add_word(tt_text *text, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./+,=:@%-";
    if (word[strspn(word, plain)] == '\0') {
        tt_text_add(text, word);
        return;
    }
    tt_text_add(text, "'");
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            tt_text_add(text, "'\\''");
        else
            tt_text_add_bytes(text, word, 1);
    }
    tt_text_add(text, "'");
}

static void add_option(tt_text *text, const char *option, const char *value)
{
    if (value == NULL)
        return;
    tt_text_add(text, option);
    add_word(text, value);
}

// The command that goes on from what was saved.
static void command_to_go_on(char *command, size_t capacity)
{
    tt_text text;
    char count[16];
    tt_text_init(&text, command, capacity);
    add_option(&text, "tutti train --resume ", out_path);
    add_option(&text, " --out ", out_path);
    add_option(&text, " --data ", data_folder);
    add_option(&text, " --history ", history_path);
    snprintf(count, sizeof(count), "%u", threads);
    add_option(&text, " --threads ", threads > 0 ? count : NULL);
    tt_text_add(&text, json_wanted ? " --json" : "");
}

// Docs/cli.md has the fields.
static void print_json(const session *s, const char *status, double test_accuracy,
                       const char *command)
{
    tt_json_writer json = {.file = stdout};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "status", status);
    tt_json_text(&json, "checkpoint", out_path);
    tt_json_number(&json, "epochs", s->last.epochs);
    tt_json_number(&json, "epochs_done", tt_training_epochs_done(s->training));
    tt_json_number(&json, "steps_done", (double)tt_training_steps_done(s->training));
    tt_json_number(&json, "seed", (double)tt_training_seed(s->training));
    tt_json_number(&json, "images", (double)tt_training_images(s->training));
    tt_json_number(&json, "loss", s->last.loss);
    tt_json_number(&json, "accuracy", s->last.accuracy);
    tt_json_number(&json, "test_accuracy", test_accuracy);
    tt_json_number(&json, "images_per_second", tt_training_images_per_second(s->training));
    if (command != NULL)
        tt_json_text(&json, "resume", command);
    tt_json_close(&json, '}');
    putchar('\n');
}

static tt_exit interrupted(session *s, const char *sentence)
{
    static char command[COMMAND_BYTES];
    tt_say_error("tutti train: %s", sentence);
    if (save(s) != TT_EXIT_OK) {
        tt_say_error(s->saved ? "what was trained since the last checkpoint is lost"
                              : "what was trained is lost");
        return TT_EXIT_FAILED;
    }
    command_to_go_on(command, sizeof(command));
    tt_say_error("%s holds it. To go on, to the same bits:\n  %s", out_path, command);
    if (json_wanted)
        print_json(s, "interrupted", NAN, command);
    return TT_EXIT_FAILED;
}

static tt_exit diverged(const session *s, const char *sentence)
{
    tt_say_error("tutti train: %s; %s", sentence,
                 s->saved ? "the last good checkpoint stays" : "no checkpoint was written");
    if (json_wanted)
        print_json(s, "diverged", NAN, NULL);
    return TT_EXIT_FAILED;
}

// All epochs are done: each is saved, unless there was none to do or the disk was full.
static tt_exit finish(session *s, const tt_dataset *test_set)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_exit result = !s->saved || s->unsaved ? save(s) : TT_EXIT_OK;
    static size_t confusion[TT_CLASSES_MAX * TT_CLASSES_MAX];
    double accuracy = s->last.test_accuracy;
    tt_status status = TT_OK;
    if (history_path != NULL || accuracy < 0) // no epoch was left to measure
        status =
            tt_model_evaluate(tt_training_model(s->training), test_set, &accuracy, confusion, &why);
    if (status != TT_OK)
        return tt_data_refuse("train", status, sentence);
    if (result == TT_EXIT_OK && history_path != NULL)
        result = tt_history_write(&s->history, history_path, s->training, accuracy, confusion);
    if (result != TT_EXIT_OK)
        return result;
    tt_say("%s: %u epochs, %.2f %% of the %zu test images, %.0f images/s", out_path,
           tt_training_epochs_done(s->training), 100 * accuracy, test_set->count,
           tt_training_images_per_second(s->training));
    if (json_wanted)
        print_json(s, "done", accuracy, NULL);
    return TT_EXIT_OK;
}

static tt_exit train(session *s, const tt_dataset *train_set, const tt_dataset *test_set)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    s->started_s = now_s();
    catch_signals();
    switch (tt_training_run(s->training, train_set, test_set, &why)) {
    case TT_OK:
        return finish(s, test_set);
    case TT_CANCELLED:
        return interrupted(s, sentence);
    case TT_TOO_LARGE:
        return diverged(s, sentence);
    default:
        tt_say_error("tutti train: %s", sentence[0] != '\0' ? sentence : "no memory is left");
        return TT_EXIT_FAILED;
    }
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    (void)arguments;
    static session s; // large, so not on the stack
    tt_train_options chosen = TT_TRAIN_DEFAULT;
    chosen.threads = threads;
    chosen.evaluate_each_epoch = true;
    chosen.stop = &stop;
    chosen.on_progress = on_progress;
    chosen.context = &s;
    tt_exit result = begin(&chosen, &s.training);
    if (result != TT_EXIT_OK)
        return result;
    s.last.epochs = chosen.epochs;
    s.last.test_accuracy = -1;
    s.last.loss = s.last.accuracy = NAN; // until a step says otherwise
    tt_dataset train_set, test_set;
    result = tt_data_load("train", data_folder, &train_set, &test_set);
    if (result == TT_EXIT_OK) {
        result = train(&s, &train_set, &test_set);
        tt_dataset_free(&train_set);
        tt_dataset_free(&test_set);
    }
    tt_training_free(s.training);
    return result;
}

const tt_command tt_command_train = {
    .name = "train",
    .arguments = "",
    .summary = "Train the classifier of Fashion-MNIST and write a checkpoint",
    .help = "The network has 0.98 million multiply-accumulates and fits a watch. The number of "
            "epochs is\n"
            "fixed beforehand and the last one counts; test accuracy is shown but chooses "
            "nothing.\n\n"
            "The checkpoint is written after every epoch and at the interrupt key, which also says "
            "how to\n"
            "go on. --resume takes epochs, seed and images from the checkpoint.",
    .examples =
        "  tutti train\n"
        "  tutti train --epochs 10 --seed 2 --out model.safetensors --history history.json\n"
        "  tutti train --resume model.safetensors\n"
        "  tutti train --resume model.safetensors --extend 12",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
