// Our own functions beside those of the C library in long double, over every n-th of all floats:
// test_functions N [NAME]. The instructions are carried out here, one by one, by as little as does
// it, and as the interpreter does. In `test` N is 257, which takes some 15 s; in test-long it is 1.

#include <math.h>

#include "ai/lower/functions.h"
#include "ai/run/blocks.h"
#include "tests/test.h"

#define BLOCK 512

typedef union number {
    float f;
    int32_t i;
    uint32_t u;
} number;

typedef struct function {
    const char *name;
    tt_register (*build)(tt_form *form, tt_register x);
    double (*nearly)(double); // tells which results are worth the judge's time
    long double (*judge)(long double);
    double ulp;            // allowed
    unsigned instructions; // but numbers and casts
} function;

static double exp_below(double x)
{
    return x < -87.5 ? 0 : exp(x);
}

static long double exp_below_long(long double x)
{
    return x < -87.5L ? 0 : expl(x);
}

static tt_register below_or_infinite(tt_form *form, tt_register x)
{
    return tt_form_exp_below(form, x, true);
}

static tt_register below(tt_form *form, tt_register x)
{
    return tt_form_exp_below(form, x, false);
}

// Where exp_below is told to be nothing, and where it may be 0.
static bool is_beyond(const function *f, float x)
{
    bool above = x > 0 && (x < INFINITY || f->build == below);
    return f->nearly == exp_below && (above || (x > -87.7f && x < -87.3f));
}

static const function functions[] = {
    {"exp", tt_form_exp, exp, expl, 1, 20},
    {"log", tt_form_log, log, logl, 1, 30},
    {"tanh", tt_form_tanh, tanh, tanhl, 2, 21},
    {"erf", tt_form_erf, erf, erfl, 2, 27},
    {"sin", tt_form_sin, sin, sinl, 1, 88},
    {"cos", tt_form_cos, cos, cosl, 1, 88},
    {"atan", tt_form_atan, atan, atanl, 1, 29},
    {"exp_below_or_infinite", below_or_infinite, exp_below, exp_below_long, 1, 16},
    {"exp_below", below, exp_below, exp_below_long, 1, 14},
};

#define EACH(expression)                                                                           \
    for (int lane = 0; lane < BLOCK; lane++) {                                                     \
        number x = a[lane], y = b[lane], z = c[lane];                                              \
        (void)x, (void)y, (void)z;                                                                 \
        to[lane] = (number){expression};                                                           \
    }                                                                                              \
    return

static int32_t cut(float x)
{
    if (isnan(x))
        return 0;
    return x >= 0x1p31F ? INT32_MAX : x < -0x1p31F ? INT32_MIN : (int32_t)x;
}

static void do_floats(tt_form_op op, const number *a, const number *b, const number *c, number *to)
{
    switch (op) {
    case TT_FORM_ADD:
        EACH(.f = x.f + y.f);
    case TT_FORM_SUBTRACT:
        EACH(.f = x.f - y.f);
    case TT_FORM_MULTIPLY:
        EACH(.f = x.f * y.f);
    case TT_FORM_DIVIDE:
        EACH(.f = x.f / y.f);
    case TT_FORM_FMA:
        EACH(.f = fmaf(x.f, y.f, z.f));
    case TT_FORM_NEAREST:
        EACH(.f = nearbyintf(x.f));
    case TT_FORM_LESS:
        EACH(.i = -(x.f < y.f));
    case TT_FORM_LESS_OR_EQUAL:
        EACH(.i = -(x.f <= y.f));
    case TT_FORM_EQUAL:
        EACH(.i = -(x.f == y.f));
    case TT_FORM_TO_INTEGER:
        EACH(.i = cut(x.f));
    default:
        printf("no float operation %d\n", op);
        exit(1);
    }
}

