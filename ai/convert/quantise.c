// The quantiser: calibrates the layers of a float graph, gives every activation a scale, and makes
// int8 weights and the tables that go with them.

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/convert/layers.h"
#include "ai/graph/reference.h"
#include "tutti/check.h"

#define BIAS_MAX 1073741824 // 2^30: leaves as much again for the products
#define LONE_BIAS 1048576   // 2^20: what a bias without weights becomes, a millionth exact

// What every input means: pixel p is exactly p - 128.
#define IMAGE_SCALE (1.0f / 255)
#define IMAGE_ZERO_POINT (-128)

// Whether the input can say every value, to half a step.
static tt_status check_calibration(const float *values, size_t count, tt_text *why)
{
    float half = IMAGE_SCALE / 2;
    float least = IMAGE_SCALE * (-128 - IMAGE_ZERO_POINT),
          greatest = IMAGE_SCALE * (127 - IMAGE_ZERO_POINT);
    for (size_t i = 0; i < count; i++) {
        if (values[i] >= least - half && values[i] <= greatest + half)
            continue;
        char sentence[128];
        snprintf(sentence, sizeof(sentence),
                 "calibration value %zu is %g; the network's input is quantised from %g to %g", i,
                 (double)values[i], (double)least, (double)greatest);
        tt_text_add(why, sentence);
        return TT_INVALID;
    }
    return TT_OK;
}

// A program whose results are the layers' values. They are computed from one input alone, but a
// program wants every input of its graph set: labels, for example.
static tt_status load_layers(tt_session *session, const tt_graph *graph, const tt_quantised *q,
                             const float *values, tt_program **program, tt_text *why)
{
    tt_graph *copy = tt_graph_copy(graph); // node by node: values keep their numbers
    tt_status status = TT_FULL;
    if (copy != NULL) {
        tt_graph_forget(copy);
        for (unsigned i = 0; i < q->count; i++) {
            char name[32];
            snprintf(name, sizeof(name), "layer %u", i);
            tt_graph_result(copy, name, q->layers[i].value);
        }
        status = tt_session_load(session, copy, program, why);
    }
    for (uint32_t i = 0; status == TT_OK && i < tt_graph_buffer_count(copy); i++)
        if (tt_graph_buffer(copy, i)->kind == TT_INPUT)
            tt_program_set(*program, tt_graph_buffer(copy, i)->name, values);
    tt_graph_free(copy);
    return status;
}

// The floats of a parameter or constant.
static const float *floats_of(const tt_session *session, const tt_graph *graph, tt_value value)
{
    int64_t at = tt_graph_attribute(graph, value.node, 0, NULL)[0];
    const tt_buffer *buffer = tt_graph_buffer(graph, (uint32_t)at);
    return buffer->kind == TT_CONSTANT ? buffer->data
                                       : tt_session_read(session, buffer->name, NULL);
}

static bool all_finite(const float *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(data[i]))
            return false;
    return true;
}

// Before they are run, so that the message names them and not what comes of them.
static tt_status check_parameters(tt_session *session, const tt_graph *graph, const tt_quantised *q,
                                  tt_text *why)
{
    for (unsigned i = 0; i < q->count; i++) {
        const tt_layer *l = &q->layers[i];
        int64_t out = l->step.out[2];
        if (!tt_is_none(l->weights) &&
            (!all_finite(floats_of(session, graph, l->weights), out * l->taps) ||
             (!tt_is_none(l->bias) && !all_finite(floats_of(session, graph, l->bias), out))))
            return tt_layers_refuse(graph, l->product, TT_INVALID,
                                    "its weights or bias are not all finite", why);
    }
    return TT_OK;
}

