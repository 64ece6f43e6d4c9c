// The optimisers' rules in closed form, in double and without recursion: sums over all gradients so
// far. That PyTorch does the same, test_losses.c shows.

#include <math.h>

#include "tests/test.h"
#include "tutti/optimiser.h"
#include "tutti/random.h"
#include "tutti/session.h"

#define STEPS 30

// Two parameters, "x" with decay and "y" without, with the gradients that are put in.
typedef struct bench {
    tt_session *session;
    tt_program *program;
    double gradient[2], rate, *x, *y;
} bench;

static void begin(bench *b, const tt_optimiser *optimiser)
{
    tt_graph *g = tt_graph_new();
    tt_value p[2] = {tt_parameter(g, "x", TT_SCALAR(TT_F64)),
                     tt_parameter(g, "y", TT_SCALAR(TT_F64))};
    tt_value d[2] = {tt_input(g, "dx", TT_SCALAR(TT_F64)), tt_input(g, "dy", TT_SCALAR(TT_F64))};
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F64));
    REQUIRE(tt_optimise(g, optimiser, 2, p, d, (bool[]){true, false}, rate) == TT_OK);
    REQUIRE(tt_session_new(NULL, &b->session, NULL) == TT_OK);
    REQUIRE(tt_session_load(b->session, g, &b->program, NULL) == TT_OK);
    tt_program_set(b->program, "dx", &b->gradient[0]);
    tt_program_set(b->program, "dy", &b->gradient[1]);
    tt_program_set(b->program, "rate", &b->rate);
    b->x = tt_session_bytes(b->session, "x", NULL);
    b->y = tt_session_bytes(b->session, "y", NULL);
    *b->x = *b->y = 1;
    b->rate = 0.01;
    tt_graph_free(g);
}

static void step(bench *b, double dx, double dy)
{
    b->gradient[0] = dx;
    b->gradient[1] = dy;
    REQUIRE(tt_program_run(b->program, NULL) == TT_OK);
}

static void end(bench *b)
{
    tt_session_free(b->session);
}

static double g[STEPS];

static void draw_gradients(void)
{
    tt_random random;
    tt_random_seed(&random, 7);
    for (int i = 0; i < STEPS; i++)
        g[i] = (double)tt_random_below(&random, 2001) / 1000 - 1;
}

static double sum(double share, int steps, bool squares)
{
    double total = 0;
    for (int i = 0; i < steps; i++)
        total += pow(share, steps - 1 - i) * (squares ? g[i] * g[i] : g[i]);
    return total;
}

static void test_sgd(bool momentum, bool nesterov)
{
    tt_optimiser sgd = {.kind = TT_SGD, .momentum = momentum ? 0.9 : 0, .nesterov = nesterov};
    bench b;
    double expected = 1;
    begin(&b, &sgd);
    for (int t = 1; t <= STEPS; t++) {
        step(&b, g[t - 1], 0);
        double velocity = sum(0.9, t, false);
        expected -= 0.01 * (nesterov ? g[t - 1] + 0.9 * velocity : momentum ? velocity : g[t - 1]);
        EXPECT(fabs(*b.x - expected) < 1e-13);
        EXPECT(*b.y == 1);
    }
    end(&b);
}

// Epsilon is so large that its place shows: behind the root and the correction.
static void test_adam(void)
{
    tt_optimiser adam = TT_ADAM_DEFAULT;
    bench b;
    double expected = 1;
    adam.epsilon = 0.3;
    begin(&b, &adam);
    for (int t = 1; t <= STEPS; t++) {
        step(&b, g[t - 1], 0);
        double mean = 0.1 * sum(0.9, t, false) / (1 - pow(0.9, t));
        double square = 0.001 * sum(0.999, t, true) / (1 - pow(0.999, t));
        expected -= 0.01 * mean / (sqrt(square) + 0.3);
        EXPECT(fabs(*b.x - expected) < 1e-13);
    }
    end(&b);
}

