// The text of faults: a rule a line, words parted by spaces, # and what follows is a comment.
//
// What is wrong is said in one sentence: the line, what was expected there, and what came.

#include <stdlib.h>
#include <string.h>

#include "sim/faults.h"
#include "tutti/check.h"

#define WORD_MAX 64
#define TIME_MAX TT_SECONDS(1000000) // eleven days and a half
#define EVERY_LEAST TT_MS(1)
#define MILLION 1000000

typedef struct parser {
    const char *at; // what is left of the text
    unsigned line, nodes;
    bool has_word;       // before the line's end
    char word[WORD_MAX]; // the one that is looked at
    tt_text *why;
} parser;

typedef enum value { NOTHING, TIME, PERCENT, RATE, SKEW, GROUPS } value;

static const struct {
    const char *word;
    value takes;
} forms[TT_FAULTS] = {
    [TT_FAULT_DELAY] = {"delay", TIME},        [TT_FAULT_LOSS] = {"loss", PERCENT},
    [TT_FAULT_BURST] = {"burst", TIME},        [TT_FAULT_DOUBLE] = {"double", PERCENT},
    [TT_FAULT_REORDER] = {"reorder", PERCENT}, [TT_FAULT_BOTTLENECK] = {"bottleneck", RATE},
    [TT_FAULT_CUT] = {"cut", NOTHING},         [TT_FAULT_BLOCK] = {"block", GROUPS},
    [TT_FAULT_REBIND] = {"rebind", NOTHING},   [TT_FAULT_MOVE] = {"move", NOTHING},
    [TT_FAULT_SKEW] = {"skew", SKEW},          [TT_FAULT_JUMP] = {"jump", TIME},
    [TT_FAULT_SLEEP] = {"sleep", NOTHING},     [TT_FAULT_BUSY] = {"busy", NOTHING},
    [TT_FAULT_KILL] = {"kill", NOTHING},       [TT_FAULT_START] = {"start", NOTHING},
    [TT_FAULT_RESTART] = {"restart", NOTHING}, [TT_FAULT_TEAR] = {"tear", NOTHING},
};

// ---- words, and what is said of them

static void next_word(parser *p)
{
    size_t length = 0;
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r')
        p->at++;
    if (*p->at == '#')
        p->at += strcspn(p->at, "\n");
    p->has_word = *p->at != '\n' && *p->at != '\0';
    for (; p->has_word && strchr(" \t\r\n#", *p->at) == NULL; p->at++) // and at the end
        if (length < WORD_MAX - 1)
            p->word[length++] = *p->at;
    p->word[length] = '\0';
}

static bool is(const parser *p, const char *word)
{
    return p->has_word && strcmp(p->word, word) == 0;
}

static tt_status begin_refusal(parser *p)
{
    tt_text_add(p->why, "line ");
    tt_text_add_unsigned(p->why, p->line);
    tt_text_add(p->why, ": ");
    return TT_MALFORMED;
}

static tt_status refuse(parser *p, const char *expected)
{
    begin_refusal(p);
    tt_text_add(p->why, "expected ");
    tt_text_add(p->why, expected);
    tt_text_add(p->why, ", not ");
    tt_text_add(p->why, p->has_word ? "'" : "the end of the line");
    tt_text_add(p->why, p->word);
    tt_text_add(p->why, p->has_word ? "'" : "");
    return TT_MALFORMED;
}

static tt_status refuse_rule(parser *p, const char *sentence)
{
    begin_refusal(p);
    tt_text_add(p->why, sentence);
    return TT_MALFORMED;
}

// ---- values

// Millionths of a decimal number of at most nine digits before the point and six behind it; `*end`
// is behind it, or at its start where there is none.
static int64_t read_decimal(const char *text, const char **end)
{
    int64_t number = 0;
    unsigned digits = 0, places = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9' && digits < 9; c++, digits++)
        number = number * 10 + (*c - '0');
    if (digits > 0 && *c == '.')
        for (c++; *c >= '0' && *c <= '9' && places < 6; c++, places++)
            number = number * 10 + (*c - '0');
    for (; places < 6; places++)
        number *= 10;
    *end = digits > 0 ? c : text;
    return number;
}

