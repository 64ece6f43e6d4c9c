// What is known of a group while its form is built; for fuse.c and what belongs to it.

#ifndef TUTTI_AI_FUSING_H
#define TUTTI_AI_FUSING_H

#include "ai/lower/grouping.h"

#define AXES (2 * TT_RANK_MAX)
#define TT_ROWS_TOGETHER 4 // that are walked, a turn for all of them before the next

// What is loaded, stored or counted: where it lies along the domain's axes.
typedef struct place {
    tt_value stored;
    bool counted; // an iota that is a member: its numbers, not where it is stored
    uint8_t element;
    int64_t offset, stride[TT_RANK_MAX + 1]; // the last: along the images of a block
    int batch;    // the axis that counts blocks of images, where it is stored so; -1: none
    bool operand; // walked by its own axes, by who reads it
    bool inner;   // changes along inner axes
    tt_register outer_register, inner_register;
    uint32_t inner_at; // the nest in which inner_register stands
} place;

// Neighbouring axes of the domain that are walked as one; or a part of one.
typedef struct walk_axis {
    unsigned last; // whose strides count
    int64_t size;
    bool reduced;
} walk_axis;

typedef struct member {
    uint32_t node;
    bool full, sum;
    bool flat;         // of an exp that is kept: 0 where the sum is
    bool lends;        // its place to what is kept until it is written
    int64_t picked_by; // of a sum of one of a row's elements, the others being made 0: the place
                       // of that one's number; it is no sum then, but reads that one. Else -1
    bool noted;        // it is in local memory, from where other turns have it
    bool below;        // a log_sum_exp of what the greatest was taken from: no greater than 0
    unsigned turn;     // in which it is computed; of a sum: after which it is there
    int64_t read[3];   // by input: a place, or -1 - a member
    int64_t written;   // a place, or -1
    tt_register made;  // outside of the inner nest
    bool is_made;
    tt_register inner_made; // in the inner nest `inner_at`
    uint32_t inner_at;
    tt_register sum_of, low; // of a sum: what came together, and what was rounded off or none
    tt_register part;        // of a sum: the few numbers that are added before
    tt_register greatest;    // of log_sum_exp: the first half's result
    int64_t kept;            // of log_sum_exp: the place where its exps are kept; else -1
    uint32_t kept_by;        // of an exp that is a share of its sum: that log_sum_exp; or none
    tt_register inverse,
        up; // of a sum whose exps are kept, or a row's divisor: 1 / it; of how much
    bool has_inverse;
} member;

typedef struct fusing {
    const tt_groups *groups;
    const tt_graph *graph;
    const tt_group *group;
    tt_fused *fused;
    tt_form *form;
    member *member;
    uint32_t count;
    place *place;
    uint32_t place_count, place_capacity;
    walk_axis axis[TT_RANK_MAX + 2];  // all of them, and one of one element
    unsigned axis_count, outer_count; // outer ones come first
    // Loops that are open: which axis's numbers they count, and how many elements a turn is.
    struct {
        uint32_t id;
        unsigned axis;
        int64_t scale;
    } open[AXES];
    unsigned open_count;
    bool blocked; // the domain's first axis counts blocks of 16 images, and its last those
    tt_type domain;
    int64_t fixed[TT_RANK_MAX + 1]; // numbers of the domain's axes that no loop counts
    int64_t second;                 // the first member's second output is written there, or -1
    uint32_t nest;                  // counts inner nests; 0: outside
    bool full;
} fusing;

// An index of a value's axis as a number and a stride along one axis of another.
typedef struct tt_along {
    int64_t offset, stride;
    unsigned axis;
} tt_along;

// Follows a movement: `at` tells where in its result, and then where in its input.
void tt_follow(const tt_graph *graph, tt_value value, tt_along at[TT_RANK_MAX]);

// From element to element of a batch's axis: from block to block, and from image to image in one.
void tt_fusing_batch(const place *p, unsigned axis, int64_t *block, int64_t *image);

