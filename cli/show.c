// tutti show: what a model is made of: its nodes, results, parameters, cost and memory; a plan's
// steps; or what tensors a file has.
//
// Names come from files, so all that is printed for people goes through tt_say_put.

#include <stdlib.h>
#include <string.h>

#include "cli/model.h"
#include "cli/show.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/compare.h"

static bool json_wanted, text_wanted, program_wanted, c_wanted;

static const tt_option options[] = {
    {"text", NULL, "print the graph in its text form instead", .flag = &text_wanted},
    {"json", NULL, "print all of it as JSON", .flag = &json_wanted},
    {"program", NULL, "print the steps that run a graph, with their loops",
     .flag = &program_wanted},
    {"c", NULL, "print the C that the loops become on this machine", .flag = &c_wanted},
};

// ---- for people

#define NAME_BYTES 256

// A name in one line, and not without end; it stands until the second call from here.
static const char *name_text(const char *name)
{
    static char texts[2][NAME_BYTES];
    static unsigned next;
    char *text = texts[next = !next];
    size_t length = 0;
    for (; name[length] != '\0' && length < NAME_BYTES - 1; length++)
        text[length] = name[length];
    text[length] = '\0';
    for (char *at = text; (at = strpbrk(at, "\n\t")) != NULL;)
        *at = '?';
    return text;
}

#define CELL_BYTES 1024

// What a node reads; of many values the first and how many more.
static void reads(const tt_graph *graph, uint32_t node, char cell[CELL_BYTES])
{
    const tt_operation *n = tt_graph_node(graph, node);
    unsigned shown = n->input_count > 4 ? 2 : n->input_count;
    char value[24];
    size_t length = 0;
    cell[0] = '\0';
    for (unsigned i = 0; i < shown; i++)
        length += (size_t)snprintf(cell + length, CELL_BYTES - length, "%s%s", i > 0 ? " " : "",
                                   tt_show_value(tt_graph_inputs(graph, node)[i], value));
    if (shown < n->input_count)
        snprintf(cell + length, CELL_BYTES - length, " and %u more", n->input_count - shown);
}

// The type of what a node makes first, and how many outputs there are besides.
static void makes(const tt_graph *graph, uint32_t node, char cell[CELL_BYTES])
{
    unsigned more = tt_graph_node(graph, node)->output_count - 1u;
    char type[TT_TYPE_TEXT_BYTES], others[16] = "";
    if (more > 0)
        snprintf(others, sizeof(others), " +%u", more);
    snprintf(cell, CELL_BYTES, "%s%s",
             tt_type_text(tt_graph_type(graph, (tt_value){node, 0}), type), others);
}

static const char *cost_text(uint64_t cost, char text[32])
{
    snprintf(text, 32, cost == UINT64_MAX ? "over 2^64" : "%llu", (unsigned long long)cost);
    return text;
}

static void print_constant(FILE *out, const tt_buffer *buffer)
{
    char numbers[64] = "";
    tt_text text;
    int64_t count = tt_type_count(&buffer->type);
    tt_text_init(&text, numbers, sizeof(numbers));
    for (int64_t i = 0; i < count && i < 3; i++) {
        tt_text_add(&text, i > 0 ? " " : "");
        tt_add_element(&text, (tt_element)buffer->type.element, buffer->data, i);
    }
    fprintf(out, "%s%s", numbers, count > 3 ? " ..." : "");
}

static void print_from(FILE *out, const tt_graph *graph, uint32_t node)
{
    const tt_buffer *buffer = tt_show_buffer(graph, node);
    if (buffer != NULL && buffer->kind == TT_CONSTANT)
        print_constant(out, buffer);
    else if (buffer != NULL)
        fputs(name_text(buffer->name), out);
    for (const tt_origin *o = tt_graph_origin_of(graph, node); buffer == NULL && o != NULL;
         o = tt_graph_origin_next(graph, o))
        fprintf(out, "%s%s%s%s", o == tt_graph_origin_of(graph, node) ? "" : "; ",
                name_text(o->name), o->place != NULL ? ", " : "",
                o->place != NULL ? name_text(o->place) : "");
}

// As wide as what stands in it, from `least`; but one long word does not move all lines.
static int width_of(const tt_graph *graph, int least, int most,
                    void (*write)(const tt_graph *graph, uint32_t node, char cell[CELL_BYTES]))
{
    char cell[CELL_BYTES];
    for (uint32_t at = 0; at < tt_graph_count(graph); at++) {
        write(graph, at, cell);
        int length = (int)strlen(cell);
        least = length > least && length <= most ? length : least;
    }
    return least;
}