// Notes the range of every layer's value over the calibration inputs.
static tt_status calibrate(tt_session *session, const tt_graph *graph, const char *input,
                           tt_quantised *q, const float *values, size_t count, tt_text *why)
{
    tt_program *program = NULL;
    size_t batch = (size_t)q->input.size[0], elements = (size_t)tt_type_count(&q->input);
    tt_status status = load_layers(session, graph, q, values, &program, why);
    if (status == TT_OK)
        status = check_parameters(session, graph, q, why);
    for (size_t first = 0; status == TT_OK && first + batch <= count; first += batch) {
        tt_program_set(program, input, values + first / batch * elements);
        status = tt_program_run(program, why);
        for (unsigned i = 0; status == TT_OK && i < q->count; i++) {
            tt_layer *l = &q->layers[i];
            tt_type type;
            const float *y = tt_program_result(program, i, &type);
            for (int64_t k = 0; status == TT_OK && k < tt_type_count(&type); k++) {
                l->least = fminf(l->least, y[k]);
                l->greatest = fmaxf(l->greatest, y[k]);
                if (!isfinite(y[k]))
                    status = tt_layers_refuse(graph, l->value, TT_INVALID,
                                              "its values over the calibration images are not all "
                                              "finite",
                                              why);
            }
        }
    }
    tt_program_free(program);
    return status;
}

bool tt_quantise_multiplier(double real, int32_t *multiplier, int32_t *shift)
{
    *multiplier = *shift = 0;
    if (!(real >= 0) || isinf(real))
        return false;
    if (real == 0)
        return true;
    int exponent;
    double fraction = frexp(real, &exponent); // 0.5 to 1
    int64_t fixed = (int64_t)floor(fraction * 2147483648.0 + 0.5);
    if (fixed == (int64_t)1 << 31) {
        fixed /= 2;
        exponent++;
    }
    if (exponent < -31) { // too small to matter: TFLite makes it zero
        exponent = 0;
        fixed = 0;
    }
    if (exponent > 30) {
        exponent = 30;
        fixed = INT32_MAX;
    }
    *multiplier = (int32_t)fixed;
    *shift = exponent;
    return true;
}

// Scale and zero point of an activation whose values lie between `least` <= 0 and `greatest` >= 0.
static void choose_scale(float least, float greatest, float *scale, int32_t *zero_point)
{
    float span = greatest - least; // may be too large for a float, its parts are not
    *scale = span == 0 ? 1 : isinf(span) ? greatest / 255 - least / 255 : span / 255;
    *scale = fmaxf(*scale, FLT_MIN); // of numbers next to nothing it would be zero
    // From -128 to 127, since `least` lies 0 to 255 steps below 0.
    *zero_point = (int32_t)lround(-128 - (double)least / (double)*scale);
}

// What one step of a channel's weights means. The bias counts in steps of it and the input's scale
// together, and must fit 32 bits, also of a channel that died; one without weights has its bias
// alone to be exact for. A double, since that may be beyond a float.
static double weight_scale(float greatest, float bias, float input_scale)
{
    double lone = (double)fabsf(bias) / (double)input_scale;
    if (greatest == 0)
        return lone > 0 ? fmax(lone / LONE_BIAS, (double)FLT_MIN) : 1;
    float least = fabsf(bias) / input_scale / BIAS_MAX;
    if (isinf(least))
        return lone / BIAS_MAX;
    return (double)fmaxf(fmaxf(greatest / 127, FLT_MIN), least);
}

static int8_t rounded_weight(float weight, double scale)
{
    if (scale > (double)FLT_MAX)
        return 0;
    return (int8_t)lroundf(weight / (float)scale); // -127 to 127: no weight is more steps
}

// Channel by channel; of a depthwise step channels are innermost, as the runtime wants them.
static void quantise_weights(tt_layer *l, const float *weights, const float *bias,
                             float input_scale)
{
    int64_t out = l->step.out[2];
    for (int64_t channel = 0; channel < out; channel++) {
        float greatest = 0;
        for (int64_t k = 0; k < l->taps; k++) {
            int64_t at = l->transposed ? k * out + channel : channel * l->taps + k;
            greatest = fmaxf(greatest, fabsf(weights[at]));
        }
        double scale = weight_scale(greatest, bias != NULL ? bias[channel] : 0, input_scale);
        for (int64_t k = 0; k < l->taps; k++) {
            int64_t at = l->transposed ? k * out + channel : channel * l->taps + k;
            int64_t to = l->kind == TT_STEP_DEPTHWISE ? k * out + channel : channel * l->taps + k;
            l->weight[to] = rounded_weight(weights[at], scale);
        }
        double bias_scale = (double)input_scale * scale;
        double whole = bias != NULL ? (double)bias[channel] / bias_scale : 0;
        l->bias_sum[channel] = (int32_t)lround(fmax(fmin(whole, BIAS_MAX), -BIAS_MAX));
        TT_CHECK(tt_quantise_multiplier(bias_scale / (double)l->scale, &l->multiplier[channel],
                                        &l->shift[channel])); // all scales are finite, none is 0
    }
}

