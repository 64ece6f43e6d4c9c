// tutti compile: a trained checkpoint becomes a plan, the int8 network that devices run.
//
// Accuracy before and after is stated on all test images: the float network by ai/run, the plan by
// the device runtime itself. With --reference, the answers that a correct device must give are
// written too; they come from the reference of ai/graph on the quantised graph, which shares no
// code with the runtime.

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/data.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/model.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/convert.h"
#include "tutti/lite.h"
#include "tutti/model.h"
#include "tutti/pool.h"

static const char *data_folder, *out_path = "fashion.plan", *reference_path, *report_path;
static unsigned calibration_count = 500, reference_count = 1000;
static bool json_wanted;

static const tt_option options[] = {
    {"data", "DIR", "folder of the data set; else where Debian's package puts it",
     .text = &data_folder},
    {"out", "FILE", "plan to write", .text = &out_path},
    {"calibration", "N", "training images that set the ranges", .number = &calibration_count,
     .least = 1, .most = 10000},
    {"reference", "FILE", "also write the right int8 logits of test images",
     .text = &reference_path},
    {"reference-count", "N", "of how many", .number = &reference_count, .least = 1, .most = 10000},
    {"report", "FILE", "also write the result as JSON", .text = &report_path},
    {"json", NULL, "print the result as JSON", .flag = &json_wanted},
};

static size_t greatest(const int8_t *logits, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

static tt_exit out_of_memory(void)
{
    tt_say_error("tutti compile: no memory is left");
    return TT_EXIT_FAILED;
}

// Quantises a trained model, also giving its float accuracy.
static tt_exit quantise(tt_model *model, const tt_dataset *train, const tt_dataset *test,
                        tt_quantised **quantised, double *accuracy)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_say_progress(false, "measuring the float network on %zu images", test->count);
    tt_status status = tt_model_evaluate(model, test, accuracy, NULL, &why);
    if (status != TT_OK)
        return tt_data_refuse("compile", status, sentence);
    tt_graph *graph = NULL;
    size_t values = calibration_count * train->rows * train->columns;
    float *calibration = malloc(values * sizeof(*calibration));
    for (size_t i = 0; calibration != NULL && i < values; i++)
        calibration[i] = (float)train->images[i] * (1.0f / 255);
    tt_say_progress(false, "quantising with %u images", calibration_count);
    status = calibration != NULL ? tt_model_graph(model, 1, &graph, &why) : TT_FULL;
    if (status == TT_OK)
        status = tt_quantise(tt_model_session(model), graph, "image", "logits", calibration,
                             calibration_count, quantised, &why);
    tt_graph_free(graph);
    free(calibration);
    return status == TT_OK ? TT_EXIT_OK : tt_data_refuse("compile", status, sentence);
}

typedef struct evaluation {
    const tt_plan *plan;
    const tt_quantised *quantised;
    const tt_dataset *images;
    size_t pieces;
    uint8_t *memory; // (pieces, piece_bytes): arena, input and output of each
    size_t arena_bytes, piece_bytes;
    int8_t *logits; // (count, classes), of the reference
    size_t right[64];
    atomic_bool full; // there was no memory
} evaluation;

static void evaluate_piece(void *context, size_t piece)
{
    evaluation *e = context;
    const tt_plan_header *header = &e->plan->header;
    uint8_t *arena = e->memory + piece * e->piece_bytes;
    int8_t *input = (int8_t *)arena + e->arena_bytes, *output = input + header->input_bytes;
    for (size_t i = piece; i < e->images->count; i += e->pieces) {
        const uint8_t *pixels = e->images->images + i * header->input_bytes;
        for (size_t p = 0; p < header->input_bytes; p++)
            input[p] = (int8_t)(pixels[p] - 128);
        tt_plan_run(e->plan, arena, input, output);
        e->right[piece] += greatest(output, header->output_bytes) == e->images->labels[i];
    }
}

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64; // a cache line, so that no two pieces share one
}

static tt_exit evaluate_plan(const tt_plan *plan, const tt_dataset *images, double *accuracy)
{
    const tt_plan_header *header = &plan->header;
    tt_pool *pool = tt_pool_new(0);
    if (pool == NULL)
        return out_of_memory();
    evaluation e = {.plan = plan, .images = images, .pieces = tt_pool_threads(pool)};
    e.pieces = e.pieces < TT_COUNT(e.right) ? e.pieces : TT_COUNT(e.right);
    e.arena_bytes = rounded(header->arena_bytes);
    e.piece_bytes = e.arena_bytes + rounded(header->input_bytes + header->output_bytes);
    e.memory = calloc(e.pieces, e.piece_bytes);
    if (e.memory != NULL)
        tt_pool_run(pool, e.pieces, evaluate_piece, &e);
    tt_pool_free(pool);
    if (e.memory == NULL)
        return out_of_memory();
    free(e.memory);
    size_t right = 0;
    for (size_t i = 0; i < e.pieces; i++)
        right += e.right[i];
    *accuracy = (double)right / (double)images->count;
    return TT_EXIT_OK;
}

static void reference_piece(void *context, size_t i)
{
    evaluation *e = context;
    size_t pixels = e->images->rows * e->images->columns, classes = e->plan->header.output_bytes;
    if (tt_quantised_run(e->quantised, e->images->images + i * pixels, e->logits + i * classes) !=
        TT_OK)
        e->full = true;
}

