// What random graphs seldom meet: huge and empty axes, numbers at the ends of their range, values
// of another graph, names of any kind.

#include <locale.h>
#include <time.h>

#include "ai/graph/reference.h"
#include "tests/test.h"
#include "tutti/check.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// What a graph's text comes to, for inputs without elements: the status, in no time to speak of (of
// the processor, which others may have).
static tt_status run_text(const char *text, char sentence[1024])
{
    tt_text why;
    const void *data[4] = {NULL};
    const tt_reference_options options = {.bytes_max = 1 << 20, .cost_max = 1 << 20};
    double before = seconds();
    tt_reference *reference = NULL;
    tt_text_init(&why, sentence, 1024);
    tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
    tt_status status = TT_MALFORMED;
    if (graph != NULL) {
        tt_value value = tt_graph_result_at(graph, 0)->value;
        status = tt_reference_run(graph, 1, &value, data, &options, &reference, &why);
    }
    tt_reference_free(reference);
    tt_graph_free(graph);
    EXPECT(seconds() - before < 20);
    if (status != TT_OK)
        EXPECT(why.length > 10);
    return status;
}

// Loops over axes whose product is nothing must not be long.
static void test_huge_and_empty(void)
{
    static const char *const nothing[] = {
        "%0 = input \"x\" : f32[1,1099511627776,0]\n"
        "%1 = pool_sum %0 window=[1] stride=[1] dilation=[1] spread=[1] before=[0] after=[0] : "
        "f32[1,1099511627776,0]\nresult \"y\" = %1\n",
        "%0 = input \"a\" : f32[0,16777216,16777216]\n%1 = inverse %0 : "
        "f32[0,16777216,16777216]\nresult \"y\" = %1\n",
        "%0 = input \"a\" : f32[0,140737488355328]\n%1 = sort %0 axis=1 falling=0 : "
        "f32[0,140737488355328], i64[0,140737488355328]\nresult \"y\" = %1\n",
        "%0 = input \"a\" : f32[1099511627776,0]\n%1 = input \"b\" : f32[0,0]\n"
        "%2 = matmul %0 %1 : f32[1099511627776,0]\nresult \"y\" = %2\n",
        "%0 = input \"a\" : f32[1099511627776,0,0]\n%1 = input \"i\" : i32[0]\n"
        "%2 = gather %0 %1 axis=1 : f32[1099511627776,0,0]\nresult \"y\" = %2\n",
    };
    static const char *const too_much[] = {
        // No channels are multiplied, but 2^30 places of each window looked at.
        "%0 = input \"x\" : f32[1,1073741824,0]\n%1 = input \"w\" : f32[8,1073741824,0]\n"
        "%2 = conv %0 %1 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
        "f32[1,1,8]\nresult \"y\" = %2\n",
        "%0 = constant {1} : f32[]\n%1 = broadcast %0 sizes=[1000000,1000000] : "
        "f32[1000000,1000000]\nresult \"y\" = %1\n",
        "%0 = constant {9223372036854775807} : i64[]\n%1 = constant {0} : f32[]\n"
        "%2 = loop %0 %1 limit=281474976710656 carries=1 : f32[] {\n  %0 = input \"turn\" : i64[]\n"
        "  %1 = input \"x\" : f32[]\n  %2 = constant {1} : bool[]\n  result \"go\" = %2\n"
        "  result \"x\" = %1\n}\nresult \"y\" = %2\n",
    };
    char sentence[1024];
    EXPECT_EQUAL(run_text("%0 = input \"no elements\" : f32[2]\nresult \"y\" = %0\n", sentence),
                 TT_NOT_FOUND);
    EXPECT(strstr(sentence, "no elements") != NULL);
    for (unsigned i = 0; i < TT_COUNT(nothing); i++)
        EXPECT_EQUAL(run_text(nothing[i], sentence), TT_OK);
    for (unsigned i = 0; i < TT_COUNT(too_much); i++)
        EXPECT_EQUAL(run_text(too_much[i], sentence), TT_TOO_LARGE);
}

