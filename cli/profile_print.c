// A profile as a table of 80 columns, as JSON, and as a trace.

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/profile.h"

#define WHAT_COLUMN 51
#define WHAT_WIDTH 28
#define WHAT_LINES 3
#define TRACE_RUNS 20

// ---- what a step is

// Where a node comes from: the last name, as its reader knows the graph; gradients are told apart.
static void origin_text(const tt_graph *graph, uint32_t node, char text[64])
{
    static const char ending[] = "gradient";
    const tt_origin *origin = tt_graph_origin_of(graph, node);
    const char *place = origin != NULL && origin->place != NULL ? origin->place : "";
    size_t length = strlen(place);
    bool gradient =
        length >= sizeof(ending) - 1 && strcmp(place + length - (sizeof(ending) - 1), ending) == 0;
    snprintf(text, 64, "%.48s%s", origin != NULL ? origin->name : "", gradient ? " gradient" : "");
    for (char *at = text; (at = strpbrk(at, "\n\t")) != NULL;)
        *at = '?';
}

void tt_profile_what(const tt_profile *profile, uint32_t index, char *text, size_t bytes)
{
    const tt_graph *graph = tt_program_graph(profile->program);
    const tt_step_about *about = &profile->step[index].about;
    char from[64], before[64] = "";
    size_t length = 0;
    snprintf(text, bytes, "%s", about->node_count == 0 ? "assignments" : "");
    for (uint32_t i = 0, same = 1; i < about->node_count && length < bytes; i += same) {
        const char *name = tt_op_name((tt_op)tt_graph_node(graph, about->nodes[i])->op);
        origin_text(graph, about->nodes[i], from);
        bool anew = i == 0 || strcmp(from, before) != 0;
        for (same = 1; i + same < about->node_count; same++) {
            char other[64];
            uint32_t node = about->nodes[i + same];
            origin_text(graph, node, other);
            if (strcmp(from, other) != 0 ||
                strcmp(name, tt_op_name((tt_op)tt_graph_node(graph, node)->op)) != 0)
                break;
        }
        char times[16] = "";
        if (same > 1)
            snprintf(times, sizeof(times), " x%" PRIu32, same);
        length +=
            (size_t)snprintf(text + length, bytes - length, "%s%s%s%s%s",
                             i == 0 ? ""
                             : anew ? "; "
                                    : " ",
                             anew ? from : "", anew && from[0] != '\0' ? ": " : "", name, times);
        memcpy(before, from, sizeof(before));
    }
    if (length >= bytes)
        memcpy(text + bytes - 4, "...", 4);
}

// ---- the table

// In lines of WHAT_WIDTH, broken at spaces, the first where the row's numbers end.
static void print_what(FILE *out, const char *text)
{
    unsigned line = 0;
    while (*text != '\0') {
        size_t length = strlen(text), shown = length;
        if (length > WHAT_WIDTH) {
            for (shown = WHAT_WIDTH; shown > 0 && text[shown] != ' ';)
                shown--;
            shown = shown > 0 ? shown : WHAT_WIDTH;
        }
        bool cut = ++line == WHAT_LINES && shown < length;
        if (cut && shown > WHAT_WIDTH - 4)
            for (shown = WHAT_WIDTH - 4; shown > 1 && text[shown] != ' ';)
                shown--;
        fprintf(out, "%*s%.*s%s\n", line > 1 ? WHAT_COLUMN : 0, "", (int)shown, text,
                cut ? " ..." : "");
        if (cut)
            return;
        text += shown;
        text += *text == ' ';
    }
}

static const char *with_unit(double value, const char *unit, char text[32])
{
    static const char prefixes[] = " kMGT";
    unsigned at = 0;
    for (; value >= 999.5 && at < sizeof(prefixes) - 2; at++)
        value /= 1000;
    snprintf(text, 32, "%.3g %.*s%s", value, at > 0, prefixes + at, unit);
    return text;
}