static tt_exit write_reference(const tt_quantised *quantised, const tt_plan *plan,
                               const tt_dataset *images)
{
    tt_say_progress(false, "computing %u answers by the reference", reference_count);
    size_t bytes = reference_count * plan->header.output_bytes;
    evaluation e = {
        .plan = plan, .quantised = quantised, .images = images, .logits = malloc(bytes)};
    tt_pool *pool = e.logits != NULL ? tt_pool_new(0) : NULL;
    if (pool != NULL)
        tt_pool_run(pool, reference_count, reference_piece, &e);
    tt_exit result = pool == NULL || e.full
                         ? out_of_memory()
                         : tt_file_write("compile", reference_path, e.logits, bytes);
    tt_pool_free(pool);
    free(e.logits);
    return result;
}

// What a compilation found out.
typedef struct result {
    const tt_plan *plan;
    size_t images; // of the test
    double before, after;
} result;

// docs/cli.md has the fields.
static void write_json(FILE *file, const result *found)
{
    const tt_plan_header *header = &found->plan->header;
    tt_json_writer json = {.file = file};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "plan", out_path);
    tt_json_number(&json, "plan_bytes", header->bytes);
    tt_json_number(&json, "arena_bytes", header->arena_bytes);
    tt_json_number(&json, "multiplications", header->multiplications);
    tt_json_number(&json, "calibration_images", calibration_count);
    tt_json_number(&json, "images", (double)found->images);
    tt_json_number(&json, "accuracy_float", found->before);
    tt_json_number(&json, "accuracy_int8", found->after);
    tt_plan_write_steps(&json, found->plan);
    tt_json_close(&json, '}');
    fputc('\n', file);
}

static tt_exit write_report(const result *found)
{
    tt_file_out out;
    tt_exit status = tt_file_begin(&out, "compile", report_path);
    if (status != TT_EXIT_OK)
        return status;
    write_json(out.stream, found);
    return tt_file_commit(&out);
}

static void print_result(const result *found)
{
    const tt_plan_header *header = &found->plan->header;
    tt_say_progress_end();
    if (json_wanted) {
        write_json(stdout, found);
        return;
    }
    tt_say("%s: %u bytes, %u bytes of arena, %u multiply-accumulates", out_path, header->bytes,
           header->arena_bytes, header->multiplications);
    tt_plan_print_steps(stdout, found->plan);
    printf("accuracy on %zu test images: %.2f %% in float, %.2f %% in int8\n", found->images,
           100 * found->before, 100 * found->after);
}

static tt_exit emit(const tt_quantised *quantised, const tt_dataset *test, double before)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    uint8_t *bytes = NULL;
    size_t length = 0;
    tt_plan plan;
    tt_status emitted = tt_quantised_emit(quantised, &bytes, &length, &why);
    if (emitted == TT_OK)
        emitted = tt_plan_open(&plan, bytes, length, &why);
    if (emitted != TT_OK) {
        free(bytes);
        return tt_data_refuse("compile", emitted, sentence);
    }
    result found = {&plan, test->count, before, 0};
    tt_say_progress(false, "measuring the plan on %zu images", test->count);
    tt_exit status = evaluate_plan(&plan, test, &found.after);
    if (status == TT_EXIT_OK && reference_path != NULL)
        status = write_reference(quantised, &plan, test);
    if (status == TT_EXIT_OK && report_path != NULL)
        status = write_report(&found);
    if (status == TT_EXIT_OK) // last: a plan that is there is one whose reference is there, too
        status = tt_file_write("compile", out_path, bytes, length);
    if (status == TT_EXIT_OK)
        print_result(&found);
    free(bytes);
    return status;
}

static tt_exit compile(tt_model *model)
{
    tt_dataset train, test;
    tt_exit status = tt_data_load("compile", data_folder, &train, &test);
    if (status != TT_EXIT_OK)
        return status;
    tt_quantised *quantised = NULL;
    double accuracy = 0;
    status = quantise(model, &train, &test, &quantised, &accuracy);
    if (status == TT_EXIT_OK) {
        status = emit(quantised, &test, accuracy);
        tt_quantised_free(quantised);
    }
    tt_dataset_free(&train);
    tt_dataset_free(&test);
    return status;
}

// Whether all that is to be written can be, before the long work, and takes nothing's place.
static tt_exit try_files(const char *model)
{
    const char *const paths[] = {model, out_path, reference_path, report_path};
    tt_exit status = TT_EXIT_OK;
    for (size_t i = 1; i < TT_COUNT(paths); i++) {
        for (size_t k = 0; k < i && status == TT_EXIT_OK; k++)
            status = tt_file_expect_apart("compile", paths[k], paths[i]);
        if (status == TT_EXIT_OK && paths[i] != NULL)
            status = tt_file_try("compile", paths[i]);
    }
    return status;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_model *model;
    tt_status loaded = tt_model_open(arguments[0], NULL, &model, &why);
    tt_exit status =
        loaded == TT_OK ? try_files(arguments[0]) : tt_data_refuse("compile", loaded, sentence);
    if (status == TT_EXIT_OK)
        status = compile(model);
    tt_model_free(model);
    return status;
}

const tt_command tt_command_compile = {
    .name = "compile",
    .arguments = "MODEL",
    .summary = "Quantise a checkpoint to int8 and write the plan that devices run",
    .help =
        "Weights get one scale a channel, activations one a tensor, calibrated on training "
        "images.\n"
        "States accuracy before and after on the 10,000 test images and lists the plan's steps, or "
        "all of\n"
        "it as JSON.",
    .examples = "  tutti compile model.safetensors --out fashion.plan\n"
                "  tutti compile model.safetensors --reference reference.bin --report plan.json",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
