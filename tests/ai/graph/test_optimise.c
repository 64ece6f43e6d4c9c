// One optimiser's step after the other against the formulas, written out in C; parameters that take
// no part in decay, gradients that are short enough; and what is refused.

#include "tests/ai/graph/subject.h"
#include "tutti/check.h"
#include "tutti/optimiser.h"

#define STEPS 4

// Weights and what is kept of them, two parameters of two elements.
typedef struct kept {
    double weight[2][2], momentum[2][2], square[2][2];
} kept;

static const double gradients[STEPS][2][2] = {
    {{0.5, -0.25}, {1, 0.125}}, {{-0.5, 2}, {0.75, 0}}, {{3, 4}, {0, 12}}, {{1e-6, 0}, {0, -1e-6}}};
static const double rates[STEPS] = {0.1, 0.2, 0.05, 1};

static double norm(int step)
{
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += gradients[step][i / 2][i % 2] * gradients[step][i / 2][i % 2];
    return sqrt(sum);
}

static void expect_step(const tt_optimiser *o, const bool decays[2], int step, kept *k)
{
    double clip = o->norm_max > 0 ? fmin(1, o->norm_max / (norm(step) + 1e-6)) : 1;
    for (int i = 0; i < 4; i++) {
        double *w = &k->weight[i / 2][i % 2], *m = &k->momentum[i / 2][i % 2];
        double *v = &k->square[i / 2][i % 2], rate = rates[step];
        double decay = decays[i / 2] ? o->weight_decay : 0, old = *w;
        double g = clip * gradients[step][i / 2][i % 2];
        if (o->kind != TT_ADAMW)
            g += decay * old;
        if (o->kind == TT_SGD) {
            *m = o->momentum * *m + g;
            *w -= rate * (o->nesterov ? g + o->momentum * *m : *m);
            continue;
        }
        *m = o->momentum * *m + (1 - o->momentum) * g;
        *v = o->momentum_square * *v + (1 - o->momentum_square) * g * g;
        double mean = *m / (1 - pow(o->momentum, step + 1));
        double root = sqrt(*v / (1 - pow(o->momentum_square, step + 1)));
        *w = old - rate * mean / (root + o->epsilon);
        if (o->kind == TT_ADAMW)
            *w -= rate * decay * old;
    }
}

static void check_steps(const char *what, tt_optimiser o, const bool *decays)
{
    static const bool all[2] = {true, true};
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F64, 2);
    tt_value p[2] = {tt_parameter(g, "a", type), tt_parameter(g, "b", type)};
    tt_value d[2] = {tt_input(g, "da", type), tt_input(g, "db", type)};
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F64));
    REQUIRE(tt_optimise(g, &o, 2, p, d, decays, rate) == TT_OK);
    kept mine = {.weight = {{1, -2}, {0.5, 3}}};
    double bytes[32][2] = {{0}}; // by buffer
    bytes[0][0] = 1, bytes[0][1] = -2, bytes[1][0] = 0.5, bytes[1][1] = 3;
    uint32_t buffers = tt_graph_buffer_count(g), assigns = tt_graph_assign_count(g);
    REQUIRE(buffers <= 32 && assigns <= 32);
    for (int step = 0; step < STEPS; step++) {
        const void *data[32];
        tt_value values[32];
        tt_reference *reference;
        for (uint32_t i = 0; i < buffers; i++)
            data[i] = bytes[i];
        memcpy(bytes[2], gradients[step][0], sizeof(bytes[2]));
        memcpy(bytes[3], gradients[step][1], sizeof(bytes[3]));
        bytes[4][0] = rates[step];
        for (uint32_t i = 0; i < assigns; i++)
            values[i] = tt_graph_assign_at(g, i)->value;
        REQUIRE(tt_reference_run(g, assigns, values, data, NULL, &reference, NULL) == TT_OK);
        for (uint32_t i = 0; i < assigns; i++)
            tt_cells_store(tt_reference_result(reference, i),
                           bytes[tt_graph_assign_at(g, i)->buffer]);
        tt_reference_free(reference);
        expect_step(&o, decays != NULL ? decays : all, step, &mine);
        for (int i = 0; i < 4; i++) {
            double is = bytes[i / 2][i % 2], expected = mine.weight[i / 2][i % 2];
            EXPECT(fabs(is - expected) <= 1e-13 * fabs(expected));
            if (!(fabs(is - expected) <= 1e-13 * fabs(expected)))
                printf("%s, step %d, weight %d: %.17g, expected %.17g\n", what, step, i, is,
                       expected);
        }
    }
    tt_graph_free(g);
}

