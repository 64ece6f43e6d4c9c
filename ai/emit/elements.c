// How printed functions read and write the elements of buffers.
//
// An element has a type in memory, a scalar and a vector of what is read there before it is
// converted, and what LOAD makes of that. tt_load_E, tt_store_E are of neighbours; those with s are
// of a stride, with n of the first n lanes only (known when it is compiled, mostly), with g of
// lanes whose guard is set, by an index.

#include "ai/emit/emit_internal.h"

static const char conversions[] =
    "#define TT_SAME(x) (x)\n"
    "#define TT_SIGNED(x) ((tt_s)(x))\n"
    "#define TT_SIGNED1(x) ((int)(x))\n"
    "#define TT_FROM_BOOL(x) ((tt_u)((x) != 0))\n"
    "#define TT_FROM_BOOL1(x) (-(unsigned)((x) != 0))\n"
    "#define TT_TO_BOOL(x) ((tt_u)((x) != 0) & 1u)\n"
    "#define TT_TO_BOOL1(x) ((unsigned)((x) != 0))\n"
    "#define TT_FROM_BF16(x) ((tt_v)((x) << 16))\n"
    "#define TT_FROM_BF161(x) tt_as_float1((x) << 16)\n"
    "TT_IN tt_u TT_TO_BF16(tt_v x)\n{\n"
    "    tt_u bits = (tt_u)x, rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;\n"
    "    return tt_pick((tt_u)(x != x), tt_splat_u(0x7fc0), rounded);\n}\n"
    "TT_IN unsigned TT_TO_BF161(float x)\n{\n    return TT_TO_BF16(tt_splat_v(x))[0];\n}\n"
    "TT_IN tt_v TT_FROM_F16(tt_u half)\n{\n"
    "    tt_u size = half & 0x7fffu, special = (tt_u)(size >= 0x7c00u);\n"
    "    tt_u large = (size << 13) + (special & (112u << 23)) + (112u << 23);\n"
    "    tt_u small = (tt_u)(tt_to_float(size) * 0x1p-24f);\n"
    "    return (tt_v)(tt_pick((tt_u)(size < 0x400u), small, large) | (half & 0x8000u) << 16);\n}\n"
    "TT_IN float TT_FROM_F161(unsigned x)\n{\n    return TT_FROM_F16(tt_splat_u(x))[0];\n}\n"
    "TT_IN tt_u TT_TO_F16(tt_v x)\n{\n"
    "    tt_u size = (tt_u)x & 0x7fffffffu;\n"
    "    tt_u small = (tt_u)((tt_v)size + 0.5f) - (126u << 23);\n"
    "    tt_u half = (size - (112u << 23) + 0xfffu + (size >> 13 & 1u)) >> 13;\n"
    "    half = tt_pick((tt_u)(size < (113u << 23)), small, half);\n"
    "    half = tt_pick((tt_u)(size >= (143u << 23)), tt_splat_u(0x7c00), half);\n"
    "    half |= (tt_u)x >> 16 & 0x8000u;\n"
    "    return tt_pick((tt_u)(x != x), tt_splat_u(0x7e00), half);\n}\n"
    "TT_IN unsigned TT_TO_F161(float x)\n{\n    return TT_TO_F16(tt_splat_v(x))[0];\n}\n";

// From 8 or 16 bits to 32. GCC 12 does that element by element, but where it is told the
// instruction.
static const char by_itself[] = "#define TT_WIDEN_BYTES(x, R) __builtin_convertvector(x, R)\n"
                                "#define TT_WIDEN_SIGNED_BYTES TT_WIDEN_BYTES\n"
                                "#define TT_WIDEN_HALVES TT_WIDEN_BYTES\n"
                                "#define TT_WIDEN_SIGNED_HALVES TT_WIDEN_BYTES\n";
static const char by_avx2[] =
    "#define TT_WIDEN_B(name, x) \\\n"
    "    ((tt_u)__builtin_ia32_pmov##name##256((tt_chars)(tt_longs){(long long)(x), 0}))\n"
    "#define TT_WIDEN_H(name, x) ((tt_u)__builtin_ia32_pmov##name##256((tt_shorts)(x)))\n";
