// Convolutions and matrix products by the BLAS.
//
// A convolution of one image is a product: the pixels under each window position, laid out as a row
// of `columns` (positions, taps), times the weights (out, taps) transposed. Image by image, so that
// `columns` stays in the cache, and bias and ReLU are applied while the result is still there.

#include <cblas.h>
#include <string.h>

#include "ai/exec/step.h"

typedef struct sizes {
    size_t batch, in_rows, in_columns, in;        // input
    size_t window_rows, window_columns, taps;     // taps: window rows x columns x input channels
    size_t out_rows, out_columns, positions, out; // output
    tt_window window;
    unsigned stride[2];
} sizes;

static sizes sizes_of(const tt_value *conv, const tt_shape *x, const tt_shape *w)
{
    sizes s = {.batch = x->size[0],
               .in_rows = x->size[1],
               .in_columns = x->size[2],
               .in = x->size[3],
               .window_rows = w->size[1],
               .window_columns = w->size[2],
               .out = w->size[0],
               .stride = {conv->attributes.stride[0], conv->attributes.stride[1]}};
    tt_window_compute(&x->size[1], &w->size[1], s.stride, conv->attributes.padding, &s.window);
    s.out_rows = s.window.out[0];
    s.out_columns = s.window.out[1];
    s.positions = s.out_rows * s.out_columns;
    s.taps = s.window_rows * s.window_columns * s.in;
    return s;
}

// Loops and not memcpy: a run may be three floats, for which a call takes longer than the copy.
static float *copied(float *to, const float *from, size_t count)
{
    for (size_t k = 0; k < count; k++)
        to[k] = from[k];
    return to + count;
}

static float *zeros(float *to, size_t count)
{
    for (size_t k = 0; k < count; k++)
        to[k] = 0;
    return to + count;
}

// Lays out the pixels under each position, row by row of the window; zeros stand for padding.
static void to_columns(const sizes *s, const float *x, float *columns)
{
    size_t run = s->window_columns * s->in, width = s->in_columns * s->in;
    for (size_t row = 0; row < s->out_rows; row++)
        for (size_t column = 0; column < s->out_columns; column++) {
            size_t at = column * s->stride[1], before = s->window.before[1];
            size_t skip = at < before ? before - at : 0; // pixels of the window left of the image
            size_t end = s->in_columns + before - at;    // the first of them right of it
            size_t seen = (end < s->window_columns ? end : s->window_columns) - skip;
            size_t first = (at + skip - before) * s->in;
            for (size_t i = 0; i < s->window_rows; i++) {
                size_t in_row = row * s->stride[0] + i - s->window.before[0];
                if (in_row >= s->in_rows) {
                    columns = zeros(columns, run);
                } else if (seen == s->window_columns) {
                    columns = copied(columns, x + in_row * width + first, run);
                } else {
                    columns = zeros(columns, skip * s->in);
                    columns = copied(columns, x + in_row * width + first, seen * s->in);
                    columns = zeros(columns, run - (skip + seen) * s->in);
                }
            }
        }
}

// Adds columns back to the pixels that they came from.
static void from_columns(const sizes *s, const float *columns, float *x)
{
    for (size_t row = 0; row < s->out_rows; row++)
        for (size_t column = 0; column < s->out_columns; column++)
            for (size_t i = 0; i < s->window_rows; i++)
                for (size_t j = 0; j < s->window_columns; j++, columns += s->in) {
                    size_t in_row = row * s->stride[0] + i - s->window.before[0];
                    size_t in_column = column * s->stride[1] + j - s->window.before[1];
                    if (in_row >= s->in_rows || in_column >= s->in_columns)
                        continue;
                    float *pixel = x + (in_row * s->in_columns + in_column) * s->in;
                    for (size_t k = 0; k < s->in; k++)
                        pixel[k] += columns[k];
                }
}