// Nothing costs nothing where elements are made of it.
static void test_costs_of_nothing(void)
{
    tt_graph *g = tt_graph_new();
    tt_value a = tt_input(g, "a", TT_TYPE(TT_F32, 1000, 0));
    tt_value b = tt_input(g, "b", TT_TYPE(TT_F32, 0, 1000));
    EXPECT_EQUAL(tt_node_cost(g, tt_matmul(g, a, b).node), 1000000);
    EXPECT_EQUAL(tt_node_cost(g, tt_reduce(g, TT_OP_SUM, a, 1, (int64_t[]){1}).node), 1000);
    EXPECT_EQUAL(tt_graph_status(g), TT_OK);
    tt_graph_free(g);
}

static void test_reshapes_by_a_rest(void)
{
    tt_graph *g = tt_graph_new();
    tt_value none = tt_input(g, "none", TT_TYPE(TT_F32, 0, 3)),
             x = tt_input(g, "x", TT_TYPE(TT_F32, 6));
    tt_value shaped = tt_reshape(g, none, 2, (int64_t[]){0, 3});
    EXPECT(tt_same(shaped, none));
    shaped = tt_reshape(g, none, 3, (int64_t[]){0, 5, -1});
    EXPECT_EQUAL(tt_graph_type(g, shaped)->size[2], 0);
    shaped = tt_reshape(g, x, 2, (int64_t[]){-1, 2});
    EXPECT_EQUAL(tt_graph_type(g, shaped)->size[0], 3);
    EXPECT_EQUAL(tt_graph_status(g), TT_OK);
    EXPECT(tt_is_none(tt_reshape(g, x, 4, (int64_t[]){INT64_MAX, INT64_MAX, -1, 3})));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    tt_graph_free(g);
}

static void test_streams_end(void)
{
    tt_graph *g = tt_graph_new();
    tt_value key = tt_input(g, "key", TT_SCALAR(TT_U64));
    EXPECT(!tt_is_none(tt_apply(g, TT_OP_RANDOM, 1, &key, 2, (int64_t[]){INT64_MAX - 1, 0})));
    EXPECT(tt_is_none(tt_random_bits(g, key, 0, NULL)));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    EXPECT(tt_is_none(tt_random_bits(g, key, 0, NULL)));
    tt_graph_free(g);
    g = tt_graph_new();
    key = tt_input(g, "key", TT_SCALAR(TT_U64));
    EXPECT(tt_is_none(tt_random_bits(g, key, 9, (int64_t[9]){1, 1, 1, 1, 1, 1, 1, 1, 1})));
    EXPECT_EQUAL(tt_graph_status(g), TT_UNSUPPORTED);
    tt_graph_free(g);
}

// (size - 1) spread is 2^63 - 1, one less than what overflows.
static void test_windows_at_the_end_of_the_range(void)
{
    int64_t size = 4835703278458 / 10, spread = 1, rest = INT64_MAX;
    static const int64_t factors[] = {649657, 92737, 7, 73, 127, 337, 7};
    size = 1;
    for (unsigned i = 0; i < 3; i++)
        size *= factors[i];
    spread = rest / size;
    EXPECT_EQUAL(size * spread, INT64_MAX);
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, size + 1, 1));
    tt_windows windows = {.spread = &spread};
    EXPECT(tt_is_none(tt_pool_sum(g, x, (int64_t[]){1}, &windows)));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    tt_graph_free(g);
    g = tt_graph_new();
    x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 4, 1));
    windows = (tt_windows){.dilation = &spread};
    EXPECT(tt_is_none(tt_pool_sum(g, x, &(int64_t){size + 1}, &windows)));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    tt_graph_free(g);
}

static void test_values_of_another_graph(void)
{
    typedef tt_value builder(tt_graph *, tt_value);
    static builder *const builders[] = {tt_sum_all, tt_mean_all, tt_relu,
                                        tt_gelu,    tt_exp,      tt_negate};
    for (unsigned i = 0; i < TT_COUNT(builders); i++) {
        tt_graph *g = tt_graph_new();
        tt_input(g, "x", TT_SCALAR(TT_F32));
        EXPECT(tt_is_none(builders[i](g, (tt_value){7, 0})));
        EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
        EXPECT(strstr(tt_graph_error(g), "graph") != NULL);
        tt_graph_free(g);
    }
}

