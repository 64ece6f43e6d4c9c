// Whether a form is one, and its text.

#include "ai/lower/form.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[TT_FORM_OP_COUNT] = {
    "loop",       "end",        "load",       "store",       "number",      "integer",
    "index",      "start",      "set",        "join",        "join_both",   "greatest",
    "add",        "subtract",   "multiply",   "divide",      "fma",         "sqrt",
    "floor",      "ceil",       "nearest",    "less",        "lessorequal", "equal",
    "addinteger", "subinteger", "mulinteger", "mulhigh",     "and",         "or",
    "xor",        "left",       "right",      "rightsigned", "lessinteger", "equalinteger",
    "select",     "tofloat",    "tointeger",  "asfloat",     "asinteger",
};

typedef struct check {
    const tt_form *form;
    uint32_t *within; // of each instruction: the LOOP it is in; of each axis, behind: its LOOP
    uint32_t *loop_of;
    uint32_t open;  // the innermost open LOOP, or TT_NO_REGISTER
    uint32_t lanes; // the open axis of lanes, or TT_NO_REGISTER
    uint32_t at;
    char *why;
    size_t why_bytes;
} check;

static bool wrong(const check *c, const char *sentence, ...)
{
    char text[160];
    va_list list;
    va_start(list, sentence);
    vsnprintf(text, sizeof(text), sentence, list);
    va_end(list);
    snprintf(c->why, c->why_bytes, "instruction %" PRIu32 ": %s", c->at, text);
    return false;
}

static bool is_open(const check *c, uint32_t loop)
{
    for (uint32_t open = c->open; open != TT_NO_REGISTER; open = c->within[open])
        if (open == loop)
            return true;
    return loop == TT_NO_REGISTER;
}

static bool check_register(const check *c, tt_register of, tt_form_kind kind)
{
    if (of >= c->at || c->form->code[of].kind == TT_FORM_NONE)
        return wrong(c, "%" PRIu32 " is no register made before", of);
    if (!is_open(c, c->within[of]))
        return wrong(c, "register %" PRIu32 " was made in a loop that is closed", of);
    if (kind != TT_FORM_NONE && c->form->code[of].kind != kind)
        return wrong(c, "register %" PRIu32 " is of the other kind", of);
    return true;
}

static bool check_affine(const check *c, const tt_affine *place, bool lanes)
{
    if (place->count > TT_TERMS_MAX)
        return wrong(c, "%u terms are too many", place->count);
    for (unsigned i = 0; i < place->count; i++) {
        uint32_t axis = place->term[i].axis;
        if (axis >= c->form->axis_count || c->loop_of[axis] == TT_NO_REGISTER ||
            !is_open(c, c->loop_of[axis]))
            return wrong(c, "axis %" PRIu32 " is of no loop that is open", axis);
        if (!lanes && c->form->axis[axis].lanes)
            return wrong(c, "a bound hangs on axis %" PRIu32 ", which is of lanes", axis);
    }
    return true;
}

static bool varies(const check *c, const tt_affine *place)
{
    for (unsigned i = 0; i < place->count; i++)
        if (place->term[i].axis == c->lanes && place->term[i].stride != 0)
            return true;
    return false;
}

static bool uniform(const check *c, tt_register of)
{
    return of == TT_NO_REGISTER || c->form->code[of].uniform;
}

static bool check_loop(check *c, const tt_instruction *i)
{
    if (i->a >= c->form->axis_count || c->loop_of[i->a] != TT_NO_REGISTER)
        return wrong(c, "there is no axis %" PRIu32 ", or it has a loop", i->a);
    const tt_form_axis *axis = &c->form->axis[i->a];
    if (axis->lanes && c->lanes != TT_NO_REGISTER)
        return wrong(c, "axes of lanes nest");
    if (axis->bounded && axis->divisor <= 0)
        return wrong(c, "the divisor of a bound is %" PRId64, axis->divisor);
    if (axis->bounded &&
        (!check_affine(c, &axis->from, false) || !check_affine(c, &axis->to, false)))
        return false;
    c->loop_of[i->a] = c->open = c->at;
    if (axis->lanes)
        c->lanes = i->a;
    return true;
}

