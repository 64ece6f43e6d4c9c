// Random chains and joins of whatever stands near a network, with attributes that may be anything:
// each is refused with a sentence, or becomes a plan that agrees with the integer graph and
// computes what the float graph computes. What must not be is a crash, a check, or the plan of
// another network.
//
//     test_hostile_networks [COUNT [FIRST SEED]]

#include "tests/ai/convert/networks.h"
#include "tutti/check.h"

#define BATCH_MAX 3

static tt_random numbers;

static int64_t below(int64_t limit)
{
    return (int64_t)tt_random_below(&numbers, (uint64_t)limit);
}

// Mostly `usual`, now and then another.
static int64_t odd(int64_t usual, int64_t least, int64_t greatest)
{
    return below(12) > 0 ? usual : least + below(greatest - least + 1);
}

static tt_value parameter(tt_graph *g, tt_type type)
{
    char name[32];
    snprintf(name, sizeof(name), "p%u", tt_graph_buffer_count(g));
    return tt_parameter(g, name, type);
}

typedef struct windows {
    int64_t window[2], stride[2], dilation[2], spread[2], before[2], after[2];
} windows;

static tt_windows random_windows(const tt_type *t, windows *w)
{
    for (unsigned i = 0; i < 2; i++) {
        w->window[i] = 1 + below(4);
        w->stride[i] = 1 + below(3);
        w->dilation[i] = odd(1, 1, 2);
        w->spread[i] = odd(1, 1, 2);
        w->before[i] = odd(below(w->window[i]), -2, 5);
        w->after[i] = odd(below(w->window[i]), -2, 5);
    }
    if (below(3) == 0 && t->rank == 4)
        tt_same_padding(t, w->window, w->stride, w->before, w->after);
    return (tt_windows){w->stride, w->dilation, w->spread, w->before, w->after};
}

// A pool, a convolution or an average of other counts; of an image alone.
static tt_value on_image(tt_graph *g, tt_value x, const tt_type *t)
{
    windows w;
    tt_windows s = random_windows(t, &w);
    int64_t channels = t->size[3], out = 1 + below(5), groups = below(2) == 0 ? 1 : channels;
    switch (below(6)) {
    case 0:
        return tt_pool_greatest(g, x, w.window, &s);
    case 1:
        return tt_pool_average(g, x, w.window, &s);
    case 2: { // by a number, which is right where all windows see as much
        double seen = (double)(w.window[0] * w.window[1] - (below(8) == 0));
        return tt_divide(g, tt_pool_sum(g, x, w.window, &s), tt_number(g, TT_F32, seen));
    }
    default:
        groups = odd(groups, 1, 3);
        out = groups > 1 ? groups * out : out;
        return tt_conv(g, x,
                       parameter(g, TT_TYPE(TT_F32, out, w.window[0], w.window[1],
                                            groups > 0 ? channels / groups : 1)),
                       &s, groups);
    }
}

static tt_value on_row(tt_graph *g, tt_value x, const tt_type *t)
{
    int64_t in = t->size[t->rank - 1], out = 1 + below(6);
    if (below(2) == 0)
        return tt_matmul(g, x, parameter(g, TT_TYPE(TT_F32, in, out)));
    tt_value w = parameter(g, TT_TYPE(TT_F32, out, in));
    return tt_matmul(g, x, tt_transpose(g, w, (int64_t[]){1, 0}));
}

// What may follow anything.
static tt_value behind(tt_graph *g, tt_value x, const tt_type *t)
{
    int64_t last = t->rank > 0 ? t->size[t->rank - 1] : 1;
    tt_type bias = TT_TYPE(TT_F32, last);
    bias.rank = (uint8_t)odd(1, 0, 4);
    for (unsigned i = 0; i < bias.rank; i++)
        bias.size[i] = i + 1 == bias.rank ? odd(last, 1, 1) : 1;
    switch (below(8)) {
    case 0:
        return tt_stop(g, x);
    case 1:
        return tt_reshape(g, x, 2, (int64_t[]){odd(t->size[0], 1, 6), -1});
    case 2:
        return tt_reshape(g, x, 4, (int64_t[]){t->size[0], 1 + below(3), 1 + below(3), -1});
    case 3:
        return below(4) == 0 ? tt_exp(g, x) : tt_relu(g, x);
    case 4: { // a zero of another shape
        tt_type zero = {.rank = (uint8_t)below(5)};
        for (unsigned i = 0; i < zero.rank; i++)
            zero.size[i] = 1 + below(2);
        return tt_binary(g, TT_OP_GREATER_OF, x,
                         tt_broadcast(g, tt_number(g, TT_F32, 0), zero.rank, zero.size));
    }
    default:
        return tt_add(g, x, parameter(g, bias));
    }
}