static const char by_avx512[] =
    "#define TT_WIDEN_B(name, x) \\\n"
    "    ((tt_u)__builtin_ia32_pmov##name##512_mask((tt_chars)(x), (tt_s){0}, -1))\n"
    "#define TT_WIDEN_H(name, x) \\\n"
    "    ((tt_u)__builtin_ia32_pmov##name##512_mask((tt_shorts)(x), (tt_s){0}, -1))\n";
static const char by_instructions[] = "#define TT_WIDEN_BYTES(x, R) TT_WIDEN_B(zxbd, x)\n"
                                      "#define TT_WIDEN_SIGNED_BYTES(x, R) TT_WIDEN_B(sxbd, x)\n"
                                      "#define TT_WIDEN_HALVES(x, R) TT_WIDEN_H(zxwd, x)\n"
                                      "#define TT_WIDEN_SIGNED_HALVES(x, R) TT_WIDEN_H(sxwd, x)\n";
static const char widened[] = "typedef TT_VECTOR(unsigned short, 2 * TT_N) tt_halves;\n"
                              "#define TT_WIDEN_bool TT_WIDEN_BYTES\n"
                              "#define TT_WIDEN_u8 TT_WIDEN_BYTES\n"
                              "#define TT_WIDEN_i8 TT_WIDEN_SIGNED_BYTES\n"
                              "#define TT_WIDEN_f16 TT_WIDEN_HALVES\n"
                              "#define TT_WIDEN_bf16 TT_WIDEN_HALVES\n"
                              "#define TT_WIDEN_u16 TT_WIDEN_HALVES\n"
                              "#define TT_WIDEN_i16 TT_WIDEN_SIGNED_HALVES\n";

static const char neighbours[] =
    "#define TT_WHOLE(E, T, R, C)                                                        \\\n"
    "    typedef R tt_near_##E __attribute__((aligned(sizeof(T)), may_alias));            \\\n"
    "    TT_IN R tt_read_##E(const tt_##E *p)                                             \\\n"
    "    {                                                                                \\\n"
    "        return *(const tt_near_##E *)p;                                              \\\n"
    "    }                                                                                \\\n"
    "    TT_IN void tt_write_##E(tt_##E *p, R x)                                          \\\n"
    "    {                                                                                \\\n"
    "        *(tt_near_##E *)p = x;                                                       \\\n"
    "    }                                                                                \\\n"
    "    TT_IN R tt_read_some_##E(const tt_##E *p, long n) { return (R)TT_READ_SOME; }    \\\n"
    "    TT_IN void tt_write_some_##E(tt_##E *p, long n, R x) { TT_WRITE_SOME; }\n"
    "#define TT_NARROW(E, T, R, C)                                                       \\\n"
    "    typedef TT_VECTOR(T, sizeof(T) * TT_N) tt_vector_##E;                            \\\n"
    "    typedef tt_vector_##E tt_near_##E __attribute__((aligned(sizeof(T)), may_alias)); \\\n"
    "    TT_IN R tt_read_##E(const tt_##E *p)                                             \\\n"
    "    {                                                                                \\\n"
    "        return TT_WIDEN_##E(*(const tt_near_##E *)p, R);                             \\\n"
    "    }                                                                                \\\n"
    "    TT_IN void tt_write_##E(tt_##E *p, R x)                                          \\\n"
    "    {                                                                                \\\n"
    "        *(tt_near_##E *)p = __builtin_convertvector(                                 \\\n"
    "            __builtin_convertvector(x, tt_halves), tt_vector_##E);                   \\\n"
    "    }                                                                                \\\n"
    "    TT_ONE_BY_ONE(E, T, R, C)\n"
    "#define TT_WIDE(E, T, R, C)                                                         \\\n"
    "    TT_IN R tt_read_##E(const tt_##E *p)                                             \\\n"
    "    {                                                                                \\\n"
    "        return (R){TT_EACH(TT_RAW)};                                                 \\\n"
    "    }                                                                                \\\n"
    "    TT_IN void tt_write_##E(tt_##E *p, R x)                                          \\\n"
    "    {                                                                                \\\n"
    "        for (int l = 0; l < TT_N; l++)                                               \\\n"
    "            p[l] = x[l];                                                             \\\n"
    "    }                                                                                \\\n"
    "    TT_ONE_BY_ONE(E, T, R, C)\n"
    "#define TT_RAW(l) (unsigned)p[l]\n"
    "#define TT_ONE_BY_ONE(E, T, R, C)                                                   \\\n"
    "    TT_IN R tt_read_some_##E(const tt_##E *p, long n)                                \\\n"
    "    {                                                                                \\\n"
    "        return (R){TT_EACH(TT_READ_ONE)};                                            \\\n"
    "    }                                                                                \\\n"
    "    TT_IN void tt_write_some_##E(tt_##E *p, long n, R x) { TT_EACH(TT_WRITE_ONE); }\n"
    "#define TT_READ_ONE(l) l < n ? p[l] : 0\n"
    "#define TT_WRITE_ONE(l) l < n ? (void)(p[l] = x[l]) : (void)0\n";