static bool check_end(check *c)
{
    if (c->open == TT_NO_REGISTER)
        return wrong(c, "no loop is open");
    if (c->form->code[c->open].a == c->lanes)
        c->lanes = TT_NO_REGISTER;
    bool outermost = c->open == 0;
    c->open = c->within[c->open];
    if (outermost && c->form->split && c->at + 1 != c->form->length)
        return wrong(c, "something stands behind the loop that is split");
    return true;
}

// Whether the loop of some axis around may have no turn, or fewer than it says.
static bool is_bounded(const check *c)
{
    for (uint32_t open = c->open; open != TT_NO_REGISTER; open = c->within[open]) {
        const tt_form_axis *axis = &c->form->axis[c->form->code[open].a];
        if (axis->bounded || axis->first >= axis->end)
            return true;
    }
    return false;
}

static bool check_local(const check *c, const tt_instruction *i, const tt_form_access *access)
{
    double least = (double)access->place.offset, most = least; // no number overflows it
    for (unsigned t = 0; t < access->place.count; t++) {
        const tt_form_axis *axis = &c->form->axis[access->place.term[t].axis];
        double stride = (double)access->place.term[t].stride;
        double first = stride * (double)axis->first, last = stride * ((double)axis->end - 1);
        least += first < last ? first : last;
        most += first < last ? last : first;
    }
    size_t bytes = tt_element_bytes((tt_element)access->element);
    bool told = i->op == TT_FORM_STORE || (i->b == TT_NO_REGISTER && i->c == TT_NO_REGISTER);
    if (told && !is_bounded(c) &&
        (least < 0 || (most + 1) * (double)bytes > (double)c->form->local_bytes))
        return wrong(c, "%.0f to %.0f are not in %" PRIu64 " bytes of local memory", least, most,
                     c->form->local_bytes);
    return true;
}

static bool check_load(const check *c, const tt_instruction *i)
{
    if (i->a >= c->form->access_count)
        return wrong(c, "there is no access %" PRIu32, i->a);
    const tt_form_access *access = &c->form->access[i->a];
    tt_form_kind kind = tt_form_kind_of((tt_element)access->element);
    if (kind == TT_FORM_NONE || (i->op == TT_FORM_LOAD && kind != i->kind))
        return wrong(c, "an element of type %u is not loaded so", access->element);
    if (!check_affine(c, &access->place, true) ||
        (access->buffer == TT_FORM_LOCAL && !check_local(c, i, access)))
        return false;
    if (i->op == TT_FORM_STORE) {
        if (i->uniform != !varies(c, &access->place) || (i->uniform && !uniform(c, i->b)))
            return wrong(c, "lanes are stored at one place");
        return check_register(c, i->b, kind);
    }
    if ((i->b != TT_NO_REGISTER && !check_register(c, i->b, TT_FORM_I32)) ||
        (i->c != TT_NO_REGISTER && !check_register(c, i->c, TT_FORM_I32)))
        return false;
    if (i->uniform != (!varies(c, &access->place) && uniform(c, i->b) && uniform(c, i->c)))
        return wrong(c, "it is not said truly whether lanes differ");
    return true;
}

static bool check_set(const check *c, const tt_instruction *i)
{
    if (!check_register(c, i->a, TT_FORM_NONE))
        return false;
    const tt_instruction *started = &c->form->code[i->a];
    if (i->op == TT_FORM_SET && started->op != TT_FORM_START)
        return wrong(c, "register %" PRIu32 " was not started", i->a);
    tt_register value = i->op == TT_FORM_SET ? i->b : i->a;
    bool one = i->op == TT_FORM_SET ? started->uniform : i->uniform;
    if (!check_register(c, value, (tt_form_kind)(i->op == TT_FORM_SET ? started->kind : i->kind)))
        return false;
    return !one || uniform(c, value) || wrong(c, "lanes become one number");
}

// What kind each operand of an operation has; NONE: that of the result.
static tt_form_kind operand_kind(tt_form_op op, unsigned operand)
{
    if (op == TT_FORM_SELECT)
        return operand == 0 ? TT_FORM_I32 : TT_FORM_NONE;
    if (op == TT_FORM_TO_FLOAT || op == TT_FORM_AS_FLOAT)
        return TT_FORM_I32;
    return op >= TT_FORM_ADD_INTEGER && op <= TT_FORM_EQUAL_INTEGER ? TT_FORM_I32 : TT_FORM_F32;
}

