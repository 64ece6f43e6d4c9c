// Graphs of the functions that are made of several rows, as text, for tests written in other
// languages.
//
// A line from standard input names a function, a type and numbers ("softmax f32[2,3] -1"); the
// answer is the text's length (u32) and the text of a graph with what the function takes as inputs
// and what it gives as its result.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/graph.h"

#define NUMBERS_MAX 64

static void give_up(const char *why, const char *what)
{
    fprintf(stderr, "make_function: %s: %s\n", why, what);
    exit(2);
}

typedef struct call {
    tt_graph *graph;
    tt_type type;
    tt_value x; // an input of that type
    int64_t number[NUMBERS_MAX];
    unsigned count;
    double real; // what stands behind all others, where it is one
} call;

typedef tt_value function(call *c);

static tt_value key(call *c)
{
    return tt_input(c->graph, "key", TT_SCALAR(TT_U64));
}

static tt_value relu(call *c)
{
    return tt_relu(c->graph, c->x);
}

static tt_value sigmoid(call *c)
{
    return tt_sigmoid(c->graph, c->x);
}

static tt_value gelu(call *c)
{
    return tt_gelu(c->graph, c->x);
}

static tt_value softmax(call *c)
{
    return tt_softmax(c->graph, c->x, c->number[0]);
}

static tt_value log_softmax(call *c)
{
    return tt_log_softmax(c->graph, c->x, c->number[0]);
}

static tt_value scale(call *c)
{
    return tt_scale(c->graph, c->x, c->real);
}

static tt_value sum_all(call *c)
{
    return tt_sum_all(c->graph, c->x);
}

static tt_value mean_all(call *c)
{
    return tt_mean_all(c->graph, c->x);
}

static tt_value mean(call *c) // axes
{
    return tt_mean(c->graph, c->x, c->count, c->number);
}

static tt_value sum_to(call *c) // sizes
{
    tt_type type = {.element = c->type.element, .rank = (uint8_t)c->count};
    for (unsigned i = 0; i < c->count; i++)
        type.size[i] = c->number[i];
    return tt_sum_to(c->graph, c->x, &type);
}

static tt_value one_hot(call *c) // classes, element
{
    return tt_one_hot(c->graph, c->x, c->number[0], (tt_element)c->number[1]);
}

static tt_value cross_entropy(call *c) // the labels' element
{
    tt_type labels = TT_TYPE((uint8_t)c->number[0], c->type.size[0]);
    return tt_cross_entropy(c->graph, c->x, tt_input(c->graph, "labels", labels));
}

static tt_value random_uniform(call *c)
{
    return tt_random_uniform(c->graph, key(c), c->type);
}

static tt_value random_normal(call *c)
{
    return tt_random_normal(c->graph, key(c), c->type);
}

static tt_value
pool_average(call *c) // window, stride, dilation, spread, before, after of each axis
{
    unsigned axes = c->type.rank - 2u;
    const int64_t *n = c->number;
    return tt_pool_average(
        c->graph, c->x, n,
        &(tt_windows){n + axes, n + 2 * axes, n + 3 * axes, n + 4 * axes, n + 5 * axes});
}

static tt_value same_padding(call *c) // window, stride of each axis
{
    int64_t before[TT_RANK_MAX], after[TT_RANK_MAX];
    const int64_t *stride = c->number + c->type.rank - 2;
    tt_same_padding(&c->type, c->number, stride, before, after);
    return tt_pool_average(c->graph, c->x, c->number,
                           &(tt_windows){.stride = stride, .before = before, .after = after});
}

static const struct {
    const char *name;
    function *make;
    bool takes_x;
} functions[] = {
    {"relu", relu, true},
    {"sigmoid", sigmoid, true},
    {"gelu", gelu, true},
    {"softmax", softmax, true},
    {"log_softmax", log_softmax, true},
    {"scale", scale, true},
    {"sum_all", sum_all, true},
    {"mean_all", mean_all, true},
    {"mean", mean, true},
    {"sum_to", sum_to, true},
    {"one_hot", one_hot, true},
    {"cross_entropy", cross_entropy, true},
    {"random_uniform", random_uniform, false},
    {"random_normal", random_normal, false},
    {"pool_average", pool_average, true},
    {"same_padding", same_padding, true},
};

// "f32[2,3]"
static tt_type read_type(char *text)
{
    tt_type type = {.rank = 0};
    tt_element element = TT_F32;
    char *sizes = strchr(text, '[');
    if (sizes == NULL)
        give_up("no type", text);
    *sizes++ = '\0';
    if (!tt_element_find(text, &element))
        give_up("no element type", text);
    type.element = (uint8_t)element;
    while (*sizes != ']' && *sizes != '\0' && type.rank < TT_RANK_MAX) {
        type.size[type.rank++] = strtoll(sizes, &sizes, 10);
        sizes += *sizes == ',';
    }
    return type;
}

static void answer(char *line)
{
    call c = {.graph = tt_graph_new()};
    char *name = strtok(line, " \n"), *type = strtok(NULL, " \n"), *number;
    if (c.graph == NULL || type == NULL)
        give_up("no function and type", line);
    c.type = read_type(type);
    while ((number = strtok(NULL, " \n")) != NULL && c.count < NUMBERS_MAX) {
        tt_element element;
        c.real = strtod(number, NULL);
        c.number[c.count++] =
            tt_element_find(number, &element) ? (int64_t)element : strtoll(number, NULL, 10);
    }
    size_t i = 0;
    while (i < sizeof(functions) / sizeof(functions[0]) && strcmp(functions[i].name, name) != 0)
        i++;
    if (i == sizeof(functions) / sizeof(functions[0]))
        give_up("no such function", name);
    if (functions[i].takes_x)
        c.x = tt_input(c.graph, "x", c.type);
    tt_graph_result(c.graph, "y", functions[i].make(&c));
    char *text = tt_graph_status(c.graph) == TT_OK ? tt_graph_print(c.graph) : NULL;
    if (text == NULL)
        give_up(name, tt_graph_error(c.graph));
    uint32_t length = (uint32_t)strlen(text);
    if (fwrite(&length, sizeof(length), 1, stdout) != 1 ||
        fwrite(text, 1, length, stdout) != length || fflush(stdout) != 0)
        give_up(name, "the output cannot be written");
    free(text);
    tt_graph_free(c.graph);
}

int main(void)
{
    char line[4096];
    while (fgets(line, sizeof(line), stdin) != NULL)
        answer(line);
    return 0;
}
