// Who took part, and what was said: devices, timelines, sequences.

#include <stdlib.h>
#include <string.h>

#include "examples/demo/capture.h"
#include "examples/demo/chart.h"
#include "examples/demo/report.h"
#include "tutti/endpoint.h"

#define TICKS_MAX 20000
#define TICKS_APART 900.0 // so many ticks side by side at most: more are one line on paper
#define PLAN_ARROWS 4     // of the plan's transfer
#define ARROWS_MAX 24     // of a sequence; the first ones, and how many more there were is said
#define LABEL_BYTES 200

// The devices and the demonstration's own node, as lanes of the drawings.
typedef struct lanes {
    const char *names[DEMO_LANES_MAX];
    uint8_t mac[DEMO_LANES_MAX][6];
    size_t count;
} lanes;

// ---- devices

// A cell of several lines, the first one large, all from a device or a file.
static void write_lines(FILE *out, const char *label, const char *style, const char *const *lines,
                        size_t count)
{
    fprintf(out, "<td data-label='%s' class='%s'><span>", label, style);
    demo_escape(out, lines[0]);
    for (size_t i = 1; i < count; i++) {
        fputs("<small>", out);
        demo_escape(out, lines[i]);
        fputs("</small>", out);
    }
    fputs("</span></td>", out);
}

static void write_number(FILE *out, const char *label, const tt_json *device, const char *key)
{
    char text[32];
    const char *lines[] = {report_grouped(tt_json_get_number(device, key), text)};
    write_lines(out, label, "number", lines, 1);
}

static void write_device(FILE *out, const tt_json *device)
{
    // The address alone: port and interface are the same for all.
    char address[TT_ENDPOINT_TEXT_MAX], text[80], equal[32], of[32];
    const char *whole = tt_json_get_text(device, "address");
    snprintf(address, sizeof(address), "%.*s", (int)strcspn(whole + (whole[0] == '['), "%]"),
             whole + (whole[0] == '['));
    bool emulated = tt_json_get(device, "emulated")->kind == TT_JSON_TRUE;
    const char *who[] = {tt_json_get_text(device, "kind"), tt_json_get_text(device, "name"),
                         address};
    const char *what[] = {tt_json_get_text(device, "board"), tt_json_get_text(device, "cpu"),
                          emulated ? "emulated under QEMU" : "a process of the host"};
    const char *runs[] = {tt_json_get_text(device, "version"), tt_json_get_text(device, "commit")};
    fputs("<tr>", out);
    write_lines(out, "", "who", who, 3);
    write_lines(out, "board, CPU", "", what, 3);
    write_lines(out, "version, commit", "", runs, 2);
    write_number(out, "flash", device, "flash");
    write_number(out, "RAM", device, "ram");
    write_number(out, "of it for models", device, "slots");
    double images = tt_json_get_number(device, "images");
    snprintf(text, sizeof(text), "%s of %s",
             report_grouped(tt_json_get_number(device, "equal"), equal),
             report_grouped(images, of));
    write_lines(out, "tensors equal", "number",
                &(const char *){images > 0 ? text : "asks the watch"}, 1);
    fputs("</tr>\n", out);
}

void report_write_devices(const report *page)
{
    static const char *const columns[] = {"device", "board, CPU",       "version, commit", "flash",
                                          "RAM",    "of it for models", "tensors equal"};
    fputs("<section><h2>Who took part</h2><p>One kernel, one network stack, one bus and one "
          "runtime, built for four machines. Each device made its name from its own seed, took its "
          "address by itself, and says what it is; flash and RAM are in bytes, stacks "
          "included.</p><div class='card'><table><thead><tr>",
          page->out);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        fprintf(page->out, "<th scope='col'%s>%s</th>", i >= 3 ? " class='number'" : "",
                columns[i]);
    fputs("</tr></thead><tbody>\n", page->out);
    for (const tt_json *at = tt_json_get(page->results, "devices")->item; at != NULL; at = at->next)
        write_device(page->out, at);
    fputs("</tbody></table></div></section>\n", page->out);
}

// ---- messages

static void add_lane(lanes *all, const char *name, const char *address)
{
    tt_endpoint endpoint;
    if (all->count == DEMO_LANES_MAX || tt_endpoint_parse(&endpoint, address, 0) != TT_OK)
        return;
    demo_mac_of(&endpoint, all->mac[all->count]);
    all->names[all->count++] = name;
}

static lanes find_lanes(const report *page)
{
    lanes all = {.count = 0};
    add_lane(&all, "demo", tt_json_get_text(page->results, "client"));
    for (const tt_json *at = tt_json_get(page->results, "devices")->item; at != NULL; at = at->next)
        add_lane(&all, tt_json_get_text(at, "kind"), tt_json_get_text(at, "address"));
    return all;
}

