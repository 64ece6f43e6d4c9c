// Sums of f32, added in double: of all rows, as a bias wants them, or over any axes.

#include <math.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

#define ROWS 256    // that are summed by one piece
#define COLUMNS 512 // the most that are summed side by side

// Sums over the leading axes: (rows, columns) to (columns). Pieces of rows, then they in order.
typedef struct rows_work {
    const float *a;
    double *part; // (pieces, columns)
    int64_t rows, columns;
} rows_work;

// Four rows at a time, so that a sum is loaded and stored once for them.
static void sum_rows(void *context, size_t piece)
{
    const rows_work *w = context;
    double *restrict sum = w->part + (int64_t)piece * w->columns;
    int64_t row = (int64_t)piece * ROWS, end = row + ROWS < w->rows ? row + ROWS : w->rows;
    const float *restrict a = w->a + row * w->columns;
    memset(sum, 0, (size_t)w->columns * sizeof(*sum));
    for (; row + 4 <= end; row += 4, a += 4 * w->columns) {
        const float *b = a + w->columns, *c = b + w->columns, *d = c + w->columns;
        for (int64_t column = 0; column < w->columns; column++)
            sum[column] +=
                ((double)a[column] + (double)b[column]) + ((double)c[column] + (double)d[column]);
    }
    for (; row < end; row++, a += w->columns)
        for (int64_t column = 0; column < w->columns; column++)
            sum[column] += (double)a[column];
}

// Whether the axes are the leading ones, and the rest is not too wide.
static bool leading(const tt_type *in, const int64_t *axes, unsigned count, rows_work *w)
{
    w->rows = w->columns = 1;
    for (unsigned i = 0; i < in->rank; i++) {
        if (i < count && axes[i] != i)
            return false;
        *(i < count ? &w->rows : &w->columns) *= in->size[i];
    }
    return w->columns > 0 && w->columns <= COLUMNS && w->rows > 0;
}

static void sum_any(const tt_running *running, const tt_step *step, const tt_type *in,
                    const int64_t *axes, unsigned count)
{
    const tt_type *to = tt_graph_type(running->graph, (tt_value){step->node, 0});
    int64_t own[TT_RANK_MAX] = {0}, stride[TT_RANK_MAX] = {0}, results = tt_type_count(to);
    tt_type inner = {.rank = (uint8_t)count};
    tt_walk outer;
    tt_strides(in, own);
    tt_walk_begin(&outer, to, own, 0);
    for (unsigned i = 0; i < count; i++) {
        inner.size[i] = in->size[axes[i]];
        stride[i] = own[axes[i]];
    }
    int64_t elements = tt_type_count(&inner);
    for (int64_t i = 0; i < results; i++, tt_walk_next(&outer)) {
        double sum = 0;
        tt_walk walk;
        tt_walk_begin(&walk, &inner, stride, outer.at);
        for (int64_t k = 0; k < elements; k++, tt_walk_next(&walk))
            sum += (double)((const float *)step->in[0])[walk.at];
        ((float *)step->out[0])[i] = (float)sum;
    }
}

tt_status tt_sum_kernel(const tt_running *running, const tt_step *step)
{
    unsigned count;
    const int64_t *axes = tt_graph_attribute(running->graph, step->node, 0, &count);
    const tt_type *in =
        tt_graph_type(running->graph, tt_graph_inputs(running->graph, step->node)[0]);
    double *part = (double *)(void *)running->scratch;
    int64_t room = (int64_t)(TT_SUM_SCRATCH / sizeof(*part));
    rows_work w = {.a = step->in[0], .part = part};
    if (!leading(in, axes, count, &w) || (w.rows + ROWS - 1) / ROWS > room / w.columns) {
        sum_any(running, step, in, axes, count);
        return TT_OK;
    }
    size_t pieces = (size_t)((w.rows + ROWS - 1) / ROWS);
    tt_pool_run(running->pool, pieces, sum_rows, &w);
    for (int64_t column = 0; column < w.columns; column++) {
        double sum = 0;
        for (size_t piece = 0; piece < pieces; piece++)
            sum += part[(int64_t)piece * w.columns + column];
        ((float *)step->out[0])[column] = (float)sum;
    }
    return TT_OK;
}

// Along the last axis; others by the reference.
tt_status tt_log_sum_exp_kernel(const tt_running *running, const tt_step *step)
{
    unsigned count;
    const int64_t *axes = tt_graph_attribute(running->graph, step->node, 0, &count);
    const tt_type *in =
        tt_graph_type(running->graph, tt_graph_inputs(running->graph, step->node)[0]);
    if (count != 1 || axes[0] != in->rank - 1 || in->size[in->rank - 1] == 0)
        return tt_reference_kernel(running, step);
    int64_t size = in->size[in->rank - 1], rows = tt_type_count(in) / size;
    const float *a = step->in[0];
    for (int64_t row = 0; row < rows; row++, a += size) {
        float greatest = a[0];
        double sum = 0;
        for (int64_t i = 1; i < size; i++)
            greatest = a[i] > greatest || isnan(a[i]) ? a[i] : greatest;
        for (int64_t i = 0; i < size; i++)
            sum += (double)expf(a[i] - greatest);
        ((float *)step->out[0])[row] =
            isinf(greatest) ? greatest : (float)((double)greatest + log(sum));
    }
    return TT_OK;
}