typedef struct unit {
    const char *name;
    int64_t size;
} unit;

// A number and its unit, times the unit's size; below `least` or above `most` is refused, too.
static tt_status read_measure(parser *p, const unit *units, int64_t least, int64_t most,
                              const char *expected, int64_t *result)
{
    const char *end;
    int64_t millionths = read_decimal(p->word, &end);
    for (; p->has_word && end > p->word && units->name != NULL; units++) {
        if (strcmp(end, units->name) != 0)
            continue;
        if (millionths / MILLION > most / units->size)
            break;
        *result = millionths / MILLION * units->size + millionths % MILLION * units->size / MILLION;
        if (*result < least || *result > most)
            break;
        next_word(p);
        return TT_OK;
    }
    return refuse(p, expected);
}

static tt_status read_time(parser *p, tt_time least, tt_time *time)
{
    static const unit units[] = {{"us", TT_US(1)},
                                 {"ms", TT_MS(1)},
                                 {"s", TT_SECONDS(1)},
                                 {"min", TT_SECONDS(60)},
                                 {NULL, 0}};
    return read_measure(p, units, least, TIME_MAX,
                        least > 1   ? "a time of 1ms or more, such as 20ms, 1.5s or 2min"
                        : least > 0 ? "a time above 0, such as 20ms, 1.5s or 2min"
                                    : "a time such as 20ms, 1.5s or 2min",
                        time);
}

static tt_status read_skew(parser *p, int32_t *skew)
{
    bool slow = p->word[0] == '-';
    const char *expected = "a skew from -100000ppm to 100000ppm", *end;
    int64_t number = read_decimal(p->word + slow, &end);
    if (!p->has_word || end == p->word + slow || strcmp(end, "ppm") != 0 ||
        number > 100000 * (int64_t)MILLION || number % MILLION != 0)
        return refuse(p, expected);
    *skew = (int32_t)(slow ? -(number / MILLION) : number / MILLION);
    next_word(p);
    return TT_OK;
}

static tt_status read_value(parser *p, tt_sim_rule *r)
{
    static const unit percent[] = {{"%", 10000}, {NULL, 0}};
    static const unit rate[] = {{"B/s", 1}, {"kB/s", 1000}, {"MB/s", MILLION}, {NULL, 0}};
    int64_t number = 0;
    tt_status status = TT_OK;
    switch (forms[r->fault].takes) {
    case NOTHING:
        break;
    case TIME:
        status = read_time(p, r->fault == TT_FAULT_DELAY ? 0 : 1, &r->time);
        break;
    case PERCENT:
        status =
            read_measure(p, percent, 0, MILLION, "a percentage to 100%, such as 0.5%", &number);
        r->per_million = (uint32_t)number;
        break;
    case RATE:
        status = read_measure(p, rate, 1, 1000 * (int64_t)MILLION,
                              "a rate to 1000MB/s, such as 125kB/s", &number);
        r->bytes_per_second = (uint64_t)number;
        break;
    case SKEW:
        status = read_skew(p, &r->skew);
        break;
    case GROUPS:
        if (!is(p, "multicast"))
            return refuse(p, "'multicast'");
        next_word(p);
        break;
    }
    return status;
}

// "3", "0-9", "0-9,12" or "all".
static tt_status read_nodes(parser *p, tt_sim_set *set)
{
    const char *c = p->word;
    char *end = p->word;
    bool all = is(p, "all");
    do {
        unsigned long first = all ? 0 : strtoul(c, &end, 10), last = all ? p->nodes - 1 : first;
        if (!all && (*c < '0' || *c > '9'))
            return refuse(p, "nodes, such as 3, 0-9, 0-9,12 or all");
        if (*end == '-' && end[1] >= '0' && end[1] <= '9')
            last = strtoul(end + 1, &end, 10);
        if (!all && *end != ',' && *end != '\0')
            return refuse(p, "nodes, such as 3, 0-9, 0-9,12 or all");
        if (first > last || last >= p->nodes) {
            begin_refusal(p);
            tt_text_add(p->why, "there are nodes 0 to ");
            tt_text_add_unsigned(p->why, p->nodes - 1);
            tt_text_add(p->why, ", not '");
            tt_text_add(p->why, p->word);
            tt_text_add(p->why, "'");
            return TT_INVALID;
        }
        for (unsigned long i = first; i <= last; i++)
            set->bits[i / 64] |= (uint64_t)1 << i % 64;
        c = end + 1;
    } while (!all && *end == ',');
    next_word(p);
    return TT_OK;
}