static void check_formulas(void)
{
    static const bool first[2] = {true, false}, second[2] = {false, true};
    static const bool *const groups[] = {NULL, first, second};
    for (size_t i = 0; i < TT_COUNT(groups); i++)
        for (int norm_max = 0; norm_max < 3; norm_max++) {
            tt_optimiser o = {.kind = TT_SGD, .norm_max = norm_max};
            check_steps("sgd", o, groups[i]);
            o.weight_decay = 0.1;
            check_steps("sgd with decay", o, groups[i]);
            o.momentum = 0.5;
            check_steps("momentum", o, groups[i]);
            o.nesterov = true;
            check_steps("nesterov", o, groups[i]);
            o = (tt_optimiser){.kind = TT_ADAM,
                               .momentum = 0.5,
                               .momentum_square = 0.75,
                               .epsilon = 0.25,
                               .norm_max = norm_max};
            check_steps("adam", o, groups[i]);
            o.weight_decay = 0.1;
            check_steps("adam with decay", o, groups[i]);
            o.kind = TT_ADAMW;
            check_steps("adamw", o, groups[i]);
            o.momentum = o.momentum_square = 0;
            check_steps("adamw without memory", o, groups[i]);
        }
}

// What it keeps, and under which names.
static void check_state(void)
{
    tt_graph *g = tt_graph_new();
    tt_value p = tt_parameter(g, "w \"1\"", TT_TYPE(TT_F32, 3));
    tt_value d = tt_input(g, "d", TT_TYPE(TT_F32, 3)), rate = tt_number(g, TT_F32, 1);
    tt_optimiser sgd = {.kind = TT_SGD};
    REQUIRE(tt_optimise(g, &sgd, 1, &p, &d, NULL, rate) == TT_OK);
    EXPECT(!tt_is_none(tt_graph_find(g, "optimiser.step")));
    EXPECT(tt_is_none(tt_graph_find(g, "optimiser.momentum.w \"1\"")));
    EXPECT_EQUAL(tt_graph_assign_count(g), 2);
    tt_graph_free(g);
    g = tt_graph_new();
    p = tt_parameter(g, "w \"1\"", TT_TYPE(TT_F32, 3));
    d = tt_input(g, "d", TT_TYPE(TT_F32, 3));
    REQUIRE(tt_optimise(g, &TT_ADAM_DEFAULT, 1, &p, &d, NULL, tt_number(g, TT_F32, 1)) == TT_OK);
    tt_value m = tt_graph_find(g, "optimiser.momentum.w \"1\"");
    tt_value v = tt_graph_find(g, "optimiser.square.w \"1\"");
    tt_value steps = tt_graph_find(g, "optimiser.step");
    REQUIRE(!tt_is_none(m) && !tt_is_none(v) && !tt_is_none(steps));
    EXPECT(tt_type_equal(tt_graph_type(g, m), tt_graph_type(g, p)));
    EXPECT(tt_type_equal(tt_graph_type(g, v), tt_graph_type(g, p)));
    EXPECT(tt_type_equal(tt_graph_type(g, steps), &TT_SCALAR(TT_I64)));
    EXPECT_EQUAL(tt_graph_assign_count(g), 4);
    tt_graph_free(g);
}

static void check_norm(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value a = reals(&s, TT_TYPE(TT_F64, 2), 0, 1), b = reals(&s, TT_TYPE(TT_F64, 1, 1), 0, 1);
    memcpy(s.bytes[0], (double[]){3, -4}, 16);
    memcpy(s.bytes[1], (double[]){12}, 8);
    EXPECT(number_of(&s, tt_norm(g, 2, (tt_value[]){a, b})) == 13);
    EXPECT(number_of(&s, tt_norm(g, 1, (tt_value[]){a})) == 5);
    EXPECT(number_of(&s, tt_norm(g, 0, NULL)) == 0);
    subject_free(&s);
}

// The two default parameters that a refusal is asked of, changed by what is wrong.
typedef struct asked {
    tt_optimiser optimiser;
    tt_value parameter[2], gradient[2], rate;
} asked;

