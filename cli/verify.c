// tutti verify: runs a model two ways, by kernels and by the reference, and compares what they
// give.
//
// The inputs are files, or random numbers of a seed. Values that are to be kept become results of
// the graph, so that both ways compute them; what an earlier run kept can be compared with.

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data.h"
#include "cli/feed.h"
#include "cli/file.h"
#include "cli/model.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/compare.h"

static unsigned seed = 1;
static const char *tolerance_text = "0.0001", *keep_path, *against_path;
static tt_words inputs, kept;
static bool json_wanted;
static double tolerance;

static const tt_option options[] = {
    {"seed", "N", "of random inputs, and of weights the file lacks", .number = &seed, .least = 0,
     .most = 0xffffffffu},
    {"input", "NAME=FILE", "an input from a .npy file; may be given several times",
     .words = &inputs},
    {"tolerance", "X", "what may differ, by a tensor's greatest number", .text = &tolerance_text},
    {"keep", "VALUE", "compare and print this, too: a layer's name or %12", .words = &kept},
    {"keep-to", "FILE", "write what was kept, and the results, as .npz", .text = &keep_path},
    {"against", "FILE", "compare with what an earlier run wrote by --keep-to",
     .text = &against_path},
    {"json", NULL, "print the result as JSON", .flag = &json_wanted},
};

// The two ways, and what they run on.
typedef struct verification {
    tt_opened opened;
    tt_session *sessions[2]; // fast, reference
    tt_program *programs[2];
    tt_feed feed;
    tt_verdict verdict;
    const char *differs; // from an earlier run: the first value that does; NULL: none
    char difference[256];
} verification;

static tt_exit read_tolerance(void)
{
    char *end;
    tolerance = strtod(tolerance_text, &end);
    if (*end == '\0' && end != tolerance_text && isfinite(tolerance) && tolerance >= 0)
        return TT_EXIT_OK;
    tt_say_error("tutti verify: --tolerance takes a number from 0, not '%s'", tolerance_text);
    return TT_EXIT_USAGE;
}

// Values to keep become results of the names by which they were asked for.
static tt_exit keep_values(tt_graph *graph, const char *path)
{
    for (unsigned i = 0; i < kept.count; i++) {
        tt_value value = tt_value_named(graph, kept.words[i]);
        bool is_result = false;
        if (tt_is_none(value)) {
            tt_say_error("tutti verify: %s has no value '%s'; 'tutti show %s' lists them", path,
                         kept.words[i], path);
            return TT_EXIT_USAGE;
        }
        for (uint32_t k = 0; k < tt_graph_result_count(graph); k++)
            is_result |= strcmp(tt_graph_result_at(graph, k)->name, kept.words[i]) == 0;
        if (!is_result)
            tt_graph_result(graph, kept.words[i], value);
    }
    if (tt_graph_result_count(graph) + tt_graph_assign_count(graph) > 0)
        return TT_EXIT_OK;
    tt_say_error("tutti verify: %s computes nothing: it has no results", path);
    return TT_EXIT_FAILED;
}

static tt_exit open_graph(verification *v, const char *path)
{
    tt_exit result = tt_open_model("verify", path, &v->opened);
    if (result != TT_EXIT_OK)
        return result;
    if (v->opened.graph != NULL)
        return keep_values(v->opened.graph, path);
    tt_say_error("tutti verify: %s %s", path,
                 v->opened.form == TT_FORM_PLAN
                     ? "is a plan, which there is one way to run; verify the model it was made of"
                     : "holds no graph, only tensors");
    return TT_EXIT_FAILED;
}