static void print_head(FILE *out, const tt_profile *f)
{
    char text[32];
    const tt_peak *p = &f->peak;
    fprintf(out, "%s: %s of %" PRIu32 " step%s, %u run%s, %u thread%s; medians\n", f->path,
            f->train ? "a training step" : "a program", f->steps, f->steps == 1 ? "" : "s", f->runs,
            f->runs == 1 ? "" : "s", f->threads, f->threads == 1 ? "" : "s");
    fprintf(out, "this machine's peak, one thread: %s in registers (%s); copying\n",
            with_unit(p->flop_per_s, "FLOP/s", text), p->instructions);
    for (unsigned i = 0; i < TT_PEAK_COPIES; i++) {
        size_t kib = p->copy[i].bytes >> 10;
        fprintf(out, "%s%zu %s at %s", i == 0 ? "  " : ", ", kib < 1024 ? kib : kib >> 10,
                kib < 1024 ? "KiB" : "MiB", with_unit(p->copy[i].bytes_per_s, "B/s", text));
    }
    fprintf(out, "\n");
    const char *why = tt_program_uncompiled(f->program);
    if (f->interpreted > 0)
        fprintf(out, "%" PRIu32 " of %" PRIu32 " forms are interpreted: %s\n", f->interpreted,
                f->forms, why[0] != '\0' ? why : "no compiler was asked");
}

static void print_row(FILE *out, const tt_profile *f, uint32_t index)
{
    char what[1024];
    size_t kind = 0;
    const tt_profiled_step *s = &f->step[index];
    if (strcmp(s->about.kind, "reference") == 0)
        kind = (size_t)snprintf(what, sizeof(what), "by reference, ");
    tt_profile_what(f, index, what + kind, sizeof(what) - kind);
    fprintf(out, "%5" PRIu32 " %10.1f %5.1f %9.3f %8.3f ", s->number, s->seconds * 1e6,
            100 * s->seconds / f->seconds, (double)s->about.flop * 1e-6,
            (double)s->about.bytes * 1e-6);
    if (s->about.kept)
        fprintf(out, "  kept   ");
    else
        fprintf(out, "%5.0f%% %c ", 100 * s->peak, s->by_bytes ? 'b' : 'f');
    print_what(out, what);
}

static int longest_first(const void *a, const void *b, void *context)
{
    const tt_profile *f = context;
    double x = f->step[*(const uint32_t *)a].seconds, y = f->step[*(const uint32_t *)b].seconds;
    return (x < y) - (x > y);
}

void tt_profile_print(FILE *out, const tt_profile *f, unsigned top)
{
    uint32_t *order = calloc(f->count + 1u, sizeof(*order));
    uint32_t shown = top > 0 && top < f->count ? top : f->count;
    print_head(out, f);
    fprintf(out, " step         us     %%     MFLOP       MB   peak   what\n");
    for (uint32_t i = 0; order != NULL && i < f->count; i++)
        order[i] = i;
    if (top > 0 && order != NULL)
        qsort_r(order, f->count, sizeof(*order), longest_first, (void *)(uintptr_t)f);
    for (uint32_t i = 0; order != NULL && i < shown; i++)
        print_row(out, f, order[i]);
    if (shown < f->count)
        fprintf(out, "and %" PRIu32 " more\n", f->count - shown);
    fprintf(out, "total %10.1f   100 %9.3f %8.3f %5.0f%%   a run: %.1f us\n", f->seconds * 1e6,
            f->flop * 1e-6, f->bytes * 1e-6, 100 * f->share, f->run_seconds * 1e6);
    free(order);
}

// ---- for programs

static void write_step(tt_json_writer *json, const tt_profile *f, uint32_t index)
{
    char what[4096];
    const tt_profiled_step *s = &f->step[index];
    tt_profile_what(f, index, what, sizeof(what));
    tt_json_text(json, "kind", s->about.kind);
    tt_json_word(json, "kept", s->about.kept ? "true" : "false");
    tt_json_text(json, "what", what);
    tt_json_number(json, "flop", (double)s->about.flop);
    tt_json_number(json, "bytes", (double)s->about.bytes);
    tt_json_number(json, "peak_share", s->peak);
    tt_json_text(json, "bound_by", s->by_bytes ? "bytes" : "flop");
}