static tt_status quantise_product(tt_session *session, const tt_graph *graph, tt_layer *l,
                                  float input_scale)
{
    int64_t out = l->step.out[2];
    const float *weights = floats_of(session, graph, l->weights);
    const float *bias = tt_is_none(l->bias) ? NULL : floats_of(session, graph, l->bias);
    l->weight = calloc((size_t)(out * l->taps) + 1, 1);
    l->bias_sum = calloc((size_t)out, sizeof(int32_t));
    l->multiplier = calloc((size_t)out, sizeof(int32_t));
    l->shift = calloc((size_t)out, sizeof(int32_t));
    if (l->weight == NULL || l->bias_sum == NULL || l->multiplier == NULL || l->shift == NULL)
        return TT_FULL;
    quantise_weights(l, weights, bias, input_scale);
    l->step.clamp[0] = l->relu ? l->step.output_zero_point : -128; // real zero is where relu cuts
    return TT_OK;
}

// The range of all products that share the scale of a tensor. Pools stay within their input's.
static void choose_shared(const tt_quantised *q, const uint8_t *set, unsigned tensor, float *scale,
                          int32_t *zero_point)
{
    float least = 0, greatest = 0;
    *scale = q->input_scale;
    *zero_point = q->input_zero_point;
    if (set[tensor] == 0)
        return;
    for (unsigned i = 0; i < q->count; i++) {
        const tt_layer *l = &q->layers[i];
        if (set[i + 1] != set[tensor] || tt_is_none(l->weights))
            continue;
        least = fminf(least, l->least);
        greatest = fmaxf(greatest, l->greatest);
    }
    choose_scale(least, greatest, scale, zero_point);
}

static tt_status quantise_all(tt_session *session, const tt_graph *graph, tt_quantised *q)
{
    uint8_t set[TT_LAYER_TENSORS_MAX];
    tt_status status = TT_OK;
    tt_layers_share(q, set);
    q->input_scale = IMAGE_SCALE;
    q->input_zero_point = IMAGE_ZERO_POINT;
    for (unsigned i = 0; status == TT_OK && i < q->count; i++) {
        tt_layer *l = &q->layers[i];
        float input_scale;
        choose_shared(q, set, l->input[0], &input_scale, &l->step.input_zero_point);
        choose_shared(q, set, i + 1, &l->scale, &l->step.output_zero_point);
        l->step.clamp[0] = -128;
        l->step.clamp[1] = 127;
        if (!tt_is_none(l->weights))
            status = quantise_product(session, graph, l, input_scale);
    }
    return status;
}

static bool is_input(const tt_graph *graph, tt_value value)
{
    if (tt_is_none(value))
        return false;
    int64_t at = tt_graph_attribute(graph, value.node, 0, NULL)[0];
    return tt_graph_buffer(graph, (uint32_t)at)->kind == TT_INPUT;
}

// Finds the input and the result by their names.
static tt_status find_ends(const tt_graph *graph, const char *input, const char *result,
                           tt_value *from, tt_value *to, tt_text *why)
{
    *from = tt_graph_find(graph, input);
    *to = TT_NONE;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        if (strcmp(tt_graph_result_at(graph, i)->name, result) == 0)
            *to = tt_graph_result_at(graph, i)->value;
    bool none = !is_input(graph, *from);
    if (none || tt_is_none(*to)) {
        tt_text_add(why, none ? "there is no input '" : "there is no result '");
        tt_text_add(why, none ? input : result);
        tt_text_add(why, "'");
        return TT_NOT_FOUND;
    }
    const tt_type *type = tt_graph_type(graph, *from);
    if (type->element != TT_F32 || type->rank == 0 || tt_type_count(type) == 0)
        return tt_layers_refuse(graph, *from, TT_INVALID, "the input must be f32 of (batch, ...)",
                                why);
    return TT_OK;
}

