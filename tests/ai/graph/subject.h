// A graph under test with random inputs, for the tests of this folder.
//
// Inputs are made with their numbers; all of floating type are f64, so that finite differences can
// be tight. Everything comes from one seed.

#ifndef TUTTI_TESTS_AI_NEXT_SUBJECT_H
#define TUTTI_TESTS_AI_NEXT_SUBJECT_H

#include <math.h>

#include "ai/graph/reference.h"
#include "tests/test.h"
#include "tutti/random.h"

#define SUBJECT_INPUTS_MAX 16

typedef struct subject {
    tt_graph *graph;
    tt_random random;
    unsigned count;
    tt_value input[SUBJECT_INPUTS_MAX];
    void *bytes[SUBJECT_INPUTS_MAX];
    bool kinks_allowed;       // a difference that does not agree beside a kink is only counted
    unsigned kinks, elements; // of those compared
} subject;

static inline subject subject_new(uint64_t seed)
{
    subject s = {.graph = tt_graph_new()};
    REQUIRE(s.graph != NULL);
    tt_random_seed(&s.random, seed);
    return s;
}

static inline void subject_free(subject *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->bytes[i]);
    tt_graph_free(s->graph);
}

static inline int64_t below(subject *s, int64_t limit) // [0, limit)
{
    return (int64_t)tt_random_below(&s->random, (uint64_t)limit);
}

static inline int64_t between(subject *s, int64_t least, int64_t greatest) // both can come
{
    return least + below(s, greatest - least + 1);
}

static inline double uniform(subject *s, double least, double greatest)
{
    return least + (double)(tt_random_u64(&s->random) >> 11) * 0x1p-53 * (greatest - least);
}

// Zeroed numbers for an input of `type`, which is made.
static inline void *new_input(subject *s, tt_type type)
{
    char name[32];
    REQUIRE(s->count < SUBJECT_INPUTS_MAX);
    snprintf(name, sizeof(name), "x%u", s->count);
    void *bytes = calloc((size_t)tt_type_count(&type) + 1, tt_element_bytes(type.element));
    REQUIRE(bytes != NULL);
    s->bytes[s->count] = bytes;
    s->input[s->count] = tt_input(s->graph, name, type);
    return s->bytes[s->count++];
}

static inline tt_value last_input(const subject *s)
{
    return s->input[s->count - 1];
}

static inline tt_value reals(subject *s, tt_type type, double least, double greatest)
{
    type.element = TT_F64;
    double *x = new_input(s, type);
    for (int64_t i = 0; i < tt_type_count(&type); i++)
        x[i] = uniform(s, least, greatest);
    return last_input(s);
}

// No two of them, and none of them and a multiple of a half, are nearer than 0.003; those of two
// inputs neither, where `other` says which of the two it is.
static inline tt_value apart(subject *s, tt_type type, bool other)
{
    type.element = TT_F64;
    int64_t count = tt_type_count(&type);
    double *x = new_input(s, type);
    for (int64_t i = 0; i < count; i++)
        x[i] = (double)(i - count / 2) * 0.07 + (other ? 0.058 : 0.033);
    for (int64_t i = count - 1; i > 0; i--) { // shuffled
        int64_t with = below(s, i + 1);
        double swap = x[i];
        x[i] = x[with];
        x[with] = swap;
    }
    return last_input(s);
}

// i64, i32 or bool, below `limit`.
static inline tt_value wholes(subject *s, tt_type type, int64_t limit)
{
    void *x = new_input(s, type);
    for (int64_t i = 0; i < tt_type_count(&type); i++)
        tt_cell_store((tt_element)type.element, x, i, (tt_cell){.i = below(s, limit)});
    return last_input(s);
}

static inline tt_type random_type(subject *s, unsigned rank_min, unsigned rank_max,
                                  int64_t size_min, int64_t size_max)
{
    tt_type type = {.element = TT_F64, .rank = (uint8_t)between(s, rank_min, rank_max)};
    for (unsigned i = 0; i < type.rank; i++)
        type.size[i] = between(s, size_min, size_max);
    return type;
}

