// Where each value lies.
//
// A value's place in the arena is taken when it is computed and given back after its last use, so
// the arena is about as large as the widest moment, not the sum. A view shares its input's place.
// What a form writes takes the place of something that it reads for the last time, where the form
// allows (tt_form_in_place).
//
// What is assigned to a buffer is computed straight in the buffer's bytes where nobody could tell:
// the old bytes are read by no later step, and by this one only as in place; no step from this one
// on can fail; and no result shows the old bytes or the new ones. It is the only way that takes
// neither more memory nor more of its bandwidth than the buffer itself. A run that looks at values
// before it assigns them (guarded or watched) has them aside.

#include <stdlib.h>

#include "ai/lower/in_place.h"
#include "ai/run/session_internal.h"
#include "tutti/check.h"

#define ALIGNMENT 64
#define STREAMED ((uint64_t)32 << 20) // bytes that leave nothing else in a cache
#define AT_END UINT32_MAX             // last used by a result or an assignment

typedef struct hole {
    uint64_t offset, bytes;
} hole;

typedef struct placing {
    tt_program *program;
    const tt_graph *graph;
    uint32_t *last_use; // by value: the last step that reads it, + 1; AT_END; 0: nobody
    uint32_t *made;     // by value: the step that writes it, + 1; 0: none
    uint32_t *dies;     // by step: the first value that dies there, + 1
    uint32_t *next;     // by value: the next that dies at the same step, + 1
    uint64_t *bytes;    // by value, rounded up
    bool *shown;        // by value: it is a result's elements
    bool *straight;     // by value: it lies in a buffer
    uint32_t sure;      // no step from this one on can fail
    hole holes[256];
    size_t hole_count;
    uint64_t end;
} placing;

static uint32_t root_of(const placing *p, tt_value value)
{
    return p->program->root[tt_value_place(p->graph, value)];
}

static void find_roots(placing *p)
{
    tt_program *program = p->program;
    for (uint32_t at = 0; at < tt_graph_count(p->graph); at++) {
        const tt_operation *node = tt_graph_node(p->graph, at);
        for (unsigned i = 0; i < node->output_count; i++) {
            uint64_t bytes = tt_type_bytes(tt_graph_type(p->graph, (tt_value){at, (uint16_t)i}));
            p->bytes[node->types + i] = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            program->root[node->types + i] = node->types + i;
            program->place[node->types + i] = TT_NOWHERE;
        }
        if (tt_is_view(node))
            program->root[node->types] = root_of(p, tt_graph_inputs(p->graph, at)[0]);
    }
}

static void find_last_uses(placing *p)
{
    tt_program *program = p->program;
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        unsigned count;
        const tt_value *values = tt_step_values(p->graph, step, &count);
        for (unsigned k = 0; k < count; k++)
            p->last_use[root_of(p, values[k])] = i + 1;
        for (unsigned k = 0; k < tt_step_write_count(p->graph, step); k++) {
            uint32_t at = tt_value_place(p->graph, tt_step_write(step, k));
            p->made[at] = i + 1;
            if (p->last_use[at] == 0) // an output that nobody reads
                p->last_use[at] = i + 1;
        }
        if (step->kernel == tt_reference_kernel || step->kernel == tt_gather_kernel)
            p->sure = i + 1;
    }
    for (uint32_t i = 0; i < tt_graph_result_count(p->graph); i++) {
        uint32_t root = root_of(p, tt_graph_result_at(p->graph, i)->value);
        p->last_use[root] = AT_END;
        p->shown[root] = true;
    }
    for (uint32_t i = 0; i < tt_graph_assign_count(p->graph); i++)
        p->last_use[root_of(p, tt_graph_assign_at(p->graph, i)->value)] = AT_END;
}