static void test_a_buffer_is_one_node(void)
{
    tt_graph *g = tt_graph_new();
    tt_input(g, "x", TT_SCALAR(TT_F32));
    EXPECT(tt_is_none(tt_apply(g, TT_OP_BUFFER, 0, NULL, 1, (int64_t[]){0})));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    tt_graph_free(g);
}

static void test_sentences_number_inputs_as_given(void)
{
    tt_graph *g = tt_graph_new();
    tt_value i = tt_input(g, "i", TT_TYPE(TT_I32, 2)), f = tt_input(g, "f", TT_TYPE(TT_F32, 3));
    EXPECT(tt_is_none(tt_add(g, f, i)));
    EXPECT(strstr(tt_graph_error(g), "input 0 is f32[3], input 1 is i32[2]") != NULL);
    tt_graph_free(g);
}

static void test_types_are_compared_by_their_fields(void)
{
    tt_type a, b;
    memset(&a, 0xff, sizeof(a)); // what lies between the fields differs
    memset(&b, 0, sizeof(b));
    a.element = b.element = TT_F32;
    a.rank = b.rank = 1;
    memset(a.size, 0, sizeof(a.size));
    a.size[0] = b.size[0] = 3;
    EXPECT(tt_type_equal(&a, &b));
    const float numbers[3] = {1, 2, 3};
    tt_graph *g = tt_graph_new();
    EXPECT(tt_same(tt_constant(g, a, numbers), tt_constant(g, b, numbers)));
    tt_graph_free(g);
}

// A constant that 100,000 layers share has as many origins, each noted in constant time.
static void test_many_origins(void)
{
    enum { LAYERS = 100000 };
    tt_graph *g = tt_graph_new();
    tt_value zero = TT_NONE;
    char name[32];
    double before = seconds();
    for (int i = 0; i < LAYERS; i++) {
        snprintf(name, sizeof(name), "layer %d", i % (LAYERS / 2));
        tt_graph_at(g, name, i % 2 == 0 ? NULL : "a place");
        zero = tt_number(g, TT_F32, 0);
    }
    EXPECT(seconds() - before < 60);
    EXPECT_EQUAL(tt_graph_status(g), TT_OK);
    EXPECT_EQUAL(tt_graph_origin_count(g), LAYERS / 2);
    int count = 0;
    for (const tt_origin *o = tt_graph_origin_of(g, zero.node); o != NULL;
         o = tt_graph_origin_next(g, o)) {
        snprintf(name, sizeof(name), "layer %d", count++);
        EXPECT(strcmp(o->name, name) == 0);
    }
    EXPECT_EQUAL(count, LAYERS / 2);
    tt_graph_free(g);
}

// Printed, parsed and printed again: the same text, which is returned to be freed.
static char *text_twice(const tt_graph *graph)
{
    char sentence[1024] = "";
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    char *text = tt_graph_print(graph);
    REQUIRE(text != NULL);
    tt_graph *parsed = tt_graph_parse(text, strlen(text), &why);
    EXPECT_TEXT(sentence, "");
    char *again = parsed != NULL ? tt_graph_print(parsed) : NULL;
    EXPECT_TEXT(again != NULL ? again : "", text);
    free(again);
    tt_graph_free(parsed);
    return text;
}