// ---- what may follow

enum {
    FROM = 1,
    TO = 2,
    BETWEEN = 4,
    AT = 8,
    UNTIL = 16,
    FOR = 32,
    EVERY = 64,
    WITHIN = 128,
    MORE = 256,
    FORGETTING = 512
};

typedef struct clauses {
    unsigned seen; // of the words above
    tt_time lasts;
} clauses;

static tt_status read_between(parser *p, tt_sim_rule *r)
{
    r->both_ways = true;
    tt_status status = read_nodes(p, &r->from);
    if (status == TT_OK && !is(p, "and"))
        return refuse(p, "'and'");
    if (status != TT_OK)
        return status;
    next_word(p);
    return read_nodes(p, &r->to);
}

// Which word it is, 0 for one that does not belong to this fault.
static unsigned which_word(const parser *p, const tt_sim_rule *r)
{
    bool of_nodes = r->fault >= TT_FAULT_REBIND;
    const struct {
        const char *word;
        unsigned which;
        bool fits;
    } words[] = {
        {"from", FROM, !of_nodes},
        {"to", TO, !of_nodes},
        {"between", BETWEEN, !of_nodes},
        {"at", AT, true},
        {"until", UNTIL, !of_nodes || r->fault == TT_FAULT_SLEEP || r->fault == TT_FAULT_BUSY},
        {"for", FOR, !of_nodes || r->fault == TT_FAULT_SLEEP || r->fault == TT_FAULT_BUSY},
        {"every", EVERY, true},
        {"within", WITHIN, of_nodes},
        {"jitter", MORE, r->fault == TT_FAULT_DELAY},
        {"by", MORE, r->fault == TT_FAULT_REORDER},
        {"queue", MORE, r->fault == TT_FAULT_BOTTLENECK},
        {"forgetting", FORGETTING, r->fault == TT_FAULT_RESTART},
    };
    for (size_t i = 0; i < TT_COUNT(words); i++)
        if (is(p, words[i].word) && words[i].fits)
            return words[i].which;
    return 0;
}

static tt_status read_clause(parser *p, tt_sim_rule *r, clauses *all)
{
    unsigned word = which_word(p, r);
    if (word == 0)
        return refuse(p, "a word that belongs to this fault (see docs/simulator.md)");
    if ((all->seen & word) != 0)
        return refuse(p, "each word once");
    all->seen |= word;
    next_word(p);
    switch (word) {
    case FROM:
        memset(&r->from, 0, sizeof(r->from));
        return read_nodes(p, &r->from);
    case TO:
        memset(&r->to, 0, sizeof(r->to));
        return read_nodes(p, &r->to);
    case BETWEEN:
        memset(&r->from, 0, sizeof(r->from));
        memset(&r->to, 0, sizeof(r->to));
        return read_between(p, r);
    case AT:
        return read_time(p, 0, &r->at);
    case UNTIL:
        return read_time(p, 0, &r->until);
    case FOR:
        return read_time(p, 1, &all->lasts);
    case EVERY:
        return read_time(p, EVERY_LEAST, &r->every);
    case WITHIN:
        return read_time(p, 0, &r->within);
    case MORE:
        return read_time(p, 0, &r->more);
    default:
        r->forgetting = true;
        return TT_OK;
    }
}