// The last value joined with others of the chain, any of them, along any axis.
static tt_value joined(tt_graph *g, const tt_value *values, int64_t count)
{
    tt_value pieces[10];
    unsigned many = 1 + (unsigned)(below(8) > 0 ? below(3) : below(10));
    for (unsigned k = 0; k < many; k++) {
        tt_value v = values[below(count)];
        const tt_type *t = tt_graph_type(g, v);
        pieces[k] =
            t->rank == 4 && below(2) == 0 ? v : tt_reshape(g, v, 2, (int64_t[]){t->size[0], -1});
    }
    pieces[below(many)] = values[count - 1];
    return tt_concatenate(g, many, pieces, odd(1, 0, 4));
}

// A chain with joins; what cannot be built is left out of it.
static tt_graph *random_chain(void)
{
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, 1 + below(BATCH_MAX), 1 + below(7), 1 + below(7), 1 + below(3));
    if (below(4) == 0)
        type = TT_TYPE(TT_F32, 1 + below(BATCH_MAX), 1 + below(12));
    tt_value x = tt_input(g, "x", type), values[8] = {x};
    int64_t layers = below(7), count = 1;
    for (int64_t i = 0; i < layers; i++) {
        tt_graph *before = tt_graph_copy(g);
        const tt_type t = *tt_graph_type(g, x);
        tt_value y = below(5) == 0    ? joined(g, values, count)
                     : below(3) == 0  ? behind(g, x, &t)
                     : t.rank == 4    ? on_image(g, x, &t)
                     : below(20) == 0 ? behind(g, x, &t)
                                      : on_row(g, x, &t);
        if (tt_graph_status(g) == TT_OK && tt_type_count(tt_graph_type(g, y)) < 4000) {
            values[count++] = x = y;
            tt_graph_free(before);
        } else {
            tt_graph_free(g);
            g = before;
        }
    }
    tt_graph_result(g, "y", x);
    return g;
}

static unsigned far; // plans whose answers lie off by more than 5 % of their range

// Whether it became a plan.
static bool check(uint64_t seed)
{
    float calibration[2 * BATCH_MAX * 7 * 7 * 3];
    char sentence[512] = "";
    tt_text why;
    tt_quantised *q;
    uint8_t *bytes = NULL;
    size_t length;
    tt_random_seed(&numbers, seed);
    tt_graph *g = random_chain();
    tt_session *session = made_up_session(g);
    make_up_weights(session, g, &numbers);
    for (size_t i = 0; i < sizeof(calibration) / sizeof(calibration[0]); i++)
        calibration[i] = (float)below(256) / 255;
    const tt_type *type = tt_graph_type(g, tt_graph_find(g, "x"));
    size_t batch = (size_t)type->size[0], elements = (size_t)tt_type_count(type) / batch;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_quantise(session, g, "x", "y", calibration, 2 * batch, &q, &why);
    bool planned = status == TT_OK && tt_quantised_emit(q, &bytes, &length, &why) == TT_OK;
    double off = planned ? distance(session, g, q, calibration, elements, batch) : 0;
    bool good = planned ? off < 0.5
                        : sentence[0] != '\0' && (status == TT_OK || status == TT_UNSUPPORTED ||
                                                  status == TT_TOO_LARGE);
    far += off > 0.05;
    EXPECT(good);
    if (!good || off > 0.05) {
        char *text = tt_graph_print(g);
        printf("seed %llu, status %d, off by %.3f, '%s':\n%s\n", (unsigned long long)seed, status,
               off, sentence, text);
        free(text);
    }
    if (planned)
        expect_plan_agrees(q, &numbers, 2);
    free(bytes);
    tt_quantised_free(q);
    tt_session_free(session);
    tt_graph_free(g);
    return planned;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    unsigned plans = 0;
    for (uint64_t seed = first; seed < first + count; seed++)
        plans += check(seed);
    printf("%u of %llu became plans, %u far off\n", plans, (unsigned long long)count, far);
    EXPECT(far <= 2 + plans / 200); // where large numbers cancel
    EXPECT(count < 100 || (plans > count / 10 && plans < count));
    return test_result();
}