static bool makes_integers(tt_form_op op)
{
    return (op >= TT_FORM_LESS && op <= TT_FORM_EQUAL_INTEGER) || op == TT_FORM_TO_INTEGER ||
           op == TT_FORM_AS_INTEGER;
}

static bool check_arithmetic(const check *c, const tt_instruction *i)
{
    tt_form_op op = (tt_form_op)i->op;
    const tt_register from[] = {i->a, i->b, i->c};
    bool one = true;
    for (unsigned o = 0; o < tt_form_operands(op); o++) {
        tt_form_kind kind = operand_kind(op, o);
        if (!check_register(c, from[o], kind == TT_FORM_NONE ? (tt_form_kind)i->kind : kind))
            return false;
        one = one && uniform(c, from[o]);
    }
    if (op >= TT_FORM_LEFT && op <= TT_FORM_RIGHT_SIGNED && !uniform(c, i->b))
        return wrong(c, "lanes are shifted differently");
    if (op != TT_FORM_SELECT && i->kind != (makes_integers(op) ? TT_FORM_I32 : TT_FORM_F32))
        return wrong(c, "what it makes is of the other kind");
    if (i->uniform != (one || tt_form_joins(op)))
        return wrong(c, "it is not said truly whether lanes differ");
    return true;
}

static bool check_index(const check *c, const tt_instruction *i)
{
    if (i->a >= c->form->place_count)
        return wrong(c, "there is no place %" PRIu32, i->a);
    const tt_affine *place = &c->form->place[i->a];
    return check_affine(c, place, true) && (i->uniform == !varies(c, place) ||
                                            wrong(c, "it is not said truly whether lanes differ"));
}

static bool check_one(check *c, const tt_instruction *i)
{
    bool none = i->op == TT_FORM_LOOP || i->op == TT_FORM_END || i->op == TT_FORM_STORE ||
                i->op == TT_FORM_SET;
    if (i->op >= TT_FORM_OP_COUNT || none != (i->kind == TT_FORM_NONE) || i->kind > TT_FORM_I32)
        return wrong(c, "operation %u does not make a %u", i->op, i->kind);
    switch ((tt_form_op)i->op) {
    case TT_FORM_LOOP:
        return check_loop(c, i);
    case TT_FORM_END:
        return check_end(c);
    case TT_FORM_LOAD:
    case TT_FORM_STORE:
        return check_load(c, i);
    case TT_FORM_NUMBER:
    case TT_FORM_INTEGER:
        return i->uniform || wrong(c, "a number of lanes");
    case TT_FORM_INDEX:
        return check_index(c, i);
    case TT_FORM_START:
    case TT_FORM_SET:
        return check_set(c, i);
    default:
        return check_arithmetic(c, i);
    }
}

bool tt_form_sound(const tt_form *form, char *why, size_t why_bytes)
{
    check c = {.form = form,
               .open = TT_NO_REGISTER,
               .lanes = TT_NO_REGISTER,
               .why = why,
               .why_bytes = why_bytes};
    if (form->full)
        return wrong(&c, "there was no memory to build it");
    if (form->local_bytes > TT_FORM_LOCAL_MAX || form->local_bytes % TT_FORM_LOCAL_ALIGN != 0)
        return wrong(&c, "%" PRIu64 " bytes of local memory are too many, or no multiple of %u",
                     form->local_bytes, TT_FORM_LOCAL_ALIGN);
    size_t count = (size_t)form->length + form->axis_count + 1;
    c.within = malloc(count * sizeof(*c.within));
    if (c.within == NULL)
        return wrong(&c, "there is no memory to check it");
    c.loop_of = c.within + form->length;
    for (uint32_t i = 0; i < form->axis_count; i++)
        c.loop_of[i] = TT_NO_REGISTER;
    bool sound = !form->split || (form->length > 0 && form->code[0].op == TT_FORM_LOOP) ||
                 wrong(&c, "it is no loop, which would be split");
    for (; sound && c.at < form->length; c.at++) {
        c.within[c.at] = c.open;
        sound = check_one(&c, &form->code[c.at]);
    }
    if (sound && c.open != TT_NO_REGISTER)
        sound = wrong(&c, "the loop of instruction %" PRIu32 " is not closed", c.open);
    free(c.within);
    return sound;
}

