// Looking at tensors, and at two runs of one graph: what differs first, and by how much.
//
// Nothing here locks, and nothing changes what it looks at.

#ifndef TUTTI_COMPARE_H
#define TUTTI_COMPARE_H

#include "tutti/session.h"

TT_C_BEGIN

// A tensor in a few numbers; integers, too, and bools as 0 and 1. Of those that are finite the
// least, greatest and mean; where there are none, these are NaN.
typedef struct tt_summary {
    int64_t count, not_finite;
    double least, greatest, mean;
} tt_summary;
tt_summary tt_summarise(const tt_type *type, const void *elements);

#define TT_NUMBER_TEXT_BYTES 32

// How two tensors of one type differ. Floats differ by what lies between them, as a share of the
// greatest finite number of `right`, or of 1 where that is 0; one that is finite differs from one
// that is not, and an infinity from another, without limit; two that are no numbers are equal. What
// is no float is equal or differs without limit.
typedef struct tt_difference {
    int64_t count; // of elements that differ by more than the tolerance
    double share;  // the greatest difference; 0: none, infinity: see above
    int64_t place; // of the first that differs so much, in the order of the last axis
    char got[TT_NUMBER_TEXT_BYTES], right[TT_NUMBER_TEXT_BYTES]; // what stands there
} tt_difference;
tt_difference tt_compare(const tt_type *type, const void *got, const void *right, double tolerance);

// `tolerance`, or for bf16 and f16 eight of their last places where that is more.
double tt_tolerance_of(tt_element element, double tolerance);

// Two ways of one computation, side by side.
typedef struct tt_verdict {
    uint32_t compared; // results, and what would be assigned
    double worst;      // the greatest difference's share
    bool differs;
    char worst_name[64]; // of the result or buffer; cut where it is longer
    char sentence[512];  // "" or what differs first: node, place, both numbers
    char results[256];   // "" or which results and buffers differ
} tt_verdict;

// Runs both programs without assigning, and compares their results and assignments, which are those
// of one graph: `fast` of a session that runs it by kernels, `right` of one that runs it by the
// reference; each has its inputs, and each session its parameters. Where they differ by more than
// the tolerance, `fast` is run once more beside the reference of its own, simplified graph, whose
// tensors are all kept for that: the sentence names the first step that makes another tensor. What
// loading and running can be refused for, with a sentence in `why`; TT_TOO_LARGE where the kept
// tensors take more than the limit of `right`'s session.
tt_status tt_verify(tt_program *fast, tt_program *right, double tolerance, tt_verdict *verdict,
                    tt_text *why);

// For sentences: "log (layer 3, line 12)", or "log (node 7)"; "[3,7]", or "" of a scalar; an
// element as the text form of graphs writes it.
void tt_add_node(tt_text *text, const tt_graph *graph, uint32_t node);
void tt_add_place(tt_text *text, const tt_type *type, int64_t place);
void tt_add_element(tt_text *text, tt_element element, const void *elements, int64_t place);

// A node's value by name: a result's; a buffer's; "%12" or "%12.1"; or where nodes come from, of
// which the last is taken. TT_NONE where there is none.
tt_value tt_value_named(const tt_graph *graph, const char *name);

TT_C_END

#endif
