// Graphs that are rich in what becomes forms: fused, apart and compiled, against the reference.

#include "tests/ai/run/fused_graph.h"
#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

#define BUFFERS_MAX 1024

typedef struct inputs {
    void *data[BUFFERS_MAX];
} inputs;

static void fill_inputs(inputs *in, const tt_graph *graph, uint64_t seed, bool special)
{
    uint32_t buffers = tt_graph_buffer_count(graph);
    tt_random random;
    REQUIRE(buffers <= BUFFERS_MAX);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < buffers; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        in->data[i] = calloc((size_t)tt_type_count(&buffer->type) + 1, 8);
        fill_random(&random, &buffer->type, in->data[i], special);
    }
}

static void free_inputs(inputs *in, const tt_graph *graph)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        free(in->data[i]);
}

static void check_forms(const tt_program *program)
{
    char why[200];
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_fused *fused = program->steps[i].fused;
        bool sound = fused == NULL || tt_form_sound(&fused->form, why, sizeof(why));
        EXPECT(sound);
        if (!sound)
            printf("step %u: %s\n", (unsigned)i, why);
    }
}

typedef struct way {
    tt_session *session;
    tt_program *program;
} way;

// Run once, with no number wherever something was left out.
static way run_way(const tt_graph *graph, const inputs *in, tt_way how, made_as as)
{
    way w;
    w.program = load_poisoned(graph, in->data, &(tt_session_options){.threads = 2, .way = how}, as,
                              &w.session);
    if (how != TT_RUN_REFERENCE)
        check_forms(w.program);
    REQUIRE(tt_program_run(w.program, NULL) == TT_OK);
    return w;
}

static double worst_of(const way *a, const way *b)
{
    double worst = 0;
    for (uint32_t i = 0; i < tt_graph_result_count(a->program->graph); i++) {
        tt_type type;
        const void *made = tt_program_result(a->program, i, &type);
        worst = fmax(worst, difference(&type, made, tt_program_result(b->program, i, NULL)));
    }
    return worst;
}

// Whether no number is so large that f32 overflows on the way to it, and doubles do not.
static bool is_tame(const way *w)
{
    bool tame = true;
    for (uint32_t i = 0; i < tt_graph_result_count(w->program->graph); i++) {
        tt_type type;
        const void *made = tt_program_result(w->program, i, &type);
        for (int64_t k = 0; type.element == TT_F32 && k < tt_type_count(&type); k++)
            tame = tame && fabsf(((const float *)made)[k]) < 1e12f;
    }
    return tame;
}

static bool same_bits(const way *a, const way *b)
{
    bool same = true;
    for (uint32_t i = 0; i < tt_graph_result_count(a->program->graph); i++) {
        tt_type type;
        const void *one = tt_program_result(a->program, i, &type);
        const void *other = tt_program_result(b->program, i, NULL);
        size_t bytes = tt_element_bytes((tt_element)type.element);
        for (int64_t k = 0; k < tt_type_count(&type); k++) {
            const char *x = (const char *)one + (size_t)k * bytes,
                       *y = (const char *)other + (size_t)k * bytes;
            float numbers[2] = {0, 0};
            if (type.element == TT_F32) {
                memcpy(&numbers[0], x, sizeof(float));
                memcpy(&numbers[1], y, sizeof(float));
            }
            same = same && (memcmp(x, y, bytes) == 0 || (isnan(numbers[0]) && isnan(numbers[1])));
        }
    }
    return same;
}

static bool has_compiler(void)
{
    const char *asked = getenv("TUTTI_CC");
    return asked == NULL ? system("command -v gcc cc clang >/dev/null 2>&1") == 0
                         : asked[0] != '\0';
}

static unsigned chains_seen; // links of all programs