static void do_integers(tt_form_op op, const number *a, const number *b, const number *c,
                        number *to)
{
    switch (op) {
    case TT_FORM_ADD_INTEGER:
        EACH(.u = x.u + y.u);
    case TT_FORM_SUBTRACT_INTEGER:
        EACH(.u = x.u - y.u);
    case TT_FORM_MULTIPLY_INTEGER:
        EACH(.u = x.u * y.u);
    case TT_FORM_MULTIPLY_HIGH:
        EACH(.u = (uint32_t)((uint64_t)x.u * y.u >> 32));
    case TT_FORM_AND:
        EACH(.u = x.u & y.u);
    case TT_FORM_OR:
        EACH(.u = x.u | y.u);
    case TT_FORM_XOR:
        EACH(.u = x.u ^ y.u);
    case TT_FORM_LEFT:
        EACH(.u = x.u << y.u);
    case TT_FORM_RIGHT:
        EACH(.u = x.u >> y.u);
    case TT_FORM_RIGHT_SIGNED:
        EACH(.i = x.i >> y.i);
    case TT_FORM_LESS_INTEGER:
        EACH(.i = -(x.i < y.i));
    case TT_FORM_EQUAL_INTEGER:
        EACH(.i = -(x.i == y.i));
    case TT_FORM_SELECT:
        EACH(.u = (x.u & y.u) | (~x.u & z.u));
    case TT_FORM_TO_FLOAT:
        EACH(.f = (float)x.i);
    case TT_FORM_AS_FLOAT:
    case TT_FORM_AS_INTEGER:
        EACH(.u = x.u);
    default:
        do_floats(op, a, b, c, to);
    }
}

// A function of one register, whose first instruction stands for the argument.
typedef struct subject {
    tt_form form;
    tt_register result;
    number (*registers)[BLOCK];
} subject;

static unsigned prepare(const function *f, subject *s)
{
    unsigned instructions = 0;
    tt_form_begin(&s->form);
    tt_register x = tt_form_start(&s->form, tt_form_number(&s->form, 0), false);
    s->result = f->build(&s->form, x);
    REQUIRE(!s->form.full);
    s->registers = calloc(s->form.length, sizeof(s->registers[0]));
    REQUIRE(s->registers != NULL);
    for (uint32_t i = 0; i < s->form.length; i++) {
        const tt_instruction *code = &s->form.code[i];
        for (int lane = 0; lane < BLOCK; lane++)
            s->registers[i][lane].u = code->bits;
        instructions += code->op != TT_FORM_NUMBER && code->op != TT_FORM_INTEGER &&
                        code->op != TT_FORM_START && code->op != TT_FORM_AS_FLOAT &&
                        code->op != TT_FORM_AS_INTEGER;
    }
    return instructions;
}

static number *argument(subject *s)
{
    return s->registers[1];
}

static const number *evaluate(subject *s)
{
    number(*r)[BLOCK] = s->registers;
    for (uint32_t i = 2; i < s->form.length; i++) {
        const tt_instruction *code = &s->form.code[i];
        unsigned operands = tt_form_operands((tt_form_op)code->op);
        if (operands > 0)
            do_integers((tt_form_op)code->op, r[code->a], r[operands > 1 ? code->b : code->a],
                        r[operands > 2 ? code->c : code->a], r[i]);
    }
    return r[s->result];
}

static bool same_sign(float a, long double b)
{
    return !signbit(a) == !signbit(b);
}

// How far a result is from the true value, in units of the last place that a float of the true
// value has; that of denormals where it is smaller, of the greatest float where it is greater.
static double distance(float result, long double wanted)
{
    if (isnan(result) || isnan(wanted))
        return isnan(result) && isnan(wanted) ? 0 : INFINITY;
    int exponent;
    frexpl(wanted, &exponent);
    exponent = exponent < -125 ? -125 : exponent > 128 ? 128 : exponent;
    if (isinf(result) && fabsl(wanted) >= 0x1.ffffffp127L) // which rounds to infinity
        return same_sign(result, wanted) ? 0 : INFINITY;
    if (isinf(wanted))
        return isinf(result) && same_sign(result, wanted) ? 0 : INFINITY;
    if (wanted == 0)
        return result == 0 && same_sign(result, wanted) ? 0 : INFINITY;
    return (double)ldexpl(fabsl((long double)result - wanted), 24 - exponent);
}

typedef struct farthest {
    double ulp;
    number at, result;
    unsigned long long wrong;
} farthest;

// The same, quickly, where both are numbers in the range of normal floats.
static double roughly(float result, double wanted)
{
    union {
        double f;
        uint64_t bits;
    } of = {wanted}, unit;
    uint64_t exponent = of.bits >> 52 & 0x7ff; // 1023: from 1 to 2
    if (exponent < 1023 - 126 || exponent > 1023 + 126 || !isfinite(result))
        return distance(result, wanted);
    unit.bits = (2046 + 23 - exponent) << 52; // 2^23 / 2^exponent
    return fabs((double)result - wanted) * unit.f;
}