// The first n of a vector of words, at most all; none where n is below 1. Machines that have masks
// touch no others; the slow stores of AVX2 are left to what knows n only when it runs.
static const char some_plain[] =
    "#define TT_READ_SOME (tt_u){TT_EACH(TT_READ_WORD)}\n"
    "#define TT_READ_WORD(l) l < n ? ((const tt_word *)p)[l] : 0\n"
    "#define TT_WRITE_SOME tt_write_words((tt_word *)p, n, (tt_u)x)\n"
    "TT_IN void tt_write_words(tt_word *p, long n, tt_u x)\n{\n    TT_EACH(TT_WRITE_ONE);\n}\n";
static const char some_avx2[] =
    "#define TT_READ_SOME __builtin_ia32_maskloadps256((const void *)p, (tt_s)tt_mask(n))\n"
    "#define TT_WRITE_SOME tt_write_words((tt_word *)p, n, (tt_u)x)\n"
    "typedef unsigned long long tt_pair __attribute__((aligned(4), may_alias));\n"
    "TT_IN void tt_write_words(tt_word *p, long n, tt_u x)\n{\n"
    "    if (!__builtin_constant_p(n) || n < 1 || n >= TT_N) {\n"
    "        __builtin_ia32_maskstoreps256((void *)p, (tt_s)tt_mask(n), (tt_v)x);\n"
    "        return;\n    }\n"
    "#define X(l)                               \\\n"
    "    if (n > 2 * l + 1)                      \\\n"
    "        ((tt_pair *)p)[l] = ((tt_w)x)[l];\n"
    "    X(0) X(1) X(2)\n#undef X\n"
    "    if (n & 1)\n        p[n - 1] = x[n - 1];\n}\n";
static const char some_avx512[] =
    "#define TT_BITS (unsigned short)(n < 1 ? 0 : n < TT_N ? (1u << n) - 1 : 0xffff)\n"
    "#define TT_READ_SOME __builtin_ia32_loadups512_mask((const void *)p, (tt_v){0}, TT_BITS)\n"
    "#define TT_WRITE_SOME __builtin_ia32_storeups512_mask((void *)p, (tt_v)x, TT_BITS)\n";