// A type that is broadcast to this one: some axes of size 1, some missing in front.
static inline tt_type narrowed(subject *s, tt_type type)
{
    unsigned drop = (unsigned)below(s, type.rank + 1);
    tt_type narrow = {.element = type.element, .rank = (uint8_t)(type.rank - drop)};
    if (below(s, 2) == 0)
        return type;
    for (unsigned i = 0; i < narrow.rank; i++)
        narrow.size[i] = below(s, 3) == 0 ? 1 : type.size[drop + i];
    return narrow;
}

static inline void run_failed(const subject *s, const char *what)
{
    char *text = tt_graph_print(s->graph);
    printf("%s: %s\n%s", what, tt_graph_error(s->graph), text != NULL ? text : "");
    free(text);
}

// Computes values; the test ends where it cannot.
static inline tt_reference *run(const subject *s, unsigned count, const tt_value *values,
                                bool exact)
{
    char said[512];
    tt_text why;
    tt_reference *reference;
    const void **data = calloc(tt_graph_buffer_count(s->graph) + 1, sizeof(*data));
    REQUIRE(data != NULL);
    for (unsigned i = 0; i < s->count; i++)
        data[tt_graph_attribute(s->graph, s->input[i].node, 0, NULL)[0]] = s->bytes[i];
    tt_text_init(&why, said, sizeof(said));
    tt_status status = tt_reference_run(s->graph, count, values, data,
                                        &(tt_reference_options){.exact = exact}, &reference, &why);
    free(data);
    if (status != TT_OK)
        run_failed(s, said);
    REQUIRE(status == TT_OK);
    return reference;
}

static inline double number_of(const subject *s, tt_value value)
{
    tt_reference *reference = run(s, 1, &value, true);
    double number = tt_reference_result(reference, 0)->cells[0].f;
    tt_reference_free(reference);
    return number;
}

// d value / d x[at] of an f64 input, from two central differences: what is left is of the fourth
// power of the step.
static inline double difference(subject *s, unsigned input, int64_t at, tt_value value)
{
    const double step = 0x1p-10;
    double *x = s->bytes[input], saved = x[at], slope[2];
    for (int i = 0; i < 2; i++) {
        double h = i == 0 ? step : step / 2;
        x[at] = saved + h;
        double up = number_of(s, value);
        x[at] = saved - h;
        slope[i] = (up - number_of(s, value)) / (2 * h);
    }
    x[at] = saved;
    return (4 * slope[1] - slope[0]) / 3;
}

// Whether there is a kink, a jump or a steep bend within the step of `difference`: where there is
// none, second differences fall with the square of the step, and slopes hardly change.
static inline bool has_kink(subject *s, unsigned input, int64_t at, tt_value value)
{
    const double step = 0x1p-10;
    double *x = s->bytes[input], saved = x[at], here = number_of(s, value), bend[2], slope[2];
    for (int i = 0; i < 2; i++) {
        double h = i == 0 ? step : step / 2;
        x[at] = saved + h;
        double up = number_of(s, value);
        x[at] = saved - h;
        double down = number_of(s, value);
        bend[i] = up - 2 * here + down;
        slope[i] = (up - down) / (2 * h);
    }
    x[at] = saved;
    return !(fabs(bend[0] - 4 * bend[1]) <= 1e-9 * (1 + fabs(here)) &&
             fabs(slope[0] - slope[1]) <= 1e-4 * (1 + fabs(slope[1])));
}

