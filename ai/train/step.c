// What a step computes, as one graph: loss, right answers, gradients, and the optimiser's
// assignments; and in which order and at which rate steps come. All of it follows from the options,
// so a resumed training has the same.

#include <math.h>
#include <stdlib.h>

#include "ai/train/training.h"
#include "tutti/random.h"

// Seeds and epochs in their ranges (32 bits and TT_EPOCHS_MAX) never meet in one number here.
void tt_training_order(uint32_t *order, size_t count, uint64_t seed, unsigned epoch)
{
    tt_random random;
    tt_random_seed(&random, seed * 0x100000001b3u + epoch);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) { // Fisher and Yates
        size_t other = tt_random_below(&random, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
}

tt_schedule tt_training_schedule(const tt_train_options *o, size_t steps_an_epoch)
{
    double warm = round(o->warm_up * (double)steps_an_epoch);
    return (tt_schedule){.kind = o->schedule,
                         .rate = o->learning_rate,
                         .warm = (uint64_t)warm,
                         .steps = (uint64_t)steps_an_epoch * o->epochs};
}

// How many of the logits' greatest stand at their label.
static tt_value count_right(tt_graph *g, tt_value logits, tt_value label)
{
    int64_t batch = tt_graph_type(g, label)->size[0];
    tt_value place = tt_reduce(g, TT_OP_GREATEST_PLACE, logits, 1, (int64_t[]){1});
    place = tt_convert(g, tt_reshape(g, place, 1, &batch), TT_I32);
    return tt_sum_all(g, tt_convert(g, tt_equal(g, place, label), TT_I32));
}

static void add_step(tt_graph *g, tt_value logits, const tt_train_options *o, tt_value *parameters,
                     tt_value *gradients)
{
    unsigned count = 0;
    tt_graph_at(g, "loss", NULL);
    tt_value label = tt_input(g, "label", TT_TYPE(TT_I32, (int64_t)o->batch));
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F64));
    tt_value loss = tt_cross_entropy(g, logits, label);
    if (tt_graph_status(g) != TT_OK)
        return;
    tt_graph_result(g, "loss", loss);
    tt_graph_result(g, "right", count_right(g, logits, label));
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++)
        if (tt_graph_buffer(g, i)->kind == TT_PARAMETER)
            parameters[count++] = tt_graph_buffer(g, i)->value;
    tt_graph_at(g, "gradient", NULL);
    if (tt_graph_gradient(g, loss, count, parameters, gradients) != TT_OK)
        return;
    tt_graph_at(g, "optimiser", NULL);
    tt_optimise(g, &o->optimiser, count, parameters, gradients, NULL, rate);
}

static tt_status check_parameters(const tt_model *model, tt_text *why)
{
    char is[TT_TYPE_TEXT_BYTES];
    uint32_t at = 0;
    const tt_buffer *parameter = tt_model_parameter(model, &at);
    if (parameter == NULL) {
        tt_text_add(why, "the network has no parameter that could be trained");
        return TT_INVALID;
    }
    for (; parameter != NULL; parameter = tt_model_parameter(model, &at)) {
        if (tt_element_is_float((tt_element)parameter->type.element))
            continue;
        tt_text_add(why, "the network's parameter '");
        tt_text_add(why, parameter->name);
        tt_text_add(why, "' is ");
        tt_text_add(why, tt_type_text(&parameter->type, is));
        tt_text_add(why, ", of which no gradient can be taken");
        return TT_INVALID;
    }
    return TT_OK;
}

tt_status tt_training_graph(const tt_model *model, const tt_train_options *o, tt_graph **graph,
                            tt_text *why)
{
    *graph = NULL;
    tt_graph *g;
    tt_status status = check_parameters(model, why);
    if (status == TT_OK)
        status = tt_model_graph(model, (int64_t)o->batch, &g, why);
    if (status != TT_OK)
        return status;
    uint32_t buffers = tt_graph_buffer_count(g);
    tt_value *values = calloc(2 * (size_t)buffers + 1, sizeof(*values));
    if (values != NULL) {
        tt_value logits = tt_graph_result_at(g, 0)->value;
        tt_graph_forget(g);
        add_step(g, logits, o, values, values + buffers);
        free(values);
        status = tt_graph_status(g);
        tt_text_add(why, tt_graph_error(g));
    } else {
        status = TT_FULL;
    }
    if (status == TT_OK)
        *graph = g;
    else
        tt_graph_free(g);
    return status;
}