// Loops, of which each counts numbers of one of `axis`, times a scale.
uint32_t tt_fusing_open(fusing *f, unsigned axis, int64_t scale, tt_form_axis loop);
void tt_fusing_close(fusing *f);
tt_affine tt_fusing_affine(const fusing *f, const place *p); // where it lies, by the open loops

// Where a value lies along its own axes: a place, whose strides are by these.
int64_t tt_fusing_operand(fusing *f, tt_value value);

// Once all places are known: the axes are the domain's own, one by one, with that of the images of
// a block behind them where there are blocks.
void tt_fusing_walk(fusing *f);

void tt_fusing_store(fusing *f, uint32_t member); // if it is written

// A loop over a part: numbers below `part`, and below what is left of `size`. The part's number is
// that of the loop opened as number `parts`.
tt_form_axis tt_fusing_rest(const fusing *f, unsigned parts, int64_t part, int64_t size,
                            bool lanes);

// where.c. Places of what a member of `shape` reads, of an iota's numbers and of what it writes.
int64_t tt_fusing_place_of(fusing *f, tt_value value, const tt_type *shape);
int64_t tt_fusing_iota_place(fusing *f, uint32_t node);
int64_t tt_fusing_written_place(fusing *f, const member *m);
void tt_fusing_find_written(fusing *f); // of what begins a group with a product or a pool
void tt_fusing_find_blocks(fusing *f);  // whether it walks blocks of images
void tt_fusing_find_axes(fusing *f);    // and which axes are walked as one
void tt_fusing_mark_inner(fusing *f);   // which places change along inner axes
bool tt_fusing_list_buffers(fusing *f); // places become the form's buffers

// members.c
static inline tt_op tt_fusing_op_of(const fusing *f, uint32_t node)
{
    return (tt_op)tt_graph_node(f->graph, node)->op;
}
bool tt_fusing_is_full(const fusing *f, uint32_t node); // of the domain's shape
unsigned tt_fusing_reads_of(const fusing *f, const member *m);
void tt_fusing_find_reads(fusing *f, uint32_t index);
bool tt_fusing_is_number(const fusing *f, int64_t index); // a place of one constant
bool tt_fusing_number_is(const fusing *f, tt_value value, double number);
// picks.c. Sums of which all but one element are 0.
void tt_fusing_find_pick(fusing *f, member *m);
tt_register tt_fusing_pick(fusing *f, const member *m);
// Of an exp that is a share of its sum: that log_sum_exp; and whether 0 is where the sum is.
uint32_t tt_fusing_sum_taken(const fusing *f, tt_value value, bool *flat);
// Registers where the form is being built: of a place's elements, of what a member reads, its own.
tt_register tt_fusing_load(fusing *f, int64_t index);
tt_register tt_fusing_read(fusing *f, const member *m, unsigned input);
tt_register tt_fusing_value_of(fusing *f, uint32_t index);

// sums.c, by turns: of log_sum_exp the greatest comes first.
bool tt_fusing_sums_in(const fusing *f, uint32_t index, unsigned turn, bool *first_half);
void tt_fusing_start_sums(fusing *f, unsigned turn);
void tt_fusing_part_sums(fusing *f, unsigned turn, bool ends); // a few numbers, added as they are
void tt_fusing_add_up(fusing *f, unsigned turn, bool in_parts);
bool tt_fusing_adds_up(const fusing *f, unsigned turn);
void tt_fusing_join_sums(fusing *f, unsigned turn, bool lanes);
void tt_fusing_keep_exps(fusing *f, unsigned last);
// Where `rows` rows are walked together: what a turn's sums came to goes to local memory, and what
// those of turns before did comes from there. The innermost open loop counts the rows.
void tt_fusing_note_sums(fusing *f, unsigned turn, unsigned rows);
void tt_fusing_recall_sums(fusing *f, unsigned turn, unsigned rows);

// The group's product, its first member, and what is computed of it element by element.
void tt_fuse_product(fusing *f);

// The group's first member is a greatest pool; or what a pool's gradient reads, as group.h has it.
void tt_fuse_pool(fusing *f, const tt_value *reads);

#endif
