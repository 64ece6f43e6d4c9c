// The text form of a graph, read; text_print.c shows it. Bytes are hostile: everything has its
// place in a line, and what has none is named.

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/graph_internal.h"
#include "tutti/check.h"

#define INPUTS_MAX 65535

typedef struct parser {
    const char *at, *end; // the text is terminated at `end`
    unsigned line, depth;
    char *problem; // what is wrong; of PROBLEM_MAX
} parser;

#define PROBLEM_MAX 640

static bool fail(parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(parser *p, const char *format, ...)
{
    if (p->problem[0] != '\0')
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->problem, PROBLEM_MAX, format, arguments);
    va_end(arguments);
    return false;
}

static void skip_blanks(parser *p)
{
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

static bool take(parser *p, const char *word)
{
    size_t length = strlen(word);
    skip_blanks(p);
    if (strncmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

static bool expect(parser *p, const char *word)
{
    return take(p, word) || fail(p, "expected '%s' before '%.20s'", word, p->at);
}

// Letters, digits and underscores.
static bool read_word(parser *p, char word[32])
{
    size_t length = 0;
    skip_blanks(p);
    while (length < 31 && ((p->at[length] >= 'a' && p->at[length] <= 'z') ||
                           (p->at[length] >= '0' && p->at[length] <= '9') || p->at[length] == '_'))
        length++;
    memcpy(word, p->at, length);
    word[length] = '\0';
    p->at += length;
    return length > 0 || fail(p, "expected a word before '%.20s'", p->at);
}

static bool read_integer(parser *p, int64_t *number)
{
    char *end;
    skip_blanks(p);
    errno = 0;
    bool digits =
        (*p->at >= '0' && *p->at <= '9') || (*p->at == '-' && p->at[1] >= '0' && p->at[1] <= '9');
    *number = digits ? strtoll(p->at, &end, 10) : 0;
    if (!digits || errno != 0)
        return fail(p, "expected a whole number of 64 bits before '%.20s'", p->at);
    p->at = end;
    return true;
}

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

// Into memory of its own, to be freed; NULL after fail.
static char *read_name(parser *p)
{
    if (!expect(p, "\""))
        return NULL;
    const char *close = p->at;
    while (*close != '"' && *close != '\n' && close < p->end)
        close += *close == '\\' && close + 1 < p->end ? 2 : 1;
    if (*close != '"') {
        fail(p, "a name has no end");
        return NULL;
    }
    char *name = malloc((size_t)(close - p->at) + 1), *to = name;
    if (name == NULL) {
        fail(p, "no memory");
        return NULL;
    }
    while (p->at < close) {
        if (*p->at != '\\') {
            *to++ = *p->at++;
        } else if (p->at[1] == '"' || p->at[1] == '\\') {
            *to++ = p->at[1];
            p->at += 2;
        } else if (p->at[1] == 'x' && hex_digit(p->at[2]) >= 0 && hex_digit(p->at[3]) >= 0 &&
                   (p->at[2] != '0' || p->at[3] != '0')) {
            *to++ = (char)(hex_digit(p->at[2]) * 16 + hex_digit(p->at[3]));
            p->at += 4;
        } else {
            fail(p, "'%.2s' is none of \\\", \\\\ and \\xNN", p->at);
            free(name);
            return NULL;
        }
    }
    *to = '\0';
    p->at = close + 1;
    return name;
}

static bool read_type(parser *p, tt_type *type)
{
    char word[32];
    tt_element element;
    if (!read_word(p, word))
        return false;
    if (!tt_element_find(word, &element))
        return fail(p, "there is no element type '%s'", word);
    *type = TT_SCALAR(element);
    if (!expect(p, "["))
        return false;
    while (!take(p, "]")) {
        if (type->rank == TT_RANK_MAX)
            return fail(p, "ranks go to %d", TT_RANK_MAX);
        if ((type->rank > 0 && !expect(p, ",")) || !read_integer(p, &type->size[type->rank++]))
            return false;
    }
    return true;
}

// The values of the nodes read so far, by the numbers that the text gives them.
typedef struct value_list {
    tt_value *value;
    uint32_t count, capacity;
} value_list;

static bool read_value(parser *p, const tt_graph *graph, const value_list *numbers, tt_value *value)
{
    int64_t node, output = 0;
    if (!expect(p, "%") || !read_integer(p, &node))
        return false;
    if (*p->at == '.' && (p->at++, !read_integer(p, &output)))
        return false;
    if (node < 0 || node >= numbers->count || output < 0 ||
        output >= tt_graph_node(graph, numbers->value[node].node)->output_count)
        return fail(p, "%%%lld.%lld is no value so far", (long long)node, (long long)output);
    *value = (tt_value){numbers->value[node].node, (uint16_t)output};
    return true;
}

static bool read_cell(parser *p, tt_element element, tt_cell *cell)
{
    char *end;
    skip_blanks(p);
    errno = 0;
    if (tt_element_is_float(element)) {
        // Numbers as C reads them, without its hexadecimal ones.
        size_t length = strspn(p->at, "+-0123456789.eEinfa");
        cell->f = strtod(p->at, &end);
        if (end == p->at || end > p->at + length)
            return fail(p, "expected a number before '%.20s'", p->at);
        p->at = end;
        *cell = tt_cell_fit(element, *cell);
        return true;
    }
    if (tt_element_class(element) == TT_CLASS_UNSIGNED && *p->at >= '0' && *p->at <= '9') {
        cell->u = strtoull(p->at, &end, 10);
        p->at = end;
    } else if (!read_integer(p, &cell->i)) {
        return false;
    }
    if (errno != 0 || tt_cell_fit(element, *cell).u != cell->u ||
        (element == TT_BOOL && cell->u > 1))
        return fail(p, "a number before '%.20s' is none of %s", p->at, tt_element_name(element));
    return true;
}

// The elements of a type, or -1 where they are more than `room`.
static int64_t count_within(const tt_type *type, int64_t room)
{
    int64_t count = 1;
    for (unsigned i = 0; i < type->rank; i++)
        if (type->size[i] == 0)
            return 0;
    for (unsigned i = 0; i < type->rank; i++) {
        if (type->size[i] < 0 || count > room / type->size[i])
            return -1;
        count *= type->size[i];
    }
    return count;
}

// A constant's elements stand before its type: they are skipped, the type is read, and then they.
static tt_value read_constant(parser *p, tt_graph *graph)
{
    const char *open = p->at;
    tt_type type;
    p->at += strcspn(p->at, "}\n");
    if (!expect(p, "}") || !expect(p, ":") || !read_type(p, &type))
        return TT_NONE;
    const char *behind = p->at;
    int64_t count = count_within(&type, behind - open), written = 0; // before memory is asked for
    if (count < 0) {
        fail(p, "the constant has fewer elements than its type");
        return TT_NONE;
    }
    size_t bytes = tt_element_bytes((tt_element)type.element);
    void *data = calloc((size_t)count + 1, bytes);
    tt_value value = TT_NONE;
    p->at = open;
    bool sound = data != NULL || fail(p, "no memory");
    while (sound && !take(p, "}")) {
        tt_cell cell;
        sound = (written == 0 || expect(p, ",")) &&
                (written < count || fail(p, "the constant has more elements than its type")) &&
                read_cell(p, (tt_element)type.element, &cell);
        if (sound)
            tt_cell_store((tt_element)type.element, data, written++, cell);
    }
    if (sound && written < count)
        sound = fail(p, "the constant has %lld elements, its type %lld", (long long)written,
                     (long long)count);
    if (sound)
        value = tt_constant(graph, type, data);
    free(data);
    p->at = behind;
    return value;
}

static tt_value read_buffer(parser *p, tt_graph *graph, const char *kind)
{
    tt_type type;
    tt_value value = TT_NONE;
    char *name = read_name(p);
    if (name != NULL && expect(p, ":") && read_type(p, &type))
        value = strcmp(kind, "input") == 0       ? tt_input(graph, name, type)
                : strcmp(kind, "parameter") == 0 ? tt_parameter(graph, name, type)
                                                 : tt_state(graph, name, type);
    free(name);
    return value;
}

static bool read_attribute(parser *p, const tt_attribute_row *row, tt_word_list *words)
{
    char word[32];
    int64_t number = 0;
    unsigned place, count = 0;
    if (!expect(p, row->name) || !expect(p, "="))
        return false;
    if (row->kind == TT_ATTRIBUTE_ELEMENT) {
        tt_element element = TT_F32;
        if (!read_word(p, word))
            return false;
        if (!tt_element_find(word, &element))
            return fail(p, "there is no element type '%s'", word);
        tt_words_number(words, element);
        return true;
    }
    if (row->kind == TT_ATTRIBUTE_NUMBER) {
        if (!read_integer(p, &number))
            return false;
        tt_words_number(words, number);
        return true;
    }
    if (!expect(p, "["))
        return false;
    place = words->count;
    tt_words_number(words, 0); // how many, when they are read
    while (!take(p, "]")) {
        if (count == TT_RANK_MAX)
            return fail(p, "%s has more than %d entries", row->name, TT_RANK_MAX);
        if ((count > 0 && !expect(p, ",")) || !read_integer(p, &number))
            return false;
        tt_words_number(words, number);
        count++;
    }
    words->word[place] = count;
    return true;
}

static tt_graph *read_graph(parser *p, bool body);

// An operation's inputs, attributes, types, origins and bodies.
typedef struct operation {
    tt_value *inputs;
    unsigned input_count, type_count;
    tt_type types[TT_OUTPUTS_MAX];
    tt_graph *body[2];
} operation;

static bool read_inputs(parser *p, const tt_graph *graph, const value_list *numbers, operation *o)
{
    unsigned capacity = 0;
    for (skip_blanks(p); *p->at == '%'; skip_blanks(p)) {
        if (o->input_count == INPUTS_MAX)
            return fail(p, "an operation has at most %d inputs", INPUTS_MAX);
        if (o->input_count == capacity) {
            capacity = capacity > 0 ? 2 * capacity : 8;
            tt_value *grown = realloc(o->inputs, capacity * sizeof(*grown));
            if (grown == NULL)
                return fail(p, "no memory");
            o->inputs = grown;
        }
        if (!read_value(p, graph, numbers, &o->inputs[o->input_count++]))
            return false;
    }
    return true;
}

static bool read_types(parser *p, operation *o)
{
    if (!expect(p, ":"))
        return false;
    do {
        if (o->type_count == TT_OUTPUTS_MAX)
            return fail(p, "an operation has at most %d outputs", TT_OUTPUTS_MAX);
        if (!read_type(p, &o->types[o->type_count++]))
            return false;
    } while (take(p, ","));
    return true;
}

// The first origin is said before the node is made, the others are noted behind; NULL: only read.
static bool read_origin(parser *p, tt_graph *graph)
{
    char *name = read_name(p), *place = NULL;
    bool sound = name != NULL && (!take(p, ",") || (place = read_name(p)) != NULL);
    if (sound && graph != NULL)
        tt_graph_at(graph, name, place);
    free(name);
    free(place);
    return sound;
}

static bool check_types(parser *p, const tt_graph *graph, tt_value value, const operation *o)
{
    const tt_operation *node = tt_graph_node(graph, value.node);
    char said[TT_TYPE_TEXT_BYTES], is[TT_TYPE_TEXT_BYTES];
    if (node->output_count != o->type_count)
        return fail(p, "%u types are stated, the operation has %u outputs", o->type_count,
                    node->output_count);
    for (unsigned i = 0; i < o->type_count; i++) {
        const tt_type *type = tt_graph_type(graph, (tt_value){value.node, (uint16_t)i});
        if (!tt_type_equal(type, &o->types[i]))
            return fail(p, "the stated type %s is not the result's, %s",
                        tt_type_text(&o->types[i], said), tt_type_text(type, is));
    }
    return true;
}

static bool read_bodies(parser *p, operation *o)
{
    for (unsigned i = 0; i < 2 && take(p, "{"); i++)
        if ((o->body[i] = read_graph(p, true)) == NULL)
            return false;
    return true;
}

static tt_value read_operation(parser *p, tt_graph *graph, const value_list *numbers,
                               const char *name)
{
    tt_op op;
    tt_word_list words = {.count = 0};
    operation o = {.inputs = NULL};
    tt_value value = TT_NONE;
    bool sound = (tt_op_find(name, &op) && op != TT_OP_BUFFER) ||
                 fail(p, "there is no operation '%s'", name);
    sound = sound && read_inputs(p, graph, numbers, &o);
    for (unsigned i = 0;
         sound && i < TT_ATTRIBUTES_MAX && tt_row_of(op)->attributes[i].name != NULL; i++)
        sound = read_attribute(p, &tt_row_of(op)->attributes[i], &words);
    sound = sound && read_types(p, &o);
    tt_graph_at(graph, NULL, NULL);
    const char *origins = p->at;
    for (bool first = true; sound && take(p, "@"); first = false)
        sound = read_origin(p, first ? graph : NULL);
    const char *behind = p->at;
    sound = sound && read_bodies(p, &o);
    if (sound) {
        behind = p->at;
        value = tt_apply_bodies(graph, op, o.input_count, o.inputs, words.count, words.word,
                                o.body[0], o.body[1]);
        o.body[0] = o.body[1] = NULL;
    }
    if (!tt_is_none(value) && !check_types(p, graph, value, &o))
        value = TT_NONE;
    // Where there are several origins, each is noted at the node that now is there.
    p->at = origins;
    while (!tt_is_none(value) && take(p, "@"))
        if (read_origin(p, graph))
            tt_graph_note(graph, value.node);
    p->at = behind;
    tt_graph_free(o.body[0]);
    tt_graph_free(o.body[1]);
    free(o.inputs);
    return value;
}

static bool keep_number(parser *p, value_list *numbers, tt_value value)
{
    if (numbers->count == numbers->capacity) {
        uint32_t capacity = numbers->capacity > 0 ? 2 * numbers->capacity : 64;
        tt_value *grown = realloc(numbers->value, capacity * sizeof(*grown));
        if (grown == NULL)
            return fail(p, "no memory");
        numbers->value = grown;
        numbers->capacity = capacity;
    }
    numbers->value[numbers->count++] = value;
    return true;
}

static bool read_node(parser *p, tt_graph *graph, value_list *numbers)
{
    int64_t number;
    char word[32];
    tt_value value;
    if (!expect(p, "%") || !read_integer(p, &number))
        return false;
    if (number != numbers->count)
        return fail(p, "node %lld, expected %u: nodes are numbered in order", (long long)number,
                    numbers->count);
    if (!expect(p, "=") || !read_word(p, word))
        return false;
    tt_graph_at(graph, NULL, NULL);
    if (strcmp(word, "constant") == 0)
        value = expect(p, "{") ? read_constant(p, graph) : TT_NONE;
    else if (strcmp(word, "input") == 0 || strcmp(word, "parameter") == 0 ||
             strcmp(word, "state") == 0)
        value = read_buffer(p, graph, word);
    else
        value = read_operation(p, graph, numbers, word);
    while (!tt_is_none(value) && p->problem[0] == '\0' && take(p, "@")) // of leaves
        if (read_origin(p, graph))
            tt_graph_note(graph, value.node);
    if (tt_graph_status(graph) != TT_OK)
        return fail(p, "%s", tt_graph_error(graph));
    return !tt_is_none(value) && p->problem[0] == '\0' && keep_number(p, numbers, value);
}

// result "name" = %1, assign "name" = %2
static bool read_result(parser *p, tt_graph *graph, const value_list *numbers, bool assign)
{
    tt_value value;
    char *name = read_name(p);
    bool sound = name != NULL && expect(p, "=") && read_value(p, graph, numbers, &value);
    if (sound && assign) {
        tt_value buffer = tt_graph_find(graph, name);
        if (tt_is_none(buffer))
            sound = fail(p, "there is no buffer '%s'", name);
        else
            tt_graph_assign(graph, buffer, value);
    } else if (sound) {
        tt_graph_result(graph, name, value);
    }
    free(name);
    if (sound && tt_graph_status(graph) != TT_OK)
        sound = fail(p, "%s", tt_graph_error(graph));
    return sound;
}

static bool read_line(parser *p, tt_graph *graph, value_list *numbers)
{
    skip_blanks(p);
    bool sound = true;
    if (*p->at == '%')
        sound = read_node(p, graph, numbers);
    else if (take(p, "result "))
        sound = read_result(p, graph, numbers, false);
    else if (take(p, "assign "))
        sound = read_result(p, graph, numbers, true);
    else if (*p->at != '\n' && p->at < p->end)
        return fail(p, "expected a node, a result or an assignment, not '%.20s'", p->at);
    skip_blanks(p);
    if (sound && *p->at != '\n' && p->at < p->end)
        return fail(p, "'%.20s' does not belong here", p->at);
    if (sound && p->at < p->end) {
        p->at++;
        p->line++;
    }
    return sound;
}

// Lines to the end of the text, or of a body.
static tt_graph *read_graph(parser *p, bool body)
{
    tt_graph *graph = tt_graph_new();
    value_list numbers = {NULL, 0, 0};
    bool sound = graph != NULL || fail(p, "no memory");
    if (sound && ++p->depth > TT_DEPTH_MAX)
        sound = fail(p, "bodies in bodies go %d deep at most", TT_DEPTH_MAX);
    if (sound && body) {
        sound = expect(p, "\n");
        p->line++;
    }
    bool closed = false;
    while (sound && !closed && p->at < p->end) {
        closed = body && take(p, "}");
        if (!closed)
            sound = read_line(p, graph, &numbers);
    }
    if (sound && body && !closed)
        sound = fail(p, "a body has no end");
    p->depth--;
    free(numbers.value);
    if (graph != NULL)
        tt_graph_at(graph, NULL, NULL);
    if (!sound) {
        tt_graph_free(graph);
        return NULL;
    }
    return graph;
}

tt_graph *tt_graph_parse(const char *text, size_t length, tt_text *why)
{
    char problem[PROBLEM_MAX] = "";
    char *copy = malloc(length + 1); // numbers are read up to a terminator
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); // the caller's may read 0,5
    if (copy == NULL || plain == (locale_t)0) {
        tt_text_add(why, "no memory");
        free(copy);
        if (plain != (locale_t)0)
            freelocale(plain);
        return NULL;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    parser p = {.at = copy, .end = copy + length, .line = 1, .problem = problem};
    locale_t before = uselocale(plain);
    tt_graph *graph = read_graph(&p, false);
    uselocale(before);
    freelocale(plain);
    if (graph == NULL) {
        tt_text_add(why, "line ");
        tt_text_add_unsigned(why, p.line);
        tt_text_add(why, ": ");
        tt_text_add(why, problem[0] != '\0' ? problem : "cannot be read");
    }
    free(copy);
    return graph;
}
