// Turns of an axis of lanes that are printed together, statement by statement.
//
// Where one turn is a long calculation, each step of which needs the step before, a processor that
// works on what it has read so far finds too little that it can do at once: it sees about a hundred
// instructions ahead, which is two turns of an erf. What is SET for the next turn, and what is made
// of that, keeps its order, so that sums are those of one turn after another.

#include "ai/emit/emit_internal.h"

#define LONG 10         // instructions of lanes, below which what is ahead is enough
#define TOO_LONG 160    // of a body that would be too much to compile
#define VECTORS 8       // are calculated at once, at most
#define VECTORS_ADDED 4 // where sums wait for them

static bool is_arithmetic(const tt_instruction *i)
{
    return !i->uniform && i->op >= TT_FORM_ADD && i->op < TT_FORM_AS_FLOAT;
}

// The registers among a, b and c.
static unsigned operands_of(const tt_instruction *i, tt_register of[3])
{
    const tt_register all[3] = {i->a, i->b, i->c};
    unsigned first = i->op == TT_FORM_LOAD || i->op == TT_FORM_STORE, count = 0;
    unsigned end = i->op == TT_FORM_LOAD                            ? 3
                   : i->op == TT_FORM_STORE || i->op == TT_FORM_SET ? 2
                   : i->op == TT_FORM_START                         ? 1
                                                                    : tt_form_operands(i->op);
    for (unsigned k = first; k < end; k++)
        if (all[k] != TT_NO_REGISTER)
            of[count++] = all[k];
    return count;
}

// Whether what is stored is touched by no other turn. Of other buffers that is known: where they
// are the same memory, 16 turns may go instruction by instruction (tt_form_in_place).
static bool stores_apart(const tt_form *form, uint32_t loop, uint32_t end, const tt_instruction *to)
{
    const tt_form_access *stored = &form->access[to->a];
    for (uint32_t at = loop + 1; at < end; at++) {
        const tt_instruction *i = &form->code[at];
        if (i->op != TT_FORM_LOAD && i->op != TT_FORM_STORE)
            continue;
        const tt_form_access *other = &form->access[i->a];
        bool indexed = i->op == TT_FORM_LOAD && i->c != TT_NO_REGISTER;
        if (other->buffer == stored->buffer &&
            (indexed || !tt_form_same_place(stored, other, form->code[loop].a)))
            return false;
    }
    return true;
}

// Marks what is SET for the next turn and what is made of that. False where more than arithmetic
// is, or the body is no straight code whose turns are apart.
static bool find_waiting(const tt_form *form, uint32_t loop, uint32_t end, bool *waits)
{
    for (uint32_t at = loop + 1; at < end; at++) {
        const tt_instruction *i = &form->code[at];
        tt_register of[3];
        unsigned count = operands_of(i, of);
        bool sets = i->op == TT_FORM_SET && i->a < loop;
        if (i->op == TT_FORM_LOOP || tt_form_joins((tt_form_op)i->op) ||
            (i->op == TT_FORM_STORE && !stores_apart(form, loop, end, i)))
            return false;
        waits[at - loop] = false; // a SET, too, has what is SET as its operand
        for (unsigned k = 0; k < count; k++) {
            const tt_instruction *operand = &form->code[of[k]];
            waits[at - loop] |= of[k] < loop ? operand->op == TT_FORM_START : waits[of[k] - loop];
        }
        if (waits[at - loop] && !sets && !is_arithmetic(i))
            return false;
        if (sets && form->code[i->a].uniform)
            return false;
    }
    return true;
}

// As many turns as there may be, but fewer where more than an eighth of them would be left over.
static unsigned turns_of(const tt_form_axis *axis, unsigned most)
{
    int64_t all = (axis->end - axis->first) / TT_LANES;
    for (unsigned turns = most; turns > 1; turns--)
        if (turns <= all && all % turns * 8 <= all)
            return turns;
    return 1;
}

unsigned tt_emit_turns(const tt_printer *p, uint32_t loop, uint32_t end, bool *waits)
{
    unsigned length = 0, waiting = 0;
    for (uint32_t at = loop + 1; at < end; at++)
        length += is_arithmetic(&p->form->code[at]);
    if (length < LONG || length > TOO_LONG || !find_waiting(p->form, loop, end, waits))
        return 1;
    for (uint32_t at = loop + 1; at < end; at++)
        waiting += waits[at - loop];
    return turns_of(&p->form->axis[p->form->code[loop].a],
                    (waiting > 0 ? VECTORS_ADDED : VECTORS) / p->vectors);
}
