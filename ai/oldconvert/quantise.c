// The quantiser: follows the chain of the float graph, gives every activation a scale, and builds
// the int8 graph beside it.

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/oldconvert/refusal.h"
#include "ai/oldgraph/primitive.h"
#include "tutti/check.h"
#include "tutti/oldconvert.h"
#include "tutti/exec.h"

#define CHAIN_MAX 64
#define BIAS_MAX 1073741824 // 2^30: leaves as much again for the products
#define LONE_BIAS 1048576   // 2^20: what a bias without weights becomes, a millionth exact

// What every input means: pixel p is exactly p - 128.
#define IMAGE_SCALE (1.0f / 255)
#define IMAGE_ZERO_POINT (-128)

// One layer of the chain: a product or a pooling or a reshape, with what follows it.
typedef struct layer {
    const tt_value *operation; // conv2d, matmul, max_pool2d, average_pool2d or reshape
    const tt_value *bias;      // NULL for none
    bool relu;
    const tt_value *result; // after bias and relu: what is calibrated
    float least, greatest;  // of the result over the calibration images
} layer;

typedef struct chain {
    layer layers[CHAIN_MAX];
    size_t count;
} chain;

static bool is(const tt_value *value, const char *primitive)
{
    return strcmp(value->primitive->name, primitive) == 0;
}

static tt_status refuse(tt_text *why, const tt_value *value, const char *what)
{
    return tt_refuse_value(why, value, what, TT_UNSUPPORTED);
}

static bool all_finite(const tt_value *value)
{
    const float *data = value->data;
    for (size_t i = 0; i < tt_shape_count(&value->shape); i++)
        if (!isfinite(data[i]))
            return false;
    return true;
}

// Walks from the logits up to the image, collecting layers backwards, then turns them round.
static tt_status find_chain(const tt_value *image, const tt_value *logits, chain *c, tt_text *why)
{
    const tt_value *at = logits;
    while (at != image) {
        if (c->count == CHAIN_MAX)
            return refuse(why, at, "the network has more layers than are supported (64)");
        layer *l = &c->layers[c->count++];
        *l = (layer){.result = at};
        if (is(at, "relu")) {
            l->relu = true;
            at = at->inputs[0];
        }
        if (is(at, "bias_add")) {
            l->bias = at->inputs[1];
            at = at->inputs[0];
        }
        l->operation = at;
        bool product = is(at, "conv2d") || (is(at, "matmul") && at->attributes.transpose[1] &&
                                            !at->attributes.transpose[0]);
        bool plain = is(at, "max_pool2d") || is(at, "average_pool2d") || is(at, "reshape");
        if (!product && !plain)
            return refuse(why, at, "has no int8 form that this quantiser knows");
        if (plain && (l->relu || l->bias != NULL))
            return refuse(why, at, "bias or relu after pooling is not supported");
        if (product && (at->inputs[1]->data == NULL || (l->bias != NULL && l->bias->data == NULL)))
            return refuse(why, at, "its weights are not parameters or constants");
        if (product && (!all_finite(at->inputs[1]) || (l->bias != NULL && !all_finite(l->bias))))
            return tt_refuse_value(why, at, "its weights or bias are not all finite", TT_INVALID);
        at = at->inputs[0];
    }
    for (size_t i = 0; i < c->count / 2; i++) {
        layer swap = c->layers[i];
        c->layers[i] = c->layers[c->count - 1 - i];
        c->layers[c->count - 1 - i] = swap;
    }
    return TT_OK;
}