// The sum of w (v + v^2 / 4) with fixed random weights w: what is linear gets a second derivative.
static inline tt_value weighted(subject *s, tt_value value)
{
    tt_graph *g = s->graph;
    if (tt_is_none(value))
        return TT_NONE;
    tt_type type = *tt_graph_type(g, value);
    type.element = TT_F64;
    double *w = calloc((size_t)tt_type_count(&type) + 1, sizeof(*w));
    REQUIRE(w != NULL);
    for (int64_t i = 0; i < tt_type_count(&type); i++)
        w[i] = (below(s, 2) == 0 ? -1 : 1) * uniform(s, 0.5, 1.5);
    tt_value weights = tt_constant(g, type, w);
    free(w);
    value = tt_convert(g, value, TT_F64);
    value = tt_add(g, value, tt_scale(g, tt_multiply(g, value, value), 0.25));
    return tt_sum_all(g, tt_multiply(g, weights, value));
}

// The same of all of a node's outputs of floating type.
static inline tt_value weighted_all(subject *s, tt_value first)
{
    tt_value loss = tt_number(s->graph, TT_F64, 0);
    if (tt_is_none(first))
        return TT_NONE;
    unsigned outputs = tt_graph_node(s->graph, first.node)->output_count;
    for (unsigned i = 0; i < outputs; i++) {
        tt_value output = tt_output(first, i);
        if (tt_element_is_float((tt_element)tt_graph_type(s->graph, output)->element))
            loss = tt_add(s->graph, loss, weighted(s, output));
    }
    return loss;
}

// What is differentiated: the inputs of f64.
static inline unsigned real_inputs(const subject *s, unsigned place[SUBJECT_INPUTS_MAX],
                                   tt_value value[SUBJECT_INPUTS_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->count; i++)
        if (tt_graph_type(s->graph, s->input[i])->element == TT_F64) {
            place[count] = i;
            value[count++] = s->input[i];
        }
    return count;
}

// Holds gradients of `value` against finite differences. 1e-6 of the slope or of 1: a derivative
// 0.3 % off is seen where a slope is above 1/3000.
static inline bool differences_agree(subject *s, const char *what, tt_value value, unsigned count,
                                     const unsigned *place, const tt_value *gradients)
{
    tt_reference *reference = run(s, count, gradients, true);
    bool agree = true;
    for (unsigned i = 0; agree && i < count; i++) {
        const tt_cells *gradient = tt_reference_result(reference, i);
        const tt_type *type = tt_graph_type(s->graph, s->input[place[i]]);
        EXPECT(tt_type_equal(&gradient->type, type));
        for (int64_t k = 0; agree && k < tt_type_count(type); k++) {
            double expected = difference(s, place[i], k, value), actual = gradient->cells[k].f;
            agree = fabs(actual - expected) <= 1e-6 * (1 + fabs(expected));
            s->elements++;
            if (!agree && s->kinks_allowed && has_kink(s, place[i], k, value)) {
                s->kinks++;
                agree = true;
            }
            if (!agree)
                printf("%s: input %u, element %lld: the gradient is %.9g, differences give %.9g\n",
                       what, place[i], (long long)k, actual, expected);
        }
    }
    tt_reference_free(reference);
    return agree;
}

// First and second derivatives of a loss by all inputs of f64.
static inline bool derivatives_agree(subject *s, const char *what, tt_value loss)
{
    unsigned place[SUBJECT_INPUTS_MAX];
    char second[80];
    tt_value wrt[SUBJECT_INPUTS_MAX], gradients[SUBJECT_INPUTS_MAX];
    unsigned count = real_inputs(s, place, wrt);
    if (tt_graph_gradient(s->graph, loss, count, wrt, gradients) != TT_OK)
        run_failed(s, what);
    REQUIRE(tt_graph_status(s->graph) == TT_OK);
    bool agree = differences_agree(s, what, loss, count, place, gradients);
    tt_value sum = tt_number(s->graph, TT_F64, 0);
    for (unsigned i = 0; i < count; i++)
        sum = tt_add(s->graph, sum, weighted(s, gradients[i]));
    snprintf(second, sizeof(second), "%s, differentiated twice", what);
    if (tt_graph_gradient(s->graph, sum, count, wrt, gradients) != TT_OK)
        run_failed(s, second);
    REQUIRE(tt_graph_status(s->graph) == TT_OK);
    return differences_agree(s, second, sum, count, place, gradients) && agree;
}

#endif
