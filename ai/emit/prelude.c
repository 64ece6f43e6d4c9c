// What the printed functions share: the types of a machine's vectors, arithmetic that C has no
// operator for, and the elements of buffers.
//
// tt_v, tt_u and tt_s are TT_N floats, unsigned and signed integers. What exists for vectors and
// for scalars has a 1 behind its name for the latter.

#include "ai/emit/emit_internal.h"

unsigned tt_emit_width(tt_isa isa)
{
    return isa == TT_ISA_AVX512 ? 16 : isa == TT_ISA_AVX2 ? 8 : 4;
}

static const char types[] =
    "#define TT_IN static inline __attribute__((always_inline, unused))\n"
    "#define TT_VECTOR(type, bytes) type __attribute__((vector_size(bytes)))\n"
    "typedef TT_VECTOR(float, 4 * TT_N) tt_v;\n"
    "typedef TT_VECTOR(unsigned, 4 * TT_N) tt_u;\n"
    "typedef TT_VECTOR(int, 4 * TT_N) tt_s;\n"
    "TT_IN tt_v tt_splat_v(float x)\n{\n"
    "#define X(l) x\n    return (tt_v){TT_EACH(X)};\n#undef X\n}\n"
    "TT_IN tt_u tt_splat_u(unsigned x)\n{\n"
    "#define X(l) x\n    return (tt_u){TT_EACH(X)};\n#undef X\n}\n"
    "TT_IN tt_u tt_lanes(unsigned from)\n{\n"
    "#define X(l) from + l\n    return (tt_u){TT_EACH(X)};\n#undef X\n}\n"
    "TT_IN tt_u tt_mask(long n)\n{\n"
    "#define X(l) -(unsigned)(l < n)\n    return (tt_u){TT_EACH(X)};\n#undef X\n}\n"
    "TT_IN float tt_as_float1(unsigned x)\n{\n"
    "    float y;\n    __builtin_memcpy(&y, &x, 4);\n    return y;\n}\n"
    "TT_IN unsigned tt_as_integer1(float x)\n{\n"
    "    unsigned y;\n    __builtin_memcpy(&y, &x, 4);\n    return y;\n}\n"
    "TT_IN long tt_up(long a, long by)\n{\n    return a / by + (a % by > 0);\n}\n"
    "TT_IN long tt_most(long a, long b)\n{\n    return a > b ? a : b;\n}\n"
    "TT_IN long tt_least(long a, long b)\n{\n    return a < b ? a : b;\n}\n"
    "TT_IN tt_u tt_pick(tt_u m, tt_u a, tt_u b)\n{\n    return (m & a) | (~m & b);\n}\n";

