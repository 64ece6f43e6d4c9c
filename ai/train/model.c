// A model: a network, a session with its weights, and the programs that it ran with.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/train/model_internal.h"
#include "tutti/random.h"

// ---- graphs

static tt_status refuse_graph(tt_graph *graph, tt_text *why)
{
    tt_status status = tt_graph_status(graph);
    tt_text_add(why, tt_graph_error(graph));
    tt_graph_free(graph);
    return status;
}

tt_status tt_model_graph(const tt_model *m, int64_t batch, tt_graph **graph, tt_text *why)
{
    *graph = NULL;
    const tt_network *n = &m->network;
    if (batch < 1 || (n->build == NULL && batch != 1)) {
        tt_text_add(why, "the network is for ");
        tt_text_add(why,
                    n->build == NULL ? "one image at a time, not " : "one image or more, not ");
        tt_text_add_signed(why, batch);
        return TT_INVALID;
    }
    if (n->build == NULL) {
        *graph = tt_graph_copy(m->graph);
        return *graph != NULL ? TT_OK : TT_FULL;
    }
    tt_graph *g = tt_graph_new();
    if (g == NULL)
        return TT_FULL;
    tt_value image = tt_input(g, "image", TT_TYPE(TT_F32, batch, n->rows, n->columns, 1));
    tt_value logits = n->build(g, image);
    tt_graph_result(g, "logits", logits);
    if (tt_graph_status(g) != TT_OK)
        return refuse_graph(g, why);
    *graph = g;
    return TT_OK;
}

static tt_value find_logits(const tt_graph *graph)
{
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        if (strcmp(tt_graph_result_at(graph, i)->name, "logits") == 0)
            return tt_graph_result_at(graph, i)->value;
    return TT_NONE;
}

// Whether the graph takes images and gives logits as the network says.
static tt_status check_graph(const tt_network *n, const tt_graph *graph, tt_text *why)
{
    char is[TT_TYPE_TEXT_BYTES];
    tt_type wanted = TT_TYPE(TT_F32, 1, n->classes);
    tt_value logits = find_logits(graph);
    if (n->classes < 1 || n->classes > TT_CLASSES_MAX || tt_is_none(logits) ||
        !tt_type_equal(tt_graph_type(graph, logits), &wanted)) {
        tt_text_add(why, "the network gives logits of ");
        tt_text_add(why, tt_is_none(logits) ? "no type"
                                            : tt_type_text(tt_graph_type(graph, logits), is));
        tt_text_add(why, ", expected f32[1,N] for the N classes of the network, 1 to 64");
        return TT_INVALID;
    }
    return TT_OK;
}

// ---- making one

// Takes the graph over.
static tt_status make(const tt_network *network, tt_graph *graph, const tt_session_options *options,
                      tt_model **model, tt_text *why)
{
    tt_program *program;
    tt_model *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        tt_graph_free(graph);
        return TT_FULL;
    }
    m->network = *network;
    m->graph = graph;
    tt_status status = check_graph(network, graph, why);
    if (status == TT_OK)
        status = tt_session_new(options, &m->session, why);
    if (status == TT_OK)
        status = tt_session_load(m->session, graph, &program, why); // makes room for the weights
    if (status != TT_OK) {
        tt_model_free(m);
        return status;
    }
    tt_program_free(program);
    *model = m;
    return TT_OK;
}

tt_status tt_model_new(const tt_network *network, const tt_session_options *options,
                       tt_model **model, tt_text *why)
{
    *model = NULL;
    tt_model only = {.network = network != NULL ? *network : tt_classifier};
    tt_graph *graph;
    tt_status status = tt_model_graph(&only, 1, &graph, why);
    return status == TT_OK ? make(&only.network, graph, options, model, why) : status;
}