static void print_nodes(FILE *out, const tt_graph *graph)
{
    int read_width = width_of(graph, 5, 13, reads), made_width = width_of(graph, 5, 24, makes);
    char read[CELL_BYTES], made[CELL_BYTES], node[24], cost[32];
    fprintf(out, "%6s  %-14s  %-*s  %-*s  %9s  from\n", "node", "operation", read_width, "reads",
            made_width, "makes", "cost");
    for (uint32_t at = 0; at < tt_graph_count(graph); at++) {
        const tt_operation *n = tt_graph_node(graph, at);
        reads(graph, at, read);
        makes(graph, at, made);
        fprintf(out, "%6s  %-14s  %-*s  %-*s  %9s  ", tt_show_value((tt_value){at, 0}, node),
                tt_show_operation(graph, at), read_width, read, made_width, made,
                n->op == TT_OP_BUFFER ? "" : cost_text(tt_node_cost(graph, at), cost));
        print_from(out, graph, at);
        for (unsigned i = 0; i < 2 && n->body[i] != 0; i++)
            fprintf(out, "  (a body of %u nodes)",
                    tt_graph_count(tt_graph_body(graph, n->body[i])));
        fputc('\n', out);
    }
}

static void print_results(FILE *out, const tt_graph *graph)
{
    char value[24], type[TT_TYPE_TEXT_BYTES];
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        const tt_result *result = tt_graph_result_at(graph, i);
        fprintf(out, "result      %s = %s  %s\n", name_text(result->name),
                tt_show_value(result->value, value),
                tt_type_text(tt_graph_type(graph, result->value), type));
    }
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++) {
        const tt_assign *assign = tt_graph_assign_at(graph, i);
        fprintf(out, "assigns     %s = %s\n",
                name_text(tt_graph_buffer(graph, assign->buffer)->name),
                tt_show_value(assign->value, value));
    }
}

static void print_parameters(FILE *out, const tt_opened *opened)
{
    const tt_graph *graph = opened->graph;
    tt_show_kept p = tt_show_parameters(graph);
    size_t others = opened->tensors.count;
    fprintf(out, "parameters  %u, of %.0f elements and %.0f bytes\n", p.count, p.elements, p.bytes);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        char type[TT_TYPE_TEXT_BYTES], wrong[512] = "";
        tt_text why;
        if (!tt_show_is_kept(buffer))
            continue;
        tt_text_init(&why, wrong, sizeof(wrong));
        const tt_tensor *tensor = tt_opened_tensor(opened, buffer, &why);
        others -= tensor != NULL || wrong[0] != '\0';
        const char *is = opened->form == TT_FORM_TEXT ? ""
                         : tensor != NULL             ? ""
                         : wrong[0] != '\0'           ? wrong
                                                      : "the file has no tensor of that name";
        fprintf(out, "  %-26s  %-20s  %10lld%s%s%s\n", name_text(buffer->name),
                tt_type_text(&buffer->type, type), (long long)tt_type_count(&buffer->type),
                buffer->kind == TT_STATE ? "  state" : "", is[0] != '\0' ? "  " : "", is);
    }
    if (others > 0)
        fprintf(out, "  and %zu tensor%s in the file that the graph does not name\n", others,
                others == 1 ? "" : "s");
}

static void print_graph(FILE *out, const tt_opened *opened)
{
    const tt_graph *graph = opened->graph;
    tt_show_memory m = tt_show_measure(graph);
    char cost[32];
    fprintf(out, "%s: a graph of %u node%s, %s; %zu bytes\n", opened->path, tt_graph_count(graph),
            tt_graph_count(graph) == 1 ? "" : "s",
            opened->form == TT_FORM_TEXT ? "in its text form" : "with tensors (safetensors)",
            opened->length);
    print_nodes(out, graph);
    print_results(out, graph);
    print_parameters(out, opened);
    fprintf(out, "cost        %s multiply-accumulates, or elements where none is multiplied\n",
            cost_text(tt_graph_cost(graph), cost));
    if (m.known)
        fprintf(out, "memory      %llu bytes beside the parameters, in %u steps\n",
                (unsigned long long)m.arena_bytes, m.steps);
    else
        fprintf(out, "memory      not known: %s\n", m.why);
}

static void print_tensors(FILE *out, const tt_opened *opened)
{
    const tt_tensor_file *file = &opened->tensors;
    fprintf(out, "%s: %zu tensors, no graph (safetensors); %zu bytes\n", opened->path, file->count,
            opened->length);
    for (size_t i = 0; i < file->count; i++) {
        char type[TT_TYPE_TEXT_BYTES];
        fprintf(out, "  %-34s  %s\n", name_text(file->entries[i].name),
                tt_tensor_type_text(&file->entries[i], type));
    }
    if (file->note_count > 0)
        fprintf(out, "metadata\n");
    for (size_t i = 0; i < file->note_count; i++) {
        const char *value = file->notes[i].value;
        int length = (int)strcspn(value, "\n\r"), shown = length > 56 ? 53 : length;
        fprintf(out, "  %s: %.*s%s\n", file->notes[i].key, shown, value,
                value[shown] != '\0' ? "..." : "");
    }
}

