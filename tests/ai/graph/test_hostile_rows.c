// Random operations with random inputs and attributes, as a hostile file would have them: each is
// refused with a sentence or makes a node, and what is made runs within its limits or is refused.
// What must not be is a crash or a signal; the sanitizers run this too.

#include <time.h>

#include "ai/graph/reference.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/random.h"

#define INPUTS 8
#define OPERANDS_MAX 5

static tt_random rng;
static unsigned made, refused, ran, stopped;

static uint64_t below(uint64_t limit)
{
    return tt_random_below(&rng, limit);
}

static int64_t any_number(void)
{
    static const int64_t numbers[] = {0,
                                      1,
                                      2,
                                      3,
                                      5,
                                      -1,
                                      -2,
                                      127,
                                      128,
                                      INT32_MAX,
                                      (int64_t)INT32_MAX + 1,
                                      (int64_t)1 << 40,
                                      -((int64_t)1 << 40),
                                      ((int64_t)1 << 40) + 1,
                                      TT_SIZE_MAX,
                                      TT_SIZE_MAX + 1,
                                      (int64_t)1 << 62,
                                      INT64_MAX - 1,
                                      INT64_MAX,
                                      INT64_MIN};
    uint64_t kind = below(8);
    return kind == 0   ? (int64_t)tt_random_u64(&rng)
           : kind <= 3 ? numbers[below(TT_COUNT(numbers))]
                       : (int64_t)below(5);
}

// Small for the most part, so that some are computed; sometimes huge, or huge and empty.
static tt_type any_type(void)
{
    uint64_t kind = below(10);
    tt_type type = {.element =
                        (uint8_t)(below(3) == 0 ? (uint64_t)TT_F32 : below(TT_ELEMENT_COUNT)),
                    .rank = (uint8_t)(below(6) == 0 ? below(TT_RANK_MAX + 1) : below(5))};
    for (unsigned i = 0; i < type.rank; i++)
        type.size[i] = kind == 0                    ? (int64_t)1 << below(46 / type.rank + 1)
                       : kind == 1 && below(2) == 0 ? 0
                       : kind == 1                  ? (int64_t)1 << below(46 / type.rank + 1)
                                                    : (int64_t)below(4) + (kind != 2);
    return type;
}

