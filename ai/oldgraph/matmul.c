// The matrix product: y (rows, columns) = a (rows, depth) b (depth, columns), either one
// transposed.

#include "ai/oldgraph/primitive.h"

static bool matmul_shape(tt_value *value)
{
    tt_value *a = value->inputs[0], *b = value->inputs[1];
    const bool *transpose = value->attributes.transpose;
    if (a->type != TT_F32 || b->type != TT_F32 || a->shape.rank != 2 || b->shape.rank != 2)
        return tt_graph_fail(value->graph, "matmul: expects two f32 matrices, was given %s and %s",
                             tt_shape_text(&a->shape), tt_shape_text(&b->shape));
    size_t depth_a = a->shape.size[!transpose[0]], depth_b = b->shape.size[transpose[1]];
    if (depth_a != depth_b)
        return tt_graph_fail(value->graph, "matmul: inner sizes %zu of %s and %zu of %s differ",
                             depth_a, tt_shape_text(&a->shape), depth_b, tt_shape_text(&b->shape));
    value->type = TT_F32;
    value->shape = TT_SHAPE(a->shape.size[transpose[0]], b->shape.size[!transpose[1]]);
    return true;
}

static void matmul_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const float *a = inputs[0], *b = inputs[1];
    float *y = output;
    const bool *transpose = value->attributes.transpose;
    size_t rows = value->shape.size[0], columns = value->shape.size[1];
    size_t depth = value->inputs[0]->shape.size[!transpose[0]];
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            float sum = 0;
            for (size_t k = 0; k < depth; k++)
                sum += a[transpose[0] ? k * rows + row : row * depth + k] *
                       b[transpose[1] ? column * depth + k : k * columns + column];
            y[row * columns + column] = sum;
        }
}

static void matmul_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                              tt_value **out)
{
    tt_value *a = value->inputs[0], *b = value->inputs[1];
    bool ta = value->attributes.transpose[0], tb = value->attributes.transpose[1];
    // With A and B as multiplied, Y = AB: dA = dY B^T and dB = A^T dY; a transposed input's
    // gradient is the transpose of that.
    if (wanted[0])
        out[0] = ta ? tt_matmul(b, gradient, tb, true) : tt_matmul(gradient, b, false, !tb);
    if (wanted[1])
        out[1] = tb ? tt_matmul(gradient, a, true, ta) : tt_matmul(a, gradient, !ta, false);
}

const tt_primitive tt_matmul_primitives[] = {
    {"matmul", 2, TT_USES_TRANSPOSE, matmul_shape, matmul_reference, matmul_derivative},
    {.name = NULL},
};