// Runs the float graph over the calibration images and notes the range of every layer's result.
// Returns NULL, or a result that is not finite.
static const tt_value *calibrate(const tt_graph *graph, const tt_value *image, chain *c,
                                 const float *images, size_t count)
{
    tt_value *outputs[CHAIN_MAX];
    size_t batch = image->shape.size[0], elements = tt_shape_count(&image->shape);
    for (size_t i = 0; i < c->count; i++)
        outputs[i] = tt_graph_value(graph, c->layers[i].result->id);
    const tt_value *infinite = NULL;
    tt_executor *executor = tt_executor_new(graph, outputs, c->count);
    for (size_t first = 0; first + batch <= count; first += batch) {
        tt_executor_set(executor, image, images + first / batch * elements);
        tt_executor_run(executor);
        for (size_t i = 0; i < c->count; i++) {
            layer *l = &c->layers[i];
            const float *y = tt_executor_get(executor, outputs[i]);
            for (size_t k = 0; k < tt_shape_count(&outputs[i]->shape); k++) {
                l->least = fminf(l->least, y[k]);
                l->greatest = fmaxf(l->greatest, y[k]);
                infinite = infinite == NULL && !isfinite(y[k]) ? l->result : infinite;
            }
        }
    }
    tt_executor_free(executor);
    return infinite;
}

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
    long zero = lround(-128 - (double)least / (double)*scale);
    *zero_point = (int32_t)(zero < -128 ? -128 : zero > 127 ? 127 : zero);
}

typedef struct tables {
    int8_t *weights;
    int32_t *bias, *multiplier, *shift;
} tables;

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
    long q = lroundf(weight / (float)scale);
    return (int8_t)(q < -127 ? -127 : q > 127 ? 127 : q);
}

// Quantises the weights (out, taps) channel by channel and makes the tables that go with them.
static void quantise_weights(const layer *l, float input_scale, float output_scale, size_t out,
                             size_t taps, tables *t)
{
    const float *weights = l->operation->inputs[1]->data;
    const float *bias = l->bias != NULL ? l->bias->data : NULL;
    for (size_t channel = 0; channel < out; channel++) {
        const float *w = weights + channel * taps;
        float greatest = 0;
        for (size_t k = 0; k < taps; k++)
            greatest = fmaxf(greatest, fabsf(w[k]));
        double scale = weight_scale(greatest, bias != NULL ? bias[channel] : 0, input_scale);
        for (size_t k = 0; k < taps; k++)
            t->weights[channel * taps + k] = rounded_weight(w[k], scale);
        double bias_scale = (double)input_scale * scale;
        double whole = bias != NULL ? (double)bias[channel] / bias_scale : 0;
        t->bias[channel] = (int32_t)lround(fmax(fmin(whole, BIAS_MAX), -BIAS_MAX));
        TT_CHECK(tt_quantise_multiplier(bias_scale / (double)output_scale, &t->multiplier[channel],
                                        &t->shift[channel])); // all scales are finite, none is 0
    }
}

static tt_value *quantised_product(tt_graph *graph, tt_value *x, const layer *l)
{
    bool conv = is(l->operation, "conv2d");
    const tt_shape *shape = &l->operation->inputs[1]->shape;
    size_t out = shape->size[0], taps = tt_shape_count(shape) / out;
    tt_value *inputs[5] = {
        x,
        tt_constant(graph, TT_I8, *shape, NULL),
        tt_constant(graph, TT_I32, TT_SHAPE(out), NULL),
        tt_constant(graph, TT_I32, TT_SHAPE(out), NULL),
        tt_constant(graph, TT_I32, TT_SHAPE(out), NULL),
    };
    tables t = {inputs[1]->data, inputs[2]->data, inputs[3]->data, inputs[4]->data};
    float scale;
    int32_t zero_point;
    choose_scale(l->least, l->greatest, &scale, &zero_point);
    quantise_weights(l, x->scale, scale, out, taps, &t);
    tt_attributes attributes = l->operation->attributes;
    attributes.zero_point[0] = x->zero_point;
    attributes.zero_point[1] = zero_point;
    attributes.clamp[0] = l->relu ? zero_point : -128; // real zero is where relu cuts
    attributes.clamp[1] = 127;
    tt_value *y =
        tt_apply(graph, conv ? "quantised_conv2d" : "quantised_dense", 5, inputs, &attributes);
    if (y != NULL)
        y->scale = scale;
    return y;
}

