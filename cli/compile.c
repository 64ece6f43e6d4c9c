// tutti compile: a trained checkpoint becomes a plan, the int8 network that devices run.
//
// Accuracy before and after is stated on all test images: the float network by ai/exec, the plan by
// the device runtime itself. With --reference, the answers that a correct device must give are
// written too; they come from the reference executor of ai/graph on the quantised graph, which
// shares no code with the runtime.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/data.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/convert.h"
#include "tutti/exec.h"
#include "tutti/lite.h"

static const char *data_folder, *out_path = "fashion.plan", *reference_path, *report_path;
static unsigned calibration_count = 500, reference_count = 1000;

static const tt_option options[] = {
    {"data", "DIR", "folder of the data set; else where Debian's package puts it",
     .text = &data_folder},
    {"out", "FILE", "plan to write", .text = &out_path},
    {"calibration", "N", "training images that set the ranges", .number = &calibration_count,
     .least = 1, .most = 10000},
    {"reference", "FILE", "also write the right int8 logits of test images",
     .text = &reference_path},
    {"reference-count", "N", "of how many", .number = &reference_count, .least = 1, .most = 10000},
    {"report", "FILE", "also write accuracies and sizes as JSON", .text = &report_path},
};

static size_t greatest(const int8_t *logits, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

// Quantises the checkpoint at `path`, also giving its float accuracy.
static tt_exit quantise(const char *path, const tt_dataset *train, const tt_dataset *test,
                        tt_quantised *quantised, double *accuracy)
{
    char sentence[512];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_model *model = tt_model_new(1);
    tt_exit result = TT_EXIT_OK;
    if (tt_model_load(model, path, &why) != TT_OK) {
        tt_say_error("tutti compile: %s", sentence);
        result = TT_EXIT_MISSING;
    } else {
        tt_say_progress(false, "measuring the float network on %zu images", test->count);
        *accuracy = tt_model_evaluate(model, test, 0, NULL);
        size_t values = calibration_count * train->rows * train->columns;
        float *calibration = malloc(values * sizeof(*calibration));
        TT_CHECK(calibration != NULL);
        for (size_t i = 0; i < values; i++)
            calibration[i] = (float)train->images[i] * (1.0f / 255);
        tt_say_progress(false, "quantising with %u images", calibration_count);
        if (tt_quantise(model->graph, model->image, model->logits, calibration, calibration_count,
                        quantised, &why) != TT_OK) {
            tt_say_error("tutti compile: %s", sentence);
            result = TT_EXIT_FAILED;
        }
        free(calibration);
    }
    tt_model_free(model);
    return result;
}

typedef struct evaluation {
    const tt_plan *plan;
    const tt_quantised *quantised;
    const tt_dataset *images;
    size_t pieces, count;
    int8_t *logits; // (count, classes), of the reference
    size_t right[64];
} evaluation;

static void evaluate_piece(void *context, size_t piece)
{
    evaluation *e = context;
    const tt_plan_header *header = &e->plan->header;
    void *arena = malloc(header->arena_bytes);
    int8_t *input = malloc(header->input_bytes), *output = malloc(header->output_bytes);
    TT_CHECK(arena != NULL && input != NULL && output != NULL);
    for (size_t i = piece; i < e->images->count; i += e->pieces) {
        const uint8_t *pixels = e->images->images + i * header->input_bytes;
        for (size_t p = 0; p < header->input_bytes; p++)
            input[p] = (int8_t)(pixels[p] - 128);
        tt_plan_run(e->plan, arena, input, output);
        e->right[piece] += greatest(output, header->output_bytes) == e->images->labels[i];
    }
    free(arena);
    free(input);
    free(output);
}

static double evaluate_plan(const tt_plan *plan, const tt_dataset *images)
{
    tt_pool *pool = tt_pool_new(0);
    evaluation e = {.plan = plan, .images = images, .pieces = tt_pool_threads(pool)};
    e.pieces = e.pieces < TT_COUNT(e.right) ? e.pieces : TT_COUNT(e.right);
    tt_pool_run(pool, e.pieces, evaluate_piece, &e);
    tt_pool_free(pool);
    size_t right = 0;
    for (size_t i = 0; i < e.pieces; i++)
        right += e.right[i];
    return (double)right / (double)images->count;
}

static void reference_piece(void *context, size_t i)
{
    evaluation *e = context;
    size_t pixels = e->images->rows * e->images->columns, classes = e->plan->header.output_bytes;
    tt_quantised_run(e->quantised, e->images->images + i * pixels, e->logits + i * classes);
}

static tt_exit write_reference(const tt_quantised *quantised, const tt_plan *plan,
                               const tt_dataset *images)
{
    tt_say_progress(false, "computing %u answers with the reference executor", reference_count);
    size_t bytes = reference_count * plan->header.output_bytes;
    evaluation e = {
        .plan = plan, .quantised = quantised, .images = images, .logits = malloc(bytes)};
    TT_CHECK(e.logits != NULL);
    tt_pool *pool = tt_pool_new(0);
    tt_pool_run(pool, reference_count, reference_piece, &e);
    tt_pool_free(pool);
    tt_exit result = tt_file_write("compile", reference_path, e.logits, bytes);
    free(e.logits);
    return result;
}

static void print_steps(const tt_plan *plan)
{
    static const char *const names[] = {"?", "conv", "depthwise", "max pool", "average pool"};
    printf("step  kind          input         output        window  stride\n");
    for (uint32_t i = 0; i < plan->header.step_count; i++) {
        tt_plan_step step;
        tt_plan_step_at(plan, i, &step);
        char in[24], out[24];
        snprintf(in, sizeof(in), "%ux%ux%u", step.in[0], step.in[1], step.in[2]);
        snprintf(out, sizeof(out), "%ux%ux%u", step.out[0], step.out[1], step.out[2]);
        printf("%4u  %-12s  %-12s  %-12s  %ux%u     %u\n", i + 1,
               names[step.kind < TT_COUNT(names) ? step.kind : 0], in, out, step.window[0],
               step.window[1], step.stride_rows);
    }
}

static tt_exit write_report(const tt_plan *plan, double before, double after)
{
    tt_file_out out;
    tt_exit result = tt_file_begin(&out, "compile", report_path);
    if (result != TT_EXIT_OK)
        return result;
    tt_json_writer json = {.file = out.stream};
    tt_json_open(&json, NULL, '{');
    tt_json_number(&json, "accuracy_float", before);
    tt_json_number(&json, "accuracy_int8", after);
    tt_json_number(&json, "plan_bytes", plan->header.bytes);
    tt_json_number(&json, "arena_bytes", plan->header.arena_bytes);
    tt_json_number(&json, "multiplications", plan->header.multiplications);
    tt_json_close(&json, '}');
    fputc('\n', out.stream);
    return tt_file_commit(&out);
}

static tt_exit emit(const tt_quantised *quantised, const tt_dataset *test, double before)
{
    char sentence[512];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    uint8_t *bytes = NULL;
    size_t length = 0;
    tt_plan plan;
    if (tt_plan_emit(quantised, &bytes, &length, &why) != TT_OK ||
        tt_plan_open(&plan, bytes, length, &why) != TT_OK) {
        tt_say_error("tutti compile: %s", sentence);
        free(bytes);
        return TT_EXIT_FAILED;
    }
    tt_say_progress(false, "measuring the plan on %zu images", test->count);
    double after = evaluate_plan(&plan, test);
    tt_exit result = tt_file_write("compile", out_path, bytes, length);
    if (result == TT_EXIT_OK && reference_path != NULL)
        result = write_reference(quantised, &plan, test);
    if (result == TT_EXIT_OK && report_path != NULL)
        result = write_report(&plan, before, after);
    if (result == TT_EXIT_OK) {
        tt_say("%s: %zu bytes, %u bytes of arena, %u multiply-accumulates", out_path, length,
               plan.header.arena_bytes, plan.header.multiplications);
        print_steps(&plan);
        printf("accuracy on %zu test images: %.2f %% in float, %.2f %% in int8\n", test->count,
               100 * before, 100 * after);
    }
    free(bytes);
    return result;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    tt_dataset train, test;
    tt_exit result = tt_data_load("compile", data_folder, &train, &test);
    if (result != TT_EXIT_OK)
        return result;
    tt_quantised quantised;
    double accuracy = 0;
    result = quantise(arguments[0], &train, &test, &quantised, &accuracy);
    if (result == TT_EXIT_OK) {
        result = emit(&quantised, &test, accuracy);
        tt_quantised_free(&quantised);
    }
    tt_dataset_free(&train);
    tt_dataset_free(&test);
    return result;
}

const tt_command tt_command_compile = {
    .name = "compile",
    .arguments = "MODEL",
    .summary = "Quantise a checkpoint to int8 and write the plan that devices run",
    .help =
        "Weights get one scale a channel, activations one a tensor, calibrated on training "
        "images.\n"
        "States accuracy before and after on the 10,000 test images and lists the plan's steps.",
    .examples = "  tutti compile model.safetensors --out fashion.plan\n"
                "  tutti compile model.safetensors --reference reference.bin --report plan.json",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