static void list_deaths(placing *p)
{
    for (uint32_t at = 0; at < p->program->value_count; at++)
        if (p->last_use[at] > 0 && p->last_use[at] != AT_END) {
            p->next[at] = p->dies[p->last_use[at] - 1];
            p->dies[p->last_use[at] - 1] = at + 1;
        }
}

// ---- straight into buffers

// Which of the buffers that the step's form writes has these elements; -1: none.
static int written_buffer(const placing *p, const tt_step *step, uint32_t root)
{
    const tt_fused *fused = step->fused;
    for (uint32_t k = 0; fused != NULL && k < fused->write_count; k++)
        if (root_of(p, fused->values[fused->read_count + k]) == root)
            return (int)(fused->read_count + k);
    return -1;
}

static bool allows_in_place(const placing *p, const tt_step *step, uint32_t read, uint32_t written)
{
    int to = written_buffer(p, step, written);
    for (uint32_t k = 0; to >= 0 && k < step->fused->read_count; k++)
        if (root_of(p, step->fused->values[k]) == read &&
            !tt_form_in_place(&step->fused->form, (uint16_t)k, (uint16_t)to))
            return false;
    return to >= 0;
}

static bool can_go_straight(const placing *p, uint32_t value, uint32_t old)
{
    uint32_t made = p->made[value];
    if (made == 0 || made - 1 < p->sure || p->shown[value] || p->straight[value])
        return false;
    if (p->last_use[old] < made)
        return true;
    return p->last_use[old] == made && allows_in_place(p, &p->program->steps[made - 1], old, value);
}

static void choose_straight(placing *p)
{
    tt_program *program = p->program;
    for (uint32_t i = 0; i < tt_graph_assign_count(p->graph); i++) {
        const tt_assign *assign = tt_graph_assign_at(p->graph, i);
        uint32_t value = root_of(p, assign->value);
        tt_value old = tt_graph_buffer(p->graph, assign->buffer)->value;
        if (!can_go_straight(p, value, tt_value_place(p->graph, old)))
            continue;
        p->straight[value] = true;
        program->straight[program->straight_count++] =
            (tt_straight_assign){value, assign->buffer, program->aside_bytes};
        program->aside_bytes += p->bytes[value];
    }
}

// ---- in the arena

// Takes a place in the first hole that fits, or at the end.
static uint64_t take(placing *p, uint64_t bytes)
{
    for (size_t i = 0; i < p->hole_count; i++) {
        hole *h = &p->holes[i];
        if (h->bytes < bytes)
            continue;
        uint64_t offset = h->offset;
        h->offset += bytes;
        h->bytes -= bytes;
        if (h->bytes == 0)
            *h = p->holes[--p->hole_count];
        return offset;
    }
    uint64_t offset = p->end;
    p->end += bytes;
    return offset;
}

// What settled steps make stays for the next run: its place is nobody else's, before or after.
static void place_settled(placing *p)
{
    tt_program *program = p->program;
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        for (unsigned k = 0; step->settled && k < tt_step_write_count(p->graph, step); k++) {
            uint32_t at = tt_value_place(p->graph, tt_step_write(step, k));
            program->place[at] = take(p, p->bytes[at]);
            p->last_use[at] = AT_END;
        }
    }
}

static void give_back(placing *p, uint64_t offset, uint64_t bytes)
{
    for (size_t i = 0; i < p->hole_count; i++) { // join with a neighbour, then look again
        hole h = p->holes[i];
        if (h.offset + h.bytes != offset && offset + bytes != h.offset)
            continue;
        p->holes[i] = p->holes[--p->hole_count];
        give_back(p, h.offset < offset ? h.offset : offset, h.bytes + bytes);
        return;
    }
    if (bytes > 0 &&
        p->hole_count < TT_COUNT(p->holes)) // else the place is lost: larger, never wrong
        p->holes[p->hole_count++] = (hole){offset, bytes};
}