// What every machine can: 128 bits without instructions of its own. Roundings, and fma in steps
// that ai/run/block_arithmetic.c explains.
static const char plain[] =
    "TT_IN tt_v tt_select(tt_u m, tt_v a, tt_v b)\n{\n"
    "    return (tt_v)tt_pick(m, (tt_u)a, (tt_u)b);\n}\n"
    "TT_IN tt_v tt_max(tt_v a, tt_v b)\n{\n    return tt_select((tt_u)(a > b), a, b);\n}\n"
    "TT_IN tt_v tt_min(tt_v a, tt_v b)\n{\n    return tt_select((tt_u)(a < b), a, b);\n}\n"
    "typedef TT_VECTOR(double, 16) tt_d;\n"
    "typedef TT_VECTOR(long long, 16) tt_l;\n"
    "typedef TT_VECTOR(float, 8) tt_v2;\n"
    "#define TT_LOW(x) __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1), tt_d)\n"
    "#define TT_HIGH(x) TT_LOW(__builtin_shufflevector(x, x, 2, 3, 2, 3))\n"
    "TT_IN tt_d tt_to_odd(tt_d sum, tt_d product, tt_d c)\n{\n"
    "    tt_d part = sum - product, error = (product - (sum - part)) + (c - part);\n"
    "    tt_l bits = (tt_l)sum, sign = (tt_l)(sum < 0);\n"
    "    tt_l away = (tt_l)(error < 0) - (tt_l)(error > 0);\n"
    "    away = (away ^ sign) - sign;\n"
    "    return (tt_d)(bits + (away & ((bits & 1) - 1)));\n}\n"
    "__attribute__((noinline, unused)) static tt_v tt_fma(tt_v a, tt_v b, tt_v c)\n{\n"
    "    tt_d low = TT_LOW(a) * TT_LOW(b), high = TT_HIGH(a) * TT_HIGH(b);\n"
    "    tt_d low_sum = low + TT_LOW(c), high_sum = high + TT_HIGH(c);\n"
    "    tt_u last = __builtin_shufflevector((tt_u)low_sum, (tt_u)high_sum, 0, 2, 4, 6);\n"
    "    tt_l ties = (tt_l)((last & 0x0fffffffu) == 0);\n"
    "    if (__builtin_expect((ties[0] | ties[1]) != 0, 0)) {\n"
    "        low_sum = tt_to_odd(low_sum, low, TT_LOW(c));\n"
    "        high_sum = tt_to_odd(high_sum, high, TT_HIGH(c));\n"
    "    }\n"
    "    return __builtin_shufflevector(__builtin_convertvector(low_sum, tt_v2),\n"
    "                                   __builtin_convertvector(high_sum, tt_v2), 0, 1, 2, 3);\n}\n"
    "TT_IN tt_v tt_signed(tt_v x, tt_v rounded)\n{\n"
    "    tt_u sign = (tt_u)x & 0x80000000u;\n"
    "    tt_u whole = ~(tt_u)((tt_v)((tt_u)x & 0x7fffffffu) < 8388608.0f);\n"
    "    return (tt_v)tt_pick(whole, (tt_u)x, (tt_u)rounded | sign);\n}\n"
    "TT_IN tt_v tt_cut(tt_v x)\n{\n"
    "    tt_u small = (tt_u)((tt_v)((tt_u)x & 0x7fffffffu) < 8388608.0f);\n"
    "    return __builtin_convertvector(__builtin_convertvector((tt_v)((tt_u)x & small), tt_s), "
    "tt_v);\n"
    "}\n"
    "TT_IN tt_v tt_floor(tt_v x)\n{\n    tt_v y = tt_cut(x);\n"
    "    return tt_signed(x, y - (tt_v)((tt_u)(y > x) & 0x3f800000u));\n}\n"
    "TT_IN tt_v tt_ceil(tt_v x)\n{\n    tt_v y = tt_cut(x);\n"
    "    return tt_signed(x, y + (tt_v)((tt_u)(y < x) & 0x3f800000u));\n}\n"
    "TT_IN tt_v tt_nearest(tt_v x)\n{\n    tt_v y = (tt_v)((tt_u)x & 0x7fffffffu);\n"
    "    return tt_signed(x, (y + 8388608.0f) - 8388608.0f);\n}\n";
static const char sqrt_plain[] =
    "TT_IN tt_v tt_sqrt(tt_v x)\n{\n"
    "#define X(l) __builtin_sqrtf(x[l])\n    return (tt_v){TT_EACH(X)};\n#undef X\n}\n";
static const char sqrt_sse2[] =
    "TT_IN tt_v tt_sqrt(tt_v x)\n{\n    return __builtin_ia32_sqrtps(x);\n}\n";

static const char avx2[] =
    "TT_IN tt_v tt_select(tt_u m, tt_v a, tt_v b)\n{\n"
    "    return __builtin_ia32_blendvps256(b, a, (tt_v)m);\n}\n"
    "TT_IN tt_v tt_max(tt_v a, tt_v b)\n{\n    return __builtin_ia32_maxps256(a, b);\n}\n"
    "TT_IN tt_v tt_min(tt_v a, tt_v b)\n{\n    return __builtin_ia32_minps256(a, b);\n}\n"
    "TT_IN tt_v tt_fma(tt_v a, tt_v b, tt_v c)\n{\n"
    "    return __builtin_ia32_vfmaddps256(a, b, c);\n}\n"
    "TT_IN tt_v tt_sqrt(tt_v x)\n{\n    return __builtin_ia32_sqrtps256(x);\n}\n"
    "TT_IN tt_v tt_floor(tt_v x)\n{\n    return __builtin_ia32_roundps256(x, 9);\n}\n"
    "TT_IN tt_v tt_ceil(tt_v x)\n{\n    return __builtin_ia32_roundps256(x, 10);\n}\n"
    "TT_IN tt_v tt_nearest(tt_v x)\n{\n    return __builtin_ia32_roundps256(x, 8);\n}\n";