static size_t lane_of(const lanes *all, const uint8_t mac[6])
{
    size_t lane = 0;
    while (lane < all->count && memcmp(all->mac[lane], mac, 6) != 0)
        lane++;
    return lane;
}

static demo_mark mark_of(const demo_frame *frame)
{
    if (frame->protocol == DEMO_MDNS)
        return DEMO_DISCOVERY;
    if (!demo_frame_asks(frame))
        return DEMO_PRESENCE;
    return strstr(frame->text, " block ") != NULL ? DEMO_BLOCK : DEMO_MESSAGE;
}

// What may be wider than a phone scrolls by itself, by keys too, and says so where it does: where
// there is less room than its `style` (report.css) needs.
static void open_scroll(FILE *out, const char *style, const char *label)
{
    fprintf(out,
            "<div class='scroller %s'><p class='hint'>&harr; scrolls sideways</p>"
            "<div class='scroll' tabindex='0' role='region' aria-label='%s'>",
            style, label);
}

// The frames of all lanes from `start` to `end`, each as a tick; of a kind on one lane only those
// that are not one line on paper with the tick before.
static size_t read_ticks(const report *page, const lanes *all, double start, double end,
                         demo_tick ticks[TICKS_MAX])
{
    enum { MARKS = DEMO_MESSAGE + 1 };
    double last[DEMO_LANES_MAX][MARKS], apart = (end - start) / TICKS_APART;
    char path[REPORT_PATH_BYTES];
    bool nanoseconds;
    demo_frame frame;
    size_t count = 0;
    for (size_t i = 0; i < DEMO_LANES_MAX * MARKS; i++)
        last[i / MARKS][i % MARKS] = -apart;
    report_path(page, "fleet.pcap", path);
    FILE *file = demo_capture_open(path, &nanoseconds);
    while (file != NULL && count < TICKS_MAX && demo_capture_next(file, nanoseconds, &frame)) {
        size_t lane = lane_of(all, frame.from);
        double time = frame.time_s - start;
        if (lane == all->count || frame.protocol == DEMO_OTHER || time < 0 || time > end - start)
            continue;
        double *before = &last[lane][mark_of(&frame)];
        if (time - *before < apart)
            continue;
        *before = time;
        ticks[count++] = (demo_tick){time, (unsigned)lane, mark_of(&frame)};
    }
    if (file != NULL)
        fclose(file);
    return count;
}

static void write_key(FILE *out, demo_mark mark, const char *name)
{
    fputs("<span class='key'>", out);
    demo_mark_write(out, mark);
    fprintf(out, "%s</span>", name);
}

static void write_timeline(const report *page, const lanes *all, const char *title,
                           demo_timeline *timeline, double start)
{
    static demo_tick ticks[TICKS_MAX];
    timeline->lanes = all->names;
    timeline->lane_count = all->count;
    timeline->ticks = ticks;
    timeline->tick_count = read_ticks(page, all, start, start + timeline->seconds, ticks);
    fprintf(page->out, "<figure class='card'><figcaption>%s", title);
    write_key(page->out, DEMO_DISCOVERY, "discovery");
    write_key(page->out, DEMO_BLOCK, "a block of a long message");
    write_key(page->out, DEMO_MESSAGE, "question or answer");
    write_key(page->out, DEMO_PRESENCE, "presence");
    fputs("</figcaption>", page->out);
    open_scroll(page->out, "far", title);
    demo_timeline_write(page->out, timeline);
    fputs("</div></div></figure>\n", page->out);
}

// All from the first frame on, with the transfer of the plan named in it; then that magnified.
static void write_timelines(const report *page, const lanes *all)
{
    const tt_json *windows = tt_json_get(page->results, "windows");
    const tt_json *plan = tt_json_get(windows, "plan")->item;
    double start = tt_json_get_number(windows, "start"), end = tt_json_get_number(windows, "end");
    if (plan == NULL || plan->next == NULL || !(end > start) ||
        !(plan->next->number > plan->number))
        return;
    char name[64], bytes[32];
    double begun = plan->number, taken = plan->next->number - begun;
    snprintf(name, sizeof(name), "the plan: %s bytes",
             report_grouped(tt_json_get_number(page->plan, "plan_bytes"), bytes));
    demo_timeline first = {
        .seconds = end - start,
        .band = {begun - start, begun - start + taken},
        .band_name = name,
        .label = "When each device sent something: discovery first, then the plan, from demo to "
                 "watch, then questions and answers, and signs of presence throughout"};
    write_timeline(page, all, "The first seconds, by the host&rsquo;s clock", &first, start);
    demo_timeline magnified = {
        .seconds = 1.1 * taken,
        .band = {0.05 * taken, 1.05 * taken},
        .band_name = name,
        .label = "The transfer of the plan: blocks from demo to watch, each acknowledged"};
    write_timeline(page, all, "The plan on its way, magnified", &magnified, begun - 0.05 * taken);
}