// Whether it is as the reference has it, within the bound; compiled, too, where that is asked for.
static bool is_right(const tt_graph *graph, uint64_t seed, bool special, double bound, bool apart,
                     bool compiled)
{
    inputs in;
    fill_inputs(&in, graph, seed, special);
    int failures = test_failures;
    way slow = run_way(graph, &in, TT_RUN_REFERENCE, AS_ALWAYS);
    way fast = run_way(graph, &in, TT_RUN_INTERPRETED, AS_ALWAYS), other;
    double worst = worst_of(&fast, &slow);
    if (!special && !is_tame(&slow))
        bound = (double)INFINITY;
    EXPECT(worst <= bound);
    if (!(worst <= bound))
        printf("differs by %g\n", worst);
    other = run_way(graph, &in, TT_RUN_INTERPRETED, UNCHAINED);
    EXPECT(same_bits(&fast, &other));
    chains_seen += other.program->step_count - fast.program->step_count;
    tt_session_free(other.session);
    if (apart) {
        other = run_way(graph, &in, TT_RUN_INTERPRETED, APART);
        worst = worst_of(&other, &slow);
        EXPECT(worst <= bound);
        if (!(worst <= bound))
            printf("apart, differs by %g\n", worst);
        tt_session_free(other.session);
    }
    if (compiled) {
        other = run_way(graph, &in, TT_RUN_COMPILED, AS_ALWAYS);
        bool all = true;
        for (uint32_t i = 0; i < other.program->step_count; i++)
            all = all &&
                  (other.program->steps[i].fused == NULL) == (other.program->steps[i].code == NULL);
        EXPECT(all);
        EXPECT(same_bits(&fast, &other));
        tt_session_free(other.session);
    }
    tt_session_free(fast.session);
    tt_session_free(slow.session);
    free_inputs(&in, graph);
    return failures == test_failures;
}

static void check(uint64_t seed, unsigned kind, bool compiled)
{
    tt_graph *graph = fused_graph(seed, kind);
    if (tt_graph_status(graph) != TT_OK)
        printf("seed %llu: %s\n", (unsigned long long)seed, tt_graph_error(graph));
    REQUIRE(tt_graph_status(graph) == TT_OK);
    bool special = seed % 3 == 1 && (kind & FUSED_SMOOTH) == 0; // there 1 - 1 times inf is a toss
    if (!is_right(graph, seed, special, 1e-3, seed % 4 == 0, compiled)) {
        char *text = tt_graph_print(graph);
        printf("seed %llu, kind %u:\n%s\n", (unsigned long long)seed, kind,
               strlen(text) < 20000 ? text : "(long)");
        free(text);
    }
    tt_graph_free(graph);
}