static void expect_refused(tt_graph *g, const asked *a, const char *sentence)
{
    EXPECT_EQUAL(tt_optimise(g, &a->optimiser, 2, a->parameter, a->gradient, NULL, a->rate),
                 TT_INVALID);
    EXPECT_TEXT(tt_graph_error(g), sentence);
    EXPECT_EQUAL(tt_optimise(g, &a->optimiser, 2, a->parameter, a->gradient, NULL, a->rate),
                 TT_INVALID);
    EXPECT_EQUAL(tt_graph_assign_count(g), 0);
    tt_graph_free(g);
}

static tt_graph *sound(asked *a)
{
    tt_graph *g = tt_graph_new();
    for (int i = 0; i < 2; i++) {
        a->parameter[i] = tt_parameter(g, i == 0 ? "a" : "b", TT_TYPE(TT_F32, 2 + i));
        a->gradient[i] = tt_input(g, i == 0 ? "da" : "db", TT_TYPE(TT_F32, 2 + i));
    }
    a->optimiser = TT_ADAM_DEFAULT;
    a->rate = tt_number(g, TT_F64, 0.1);
    return g;
}

static void check_numbers_refused(void)
{
    static const double shares[] = {-0.5, 1, (double)NAN, INFINITY};
    static const double others[] = {-0.5, (double)NAN, INFINITY};
    asked a;
    tt_graph *g;
    for (size_t i = 0; i < TT_COUNT(shares); i++) {
        char sentence[128];
        g = sound(&a);
        a.optimiser.momentum = shares[i];
        snprintf(sentence, sizeof(sentence),
                 "optimise: a momentum is %g or 0.999, expected from 0 to below 1", shares[i]);
        expect_refused(g, &a, sentence);
        g = sound(&a);
        a.optimiser.momentum_square = shares[i];
        snprintf(sentence, sizeof(sentence),
                 "optimise: a momentum is 0.9 or %g, expected from 0 to below 1", shares[i]);
        expect_refused(g, &a, sentence);
    }
    for (size_t i = 0; i < TT_COUNT(others); i++)
        for (int which = 0; which < 3; which++) {
            char sentence[160];
            double values[3] = {0, 0, 1e-8};
            values[which] = others[i];
            g = sound(&a);
            a.optimiser.weight_decay = values[0];
            a.optimiser.norm_max = values[1];
            a.optimiser.epsilon = values[2];
            snprintf(
                sentence, sizeof(sentence),
                "optimise: weight decay %g, greatest norm %g or epsilon %g is no number from 0 on",
                values[0], values[1], values[2]);
            expect_refused(g, &a, sentence);
        }
    g = sound(&a);
    a.optimiser.epsilon = 0;
    expect_refused(g, &a,
                   "optimise: weight decay 0, greatest norm 0 or epsilon 0 is no number from 0 on");
    g = sound(&a); // which SGD does not look at
    a.optimiser = (tt_optimiser){.kind = TT_SGD, .momentum_square = 7, .epsilon = -1};
    EXPECT_EQUAL(tt_optimise(g, &a.optimiser, 2, a.parameter, a.gradient, NULL, a.rate), TT_OK);
    tt_graph_free(g);
}

static void check_values_refused(void)
{
    static const char scalar[] = "optimise: the learning rate must be a scalar of a floating type";
    asked a;
    tt_graph *g = sound(&a);
    a.optimiser.kind = (tt_optimiser_kind)3;
    expect_refused(g, &a, "optimise: there is no kind 3");
    g = sound(&a);
    a.rate = TT_NONE;
    expect_refused(g, &a, scalar);
    g = sound(&a);
    a.rate = a.gradient[0];
    expect_refused(g, &a, scalar);
    g = sound(&a);
    a.rate = tt_number(g, TT_I32, 1);
    expect_refused(g, &a, scalar);
    g = sound(&a);
    a.parameter[1] = TT_NONE;
    expect_refused(g, &a, "optimise: value 1, none, is no parameter with its gradient, f32[3]");
    g = sound(&a);
    a.gradient[0] = TT_NONE;
    expect_refused(g, &a, "optimise: value 0, f32[2], is no parameter with its gradient, none");
    g = sound(&a);
    a.gradient[1] = a.gradient[0];
    expect_refused(g, &a, "optimise: value 1, f32[3], is no parameter with its gradient, f32[2]");
    g = sound(&a);
    a.parameter[1] = tt_exp(g, a.parameter[1]);
    expect_refused(g, &a, "optimise: value 1, f32[3], is no parameter with its gradient, f32[3]");
}

int main(void)
{
    check_formulas();
    check_state();
    check_norm();
    check_numbers_refused();
    check_values_refused();
    return test_result();
}