// What only all words of a line together can tell.
static tt_status check_rule(parser *p, tt_sim_rule *r, const clauses *all)
{
    bool lasting = r->fault == TT_FAULT_SLEEP || r->fault == TT_FAULT_BUSY;
    if ((all->seen & BETWEEN) != 0 && (all->seen & (FROM | TO)) != 0)
        return refuse_rule(p, "expected 'between', or 'from' and 'to', not both");
    if ((all->seen & UNTIL) != 0 && (all->seen & FOR) != 0)
        return refuse_rule(p, "expected 'until' or 'for', not both");
    if ((all->seen & FOR) != 0)
        r->until = r->at + all->lasts;
    if (r->until <= r->at)
        return refuse_rule(p, "expected 'until' later than 'at'");
    if (r->fault == TT_FAULT_REORDER && (all->seen & MORE) == 0)
        return refuse_rule(p, "expected 'by' and how late a datagram is that is reordered");
    if (lasting && r->until == TT_FOREVER)
        return refuse_rule(p, "expected 'for' and how long");
    if (r->fault == TT_FAULT_BURST)
        return r->every >= r->time ? TT_OK
                                   : refuse_rule(p, "expected 'every' and a time no shorter than "
                                                    "the burst");
    if (r->every > 0 && r->fault < TT_FAULT_REBIND && r->until == TT_FOREVER)
        return refuse_rule(p, "expected 'for' and how long, of what comes 'every' so often");
    if (r->every > 0 && (lasting || r->fault < TT_FAULT_REBIND) && r->until - r->at > r->every)
        return refuse_rule(p, "expected 'for' no longer than 'every'");
    return TT_OK;
}

static void take_all(tt_sim_set *set, unsigned nodes)
{
    for (unsigned i = 0; i < nodes; i++)
        set->bits[i / 64] |= (uint64_t)1 << i % 64;
}

static tt_status read_rule(parser *p, tt_sim_rule *r, tt_time now)
{
    clauses all = {0};
    tt_status status = TT_OK;
    *r = (tt_sim_rule){.at = now, .until = TT_FOREVER};
    while (r->fault < TT_FAULTS && !is(p, forms[r->fault].word))
        r->fault++;
    if (r->fault == TT_FAULTS)
        return refuse(p, "a fault (delay, loss, burst, double, reorder, bottleneck, cut, block, "
                         "rebind, move, skew, jump, sleep, busy, kill, start, restart, tear)");
    next_word(p);
    r->more = r->fault == TT_FAULT_BOTTLENECK ? TT_MS(100) : 0;
    status = read_value(p, r);
    if (status == TT_OK && r->fault >= TT_FAULT_REBIND) {
        status = read_nodes(p, &r->from);
    } else {
        take_all(&r->from, p->nodes);
        take_all(&r->to, p->nodes);
    }
    while (status == TT_OK && p->has_word)
        status = read_clause(p, r, &all);
    return status == TT_OK ? check_rule(p, r, &all) : status;
}

tt_status tt_sim_faults_read(tt_sim_faults *faults, const char *text, unsigned nodes, tt_time now,
                             tt_text *why)
{
    parser p = {.at = text, .nodes = nodes, .why = why};
    unsigned count = faults->count;
    for (;; p.at++) {
        p.line++;
        next_word(&p);
        if (p.has_word && count == TT_SIM_FAULTS_MAX) {
            refuse_rule(&p, "there are more faults than a world takes");
            return TT_FULL;
        }
        if (p.has_word) {
            faults->rules = realloc(faults->rules, (count + 1) * sizeof(faults->rules[0]));
            TT_CHECK(faults->rules != NULL);
            tt_status status = read_rule(&p, &faults->rules[count], now);
            if (status != TT_OK)
                return status;
            faults->rules[count].seed = faults->seed + 0x9e3779b97f4a7c15 * (count + 1);
            count++;
        }
        if (*p.at == '\0')
            break;
    }
    faults->count = count;
    return TT_OK;
}

tt_status tt_sim_check_faults(const char *text, unsigned nodes, tt_text *why)
{
    tt_sim_faults faults = {0};
    tt_status status = tt_sim_faults_read(&faults, text, nodes, 0, why);
    tt_sim_faults_free(&faults);
    return status;
}
