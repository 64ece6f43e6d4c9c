// Curves, the confusion matrix, sequence diagrams and timelines as SVG.

#include <math.h>
#include <string.h>

#include "examples/demo/chart.h"

void demo_escape(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
    }
}

static void write_text(FILE *out, double x, double y, const char *style, const char *text)
{
    fprintf(out, "<text x='%.1f' y='%.1f' class='%s'>", x, y, style);
    demo_escape(out, text);
    fputs("</text>", out);
}

static void open_drawing(FILE *out, const char *style, double width, double height,
                         const char *label)
{
    fprintf(out, "<svg class='%s' viewBox='0 0 %.0f %.0f' role='img' aria-label='", style, width,
            height);
    demo_escape(out, label);
    fputs("'>", out);
}

// ---- curves

enum { CHART_WIDTH = 440, CHART_HEIGHT = 264, LEFT = 60, RIGHT = 12, TOP = 14, BOTTOM = 40 };

static double chart_x(const demo_chart *chart, double x)
{
    return LEFT + x / chart->x_max * (CHART_WIDTH - LEFT - RIGHT);
}

static double chart_y(const demo_chart *chart, double y)
{
    double share = (y - chart->y_min) / (chart->y_max - chart->y_min);
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return CHART_HEIGHT - BOTTOM - share * (CHART_HEIGHT - TOP - BOTTOM);
}

static void write_axes(FILE *out, const demo_chart *chart)
{
    char label[32];
    for (double y = chart->y_min; y <= chart->y_max + chart->y_step / 2; y += chart->y_step) {
        fprintf(out, "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' class='grid'/>", LEFT,
                CHART_WIDTH - RIGHT, chart_y(chart, y), chart_y(chart, y));
        snprintf(label, sizeof(label), "%.*f%s", chart->y_decimals, y, chart->y_unit);
        write_text(out, LEFT - 8, chart_y(chart, y) + 4, "tick end", label);
    }
    double step = chart->x_max <= 12 ? 1 : ceil(chart->x_max / 10);
    for (double x = 0; x <= chart->x_max; x += step) {
        snprintf(label, sizeof(label), "%.0f", x);
        write_text(out, chart_x(chart, x), CHART_HEIGHT - BOTTOM + 17, "tick middle", label);
    }
    write_text(out, (LEFT + CHART_WIDTH - RIGHT) / 2.0, CHART_HEIGHT - 5, "tick middle",
               chart->x_label);
}

static void write_series(FILE *out, const demo_chart *chart, const demo_series *series)
{
    fprintf(out, "<polyline class='line %s%s' points='", series->style,
            series->dots ? " dashed" : "");
    for (size_t i = 0; i < series->count; i++)
        if (isfinite(series->y[i]))
            fprintf(out, "%.1f,%.1f ", chart_x(chart, series->x[i]), chart_y(chart, series->y[i]));
    fputs("'/>", out);
    for (size_t i = 0; series->dots && i < series->count; i++)
        if (isfinite(series->y[i]))
            fprintf(out, "<circle class='dot %s' cx='%.1f' cy='%.1f' r='3.5'/>", series->style,
                    chart_x(chart, series->x[i]), chart_y(chart, series->y[i]));
    size_t last = series->count;
    while (last > 0 && !isfinite(series->y[last - 1]))
        last--;
    if (!series->dots || last == 0)
        return;
    char value[32];
    snprintf(value, sizeof(value), "%.2f%s", series->y[last - 1], chart->y_unit);
    write_text(out, chart_x(chart, series->x[last - 1]), chart_y(chart, series->y[last - 1]) + 20,
               "value end", value);
}

void demo_chart_write(FILE *out, const demo_chart *chart)
{
    fputs("<figure class='card'><figcaption>", out);
    demo_escape(out, chart->title);
    for (size_t i = 0; i < chart->series_count; i++) {
        bool dots = chart->series[i].dots;
        fprintf(out,
                "<span class='key'><svg class='mark' viewBox='0 0 26 12' aria-hidden='true'><path "
                "d='M1 6h24' class='line %s%s'/>",
                chart->series[i].style, dots ? " dashed" : "");
        if (dots)
            fprintf(out, "<circle cx='13' cy='6' r='4' class='dot %s'/>", chart->series[i].style);
        fputs("</svg>", out);
        demo_escape(out, chart->series[i].name);
        fputs("</span>", out);
    }
    fputs("</figcaption>", out);
    open_drawing(out, "chart", CHART_WIDTH, CHART_HEIGHT, chart->label);
    write_axes(out, chart);
    for (size_t i = 0; i < chart->series_count; i++)
        write_series(out, chart, &chart->series[i]);
    fputs("</svg></figure>\n", out);
}

