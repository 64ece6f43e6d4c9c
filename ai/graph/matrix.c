// Square matrices, on the host only: determinants, inverses, and the cofactors that are the
// derivative of the one where the other need not exist.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/row.h"

static bool square_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (in->rank < 2 || in->size[in->rank - 1] != in->size[in->rank - 2] ||
        !tt_element_is_float((tt_element)in->element))
        return tt_rule_fail(rule, "the input is %s, expects floats of (..., n, n)",
                            tt_type_text(in, text));
    rule->out[0] = *in;
    return true;
}

static bool determinant_type(tt_rule *rule)
{
    if (!square_type(rule))
        return false;
    rule->out[0].rank = (uint8_t)(rule->out[0].rank - 2);
    return true;
}

// Gauss and Jordan with the greatest pivot of each column: `a` becomes the identity, `b` (or NULL)
// the inverse. False where there is none; the determinant is then 0 and the rest means nothing.
static bool eliminate(double *a, double *b, int64_t n, double *determinant)
{
    *determinant = 1;
    for (int64_t column = 0; column < n; column++) {
        int64_t pivot = column;
        for (int64_t row = column + 1; row < n; row++)
            if (fabs(a[row * n + column]) > fabs(a[pivot * n + column]))
                pivot = row;
        double by = a[pivot * n + column];
        *determinant *= pivot == column ? by : -by; // which may underflow: it decides nothing
        if (by == 0)
            return false;
        for (int64_t k = 0; k < n; k++) {
            double *pairs[2] = {a, b};
            for (int side = 0; side < 2 && pairs[side] != NULL; side++) {
                double swap = pairs[side][pivot * n + k];
                pairs[side][pivot * n + k] = pairs[side][column * n + k];
                pairs[side][column * n + k] = swap / by;
            }
        }
        for (int64_t row = 0; row < n; row++) {
            double factor = a[row * n + column];
            for (int64_t k = 0; row != column && factor != 0 && k < n; k++) {
                a[row * n + k] -= factor * a[column * n + k];
                if (b != NULL)
                    b[row * n + k] -= factor * b[column * n + k];
            }
        }
    }
    return true;
}

static tt_status matrices_reference(tt_work *work, bool inverse)
{
    const tt_type *in = &work->in[0].type;
    int64_t n = in->size[in->rank - 1], outer = 1;
    tt_element element = (tt_element)in->element;
    for (unsigned i = 0; i + 2 < in->rank; i++)
        outer *= in->size[i];
    size_t room = (size_t)(n > 0 ? n * n : 1);
    double *a = calloc(room, sizeof(*a)), *b = calloc(room, sizeof(*b));
    tt_status status = a != NULL && b != NULL ? TT_OK : TT_FULL;
    for (int64_t m = 0; status == TT_OK && m < outer; m++) {
        bool finite = true;
        double determinant;
        for (int64_t i = 0; i < n * n; i++) {
            a[i] = work->in[0].cells[m * n * n + i].f;
            b[i] = i / n == i % n;
            finite = finite && isfinite(a[i]);
        }
        bool inverted = eliminate(a, inverse ? b : NULL, n, &determinant) && finite;
        if (!finite && determinant == 0) // 0 times what is no number
            determinant = (double)NAN;
        if (!inverse)
            work->out[0].cells[m].f = work->exact ? determinant : tt_round_to(element, determinant);
        for (int64_t i = 0; inverse && i < n * n; i++) {
            double number = inverted ? b[i] : (double)NAN;
            work->out[0].cells[m * n * n + i].f =
                work->exact ? number : tt_round_to(element, number);
        }
    }
    free(a);
    free(b);
    return status;
}

static tt_status determinant_reference(tt_work *work)
{
    return matrices_reference(work, false);
}

static tt_status inverse_reference(tt_work *work)
{
    return matrices_reference(work, true);
}

static void swap_numbers(double *a, double *b)
{
    double swap = *a;
    *a = *b;
    *b = swap;
}