static void judge(const function *f, number x, number result, farthest *worst)
{
    if (is_beyond(f, x.f))
        return;
    double ulp = roughly(result.f, f->nearly(x.f));
    if (!(ulp <= worst->ulp || ulp < 0.5))
        ulp = distance(result.f, f->judge(x.f));
    worst->wrong += ulp > f->ulp;
    if (ulp > worst->ulp) {
        worst->ulp = ulp;
        worst->at = x;
        worst->result = result;
    }
}

// Zeros, infinities, no numbers, the ends of denormals and of all, ones, and where exp, tanh and
// erf come to their limits, and where many turns leave little: each with both signs and some
// neighbours.
static void judge_specials(const function *f, subject *s, farthest *worst)
{
    static const uint32_t specials[] = {0,          0x7f800000, 0x7f800001, 0x7fc00000,
                                        0x00800000, 0x7f7ffffe, 0x3f800000, 0x42b17218,
                                        0x42cff1b5, 0x42aeac50, 0x41102cb4, 0x407ad445,
                                        0x3f490fdb, 0x3fc90fdb, 0x7fffffff, 0x77d84625};
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        for (uint32_t lane = 0; lane < BLOCK; lane++)
            argument(s)[lane].u = (specials[i] + lane / 2 - BLOCK / 4) ^ (lane % 2 << 31);
        const number *results = evaluate(s);
        for (int lane = 0; lane < BLOCK; lane++)
            judge(f, argument(s)[lane], results[lane], worst);
    }
}

static void judge_all(const function *f, uint32_t step)
{
    subject s;
    farthest worst = {0};
    unsigned instructions = prepare(f, &s);
    judge_specials(f, &s, &worst);
    for (uint64_t first = 0; first < 0x100000000U;) {
        uint64_t next = first;
        int count = 0;
        for (; count < BLOCK && next < 0x100000000U; count++, next += step)
            argument(&s)[count].u = (uint32_t)next;
        const number *results = evaluate(&s);
        for (int i = 0; i < count; i++)
            judge(f, argument(&s)[i], results[i], &worst);
        first = next;
    }
    printf("%s: %u instructions, %.3f ulp at %a, which gave %a\n", f->name, instructions, worst.ulp,
           worst.at.f, worst.result.f);
    EXPECT_EQUAL(worst.wrong, 0);
    EXPECT_EQUAL(instructions, f->instructions);
    free(s.registers);
    tt_form_free(&s.form);
}

// The interpreter gives the same bits, where there is a number.
static void interpret(const function *f)
{
    enum { COUNT = 100000 };
    static number from[COUNT], to[COUNT];
    subject s;
    tt_form form;
    tt_form_begin(&form);
    tt_form_access access = {.element = TT_F32};
    uint32_t axis = tt_form_loop(&form, &(tt_form_axis){.end = COUNT, .lanes = true});
    tt_affine_add(&access.place, axis, 1);
    tt_register x = tt_form_load(&form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
    access.buffer = 1;
    tt_form_store(&form, &access, f->build(&form, x));
    tt_form_end(&form);
    char why[200] = "";
    EXPECT(tt_form_sound(&form, why, sizeof(why)));
    EXPECT_TEXT(why, "");
    for (uint32_t i = 0; i < COUNT; i++)
        from[i].u = i * 42949U; // of all, evenly
    void *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, tt_blocks_scratch(&form));
    tt_blocks_run(&form, (void *[]){from, to}, 0, 1, scratch);
    prepare(f, &s);
    int different = 0;
    for (int first = 0; first + BLOCK <= COUNT; first += BLOCK) {
        memcpy(argument(&s), from + first, sizeof(number[BLOCK]));
        const number *results = evaluate(&s);
        for (int i = 0; i < BLOCK; i++)
            different +=
                results[i].u != to[first + i].u && !(isnan(results[i].f) && isnan(to[first + i].f));
    }
    EXPECT_EQUAL(different, 0);
    free(scratch);
    free(s.registers);
    tt_form_free(&s.form);
    tt_form_free(&form);
}

int main(int argc, char **argv)
{
    REQUIRE(argc >= 2);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (argc < 3 || strcmp(argv[2], functions[i].name) == 0) {
            interpret(&functions[i]);
            judge_all(&functions[i], (uint32_t)atol(argv[1]));
        }
    return test_result();
}
