// Softmax, and the cross-entropy of its result with integer labels, as one stable primitive.

#include <math.h>

#include "ai/oldgraph/primitive.h"

static void softmax_row(const float *a, float *y, size_t classes)
{
    float greatest = a[0], sum = 0;
    for (size_t i = 1; i < classes; i++)
        greatest = fmaxf(greatest, a[i]);
    for (size_t i = 0; i < classes; i++)
        sum += y[i] = expf(a[i] - greatest);
    for (size_t i = 0; i < classes; i++)
        y[i] /= sum;
}

static bool softmax_shape(tt_value *value)
{
    tt_value *a = value->inputs[0];
    if (a->type != TT_F32 || a->shape.rank == 0)
        return tt_graph_fail(value->graph, "softmax: expects f32 of rank 1 or more, got %s %s",
                             tt_type_name(a->type), tt_shape_text(&a->shape));
    value->type = TT_F32;
    value->shape = a->shape;
    return true;
}

static void softmax_reference(const tt_value *value, const void *const *inputs, void *output)
{
    size_t classes = value->shape.size[value->shape.rank - 1];
    size_t rows = tt_shape_count(&value->shape) / classes;
    for (size_t row = 0; row < rows; row++)
        softmax_row((const float *)inputs[0] + row * classes, (float *)output + row * classes,
                    classes);
}

static void softmax_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                               tt_value **out)
{
    (void)wanted;
    // da = y (dy - sum(dy y)), the sum over the last axis.
    tt_shape one = value->shape;
    one.size[one.rank - 1] = 1;
    tt_value *sum = tt_sum_to(tt_multiply(gradient, value), one);
    out[0] = tt_multiply(value, tt_subtract(gradient, tt_broadcast(sum, value->shape)));
}

static bool logits_and_labels(const tt_value *logits, const tt_value *labels)
{
    return logits->type == TT_F32 && logits->shape.rank == 2 && labels->type == TT_I32 &&
           labels->shape.rank == 1 && labels->shape.size[0] == logits->shape.size[0];
}

static bool cross_entropy_shape(tt_value *value)
{
    tt_value *logits = value->inputs[0], *labels = value->inputs[1];
    if (!logits_and_labels(logits, labels))
        return tt_graph_fail(value->graph,
                             "softmax_cross_entropy: logits are %s %s, labels %s %s; expects f32 "
                             "(batch, classes) and i32 (batch)",
                             tt_type_name(logits->type), tt_shape_text(&logits->shape),
                             tt_type_name(labels->type), tt_shape_text(&labels->shape));
    value->type = TT_F32;
    value->shape = TT_SCALAR;
    return true;
}

static void cross_entropy_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const float *logits = inputs[0];
    const int32_t *labels = inputs[1];
    size_t batch = value->inputs[0]->shape.size[0], classes = value->inputs[0]->shape.size[1];
    double total = 0;
    for (size_t n = 0; n < batch; n++, logits += classes) {
        float greatest = logits[0], sum = 0;
        for (size_t i = 1; i < classes; i++)
            greatest = fmaxf(greatest, logits[i]);
        for (size_t i = 0; i < classes; i++)
            sum += expf(logits[i] - greatest);
        bool known = labels[n] >= 0 && (size_t)labels[n] < classes;
        total += known ? (double)(logf(sum) + greatest - logits[labels[n]]) : (double)NAN;
    }
    *(float *)output = (float)(total / (double)batch);
}

static void cross_entropy_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                     tt_value **out)
{
    if (wanted[0])
        out[0] = tt_apply(value->graph, "softmax_cross_entropy_gradient", 3,
                          (tt_value *[]){value->inputs[0], value->inputs[1], gradient}, NULL);
}

static bool cross_entropy_gradient_shape(tt_value *value)
{
    tt_value *logits = value->inputs[0], *labels = value->inputs[1], *gradient = value->inputs[2];
    if (!logits_and_labels(logits, labels) || gradient->type != TT_F32 || gradient->shape.rank != 0)
        return tt_graph_fail(value->graph,
                             "softmax_cross_entropy_gradient: logits are %s %s, labels %s %s, the "
                             "gradient %s %s; expects f32 (batch, classes), i32 (batch) and an f32 "
                             "scalar",
                             tt_type_name(logits->type), tt_shape_text(&logits->shape),
                             tt_type_name(labels->type), tt_shape_text(&labels->shape),
                             tt_type_name(gradient->type), tt_shape_text(&gradient->shape));
    value->type = TT_F32;
    value->shape = logits->shape;
    return true;
}

// inputs: logits, labels, gradient of the loss (scalar).
static void cross_entropy_gradient_reference(const tt_value *value, const void *const *inputs,
                                             void *output)
{
    const int32_t *labels = inputs[1];
    size_t batch = value->shape.size[0], classes = value->shape.size[1];
    float share = *(const float *)inputs[2] / (float)batch;
    for (size_t n = 0; n < batch; n++) {
        float *y = (float *)output + n * classes;
        softmax_row((const float *)inputs[0] + n * classes, y, classes);
        if (labels[n] >= 0 && (size_t)labels[n] < classes)
            y[labels[n]] -= 1;
        else
            y[0] = NAN;
        for (size_t i = 0; i < classes; i++)
            y[i] *= share;
    }
}

const tt_primitive tt_loss_primitives[] = {
    {"softmax", 1, 0, softmax_shape, softmax_reference, softmax_derivative},
    {"softmax_cross_entropy", 2, 0, cross_entropy_shape, cross_entropy_reference,
     cross_entropy_derivative},
    {"softmax_cross_entropy_gradient", 3, 0, cross_entropy_gradient_shape,
     cross_entropy_gradient_reference, NULL},
    {.name = NULL},
};