// E: the name; T: the type in memory; R, C: what is read of it; V, S: what LOAD makes of it.
static const char element[] =
    "#define TT_ELEMENT(E, T, R, C, V, S, FROM, TO, FROM1, TO1, NEAR)                    \\\n"
    "    typedef T tt_##E __attribute__((may_alias));                                     \\\n"
    "    NEAR(E, T, R, C)                                                                 \\\n"
    "    TT_IN S tt_get_##E(const tt_##E *p) { return FROM1((C)*p); }                     \\\n"
    "    TT_IN void tt_put_##E(tt_##E *p, S x) { *p = (T)TO1(x); }                        \\\n"
    "    TT_IN V tt_load_##E(const tt_##E *p) { return FROM(tt_read_##E(p)); }            \\\n"
    "    TT_IN void tt_store_##E(tt_##E *p, V x) { tt_write_##E(p, TO(x)); }              \\\n"
    "    TT_IN V tt_loads_##E(const tt_##E *p, long s)                                    \\\n"
    "    {                                                                                \\\n"
    "        return FROM(((R){TT_EACH(TT_S)}));                                           \\\n"
    "    }                                                                                \\\n"
    "    TT_IN V tt_loadn_##E(const tt_##E *p, long s, long n)                            \\\n"
    "    {                                                                                \\\n"
    "        if (s == 1)                                                                  \\\n"
    "            return FROM(tt_read_some_##E(p, n));                                     \\\n"
    "        return FROM(((R){TT_EACH(TT_SN)}));                                          \\\n"
    "    }                                                                                \\\n"
    "    TT_IN V tt_loadg_##E(const tt_##E *p, long s, long n, tt_u g, tt_u i, long t)    \\\n"
    "    {                                                                                \\\n"
    "        C x[TT_N] = {0};                                                             \\\n"
    "        R y;                                                                         \\\n"
    "        for (long l = 0; l < TT_N && l < n; l++)                                     \\\n"
    "            if (g[l] != 0)                                                           \\\n"
    "                x[l] = (C)p[l * s + (long)(int)i[l] * t];                            \\\n"
    "        __builtin_memcpy(&y, x, sizeof(y));                                          \\\n"
    "        return FROM(y);                                                              \\\n"
    "    }                                                                                \\\n"
    "    TT_IN void tt_stores_##E(tt_##E *p, long s, V x)                                 \\\n"
    "    {                                                                                \\\n"
    "        R y = (R)TO(x);                                                              \\\n"
    "        TT_EACH(TT_P);                                                               \\\n"
    "    }                                                                                \\\n"
    "    TT_IN void tt_storen_##E(tt_##E *p, long s, long n, V x)                         \\\n"
    "    {                                                                                \\\n"
    "        R y = (R)TO(x);                                                              \\\n"
    "        if (s == 1)                                                                  \\\n"
    "            tt_write_some_##E(p, n, y);                                              \\\n"
    "        else                                                                         \\\n"
    "            TT_EACH(TT_PN);                                                          \\\n"
    "    }\n"
    "#define TT_S(l) p[l * s]\n"
    "#define TT_SN(l) l < n ? p[l * s] : 0\n"
    "#define TT_P(l) p[l * s] = y[l]\n"
    "#define TT_PN(l) l < n ? (void)(p[l * s] = y[l]) : (void)0\n";

static const char elements[] =
    "#define TT_INTEGER(E, T, NEAR) \\\n"
    "    TT_ELEMENT(E, T, tt_u, unsigned, tt_u, unsigned, TT_SAME, TT_SAME, TT_SAME, TT_SAME, "
    "NEAR)\n"
    "TT_ELEMENT(f32, float, tt_v, float, tt_v, float, TT_SAME, TT_SAME, TT_SAME, TT_SAME, "
    "TT_WHOLE)\n"
    "TT_ELEMENT(f16, unsigned short, tt_u, unsigned, tt_v, float, TT_FROM_F16, TT_TO_F16,\n"
    "           TT_FROM_F161, TT_TO_F161, TT_NARROW)\n"
    "TT_ELEMENT(bf16, unsigned short, tt_u, unsigned, tt_v, float, TT_FROM_BF16, TT_TO_BF16,\n"
    "           TT_FROM_BF161, TT_TO_BF161, TT_NARROW)\n"
    "TT_ELEMENT(bool, unsigned char, tt_u, unsigned, tt_u, unsigned, TT_FROM_BOOL, TT_TO_BOOL,\n"
    "           TT_FROM_BOOL1, TT_TO_BOOL1, TT_NARROW)\n"
    "TT_INTEGER(i32, unsigned, TT_WHOLE)\n"
    "TT_INTEGER(u32, unsigned, TT_WHOLE)\n"
    "TT_INTEGER(i8, signed char, TT_NARROW)\n"
    "TT_INTEGER(u8, unsigned char, TT_NARROW)\n"
    "TT_INTEGER(i16, short, TT_NARROW)\n"
    "TT_INTEGER(u16, unsigned short, TT_NARROW)\n"
    "TT_ELEMENT(i64, long long, tt_s, int, tt_u, unsigned, (tt_u), TT_SIGNED, (unsigned), "
    "TT_SIGNED1,\n"
    "           TT_WIDE)\n";

