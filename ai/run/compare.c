// Tensors in a few numbers, and how two of them differ.

#include "tutti/compare.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/element.h"

static double number_at(const tt_type *type, const void *elements, int64_t place)
{
    tt_element element = (tt_element)type->element;
    return tt_cell_number(element, tt_cell_load(element, elements, place));
}

tt_summary tt_summarise(const tt_type *type, const void *elements)
{
    tt_summary s = {.count = tt_type_count(type), .least = INFINITY, .greatest = -INFINITY};
    double sum = 0;
    for (int64_t i = 0; i < s.count; i++) {
        double number = number_at(type, elements, i);
        if (!isfinite(number)) {
            s.not_finite++;
            continue;
        }
        s.least = fmin(s.least, number);
        s.greatest = fmax(s.greatest, number);
        sum += number;
    }
    s.mean = sum / (double)(s.count - s.not_finite);
    if (s.not_finite == s.count)
        s.least = s.greatest = s.mean = NAN;
    return s;
}

double tt_tolerance_of(tt_element element, double tolerance)
{
    double last = element == TT_BF16 ? 0x1p-8 : element == TT_F16 ? 0x1p-11 : 0;
    return fmax(tolerance, 8 * last);
}

static double greatest_of(const tt_type *type, const void *elements)
{
    double greatest = 0;
    int64_t count = tt_type_count(type);
    for (int64_t i = 0; i < count; i++) {
        double number = fabs(number_at(type, elements, i));
        greatest = isfinite(number) ? fmax(greatest, number) : greatest;
    }
    return greatest > 0 ? greatest : 1;
}

static double share_between(tt_element element, tt_cell got, tt_cell right, double greatest)
{
    if (!tt_element_is_float(element))
        return got.i == right.i ? 0 : (double)INFINITY;
    if (got.f == right.f || (isnan(got.f) && isnan(right.f)))
        return 0;
    if (!isfinite(got.f) || !isfinite(right.f))
        return (double)INFINITY;
    return fabs(got.f / greatest - right.f / greatest);
}

void tt_add_element(tt_text *text, tt_element element, const void *elements, int64_t place)
{
    char number[TT_NUMBER_TEXT_BYTES];
    tt_cell cell = tt_cell_load(element, elements, place);
    tt_class class = tt_element_class(element);
    if (class == TT_CLASS_FLOAT && isnan(cell.f)) // of which there are two
        snprintf(number, sizeof(number), "nan");
    else if (class == TT_CLASS_FLOAT)
        snprintf(number, sizeof(number), "%.*g", element == TT_F64 ? 17 : 9, cell.f);
    else if (class == TT_CLASS_UNSIGNED)
        snprintf(number, sizeof(number), "%llu", (unsigned long long)cell.u);
    else
        snprintf(number, sizeof(number), "%lld", (long long)cell.i);
    tt_text_add(text, number);
}

tt_difference tt_compare(const tt_type *type, const void *got, const void *right, double tolerance)
{
    tt_difference d = {.place = -1};
    tt_element element = (tt_element)type->element;
    double greatest = greatest_of(type, right);
    int64_t count = tt_type_count(type);
    tolerance = tt_tolerance_of(element, tolerance);
    for (int64_t i = 0; i < count; i++) {
        double share = share_between(element, tt_cell_load(element, got, i),
                                     tt_cell_load(element, right, i), greatest);
        d.count += share > tolerance;
        if (share <= d.share)
            continue;
        d.share = share;
        d.place = i;
    }
    if (d.place >= 0) {
        tt_text text;
        tt_text_init(&text, d.got, sizeof(d.got));
        tt_add_element(&text, element, got, d.place);
        tt_text_init(&text, d.right, sizeof(d.right));
        tt_add_element(&text, element, right, d.place);
    }
    return d;
}

// "%12.1"
static tt_value numbered(const tt_graph *graph, const char *name)
{
    char *end;
    unsigned long node, output = 0;
    if (name[0] != '%' || !isdigit((unsigned char)name[1]))
        return TT_NONE;
    node = strtoul(name + 1, &end, 10);
    if (*end == '.' && isdigit((unsigned char)end[1]))
        output = strtoul(end + 1, &end, 10);
    if (*end != '\0' || node >= tt_graph_count(graph) ||
        output >= tt_graph_node(graph, (uint32_t)node)->output_count)
        return TT_NONE;
    return (tt_value){(uint32_t)node, (uint16_t)output};
}

tt_value tt_value_named(const tt_graph *graph, const char *name)
{
    tt_value value = TT_NONE;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        if (strcmp(tt_graph_result_at(graph, i)->name, name) == 0)
            return tt_graph_result_at(graph, i)->value;
    if (!tt_is_none(value = tt_graph_find(graph, name)))
        return value;
    value = numbered(graph, name);
    bool is_number = !tt_is_none(value);
    for (uint32_t i = 0; !is_number && i < tt_graph_origin_count(graph); i++) {
        const tt_origin *origin = tt_graph_origin(graph, i);
        if (strcmp(origin->name, name) == 0 && (tt_is_none(value) || origin->node > value.node))
            value = (tt_value){origin->node, 0};
    }
    return value;
}