static tt_exit load_both(verification *v)
{
    static char sentence[TT_SENTENCE_MAX];
    static const tt_way ways[2] = {TT_RUN_FAST, TT_RUN_REFERENCE};
    tt_text why;
    tt_status status = TT_OK;
    tt_text_init(&why, sentence, sizeof(sentence));
    for (unsigned i = 0; status == TT_OK && i < 2; i++) {
        status = tt_session_new(&(tt_session_options){.way = ways[i]}, &v->sessions[i], &why);
        if (status == TT_OK)
            status = tt_session_load(v->sessions[i], v->opened.graph, &v->programs[i], &why);
    }
    if (status != TT_OK)
        return tt_data_refuse_file("verify", v->opened.path, status, sentence);
    return tt_feed_programs(&v->feed, "verify", &v->opened, seed, &inputs, v->sessions, v->programs,
                            2);
}

// ---- an earlier run

// Result `index` beside the file's; what differs is kept if it is computed before what is kept.
static tt_status compare_result(verification *v, uint32_t index, const tt_tensor_file *earlier,
                                uint32_t *first, tt_text *why)
{
    const tt_result *result = tt_graph_result_at(v->opened.graph, index);
    const tt_tensor *tensor;
    tt_type type;
    char text[2][TT_TYPE_TEXT_BYTES];
    const void *elements = tt_program_result(v->programs[0], index, &type);
    tt_status status = tt_tensor_file_get(earlier, result->name, &tensor, why);
    if (status != TT_OK)
        return status;
    tt_type was = tt_tensor_type(tensor);
    if (!tt_type_equal(&type, &was)) {
        const char *const words[] = {result->name, " is ", tt_type_text(&was, text[0]),
                                     ", here it is ", tt_type_text(&type, text[1])};
        for (size_t i = 0; i < TT_COUNT(words); i++)
            tt_text_add(why, words[i]);
        return TT_INVALID;
    }
    tt_difference d = tt_compare(&type, elements, tensor->data, tolerance);
    if (d.count == 0 || result->value.node >= *first)
        return TT_OK;
    *first = result->value.node;
    v->differs = result->name;
    tt_text said;
    tt_text_init(&said, v->difference, sizeof(v->difference));
    tt_text_add(&said, type.rank > 0 ? "at " : "");
    tt_add_place(&said, &type, d.place);
    tt_text_add(&said, type.rank > 0 ? " is " : "is ");
    tt_text_add(&said, d.got);
    tt_text_add(&said, ", was ");
    tt_text_add(&said, d.right);
    return TT_OK;
}

static tt_exit compare_earlier(verification *v)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_tensor_file earlier = {0};
    tt_text why;
    uint32_t first = UINT32_MAX;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_npz_read(&earlier, against_path, &why);
    if (status != TT_OK)
        return tt_data_refuse("verify", status, sentence);
    for (uint32_t i = 0; status == TT_OK && i < tt_graph_result_count(v->opened.graph); i++)
        status = compare_result(v, i, &earlier, &first, &why);
    tt_tensor_file_free(&earlier);
    return status == TT_OK ? TT_EXIT_OK
                           : tt_data_refuse_file("verify", against_path, status, sentence);
}

static tt_exit write_kept(const verification *v)
{
    static char sentence[TT_SENTENCE_MAX];
    const tt_graph *graph = v->opened.graph;
    tt_tensor_file file = {0};
    tt_text why;
    uint8_t *bytes = NULL;
    size_t length = 0;
    tt_status status = TT_OK;
    tt_text_init(&why, sentence, sizeof(sentence));
    for (uint32_t i = 0; status == TT_OK && i < tt_graph_result_count(graph); i++) {
        tt_type type;
        const void *data = tt_program_result(v->programs[0], i, &type);
        tt_tensor tensor = {.element = (tt_element)type.element, .rank = type.rank, .data = data};
        memcpy(tensor.size, type.size, sizeof(tensor.size));
        status = tt_tensor_file_add(&file, tt_graph_result_at(graph, i)->name, &tensor);
    }
    if (status == TT_OK)
        status = tt_npz_make(&file, &bytes, &length, &why);
    tt_exit result = status == TT_OK ? tt_file_write("verify", keep_path, bytes, length)
                                     : tt_data_refuse_file("verify", keep_path, status, sentence);
    free(bytes);
    tt_tensor_file_free(&file);
    return result;
}

