// The text form of a graph: a line a value, written by tt_graph_print and read by tt_graph_parse.
//
//     %0 = input image : f32[16,28,28,1]
//     %1 = parameter conv1.weights : f32[12,3,3,1]
//     %2 = conv2d(%0, %1) stride=1,1 padding=same : f32[16,28,28,12]
//
// The type and shape after the colon are stated for the reader; parsing computes them again and
// refuses a line that states others.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/oldgraph/primitive.h"

static void print_shape(FILE *out, const tt_shape *shape)
{
    fprintf(out, "%s", tt_shape_text(shape));
}

static void print_attributes(FILE *out, const tt_value *value)
{
    unsigned uses = value->primitive->attributes;
    const tt_attributes *a = &value->attributes;
    if (uses & TT_USES_WINDOW)
        fprintf(out, " window=%u,%u", a->window[0], a->window[1]);
    if (uses & TT_USES_STRIDE)
        fprintf(out, " stride=%u,%u", a->stride[0], a->stride[1]);
    if (uses & TT_USES_PADDING)
        fprintf(out, " padding=%s", a->padding == TT_SAME ? "same" : "valid");
    if (uses & TT_USES_TRANSPOSE)
        fprintf(out, " transpose=%d,%d", a->transpose[0], a->transpose[1]);
    if (uses & TT_USES_ORDER)
        fprintf(out, " order=%u,%u,%u,%u", a->order[0], a->order[1], a->order[2], a->order[3]);
    if (uses & TT_USES_SHAPE) {
        fprintf(out, " shape=");
        print_shape(out, &a->shape);
    }
    if (uses & TT_USES_FACTOR)
        fprintf(out, " factor=%.9g", (double)a->factor); // nine digits bring a float back
    if (uses & TT_USES_QUANTISATION)
        fprintf(out, " zero_point=%d,%d clamp=%d,%d", a->zero_point[0], a->zero_point[1],
                a->clamp[0], a->clamp[1]);
}

char *tt_graph_print(const tt_graph *graph)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    for (size_t id = 0; id < tt_graph_count(graph); id++) {
        const tt_value *value = tt_graph_value(graph, id);
        fprintf(out, "%%%zu = %s", id, value->primitive->name);
        if (value->name != NULL)
            fprintf(out, " %s", value->name);
        for (unsigned i = 0; i < value->input_count; i++)
            fprintf(out, "%s%%%u", i == 0 ? "(" : ", ", value->inputs[i]->id);
        fprintf(out, "%s", value->input_count > 0 ? ")" : "");
        print_attributes(out, value);
        fprintf(out, " : %s", tt_type_name(value->type));
        print_shape(out, &value->shape);
        fprintf(out, "\n");
    }
    fclose(out);
    return text;
}

// A cursor in one line. Every helper below moves it past what it read, or returns false.
typedef struct cursor {
    const char *at;
} cursor;

static bool skip(cursor *c, const char *expected)
{
    size_t length = strlen(expected);
    if (strncmp(c->at, expected, length) != 0)
        return false;
    c->at += length;
    return true;
}

static bool word(cursor *c, char *out, size_t capacity)
{
    size_t length = strcspn(c->at, " (:\n");
    if (length == 0 || length >= capacity)
        return false;
    memcpy(out, c->at, length);
    out[length] = '\0';
    c->at += length;
    return true;
}

static bool number(cursor *c, long least, long greatest, long *out)
{
    char *end;
    *out = strtol(c->at, &end, 10);
    if (end == c->at || *out < least || *out > greatest)
        return false;
    c->at = end;
    return true;
}

// `count` numbers with commas between them.
static bool numbers(cursor *c, long least, long greatest, unsigned count, long *out)
{
    for (unsigned i = 0; i < count; i++)
        if ((i > 0 && !skip(c, ",")) || !number(c, least, greatest, &out[i]))
            return false;
    return true;
}

static bool shape_text(cursor *c, tt_shape *shape)
{
    *shape = TT_SCALAR;
    if (!skip(c, "["))
        return false;
    while (!skip(c, "]")) {
        long size;
        if (shape->rank == TT_RANK_MAX || (shape->rank > 0 && !skip(c, ",")) ||
            !number(c, 1, 1l << 31, &size))
            return false;
        shape->size[shape->rank++] = (size_t)size;
    }
    return true;
}

static bool type_text(cursor *c, tt_type *type)
{
    for (*type = TT_F32; *type <= TT_I8; (*type)++)
        if (skip(c, tt_type_name(*type)))
            return true;
    return false;
}

static bool pair(cursor *c, unsigned *out)
{
    long values[2];
    if (!numbers(c, 0, 1 << 20, 2, values))
        return false;
    out[0] = (unsigned)values[0];
    out[1] = (unsigned)values[1];
    return true;
}

