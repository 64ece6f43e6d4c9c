// A row of the table of operations: everything that the rest knows of one.
//
// A row is told what it works on by one of three structures: tt_rule while a node is built, tt_work
// while the reference computes it, tt_back while it is differentiated. All three know the node.

#ifndef TUTTI_AI_ROW_H
#define TUTTI_AI_ROW_H

#include "ai/graph/element.h"
#include "tutti/graph.h"

#define TT_ATTRIBUTES_MAX 8

typedef enum tt_attribute_kind {
    TT_ATTRIBUTE_NUMBER,  // one word
    TT_ATTRIBUTE_ELEMENT, // one word: a tt_element
    TT_ATTRIBUTE_LIST,    // as many words as it says
} tt_attribute_kind;

typedef struct tt_attribute_row {
    const char *name;
    tt_attribute_kind kind;
} tt_attribute_row;

// An attribute's words.
typedef struct tt_words {
    const int64_t *word;
    unsigned count;
} tt_words;

enum {
    TT_ROW_COMMUTATIVE = 1 << 0, // two inputs may change places
    TT_ROW_HOST = 1 << 1,        // runs on the host only
    TT_ROW_MOVEMENT = 1 << 2,    // computes nothing
    TT_ROW_IMPURE = 1 << 3,      // never folded, never made one with an equal: leaves, control flow
};

typedef struct tt_rule { // of a node that is being built
    tt_graph *graph;
    const struct tt_row *row;
    unsigned input_count;
    const tt_value *inputs;
    tt_words attribute[TT_ATTRIBUTES_MAX];
    const tt_graph *body[2];
    unsigned output_count;       // set to 1 before the rule is asked
    tt_type out[TT_OUTPUTS_MAX]; // to be filled in
} tt_rule;

typedef struct tt_cells { // of the reference
    tt_type type;
    tt_cell *cells; // in the order of the last axis
} tt_cells;

typedef struct tt_work { // of a node that the reference computes
    const tt_graph *graph;
    uint32_t node;
    const struct tt_row *row;
    unsigned input_count;
    const tt_cells *in;
    tt_cells *out; // cells are there, zeroed, but of types with a size of -1: tt_work_cells
    tt_words attribute[TT_ATTRIBUTES_MAX];
    struct tt_reference *reference; // for bodies
    bool exact;                     // floats stay double
    tt_text *why;
} tt_work;

typedef struct tt_back { // of a node that is differentiated
    tt_graph *graph;
    uint32_t node;
    const struct tt_row *row;
    unsigned input_count, output_count;
    const tt_value *in; // copies
    const bool *wanted;
    const tt_value *dy; // by output; TT_NONE where the loss does not depend on it
    tt_value *dx;       // by input; TT_NONE at first. Broadcast inputs' are summed by the caller
    tt_words attribute[TT_ATTRIBUTES_MAX];
} tt_back;

typedef struct tt_row {
    const char *name;
    uint16_t inputs_min, inputs_max;
    uint16_t flags;
    uint8_t bodies;                                 // how many graphs of its own it has
    tt_attribute_row attributes[TT_ATTRIBUTES_MAX]; // ended by one without a name, where shorter
    bool (*type)(tt_rule *rule);                    // false after tt_rule_fail
    tt_status (*reference)(tt_work *work);          // a sentence in work->why where it fails
    void (*derivative)(tt_back *back);              // NULL: not differentiable; see zero
    bool constant;                                  // its derivative is zero everywhere
    uint64_t (*cost)(const tt_graph *graph, uint32_t node); // NULL: elements of the output
    const char *help;                                       // for the table in docs/ai.md
} tt_row;

const tt_row *tt_row_of(tt_op op);

// The families: arrays by operation, of which each file fills its own.
extern const tt_row tt_leaf_rows[], tt_element_rows[], tt_movement_rows[], tt_reduce_rows[],
    tt_product_rows[], tt_index_rows[], tt_quantised_rows[], tt_control_rows[], tt_host_rows[],
    tt_matrix_rows[], tt_pool_rows[];

// Keeps the first sentence (printf's format) and its status in the graph; always returns false.
bool tt_graph_fail(tt_graph *graph, tt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same as TT_INVALID, with the operation's name and a colon before it.
bool tt_rule_fail(tt_rule *rule, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline const tt_type *tt_rule_in(const tt_rule *rule, unsigned input)
{
    return tt_graph_type(rule->graph, rule->inputs[input]);
}

// Finds the words of each attribute; false where they do not fit the row.
bool tt_row_attributes(const tt_row *row, const int64_t *words, unsigned word_count,
                       tt_words attribute[TT_ATTRIBUTES_MAX]);

// Whether `axis` (negative: from the end) is one of a type of `rank` axes, and which.
bool tt_axis(int64_t axis, unsigned rank, unsigned *result);

// A node's next stream number for random bits, and the one after.
int64_t tt_graph_next_stream(tt_graph *graph);

// Memory for the cells of an output whose size only running tells: sets its type. TT_FULL.
tt_status tt_work_cells(tt_work *work, unsigned output, const tt_type *type);

// As TT_INVALID, with the node's operation and name; returns the status.
tt_status tt_work_fail(tt_work *work, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Attributes while a node is built: words in a row's order.
#define TT_WORD_LIST_MAX 128
typedef struct tt_word_list {
    int64_t word[TT_WORD_LIST_MAX];
    unsigned count;
} tt_word_list;
void tt_words_number(tt_word_list *list, int64_t number);
void tt_words_list(tt_word_list *list, unsigned count, const int64_t *items);

// For builders: whether the value is the graph's and nothing went wrong yet; a number of a's
// element type.
bool tt_usable(tt_graph *graph, tt_value a);
tt_value tt_number_like(tt_graph *graph, tt_value a, double number);

// A graph becomes one in which convolutions of f32 read copies of their weights with the output's
// channels innermost, as a machine multiplies by them. NULL without memory; it is freed then.
tt_graph *tt_graph_arrange(tt_graph *graph);

uint64_t tt_cost_multiply(uint64_t a, uint64_t b); // UINT64_MAX where it is more
uint64_t tt_cost_add(uint64_t a, uint64_t b);

#endif