static void test_names_of_any_kind(void)
{
    static const char *const names[] = {"a b",   "\"",   "\\",       "\\\"",
                                        "\\x41", "\n",   "\r\n\t",   "\x01\x7f",
                                        "]",     "} {",  "%1 = add", "@",
                                        "#",     "käse", "模型",     "\xf0\x9f\x8e\xbb",
                                        "x\\",   "'",    ",",        "result \"a\" = %0"};
    tt_graph *g = tt_graph_new();
    for (unsigned i = 0; i < TT_COUNT(names); i++) {
        tt_graph_at(g, names[i], i % 3 == 0 ? NULL : names[TT_COUNT(names) - 1 - i]);
        tt_value v = tt_input(g, names[i], TT_TYPE(TT_F32, 2));
        tt_graph_at(g, "again", names[i]);
        tt_graph_note(g, v.node);
        tt_value state = TT_NONE;
        if (i == 0) {
            state = tt_state(g, "a state\n", TT_TYPE(TT_F32, 2));
            tt_graph_assign(g, state, v);
        }
        tt_value sum = tt_add(g, v, tt_number(g, TT_F32, i));
        for (unsigned k = 0; k < i % 4; k++) { // several origins, whose order stays
            tt_graph_at(g, names[(i + 5 * k) % TT_COUNT(names)], k % 2 == 0 ? NULL : names[k]);
            tt_graph_note(g, sum.node);
        }
        tt_graph_result(g, names[i], sum);
    }
    EXPECT_EQUAL(tt_graph_status(g), TT_OK);
    char *text = text_twice(g);
    for (const char *at = text; *at != '\0'; at++)
        EXPECT(*at == '\n' || ((unsigned char)*at >= 0x20 && *at != 0x7f));
    free(text);
    tt_graph_free(g);
    g = tt_graph_new();
    EXPECT(tt_is_none(tt_input(g, "\xff", TT_SCALAR(TT_F32))));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    tt_graph_free(g);
}

// Constants of all types with the bits of their ends, empty and of every rank.
static void test_constants_of_all_types(void)
{
    static const uint64_t bits[] = {0,
                                    1,
                                    UINT64_MAX >> 1,
                                    (uint64_t)1 << 63,
                                    0x8000000180000001,
                                    0x7ff0000000000000,
                                    0xfff0000000000000,
                                    0x3fb999999999999a,
                                    0x7f8000007f800000,
                                    0x7c007c00fc000400,
                                    0x7f807f80ff800001,
                                    0x3dcccccd3dcccccd};
    tt_graph *g = tt_graph_new();
    for (int e = 0; e < TT_ELEMENT_COUNT; e++) {
        unsigned bytes = tt_element_bytes((tt_element)e);
        uint64_t data[TT_COUNT(bits)];
        memcpy(data, bits, sizeof(bits));
        for (unsigned i = 0; e == TT_BOOL && i < TT_COUNT(bits); i++)
            data[i] &= 0x0101010101010101;
        tt_value a = tt_constant(g, TT_TYPE((uint8_t)e, 1, (int64_t)(sizeof(data) / bytes)), data);
        tt_value b = tt_constant(g, TT_TYPE((uint8_t)e, 4, 0, 7), NULL);
        tt_value c = tt_constant(g, TT_SCALAR((uint8_t)e), data + 3);
        tt_value d = tt_constant(g, TT_TYPE((uint8_t)e, 1, 1, 1, 1, 1, 1, 1, 1), data + 1);
        const tt_value made[] = {a, b, c, d};
        for (unsigned i = 0; i < TT_COUNT(made); i++) {
            char name[16];
            snprintf(name, sizeof(name), "%s %u", tt_element_name((tt_element)e), i);
            tt_graph_result(g, name, made[i]);
        }
    }
    EXPECT_EQUAL(tt_graph_status(g), TT_OK);
    free(text_twice(g));
    tt_graph_free(g);
}

// Bodies in bodies as deep as they go, with names and origins; one deeper is refused.
static tt_graph *nested(int depth)
{
    tt_graph *g = tt_graph_new();
    tt_graph_at(g, "a \"body\"", "of\nmany");
    tt_value turn = tt_input(g, "turn", TT_SCALAR(TT_I64)),
             x = tt_input(g, "x\\", TT_TYPE(TT_F32, 2));
    tt_value inner = x;
    if (depth > 0)
        inner = tt_loop(g, turn, 2, 1, &x, 0, NULL, nested(depth - 1));
    tt_value sorted = tt_apply(g, TT_OP_SORT, 1, &inner, 2, (int64_t[]){0, 1});
    tt_graph_result(g, "go", tt_number(g, TT_BOOL, 1));
    tt_graph_result(g, "x", tt_scale(g, inner, 2));
    tt_graph_result(g, "places", tt_output(sorted, 1));
    return g;
}