// ---- The text.

typedef struct text {
    char *data;
    size_t bytes, length; // length: of all that was printed, kept or not
} text;

static void say(text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t left = t->length < t->bytes ? t->bytes - t->length : 0;
    int length = vsnprintf(left > 0 ? t->data + t->length : NULL, left, format, list);
    va_end(list);
    t->length += length > 0 ? (size_t)length : 0;
}

static void say_affine(text *t, const tt_affine *place)
{
    say(t, "%" PRId64, place->offset);
    for (unsigned i = 0; i < place->count; i++)
        say(t, " + %" PRId64 " i%" PRIu32, place->term[i].stride, place->term[i].axis);
}

static void say_access(text *t, const tt_form *form, uint32_t number)
{
    const tt_form_access *access = &form->access[number];
    say(t, " %s of ", tt_element_name((tt_element)access->element));
    if (access->buffer == TT_FORM_LOCAL)
        say(t, "local at ");
    else
        say(t, "b%u at ", access->buffer);
    say_affine(t, &access->place);
}

static void say_loop(text *t, const tt_form *form, uint32_t at)
{
    const tt_form_axis *axis = &form->axis[form->code[at].a];
    say(t, " i%" PRIu32 " from %" PRId64 " to %" PRId64, form->code[at].a, axis->first, axis->end);
    if (axis->bounded) {
        say(t, ", from (");
        say_affine(t, &axis->from);
        say(t, ") / %" PRId64 " to (", axis->divisor);
        say_affine(t, &axis->to);
        say(t, ") / %" PRId64, axis->divisor);
    }
    say(t, "%s%s", axis->lanes ? ", lanes" : "", at == 0 && form->split ? ", split" : "");
}

static void say_operands(text *t, const tt_form *form, uint32_t at)
{
    const tt_instruction *i = &form->code[at];
    const tt_register from[] = {i->a, i->b, i->c};
    unsigned count = i->op == TT_FORM_SET     ? 2
                     : i->op == TT_FORM_START ? 1
                                              : tt_form_operands((tt_form_op)i->op);
    for (unsigned o = 0; o < count; o++)
        say(t, " r%" PRIu32, from[o]);
    if (i->op == TT_FORM_LOAD || i->op == TT_FORM_STORE)
        say_access(t, form, i->a);
    if (i->op == TT_FORM_STORE)
        say(t, ": r%" PRIu32, i->b);
    if (i->op == TT_FORM_LOAD && i->c != TT_NO_REGISTER)
        say(t, " + %" PRId64 " r%" PRIu32, form->access[i->a].index_stride, i->c);
    if (i->op == TT_FORM_LOAD && i->b != TT_NO_REGISTER)
        say(t, " if r%" PRIu32, i->b);
    union {
        uint32_t bits;
        float number;
    } value = {i->bits};
    if (i->op == TT_FORM_NUMBER)
        say(t, " %.9g", (double)value.number);
    if (i->op == TT_FORM_INTEGER)
        say(t, " %" PRId32, (int32_t)i->bits);
}

int tt_form_print(const tt_form *form, char *data, size_t bytes)
{
    text t = {data, bytes, 0};
    unsigned depth = 0;
    if (bytes > 0)
        data[0] = 0;
    if (form->local_bytes > 0)
        say(&t, "local %" PRIu64 " bytes\n", form->local_bytes);
    for (uint32_t at = 0; at < form->length; at++) {
        const tt_instruction *i = &form->code[at];
        depth -= i->op == TT_FORM_END && depth > 0;
        say(&t, "%*s", (int)(2 * depth), "");
        if (i->kind != TT_FORM_NONE)
            say(&t, "r%" PRIu32 "%s = ", at, i->uniform ? "" : " lanes");
        say(&t, "%s", names[i->op]);
        if (i->op == TT_FORM_LOOP)
            say_loop(&t, form, at);
        else if (i->op == TT_FORM_INDEX)
            say(&t, " "), say_affine(&t, &form->place[i->a]);
        else
            say_operands(&t, form, at);
        say(&t, "\n");
        depth += i->op == TT_FORM_LOOP;
    }
    return (int)t.length;
}
