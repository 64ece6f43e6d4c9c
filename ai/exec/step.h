// One step of an executor: a kernel with its operands resolved to addresses.

#ifndef TUTTI_AI_EXEC_STEP_H
#define TUTTI_AI_EXEC_STEP_H

#include "ai/oldgraph/primitive.h"

typedef struct tt_step tt_step;

struct tt_step {
    const tt_value *value;             // whose elements are computed
    const tt_value *product;           // the convolution or matmul fused into it, else NULL
    const tt_value *bias;              // fused, else NULL
    bool relu;                         // fused
    const void *inputs[TT_INPUTS_MAX]; // of `product` where fused, else of `value`
    const void *bias_data;
    void *output;
    float *scratch;
    void (*kernel)(const tt_step *step);
};

// A fast kernel for a primitive, and the floats of scratch memory it wants; NULL: the reference's.
typedef struct tt_kernel {
    const char *primitive;
    void (*run)(const tt_step *step);
    size_t (*scratch)(const tt_value *value); // NULL: none
} tt_kernel;

const tt_kernel *tt_kernel_find(const tt_value *value);

// kernels_product.c
void tt_conv2d_kernel(const tt_step *step);
void tt_conv2d_input_gradient_kernel(const tt_step *step);
void tt_conv2d_weights_gradient_kernel(const tt_step *step);
void tt_matmul_kernel(const tt_step *step);
size_t tt_conv2d_scratch(const tt_value *value);
size_t tt_conv2d_input_gradient_scratch(const tt_value *value);
size_t tt_conv2d_weights_gradient_scratch(const tt_value *value);

// kernels_small.c
void tt_relu_gradient_kernel(const tt_step *step);
void tt_sum_to_kernel(const tt_step *step);
void tt_max_pool_kernel(const tt_step *step);
void tt_max_pool_gradient_kernel(const tt_step *step);
bool tt_sum_to_is_last_axis(const tt_value *value);

#endif