static tt_value *quantised_layer(tt_graph *graph, tt_value *x, const layer *l)
{
    tt_attributes attributes = l->operation->attributes;
    if (is(l->operation, "reshape")) {
        tt_shape shape = l->operation->shape;
        shape.size[0] = 1;
        tt_value *y = tt_reshape(x, shape);
        if (y != NULL) {
            y->scale = x->scale;
            y->zero_point = x->zero_point;
        }
        return y;
    }
    if (is(l->operation, "max_pool2d"))
        return tt_apply(graph, "max_pool2d", 1, &x, &attributes);
    if (!is(l->operation, "average_pool2d"))
        return quantised_product(graph, x, l);
    attributes.clamp[0] = -128;
    attributes.clamp[1] = 127;
    return tt_apply(graph, "quantised_average_pool2d", 1, &x, &attributes);
}

tt_status tt_quantise(const tt_graph *graph, const tt_value *image, const tt_value *logits,
                      const float *calibration, size_t count, tt_quantised *quantised, tt_text *why)
{
    if (image == NULL || logits == NULL || image->graph != graph || logits->graph != graph ||
        !is(image, "input") || image->type != TT_F32 || image->shape.rank == 0) {
        tt_text_add(why, "the image must be an f32 input and the logits a value of this graph");
        if (tt_graph_error(graph)[0] != '\0')
            tt_text_add(why, "; ");
        tt_text_add(why, tt_graph_error(graph));
        return TT_INVALID;
    }
    if (count == 0 || count % image->shape.size[0] != 0) {
        tt_text_add(why, "the number of calibration images must be a multiple of the batch");
        return TT_INVALID;
    }
    tt_status status = check_calibration(
        calibration, count / image->shape.size[0] * tt_shape_count(&image->shape), why);
    if (status != TT_OK)
        return status;
    chain *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return TT_FULL;
    status = find_chain(image, logits, c, why);
    const tt_value *infinite =
        status == TT_OK ? calibrate(graph, image, c, calibration, count) : NULL;
    if (infinite != NULL)
        status = tt_refuse_value(
            why, infinite, "its values over the calibration images are not all finite", TT_INVALID);
    if (status == TT_OK) {
        tt_shape shape = image->shape;
        shape.size[0] = 1;
        quantised->graph = tt_graph_new();
        quantised->image = tt_input(quantised->graph, "image", TT_I8, shape);
        quantised->image->scale = IMAGE_SCALE;
        quantised->image->zero_point = IMAGE_ZERO_POINT;
        tt_value *x = quantised->image;
        for (size_t i = 0; i < c->count && x != NULL; i++)
            x = quantised_layer(quantised->graph, x, &c->layers[i]);
        quantised->logits = x;
        if (x == NULL) {
            tt_text_add(why, tt_graph_error(quantised->graph));
            tt_quantised_free(quantised);
            status = TT_INVALID;
        }
    }
    free(c);
    return status;
}

void tt_quantised_free(tt_quantised *quantised)
{
    tt_graph_free(quantised->graph);
    *quantised = (tt_quantised){0};
}

void tt_quantised_run(const tt_quantised *quantised, const uint8_t *pixels, int8_t *logits)
{
    size_t count = tt_shape_count(&quantised->image->shape);
    int8_t *image = malloc(count);
    void **data = calloc(tt_graph_count(quantised->graph), sizeof(void *));
    if (image == NULL || data == NULL) {
        fprintf(stderr, "tutti: out of memory: %zu bytes for an image\n", count);
        exit(1);
    }
    for (size_t i = 0; i < count; i++)
        image[i] = (int8_t)(pixels[i] - 128);
    data[quantised->image->id] = image;
    tt_value *output = quantised->logits;
    tt_reference *run = tt_reference_run(quantised->graph, &output, 1, data);
    memcpy(logits, data[output->id], tt_shape_count(&output->shape));
    tt_reference_free(run);
    free(data);
    free(image);
}