static void test_nested_bodies(void)
{
    for (int depth = 0; depth < 14; depth += depth < 4 ? 1 : 3) {
        tt_graph *g = nested(depth);
        EXPECT_EQUAL(tt_graph_status(g), TT_OK);
        free(text_twice(g));
        tt_graph *copy = tt_graph_copy(g);
        REQUIRE(copy != NULL);
        char *one = tt_graph_print(g), *other = tt_graph_print(copy);
        EXPECT_TEXT(other, one);
        free(one);
        free(other);
        tt_graph_free(copy);
        tt_graph_free(g);
    }
    tt_graph *g = nested(17);
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    EXPECT(strstr(tt_graph_error(g), "deep") != NULL);
    tt_graph_free(g);
}

// Where numbers are written 0,5 the text of a graph is the same.
static void test_other_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    tt_graph *g = tt_graph_new();
    const float numbers[2] = {0.5f, -1.25f};
    tt_graph_result(g, "half", tt_constant(g, TT_TYPE(TT_F32, 2), numbers));
    unsigned i = 0;
    while (i < TT_COUNT(names) && setlocale(LC_ALL, names[i]) == NULL)
        i++;
    char *text = text_twice(g);
    EXPECT(strstr(text, "{0.5,-1.25}") != NULL);
    if (i == TT_COUNT(names))
        printf("no locale here writes 0,5\n");
    setlocale(LC_ALL, "C");
    free(text);
    tt_graph_free(g);
}

// What tt_apply is given may lie in the graph's own pools, which move while it builds.
static void test_operands_from_the_graph(void)
{
    tt_graph *g = tt_graph_new();
    tt_value last = tt_input(g, "x", TT_TYPE(TT_F32, 2, 3));
    for (int i = 0; i < 300; i++) {
        tt_value turned = tt_transpose(g, last, (int64_t[]){1, 0});
        const int64_t *words = tt_graph_attribute(g, turned.node, 0, NULL) - 1; // with its length
        tt_value back = tt_apply(g, TT_OP_TRANSPOSE, 1, &turned, 3, words);
        last = tt_apply(g, TT_OP_NEGATE, 1, tt_graph_inputs(g, back.node), 0, NULL);
        last = tt_apply(g, TT_OP_EXP, 1, &last, 0, NULL);
        EXPECT_EQUAL(tt_graph_attribute(g, back.node, 0, NULL)[0], 1);
        EXPECT_EQUAL(tt_graph_attribute(g, back.node, 0, NULL)[1], 0);
        EXPECT_EQUAL(tt_graph_inputs(g, last.node - 1)[0].node, turned.node);
    }
    EXPECT_TEXT(tt_graph_error(g), "");
    tt_graph_free(g);
}

static bool comes_from(const tt_graph *g, uint32_t node, const char *name)
{
    for (const tt_origin *o = tt_graph_origin_of(g, node); o != NULL;
         o = tt_graph_origin_next(g, o))
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

// Nodes that simplification makes one come from where each did.
static void test_origins_of_what_becomes_one(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 4));
    tt_graph_at(g, "one", NULL);
    tt_value a = tt_exp(g, x);
    tt_graph_at(g, "two", "line 2");
    tt_value same = tt_scale(g, x, 1); // x itself
    tt_graph_at(g, "three", NULL);
    tt_value b = tt_exp(g, same);
    tt_graph_at(g, "four", NULL);
    tt_graph_note(g, b.node);
    tt_value twice = tt_negate(g, tt_negate(g, b));
    tt_graph_at(g, NULL, NULL);
    tt_graph_result(g, "a", a);
    tt_graph_result(g, "b", twice);
    tt_graph *simple = tt_graph_simplify(g);
    REQUIRE(simple != NULL);
    uint32_t node = tt_graph_result_at(simple, 1)->value.node;
    EXPECT_EQUAL(node, tt_graph_result_at(simple, 0)->value.node);
    EXPECT(comes_from(simple, node, "one") && comes_from(simple, node, "three"));
    EXPECT(comes_from(simple, node, "four") && !comes_from(simple, node, "two"));
    EXPECT_TEXT(tt_graph_origin_of(simple, node)->name, "one");
    EXPECT(comes_from(simple, tt_graph_find(simple, "x").node, "two"));
    tt_graph_free(simple);
    tt_graph_free(g);
}