static tt_status quantise(tt_session *session, const tt_graph *graph, const char *input,
                          const char *result, const float *calibration, size_t count,
                          tt_quantised *q, tt_text *why)
{
    tt_value from, to;
    tt_status status = find_ends(graph, input, result, &from, &to, why);
    if (status != TT_OK)
        return status;
    size_t batch = (size_t)tt_graph_type(graph, from)->size[0];
    if (count == 0 || count % batch != 0) {
        tt_text_add(why, "the number of calibration images must be a multiple of the batch");
        return TT_INVALID;
    }
    size_t elements = (size_t)tt_type_count(tt_graph_type(graph, from));
    status = check_calibration(calibration, count / batch * elements, why);
    if (status == TT_OK)
        status = tt_layers_find(q, graph, from, to, why);
    if (status == TT_OK)
        status = calibrate(session, graph, input, q, calibration, count, why);
    if (status == TT_OK)
        status = quantise_all(session, graph, q);
    if (status == TT_OK && (q->graph = tt_layers_graph(q)) == NULL)
        status = TT_FULL;
    if (status == TT_OK && tt_graph_status(q->graph) != TT_OK) {
        tt_text_add(why, tt_graph_error(q->graph));
        status = tt_graph_status(q->graph);
    }
    return status;
}

tt_status tt_quantise(tt_session *session, const tt_graph *graph, const char *input,
                      const char *result, const float *calibration, size_t count,
                      tt_quantised **quantised, tt_text *why)
{
    *quantised = NULL;
    if (tt_graph_status(graph) != TT_OK) {
        tt_text_add(why, tt_graph_error(graph));
        return tt_graph_status(graph);
    }
    tt_graph *simple = tt_graph_simplify(graph);
    tt_quantised *q = calloc(1, sizeof(*q));
    tt_status status = simple != NULL && q != NULL ? TT_OK : TT_FULL;
    if (status == TT_OK)
        status = quantise(session, simple, input, result, calibration, count, q, why);
    tt_graph_free(simple);
    if (status != TT_OK) {
        tt_quantised_free(q);
        return status;
    }
    *quantised = q;
    return TT_OK;
}

void tt_quantised_free(tt_quantised *q)
{
    if (q == NULL)
        return;
    for (unsigned i = 0; i < q->count; i++) {
        free(q->layers[i].weight);
        free(q->layers[i].bias_sum);
        free(q->layers[i].multiplier);
        free(q->layers[i].shift);
    }
    tt_graph_free(q->graph);
    free(q);
}

const tt_graph *tt_quantised_graph(const tt_quantised *q)
{
    return q->graph;
}

tt_status tt_quantised_run(const tt_quantised *q, const uint8_t *pixels, int8_t *logits)
{
    tt_value value = tt_graph_result_at(q->graph, 0)->value;
    tt_value image = tt_graph_find(q->graph, "image");
    int64_t count = tt_type_count(tt_graph_type(q->graph, image));
    int8_t *input = malloc((size_t)count + 1);
    const void **data = calloc(tt_graph_buffer_count(q->graph) + 1u, sizeof(*data));
    tt_reference *reference = NULL;
    tt_status status = input != NULL && data != NULL ? TT_OK : TT_FULL;
    for (int64_t i = 0; status == TT_OK && i < count; i++)
        input[i] = (int8_t)(pixels[i] - 128);
    if (status == TT_OK) {
        data[tt_graph_attribute(q->graph, image.node, 0, NULL)[0]] = input;
        status = tt_reference_run(q->graph, 1, &value, data, NULL, &reference, NULL);
    }
    if (status == TT_OK)
        tt_cells_store(tt_reference_result(reference, 0), logits);
    tt_reference_free(reference);
    free(data);
    free(input);
    return status;
}