// What was wrong once.
static const char *const cases[] = {
    // An iota that is stored, of one axis, and one that another form reads where it lies.
    "%0 = iota element=f32 sizes=[9] axis=0 : f32[9]\n"
    "result \"y\" = %0\n",
    "%0 = iota element=f32 sizes=[5,3] axis=0 : f32[5,3]\n"
    "%1 = sum %0 axes=[1] : f32[5,1]\n"
    "%2 = transpose %0 order=[1,0] : f32[3,5]\n"
    "%3 = exp %2 : f32[3,5]\n"
    "result \"y\" = %1\n"
    "result \"z\" = %3\n",
    // A sum of what is the same all along what it is summed over, which a row reads, too.
    "%0 = input \"x\" : f32[5,1]\n"
    "%1 = broadcast %0 sizes=[5,40] : f32[5,40]\n"
    "%2 = log_sum_exp %1 axes=[1] : f32[5,1]\n"
    "%3 = multiply %2 %0 : f32[5,1]\n"
    "result \"y\" = %3\n",
    // An iota of rows that is read in two turns.
    "%0 = input \"x\" : f32[5,40]\n"
    "%1 = iota element=f32 sizes=[5,40] axis=0 : f32[5,40]\n"
    "%2 = add %0 %1 : f32[5,40]\n"
    "%3 = greatest %2 axes=[1] : f32[5,1]\n"
    "%4 = subtract %2 %3 : f32[5,40]\n"
    "%5 = sum %4 axes=[1] : f32[5,1]\n"
    "%6 = multiply %1 %5 : f32[5,40]\n"
    "result \"y\" = %6\n",
    // An iota of fewer axes than the sum across that it is computed in.
    "%0 = input \"x\" : f32[30,2,3]\n"
    "%1 = iota element=f32 sizes=[3] axis=0 : f32[3]\n"
    "%2 = add %0 %1 : f32[30,2,3]\n"
    "%3 = sum %2 axes=[1] : f32[30,1,3]\n"
    "result \"y\" = %3\n",
    // What waits, reads what waits, and that is taken by another group meanwhile.
    "%0 = input \"a\" : f32[2]\n"
    "%1 = input \"b\" : f32[2]\n"
    "%2 = absolute %1 : f32[2]\n"
    "%3 = subtract %0 %2 : f32[2]\n"
    "%4 = log_sum_exp %0 axes=[0] : f32[1]\n"
    "%5 = sum %2 axes=[0] : f32[1]\n"
    "%6 = multiply %3 %4 : f32[2]\n"
    "%7 = multiply %1 %5 : f32[2]\n"
    "%8 = multiply %6 %7 : f32[2]\n"
    "result \"y\" = %8\n",
    // What waits for a sum across and for another reader: the sum's group stores nothing else.
    "%0 = input \"a\" : f32[64]\n"
    "%1 = absolute %0 : f32[64]\n"
    "%2 = constant {0.5} : f32[]\n"
    "%3 = input \"b\" : f32[17,64]\n"
    "%4 = multiply %1 %2 : f32[64]\n"
    "%5 = divide %4 %3 : f32[17,64]\n"
    "%6 = sum %5 axes=[0] : f32[1,64]\n"
    "%7 = reshape %6 sizes=[64] : f32[64]\n"
    "%8 = add %1 %7 : f32[64]\n"
    "result \"y\" = %8\n",
    // A product that is no convolution, whose result a convolution would read in blocks of images.
    "%0 = input \"a\" : f32[16,7,33]\n"
    "%1 = input \"b\" : f32[33,15]\n"
    "%2 = matmul %0 %1 : f32[16,7,15]\n"
    "%3 = input \"c\" : f32[2,1,15]\n"
    "%4 = conv %2 %3 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
    "f32[16,7,2]\n"
    "result \"y\" = %4\n",
    // A sum in a group that is made early, which reads what another early one makes of a number
    // that the sum's reader has, too: no reader joins that other one.
    "%0 = input \"x\" : f32[17,1]\n"
    "%1 = input \"b\" : f32[]\n"
    "%2 = constant {0.5} : f32[]\n"
    "%3 = add %2 %1 : f32[]\n"
    "%4 = multiply %0 %3 : f32[17,1]\n"
    "%5 = sum %4 axes=[0,1] : f32[1,1]\n"
    "%6 = reshape %5 sizes=[] : f32[]\n"
    "%7 = multiply %2 %6 : f32[]\n"
    "result \"y\" = %7\n",
    // Rows that are walked four at a time, two of them left over: several sums, one of which waits
    // for another, and one element that is picked by its number, which may be none of the row's.
    "%0 = input \"x\" : f32[66,150]\n"
    "%1 = input \"n\" : i32[66,1]\n"
    "%2 = iota element=i32 sizes=[66,150] axis=1 : i32[66,150]\n"
    "%3 = constant {0} : f32[]\n"
    "%4 = greatest %0 axes=[1] : f32[66,1]\n"
    "%5 = subtract %0 %4 : f32[66,150]\n"
    "%6 = equal %1 %2 : bool[66,150]\n"
    "%7 = select %6 %5 %3 : f32[66,150]\n"
    "%8 = sum %7 axes=[1] : f32[66,1]\n"
    "%9 = log_sum_exp %5 axes=[1] : f32[66,1]\n"
    "%10 = subtract %9 %8 : f32[66,1]\n"
    "%11 = erf %0 : f32[66,150]\n"
    "%12 = multiply %11 %10 : f32[66,150]\n"
    "%13 = log_sum_exp %12 axes=[1] : f32[66,1]\n"
    "%14 = add %12 %13 : f32[66,150]\n"
    "%15 = multiply %14 %8 : f32[66,150]\n"
    "result \"y\" = %15\n",
    // The element itself, of few rows and of each second place.
    "%0 = input \"x\" : f32[5,80]\n"
    "%1 = input \"n\" : i32[5,1]\n"
    "%2 = iota element=i32 sizes=[5,40] axis=1 : i32[5,40]\n"
    "%3 = constant {0} : f32[]\n"
    "%4 = slice %0 first=[0,1] sizes=[5,40] steps=[1,2] : f32[5,40]\n"
    "%5 = equal %2 %1 : bool[5,40]\n"
    "%6 = select %5 %4 %3 : f32[5,40]\n"
    "%7 = sum %6 axes=[1] : f32[5,1]\n"
    "result \"y\" = %7\n",
    // What waits for a reader of a product, or of a pool, and stands before it in the graph.
    "%0 = input \"z\" : f32[30,33]\n"
    "%1 = exp %0 : f32[30,33]\n"
    "%2 = input \"a\" : f32[30,12]\n"
    "%3 = input \"b\" : f32[12,33]\n"
    "%4 = matmul %2 %3 : f32[30,33]\n"
    "%5 = add %1 %4 : f32[30,33]\n"
    "result \"y\" = %5\n",
    "%0 = input \"z\" : f32[3,4,5,6]\n"
    "%1 = exp %0 : f32[3,4,5,6]\n"
    "%2 = input \"x\" : f32[3,8,10,6]\n"
    "%3 = pool_greatest %2 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] "
    "after=[0,0] : f32[3,4,5,6], i32[3,4,5,6]\n"
    "%4 = subtract %3 %1 : f32[3,4,5,6]\n"
    "result \"y\" = %4\n",
};