// Past the caches.
static void print_stream(FILE *file, tt_isa isa)
{
    static const char *const instruction[] = {[TT_ISA_PLAIN] = NULL,
                                              [TT_ISA_SSE2] = "movntps",
                                              [TT_ISA_AVX2] = "movntps256",
                                              [TT_ISA_AVX512] = "movntps512"};
    if (instruction[isa] == NULL)
        fputs("#define TT_STREAMED (void)0\n"
              "TT_IN void tt_stream(tt_f32 *p, tt_v x)\n{\n    tt_store_f32(p, x);\n}\n",
              file);
    else
        fprintf(file,
                "#define TT_STREAMED __builtin_ia32_sfence()\n"
                "TT_IN void tt_stream(tt_f32 *p, tt_v x)\n{\n"
                "#ifdef __clang__\n    __builtin_nontemporal_store(x, (tt_v *)p);\n"
                "#else\n    __builtin_ia32_%s(p, x);\n#endif\n}\n",
                instruction[isa]);
}

static void print_widening(FILE *file, tt_isa isa)
{
    bool told = isa == TT_ISA_AVX2 || isa == TT_ISA_AVX512;
    if (told) {
        fputs("#if defined(__GNUC__) && !defined(__clang__)\n", file);
        fputs("typedef TT_VECTOR(char, 16) tt_chars;\n"
              "typedef TT_VECTOR(long long, 16) tt_longs;\n"
              "typedef TT_VECTOR(short, 2 * TT_N) tt_shorts;\n",
              file);
        fputs(isa == TT_ISA_AVX2 ? by_avx2 : by_avx512, file);
        fputs(by_instructions, file);
        fputs("#else\n", file);
    }
    fputs(by_itself, file);
    fputs(told ? "#endif\n" : "", file);
    fputs(widened, file);
}

// 16 rows of 16 words, r words apart, as columns; the result's rows are s words apart.
static const char turn[] =
    "TT_IN void tt_turn(tt_word *to, long s, const tt_word *from, long r)\n{\n"
    "    for (long l = 0; l < 16; l++)\n        for (long c = 0; c < 16; c++)\n"
    "            to[l * s + c] = from[c * r + l];\n}\n";
static const char turn_by_eights[] =
    "typedef TT_VECTOR(unsigned, 32) tt_eight;\n"
    "typedef tt_eight tt_near_eight __attribute__((aligned(4), may_alias));\n"
    "#define TT_SHUFFLE __builtin_shufflevector\n"
    "#define TT_ONES(a, b)                                     \\\n"
    "    y = TT_SHUFFLE(a, b, 0, 8, 2, 10, 4, 12, 6, 14);      \\\n"
    "    b = TT_SHUFFLE(a, b, 1, 9, 3, 11, 5, 13, 7, 15), a = y\n"
    "#define TT_TWOS(a, b)                                     \\\n"
    "    y = TT_SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13);       \\\n"
    "    b = TT_SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15), a = y\n"
    "#define TT_FOURS(a, b)                                    \\\n"
    "    y = TT_SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11);       \\\n"
    "    b = TT_SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15), a = y\n"
    "#define TT_EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)\n"
    "TT_IN void tt_turn(tt_word *to, long s, const tt_word *from, long r)\n{\n"
    "    for (long l = 0; l < 16; l += 8)\n        for (long c = 0; c < 16; c += 8) {\n"
    "#define X(i) tt_eight x##i = *(const tt_near_eight *)(from + (c + i) * r + l);\n"
    "            TT_EIGHT(X)\n#undef X\n            tt_eight y;\n"
    "            TT_ONES(x0, x1); TT_ONES(x2, x3); TT_ONES(x4, x5); TT_ONES(x6, x7);\n"
    "            TT_TWOS(x0, x2); TT_TWOS(x1, x3); TT_TWOS(x4, x6); TT_TWOS(x5, x7);\n"
    "            TT_FOURS(x0, x4); TT_FOURS(x1, x5); TT_FOURS(x2, x6); TT_FOURS(x3, x7);\n"
    "#define X(i) *(tt_near_eight *)(to + (l + i) * s + c) = x##i;\n"
    "            TT_EIGHT(X)\n#undef X\n        }\n}\n";

void tt_emit_elements(FILE *file, tt_isa isa)
{
    fputs("typedef unsigned tt_word __attribute__((may_alias));\n", file);
    fputs(conversions, file);
    print_widening(file, isa);
    fputs(neighbours, file);
    fputs(isa >= TT_ISA_AVX2 ? turn_by_eights : turn, file);
    fputs(isa == TT_ISA_AVX512 ? some_avx512 : isa == TT_ISA_AVX2 ? some_avx2 : some_plain, file);
    fputs(element, file);
    fputs(elements, file);
    print_stream(file, isa);
}
