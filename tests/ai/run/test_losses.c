// Losses of ten steps of each optimiser against PyTorch's, which lie in losses.txt (losses.py makes
// it): in f64 by the reference to 1e-12, in f32 by the kernels to 1e-5, relative.

#include <math.h>

#include "ai/graph/element.h"
#include "tutti/optimiser.h"
#include "tutti/session.h"
#include "tests/test.h"

#define BATCH 4
#define SIZE 6
#define CHANNELS 3
#define CLASSES 5
#define STEPS 10

typedef struct training {
    const char *name;
    tt_optimiser optimiser;
    double rate;    // of each step, or
    bool scheduled; // warm-up and cosine
} training;

static const training trainings[] = {
    {"sgd", {.kind = TT_SGD}, 0.1, false},
    {"nesterov",
     {.kind = TT_SGD, .momentum = 0.9, .nesterov = true, .weight_decay = 5e-2},
     0.01,
     false},
    {"adam",
     {.kind = TT_ADAM,
      .momentum = 0.9,
      .momentum_square = 0.999,
      .epsilon = 1e-8,
      .weight_decay = 1e-2},
     0.01,
     false},
    {"adamw",
     {.kind = TT_ADAMW,
      .momentum = 0.9,
      .momentum_square = 0.999,
      .epsilon = 1e-8,
      .weight_decay = 0.1,
      .norm_max = 0.5},
     0.05,
     true},
};

static double expected[4][STEPS];

static void read_losses(const char *path)
{
    FILE *file = fopen(path, "r");
    char name[32];
    int step, count = 0;
    double loss;
    REQUIRE(file != NULL);
    while (fscanf(file, "%31s %d %lf", name, &step, &loss) == 3)
        for (unsigned i = 0; i < 4; i++)
            if (strcmp(trainings[i].name, name) == 0 && step >= 0 && step < STEPS) {
                expected[i][step] = loss;
                count++;
            }
    fclose(file);
    REQUIRE(count == 4 * STEPS);
}

static void sines(tt_element element, void *data, double first, double scale, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        tt_cell_store(element, data, i, (tt_cell){.f = scale * sin(0.7 * (double)i + first)});
}

static tt_graph *network(tt_element e, const tt_optimiser *optimiser)
{
    tt_graph *g = tt_graph_new();
    int64_t one[2] = {1, 1}, two[2] = {2, 2};
    tt_value x = tt_input(g, "image", TT_TYPE(e, BATCH, SIZE, SIZE, 1));
    tt_value label = tt_input(g, "label", TT_TYPE(TT_I64, BATCH)), gradient[4];
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F64));
    tt_value p[4] = {tt_parameter(g, "w1", TT_TYPE(e, CHANNELS, 3, 3, 1)),
                     tt_parameter(g, "b1", TT_TYPE(e, CHANNELS)),
                     tt_parameter(g, "w2", TT_TYPE(e, CLASSES, CHANNELS * SIZE * SIZE / 4)),
                     tt_parameter(g, "b2", TT_TYPE(e, CLASSES))};
    x = tt_conv(g, x, p[0], &(tt_windows){.before = one, .after = one}, 1);
    x = tt_pool_greatest(g, tt_relu(g, tt_add(g, x, p[1])), two, &(tt_windows){.stride = two});
    x = tt_reshape(g, x, 2, (int64_t[]){BATCH, -1});
    x = tt_add(g, tt_matmul(g, x, tt_transpose(g, p[2], (int64_t[]){1, 0})), p[3]);
    tt_value loss = tt_cross_entropy(g, x, label);
    tt_graph_result(g, "loss", loss);
    REQUIRE(tt_graph_gradient(g, loss, 4, p, gradient) == TT_OK);
    REQUIRE(tt_optimise(g, optimiser, 4, p, gradient, NULL, rate) == TT_OK);
    return g;
}

static double rate_of(const training *t, int step)
{
    if (!t->scheduled)
        return t->rate;
    return t->rate * (step < 3 ? (step + 1) / 3.0 : 0.5 * (1 + cos(acos(-1) * (step - 3) / 7)));
}

static void check(unsigned which, tt_element element, bool reference, double bound)
{
    const training *t = &trainings[which];
    static _Alignas(8) uint8_t image[BATCH * SIZE * SIZE * 8];
    int64_t labels[BATCH];
    tt_session *session;
    tt_program *program;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1,
                                                 .way = reference ? TT_RUN_REFERENCE : TT_RUN_FAST},
                           &session, NULL) == TT_OK);
    tt_graph *g = network(element, &t->optimiser);
    REQUIRE(tt_session_load(session, g, &program, NULL) == TT_OK);
    sines(element, image, 0.1, 1, BATCH * SIZE * SIZE);
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    sines(element, tt_session_bytes(session, "w1", NULL), 0.2, 0.5, CHANNELS * 9);
    sines(element, tt_session_bytes(session, "b1", NULL), 0.3, 0.1, CHANNELS);
    sines(element, tt_session_bytes(session, "w2", NULL), 0.4, 0.2,
          CLASSES * CHANNELS * SIZE * SIZE / 4);
    sines(element, tt_session_bytes(session, "b2", NULL), 0.5, 0.1, CLASSES);
    double worst = 0, rate;
    tt_program_set(program, "image", image);
    tt_program_set(program, "label", labels);
    tt_program_set(program, "rate", &rate);
    for (int step = 0; step < STEPS; step++) {
        rate = rate_of(t, step);
        REQUIRE(tt_program_run(program, NULL) == TT_OK);
        double loss = tt_cell_load(element, tt_program_result(program, 0, NULL), 0).f;
        worst = fmax(worst, fabs(loss / expected[which][step] - 1));
    }
    printf("%s in %s by the %s: %.2g\n", t->name, tt_element_name(element),
           reference ? "reference" : "kernels", worst);
    EXPECT(worst <= bound);
    tt_session_free(session);
    tt_graph_free(g);
}

int main(int count, char **arguments)
{
    REQUIRE(count == 2);
    read_losses(arguments[1]);
    for (unsigned i = 0; i < 4; i++) {
        check(i, TT_F64, true, 1e-12);
        check(i, TT_F32, false, 1e-5);
        check(i, TT_F32, true, 1e-6); // weights are rounded between steps
    }
    return test_result();
}