static void check_cases(bool compiled)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sentence[300];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_graph *graph = tt_graph_parse(cases[i], strlen(cases[i]), &why);
        if (graph == NULL)
            printf("%s\n", sentence);
        REQUIRE(graph != NULL);
        if (!is_right(graph, i, false, 1e-6, true, compiled))
            printf("case %zu\n%s", i, cases[i]);
        tt_graph_free(graph);
    }
}

static void check_built(tt_graph *graph, const char *what, double bound, bool compiled)
{
    if (tt_graph_status(graph) != TT_OK)
        printf("%s: %s\n", what, tt_graph_error(graph));
    REQUIRE(tt_graph_status(graph) == TT_OK);
    if (!is_right(graph, 1, false, bound, true, compiled))
        printf("%s\n", what);
    tt_graph_free(graph);
}

// Eight axes, none of which is walked with another, and sums over some of them, or none.
static void check_axes(bool compiled)
{
    static const tt_op ops[] = {TT_OP_SUM, TT_OP_GREATEST, TT_OP_LEAST, TT_OP_LOG_SUM_EXP};
    int64_t order[TT_RANK_MAX];
    for (int64_t i = 0; i < TT_RANK_MAX; i++)
        order[i] = TT_RANK_MAX - 1 - i;
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 3, 2, 2, 2, 2, 3, 2));
    tt_value y = tt_add(g, x, tt_transpose(g, x, order));
    for (unsigned mask = 0; mask < 256; mask += mask < 16 ? 1 : 13) {
        char name[8];
        int64_t axes[TT_RANK_MAX];
        unsigned count = 0;
        for (int64_t i = 0; i < TT_RANK_MAX; i++)
            if ((mask >> (TT_RANK_MAX - 1 - i) & 1) != 0)
                axes[count++] = i;
        snprintf(name, sizeof(name), "y%u", mask);
        tt_value sum = tt_reduce(g, ops[mask % 4], tt_scale(g, y, mask), count, axes);
        tt_graph_result(g, name, tt_multiply(g, sum, tt_add(g, y, sum)));
    }
    check_built(g, "eight axes", 1e-5, compiled);
}

// More than a form may have: members, inputs, what is computed where it is summed.
static void check_limits(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 7, 19)), y = x, z = TT_NONE;
    for (unsigned i = 0; i < 400; i++)
        y = tt_unary(g, i % 2 == 0 ? TT_OP_ERF : TT_OP_SIN, y);
    tt_graph_result(g, "chain", tt_add(g, y, tt_reduce(g, TT_OP_SUM, y, 1, (int64_t[]){1})));
    for (unsigned i = 0; i < 400; i++) {
        char name[8];
        snprintf(name, sizeof(name), "a%u", i);
        tt_value a = tt_input(g, name, TT_TYPE(TT_F32, 7, 1 + 18 * (i % 2)));
        z = i == 0 ? a : i % 3 == 0 ? tt_add(g, a, z) : tt_add(g, z, tt_multiply(g, a, x));
    }
    tt_graph_result(g, "inputs", tt_reduce(g, TT_OP_SUM, z, 1, (int64_t[]){0}));
    for (unsigned i = 0; i < 300; i++) // each a row, and all that it was read again
        y = tt_subtract(g, y, tt_reduce(g, TT_OP_GREATEST, y, 1, (int64_t[]){1}));
    tt_graph_result(g, "turns", y);
    check_built(g, "limits", 1e-4, false);
}

