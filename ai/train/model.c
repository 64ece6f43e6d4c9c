// A model: a network, a session with its weights, and the programs that it ran with.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/element.h"
#include "ai/train/model_internal.h"
#include "tutti/random.h"

#define SOME 256 // weights that are made at once

// ---- graphs

static const tt_buffer *find_buffer(const tt_graph *graph, const char *name)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_CONSTANT && strcmp(buffer->name, name) == 0)
            return buffer;
    }
    return NULL;
}

static tt_value find_logits(const tt_graph *graph)
{
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        if (strcmp(tt_graph_result_at(graph, i)->name, "logits") == 0)
            return tt_graph_result_at(graph, i)->value;
    return TT_NONE;
}

static tt_status refuse_logits(const tt_graph *graph, tt_value logits, const char *expected,
                               tt_text *why)
{
    char is[TT_TYPE_TEXT_BYTES];
    tt_text_add(why, "the network gives logits of ");
    tt_text_add(why,
                tt_is_none(logits) ? "no type" : tt_type_text(tt_graph_type(graph, logits), is));
    tt_text_add(why, ", expected ");
    tt_text_add(why, expected);
    return TT_INVALID;
}

// Logits as the network says, of the image and of parameters alone.
static tt_status check_graph(const tt_network *n, const tt_graph *graph, int64_t batch,
                             tt_text *why)
{
    char expected[TT_TYPE_TEXT_BYTES];
    tt_type wanted = TT_TYPE(TT_F32, batch, n->classes);
    tt_value logits = find_logits(graph);
    bool sound = !tt_is_none(logits) && tt_type_equal(tt_graph_type(graph, logits), &wanted);
    if (n->classes < 1 || n->classes > TT_CLASSES_MAX || (batch == 1 && !sound))
        return refuse_logits(graph, logits, "f32[1,N] for the N classes of the network, 1 to 64",
                             why);
    if (!sound)
        return refuse_logits(graph, logits, tt_type_text(&wanted, expected), why);
    uint32_t parameters = 0;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        parameters += buffer->kind == TT_PARAMETER;
        if (buffer->kind == TT_CONSTANT || buffer->kind == TT_PARAMETER ||
            (buffer->kind == TT_INPUT && strcmp(buffer->name, "image") == 0))
            continue;
        tt_text_add(why, buffer->kind == TT_INPUT ? "the network has an input '"
                                                  : "the network has a state '");
        tt_text_add(why, buffer->name);
        tt_text_add(why, buffer->kind == TT_INPUT ? "' besides its image"
                                                  : "', which a model does not keep");
        return TT_INVALID;
    }
    if (parameters <= TT_PARAMETERS_MAX)
        return TT_OK;
    tt_text_add(why, "the network has ");
    tt_text_add_unsigned(why, parameters);
    tt_text_add(why, " parameters, expected at most 4096");
    return TT_TOO_LARGE;
}

// A weight that is only there for some numbers of images would be in no file.
static tt_status check_parameters(const tt_graph *one, const tt_graph *graph, int64_t batch,
                                  tt_text *why)
{
    int64_t more = 0; // parameters than for one image
    bool same = true;
    for (uint32_t i = 0; i < tt_graph_buffer_count(one); i++)
        more -= tt_graph_buffer(one, i)->kind == TT_PARAMETER;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_PARAMETER)
            continue;
        const tt_buffer *known = find_buffer(one, buffer->name);
        same = same && known != NULL && tt_type_equal(&known->type, &buffer->type);
        more++;
    }
    if (same && more == 0)
        return TT_OK;
    tt_text_add(why, "the network has other parameters for ");
    tt_text_add_signed(why, batch);
    tt_text_add(why, " images than for one");
    return TT_INVALID;
}

