// What tutti show tells programs, and what it tells them and people alike. docs/cli.md has the
// fields.

#include <string.h>

#include "cli/show.h"

const char *const tt_show_kinds[] = {"input", "parameter", "state", "constant"};

const tt_buffer *tt_show_buffer(const tt_graph *graph, uint32_t node)
{
    if (tt_graph_node(graph, node)->op != TT_OP_BUFFER)
        return NULL;
    return tt_graph_buffer(graph, (uint32_t)tt_graph_attribute(graph, node, 0, NULL)[0]);
}

const char *tt_show_operation(const tt_graph *graph, uint32_t node)
{
    const tt_buffer *buffer = tt_show_buffer(graph, node);
    return buffer != NULL ? tt_show_kinds[buffer->kind]
                          : tt_op_name((tt_op)tt_graph_node(graph, node)->op);
}

const char *tt_show_value(tt_value value, char text[24])
{
    if (value.output > 0)
        snprintf(text, 24, "%%%u.%u", value.node, value.output);
    else
        snprintf(text, 24, "%%%u", value.node);
    return text;
}

tt_show_memory tt_show_measure(const tt_graph *graph)
{
    tt_show_memory m = {.known = false};
    tt_text why;
    tt_session *session;
    tt_program *program;
    tt_text_init(&why, m.why, sizeof(m.why));
    tt_session_options way = {.threads = 1, .way = TT_RUN_FAST};
    tt_status status = tt_session_new(&way, &session, &why);
    if (status == TT_OK)
        status = tt_session_load(session, graph, &program, &why);
    m.known = status == TT_OK;
    if (m.known) {
        m.arena_bytes = tt_program_arena_bytes(program);
        m.steps = tt_program_steps(program);
    } else if (m.why[0] == '\0') {
        tt_text_add(&why, tt_status_text(status));
    }
    tt_session_free(session);
    return m;
}

double tt_show_bytes(const tt_type *type)
{
    return (double)tt_type_count(type) * (double)tt_element_bytes((tt_element)type->element);
}

bool tt_show_is_kept(const tt_buffer *buffer)
{
    return buffer->kind == TT_PARAMETER || buffer->kind == TT_STATE;
}

tt_show_kept tt_show_parameters(const tt_graph *graph)
{
    tt_show_kept p = {0};
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (!tt_show_is_kept(buffer))
            continue;
        p.count++;
        p.elements += (double)tt_type_count(&buffer->type);
        p.bytes += tt_show_bytes(&buffer->type);
    }
    return p;
}

// ---- JSON

static void write_cost(tt_json_writer *json, const char *key, uint64_t cost)
{
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)cost);
    tt_json_word(json, key, cost == UINT64_MAX ? "null" : text);
}

static void write_node(tt_json_writer *json, const tt_graph *graph, uint32_t at)
{
    const tt_operation *n = tt_graph_node(graph, at);
    const tt_buffer *buffer = tt_show_buffer(graph, at);
    char text[TT_TYPE_TEXT_BYTES];
    tt_json_open(json, NULL, '{');
    tt_json_text(json, "node", tt_show_value((tt_value){at, 0}, text));
    tt_json_text(json, "operation", tt_show_operation(graph, at));
    if (buffer != NULL && buffer->name != NULL)
        tt_json_text(json, "name", buffer->name);
    tt_json_open(json, "reads", '[');
    for (unsigned i = 0; i < n->input_count; i++)
        tt_json_text(json, NULL, tt_show_value(tt_graph_inputs(graph, at)[i], text));
    tt_json_close(json, ']');
    tt_json_open(json, "makes", '[');
    for (unsigned i = 0; i < n->output_count; i++)
        tt_json_text(json, NULL,
                     tt_type_text(tt_graph_type(graph, (tt_value){at, (uint16_t)i}), text));
    tt_json_close(json, ']');
    write_cost(json, "cost", buffer != NULL ? 0 : tt_node_cost(graph, at));
    tt_json_open(json, "from", '[');
    for (const tt_origin *o = tt_graph_origin_of(graph, at); o != NULL;
         o = tt_graph_origin_next(graph, o)) {
        tt_json_open(json, NULL, '{');
        tt_json_text(json, "name", o->name);
        if (o->place != NULL)
            tt_json_text(json, "place", o->place);
        tt_json_close(json, '}');
    }
    tt_json_close(json, ']');
    tt_json_close(json, '}');
}

