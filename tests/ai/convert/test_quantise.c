// Random networks quantised: scales and tables by their definitions, plans that the runtime
// computes as the integer graph does, and answers near the float network's.

#include "tests/ai/convert/networks.h"

#define BATCH 2
#define INPUTS 6 // to calibrate with: three batches
#define LAYERS_MAX 6

static tt_random numbers;

static int64_t below(int64_t limit)
{
    return (int64_t)tt_random_below(&numbers, (uint64_t)limit);
}

// What a layer was built of.
typedef struct built {
    tt_value value;
    char weights[16], bias[16]; // "": none
    bool relu, transposed;      // transposed: weights are (in, out)
} built;

typedef struct network {
    tt_graph *graph;
    tt_session *session;
    built layer[LAYERS_MAX];
    unsigned count;
    float *calibration;
    size_t elements; // of an input
} network;

static tt_value finish_layer(network *n, built *l, tt_value product, int64_t out)
{
    tt_value zero = tt_number(n->graph, TT_F32, below(2) == 0 ? 0 : -0.0);
    tt_value y = product;
    if (below(4) > 0) {
        snprintf(l->bias, sizeof(l->bias), "b%u", n->count);
        tt_value bias = tt_parameter(n->graph, l->bias, TT_TYPE(TT_F32, out));
        y = below(2) == 0 ? tt_add(n->graph, y, bias) : tt_add(n->graph, bias, y);
    }
    l->relu = below(3) > 0;
    if (l->relu)
        y = below(2) == 0 ? tt_relu(n->graph, y) : tt_binary(n->graph, TT_OP_GREATER_OF, zero, y);
    return y;
}

static void add_windows(network *n, built *l, tt_value x)
{
    tt_graph *g = n->graph;
    tt_type t = *tt_graph_type(g, x);
    int64_t window[2], stride[2], before[2], after[2];
    for (unsigned i = 0; i < 2; i++) {
        window[i] = 1 + below(t.size[1 + i] < 3 ? t.size[1 + i] : 3);
        stride[i] = 1 + below(2);
        before[i] = below(window[i]);
        after[i] = below(window[i]);
    }
    if (below(2) == 0)
        tt_same_padding(&t, window, stride, before, after);
    tt_windows windows = {.stride = stride, .before = before, .after = after};
    int64_t kind = below(4), groups = kind == 1 ? t.size[3] : 1;
    if (kind == 2) {
        l->value = tt_pool_greatest(g, x, window, &windows);
    } else if (kind == 3) {
        l->value = tt_pool_average(g, x, window, &windows);
    } else {
        int64_t out = kind == 1 ? t.size[3] * (1 + below(2)) : 1 + below(6);
        snprintf(l->weights, sizeof(l->weights), "w%u", n->count);
        tt_value w = tt_parameter(g, l->weights,
                                  TT_TYPE(TT_F32, out, window[0], window[1], t.size[3] / groups));
        l->value = finish_layer(n, l, tt_conv(g, x, w, &windows, groups), out);
    }
}

static void add_dense(network *n, built *l, tt_value x)
{
    tt_graph *g = n->graph;
    x = tt_reshape(g, x, 2, (int64_t[]){BATCH, -1});
    int64_t in = tt_graph_type(g, x)->size[1], out = 1 + below(7);
    l->transposed = below(2) == 0;
    snprintf(l->weights, sizeof(l->weights), "w%u", n->count);
    tt_value w = tt_parameter(g, l->weights,
                              l->transposed ? TT_TYPE(TT_F32, in, out) : TT_TYPE(TT_F32, out, in));
    x = tt_matmul(g, x, l->transposed ? w : tt_transpose(g, w, (int64_t[]){1, 0}));
    l->value = finish_layer(n, l, x, out);
}

// Weights whose channels differ a thousandfold, and calibration with whole pixels.
static void fill(network *n)
{
    for (uint32_t b = 0; b < tt_graph_buffer_count(n->graph); b++) {
        const tt_buffer *buffer = tt_graph_buffer(n->graph, b);
        if (buffer->kind != TT_PARAMETER)
            continue;
        float *data = tt_session_bytes(n->session, buffer->name, NULL);
        int64_t count = tt_type_count(&buffer->type), taps = count / buffer->type.size[0];
        for (int64_t k = 0; k < count; k++)
            data[k] = ((float)below(2001) / 1000 - 1) * powf(10, (float)(k / taps % 4) - 3);
    }
    n->calibration = calloc(INPUTS * n->elements, sizeof(float));
    for (size_t k = 0; k < INPUTS * n->elements; k++)
        n->calibration[k] = (float)below(256) / 255;
}

static network random_network(void)
{
    network n = {.graph = tt_graph_new()};
    tt_type type = TT_TYPE(TT_F32, BATCH, 3 + below(8), 3 + below(8), 1 + below(3));
    tt_value x = tt_input(n.graph, "x", type);
    int64_t layers = 1 + below(4);
    n.elements = (size_t)tt_type_count(&type) / BATCH;
    for (; n.count < layers; n.count++) {
        add_windows(&n, &n.layer[n.count], x);
        x = n.layer[n.count].value;
    }
    if (below(2) == 0) {
        add_dense(&n, &n.layer[n.count], x);
        x = n.layer[n.count++].value;
    }
    tt_graph_result(n.graph, "y", x);
    for (unsigned i = 0; i < n.count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "layer %u", i);
        tt_graph_result(n.graph, name, n.layer[i].value);
    }
    if (tt_graph_status(n.graph) != TT_OK)
        printf("%s\n", tt_graph_error(n.graph));
    REQUIRE(tt_graph_status(n.graph) == TT_OK);
    n.session = made_up_session(n.graph);
    fill(&n);
    return n;
}