static const char avx512[] =
    "TT_IN tt_v tt_select(tt_u m, tt_v a, tt_v b)\n{\n"
    "    return (tt_v)tt_pick(m, (tt_u)a, (tt_u)b);\n}\n"
    "TT_IN tt_v tt_max(tt_v a, tt_v b)\n{\n    return TT_512(max)(a, b, TT_512_MORE(a));\n}\n"
    "TT_IN tt_v tt_min(tt_v a, tt_v b)\n{\n    return TT_512(min)(a, b, TT_512_MORE(a));\n}\n"
    "TT_IN tt_v tt_fma(tt_v a, tt_v b, tt_v c)\n{\n"
    "    return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4);\n}\n"
    "TT_IN tt_v tt_sqrt(tt_v x)\n{\n    return TT_512(sqrt)(x, TT_512_MORE(x));\n}\n"
    "TT_IN tt_v tt_floor(tt_v x)\n{\n    return __builtin_ia32_rndscaleps_mask(x, 9, x, -1, "
    "4);\n}\n"
    "TT_IN tt_v tt_ceil(tt_v x)\n{\n    return __builtin_ia32_rndscaleps_mask(x, 10, x, -1, "
    "4);\n}\n"
    "TT_IN tt_v tt_nearest(tt_v x)\n{\n    return __builtin_ia32_rndscaleps_mask(x, 8, x, -1, "
    "4);\n}\n";
static const char avx512_names[] = "#ifdef __clang__\n"
                                   "#define TT_512(name) __builtin_ia32_##name##ps512\n"
                                   "#define TT_512_MORE(x) 4\n"
                                   "#else\n"
                                   "#define TT_512(name) __builtin_ia32_##name##ps512_mask\n"
                                   "#define TT_512_MORE(x) x, -1, 4\n"
                                   "#endif\n";

static const char fused_scalar[] =
    "TT_IN float tt_fma1(float a, float b, float c)\n{\n    return __builtin_fmaf(a, b, c);\n}\n";
static const char scalar_by_vector[] =
    "TT_IN float tt_fma1(float a, float b, float c)\n{\n"
    "    return tt_fma(tt_splat_v(a), tt_splat_v(b), tt_splat_v(c))[0];\n}\n";

static const char arithmetic[] =
    "TT_IN float tt_sqrt1(float x)\n{\n    return __builtin_sqrtf(x);\n}\n"
    "TT_IN float tt_floor1(float x)\n{\n    return tt_floor(tt_splat_v(x))[0];\n}\n"
    "TT_IN float tt_ceil1(float x)\n{\n    return tt_ceil(tt_splat_v(x))[0];\n}\n"
    "TT_IN float tt_nearest1(float x)\n{\n    return tt_nearest(tt_splat_v(x))[0];\n}\n"
    "TT_IN float tt_to_float1(unsigned x)\n{\n    return (float)(int)x;\n}\n"
    "TT_IN tt_v tt_to_float(tt_u x)\n{\n    return __builtin_convertvector((tt_s)x, tt_v);\n}\n"
    "TT_IN tt_u tt_to_integer(tt_v x)\n{\n"
    "    tt_u above = (tt_u)(x >= 2147483648.0f), below = (tt_u)(x < -2147483648.0f);\n"
    "    tt_v in = (tt_v)((tt_u)x & (tt_u)(x == x) & ~above & ~below);\n"
    "    return (tt_u)__builtin_convertvector(in, tt_s) | (above & 0x7fffffffu) |\n"
    "           (below & 0x80000000u);\n}\n"
    "TT_IN unsigned tt_to_integer1(float x)\n{\n    return tt_to_integer(tt_splat_v(x))[0];\n}\n"
    "TT_IN unsigned tt_high1(unsigned a, unsigned b)\n{\n"
    "    return (unsigned)((unsigned long long)a * b >> 32);\n}\n"
    "typedef TT_VECTOR(unsigned long long, 4 * TT_N) tt_w;\n"
    "TT_IN tt_u tt_high(tt_u a, tt_u b)\n{\n"
    "    tt_w low = ((tt_w)a & 0xffffffffu) * ((tt_w)b & 0xffffffffu);\n"
    "    tt_w high = ((tt_w)a >> 32) * ((tt_w)b >> 32);\n"
    "    return (tt_u)((low >> 32) | (high & ~(tt_w){0} << 32));\n}\n"
    "TT_IN tt_v tt_greater(tt_v a, tt_v b)\n{\n"
    "    return tt_select((tt_u)(a < b) | (tt_u)(b != b), b, a);\n}\n";