// ---- confusion

void demo_confusion_write(FILE *out, const char *const *names, const size_t *counts, size_t classes,
                          const char *label)
{
    enum { CELL = 42, SIDE = 96, HEAD = 80 };
    size_t width = SIDE + classes * CELL, height = HEAD + classes * CELL;
    open_drawing(out, "confusion", (double)width + 32, (double)height + 2, label);
    for (size_t row = 0; row < classes; row++) {
        size_t total = 0;
        for (size_t column = 0; column < classes; column++)
            total += counts[row * classes + column];
        write_text(out, SIDE - 10, HEAD + (double)row * CELL + CELL / 2.0 + 4, "name end",
                   names[row]);
        double x = SIDE + (double)row * CELL + CELL / 2.0 + 4;
        fprintf(out, "<text class='name' transform='translate(%.1f,%d) rotate(-45)'>", x, HEAD - 8);
        demo_escape(out, names[row]);
        fputs("</text>", out);
        for (size_t column = 0; column < classes; column++) {
            size_t count = counts[row * classes + column];
            double share = total > 0 ? (double)count / (double)total : 0;
            double left = SIDE + (double)column * CELL, top = HEAD + (double)row * CELL;
            // The square root lets single errors be seen beside ninety right answers.
            fprintf(out,
                    "<rect x='%.1f' y='%.1f' width='%d' height='%d' rx='4' class='%s' "
                    "style='--share:%.3f'/>",
                    left + 1.5, top + 1.5, CELL - 3, CELL - 3,
                    row == column ? "cell right" : "cell wrong", sqrt(share));
            if (count > 0)
                fprintf(out, "<text x='%.1f' y='%.1f' class='count%s'>%zu</text>",
                        left + CELL / 2.0, top + CELL / 2.0 + 4.5, share > 0.5 ? " strong" : "",
                        count);
        }
    }
    fputs("</svg>\n", out);
}

// ---- messages

void demo_sequence_write(FILE *out, const char *const *lanes, size_t lane_count,
                         const demo_arrow *arrows, size_t arrow_count, const char *label)
{
    enum { LEFT_EDGE = 54, EDGE = 42, ROW = 30, HEAD = 46 };
    double step = lane_count > 2 ? 172 : 226; // room for what is said between neighbours
    double width = LEFT_EDGE + EDGE + step * (double)(lane_count - 1);
    double height = HEAD + (double)arrow_count * ROW + 12;
    open_drawing(out, lane_count > 2 ? "sequence wide" : "sequence", width, height, label);
    for (size_t i = 0; i < lane_count; i++) {
        double x = LEFT_EDGE + (double)i * step;
        write_text(out, x, 20, "lane middle", lanes[i]);
        fprintf(out, "<line x1='%.1f' x2='%.1f' y1='30' y2='%.1f' class='life'/>", x, x, height);
    }
    for (size_t i = 0; i < arrow_count; i++) {
        double y = HEAD + (double)i * ROW + 12;
        double from = LEFT_EDGE + arrows[i].from * step, to = LEFT_EDGE + arrows[i].to * step;
        double tip = to > from ? -1 : 1;
        char number[24];
        snprintf(number, sizeof(number), "%zu", i + 1);
        write_text(out, 16, y + 4, "tick end", number);
        fprintf(out,
                "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' class='message'/>"
                "<polygon points='%.1f,%.1f %.1f,%.1f %.1f,%.1f' class='tip'/>",
                from, to + 7 * tip, y, y, to, y, to + 9 * tip, y - 4.5, to + 9 * tip, y + 4.5);
        write_text(out, (from + to) / 2, y - 6, "said middle", arrows[i].text);
    }
    fputs("</svg>\n", out);
}

// ---- timelines