// A result has a name of its own; what is forgotten can be named and assigned anew.
static void test_results_by_name(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_state(g, "x", TT_SCALAR(TT_F32));
    for (int i = 0; i < 3; i++) {
        tt_graph_result(g, "x", x); // a buffer's name is another matter
        tt_graph_result(g, "y", tt_exp(g, x));
        tt_graph_assign(g, x, tt_exp(g, x));
        EXPECT_TEXT(tt_graph_error(g), "");
        EXPECT_EQUAL(tt_graph_result_count(g), 2);
        EXPECT(tt_graph_buffer(g, 0)->assigned);
        if (i < 2)
            tt_graph_forget(g);
        EXPECT(i == 2 || !tt_graph_buffer(g, 0)->assigned);
    }
    tt_graph_at(g, "head", NULL);
    tt_graph_result(g, "y", x);
    EXPECT_EQUAL(tt_graph_status(g), TT_EXISTS);
    EXPECT_TEXT(tt_graph_error(g), "result: there is a result 'y' already (head)");
    tt_graph_free(g);
    char sentence[1024];
    EXPECT_EQUAL(
        run_text("%0 = constant {1} : f32[]\nresult \"y\" = %0\nresult \"y\" = %0\n", sentence),
        TT_MALFORMED);
    EXPECT_TEXT(sentence, "line 3: result: there is a result 'y' already");
}

// What runs for days is refused unless it is asked for: 2^48 or 2^35 turns of nothing, 2^44
// elements; 2^32 turns, of which there are two, are not.
static void test_the_limit_of_cost(void)
{
    for (int which = 0; which < 4; which++) {
        char sentence[512] = "";
        tt_text why;
        tt_reference *reference;
        tt_graph *g = tt_graph_new(), *body = tt_graph_new();
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_input(body, "turn", TT_SCALAR(TT_I64));
        tt_value x = tt_input(body, "x", TT_SCALAR(TT_F32)), zero = tt_number(g, TT_F32, 0);
        tt_graph_result(body, "go", tt_number(body, TT_BOOL, 1));
        tt_graph_result(body, "x", x);
        int64_t limit = (int64_t)1 << (which == 0 ? 48 : which == 3 ? 35 : 32);
        tt_value y = tt_loop(g, tt_number(g, TT_I64, 2), limit, 1, &zero, 0, NULL, body);
        if (which == 1)
            y = tt_broadcast(g, zero, 1, &(int64_t){(int64_t)1 << 44});
        EXPECT_EQUAL(tt_reference_run(g, 1, &y, NULL, NULL, &reference, &why),
                     which == 2 ? TT_OK : TT_TOO_LARGE);
        EXPECT(which == 2 || strstr(sentence, "the limit is 4398046511104") != NULL);
        tt_reference_free(reference);
        tt_graph_free(g);
    }
}

int main(void)
{
    test_operands_from_the_graph();
    test_origins_of_what_becomes_one();
    test_results_by_name();
    test_the_limit_of_cost();
    test_huge_and_empty();
    test_costs_of_nothing();
    test_reshapes_by_a_rest();
    test_streams_end();
    test_windows_at_the_end_of_the_range();
    test_values_of_another_graph();
    test_a_buffer_is_one_node();
    test_sentences_number_inputs_as_given();
    test_types_are_compared_by_their_fields();
    test_many_origins();
    test_names_of_any_kind();
    test_constants_of_all_types();
    test_nested_bodies();
    test_other_locale();
    return test_result();
}