// P a Q = L U by the greatest pivot of all that is left, in place; rows[i] and columns[i] are where
// row and column i of P a Q stood. Returns the sign of P and Q, or 0 where two pivots are 0.
static double factor(double *a, int64_t n, int64_t *rows, int64_t *columns)
{
    double sign = 1;
    for (int64_t i = 0; i < n; i++)
        rows[i] = columns[i] = i;
    for (int64_t at = 0; at < n; at++) {
        int64_t best = at * n + at;
        for (int64_t i = at * n; i < n * n; i++)
            if (i % n >= at && fabs(a[i]) > fabs(a[best]))
                best = i;
        if (a[best] == 0 && at + 1 < n)
            return 0;
        int64_t row = best / n, column = best % n, swap = rows[at];
        rows[at] = rows[row];
        rows[row] = swap;
        swap = columns[at];
        columns[at] = columns[column];
        columns[column] = swap;
        sign *= (row == at ? 1 : -1) * (column == at ? 1 : -1);
        for (int64_t k = 0; k < n; k++)
            swap_numbers(&a[row * n + k], &a[at * n + k]);
        for (int64_t k = 0; k < n; k++)
            swap_numbers(&a[k * n + column], &a[k * n + at]);
        for (int64_t i = at + 1; i < n; i++) {
            a[i * n + at] /= a[at * n + at];
            for (int64_t k = at + 1; k < n; k++)
                a[i * n + k] -= a[i * n + at] * a[at * n + k];
        }
    }
    return sign;
}

// One column of the adjugate of P a Q, which is sign * adj(U) L^-1: L x = e, then U without its
// last pivot d, which may be 0: adj(U) = det(U1) (d U1^-1, -U1^-1 u; 0, 1) for U = (U1, u; 0, d).
static void adjugate_column(const double *lu, int64_t n, int64_t column, double scale, double *x)
{
    double d = lu[n * n - 1];
    for (int64_t i = 0; i < n; i++) {
        x[i] = i == column;
        for (int64_t k = 0; k < i; k++)
            x[i] -= lu[i * n + k] * x[k];
    }
    for (int64_t i = n - 2; i >= 0; i--) {
        x[i] = d * x[i] - lu[i * n + n - 1] * x[n - 1];
        for (int64_t k = i + 1; k < n - 1; k++)
            x[i] -= lu[i * n + k] * x[k];
        x[i] /= lu[i * n + i];
    }
    for (int64_t i = 0; i < n; i++)
        x[i] *= scale;
}

// The adjugate, transposed, of one matrix, which is used up; `more` has room for n numbers.
static void cofactors_of(double *a, int64_t n, double *more, int64_t *places, tt_cell *out)
{
    int64_t *rows = places, *columns = places + n;
    double scale = factor(a, n, rows, columns);
    for (int64_t i = 0; i + 1 < n; i++)
        scale *= a[i * n + i];
    for (int64_t column = 0; column < n; column++) {
        if (scale != 0)
            adjugate_column(a, n, column, scale, more);
        for (int64_t i = 0; i < n; i++)
            out[rows[column] * n + columns[i]].f = scale != 0 ? more[i] : 0;
    }
}

static tt_status cofactors_reference(tt_work *work)
{
    const tt_type *in = &work->in[0].type;
    int64_t n = in->size[in->rank - 1], outer = tt_type_count(in) / (n * n); // none is empty
    double *a = calloc((size_t)(n * n), sizeof(*a)), *more = calloc((size_t)n, sizeof(*more));
    int64_t *places = calloc((size_t)(2 * n), sizeof(*places));
    tt_status status = a != NULL && more != NULL && places != NULL ? TT_OK : TT_FULL;
    for (int64_t m = 0; status == TT_OK && m < outer; m++) {
        tt_cell *out = work->out[0].cells + m * n * n;
        bool finite = true;
        for (int64_t i = 0; i < n * n; i++) {
            a[i] = work->in[0].cells[m * n * n + i].f;
            finite = finite && isfinite(a[i]);
        }
        if (finite)
            cofactors_of(a, n, more, places, out);
        for (int64_t i = 0; i < n * n; i++) {
            out[i].f = finite ? out[i].f : (double)NAN;
            out[i].f = work->exact ? out[i].f : tt_round_to((tt_element)in->element, out[i].f);
        }
    }
    free(a);
    free(more);
    free(places);
    return status;
}

