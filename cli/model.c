// Opening a model by what its file holds.
//
// A plan begins with its magic number, a safetensors file with its header's length in eight bytes
// (of which some are 0) and a brace; anything else is read as a graph's text.

#include "cli/model.h"

#include <stdlib.h>
#include <string.h>

#include "cli/data.h"
#include "cli/file.h"
#include "cli/say.h"
#include "tutti/check.h"

static bool is_plan(const uint8_t *bytes, size_t length)
{
    return length >= 4 && memcmp(bytes, "TTPL", 4) == 0;
}

static bool is_tensors(const uint8_t *bytes, size_t length)
{
    return length >= 8 && memchr(bytes, 0, 8) != NULL && (length == 8 || bytes[8] == '{');
}

static tt_status parse_graph(tt_opened *opened, const char *text, size_t length, tt_text *why)
{
    opened->graph = tt_graph_parse(text, length, why);
    return opened->graph != NULL ? TT_OK : TT_MALFORMED;
}

static tt_status open_tensors(tt_opened *opened, tt_text *why)
{
    opened->form = TT_FORM_TENSORS;
    tt_status status = tt_safetensors_parse(&opened->tensors, opened->bytes, opened->length, why);
    const char *text = status == TT_OK ? tt_tensor_file_note(&opened->tensors, "graph") : NULL;
    if (text == NULL)
        return status;
    tt_text_add(why, "its graph cannot be read: ");
    return parse_graph(opened, text, strlen(text), why);
}

// What others than we write, and people may give by mistake.
static const char *stranger(const uint8_t *bytes, size_t length)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *is;
    } known[] = {{"PK\3\4", 4, "a zip or .npz file, which holds no model"},
                 {"\x93NUMPY", 6, "a .npy file, which holds no model"},
                 {"\x7f"
                  "ELF",
                  4, "a program"},
                 {"\x1f\x8b", 2, "a compressed file; unpack it first"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (length >= known[i].length && memcmp(bytes, known[i].magic, known[i].length) == 0)
            return known[i].is;
    return length == 0 ? "empty" : NULL;
}

static tt_status open_text(tt_opened *opened, tt_text *why)
{
    const char *is = stranger(opened->bytes, opened->length);
    opened->form = TT_FORM_TEXT;
    if (is != NULL) {
        tt_text_add(why, "is ");
        tt_text_add(why, is);
        return TT_MALFORMED;
    }
    tt_text_add(why, "is no plan, no safetensors file and no graph's text: ");
    if (memchr(opened->bytes, 0, opened->length) != NULL) {
        tt_text_add(why, "there are zero bytes in it");
        return TT_MALFORMED;
    }
    return parse_graph(opened, (const char *)opened->bytes, opened->length, why);
}

tt_exit tt_open_model(const char *command, const char *path, tt_opened *opened)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    *opened = (tt_opened){.path = path};
    tt_exit result =
        tt_file_read(command, path, TT_TENSOR_FILE_MAX, &opened->bytes, &opened->length);
    if (result != TT_EXIT_OK)
        return result;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status;
    if (is_plan(opened->bytes, opened->length))
        status = tt_plan_open(&opened->plan, opened->bytes, opened->length, &why);
    else if (is_tensors(opened->bytes, opened->length))
        status = open_tensors(opened, &why);
    else
        status = open_text(opened, &why);
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_close_model(opened);
    return tt_data_refuse_file(command, path, status, sentence);
}

void tt_close_model(tt_opened *opened)
{
    tt_tensor_file_free(&opened->tensors);
    tt_graph_free(opened->graph);
    free(opened->bytes);
    *opened = (tt_opened){.path = opened->path};
}

tt_type tt_tensor_type(const tt_tensor *tensor)
{
    tt_type type = {.element = (uint8_t)tensor->element, .rank = (uint8_t)tensor->rank};
    for (unsigned i = 0; i < tensor->rank; i++)
        type.size[i] = tensor->size[i];
    return type;
}

const char *tt_tensor_type_text(const tt_tensor_entry *entry, char text[TT_TYPE_TEXT_BYTES])
{
    tt_type type = tt_tensor_type(&entry->tensor);
    char shape[TT_TYPE_TEXT_BYTES];
    if (entry->foreign[0] == '\0')
        return tt_type_text(&type, text);
    snprintf(text, TT_TYPE_TEXT_BYTES, "%.16s%s", entry->foreign,
             strchr(tt_type_text(&type, shape), '['));
    return text;
}

const tt_tensor *tt_opened_tensor(const tt_opened *opened, const tt_buffer *buffer, tt_text *why)
{
    const tt_tensor *tensor;
    char has[TT_TYPE_TEXT_BYTES], wants[TT_TYPE_TEXT_BYTES];
    if (tt_tensor_file_get(&opened->tensors, buffer->name, &tensor, NULL) != TT_OK)
        return NULL;
    tt_type type = tt_tensor_type(tensor);
    if (tt_type_equal(&type, &buffer->type))
        return tensor;
    tt_text_add(why, "tensor ");
    tt_text_add(why, buffer->name);
    tt_text_add(why, " is ");
    tt_text_add(why, tt_type_text(&type, has));
    tt_text_add(why, ", the graph has ");
    tt_text_add(why, tt_type_text(&buffer->type, wants));
    return NULL;
}

// ---- a plan's steps

static const char *step_name(const tt_plan_step *step)
{
    static const char *const names[] = {"?", "conv", "depthwise", "max pool", "average pool"};
    return names[step->kind < TT_COUNT(names) ? step->kind : 0];
}

void tt_plan_print_steps(FILE *out, const tt_plan *plan)
{
    fprintf(out, "step  kind          input         output        window  stride\n");
    for (uint32_t i = 0; i < plan->header.step_count; i++) {
        tt_plan_step step;
        tt_plan_step_at(plan, i, &step);
        char from[24], to[24];
        snprintf(from, sizeof(from), "%ux%ux%u", step.in[0], step.in[1], step.in[2]);
        snprintf(to, sizeof(to), "%ux%ux%u", step.out[0], step.out[1], step.out[2]);
        fprintf(out, "%4u  %-12s  %-12s  %-12s  %ux%u     %u\n", i + 1, step_name(&step), from, to,
                step.window[0], step.window[1], step.stride_rows);
    }
}

static void write_sizes(tt_json_writer *json, const char *key, const uint16_t *sizes, size_t count)
{
    tt_json_open(json, key, '[');
    for (size_t i = 0; i < count; i++)
        tt_json_number(json, NULL, sizes[i]);
    tt_json_close(json, ']');
}

void tt_plan_write_steps(tt_json_writer *json, const tt_plan *plan)
{
    tt_json_open(json, "steps", '[');
    for (uint32_t i = 0; i < plan->header.step_count; i++) {
        tt_plan_step step;
        tt_plan_step_at(plan, i, &step);
        tt_json_open(json, NULL, '{');
        tt_json_text(json, "kind", step_name(&step));
        write_sizes(json, "input", step.in, 3);
        write_sizes(json, "output", step.out, 3);
        write_sizes(json, "window", step.window, 2);
        write_sizes(json, "stride", (uint16_t[]){step.stride_rows, step.stride_columns}, 2);
        tt_json_close(json, '}');
    }
    tt_json_close(json, ']');
}
