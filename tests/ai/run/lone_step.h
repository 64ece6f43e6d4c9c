// A program's step by itself, on memory between guards.

#ifndef TUTTI_TESTS_LONE_STEP_H
#define TUTTI_TESTS_LONE_STEP_H

#include <math.h>

#include "ai/graph/element.h"
#include "ai/lower/product.h"
#include "ai/run/blocks.h"
#include "ai/run/session_internal.h"
#include "tests/test.h"
#include "tutti/random.h"

#define GUARD 64 // bytes before and behind a buffer

// Whole numbers, so that nothing is decided by what is rounded, now and then one that is none.
static inline void fill_whole(tt_random *random, const tt_type *type, void *bytes, bool special)
{
    for (int64_t i = 0; i < tt_type_count(type); i++) {
        double number = (double)tt_random_below(random, 5) - 2;
        if (special && tt_random_below(random, 200) == 0)
            number = (double[]){(double)NAN, (double)INFINITY, -(double)INFINITY,
                                -0.0}[tt_random_below(random, 4)];
        tt_cell_store((tt_element)type->element, bytes, i,
                      tt_cell_of_number((tt_element)type->element, number));
    }
}

// What is no number counts as equal to any other such: processors choose its bits.
static inline bool same_numbers(tt_element element, const void *a, const void *b, size_t bytes)
{
    const float *x = a, *y = b;
    if (memcmp(a, b, bytes) == 0)
        return true;
    bool same = element == TT_F32;
    for (size_t i = 0; same && i < bytes / sizeof(float); i++)
        same = memcmp(&x[i], &y[i], sizeof(float)) == 0 || (isnan(x[i]) && isnan(y[i]));
    return same;
}

// A step, and bytes for what it reads and then what it writes, which lie apart.
typedef struct lone {
    const tt_graph *graph;
    const tt_step *step;
    uint32_t reads, count;
    void **buffers;
    char **all;
} lone;

static inline tt_type buffer_type(const lone *l, uint32_t i)
{
    unsigned reads;
    const tt_value *read = tt_step_values(l->graph, l->step, &reads);
    return *tt_graph_type(l->graph, i < reads ? read[i] : tt_step_write(l->step, i - reads));
}

// What is read is filled from the seed, the rest with no number.
static inline lone make_lone(const tt_graph *graph, const tt_step *step, uint64_t seed)
{
    unsigned reads;
    tt_random random;
    tt_step_values(graph, step, &reads);
    lone l = {graph, step, reads, reads + tt_step_write_count(graph, step), NULL, NULL};
    l.buffers = calloc(l.count + 1u, sizeof(void *));
    l.all = calloc(l.count + 1u, sizeof(char *));
    REQUIRE(l.buffers != NULL && l.all != NULL);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < l.count; i++) {
        tt_type type = buffer_type(&l, i);
        size_t bytes = tt_type_bytes(&type);
        REQUIRE(posix_memalign((void **)&l.all[i], GUARD, bytes + 2 * GUARD) == 0);
        memset(l.all[i], 0x5a, bytes + 2 * GUARD);
        l.buffers[i] = l.all[i] + GUARD;
        memset(l.buffers[i], 0xff, bytes);
        if (i < reads)
            fill_whole(&random, &type, l.buffers[i], false);
    }
    return l;
}

// Whether nothing was written beside its buffers.
static inline bool free_lone(lone *l)
{
    bool sound = true;
    for (uint32_t i = 0; i < l->count; i++) {
        tt_type type = buffer_type(l, i);
        for (size_t k = 0; k < GUARD; k++)
            sound = sound && l->all[i][k] == 0x5a &&
                    l->all[i][GUARD + tt_type_bytes(&type) + k] == 0x5a;
        free(l->all[i]);
    }
    free(l->all);
    free(l->buffers);
    return sound;
}

static inline bool same_lone(const lone *a, const lone *b)
{
    bool same = true;
    for (uint32_t i = 0; i < a->count; i++) {
        tt_type type = buffer_type(a, i);
        same = same && same_numbers((tt_element)type.element, a->buffers[i], b->buffers[i],
                                    tt_type_bytes(&type));
    }
    return same;
}

// Some turns of it by the interpreter.
static inline void run_lone(lone *l, int64_t from, int64_t to)
{
    size_t bytes = tt_blocks_scratch(&l->step->fused->form);
    void *scratch = NULL;
    REQUIRE(posix_memalign(&scratch, TT_FORM_LOCAL_ALIGN, bytes + 1) == 0);
    memset(scratch, 0xff, bytes);
    tt_blocks_run(&l->step->fused->form, l->buffers, from, to, scratch);
    free(scratch);
}

// Whether a form of a product or a pool stores blocks of 16 images: it goes by numbers of elements
// that are no channels, nor whole places of them. Not told where there is but one channel.
static inline bool stores_blocks(const lone *l)
{
    const tt_form *form = &l->step->fused->form;
    uint32_t first = l->step->fused->nodes[0];
    if (!tt_is_product(l->graph, first) && !tt_is_pool(l->graph, first))
        return false;
    for (uint32_t at = 0; at < form->length; at++) {
        if (form->code[at].op != TT_FORM_STORE)
            continue;
        const tt_form_access *access = &form->access[form->code[at].a];
        if (access->buffer == TT_FORM_LOCAL)
            continue;
        tt_type type = buffer_type(l, access->buffer);
        for (unsigned t = 0; t < access->place.count; t++) {
            const tt_form_axis *axis = &form->axis[access->place.term[t].axis];
            int64_t stride = access->place.term[t].stride, channels = type.size[type.rank - 1u];
            if (type.rank > 2 && stride % channels != 0 && stride * (axis->end - 1) >= channels &&
                !axis->bounded)
                return true;
        }
    }
    return false;
}

#endif
