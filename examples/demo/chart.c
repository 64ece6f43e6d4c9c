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

enum { CHART_WIDTH = 440, CHART_HEIGHT = 264, LEFT = 54, RIGHT = 12, TOP = 14, BOTTOM = 40 };

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
    fprintf(out, "<polyline class='line %s' points='", series->style);
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
        fprintf(out, "<span class='key %s'>", chart->series[i].style);
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
    enum { CELL = 42, SIDE = 78, HEAD = 66 };
    size_t width = SIDE + classes * CELL, height = HEAD + classes * CELL;
    open_drawing(out, "confusion", (double)width + 12, (double)height + 2, label);
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
    enum { TIMES = 104, EDGE = 42, ROW = 30, HEAD = 46 };
    double step = lane_count > 2 ? 172 : 226; // room for what is said between neighbours
    double width = TIMES + EDGE + step * (double)(lane_count - 1);
    double height = HEAD + (double)arrow_count * ROW + 12;
    open_drawing(out, lane_count > 2 ? "sequence wide" : "sequence", width, height, label);
    for (size_t i = 0; i < lane_count; i++) {
        double x = TIMES + (double)i * step;
        write_text(out, x, 20, "lane middle", lanes[i]);
        fprintf(out, "<line x1='%.1f' x2='%.1f' y1='30' y2='%.1f' class='life'/>", x, x, height);
    }
    for (size_t i = 0; i < arrow_count; i++) {
        double y = HEAD + (double)i * ROW + 12;
        double from = TIMES + arrows[i].from * step, to = TIMES + arrows[i].to * step;
        double tip = to > from ? -1 : 1;
        char time[24];
        snprintf(time, sizeof(time), "%.2f ms", arrows[i].time_ms);
        write_text(out, TIMES - 42, y + 4, "tick end", time);
        fprintf(out,
                "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' class='message'/>"
                "<polygon points='%.1f,%.1f %.1f,%.1f %.1f,%.1f' class='tip'/>",
                from, to + 7 * tip, y, y, to, y, to + 9 * tip, y - 4.5, to + 9 * tip, y + 4.5);
        write_text(out, (from + to) / 2, y - 6, "said middle", arrows[i].text);
    }
    fputs("</svg>\n", out);
}

void demo_timeline_write(FILE *out, const char *const *lanes, size_t lane_count,
                         const demo_tick *ticks, size_t tick_count, double seconds,
                         const char *label)
{
    enum { WIDTH = 900, EDGE = 96, ROW = 38 };
    double height = (double)lane_count * ROW + 30, scale = (WIDTH - EDGE - 16) / seconds;
    open_drawing(out, "timeline", WIDTH, height, label);
    double step = seconds > 60 ? 20 : seconds > 24 ? 5 : seconds > 8 ? 2 : 1;
    for (double second = 0; second <= seconds; second += step) {
        char second_label[16];
        double x = EDGE + second * scale;
        snprintf(second_label, sizeof(second_label), "%.0f s", second);
        fprintf(out, "<line x1='%.1f' x2='%.1f' y1='0' y2='%.1f' class='grid'/>", x, x,
                height - 22);
        write_text(out, x, height - 6, "tick middle", second_label);
    }
    for (size_t i = 0; i < lane_count; i++) {
        double y = (double)i * ROW + ROW / 2.0;
        write_text(out, EDGE - 14, y + 5, "lane end", lanes[i]);
        fprintf(out, "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' class='rail'/>", EDGE, WIDTH - 16,
                y, y);
    }
    for (size_t i = 0; i < tick_count; i++) {
        double x = EDGE + ticks[i].time_s * scale, y = ticks[i].lane * ROW + ROW / 2.0;
        fprintf(out, "<path d='M%.1f %.1fv18' class='event %s'/>", x, y - 9, ticks[i].style);
    }
    fputs("</svg>\n", out);
}