// Values of no elements, or of one.
static void check_few(void)
{
    for (int64_t size = 0; size < 2; size++)
        for (unsigned rank = size == 0; rank <= TT_RANK_MAX; rank++) {
            int64_t axis = (int64_t)rank / 2;
            tt_graph *g = tt_graph_new();
            tt_type type = {.element = TT_F32, .rank = (uint8_t)rank};
            for (unsigned i = 0; i < rank; i++)
                type.size[i] = i == axis ? size : 1;
            tt_value x = tt_input(g, "x", type), y = tt_exp(g, tt_add(g, x, x));
            tt_value sum = tt_reduce(g, TT_OP_SUM, y, rank > 0, &axis);
            tt_graph_result(g, "sum", tt_add(g, sum, tt_input(g, "one", TT_SCALAR(TT_F32))));
            tt_graph_result(g, "y", tt_multiply(g, y, sum));
            check_built(g, "few elements", 1e-6, false);
        }
}

// GRAPHS COMPILED [SEED]
// Turns that a form can be split into, for shapes whose first axis is too short for that.
static void check_turns(bool compiled)
{
    static const char *const graphs[] = {
        // A large axis behind two small ones, which the broadcast keeps apart.
        "%0 = input \"x\" : f32[2,3,9000]\n"
        "%1 = input \"b\" : f32[2,1,9000]\n"
        "%2 = add %0 %1 : f32[2,3,9000]\n"
        "result \"y\" = %2\n",
        // One between them, also row by row.
        "%0 = input \"x\" : f32[2,300,20]\n"
        "%1 = input \"b\" : f32[2,1,20]\n"
        "%2 = add %0 %1 : f32[2,300,20]\n"
        "result \"y\" = %2\n",
        "%0 = input \"x\" : f32[2,300,20]\n"
        "%1 = input \"b\" : f32[1,300,20]\n"
        "%2 = add %0 %1 : f32[2,300,20]\n"
        "%3 = sum %2 axes=[2] : f32[2,300,1]\n"
        "result \"y\" = %3\n",
        // One number that all read, and computes something for itself.
        "%0 = input \"x\" : f32[200,700]\n"
        "%1 = input \"b\" : f32[1,1]\n"
        "%2 = sum %0 axes=[0,1] : f32[1,1]\n"
        "%3 = multiply %1 %2 : f32[1,1]\n"
        "%4 = multiply %0 %3 : f32[200,700]\n"
        "%5 = exp %4 : f32[200,700]\n"
        "result \"y\" = %5\n",
        // A row for each of an outer axis, summed over the first one.
        "%0 = input \"x\" : f32[300,2,70]\n"
        "%1 = sum %0 axes=[0] : f32[1,2,70]\n"
        "result \"y\" = %1\n"};
    static const int64_t least[] = {16, 16, 16, 2, 2};
    for (size_t i = 0; i < TT_COUNT(graphs); i++) {
        tt_graph *graph = tt_graph_parse(graphs[i], strlen(graphs[i]), NULL);
        REQUIRE(graph != NULL);
        tt_session *session = open_session(2, false);
        tt_program *program = load(session, graph);
        int64_t turns = 0;
        for (uint32_t k = 0; k < program->step_count; k++)
            if (program->steps[k].fused != NULL && program->steps[k].fused->turns > turns)
                turns = program->steps[k].fused->turns;
        EXPECT(turns >= least[i]);
        if (turns < least[i])
            printf("graph %zu: %lld turns\n", i, (long long)turns);
        EXPECT(is_right(graph, i, false, 1e-4, false, compiled));
        tt_session_free(session);
        tt_graph_free(graph);
    }
}

