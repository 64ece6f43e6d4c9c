// Forms by hand that bench_forms measures.

#ifndef TUTTI_BENCH_AI_FORMS_H
#define TUTTI_BENCH_AI_FORMS_H

#include "ai/lower/form.h"

enum { BENCH_A, BENCH_B, BENCH_C, BENCH_BIAS, BENCH_BUFFERS }; // buffers: c = a b + bias, of floats

typedef struct bench_form {
    tt_form form;
    int64_t turns;                   // of its axis `split`
    int64_t elements[BENCH_BUFFERS]; // of each buffer
    double operations;               // multiplications and additions of all turns
} bench_form;

// c (m, n) = a (m, k) b (k, n), with strides of a and b, so that both may lie transposed. `tile`
// rows are summed at once. Columns are packed by 16 in local memory, `depth` of k at a time, where
// that is not 0; `group` such panels are one turn of the split axis.
typedef struct bench_product {
    const char *name;
    int64_t m, n, k;
    int64_t a_row, a_k, b_k, b_column;
    unsigned tile;
    int64_t depth, group;
    bool rows_outer; // all panels of a group are packed, and each tile of rows meets all of them
    bool epilogue;   // a bias is added, and what is below 0 becomes 0
} bench_product;

void bench_product_form(bench_form *made, const bench_product *product);

// c (size, size, out) of a (size + taps - 1, the same, in) and weights b (taps, taps, in, out):
// `tile` places of a row at once, then those that are left.
typedef struct bench_conv {
    const char *name;
    int64_t size, taps, in, out;
    unsigned tile;
    bool unrolled; // the loop over columns of taps and channels in is so many instructions
} bench_conv;

void bench_conv_form(bench_form *made, const bench_conv *conv);

#endif
