// The text form of a graph, written: a line a node, bodies between braces, then what is computed.
//
//     %0 = input "image" : f32[16,28,28,1]
//     %1 = constant {0.5} : f32[]
//     %2 = multiply %0 %1 : f32[16,28,28,1] @"layer 1"
//     %3 = sort %2 axis=3 falling=0 : f32[16,28,28,1], i64[16,28,28,1]
//     %4 = transpose %3.1 order=[3,0,1,2] : i64[1,16,28,28]
//     result "places" = %4
//
// A value is its node's number, and its output's behind a point unless it is the first. Types are
// stated for the reader, and parsing holds them against its own. Names are in quotes; quotes, the
// backslash and control characters are escaped with one.

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/row.h"

static void print_name(FILE *out, const char *name)
{
    fputc('"', out);
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(out, "\\x%02x", *at);
        else
            fputc(*at, out);
    }
    fputc('"', out);
}

static void print_value(FILE *out, tt_value value)
{
    fprintf(out, "%%%u", value.node);
    if (value.output > 0)
        fprintf(out, ".%u", value.output);
}

static void print_cell(FILE *out, tt_element element, tt_cell cell)
{
    switch (tt_element_class(element)) {
    case TT_CLASS_FLOAT: // as many digits as bring the number back; no number has no sign here
        if (isnan(cell.f))
            fputs("nan", out);
        else
            fprintf(out, "%.*g", element == TT_F64 ? 17 : 9, cell.f);
        break;
    case TT_CLASS_UNSIGNED:
        fprintf(out, "%llu", (unsigned long long)cell.u);
        break;
    default:
        fprintf(out, "%lld", (long long)cell.i);
    }
}

static void print_buffer(FILE *out, const tt_buffer *buffer)
{
    static const char *const kinds[] = {"input ", "parameter ", "state ", "constant {"};
    int64_t count = tt_type_count(&buffer->type);
    fputs(kinds[buffer->kind], out);
    if (buffer->kind != TT_CONSTANT) {
        print_name(out, buffer->name);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        fputs(i > 0 ? "," : "", out);
        print_cell(out, (tt_element)buffer->type.element,
                   tt_cell_load((tt_element)buffer->type.element, buffer->data, i));
    }
    fputc('}', out);
}

static void print_attributes(FILE *out, const tt_graph *graph, uint32_t node, const tt_row *row)
{
    for (unsigned i = 0; i < TT_ATTRIBUTES_MAX && row->attributes[i].name != NULL; i++) {
        unsigned count;
        const int64_t *word = tt_graph_attribute(graph, node, i, &count);
        fprintf(out, " %s=", row->attributes[i].name);
        if (row->attributes[i].kind == TT_ATTRIBUTE_ELEMENT)
            fputs(tt_element_name((tt_element)word[0]), out);
        else if (row->attributes[i].kind == TT_ATTRIBUTE_NUMBER)
            fprintf(out, "%lld", (long long)word[0]);
        for (unsigned k = 0; row->attributes[i].kind == TT_ATTRIBUTE_LIST && k < count; k++)
            fprintf(out, "%s%lld", k == 0 ? "[" : ",", (long long)word[k]);
        if (row->attributes[i].kind == TT_ATTRIBUTE_LIST)
            fputs(count > 0 ? "]" : "[]", out);
    }
}

static void print_graph(FILE *out, const tt_graph *graph, int indent);

static void print_node(FILE *out, const tt_graph *graph, uint32_t node, int indent)
{
    const tt_operation *n = tt_graph_node(graph, node);
    const tt_row *row = tt_row_of((tt_op)n->op);
    char text[TT_TYPE_TEXT_BYTES];
    fprintf(out, "%*s%%%u = ", indent, "", node);
    if (n->op == TT_OP_BUFFER) {
        int64_t buffer = tt_graph_attribute(graph, node, 0, NULL)[0];
        print_buffer(out, tt_graph_buffer(graph, (uint32_t)buffer));
    } else {
        fputs(row->name, out);
        for (unsigned i = 0; i < n->input_count; i++) {
            fputc(' ', out);
            print_value(out, tt_graph_inputs(graph, node)[i]);
        }
        print_attributes(out, graph, node, row);
    }
    for (unsigned i = 0; i < n->output_count; i++)
        fprintf(out, "%s%s", i == 0 ? " : " : ", ",
                tt_type_text(tt_graph_type(graph, (tt_value){node, (uint16_t)i}), text));
    for (const tt_origin *o = tt_graph_origin_of(graph, node); o != NULL;
         o = tt_graph_origin_next(graph, o)) {
        fputs(" @", out);
        print_name(out, o->name);
        if (o->place != NULL) {
            fputc(',', out);
            print_name(out, o->place);
        }
    }
    for (unsigned i = 0; i < 2 && n->body[i] != 0; i++) {
        fputs(i == 0 ? " {\n" : " {\n", out);
        print_graph(out, tt_graph_body(graph, n->body[i]), indent + 2);
        fprintf(out, "%*s}", indent, "");
    }
    fputc('\n', out);
}

static void print_graph(FILE *out, const tt_graph *graph, int indent)
{
    for (uint32_t node = 0; node < tt_graph_count(graph); node++)
        print_node(out, graph, node, indent);
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        fprintf(out, "%*sresult ", indent, "");
        print_name(out, tt_graph_result_at(graph, i)->name);
        fputs(" = ", out);
        print_value(out, tt_graph_result_at(graph, i)->value);
        fputc('\n', out);
    }
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++) {
        const tt_assign *assign = tt_graph_assign_at(graph, i);
        fprintf(out, "%*sassign ", indent, "");
        print_name(out, tt_graph_buffer(graph, assign->buffer)->name);
        fputs(" = ", out);
        print_value(out, assign->value);
        fputc('\n', out);
    }
}

// Memory that a stream writes to. open_memstream of glibc forgets that it could not grow.
typedef struct growing {
    char *text;
    size_t length, capacity;
    bool failed;
} growing;

static ssize_t grow(void *cookie, const char *bytes, size_t count)
{
    growing *g = cookie;
    if (!g->failed && g->capacity - g->length <= count) { // room for a terminator, too
        size_t capacity = 2 * (g->capacity + count) + 1024;
        char *text = realloc(g->text, capacity);
        g->failed = text == NULL;
        g->text = g->failed ? g->text : text;
        g->capacity = g->failed ? g->capacity : capacity;
    }
    if (g->failed)
        return 0;
    memcpy(g->text + g->length, bytes, count);
    g->length += count;
    g->text[g->length] = '\0';
    return (ssize_t)count;
}

char *tt_graph_print(const tt_graph *graph)
{
    growing g = {.text = calloc(1, 1), .capacity = 1};
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); // the caller's may write 0,5
    FILE *out = plain != (locale_t)0 && g.text != NULL
                    ? fopencookie(&g, "w", (cookie_io_functions_t){.write = grow})
                    : NULL;
    g.failed = out == NULL;
    if (out != NULL) {
        locale_t before = uselocale(plain);
        print_graph(out, graph, 0);
        uselocale(before);
        g.failed = fclose(out) != 0 || g.failed;
    }
    if (plain != (locale_t)0)
        freelocale(plain);
    if (!g.failed)
        return g.text;
    free(g.text);
    return NULL;
}