void tt_profile_json(FILE *out, const tt_profile *f)
{
    tt_json_writer json = {.file = out};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "file", f->path);
    tt_json_number(&json, "runs", f->runs);
    tt_json_number(&json, "threads", f->threads);
    tt_json_text(&json, "instructions", f->peak.instructions);
    tt_json_number(&json, "peak_flop_per_s", f->peak.flop_per_s);
    tt_json_open(&json, "peak_copies", '[');
    for (unsigned i = 0; i < TT_PEAK_COPIES; i++) {
        tt_json_open(&json, NULL, '{');
        tt_json_number(&json, "bytes", (double)f->peak.copy[i].bytes);
        tt_json_number(&json, "bytes_per_s", f->peak.copy[i].bytes_per_s);
        tt_json_close(&json, '}');
    }
    tt_json_close(&json, ']');
    tt_json_number(&json, "run_seconds", f->run_seconds);
    tt_json_number(&json, "seconds", f->seconds);
    tt_json_number(&json, "flop", f->flop);
    tt_json_number(&json, "bytes", f->bytes);
    tt_json_number(&json, "peak_share", f->share);
    tt_json_number(&json, "interpreted", f->interpreted);
    tt_json_open(&json, "steps", '[');
    for (uint32_t i = 0; i < f->count; i++) {
        tt_json_open(&json, NULL, '{');
        tt_json_number(&json, "seconds", f->step[i].seconds);
        write_step(&json, f, i);
        tt_json_close(&json, '}');
    }
    tt_json_close(&json, ']');
    tt_json_close(&json, '}');
    fputc('\n', out);
}

// ---- the trace

// A name of a process or thread, as an event of metadata.
static void write_name(tt_json_writer *json, const char *of, const char *name)
{
    tt_json_open(json, NULL, '{');
    tt_json_text(json, "ph", "M");
    tt_json_text(json, "name", of);
    tt_json_number(json, "pid", 1);
    tt_json_number(json, "tid", 1);
    tt_json_open(json, "args", '{');
    tt_json_text(json, "name", name);
    tt_json_close(json, '}');
    tt_json_close(json, '}');
}

// Begins an event from one time to another, microseconds; its arguments follow, then two braces.
static void open_event(tt_json_writer *json, const char *name, const char *category, int64_t origin,
                       int64_t from, int64_t to)
{
    tt_json_open(json, NULL, '{');
    tt_json_text(json, "ph", "X");
    tt_json_text(json, "name", name);
    tt_json_text(json, "cat", category);
    tt_json_number(json, "pid", 1);
    tt_json_number(json, "tid", 1);
    tt_json_number(json, "ts", (double)(from - origin) / 1e3);
    tt_json_number(json, "dur", (double)(to - from) / 1e3);
    tt_json_open(json, "args", '{');
}

static void close_event(tt_json_writer *json)
{
    tt_json_close(json, '}');
    tt_json_close(json, '}');
}

static void write_run(tt_json_writer *json, const tt_profile *f, unsigned run, int64_t origin)
{
    const int64_t *begun = f->begun_ns + (size_t)run * (f->steps + 2u);
    char name[256];
    snprintf(name, sizeof(name), "run %u", run + 1);
    open_event(json, name, "run", origin, begun[0], begun[f->steps + 1u]);
    close_event(json);
    for (uint32_t i = 0; i < f->count; i++) {
        tt_profile_what(f, i, name, sizeof(name));
        open_event(json, name, f->step[i].about.kind, origin, begun[i], begun[i + 1]);
        tt_json_number(json, "step", i);
        write_step(json, f, i);
        close_event(json);
    }
}

void tt_profile_trace(FILE *out, const tt_profile *f)
{
    tt_json_writer json = {.file = out};
    unsigned first = f->runs > TRACE_RUNS ? f->runs - TRACE_RUNS : 0;
    int64_t origin = f->begun_ns[(size_t)first * (f->steps + 2u)];
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "displayTimeUnit", "ns");
    tt_json_open(&json, "traceEvents", '[');
    write_name(&json, "process_name", f->path);
    write_name(&json, "thread_name", "steps");
    for (unsigned run = first; run < f->runs; run++)
        write_run(&json, f, run, origin);
    tt_json_close(&json, ']');
    tt_json_close(&json, '}');
    fputc('\n', out);
}