// ---- what is said

static const char *number(double value, char text[32])
{
    snprintf(text, 32, isnan(value) ? "-" : "%.4g", value);
    return text;
}

static void print_kept(FILE *out, const verification *v)
{
    const tt_graph *graph = v->opened.graph;
    char type_text[TT_TYPE_TEXT_BYTES], least[32], greatest[32], mean[32];
    if (kept.count == 0)
        return;
    fprintf(out, "%-14s  %-16s  %10s  %10s  %10s  not finite\n", "kept", "type", "least",
            "greatest", "mean");
    for (unsigned k = 0; k < kept.count; k++)
        for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
            tt_type type;
            const void *elements = tt_program_result(v->programs[0], i, &type);
            if (strcmp(tt_graph_result_at(graph, i)->name, kept.words[k]) != 0)
                continue;
            tt_summary s = tt_summarise(&type, elements);
            fprintf(out, "%-14s  %-16s  %10s  %10s  %10s  %10lld\n", kept.words[k],
                    tt_type_text(&type, type_text), number(s.least, least),
                    number(s.greatest, greatest), number(s.mean, mean), (long long)s.not_finite);
            break;
        }
}

// In lines of at most 78 columns, where there are spaces to break them at.
static void print_wrapped(FILE *out, const char *text)
{
    for (size_t column = 0; *text != '\0';) {
        size_t word = strcspn(text, " ");
        bool breaks = column > 0 && column + 1 + word > 78;
        fprintf(out, "%s%.*s", breaks ? "\n  " : column > 0 ? " " : "", (int)word, text);
        column = breaks ? 2 + word : column + (column > 0) + word;
        text += word + (text[word] != '\0');
    }
    fputc('\n', out);
}

static void print_verdict(FILE *out, const verification *v)
{
    const tt_verdict *verdict = &v->verdict;
    char line[TT_SENTENCE_MAX + 1024];
    if (verdict->differs) {
        snprintf(line, sizeof(line), "%s: not the same both ways: %s", v->opened.path,
                 verdict->results);
        print_wrapped(out, line);
        snprintf(line, sizeof(line), "first: %s", verdict->sentence);
    } else {
        snprintf(line, sizeof(line),
                 "%s: the same both ways, %u tensor%s; the greatest difference is %.2g of the "
                 "greatest number in '%s', the tolerance %g",
                 v->opened.path, verdict->compared, verdict->compared == 1 ? "" : "s",
                 verdict->worst, verdict->worst_name, tolerance);
    }
    print_wrapped(out, line);
    if (against_path == NULL)
        return;
    if (v->differs != NULL)
        snprintf(line, sizeof(line), "against %s: not the same; first: '%s', which %s",
                 against_path, v->differs, v->difference);
    else
        snprintf(line, sizeof(line), "against %s: the same", against_path);
    print_wrapped(out, line);
}

