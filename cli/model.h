// A file that holds a model, whichever of the forms it has: a plan, a graph's text, or safetensors.

#ifndef TUTTI_CLI_MODEL_H
#define TUTTI_CLI_MODEL_H

#include "cli/command.h"
#include "cli/json.h"
#include "tutti/graph.h"
#include "tutti/lite.h"
#include "tutti/session.h"
#include "tutti/tensor_file.h"

typedef enum tt_model_form { TT_FORM_PLAN, TT_FORM_TEXT, TT_FORM_TENSORS } tt_model_form;

// All zeros is a closed one. What it holds is its own.
typedef struct tt_opened {
    tt_model_form form; // by what the file holds, not by its name
    const char *path;   // as given
    uint8_t *bytes;
    size_t length;
    tt_plan plan;
    tt_graph *graph; // of a text, or where the tensors' metadata have one under "graph"; else NULL
    tt_tensor_file tensors;
} tt_opened;

// Opens `path` on behalf of `command`; "-" is standard input. A failure is said: what is missing,
// damaged or none of the forms is TT_EXIT_MISSING. It is closed then.
tt_exit tt_open_model(const char *command, const char *path, tt_opened *opened);
void tt_close_model(tt_opened *opened);

// The file's tensor for a parameter or state, of its type; NULL where there is none, which is
// said of one that has another type.
const tt_tensor *tt_opened_tensor(const tt_opened *opened, const tt_buffer *buffer, tt_text *why);

// "f32[12,3,3,1]" of a tensor in a file.
const char *tt_tensor_type_text(const tt_tensor_entry *entry, char text[TT_TYPE_TEXT_BYTES]);
tt_type tt_tensor_type(const tt_tensor *tensor);

// A plan's steps, a line or an object each.
void tt_plan_print_steps(FILE *out, const tt_plan *plan);
void tt_plan_write_steps(tt_json_writer *json, const tt_plan *plan); // an array "steps"

#endif