// What the network's function adds to it besides the logits is not computed.
static tt_status build_graph(const tt_network *n, tt_graph *g, int64_t batch, tt_text *why)
{
    tt_value image = tt_input(g, "image", TT_TYPE(TT_F32, batch, n->rows, n->columns, 1));
    if (tt_graph_status(g) == TT_OK) {
        tt_value logits = n->build(g, image);
        tt_graph_forget(g);
        tt_graph_result(g, "logits", logits);
    }
    if (tt_graph_status(g) == TT_OK)
        return check_graph(n, g, batch, why);
    tt_text_add(why, tt_graph_error(g));
    return tt_graph_status(g);
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
    tt_graph *g = n->build != NULL ? tt_graph_new() : tt_graph_copy(m->graph);
    tt_status status = g != NULL ? TT_OK : TT_FULL;
    if (status == TT_OK && n->build != NULL)
        status = build_graph(n, g, batch, why);
    if (status == TT_OK && m->graph != NULL)
        status = check_parameters(m->graph, g, batch, why);
    if (status == TT_OK)
        *graph = g;
    else
        tt_graph_free(g);
    return status;
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
    tt_status status = tt_session_new(options, &m->session, why);
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
    if (only.network.build == NULL) {
        tt_text_add(why, "the network has no function that builds it");
        return TT_INVALID;
    }
    tt_status status = tt_model_graph(&only, 1, &graph, why);
    return status == TT_OK ? make(&only.network, graph, options, model, why) : status;
}

// Whether that is what the network builds for one image.
static tt_status is_of(const tt_network *network, const tt_graph *graph, bool *is)
{
    tt_graph *ours;
    tt_status status = tt_model_graph(&(tt_model){.network = *network}, 1, &ours, NULL);
    if (status != TT_OK)
        return status;
    char *a = tt_graph_print(ours), *b = tt_graph_print(graph);
    status = a != NULL && b != NULL ? TT_OK : TT_FULL;
    *is = status == TT_OK && strcmp(a, b) == 0;
    free(a);
    free(b);
    tt_graph_free(ours);
    return status;
}

// The network that a graph for one image is; it goes on to compute nothing but the logits.
static tt_status understand(tt_graph *graph, tt_network *network, tt_text *why)
{
    bool is_classifier = false;
    tt_status status = is_of(&tt_classifier, graph, &is_classifier);
    if (status != TT_OK || is_classifier) {
        *network = tt_classifier;
        return status;
    }
    const tt_buffer *image = find_buffer(graph, "image");
    const tt_type *type = image != NULL ? &image->type : NULL;
    if (type == NULL || image->kind != TT_INPUT || type->rank != 4 || type->element != TT_F32 ||
        type->size[0] != 1 || type->size[3] != 1) {
        tt_text_add(why, "the network has no input 'image' of f32[1,rows,columns,1]");
        return TT_INVALID;
    }
    *network = (tt_network){.name = "network", .rows = type->size[1], .columns = type->size[2]};
    tt_value logits = find_logits(graph);
    if (!tt_is_none(logits) && tt_graph_type(graph, logits)->rank == 2)
        network->classes = tt_graph_type(graph, logits)->size[1];
    tt_graph_forget(graph);
    if (!tt_is_none(logits))
        tt_graph_result(graph, "logits", logits);
    if (tt_graph_status(graph) != TT_OK)
        return tt_graph_status(graph);
    return check_graph(network, graph, 1, why);
}

tt_status tt_model_of_graph(tt_graph *graph, const tt_session_options *options, tt_model **model,
                            tt_text *why)
{
    *model = NULL;
    tt_network network;
    tt_status status = understand(graph, &network, why);
    if (status == TT_OK)
        return make(&network, graph, options, model, why);
    tt_graph_free(graph);
    return status;
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
    double some[SOME]; // elements of any type
    tt_random_seed(&random, seed);
    for (uint32_t at = 0; (parameter = tt_model_parameter(m, &at)) != NULL;) {
        const tt_type *type = &parameter->type;
        tt_element element = (tt_element)type->element;
        int64_t count = tt_type_count(type);
        if (!tt_element_is_float(element) || count == 0)
            continue;
        bool is_bias = type->rank < 2;
        float deviation = is_bias ? 0 : sqrtf(2 / (float)(count / type->size[0]));
        for (int64_t k = 0; k < count; k++) {
            float weight = is_bias ? 0 : deviation * normal(&random);
            tt_cell_store(element, some, k % SOME, tt_cell_of_number(element, (double)weight));
            if (k % SOME == SOME - 1 || k == count - 1)
                (void)!tt_session_write(m->session, parameter->name, k - k % SOME, k % SOME + 1,
                                        some);
        }
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