static void print_json(const verification *v)
{
    const tt_graph *graph = v->opened.graph;
    char text[TT_TYPE_TEXT_BYTES];
    tt_json_writer json = {.file = stdout};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "file", v->opened.path);
    tt_json_word(&json, "same", v->verdict.differs ? "false" : "true");
    tt_json_number(&json, "seed", seed);
    tt_json_number(&json, "tolerance", tolerance);
    tt_json_number(&json, "compared", v->verdict.compared);
    tt_json_number(&json, "difference", v->verdict.worst);
    tt_json_text(&json, "difference_in", v->verdict.worst_name);
    if (v->verdict.differs)
        tt_json_text(&json, "first", v->verdict.sentence);
    if (against_path != NULL)
        tt_json_word(&json, "same_as_before", v->differs == NULL ? "true" : "false");
    if (v->differs != NULL)
        tt_json_text(&json, "first_since", v->differs);
    tt_json_open(&json, "results", '[');
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        tt_type type;
        const void *elements = tt_program_result(v->programs[0], i, &type);
        tt_summary s = tt_summarise(&type, elements);
        tt_json_open(&json, NULL, '{');
        tt_json_text(&json, "name", tt_graph_result_at(graph, i)->name);
        tt_json_text(&json, "type", tt_type_text(&type, text));
        tt_json_number(&json, "least", s.least);
        tt_json_number(&json, "greatest", s.greatest);
        tt_json_number(&json, "mean", s.mean);
        tt_json_number(&json, "not_finite", (double)s.not_finite);
        tt_json_close(&json, '}');
    }
    tt_json_close(&json, ']');
    tt_json_close(&json, '}');
    putchar('\n');
}

static tt_exit print_all(const verification *v)
{
    char *text = NULL;
    size_t length = 0;
    if (json_wanted) {
        print_json(v);
        return TT_EXIT_OK;
    }
    FILE *out = open_memstream(&text, &length);
    if (out != NULL) {
        print_kept(out, v);
        print_verdict(out, v);
    }
    if (out == NULL || fclose(out) != 0) {
        tt_say_error("tutti verify: no memory is left");
        free(text);
        return TT_EXIT_FAILED;
    }
    tt_say_put(stdout, text, length); // names come from the file
    free(text);
    return TT_EXIT_OK;
}

static tt_exit verify(verification *v)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_verify(v->programs[0], v->programs[1], tolerance, &v->verdict, &why);
    if (status == TT_OK) // its results, for who looks at them
        status = tt_program_run(v->programs[0], &why);
    if (status != TT_OK)
        return tt_data_refuse_file("verify", v->opened.path, status, sentence);
    tt_exit result = against_path != NULL ? compare_earlier(v) : TT_EXIT_OK;
    if (result == TT_EXIT_OK && keep_path != NULL)
        result = write_kept(v);
    if (result == TT_EXIT_OK)
        result = print_all(v);
    if (result == TT_EXIT_OK && (v->verdict.differs || v->differs != NULL))
        result = TT_EXIT_FAILED;
    return result;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    static verification v;
    (void)count;
    tt_exit result = read_tolerance();
    if (result == TT_EXIT_OK)
        result = tt_file_expect_apart("verify", arguments[0], keep_path);
    if (result == TT_EXIT_OK)
        result = tt_file_expect_apart("verify", against_path, keep_path);
    if (result == TT_EXIT_OK && keep_path != NULL)
        result = tt_file_try("verify", keep_path);
    if (result == TT_EXIT_OK)
        result = open_graph(&v, arguments[0]);
    if (result == TT_EXIT_OK)
        result = load_both(&v);
    if (result == TT_EXIT_OK)
        result = verify(&v);
    tt_session_free(v.sessions[0]);
    tt_session_free(v.sessions[1]);
    tt_feed_free(&v.feed);
    tt_close_model(&v.opened);
    return result;
}

const tt_command tt_command_verify = {
    .name = "verify",
    .arguments = "MODEL",
    .summary = "Run a model two ways and tell what differs first",
    .help = "MODEL is a graph's text, or a safetensors file with a graph. It is run by\n"
            "kernels and by the reference in double, on the same inputs: uniform from 0 to 1,\n"
            "small whole numbers, or from files. Where results differ by more than the\n"
            "tolerance, the first node that differs is named, and the status is 1. Whole\n"
            "numbers must be equal.",
    .examples = "  tutti verify model.safetensors\n"
                "  tutti verify --input image=image.npy model.safetensors\n"
                "  tutti verify --keep conv2 --keep-to before.npz model.safetensors\n"
                "  tutti verify --keep conv2 --against before.npz model.safetensors",
    .options = options,
    .option_count = TT_COUNT(options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