// JOIN of as many vectors as 16 lanes are, as a tree.
static void print_join_greatest(FILE *file, unsigned width)
{
    unsigned vectors = TT_LANES / width;
    fprintf(file, "TT_IN float tt_join_greatest(");
    for (unsigned w = 0; w < vectors; w++)
        fprintf(file, "%stt_v x%u", w > 0 ? ", " : "", w);
    fprintf(file, ")\n{\n");
    for (unsigned half = vectors / 2; half > 0; half /= 2)
        for (unsigned w = 0; w < half; w++)
            fprintf(file, "    x%u = tt_greater(x%u, x%u);\n", w, w, w + half);
    for (unsigned half = width / 2; half > 0; half /= 2) {
        fprintf(file, "    x0 = tt_greater(x0, __builtin_shufflevector(x0, x0");
        for (unsigned l = 0; l < width; l++)
            fprintf(file, ", %u", (l + half) % width);
        fprintf(file, "));\n");
    }
    fprintf(file, "    return x0[0];\n}\n");
}

// One half of a vector as doubles, "tt_half(x, 4, 5, 6, 7)".
static void print_half(FILE *file, const char *name, unsigned w, unsigned from, unsigned lanes)
{
    fprintf(file, "tt_half(%s%u", name, w);
    for (unsigned l = 0; l < lanes; l++)
        fprintf(file, ", %u", from + l);
    fprintf(file, ")");
}

// As doubles d0, d1 ... of half as many lanes as a vector has, then a tree over these and one over
// the lanes of what is left.
static void print_join(FILE *file, unsigned width, bool both)
{
    unsigned vectors = TT_LANES / width, lanes = width / 2, halves = 2 * vectors;
    fprintf(file, "TT_IN float tt_join%s(", both ? "_both" : "");
    for (unsigned w = 0; w < vectors; w++)
        fprintf(file, "%stt_v x%u", w > 0 ? ", " : "", w);
    for (unsigned w = 0; both && w < vectors; w++)
        fprintf(file, ", tt_v low%u", w);
    fprintf(file, ")\n{\n");
    for (unsigned w = 0; both && w < vectors; w++)
        fprintf(file, "    low%u = (tt_v)((tt_u)low%u & (tt_u)(low%u == low%u));\n", w, w, w, w);
    for (unsigned h = 0; h < halves; h++) {
        fprintf(file, "    tt_d d%u = ", h);
        print_half(file, "x", h / 2, h % 2 * lanes, lanes);
        if (both) {
            fprintf(file, " + ");
            print_half(file, "low", h / 2, h % 2 * lanes, lanes);
        }
        fprintf(file, ";\n");
    }
    for (unsigned half = halves / 2; half > 0; half /= 2)
        for (unsigned h = 0; h < half; h++)
            fprintf(file, "    d%u += d%u;\n", h, h + half);
    for (unsigned half = lanes / 2; half > 0; half /= 2) {
        fprintf(file, "    d0 += __builtin_shufflevector(d0, d0");
        for (unsigned l = 0; l < lanes; l++)
            fprintf(file, ", %u", (l + half) % lanes);
        fprintf(file, ");\n");
    }
    fprintf(file, "    return (float)d0[0];\n}\n");
}

static void print_arithmetic(FILE *file, tt_isa isa)
{
    if (isa == TT_ISA_AVX512) {
        fputs(avx512_names, file);
        fputs(avx512, file);
    } else if (isa == TT_ISA_AVX2) {
        fputs(avx2, file);
    } else {
        fputs(plain, file);
        fputs(isa == TT_ISA_SSE2 ? sqrt_sse2 : sqrt_plain, file);
    }
    fputs(isa == TT_ISA_AVX512 || isa == TT_ISA_AVX2 ? fused_scalar : scalar_by_vector, file);
    fputs(arithmetic, file);
    fputs("typedef TT_VECTOR(double, 4 * TT_N) tt_d;\n"
          "#define tt_half(x, ...) \\\n"
          "    __builtin_convertvector(__builtin_shufflevector(x, x, __VA_ARGS__), tt_d)\n",
          file);
    print_join(file, tt_emit_width(isa), false);
    print_join(file, tt_emit_width(isa), true);
    print_join_greatest(file, tt_emit_width(isa));
}

void tt_emit_c_prelude(FILE *file, tt_isa isa)
{
    unsigned width = tt_emit_width(isa);
    fprintf(file, "#define TT_N %u\n#define TT_EACH(X) ", width);
    for (unsigned l = 0; l < width; l++)
        fprintf(file, "%sX(%u)", l > 0 ? ", " : "", l);
    fputc('\n', file);
    fputs(types, file);
    print_arithmetic(file, isa);
    tt_emit_elements(file, isa);
}
