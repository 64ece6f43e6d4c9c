// Every primitive's derivative against central finite differences of its reference kernel.
//
// The test walks the table: a primitive that has a derivative and no case here fails, so none can
// be added unchecked. The loss is the sum of the outputs times fixed random weights.

#include <math.h>

#include "ai/oldgraph/primitive.h"
#include "tests/test.h"
#include "tutti/random.h"

typedef struct gradient_case {
    const char *primitive;
    unsigned inputs;
    tt_shape shapes[TT_INPUTS_MAX];
    tt_attributes attributes;
    float least, greatest; // of the random inputs
    bool labels;           // the last input is i32 labels below 3
} gradient_case;

#define SHAPE(...) TT_SHAPE(__VA_ARGS__)
#define SLIDE(w, s, p)                                                                             \
    {                                                                                              \
        .window = {w, w}, .stride = {s, s}, .padding = p                                           \
    }

static const gradient_case cases[] = {
    {"add", 2, {{2, {3, 4}}, {2, {3, 4}}}, {.factor = 0}, -1, 1, false},
    {"subtract", 2, {{2, {3, 4}}, {2, {3, 4}}}, {.factor = 0}, -1, 1, false},
    {"multiply", 2, {{2, {3, 4}}, {2, {3, 4}}}, {.factor = 0}, -1, 1, false},
    {"divide", 2, {{2, {3, 4}}, {2, {3, 4}}}, {.factor = 0}, 0.5f, 2, false},
    {"scale", 1, {{1, {5}}}, {.factor = -2.5f}, -1, 1, false},
    {"exp", 1, {{1, {5}}}, {.factor = 0}, -1, 1, false},
    {"log", 1, {{1, {5}}}, {.factor = 0}, 0.5f, 2, false},
    {"sqrt", 1, {{1, {5}}}, {.factor = 0}, 0.5f, 2, false},
    {"relu", 1, {{1, {9}}}, {.factor = 0}, -1, 1, false},
    {"bias_add", 2, {{3, {2, 3, 4}}, {1, {4}}}, {.factor = 0}, -1, 1, false},
    {"reshape", 1, {{2, {3, 4}}}, {.shape = {3, {2, 2, 3}}}, -1, 1, false},
    {"transpose", 1, {{3, {2, 3, 4}}}, {.order = {2, 0, 1}}, -1, 1, false},
    {"broadcast", 1, {{2, {3, 1}}}, {.shape = {3, {2, 3, 4}}}, -1, 1, false},
    {"sum_to", 1, {{3, {2, 3, 4}}}, {.shape = {2, {3, 1}}}, -1, 1, false},
    {"matmul", 2, {{2, {3, 4}}, {2, {4, 5}}}, {.factor = 0}, -1, 1, false},
    {"matmul", 2, {{2, {4, 3}}, {2, {4, 5}}}, {.transpose = {true, false}}, -1, 1, false},
    {"matmul", 2, {{2, {3, 4}}, {2, {5, 4}}}, {.transpose = {false, true}}, -1, 1, false},
    {"matmul", 2, {{2, {4, 3}}, {2, {5, 4}}}, {.transpose = {true, true}}, -1, 1, false},
    {"conv2d", 2, {{4, {2, 5, 6, 3}}, {4, {4, 3, 3, 3}}}, SLIDE(0, 1, TT_SAME), -1, 1, false},
    {"conv2d", 2, {{4, {1, 6, 5, 2}}, {4, {3, 2, 3, 2}}}, SLIDE(0, 2, TT_SAME), -1, 1, false},
    {"conv2d", 2, {{4, {1, 6, 7, 2}}, {4, {3, 3, 2, 2}}}, SLIDE(0, 2, TT_VALID), -1, 1, false},
    {"depthwise_conv2d",
     2,
     {{4, {2, 5, 4, 3}}, {4, {1, 3, 3, 6}}},
     SLIDE(0, 1, TT_SAME),
     -1,
     1,
     false},
    {"depthwise_conv2d",
     2,
     {{4, {1, 6, 5, 2}}, {4, {1, 2, 3, 2}}},
     SLIDE(0, 2, TT_VALID),
     -1,
     1,
     false},
    {"max_pool2d", 1, {{4, {2, 5, 4, 3}}}, SLIDE(2, 2, TT_SAME), -1, 1, false},
    {"max_pool2d", 1, {{4, {1, 5, 5, 2}}}, SLIDE(3, 2, TT_VALID), -1, 1, false},
    {"average_pool2d", 1, {{4, {2, 5, 4, 3}}}, SLIDE(3, 2, TT_SAME), -1, 1, false},
    {"average_pool2d", 1, {{4, {1, 4, 4, 2}}}, SLIDE(2, 2, TT_VALID), -1, 1, false},
    {"softmax", 1, {{2, {3, 5}}}, {.factor = 0}, -2, 2, false},
    {"softmax_cross_entropy", 2, {{2, {4, 3}}, {1, {4}}}, {.factor = 0}, -2, 2, true},
};

typedef struct built {
    tt_graph *graph;
    tt_value *inputs[TT_INPUTS_MAX], *loss, *gradients[TT_INPUTS_MAX];
    unsigned wrt; // leading inputs that are differentiated
} built;

