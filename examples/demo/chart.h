// Drawings of the report as SVG, coloured by the page's own style sheet so that they follow its
// scheme.

#ifndef TUTTI_EXAMPLES_DEMO_CHART_H
#define TUTTI_EXAMPLES_DEMO_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DEMO_SERIES_MAX 4
#define DEMO_LANES_MAX 8

// Lines over one horizontal axis. Points that are NAN are left out.
typedef struct demo_series {
    const char *name, *style; // a class of the style sheet: "s1", "s2"
    const double *x, *y;
    size_t count;
    bool dots; // few points, each worth seeing
} demo_series;

typedef struct demo_chart {
    const char *title, *x_label;
    const char *label; // what it shows in a sentence, for who cannot see it; each drawing has one
    double x_max, y_min, y_max, y_step;
    int y_decimals; // of the ticks
    const char *y_unit;
    demo_series series[DEMO_SERIES_MAX];
    size_t series_count;
} demo_chart;

// A figure with a caption; a series with dots has its last value written beside it.
void demo_chart_write(FILE *out, const demo_chart *chart);

// A square of counts, rows: what it is, columns: what was answered.
void demo_confusion_write(FILE *out, const char *const *names, const size_t *counts, size_t classes,
                          const char *label);

// One message between two lanes, or one lane's multicast where `from` equals `to`.
typedef struct demo_arrow {
    unsigned from, to;
    const char *text;
} demo_arrow;

// Lanes side by side, time downwards, each message a numbered arrow: a sequence diagram.
void demo_sequence_write(FILE *out, const char *const *lanes, size_t lane_count,
                         const demo_arrow *arrows, size_t arrow_count, const char *label);

// Lanes below one another, time to the right. The kinds of what is sent differ in shape and in
// place on the lane as well as in colour; demo_mark_write draws one of each for a key.
typedef enum demo_mark {
    DEMO_DISCOVERY, // a ring above
    DEMO_PRESENCE,  // a dot
    DEMO_BLOCK,     // a tall bar: of a long transfer
    DEMO_MESSAGE,   // a short bar below
} demo_mark;

typedef struct demo_tick {
    double time_s;
    unsigned lane;
    demo_mark mark;
} demo_tick;

typedef struct demo_timeline {
    const char *const *lanes;
    size_t lane_count;
    const demo_tick *ticks;
    size_t tick_count;
    double seconds;        // from 0
    double band[2];        // a time that is shaded and has a name above
    const char *band_name; // NULL: none
    const char *label;
} demo_timeline;

void demo_timeline_write(FILE *out, const demo_timeline *timeline);
void demo_mark_write(FILE *out, demo_mark mark);

// Text with the five characters escaped that mean something in HTML.
void demo_escape(FILE *out, const char *text);

#endif