static void add_inputs(tt_graph *graph, unsigned count)
{
    static const char *const names[INPUTS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (unsigned i = 0; i < count; i++) {
        tt_type type = i > 0 && below(2) == 0 // often as another one, so that operands agree
                           ? *tt_graph_type(graph, (tt_value){(uint32_t)below(i), 0})
                           : any_type();
        if (i > 0 && below(4) == 0)
            type.element = below(2) == 0 ? TT_I64 : TT_I32; // indices
        tt_input(graph, names[i], type);
    }
}

static tt_value any_value(const tt_graph *graph)
{
    uint32_t count = tt_graph_count(graph);
    if (below(200) == 0)
        return (tt_value){(uint32_t)below(count + 3), (uint16_t)below(3)};
    uint32_t node = (uint32_t)below(count);
    return (tt_value){node, (uint16_t)below(tt_graph_node(graph, node)->output_count)};
}

// Attributes of the row's form most of the time, otherwise any words.
static void any_words(const tt_graph *graph, const tt_row *row, tt_value first, tt_word_list *words)
{
    unsigned rank = first.node < tt_graph_count(graph) && first.output == 0
                        ? tt_graph_type(graph, first)->rank
                        : (unsigned)below(4);
    if (below(20) == 0) {
        for (uint64_t i = below(12); i > 0; i--)
            tt_words_number(words, any_number());
        return;
    }
    for (unsigned i = 0; i < TT_ATTRIBUTES_MAX && row->attributes[i].name != NULL; i++) {
        bool window = row == tt_row_of(TT_OP_CONV) || row == tt_row_of(TT_OP_POOL_SUM) ||
                      row == tt_row_of(TT_OP_POOL_GREATEST);
        int64_t list[12];
        unsigned count = below(12) == 0        ? (unsigned)below(12)
                         : window && rank >= 2 ? rank - 2
                                               : rank;
        if (row->attributes[i].kind == TT_ATTRIBUTE_LIST) {
            bool places = below(2) == 0; // 0, 1, 2 ...: an order, axes
            for (unsigned k = 0; k < count; k++)
                list[k] = places && !window ? (int64_t)k
                          : below(3) == 0   ? any_number()
                                            : (int64_t)below(3) + window;
            tt_words_list(words, count, list);
        } else {
            tt_words_number(words, row->attributes[i].kind == TT_ATTRIBUTE_ELEMENT && below(10) != 0
                                       ? (int64_t)below(TT_ELEMENT_COUNT)
                                       : any_number());
        }
    }
}

static tt_value any_operation(tt_graph *graph)
{
    tt_op op = (tt_op)below(TT_OP_COUNT + (below(100) == 0 ? 5 : 0));
    if ((unsigned)op >= TT_OP_COUNT)
        return tt_apply(graph, op, 0, NULL, 0, NULL);
    const tt_row *row = tt_row_of(op);
    unsigned count = row->inputs_min;
    tt_value inputs[OPERANDS_MAX] = {TT_NONE};
    tt_word_list words = {.count = 0};
    if (row->inputs_max > row->inputs_min || below(50) == 0)
        count = (unsigned)below(OPERANDS_MAX + 1);
    for (unsigned i = 0; i < count; i++)
        inputs[i] = any_value(graph);
    any_words(graph, row, count > 0 ? inputs[0] : TT_NONE, &words);
    return tt_apply(graph, op, count, inputs, words.count, words.word);
}

static tt_graph *any_body(const tt_value *inputs, unsigned count, const tt_graph *outer, bool loop)
{
    tt_graph *body = tt_graph_new();
    REQUIRE(body != NULL);
    char name[2] = "a";
    for (unsigned i = 0; i < count; i++, name[0]++)
        tt_input(body, name,
                 below(30) != 0
                     ? (loop && i == 0 ? TT_SCALAR(TT_I64) : *tt_graph_type(outer, inputs[i]))
                     : any_type());
    if (loop && below(20) != 0)
        tt_graph_result(body, "go", tt_number(body, TT_BOOL, (double)below(2)));
    for (uint64_t i = below(4); i > 0 && tt_graph_count(body) > 0; i--)
        tt_graph_result(body, name, any_value(body));
    return body;
}

// A loop or a branch, whose bodies give back what they are given.
static tt_value any_control(tt_graph *graph)
{
    tt_value inputs[4], condition;
    unsigned count = 1 + (unsigned)below(3);
    bool loop = below(2) == 0;
    for (unsigned i = 0; i < count; i++) {
        inputs[i] = any_value(graph);
        if (inputs[i].node >= tt_graph_count(graph) || inputs[i].output > 0)
            inputs[i] = (tt_value){0, 0};
    }
    condition = loop ? tt_number(graph, TT_I64, (double)any_number())
                     : tt_number(graph, TT_BOOL, (double)below(2));
    if (loop) {
        tt_value all[5] = {condition};
        memcpy(all + 1, inputs, sizeof(inputs));
        unsigned carries = (unsigned)below(count + 1);
        return tt_loop(graph, condition, any_number(), carries, inputs, count - carries,
                       inputs + carries, any_body(all, count + 1, graph, true));
    }
    return tt_branch(graph, condition, count, inputs, any_body(inputs, count, graph, false),
                     any_body(inputs, count, graph, false));
}

#define BYTES_MAX 4096 // of an input that has elements

static void run_value(const tt_graph *graph, tt_value value)
{
    static uint64_t elements[INPUTS][BYTES_MAX / sizeof(uint64_t)];
    const tt_reference_options options = {
        .exact = below(4) == 0, .bytes_max = 1 << 18, .cost_max = 1 << 16};
    const void *data[64] = {NULL};
    char sentence[1024];
    tt_text why;
    tt_reference *reference;
    uint32_t buffers = tt_graph_buffer_count(graph);
    for (uint32_t i = 0; i < buffers && i < INPUTS; i++) {
        tt_type type = tt_graph_buffer(graph, i)->type;
        if ((uint64_t)tt_type_count(&type) * tt_element_bytes((tt_element)type.element) <=
            BYTES_MAX)
            data[i] = elements[i];
        if (below(4) == 0) // any bits; otherwise what was there, mostly small indices
            for (unsigned k = 0; k < 64; k++)
                elements[i][k] = below(2) == 0 ? tt_random_u64(&rng) : below(3);
    }
    uint32_t count = tt_graph_node(graph, value.node)->output_count;
    tt_value values[TT_OUTPUTS_MAX];
    for (uint32_t i = 0; i < count; i++)
        values[i] = tt_output(value, i);
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_reference_run(graph, count, values, data, &options, &reference,
                                        buffers < 64 ? &why : NULL);
    ran += status == TT_OK;
    stopped += status != TT_OK;
    EXPECT(status == TT_OK || why.length > 10);
    for (uint32_t i = 0; status == TT_OK && i < count; i++) {
        static uint64_t bytes[(1 << 18) / sizeof(uint64_t)];
        tt_cells_store(tt_reference_result(reference, i), bytes);
    }
    tt_reference_free(reference);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argument_count, char **arguments)
{
    unsigned applications = 0, wanted = argument_count > 1 ? (unsigned)atoi(arguments[1]) : 200000;
    uint64_t seed = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 9;
    double slowest = 0, begun = seconds();
    tt_random_seed(&rng, seed);
    while (applications < wanted) {
        tt_graph *graph = tt_graph_new();
        REQUIRE(graph != NULL);
        add_inputs(graph, 1 + (unsigned)below(INPUTS));
        EXPECT_EQUAL(tt_graph_status(graph), TT_OK);
        for (unsigned i = 0; i < 12 && tt_graph_status(graph) == TT_OK; i++, applications++) {
            double before = seconds();
            tt_value value = below(20) == 0 ? any_control(graph) : any_operation(graph);
            if (tt_is_none(value)) {
                refused++;
                EXPECT(tt_graph_status(graph) != TT_OK && strlen(tt_graph_error(graph)) > 10);
            } else {
                made++;
                EXPECT_EQUAL(tt_graph_status(graph), TT_OK);
                run_value(graph, value);
            }
            double took = seconds() - before;
            slowest = took > slowest ? took : slowest;
        }
        tt_graph_free(graph);
    }
    printf(
        "seed %llu: %u applications, %u made, %u refused, %u ran, %u stopped, the slowest %.3f s, "
        "all %.1f s\n",
        (unsigned long long)seed, applications, made, refused, ran, stopped, slowest,
        seconds() - begun);
    EXPECT(made > applications / 20 && ran > applications / 50);
    EXPECT(slowest < 20);
    return test_result();
}