static void fill(tt_random *random, const gradient_case *c, built *b, void **data)
{
    for (unsigned i = 0; i < c->inputs; i++) {
        size_t count = tt_shape_count(&c->shapes[i]);
        data[b->inputs[i]->id] = calloc(count, 4);
        for (size_t k = 0; k < count; k++) {
            double unit = (double)(tt_random_u64(random) >> 11) / 9007199254740992.0;
            if (i >= b->wrt)
                ((int32_t *)data[b->inputs[i]->id])[k] = (int32_t)tt_random_below(random, 3);
            else
                ((float *)data[b->inputs[i]->id])[k] =
                    c->least + (float)unit * (c->greatest - c->least);
        }
    }
}

static built build(const gradient_case *c, tt_random *random)
{
    built b = {.graph = tt_graph_new(), .wrt = c->inputs - c->labels};
    for (unsigned i = 0; i < c->inputs; i++)
        b.inputs[i] = tt_input(b.graph, NULL, i < b.wrt ? TT_F32 : TT_I32, c->shapes[i]);
    tt_value *y = tt_apply(b.graph, c->primitive, c->inputs, b.inputs, &c->attributes);
    REQUIRE(y != NULL);
    tt_value *weights = tt_constant(b.graph, TT_F32, y->shape, NULL);
    for (size_t i = 0; i < tt_shape_count(&y->shape); i++)
        ((float *)weights->data)[i] = (float)(tt_random_below(random, 2001)) / 1000 - 1;
    b.loss = tt_sum_to(tt_multiply(y, weights), TT_SCALAR);
    if (tt_graph_gradient(b.graph, b.loss, b.inputs, b.wrt, b.gradients) != TT_OK)
        printf("%s: %s\n", c->primitive, tt_graph_error(b.graph));
    REQUIRE(tt_graph_error(b.graph)[0] == '\0');
    return b;
}

static double loss_of(const built *b, const gradient_case *c, void *const *data)
{
    void **copy = calloc(tt_graph_count(b->graph), sizeof(void *));
    for (unsigned i = 0; i < c->inputs; i++)
        copy[b->inputs[i]->id] = data[b->inputs[i]->id];
    tt_reference *run = tt_reference_run(b->graph, &b->loss, 1, copy);
    double loss = *(float *)copy[b->loss->id];
    tt_reference_free(run);
    free(copy);
    return loss;
}

static void check(const gradient_case *c)
{
    tt_random random;
    tt_random_seed(&random, 17);
    built b = build(c, &random);
    void **data = calloc(tt_graph_count(b.graph), sizeof(void *));
    fill(&random, c, &b, data);
    tt_reference *run = tt_reference_run(b.graph, b.gradients, b.wrt, data);
    for (unsigned i = 0; i < b.wrt; i++) {
        float *x = data[b.inputs[i]->id];
        const float *gradient = data[b.gradients[i]->id];
        for (size_t k = 0; k < tt_shape_count(&c->shapes[i]); k++) {
            const float step = 1e-3f; // float32 sums: smaller steps drown in rounding
            float saved = x[k];
            x[k] = saved + step;
            double up = loss_of(&b, c, data);
            x[k] = saved - step;
            double down = loss_of(&b, c, data);
            x[k] = saved;
            double expected = (up - down) / (2 * (double)step);
            double error = fabs(expected - (double)gradient[k]);
            if (error > 4e-3 * (1 + fabs(expected)))
                printf("%s: input %u, element %zu: gradient %g, differences give %g\n",
                       c->primitive, i, k, (double)gradient[k], expected);
            EXPECT(error <= 4e-3 * (1 + fabs(expected)));
        }
    }
    tt_reference_free(run);
    for (unsigned i = 0; i < c->inputs; i++)
        free(data[b.inputs[i]->id]);
    free(data);
    tt_graph_free(b.graph);
}

// What is used more than once gets the sum of what flows back: d(x x + x + x)/dx = 2 x + 2. A value
// that the loss does not depend on gets zeros.
static void check_uses(void)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(3)), *other = tt_parameter(g, "o", TT_SHAPE(2));
    tt_value *y = tt_add(tt_add(tt_multiply(x, x), x), x);
    tt_value *gradients[2];
    REQUIRE(tt_graph_gradient(g, tt_sum_to(y, TT_SCALAR), (tt_value *[]){x, other}, 2, gradients) ==
            TT_OK);
    void **data = calloc(tt_graph_count(g), sizeof(void *));
    data[x->id] = (float[]){-1, 0, 4};
    tt_reference *run = tt_reference_run(g, gradients, 2, data);
    const float *dx = data[gradients[0]->id], *zeros = data[gradients[1]->id];
    EXPECT(dx[0] == 0 && dx[1] == 2 && dx[2] == 10);
    EXPECT(gradients[1]->shape.size[0] == 2 && zeros[0] == 0 && zeros[1] == 0);
    tt_reference_free(run);
    free(data);
    tt_graph_free(g);
}

int main(void)
{
    check_uses();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
    const tt_primitive *primitive;
    for (size_t i = 0; (primitive = tt_primitive_at(i)) != NULL; i++) {
        bool checked = primitive->derivative == NULL;
        for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
            checked |= strcmp(cases[k].primitive, primitive->name) == 0;
        if (!checked)
            printf("%s has a derivative and no case in this test\n", primitive->name);
        EXPECT(checked);
    }
    return test_result();
}