typedef struct sequence {
    demo_arrow arrows[ARROWS_MAX];
    char said[ARROWS_MAX][96];
    const char *names[DEMO_LANES_MAX]; // of the lanes that speak, in the order in which they do
    unsigned count, more, drawn;
} sequence;

// The bus messages between `start` and `end` among the lanes, presence left out.
static bool read_sequence(const report *page, const lanes *all, double start, double end,
                          unsigned limit, sequence *read)
{
    char path[REPORT_PATH_BYTES];
    bool nanoseconds;
    unsigned place[DEMO_LANES_MAX];
    demo_frame frame;
    *read = (sequence){.count = 0};
    for (size_t i = 0; i < DEMO_LANES_MAX; i++)
        place[i] = DEMO_LANES_MAX;
    report_path(page, "fleet.pcap", path);
    FILE *file = demo_capture_open(path, &nanoseconds);
    if (file == NULL)
        return false;
    while (demo_capture_next(file, nanoseconds, &frame)) {
        size_t ends[2] = {lane_of(all, frame.from), lane_of(all, frame.to)};
        if (!demo_frame_asks(&frame) || frame.time_s < start || frame.time_s > end ||
            ends[0] == all->count || ends[1] == all->count)
            continue;
        if (read->count == limit) {
            read->more++;
            continue;
        }
        for (size_t i = 0; i < 2; i++)
            if (place[ends[i]] == DEMO_LANES_MAX) {
                place[ends[i]] = read->drawn;
                read->names[read->drawn++] = all->names[ends[i]];
            }
        strcpy(read->said[read->count], frame.text);
        read->arrows[read->count] =
            (demo_arrow){place[ends[0]], place[ends[1]], read->said[read->count]};
        read->count++;
    }
    fclose(file);
    return read->count > 0;
}

static void write_sequence(const report *page, const lanes *all, const char *title,
                           const char *window_name, unsigned limit)
{
    static sequence read;
    char label[LABEL_BYTES];
    const tt_json *window = tt_json_get(tt_json_get(page->results, "windows"), window_name)->item;
    if (window == NULL || window->next == NULL ||
        !read_sequence(page, all, window->number, window->next->number, limit, &read))
        return;
    snprintf(label, sizeof(label), "%s: %u messages between %u devices", title, read.count,
             read.drawn);
    fprintf(page->out, "<figure class='card'><figcaption>%s</figcaption>", title);
    open_scroll(page->out, read.drawn > 2 ? "near" : "none", title);
    demo_sequence_write(page->out, read.names, read.drawn, read.arrows, read.count, label);
    fputs("</div></div>", page->out);
    if (read.more > 0)
        fprintf(page->out, "<p class='more'>and %u more</p>", read.more);
    fputs("</figure>\n", page->out);
}

void report_write_messages(const report *page)
{
    lanes all = find_lanes(page);
    const tt_json *ask = tt_json_get(page->results, "ask");
    unsigned answer = report_answer(tt_json_get(ask, "answer"));
    fprintf(page->out,
            "<section><h2>What was said</h2><p>Every frame of the virtual Ethernet was captured. "
            "Nobody was told an address: the devices announced themselves, and the rest is CoAP "
            "between them. The central event is the transfer of the plan to the watch, in "
            "blocks. Later the TV, which holds no model, found the watch and asked it about the "
            "first picture: <b>%s</b>, with %.0f frames between the two. The time is the "
            "host&rsquo;s, in which QEMU ran: no device&rsquo;s speed can be read from it.</p>\n",
            answer < REPORT_CLASSES ? tt_fashion_mnist_classes[answer] : "?",
            tt_json_get_number(ask, "frames"));
    write_timelines(page, &all);
    fputs("<div class='two'><div>", page->out);
    write_sequence(page, &all, "The plan to the watch", "plan", PLAN_ARROWS);
    write_sequence(page, &all, "One question to the watch", "classify", ARROWS_MAX);
    fputs("</div><div>", page->out);
    write_sequence(page, &all, "The TV, which has no model, asks the watch", "ask", ARROWS_MAX);
    fputs("</div></div></section>\n", page->out);
}