static bool attribute(cursor *c, tt_attributes *a)
{
    long n[4];
    if (skip(c, "window="))
        return pair(c, a->window);
    if (skip(c, "stride="))
        return pair(c, a->stride);
    if (skip(c, "padding=same")) {
        a->padding = TT_SAME;
        return true;
    }
    if (skip(c, "padding=valid")) {
        a->padding = TT_VALID;
        return true;
    }
    if (skip(c, "transpose=")) {
        if (!numbers(c, 0, 1, 2, n))
            return false;
        a->transpose[0] = n[0] != 0;
        a->transpose[1] = n[1] != 0;
        return true;
    }
    if (skip(c, "order=")) {
        if (!numbers(c, 0, TT_RANK_MAX - 1, TT_RANK_MAX, n))
            return false;
        for (int i = 0; i < TT_RANK_MAX; i++)
            a->order[i] = (unsigned)n[i];
        return true;
    }
    if (skip(c, "shape="))
        return shape_text(c, &a->shape);
    if (skip(c, "factor=")) {
        char *end;
        a->factor = strtof(c->at, &end);
        bool read = end != c->at;
        c->at = end;
        return read;
    }
    if (skip(c, "zero_point=")) {
        if (!numbers(c, -128, 127, 2, n))
            return false;
        a->zero_point[0] = (int32_t)n[0];
        a->zero_point[1] = (int32_t)n[1];
        return true;
    }
    if (skip(c, "clamp=")) {
        if (!numbers(c, -128, 127, 2, n))
            return false;
        a->clamp[0] = (int32_t)n[0];
        a->clamp[1] = (int32_t)n[1];
        return true;
    }
    return false;
}

// What one line says, before it is made.
typedef struct line {
    char primitive[64], name[128];
    unsigned input_count;
    tt_value *inputs[TT_INPUTS_MAX];
    tt_attributes attributes;
    tt_type type;
    tt_shape shape;
} line;

static const char *read_line(tt_graph *graph, cursor *c, line *l)
{
    long id;
    if (!skip(c, "%") || !number(c, 0, 1 << 30, &id) || (size_t)id != tt_graph_count(graph))
        return "expected the next value's number";
    if (!skip(c, " = ") || !word(c, l->primitive, sizeof(l->primitive)))
        return "expected ' = ' and a primitive's name";
    if (skip(c, "(")) {
        do {
            if (l->input_count == TT_INPUTS_MAX || !skip(c, "%") || !number(c, 0, 1 << 30, &id) ||
                (size_t)id >= tt_graph_count(graph))
                return "expected the numbers of earlier values as inputs";
            l->inputs[l->input_count++] = tt_graph_value(graph, (size_t)id);
        } while (skip(c, ", "));
        if (!skip(c, ")"))
            return "expected ')'";
    } else if (!skip(c, " : ")) {
        if (!skip(c, " ") || !word(c, l->name, sizeof(l->name)))
            return "expected a name";
    } else {
        c->at -= 3;
    }
    while (!skip(c, " : "))
        if (!skip(c, " ") || !attribute(c, &l->attributes))
            return "unknown or malformed attribute";
    if (!type_text(c, &l->type) || !shape_text(c, &l->shape) || !skip(c, "\n"))
        return "expected a type and a shape such as f32[2,3]";
    return NULL;
}

static tt_value *make_value(tt_graph *graph, const line *l)
{
    const char *name = l->name[0] != '\0' ? l->name : NULL;
    if (strcmp(l->primitive, "input") == 0)
        return tt_input(graph, name, l->type, l->shape);
    if (strcmp(l->primitive, "parameter") == 0)
        return tt_parameter(graph, name, l->shape);
    if (strcmp(l->primitive, "constant") == 0)
        return tt_constant(graph, l->type, l->shape, NULL);
    return tt_apply(graph, l->primitive, l->input_count, l->inputs, &l->attributes);
}

tt_graph *tt_graph_parse(const char *text, tt_text *why)
{
    tt_graph *graph = tt_graph_new();
    cursor c = {text};
    for (unsigned at = 1; *c.at != '\0'; at++) {
        line l = {0};
        const char *problem = read_line(graph, &c, &l);
        tt_value *value = problem == NULL ? make_value(graph, &l) : NULL;
        if (problem == NULL && value == NULL)
            problem = tt_graph_error(graph);
        else if (problem == NULL &&
                 (value->type != l.type || !tt_shape_equal(&value->shape, &l.shape)))
            problem = "the stated type and shape are not those of the result";
        if (problem != NULL) {
            tt_text_add(why, "line ");
            tt_text_add_unsigned(why, at);
            tt_text_add(why, ": ");
            tt_text_add(why, problem);
            tt_graph_free(graph);
            return NULL;
        }
    }
    return graph;
}
