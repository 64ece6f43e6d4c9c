// Random graphs: printed = parsed, copied, simplified, differentiated once as differences say, and
// twice without failure; each again of what the second differentiation made. Where only some values
// are kept for the way back, gradients have the same bits.
//
//     test_random_graphs [COUNT [FIRST SEED]]

#include <math.h>

#include "ai/graph/reference.h"
#include "tests/ai/graph/random_graph.h"
#include "tests/ai/graph/subject.h"
#include "tutti/check.h"

#define GRAPHS 300
#define VALUES_MAX 64

static void failed(uint64_t seed, const char *what, const tt_graph *graph)
{
    char *text = graph != NULL ? tt_graph_print(graph) : NULL;
    test_failures++;
    printf("seed %llu, %s\n%s\n", (unsigned long long)seed, what, text != NULL ? text : "");
    free(text);
}

// Elements for inputs and parameters, in their order.
typedef struct elements {
    unsigned count;
    void *bytes[RANDOM_INPUTS_MAX];
} elements;

static elements choose_elements(const tt_graph *graph, uint64_t seed)
{
    elements e = {0};
    tt_random random;
    tt_random_seed(&random, ~seed);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind == TT_CONSTANT)
            continue;
        tt_element element = (tt_element)buffer->type.element;
        int64_t count = tt_type_count(&buffer->type);
        REQUIRE(e.count < RANDOM_INPUTS_MAX);
        void *bytes = e.bytes[e.count++] = calloc((size_t)count + 1, tt_element_bytes(element));
        REQUIRE(bytes != NULL);
        for (int64_t k = 0; k < count; k++) {
            double number = (double)tt_random_below(&random, 4001) / 1000 - 2;
            if (tt_random_below(&random, 8) == 0)
                number = -0.0;
            tt_cell_store(element, bytes, k, tt_cell_of_number(element, number));
        }
    }
    return e;
}

static void free_elements(elements *e)
{
    for (unsigned i = 0; i < e->count; i++)
        free(e->bytes[i]);
}

// All results and assigned values; NULL after a failure, which is printed.
static tt_reference *run_graph(const tt_graph *graph, const elements *e, uint64_t seed,
                               unsigned *count)
{
    const void **data = calloc(tt_graph_buffer_count(graph) + 1, sizeof(*data));
    tt_value values[VALUES_MAX];
    tt_reference *reference;
    char said[512];
    tt_text why;
    unsigned given = 0;
    *count = 0;
    REQUIRE(data != NULL && tt_graph_result_count(graph) + 1 < VALUES_MAX);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        if (tt_graph_buffer(graph, i)->kind != TT_CONSTANT)
            data[i] = e->bytes[given++];
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        values[(*count)++] = tt_graph_result_at(graph, i)->value;
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        values[(*count)++] = tt_graph_assign_at(graph, i)->value;
    tt_text_init(&why, said, sizeof(said));
    if (tt_reference_run(graph, *count, values, data, NULL, &reference, &why) != TT_OK) {
        failed(seed, said, graph);
        reference = NULL;
    }
    free(data);
    return reference;
}

static bool same_cells(const tt_cells *a, const tt_cells *b)
{
    int64_t count = tt_type_count(&a->type);
    if (!tt_type_equal(&a->type, &b->type))
        return false;
    bool is_float = tt_element_is_float((tt_element)a->type.element);
    for (int64_t i = 0; i < count; i++)
        if (a->cells[i].u != b->cells[i].u &&
            !(is_float && isnan(a->cells[i].f) && isnan(b->cells[i].f)))
            return false;
    return true;
}

static bool same_results(const tt_graph *a, const tt_graph *b, const elements *e, uint64_t seed)
{
    unsigned count[2];
    tt_reference *run_a = run_graph(a, e, seed, &count[0]);
    tt_reference *run_b = run_graph(b, e, seed, &count[1]);
    bool same = run_a != NULL && run_b != NULL && count[0] == count[1];
    for (unsigned i = 0; same && i < count[0]; i++) {
        same = same_cells(tt_reference_result(run_a, i), tt_reference_result(run_b, i));
        if (!same)
            printf("value %u of those asked for differs\n", i);
    }
    tt_reference_free(run_a);
    tt_reference_free(run_b);
    return same;
}

// What was made of a graph computes the same, and, where `text`, is printed the same.
static void check_same(const tt_graph *graph, tt_graph *made, const elements *e, uint64_t seed,
                       const char *what, bool text)
{
    char *one = tt_graph_print(graph), *other = made != NULL ? tt_graph_print(made) : NULL;
    test_expectations++;
    if (one == NULL || other == NULL || (text && strcmp(one, other) != 0) ||
        !same_results(graph, made, e, seed)) {
        failed(seed, what, graph);
        printf("and what was made of it:\n%s\n", other != NULL ? other : "nothing");
    }
    free(one);
    free(other);
    tt_graph_free(made);
}

