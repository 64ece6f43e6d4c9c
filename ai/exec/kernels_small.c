// Kernels that the reference's loops are too slow for and the BLAS does not have: channels
// innermost, so that the compiler makes vectors of them.

#include <string.h>

#include "ai/exec/step.h"

bool tt_sum_to_is_last_axis(const tt_value *value)
{
    const tt_shape *from = &value->inputs[0]->shape;
    return value->shape.rank == 1 && from->rank > 0 &&
           value->shape.size[0] == from->size[from->rank - 1];
}

// The gradient of a bias: the sum of all rows.
void tt_sum_to_kernel(const tt_step *step)
{
    size_t columns = step->value->shape.size[0];
    size_t rows = tt_shape_count(&step->value->inputs[0]->shape) / columns;
    const float *a = step->inputs[0];
    float *sum = step->output;
    memset(sum, 0, columns * sizeof(float));
    for (size_t row = 0; row < rows; row++, a += columns)
        for (size_t column = 0; column < columns; column++)
            sum[column] += a[column];
}

// `y` is relu's output: the gradient passes where it is positive. Both are always read, so that no
// branch is needed.
void tt_relu_gradient_kernel(const tt_step *step)
{
    size_t count = tt_shape_count(&step->value->shape);
    const float *y = step->inputs[0], *dy = step->inputs[1];
    float *dx = step->output;
    for (size_t i = 0; i < count; i++) {
        float gradient = dy[i];
        dx[i] = y[i] > 0 ? gradient : 0;
    }
}

typedef struct pool {
    size_t batch, in_rows, in_columns, channels;
    tt_window window;
    const tt_attributes *attributes;
} pool;

static pool pool_of(const tt_value *value, const tt_shape *x)
{
    pool p = {.batch = x->size[0],
              .in_rows = x->size[1],
              .in_columns = x->size[2],
              .channels = x->size[3],
              .attributes = &value->attributes};
    size_t size[2] = {value->attributes.window[0], value->attributes.window[1]};
    tt_window_compute(&x->size[1], size, value->attributes.stride, value->attributes.padding,
                      &p.window);
    return p;
}

// Offsets of the pixels that one output sees, in reading order; returns how many (at most `limit`).
#define SEEN_MAX 64
static size_t seen_by(const pool *p, size_t n, size_t row, size_t column, size_t *offsets)
{
    size_t count = 0;
    for (size_t i = 0; i < p->attributes->window[0]; i++)
        for (size_t j = 0; j < p->attributes->window[1]; j++) {
            size_t r = row * p->attributes->stride[0] + i - p->window.before[0];
            size_t c = column * p->attributes->stride[1] + j - p->window.before[1];
            if (r < p->in_rows && c < p->in_columns)
                offsets[count++] = ((n * p->in_rows + r) * p->in_columns + c) * p->channels;
        }
    return count;
}

static void greatest(const float *x, const size_t *offsets, size_t count, size_t channels, float *y)
{
    memcpy(y, x + offsets[0], channels * sizeof(float));
    for (size_t k = 1; k < count; k++) {
        const float *pixel = x + offsets[k];
        for (size_t c = 0; c < channels; c++)
            y[c] = pixel[c] > y[c] ? pixel[c] : y[c];
    }
}

void tt_max_pool_kernel(const tt_step *step)
{
    pool p = pool_of(step->value, &step->value->inputs[0]->shape);
    float *y = step->output;
    size_t offsets[SEEN_MAX];
    for (size_t n = 0; n < p.batch; n++)
        for (size_t row = 0; row < p.window.out[0]; row++)
            for (size_t column = 0; column < p.window.out[1]; column++, y += p.channels) {
                size_t count = seen_by(&p, n, row, column, offsets);
                greatest(step->inputs[0], offsets, count, p.channels, y);
            }
}

// The gradient goes to the first of the pixels that hold the greatest value, channel by channel.
void tt_max_pool_gradient_kernel(const tt_step *step)
{
    pool p = pool_of(step->value, &step->value->shape);
    const float *x = step->inputs[0], *dy = step->inputs[1];
    float *dx = step->output, *left = step->scratch + p.channels, *top = step->scratch;
    size_t offsets[SEEN_MAX];
    memset(dx, 0, tt_value_bytes(step->value));
    for (size_t n = 0; n < p.batch; n++)
        for (size_t row = 0; row < p.window.out[0]; row++)
            for (size_t column = 0; column < p.window.out[1]; column++, dy += p.channels) {
                size_t count = seen_by(&p, n, row, column, offsets);
                greatest(x, offsets, count, p.channels, top);
                memcpy(left, dy, p.channels * sizeof(float)); // what no pixel has taken yet
                for (size_t k = 0; k < count; k++) {
                    const float *pixel = x + offsets[k];
                    float *gradient = dx + offsets[k];
                    for (size_t c = 0; c < p.channels; c++) {
                        float taken = pixel[c] == top[c] ? left[c] : 0;
                        gradient[c] += taken;
                        left[c] = pixel[c] == top[c] ? 0 : left[c];
                    }
                }
            }
}

static size_t two_pixels(const tt_value *value)
{
    return 2 * value->shape.size[3];
}

static const tt_kernel kernels[] = {
    {"conv2d", tt_conv2d_kernel, tt_conv2d_scratch},
    {"conv2d_input_gradient", tt_conv2d_input_gradient_kernel, tt_conv2d_input_gradient_scratch},
    {"conv2d_weights_gradient", tt_conv2d_weights_gradient_kernel,
     tt_conv2d_weights_gradient_scratch},
    {"matmul", tt_matmul_kernel, NULL},
    {"relu_gradient", tt_relu_gradient_kernel, NULL},
    {"sum_to", tt_sum_to_kernel, NULL},
    {"max_pool2d", tt_max_pool_kernel, NULL},
    {"max_pool2d_gradient", tt_max_pool_gradient_kernel, two_pixels},
};

const tt_kernel *tt_kernel_find(const tt_value *value)
{
    const unsigned *window = value->attributes.window;
    bool pooling = value->primitive->attributes & TT_USES_WINDOW;
    if (value->type != TT_F32 || (pooling && (size_t)window[0] * window[1] > SEEN_MAX))
        return NULL;
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        if (strcmp(kernels[i].primitive, value->primitive->name) != 0)
            continue;
        if (kernels[i].run == tt_sum_to_kernel && !tt_sum_to_is_last_axis(value))
            return NULL;
        return &kernels[i];
    }
    return NULL;
}