static void finish(const tt_step *step, float *y, size_t rows, size_t columns)
{
    const float *bias = step->bias_data;
    if (bias == NULL)
        return;
    for (size_t row = 0; row < rows; row++, y += columns)
        for (size_t column = 0; column < columns; column++) {
            float sum = y[column] + bias[column];
            y[column] = step->relu && !(sum > 0) ? 0 : sum;
        }
}

void tt_conv2d_kernel(const tt_step *step)
{
    const tt_value *conv = step->product != NULL ? step->product : step->value;
    sizes s = sizes_of(conv, &conv->inputs[0]->shape, &conv->inputs[1]->shape);
    const float *x = step->inputs[0], *w = step->inputs[1];
    float *y = step->output, *columns = step->scratch;
    for (size_t n = 0; n < s.batch; n++) {
        to_columns(&s, x + n * s.in_rows * s.in_columns * s.in, columns);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)s.positions, (int)s.out,
                    (int)s.taps, 1, columns, (int)s.taps, w, (int)s.taps, 0, y, (int)s.out);
        finish(step, y, s.positions, s.out);
        y += s.positions * s.out;
    }
}

size_t tt_conv2d_scratch(const tt_value *conv)
{
    sizes s = sizes_of(conv, &conv->inputs[0]->shape, &conv->inputs[1]->shape);
    return s.positions * s.taps;
}

void tt_conv2d_input_gradient_kernel(const tt_step *step)
{
    const tt_value *value = step->value;
    sizes s = sizes_of(value, &value->shape, &value->inputs[1]->shape);
    const float *dy = step->inputs[0], *w = step->inputs[1];
    float *dx = step->output, *columns = step->scratch;
    memset(dx, 0, tt_value_bytes(value));
    for (size_t n = 0; n < s.batch; n++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)s.positions, (int)s.taps,
                    (int)s.out, 1, dy + n * s.positions * s.out, (int)s.out, w, (int)s.taps, 0,
                    columns, (int)s.taps);
        from_columns(&s, columns, dx + n * s.in_rows * s.in_columns * s.in);
    }
}

size_t tt_conv2d_input_gradient_scratch(const tt_value *value)
{
    sizes s = sizes_of(value, &value->shape, &value->inputs[1]->shape);
    return s.positions * s.taps;
}

void tt_conv2d_weights_gradient_kernel(const tt_step *step)
{
    const tt_value *value = step->value;
    sizes s = sizes_of(value, &value->inputs[0]->shape, &value->shape);
    const float *x = step->inputs[0], *dy = step->inputs[1];
    float *columns = step->scratch;
    for (size_t n = 0; n < s.batch; n++) {
        to_columns(&s, x + n * s.in_rows * s.in_columns * s.in, columns);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)s.out, (int)s.taps,
                    (int)s.positions, 1, dy + n * s.positions * s.out, (int)s.out, columns,
                    (int)s.taps, n > 0, step->output, (int)s.taps);
    }
}

size_t tt_conv2d_weights_gradient_scratch(const tt_value *value)
{
    sizes s = sizes_of(value, &value->inputs[0]->shape, &value->shape);
    return s.positions * s.taps;
}

void tt_matmul_kernel(const tt_step *step)
{
    const tt_value *product = step->product != NULL ? step->product : step->value;
    const bool *transpose = product->attributes.transpose;
    const size_t *a = product->inputs[0]->shape.size, *b = product->inputs[1]->shape.size;
    size_t rows = product->shape.size[0], columns = product->shape.size[1];
    cblas_sgemm(CblasRowMajor, transpose[0] ? CblasTrans : CblasNoTrans,
                transpose[1] ? CblasTrans : CblasNoTrans, (int)rows, (int)columns,
                (int)a[!transpose[0]], 1, step->inputs[0], (int)a[1], step->inputs[1], (int)b[1], 0,
                step->output, (int)columns);
    finish(step, step->output, rows, columns);
}