static tt_graph *parsed(const tt_graph *graph)
{
    char said[700], *text = tt_graph_print(graph);
    tt_text why;
    REQUIRE(text != NULL);
    tt_text_init(&why, said, sizeof(said));
    tt_graph *made = tt_graph_parse(text, strlen(text), &why);
    if (made == NULL)
        printf("%s\n", said);
    free(text);
    return made;
}

static void check_all(const tt_graph *graph, const elements *e, uint64_t seed)
{
    check_same(graph, parsed(graph), e, seed, "parsed", true);
    check_same(graph, tt_graph_copy(graph), e, seed, "copied", true);
    check_same(graph, tt_graph_simplify(graph), e, seed, "simplified", false);
}

static void add_results(tt_graph *graph, const char *what, unsigned count, const tt_value *values)
{
    char name[32];
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s %u", what, i);
        tt_graph_result(graph, name, values[i]);
    }
}

// A copy with its first gradients among the results, up to six random values kept; NULL where
// something has no derivative.
static tt_graph *recomputed(const tt_graph *graph, uint64_t seed, bool again)
{
    tt_graph *made = tt_graph_copy(graph);
    tt_value wrt[RANDOM_INPUTS_MAX], gradients[RANDOM_INPUTS_MAX], values[VALUES_MAX], kept[6];
    tt_random random;
    REQUIRE(made != NULL);
    unsigned count = float_inputs(made, wrt), results = tt_graph_result_count(made);
    for (unsigned i = 0; i < results; i++)
        values[i] = tt_graph_result_at(made, i)->value;
    tt_value loss = total(made, results, values);
    tt_random_seed(&random, seed);
    unsigned keep = again ? 1 + (unsigned)tt_random_below(&random, TT_COUNT(kept)) : 0;
    for (unsigned i = 0; i < keep; i++)
        kept[i] = (tt_value){(uint32_t)tt_random_below(&random, tt_graph_count(made)), 0};
    if (tt_graph_gradient_recomputed(made, loss, count, wrt, gradients, keep, kept) != TT_OK) {
        tt_graph_free(made);
        return NULL;
    }
    add_results(made, "first", count, gradients);
    return made;
}

static void check_recomputed(const tt_graph *graph, const elements *e, uint64_t seed)
{
    tt_graph *plain = recomputed(graph, seed, false), *again = recomputed(graph, seed, true);
    EXPECT((plain == NULL) == (again == NULL));
    if (plain != NULL && again != NULL) {
        check_all(again, e, seed);
        check_same(plain, tt_graph_copy(again), e, seed, "recomputed", false);
    }
    tt_graph_free(plain);
    tt_graph_free(again);
}

// Adds first and second gradients to the results; false where something has none.
static bool differentiate_twice(tt_graph *graph, uint64_t seed)
{
    tt_value wrt[RANDOM_INPUTS_MAX], gradients[RANDOM_INPUTS_MAX], values[VALUES_MAX];
    unsigned count = float_inputs(graph, wrt), results = tt_graph_result_count(graph);
    for (unsigned i = 0; i < results; i++)
        values[i] = tt_graph_result_at(graph, i)->value;
    tt_value loss = total(graph, results, values);
    for (int order = 1; order <= 2; order++) {
        test_expectations++;
        if (tt_graph_gradient(graph, loss, count, wrt, gradients) != TT_OK) {
            // behind where it stands, before its node's origin
            if (strstr(tt_graph_error(graph), "scatter: multiplying has no derivative") == NULL)
                failed(seed, tt_graph_error(graph), graph);
            return false;
        }
        add_results(graph, order == 1 ? "first" : "second", count, gradients);
        loss = total(graph, count, gradients);
    }
    return true;
}

static void check_graph(uint64_t seed, unsigned used[TT_OP_COUNT])
{
    tt_graph *graph = random_graph(seed, false);
    if (tt_graph_status(graph) != TT_OK)
        failed(seed, tt_graph_error(graph), graph);
    REQUIRE(tt_graph_status(graph) == TT_OK);
    for (uint32_t i = 0; i < tt_graph_count(graph); i++)
        used[tt_graph_node(graph, i)->op]++;
    elements e = choose_elements(graph, seed);
    check_all(graph, &e, seed);
    check_recomputed(graph, &e, seed);
    if (differentiate_twice(graph, seed))
        check_all(graph, &e, seed);
    free_elements(&e);
    tt_graph_free(graph);
}