// From a graph for one image, which it takes over: that of tt_classifier, or another.
tt_status tt_model_of_graph(tt_graph *graph, const tt_session_options *options, tt_model **model,
                            tt_text *why)
{
    *model = NULL;
    tt_model known = {.network = tt_classifier};
    tt_graph *ours;
    tt_status status = tt_model_graph(&known, 1, &ours, why);
    char *a = status == TT_OK ? tt_graph_print(ours) : NULL, *b = tt_graph_print(graph);
    bool same = a != NULL && b != NULL && strcmp(a, b) == 0;
    if (status == TT_OK && (a == NULL || b == NULL))
        status = TT_FULL;
    free(a);
    free(b);
    if (status == TT_OK)
        tt_graph_free(ours);
    if (status != TT_OK) {
        tt_graph_free(graph);
        return status;
    }
    if (same)
        return make(&tt_classifier, graph, options, model, why);
    tt_value image = tt_graph_find(graph, "image");
    const tt_type *type = !tt_is_none(image) ? tt_graph_type(graph, image) : NULL;
    if (type == NULL || type->rank != 4 || type->element != TT_F32 || type->size[0] != 1 ||
        type->size[3] != 1) {
        tt_text_add(why, "the network has no input 'image' of f32[1,rows,columns,1]");
        tt_graph_free(graph);
        return TT_INVALID;
    }
    tt_network other = {.name = "network", .rows = type->size[1], .columns = type->size[2]};
    tt_value logits = find_logits(graph);
    if (!tt_is_none(logits) && tt_graph_type(graph, logits)->rank == 2)
        other.classes = tt_graph_type(graph, logits)->size[1];
    tt_graph_forget(graph); // whatever else it computes
    if (!tt_is_none(logits))
        tt_graph_result(graph, "logits", logits);
    return make(&other, graph, options, model, why);
}

void tt_model_free(tt_model *m)
{
    if (m == NULL)
        return;
    tt_session_free(m->session);
    tt_graph_free(m->graph);
    free(m);
}

const tt_network *tt_model_network(const tt_model *m)
{
    return &m->network;
}

tt_session *tt_model_session(const tt_model *m)
{
    return m->session;
}

// ---- what it is made of

const tt_buffer *tt_model_parameter(const tt_model *m, uint32_t *at)
{
    while (*at < tt_graph_buffer_count(m->graph)) {
        const tt_buffer *buffer = tt_graph_buffer(m->graph, (*at)++);
        if (buffer->kind == TT_PARAMETER)
            return buffer;
    }
    return NULL;
}

// A standard normal number by Box and Muller's method.
static float normal(tt_random *random)
{
    double u = ((double)(tt_random_u64(random) >> 11) + 0.5) / 9007199254740992.0;
    double v = (double)(tt_random_u64(random) >> 11) / 9007199254740992.0;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

void tt_model_initialise(tt_model *m, uint64_t seed)
{
    tt_random random;
    const tt_buffer *parameter;
    tt_random_seed(&random, seed);
    for (uint32_t at = 0; (parameter = tt_model_parameter(m, &at)) != NULL;) {
        float *weights = tt_session_bytes(m->session, parameter->name, NULL);
        int64_t count = tt_type_count(&parameter->type);
        if (parameter->type.element != TT_F32 || count == 0)
            continue;
        memset(weights, 0, (size_t)count * sizeof(*weights));
        if (parameter->type.rank < 2)
            continue; // a bias
        float deviation = sqrtf(2 / (float)(count / parameter->type.size[0]));
        for (int64_t k = 0; k < count; k++)
            weights[k] = deviation * normal(&random);
    }
}

uint64_t tt_model_parameter_elements(const tt_model *m)
{
    uint64_t total = 0;
    const tt_buffer *parameter;
    for (uint32_t at = 0; (parameter = tt_model_parameter(m, &at)) != NULL;)
        total += (uint64_t)tt_type_count(&parameter->type);
    return total;
}

uint64_t tt_model_multiplications(const tt_model *m)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < tt_graph_count(m->graph); i++) {
        uint16_t op = tt_graph_node(m->graph, i)->op;
        if (op == TT_OP_CONV || op == TT_OP_MATMUL)
            total += tt_node_cost(m->graph, i);
    }
    return total;
}