// The least and greatest of each layer's float values, zero among them.
static void ranges_of(const network *n, float least[LAYERS_MAX], float greatest[LAYERS_MAX])
{
    tt_program *program;
    REQUIRE(tt_session_load(n->session, n->graph, &program, NULL) == TT_OK);
    for (size_t first = 0; first < INPUTS; first += BATCH) {
        REQUIRE(tt_program_set(program, "x", n->calibration + first * n->elements) == TT_OK);
        REQUIRE(tt_program_run(program, NULL) == TT_OK);
        for (unsigned i = 0; i < n->count; i++) {
            tt_type type;
            const float *y = tt_program_result(program, 1 + i, &type);
            for (int64_t k = 0; k < tt_type_count(&type); k++) {
                least[i] = fminf(least[i], y[k]);
                greatest[i] = fmaxf(greatest[i], y[k]);
            }
        }
    }
    tt_program_free(program);
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * fabs(b);
}

// One channel: a scale of its own, by which its greatest weight becomes 127 or its bias 2^30, and
// every number lies within half a step of what it stands for.
static void check_channel(const network *n, const built *b, const tt_layer *l, int64_t channel,
                          double input_scale)
{
    const float *w = tt_session_bytes(n->session, b->weights, NULL);
    const float *bias = tt_session_bytes(n->session, b->bias, NULL);
    int64_t out = l->step.out[2];
    double scale = 0;
    for (int64_t k = 0; k < l->taps; k++)
        scale =
            fmax(scale,
                 (double)fabsf(w[b->transposed ? k * out + channel : channel * l->taps + k]) / 127);
    if (scale == 0)
        return; // test_numbers.c has those
    double real = bias != NULL ? (double)bias[channel] : 0;
    scale = fmax(scale, fabs(real) / input_scale / (1 << 30)); // the bias fits 32 bits
    for (int64_t k = 0; k < l->taps; k++) {
        double weight = (double)w[b->transposed ? k * out + channel : channel * l->taps + k];
        int8_t q =
            l->weight[l->kind == TT_STEP_DEPTHWISE ? k * out + channel : channel * l->taps + k];
        EXPECT(fabs(weight - q * scale) <= 0.50001 * scale);
    }
    double step = input_scale * scale;
    EXPECT(fabs(real - l->bias_sum[channel] * step) <= 0.5001 * step + 1e-6 * fabs(real));
    double factor = step / (double)l->scale,
           said = ldexp(l->multiplier[channel], l->shift[channel] - 31);
    EXPECT(factor < 0x1p-32 ? said == 0 : near(said, factor)); // less is nothing, as TFLite has it
}

static void check_definition(const network *n, const tt_quantised *q)
{
    float least[LAYERS_MAX] = {0}, greatest[LAYERS_MAX] = {0};
    double input_scale = 1.0 / 255;
    int32_t zero_point = -128;
    unsigned at = 0;
    ranges_of(n, least, greatest);
    for (unsigned i = 0; i < q->count; i++) {
        const tt_layer *l = &q->layers[i];
        if (l->kind == 0)
            continue;
        EXPECT_EQUAL(l->step.input_zero_point, zero_point);
        EXPECT_EQUAL(l->step.clamp[1], 127);
        if (l->weight == NULL) { // a pooling keeps scale and zero point
            EXPECT((double)l->scale == input_scale || near((double)l->scale, input_scale));
            EXPECT_EQUAL(l->step.output_zero_point, zero_point);
            EXPECT_EQUAL(l->step.clamp[0], -128);
            continue;
        }
        while (at < n->count && n->layer[at].weights[0] == '\0')
            at++;
        REQUIRE(at < n->count);
        const built *b = &n->layer[at];
        double span = (double)greatest[at] - (double)least[at];
        zero_point = l->step.output_zero_point;
        EXPECT(span == 0 ? l->scale == 1 : near((double)l->scale, span / 255));
        EXPECT_EQUAL(zero_point, lround(-128 - (double)least[at] / (double)l->scale));
        EXPECT_EQUAL(l->step.clamp[0], b->relu ? zero_point : -128);
        for (int64_t channel = 0; channel < l->step.out[2]; channel++)
            check_channel(n, b, l, channel, input_scale);
        input_scale = (double)l->scale;
        at++;
    }
}

static void network_free(network *n)
{
    tt_session_free(n->session);
    tt_graph_free(n->graph);
    free(n->calibration);
}

int main(void)
{
    double worst = 0, sum = 0;
    tt_random_seed(&numbers, 20261126);
    for (int i = 0; i < 300; i++) {
        network n = random_network();
        tt_quantised *q;
        char sentence[256] = "";
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_status status =
            tt_quantise(n.session, n.graph, "x", "y", n.calibration, INPUTS, &q, &why);
        EXPECT_TEXT(sentence, "");
        REQUIRE(status == TT_OK);
        check_definition(&n, q);
        expect_plan_agrees(q, &numbers, 3);
        double off = distance(n.session, n.graph, q, n.calibration, n.elements, BATCH);
        worst = fmax(worst, off);
        sum += off;
        tt_quantised_free(q);
        network_free(&n);
    }
    printf("answers are off by %.2f %% of their range in the mean, %.2f %% in the worst network\n",
           100 * sum / 300, 100 * worst);
    EXPECT(sum / 300 < 0.002 && worst < 0.08);
    return test_result();
}