static void print_plan(FILE *out, const tt_opened *opened)
{
    const tt_plan_header *h = &opened->plan.header;
    fprintf(out, "%s: a plan of %u steps; %u bytes\n", opened->path, h->step_count, h->bytes);
    tt_plan_print_steps(out, &opened->plan);
    fprintf(out, "input       %ux%ux%u int8, real = %g * (q - %d)\n", h->input_shape[0],
            h->input_shape[1], h->input_shape[2], (double)h->input_scale, h->input_zero_point);
    fprintf(out, "output      %ux%ux%u int8, real = %g * (q - %d)\n", h->output_shape[0],
            h->output_shape[1], h->output_shape[2], (double)h->output_scale, h->output_zero_point);
    fprintf(out, "cost        %u multiply-accumulates, %llu operations in all\n",
            h->multiplications, (unsigned long long)tt_plan_operations(&opened->plan));
    fprintf(out, "memory      %u bytes of arena beside the plan\n", h->arena_bytes);
}

// ---- the command

static tt_exit print_text(const tt_opened *opened)
{
    char *text = opened->graph != NULL ? tt_graph_print(opened->graph) : NULL;
    if (opened->graph == NULL)
        tt_say_error("tutti show: %s holds no graph", opened->path);
    else if (text == NULL)
        tt_say_error("tutti show: no memory is left");
    else
        tt_say_put(stdout, text, strlen(text));
    tt_exit result = text != NULL ? TT_EXIT_OK : TT_EXIT_FAILED;
    free(text);
    return result;
}

// What runs the graph here, or its C.
static tt_exit print_program(const tt_opened *opened)
{
    char sentence[256] = "", *text = NULL;
    tt_text why;
    tt_session *session = NULL;
    tt_program *program;
    tt_session_options way = {.threads = 1, .way = TT_RUN_FAST};
    tt_text_init(&why, sentence, sizeof(sentence));
    if (opened->graph == NULL) {
        tt_say_error("tutti show: %s holds no graph", opened->path);
        return TT_EXIT_FAILED;
    }
    tt_status status = tt_session_new(&way, &session, &why);
    if (status == TT_OK)
        status = tt_session_load(session, opened->graph, &program, &why);
    if (status == TT_OK)
        text = c_wanted ? tt_program_print_c(program) : tt_program_print(program);
    if (text != NULL)
        tt_say_put(stdout, text, strlen(text));
    else
        tt_say_error("tutti show: %s: %s", opened->path,
                     sentence[0] != '\0' ? sentence : "no memory is left");
    tt_exit result = text != NULL ? TT_EXIT_OK : TT_EXIT_FAILED;
    free(text);
    tt_session_free(session);
    return result;
}

// Lines without the spaces at their ends that columns leave.
static void put_lines(const char *text, size_t length)
{
    for (const char *line = text, *end; line < text + length; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        size_t bytes = (size_t)(end - line);
        while (bytes > 0 && line[bytes - 1] == ' ')
            bytes--;
        tt_say_put(stdout, line, bytes);
        putchar('\n');
    }
}

static tt_exit print_all(const tt_opened *opened)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out != NULL && opened->form == TT_FORM_PLAN)
        print_plan(out, opened);
    else if (out != NULL && opened->graph != NULL)
        print_graph(out, opened);
    else if (out != NULL)
        print_tensors(out, opened);
    if (out == NULL || fclose(out) != 0) {
        tt_say_error("tutti show: no memory is left");
        free(text);
        return TT_EXIT_FAILED;
    }
    put_lines(text, length);
    free(text);
    return TT_EXIT_OK;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    (void)count;
    tt_opened opened;
    if (text_wanted + json_wanted + program_wanted + c_wanted > 1) {
        tt_say_error("tutti show: expected one of --text, --json, --program and --c");
        return TT_EXIT_USAGE;
    }
    tt_exit result = tt_open_model("show", arguments[0], &opened);
    if (result != TT_EXIT_OK)
        return result;
    if (text_wanted)
        result = print_text(&opened);
    else if (program_wanted || c_wanted)
        result = print_program(&opened);
    else if (json_wanted)
        tt_show_json(&opened);
    else
        result = print_all(&opened);
    tt_close_model(&opened);
    return result;
}

const tt_command tt_command_show = {
    .name = "show",
    .arguments = "MODEL",
    .summary = "Show what a model is made of",
    .help = "MODEL is a plan, a graph's text, or a safetensors file; one whose metadata have a\n"
            "graph is shown as that: nodes, results, parameters, cost and memory; any other as\n"
            "a list of tensors. What the file holds tells which it is. '-' is standard input.",
    .examples = "  tutti show model.safetensors\n"
                "  tutti show fashion.plan\n"
                "  tutti show --text model.safetensors >graph.txt\n"
                "  tutti show --json graph.txt\n"
                "  tutti show --program graph.txt",
    .options = options,
    .option_count = TT_COUNT(options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