static void write_mark(FILE *out, demo_mark mark, double x, double y)
{
    switch (mark) {
    case DEMO_DISCOVERY:
        fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3.2' class='event discovery'/>", x, y - 11);
        break;
    case DEMO_PRESENCE:
        fprintf(out, "<circle cx='%.1f' cy='%.1f' r='1.8' class='event presence'/>", x, y);
        break;
    case DEMO_BLOCK:
        fprintf(out, "<path d='M%.1f %.1fv18' class='event block'/>", x, y - 9);
        break;
    case DEMO_MESSAGE:
        fprintf(out, "<path d='M%.1f %.1fv8' class='event question'/>", x, y + 6);
        break;
    }
}

void demo_mark_write(FILE *out, demo_mark mark)
{
    fputs("<svg class='mark' viewBox='0 0 12 32' aria-hidden='true'>"
          "<path d='M0 16h12' class='rail'/>",
          out);
    write_mark(out, mark, 6, 16);
    fputs("</svg>", out);
}

enum { TIMELINE_WIDTH = 820, TIMELINE_LEFT = 60, TIMELINE_HEAD = 26, TIMELINE_ROW = 42 };

// A step of 1, 2 or 5 times a power of ten, so that there are at most ten.
static double round_step(double length)
{
    double step = pow(10, floor(log10(length / 10)));
    return length / step <= 10   ? step
           : length / step <= 20 ? 2 * step
           : length / step <= 50 ? 5 * step
                                 : 10 * step;
}

static void write_time_axis(FILE *out, double seconds, double scale, double bottom)
{
    bool in_ms = seconds < 2;
    double length = in_ms ? 1000 * seconds : seconds, step = fmax(round_step(length), 1);
    for (unsigned i = 0; i * step <= length; i++) {
        char text[32];
        double x = TIMELINE_LEFT + i * step * seconds / length * scale;
        snprintf(text, sizeof(text), "%.0f %s", i * step, in_ms ? "ms" : "s");
        fprintf(out, "<line x1='%.1f' x2='%.1f' y1='%d' y2='%.1f' class='grid'/>", x, x,
                TIMELINE_HEAD, bottom);
        write_text(out, x, bottom + 16, "tick middle", text);
    }
}

static void write_band(FILE *out, const demo_timeline *timeline, double scale, double bottom)
{
    double from = TIMELINE_LEFT + timeline->band[0] * scale;
    double width = fmax((timeline->band[1] - timeline->band[0]) * scale, 3);
    double middle = from + width / 2;
    fprintf(out, "<rect x='%.1f' y='%d' width='%.1f' height='%.1f' class='band'/>", from,
            TIMELINE_HEAD - 6, width, bottom - TIMELINE_HEAD + 6);
    bool late = middle > TIMELINE_WIDTH - 130, early = middle < TIMELINE_LEFT + 130;
    write_text(out,
               late    ? from + width
               : early ? from
                       : middle,
               14,
               late    ? "band-name end"
               : early ? "band-name"
                       : "band-name middle",
               timeline->band_name);
}

void demo_timeline_write(FILE *out, const demo_timeline *timeline)
{
    double bottom = TIMELINE_HEAD + (double)timeline->lane_count * TIMELINE_ROW;
    double scale = (TIMELINE_WIDTH - TIMELINE_LEFT - 20) / timeline->seconds;
    open_drawing(out, "timeline", TIMELINE_WIDTH, bottom + 22, timeline->label);
    if (timeline->band_name != NULL)
        write_band(out, timeline, scale, bottom);
    write_time_axis(out, timeline->seconds, scale, bottom);
    for (size_t i = 0; i < timeline->lane_count; i++) {
        double y = TIMELINE_HEAD + ((double)i + 0.5) * TIMELINE_ROW;
        write_text(out, TIMELINE_LEFT - 12, y + 4, "lane end", timeline->lanes[i]);
        fprintf(out, "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' class='rail'/>", TIMELINE_LEFT,
                TIMELINE_WIDTH - 20, y, y);
    }
    for (size_t i = 0; i < timeline->tick_count; i++)
        write_mark(out, timeline->ticks[i].mark, TIMELINE_LEFT + timeline->ticks[i].time_s * scale,
                   TIMELINE_HEAD + (timeline->ticks[i].lane + 0.5) * TIMELINE_ROW);
    fputs("</svg>\n", out);
}