// A smooth graph, its first gradient as finite differences say.
static void check_smooth(uint64_t seed, unsigned *skipped, unsigned *compared)
{
    subject s = {.graph = random_graph(seed, true), .kinks_allowed = true};
    char what[64];
    unsigned place[SUBJECT_INPUTS_MAX];
    tt_value wrt[SUBJECT_INPUTS_MAX], gradients[SUBJECT_INPUTS_MAX], values[VALUES_MAX];
    snprintf(what, sizeof(what), "seed %llu, smooth", (unsigned long long)seed);
    if (tt_graph_status(s.graph) != TT_OK)
        run_failed(&s, what);
    REQUIRE(tt_graph_status(s.graph) == TT_OK);
    elements e = choose_elements(s.graph, seed);
    s.count = e.count;
    memcpy(s.bytes, e.bytes, sizeof(e.bytes));
    EXPECT_EQUAL(float_inputs(s.graph, s.input), e.count);
    check_all(s.graph, &e, seed);
    unsigned count = real_inputs(&s, place, wrt), results = tt_graph_result_count(s.graph);
    for (unsigned i = 0; i < results; i++)
        values[i] = tt_graph_result_at(s.graph, i)->value;
    tt_value loss = total(s.graph, results, values);
    if (tt_graph_gradient(s.graph, loss, count, wrt, gradients) != TT_OK)
        run_failed(&s, what);
    REQUIRE(tt_graph_status(s.graph) == TT_OK);
    test_expectations++;
    if (!differences_agree(&s, what, loss, count, place, gradients))
        failed(seed, "differentiated", s.graph);
    *skipped += s.kinks;
    *compared += s.elements;
    subject_free(&s);
}

// A branch whose way is known is built into the graph: what it is given may be any output.
static void check_known_branch(void)
{
    tt_graph *graph = tt_graph_new(), *body[2];
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_I64, 5)), yes = tt_number(graph, TT_BOOL, 1);
    for (int way = 0; way < 2; way++) {
        body[way] = tt_graph_new();
        tt_value given = tt_input(body[way], "given", TT_TYPE(TT_I64, 5));
        tt_graph_result(body[way], "made", way == 0 ? given : tt_negate(body[way], given));
    }
    tt_value sorted = tt_apply(graph, TT_OP_SORT, 1, &x, 2, (int64_t[]){0, 0});
    tt_value places = tt_output(sorted, 1);
    tt_graph_result(graph, "places", tt_branch(graph, yes, 1, &places, body[0], body[1]));
    elements e = choose_elements(graph, 1);
    check_all(graph, &e, 0);
    free_elements(&e);
    tt_graph_free(graph);
}

// Slices of slices and transposes of transposes, of which simplification makes one.
static void check_chain(uint64_t seed, bool slices)
{
    subject s = subject_new(seed);
    tt_graph *g = s.graph;
    tt_value x = tt_input(g, "x", random_type(&s, 3, 4, 5, 7));
    for (int i = 0; i < 3; i++) {
        int64_t first[TT_RANK_MAX], sizes[TT_RANK_MAX], steps[TT_RANK_MAX], order[TT_RANK_MAX];
        tt_type type = *tt_graph_type(g, x);
        for (unsigned axis = 0; axis < type.rank; axis++) {
            unsigned with = (unsigned)below(&s, axis + 1);
            first[axis] = below(&s, 2) % type.size[axis];
            steps[axis] = between(&s, 1, 2);
            sizes[axis] = (type.size[axis] - first[axis] - 1) / steps[axis] + 1;
            order[axis] = axis;
            order[axis] = order[with];
            order[with] = axis;
        }
        x = slices ? tt_slice(g, x, first, sizes, steps) : tt_transpose(g, x, order);
    }
    REQUIRE(!tt_is_none(x));
    tt_graph_result(g, "x", x);
    elements e = choose_elements(g, seed);
    check_all(g, &e, seed);
    free_elements(&e);
    subject_free(&s);
}

int main(int count, char **arguments)
{
    check_known_branch();
    for (uint64_t seed = 0; seed < 40; seed++)
        check_chain(seed, seed % 2 == 0);
    unsigned graphs = count > 1 ? (unsigned)atoi(arguments[1]) : GRAPHS;
    uint64_t first = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    unsigned used[TT_OP_COUNT] = {0}, skipped = 0, compared = 0;
    check_graph(1202, used); // what has no derivative has an origin
    for (uint64_t seed = first; seed < first + graphs; seed++) {
        check_graph(seed, used);
        check_smooth(seed, &skipped, &compared);
    }
    for (int op = 0; graphs >= GRAPHS && op < TT_OP_COUNT; op++) {
        if (used[op] == 0)
            printf("no graph has %s\n", tt_op_name((tt_op)op));
        EXPECT(used[op] > 0);
    }
    printf("%u of %u slopes were too steep to compare\n", skipped, compared);
    EXPECT(20 * skipped <= compared);
    return test_result();
}