static tt_value transposed(tt_graph *graph, tt_value a)
{
    int64_t order[TT_RANK_MAX];
    if (tt_is_none(a))
        return TT_NONE;
    unsigned rank = tt_graph_type(graph, a)->rank;
    for (unsigned i = 0; i < rank; i++)
        order[i] = i + 2 < rank ? i : 2 * rank - 3 - i;
    return tt_transpose(graph, a, order);
}

// (...) as (..., 1, 1), beside matrices.
static tt_value scalars(tt_graph *graph, tt_value a, tt_value matrices)
{
    tt_type type = *tt_graph_type(graph, matrices);
    type.size[type.rank - 1] = type.size[type.rank - 2] = 1;
    return tt_reshape(graph, a, type.rank, type.size);
}

static void determinant_derivative(tt_back *back) // Jacobi: the cofactors, which always exist
{
    tt_graph *g = back->graph;
    back->dx[0] = tt_multiply(g, scalars(g, back->dy[0], back->in[0]),
                              tt_unary(g, TT_OP_COFACTORS, back->in[0]));
}

// (<c, dy> c - c dy' c) / det: c is det times the inverse, transposed. Where there is no inverse,
// second derivatives are no numbers.
static void cofactors_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_value c = {back->node, 0}, dy = back->dy[0];
    tt_type type = *tt_graph_type(g, back->in[0]);
    const int64_t last[] = {-2, -1};
    tt_value inner = tt_reduce(g, TT_OP_SUM, tt_multiply(g, c, dy), 2, last);
    tt_value outer = tt_matmul(g, tt_matmul(g, c, transposed(g, dy)), c);
    tt_value determinant = tt_unary(g, TT_OP_DETERMINANT, back->in[0]);
    if (type.size[type.rank - 1] > 1) // else it is 1, whatever the element is
        back->dx[0] = tt_divide(g, tt_subtract(g, tt_multiply(g, inner, c), outer),
                                scalars(g, determinant, back->in[0]));
}

static void inverse_derivative(tt_back *back) // -inverse' dy inverse'
{
    tt_graph *g = back->graph;
    tt_value y = transposed(g, (tt_value){back->node, 0});
    back->dx[0] = tt_negate(g, tt_matmul(g, tt_matmul(g, y, back->dy[0]), y));
}

static uint64_t cubic_cost(const tt_graph *graph, uint32_t node)
{
    const tt_type *in = tt_graph_type(graph, tt_graph_inputs(graph, node)[0]);
    return tt_cost_multiply((uint64_t)tt_type_count(in), (uint64_t)in->size[in->rank - 1]);
}

#define ROW(n, rule, kernel)                                                                       \
    .name = n, .inputs_min = 1, .inputs_max = 1, .flags = TT_ROW_HOST, .type = rule,               \
    .reference = kernel

const tt_row tt_matrix_rows[] = {
    {ROW("determinant", determinant_type, determinant_reference),
     .derivative = determinant_derivative, .cost = cubic_cost, .help = "of (..., n, n)"},
    {ROW("inverse", square_type, inverse_reference), .derivative = inverse_derivative,
     .cost = cubic_cost,
     .help = "of (..., n, n); no numbers where there is none, or where an element is not finite"},
    {ROW("cofactors", square_type, cofactors_reference), .derivative = cofactors_derivative,
     .cost = cubic_cost,
     .help = "of (..., n, n): what the determinant's derivative is; no numbers where an "
             "element is not finite"},
};