// Shares of sums, whose exps are kept, and rows that are divided by one number: also where numbers
// are infinite, none, or so small or great that their inverses are not.
static void check_shares(bool compiled)
{
    static const float wide[] = {1, 0x1p-126f, -0x1p-120f, 0x1p126f, -0x1.8p127f, 3, 0, -5};
    static const float scale[] = {1, 0.25f, 1, 0x1p120f, 0x1p120f, 1, 1, 1};
    static const float inf = INFINITY;
    const float limits[] = {-inf, -inf, -inf, inf, 100, 1, inf, 1e30f, -inf, NAN, 1, 2};
    for (uint64_t seed = 0; seed < 6; seed++) {
        tt_graph *g = tt_graph_new();
        tt_type type = TT_TYPE(TT_F32, 40, 300);
        tt_value odd;
        tt_value x = tt_input(g, "x", type), few = tt_input(g, "few", TT_TYPE(TT_F32, 40, 3));
        tt_value y = tt_softmax(g, x, 1), sum, gradient;
        tt_graph_result(g, "softmax", y);
        tt_graph_result(g, "few", tt_softmax(g, few, 1));
        sum = tt_sum_all(g, tt_reduce(g, TT_OP_LOG_SUM_EXP, few, 1, (int64_t[]){1}));
        REQUIRE(tt_graph_gradient(g, sum, 1, &few, &gradient) == TT_OK);
        tt_graph_result(g, "gradient", gradient);
        odd = tt_add(g, tt_constant(g, TT_TYPE(TT_F32, 4, 3), limits),
                     tt_scale(g, tt_input(g, "odd", TT_TYPE(TT_F32, 4, 3)), 0.001));
        tt_graph_result(g, "odd", tt_softmax(g, odd, 1));
        sum = tt_sum_all(g, tt_reduce(g, TT_OP_LOG_SUM_EXP, odd, 1, (int64_t[]){1}));
        REQUIRE(tt_graph_gradient(g, sum, 1, &odd, &gradient) == TT_OK);
        tt_graph_result(g, "odd gradient", gradient);
        EXPECT(is_right(g, seed, seed > 0, 1e-5, false, compiled && seed < 2));
        tt_graph_free(g);
        g = tt_graph_new();
        tt_value by = tt_constant(g, TT_TYPE(TT_F32, 8, 1), wide);
        x = tt_input(g, "x", TT_TYPE(TT_F32, 8, 50));
        x = tt_multiply(g, x, tt_constant(g, TT_TYPE(TT_F32, 8, 1), scale));
        sum = tt_reduce(g, TT_OP_SUM, x, 1, (int64_t[]){1}); // so that it is row by row
        tt_graph_result(g, "sum", tt_scale(g, sum, 0));
        x = tt_divide(g, x, by);
        for (int64_t i = 0; i < 8; i++) { // each held against its own greatest
            tt_value row = tt_slice(g, x, (int64_t[]){i, 0}, (int64_t[]){1, 50}, (int64_t[]){1, 1});
            tt_graph_result(g, (char[]){'r', (char)('0' + i), 0}, row);
        }
        EXPECT(is_right(g, seed, seed > 3, 5e-7, false, compiled && seed < 2));
        tt_graph_free(g);
    }
}

int main(int argc, char **argv)
{
    unsigned graphs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 300;
    unsigned compiled = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 24;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    setenv("XDG_CACHE_HOME", "/dev/null", 1); // each is compiled anew, and none is kept
    if (compiled > 0 && !has_compiler()) {
        printf("there is no compiler: nothing is compiled\n");
        compiled = 0;
    }
    check_cases(compiled > 0);
    check_axes(compiled > 0);
    check_limits();
    check_few();
    check_turns(compiled > 0);
    check_shares(compiled > 0);
    for (unsigned i = 0; i < graphs; i++) {
        unsigned kind = i % 5 == 4 ? FUSED_SMOOTH : i % 25 == 7 ? FUSED_LARGE : 0;
        check(seed + i, kind, false);
    }
    for (unsigned i = 0; i < compiled; i++)
        check(seed + graphs + i,
              FUSED_SHORT | (i % 5 == 4   ? FUSED_SMOOTH
                             : i % 5 == 2 ? FUSED_LARGE
                                          : 0),
              true);
    return test_result();
}