// Takes the place of something that dies at this step, if there is one that may be overwritten.
static bool take_over(placing *p, uint32_t step, uint32_t value)
{
    tt_program *program = p->program;
    for (uint32_t *at = &p->dies[step]; *at != 0; at = &p->next[*at - 1]) {
        uint32_t dying = *at - 1;
        if (program->place[dying] == TT_NOWHERE || p->bytes[dying] != p->bytes[value] ||
            p->made[dying] == step + 1 || !allows_in_place(p, &program->steps[step], dying, value))
            continue;
        program->place[value] = program->place[dying];
        *at = p->next[dying]; // it is given back with what took it over
        return true;
    }
    return false;
}

// What is larger than caches and stored once, where nothing was read, is stored past them.
static void choose_streamed(placing *p, const tt_step *step)
{
    tt_form *form = step->fused != NULL ? &step->fused->form : NULL;
    for (uint32_t i = 0; form != NULL && i < form->access_count; i++) {
        uint16_t buffer = form->access[i].buffer;
        if (buffer == TT_FORM_LOCAL)
            continue;
        uint32_t root = root_of(p, step->fused->values[buffer]);
        bool read = buffer < step->fused->read_count || p->bytes[root] < STREAMED;
        for (uint32_t k = 0; !read && k < form->length; k++)
            read =
                form->code[k].op == TT_FORM_LOAD && form->access[form->code[k].a].buffer == buffer;
        for (uint32_t k = 0; !read && k < step->fused->read_count; k++) {
            uint32_t other = root_of(p, step->fused->values[k]);
            read = p->straight[root] || (p->program->place[root] == p->program->place[other] &&
                                         p->program->place[root] != TT_NOWHERE);
        }
        form->access[i].streamed = !read;
    }
}

static void choose_places(placing *p)
{
    tt_program *program = p->program;
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        for (unsigned k = 0; k < tt_step_write_count(p->graph, step); k++) {
            uint32_t at = tt_value_place(p->graph, tt_step_write(step, k));
            if (!step->settled && !p->straight[at] && !take_over(p, i, at))
                program->place[at] = take(p, p->bytes[at]);
        }
        choose_streamed(p, step);
        for (uint32_t at = p->dies[i]; at != 0; at = p->next[at - 1])
            if (program->place[at - 1] != TT_NOWHERE) // not a buffer's
                give_back(p, program->place[at - 1], p->bytes[at - 1]);
    }
    program->arena_bytes = p->end;
}

tt_status tt_program_choose_places(tt_program *program)
{
    size_t values = (size_t)program->value_count + 1, steps = (size_t)program->step_count + 1;
    placing p = {.program = program,
                 .graph = program->graph,
                 .last_use = calloc(values, sizeof(uint32_t)),
                 .made = calloc(values, sizeof(uint32_t)),
                 .dies = calloc(steps, sizeof(uint32_t)),
                 .next = calloc(values, sizeof(uint32_t)),
                 .bytes = calloc(values, sizeof(uint64_t)),
                 .shown = calloc(values, sizeof(bool)),
                 .straight = calloc(values, sizeof(bool))};
    program->root = calloc(values, sizeof(*program->root));
    program->place = calloc(values, sizeof(*program->place));
    program->straight =
        calloc(tt_graph_assign_count(program->graph) + 1u, sizeof(*program->straight));
    bool ok = p.last_use != NULL && p.made != NULL && p.dies != NULL && p.next != NULL &&
              p.bytes != NULL && p.shown != NULL && p.straight != NULL && program->root != NULL &&
              program->place != NULL && program->straight != NULL;
    if (ok) {
        find_roots(&p);
        find_last_uses(&p);
        place_settled(&p);
        choose_straight(&p);
        list_deaths(&p);
        choose_places(&p);
    }
    free(p.last_use);
    free(p.made);
    free(p.dies);
    free(p.next);
    free(p.bytes);
    free(p.shown);
    free(p.straight);
    return ok ? TT_OK : TT_FULL;
}