// Decay alone shrinks a weight by the same share each step, where it takes part in it.
static void test_decay(void)
{
    tt_optimiser sgd = {.kind = TT_SGD, .weight_decay = 0.1}, adamw = TT_ADAMW_DEFAULT;
    bench b;
    for (int kind = 0; kind < 2; kind++) {
        adamw.weight_decay = 0.1;
        begin(&b, kind == 0 ? &sgd : &adamw);
        b.rate = 0.5;
        for (int t = 0; t < 10; t++)
            step(&b, 0, 0);
        EXPECT(fabs(*b.x - pow(0.95, 10)) < 1e-14);
        EXPECT(*b.y == 1);
        end(&b);
    }
    // Adam's goes through its means: alone it moves the weight by the rate, as a gradient would.
    tt_optimiser adam = TT_ADAM_DEFAULT;
    adam.weight_decay = 0.1;
    begin(&b, &adam);
    step(&b, 0, 0);
    EXPECT(fabs(*b.x - 0.99) < 1e-8);
    EXPECT(*b.y == 1);
    end(&b);
}

// Both gradients are scaled by their common norm, and small ones are left alone.
static void test_clipping(void)
{
    tt_optimiser sgd = {.kind = TT_SGD, .norm_max = 0.5};
    bench b;
    begin(&b, &sgd);
    step(&b, 3, -4);
    EXPECT(fabs(*b.x - (1 - 0.01 * 0.3)) < 1e-8 && fabs(*b.y - (1 + 0.01 * 0.4)) < 1e-8);
    *b.x = *b.y = 1;
    step(&b, 0.3, -0.39);
    EXPECT(fabs(*b.x - (1 - 0.003)) < 1e-15 && fabs(*b.y - (1 + 0.0039)) < 1e-15);
    end(&b);
}

// Each finds the least value of a quadratic bowl.
static void test_bowl(void)
{
    tt_optimiser kinds[] = {TT_SGD_DEFAULT, TT_ADAM_DEFAULT, TT_ADAMW_DEFAULT};
    for (int kind = 0; kind < 3; kind++) {
        bench b;
        kinds[kind].weight_decay = 0;
        begin(&b, &kinds[kind]);
        *b.x = 3;
        *b.y = -2;
        for (int t = 0; t < 2000; t++)
            step(&b, 2 * (*b.x - 1), 20 * (*b.y - 0.5));
        EXPECT(fabs(*b.x - 1) < 1e-2 && fabs(*b.y - 0.5) < 1e-2);
        end(&b);
    }
}

// Two parameters whose gradient is one and the same value each keep a momentum of their own.
static void test_one_gradient_for_two(void)
{
    tt_optimiser sgd = TT_SGD_DEFAULT;
    tt_graph *graph = tt_graph_new();
    tt_session *session;
    tt_program *program;
    double rate = 0.1, in = 0;
    tt_value p[2] = {tt_parameter(graph, "x", TT_SCALAR(TT_F64)),
                     tt_parameter(graph, "y", TT_SCALAR(TT_F64))};
    tt_value loss =
        tt_multiply(graph, tt_add(graph, p[0], p[1]), tt_input(graph, "in", TT_SCALAR(TT_F64)));
    tt_value gradients[2], at = tt_input(graph, "rate", TT_SCALAR(TT_F64));
    sgd.weight_decay = 0;
    REQUIRE(tt_graph_gradient(graph, loss, 2, p, gradients) == TT_OK);
    EXPECT(tt_same(gradients[0], gradients[1]));
    REQUIRE(tt_optimise(graph, &sgd, 2, p, gradients, NULL, at) == TT_OK);
    REQUIRE(tt_session_new(NULL, &session, NULL) == TT_OK);
    REQUIRE(tt_session_load(session, graph, &program, NULL) == TT_OK);
    tt_program_set(program, "in", &in);
    tt_program_set(program, "rate", &rate);
    double *x = tt_session_bytes(session, "x", NULL), *y = tt_session_bytes(session, "y", NULL);
    double expected = 0;
    *y = 5;
    for (int t = 1; t <= STEPS; t++) {
        in = g[t - 1];
        REQUIRE(tt_program_run(program, NULL) == TT_OK);
        expected -= 0.1 * (g[t - 1] + 0.9 * sum(0.9, t, false));
        EXPECT(fabs(*x - expected) < 1e-12 && fabs(*y - 5 - expected) < 1e-12);
    }
    tt_session_free(session);
    tt_graph_free(graph);
}

int main(void)
{
    draw_gradients();
    test_one_gradient_for_two();
    test_sgd(false, false);
    test_sgd(true, false);
    test_sgd(true, true);
    test_adam();
    test_decay();
    test_clipping();
    test_bowl();
    return test_result();
}
