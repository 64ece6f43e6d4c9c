// Elements of buffers as the numbers of registers, and back.

#include "ai/run/block_elements.h"

#include <string.h>

static float half_to_float(uint16_t half)
{
    uint32_t size = half & 0x7fffu;
    tt_word word;
    if (size < 0x400) // 0 and what has no leading 1: multiples of 2^-24
        word.f = (float)size * 0x1p-24f;
    else
        word.i = (size << 13) + (size < 0x7c00 ? 112u << 23 : 224u << 23);
    word.i |= (uint32_t)(half & 0x8000u) << 16;
    return word.f;
}

// To nearest, to even; what is no number becomes the one that is quiet and positive.
static uint16_t half_of(tt_word x)
{
    tt_word size = {.i = x.i & 0x7fffffffu};
    uint32_t half;
    if (size.i > 0x7f800000u)
        return 0x7e00;
    if (size.i < 113u << 23) { // below 2^-14: one half has the last place that these have
        size.f += 0.5f;
        half = size.i - (126u << 23);
    } else if (size.i < 143u << 23) {
        half = (size.i - (112u << 23) + 0xfffu + ((size.i >> 13) & 1)) >> 13;
    } else {
        half = 0x7c00;
    }
    return (uint16_t)(half | (x.i >> 16 & 0x8000u));
}

static uint16_t brain_of(tt_word x)
{
    if ((x.i & 0x7fffffffu) > 0x7f800000u)
        return 0x7fc0;
    return (uint16_t)((x.i + 0x7fffu + (x.i >> 16 & 1)) >> 16);
}

#define LOAD(type, member, expression)                                                             \
    {                                                                                              \
        const type *from = (const type *)buffer + place;                                           \
        if (stride == 1)                                                                           \
            for (unsigned l = 0; l < n; l++) {                                                     \
                type x = from[l];                                                                  \
                to[l].member = (expression);                                                       \
            }                                                                                      \
        else                                                                                       \
            for (unsigned l = 0; l < n; l++) {                                                     \
                type x = from[l * stride];                                                         \
                to[l].member = (expression);                                                       \
            }                                                                                      \
    }                                                                                              \
    return

void tt_block_load(tt_element element, const void *buffer, int64_t place, int64_t stride,
                   tt_word *to, unsigned n)
{
    switch (element) {
    case TT_F32:
        LOAD(float, f, x);
    case TT_F16:
        LOAD(uint16_t, f, half_to_float(x));
    case TT_BF16:
        LOAD(uint16_t, i, (uint32_t)x << 16);
    case TT_I8:
        LOAD(int8_t, i, (uint32_t)x);
    case TT_I16:
        LOAD(int16_t, i, (uint32_t)x);
    case TT_I64:
        LOAD(int64_t, i, (uint32_t)x);
    case TT_U8:
        LOAD(uint8_t, i, x);
    case TT_U16:
        LOAD(uint16_t, i, x);
    case TT_BOOL:
        LOAD(uint8_t, i, x != 0 ? UINT32_MAX : 0);
    default: // I32, U32
        LOAD(uint32_t, i, x);
    }
}

#define STORE(type, expression)                                                                    \
    {                                                                                              \
        type *to = (type *)buffer + place;                                                         \
        if (stride == 1)                                                                           \
            for (unsigned l = 0; l < n; l++) {                                                     \
                tt_word x = from[l];                                                               \
                to[l] = (type)(expression);                                                        \
            }                                                                                      \
        else                                                                                       \
            for (unsigned l = 0; l < n; l++) {                                                     \
                tt_word x = from[l];                                                               \
                to[l * stride] = (type)(expression);                                               \
            }                                                                                      \
    }                                                                                              \
    return

void tt_block_store(tt_element element, void *buffer, int64_t place, int64_t stride,
                    const tt_word *from, unsigned n)
{
    switch (element) {
    case TT_F32:
        STORE(float, x.f);
    case TT_F16:
        STORE(uint16_t, half_of(x));
    case TT_BF16:
        STORE(uint16_t, brain_of(x));
    case TT_I8:
    case TT_U8:
        STORE(uint8_t, x.i);
    case TT_I16:
    case TT_U16:
        STORE(uint16_t, x.i);
    case TT_I64:
        STORE(int64_t, (int32_t)x.i);
    case TT_BOOL:
        STORE(uint8_t, x.i != 0);
    default: // I32, U32
        STORE(uint32_t, x.i);
    }
}