static void write_value(tt_json_writer *json, const tt_graph *graph, const char *name,
                        tt_value value)
{
    char text[TT_TYPE_TEXT_BYTES];
    tt_json_open(json, NULL, '{');
    tt_json_text(json, "name", name);
    tt_json_text(json, "value", tt_show_value(value, text));
    tt_json_text(json, "type", tt_type_text(tt_graph_type(graph, value), text));
    tt_json_close(json, '}');
}

static void write_parameters(tt_json_writer *json, const tt_graph *graph)
{
    char text[TT_TYPE_TEXT_BYTES];
    tt_json_open(json, "parameters", '[');
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (!tt_show_is_kept(buffer))
            continue;
        tt_json_open(json, NULL, '{');
        tt_json_text(json, "name", buffer->name);
        tt_json_text(json, "kind", tt_show_kinds[buffer->kind]);
        tt_json_text(json, "type", tt_type_text(&buffer->type, text));
        tt_json_number(json, "elements", (double)tt_type_count(&buffer->type));
        tt_json_number(json, "bytes", tt_show_bytes(&buffer->type));
        tt_json_close(json, '}');
    }
    tt_json_close(json, ']');
}

static void write_graph(tt_json_writer *json, const tt_opened *opened)
{
    const tt_graph *graph = opened->graph;
    tt_show_memory m = tt_show_measure(graph);
    tt_json_open(json, "nodes", '[');
    for (uint32_t at = 0; at < tt_graph_count(graph); at++)
        write_node(json, graph, at);
    tt_json_close(json, ']');
    tt_json_open(json, "results", '[');
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        write_value(json, graph, tt_graph_result_at(graph, i)->name,
                    tt_graph_result_at(graph, i)->value);
    tt_json_close(json, ']');
    tt_json_open(json, "assigns", '[');
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++) {
        const tt_assign *assign = tt_graph_assign_at(graph, i);
        write_value(json, graph, tt_graph_buffer(graph, assign->buffer)->name, assign->value);
    }
    tt_json_close(json, ']');
    write_parameters(json, graph);
    tt_json_number(json, "parameter_bytes", tt_show_parameters(graph).bytes);
    write_cost(json, "cost", tt_graph_cost(graph));
    if (m.known) {
        tt_json_number(json, "arena_bytes", (double)m.arena_bytes);
        tt_json_number(json, "fast_steps", m.steps);
    }
}

static void write_tensors(tt_json_writer *json, const tt_tensor_file *file)
{
    tt_json_open(json, "tensors", '[');
    for (size_t i = 0; i < file->count; i++) {
        char type[TT_TYPE_TEXT_BYTES];
        tt_json_open(json, NULL, '{');
        tt_json_bytes(json, "name", file->entries[i].name, file->entries[i].name_bytes);
        tt_json_text(json, "type", tt_tensor_type_text(&file->entries[i], type));
        tt_json_close(json, '}');
    }
    tt_json_close(json, ']');
    tt_json_open(json, "metadata", '{');
    for (size_t i = 0; i < file->note_count; i++) {
        tt_json_key(json, file->notes[i].key, file->notes[i].key_bytes);
        tt_json_bytes(json, NULL, file->notes[i].value, file->notes[i].value_bytes);
    }
    tt_json_close(json, '}');
}

static void write_plan(tt_json_writer *json, const tt_plan *plan)
{
    const tt_plan_header *h = &plan->header;
    tt_plan_write_steps(json, plan);
    tt_json_number(json, "arena_bytes", h->arena_bytes);
    tt_json_number(json, "multiplications", h->multiplications);
    tt_json_number(json, "operations", (double)tt_plan_operations(plan));
}

void tt_show_json(const tt_opened *opened)
{
    static const char *const forms[] = {"plan", "text", "safetensors"};
    tt_json_writer json = {.file = stdout};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "file", opened->path);
    tt_json_text(&json, "form", forms[opened->form]);
    tt_json_number(&json, "bytes", (double)opened->length);
    if (opened->form == TT_FORM_PLAN)
        write_plan(&json, &opened->plan);
    if (opened->graph != NULL)
        write_graph(&json, opened);
    if (opened->form == TT_FORM_TENSORS)
        write_tensors(&json, &opened->tensors);
    tt_json_close(&json, '}');
    fputc('\n', stdout);
}
