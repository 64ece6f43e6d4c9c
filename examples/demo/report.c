// Draws build/demo/report.html: one self-contained page from what the demonstration wrote.
//
//     tutti-report FOLDER
//
// FOLDER holds history.json (tutti train), plan.json (tutti compile), results.json (tutti-demo) and
// fleet.pcap (the switch); the images come from the data set. Nothing in the page refers to a
// network.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/json.h"
#include "examples/demo/capture.h"
#include "examples/demo/chart.h"
#include "examples/demo/picture.h"
#include "tutti/check.h"
#include "tutti/endpoint.h"
#include "tutti/train.h"

#define PATH_MAX_BYTES 512
#define FOLDER_MAX (PATH_MAX_BYTES - 64) // leaves room for each file's name
#define POINTS_MAX 4096
#define CLASSES 10
#define ANSWERS_SHOWN 32 // of the first images, in order
#define ERRORS_SHOWN 16  // of the watch's errors, the first ones
#define TICKS_MAX 20000
#define PLAN_ARROWS 4      // of the plan's transfer
#define ARROWS_MAX 24      // of a sequence; the first ones, and how many more there were is said
#define TICK_APART_S 0.005 // ticks of one kind closer than this on one lane are one line on paper
#define LABEL_BYTES 160

extern const char demo_style[]; // report.css, from the build

typedef struct report {
    FILE *out;
    const char *folder;
    tt_json *history, *plan, *results;
    tt_dataset train, test;
} report;

// The devices and the demonstration's own node, as lanes of the drawings.
typedef struct lanes {
    const char *names[DEMO_LANES_MAX];
    uint8_t mac[DEMO_LANES_MAX][6];
    size_t count;
} lanes;

static void path_in(const report *page, const char *name, char path[PATH_MAX_BYTES])
{
    snprintf(path, PATH_MAX_BYTES, "%s/%s", page->folder, name);
}

// ---- head

static void figure(FILE *out, const char *style, const char *number, const char *unit,
                   const char *meaning)
{
    fprintf(out, "<div class='figure %s'><b>%s<small>%s</small></b><span>%s</span></div>\n", style,
            number, unit, meaning);
}

static const char *grouped(double value, char text[32])
{
    char plain[24];
    int length = snprintf(plain, sizeof(plain), "%.0f", value), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && plain[i - 1] != '-')
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = '\0';
    return text;
}

static void write_head(const report *page)
{
    FILE *out = page->out;
    char images[32], equal[32];
    fprintf(
        out,
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<meta name='color-scheme' content='light dark'>\n"
        "<title>Tutti: from real images to an answer on a watch</title>\n"
        "<style>\n%s</style></head>\n<body><main>\n<header>"
        "<p class='eyebrow'>Tutti &middot; the demonstration</p>\n"
        "<h1>From real images to an answer on a watch</h1>\n"
        "<p class='lead'>A network learned to tell clothes apart, was compiled to a plan of %.0f "
        "kilobytes and sent over the bus to a watch that had announced itself. The watch answered "
        "%s questions; %s of its output tensors equal the reference, bit for bit.</p></header>\n",
        demo_style, tt_json_get_number(page->plan, "plan_bytes") / 1000,
        grouped(tt_json_get_number(page->results, "images"), images),
        grouped(tt_json_get_number(page->results, "equal"), equal));
}

static void write_figures(const report *page)
{
    FILE *out = page->out;
    char number[64], group[32];
    fputs("<div class='figures'>\n", out);
    snprintf(number, sizeof(number), "of %s",
             grouped(tt_json_get_number(page->results, "images"), group));
    figure(out, "proud", grouped(tt_json_get_number(page->results, "equal"), group), number,
           "output tensors of the watch equal the reference, whole");
    snprintf(number, sizeof(number), "%.2f",
             100 * tt_json_get_number(page->plan, "accuracy_float"));
    figure(out, "", number, "%", "right in float, on 10,000 test images");
    snprintf(number, sizeof(number), "%.2f", 100 * tt_json_get_number(page->plan, "accuracy_int8"));
    figure(out, "", number, "%", "right in int8, the same images");
    snprintf(number, sizeof(number), "%.1f", tt_json_get_number(page->results, "accuracy_watch"));
    figure(out, "", number, "%", "right on the watch, on the images it was asked");
    snprintf(number, sizeof(number), "%.2f", tt_json_get_number(page->results, "rtt_ms_median"));
    figure(out, "", number, "ms", "median from question to answer, over the bus");
    figure(out, "", grouped(tt_json_get_number(page->history, "images_per_second"), group), "/s",
           "images learned from, on this machine&rsquo;s processor");
    figure(out, "", grouped(tt_json_get_number(page->plan, "plan_bytes"), group), "bytes",
           "the plan: weights and steps in one file");
    double instructions = tt_json_get_number(page->results, "watch_inference");
    if (instructions > 0) {
        snprintf(number, sizeof(number), "%.2f", instructions / 1e6);
        figure(out, "", number, "M", "instructions of a Cortex-M4F for one image");
    }
    fputs("</div>\n", out);
}

// ---- training

static void write_training(const report *page)
{
    static double x[POINTS_MAX], loss[POINTS_MAX], accuracy[POINTS_MAX];
    static double epoch[POINTS_MAX], test[POINTS_MAX];
    size_t points = 0, epochs = 0;
    double loss_max = 0.5, x_max = 1, least = 1;
    for (const tt_json *at = tt_json_get(page->history, "points")->item;
         at != NULL && points < POINTS_MAX; at = at->next) {
        const tt_json *item = at->item;
        if (item == NULL || item->next == NULL || item->next->next == NULL)
            continue;
        x[points] = item->number;
        loss[points] = item->next->number;
        accuracy[points] = 100 * item->next->next->number;
        loss_max = fmax(loss_max, loss[points]);
        least = fmin(least, accuracy[points] / 100);
        x_max = fmax(x_max, x[points++]);
    }
    for (const tt_json *at = tt_json_get(page->history, "epochs")->item;
         at != NULL && epochs < POINTS_MAX; at = at->next, epochs++) {
        epoch[epochs] = tt_json_get_number(at, "epoch");
        double measured = tt_json_get_number(at, "test_accuracy");
        test[epochs] = measured >= 0 ? 100 * measured : NAN;
    }
    double step = loss_max > 1 ? 0.4 : 0.2;
    double y_min = fmax(0, floor(least * 10) * 10);
    char loss_label[LABEL_BYTES], accuracy_label[LABEL_BYTES];
    snprintf(loss_label, sizeof(loss_label), "Loss in training, from %.2f at the start to %.2f",
             points > 0 ? loss[0] : NAN, points > 0 ? loss[points - 1] : NAN);
    snprintf(accuracy_label, sizeof(accuracy_label),
             "Accuracy: at the end %.2f %% of the training images and %.2f %% of the test images",
             points > 0 ? accuracy[points - 1] : NAN, epochs > 0 ? test[epochs - 1] : NAN);
    demo_chart losses = {
        .title = "Loss",
        .label = loss_label,
        .x_label = "epoch",
        .x_max = ceil(x_max),
        .y_max = ceil(loss_max / step) * step,
        .y_step = step,
        .y_decimals = 1,
        .y_unit = "",
        .series = {{"training", "s1", x, loss, points, false}},
        .series_count = 1,
    };
    demo_chart accuracies = {
        .title = "Accuracy",
        .label = accuracy_label,
        .x_label = "epoch",
        .x_max = ceil(x_max),
        .y_min = y_min,
        .y_max = 100,
        .y_step = y_min < 60 ? 10 : 5,
        .y_unit = " %",
        .series = {{"training", "s1", x, accuracy, points, false},
                   {"test images", "s2", epoch, test, epochs, true}},
        .series_count = 2,
    };
    fprintf(page->out,
            "<section><h2>What it learned</h2><p>60,000 pictures of Fashion-MNIST, %zu pass%s, "
            "with Tutti&rsquo;s own "
            "graph, derivatives and optimiser. The last epoch counts, never the best one.</p><div "
            "class='two'>\n",
            epochs, epochs == 1 ? "" : "es");
    demo_chart_write(page->out, &losses);
    demo_chart_write(page->out, &accuracies);
    fputs("</div></section>\n", page->out);
}

// ---- answers

// A class, or CLASSES where the file holds none.
static unsigned read_answer(const tt_json *item)
{
    bool is_class = item->kind == TT_JSON_NUMBER && item->number >= 0 && item->number < CLASSES;
    return is_class ? (unsigned)item->number : CLASSES;
}

static void write_answer(const report *page, size_t index, unsigned answer)
{
    const tt_dataset *test = &page->test;
    unsigned label = test->labels[index];
    fprintf(page->out, "<div class='answer%s'><img alt='test image %zu, %s' src='",
            answer == label ? "" : " wrong", index, tt_fashion_mnist_classes[label]);
    demo_picture_write(page->out, test->images + index * test->rows * test->columns, test->rows,
                       test->columns);
    fprintf(page->out, "'><p><b>%s</b><em>%s%s</em></p></div>\n",
            answer < CLASSES ? tt_fashion_mnist_classes[answer] : "?",
            answer == label ? "right" : "not ",
            answer == label ? "" : tt_fashion_mnist_classes[label]);
}

static void write_answers(const report *page)
{
    FILE *out = page->out;
    size_t confusion[CLASSES * CLASSES] = {0}, index = 0, errors = 0;
    const tt_json *answers = tt_json_get(page->results, "answers");
    fputs("<section><h2>What the watch answered</h2><p>The first images it was shown, in order, "
          "and below "
          "them the first ones it got wrong.</p><div class='gallery'>\n",
          out);
    for (const tt_json *at = answers->item; at != NULL && index < page->test.count;
         at = at->next, index++) {
        unsigned answer = read_answer(at);
        if (answer < CLASSES)
            confusion[page->test.labels[index] * CLASSES + answer]++;
        if (index < ANSWERS_SHOWN)
            write_answer(page, index, answer);
    }
    fputs("</div><h3>Where it erred</h3><div class='gallery'>\n", out);
    index = 0;
    for (const tt_json *at = answers->item;
         at != NULL && index < page->test.count && errors < ERRORS_SHOWN; at = at->next, index++)
        if (read_answer(at) != page->test.labels[index]) {
            write_answer(page, index, read_answer(at));
            errors++;
        }
    fputs("</div></section>\n<section><h2>What it mixes up</h2><p>Rows are what the picture shows, "
          "columns what the "
          "watch said. Right answers are blue, errors orange.</p><figure class='card'>",
          out);
    demo_confusion_write(
        out, tt_fashion_mnist_classes, confusion, CLASSES,
        "Confusion matrix: rows are what the pictures show, columns what the watch "
        "said; most counts lie on the diagonal");
    fputs("</figure></section>\n", out);
}

// ---- devices

static void write_cell(FILE *out, const char *label, const char *style, const char *text)
{
    fprintf(out, "<td data-label='%s' class='%s'><span>", label, style);
    demo_escape(out, text);
    fputs("</span></td>", out);
}

// The address alone: port and interface are the same for all.
static void write_address(FILE *out, const char *text)
{
    char address[TT_ENDPOINT_TEXT_MAX];
    size_t length = strcspn(text + (text[0] == '['), "%]");
    snprintf(address, sizeof(address), "%.*s", (int)length, text + (text[0] == '['));
    fputs("<td data-label='address'><code>", out);
    demo_escape(out, address);
    fputs("</code></td>", out);
}

static void write_device(FILE *out, const tt_json *device)
{
    char text[64], flash[32], ram[32], equal[32], of[32];
    fputs("<tr><td><span><b>", out);
    demo_escape(out, tt_json_get_text(device, "kind"));
    fputs("</b><small><code>", out);
    demo_escape(out, tt_json_get_text(device, "name"));
    fputs("</code></small></span></td>", out);
    write_cell(out, "board", "", tt_json_get_text(device, "board"));
    write_cell(out, "CPU", "", tt_json_get_text(device, "cpu"));
    write_address(out, tt_json_get_text(device, "address"));
    write_cell(out, "flash", "number", grouped(tt_json_get_number(device, "flash"), flash));
    write_cell(out, "RAM", "number", grouped(tt_json_get_number(device, "ram"), ram));
    double images = tt_json_get_number(device, "images");
    if (images > 0)
        snprintf(text, sizeof(text), "%s of %s",
                 grouped(tt_json_get_number(device, "equal"), equal), grouped(images, of));
    write_cell(out, "tensors equal", "number", images > 0 ? text : "asks the watch");
    double rtt_ms = tt_json_get_number(device, "rtt_ms_median");
    if (rtt_ms > 0)
        snprintf(text, sizeof(text), "%.2f ms", rtt_ms);
    write_cell(out, "median answer", "number", rtt_ms > 0 ? text : "");
    fputs("</tr>\n", out);
}

static void write_devices(const report *page)
{
    fputs("<section><h2>Who took part</h2><p>One kernel, one network stack, one bus and one "
          "runtime, built for four "
          "machines. Each device made its name from its own seed and took its address by itself; "
          "flash and RAM are in "
          "bytes, stacks included.</p><div "
          "class='card'><table><thead><tr><th scope='col'>device</th><th scope='col'>board</th>"
          "<th scope='col'>CPU</th><th scope='col'>address</th><th scope='col' class='number'>flash"
          "</th><th scope='col' class='number'>RAM</th><th scope='col' class='number'>tensors "
          "equal</th><th scope='col' class='number'>median answer</th></tr></thead><tbody>\n",
          page->out);
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

typedef enum tick_kind { TICK_DISCOVERY, TICK_PRESENCE, TICK_BLOCK, TICK_MESSAGE, TICKS } tick_kind;

static const char *const tick_styles[TICKS] = {"s3", "s5", "s4", "s1"};

static tick_kind kind_of(const demo_frame *frame)
{
    if (frame->protocol == DEMO_MDNS)
        return TICK_DISCOVERY;
    if (!demo_frame_asks(frame))
        return TICK_PRESENCE;
    return strstr(frame->text, " block ") != NULL ? TICK_BLOCK : TICK_MESSAGE;
}

// What may be wider than a phone scrolls by itself, by keys too.
static void open_scroll(FILE *out, const char *label)
{
    fprintf(out, "<div class='scroll' tabindex='0' role='region' aria-label='%s'>", label);
}

static void write_timeline(const report *page, const lanes *all, double start, double end)
{
    static demo_tick ticks[TICKS_MAX];
    size_t count = 0;
    char path[PATH_MAX_BYTES];
    bool nanoseconds;
    demo_frame frame;
    path_in(page, "fleet.pcap", path);
    FILE *file = demo_capture_open(path, &nanoseconds);
    if (file == NULL)
        return;
    double last[DEMO_LANES_MAX][TICKS];
    for (size_t i = 0; i < DEMO_LANES_MAX * TICKS; i++)
        last[i / TICKS][i % TICKS] = -1;
    while (count < TICKS_MAX && demo_capture_next(file, nanoseconds, &frame)) {
        size_t lane = lane_of(all, frame.from);
        double time = frame.time_s - start;
        if (lane == all->count || frame.protocol == DEMO_OTHER || time < 0 || time > end - start)
            continue;
        tick_kind kind = kind_of(&frame);
        double *before = &last[lane][kind];
        if (*before >= 0 && time - *before < TICK_APART_S)
            continue;
        *before = time;
        ticks[count++] = (demo_tick){time, (unsigned)lane, tick_styles[kind]};
    }
    fclose(file);
    fputs("<figure class='card'><figcaption>The first seconds<span class='key s3'>discovery</span>"
          "<span class='key s4'>the plan, block by block</span><span class='key s1'>questions and "
          "answers</span><span class='key s5'>presence</span>"
          "</figcaption>",
          page->out);
    open_scroll(page->out, "timeline");
    demo_timeline_write(page->out, all->names, all->count, ticks, count, end - start,
                        "When each device sent something: discovery first, then the plan, then "
                        "questions and answers, and signs of presence throughout");
    fputs("</div></figure>\n", page->out);
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
    char path[PATH_MAX_BYTES];
    bool nanoseconds;
    unsigned place[DEMO_LANES_MAX];
    demo_frame frame;
    *read = (sequence){.count = 0};
    for (size_t i = 0; i < DEMO_LANES_MAX; i++)
        place[i] = DEMO_LANES_MAX;
    path_in(page, "fleet.pcap", path);
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
        read->arrows[read->count] = (demo_arrow){1000 * (frame.time_s - start), place[ends[0]],
                                                 place[ends[1]], read->said[read->count]};
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
    open_scroll(page->out, title);
    demo_sequence_write(page->out, read.names, read.drawn, read.arrows, read.count, label);
    fputs("</div>", page->out);
    if (read.more > 0)
        fprintf(page->out, "<p class='more'>and %u more</p>", read.more);
    fputs("</figure>\n", page->out);
}

static void write_messages(const report *page)
{
    lanes all = find_lanes(page);
    const tt_json *windows = tt_json_get(page->results, "windows");
    const tt_json *ask = tt_json_get(page->results, "ask");
    double start = tt_json_get_number(windows, "start"), end = tt_json_get_number(windows, "end");
    unsigned answer = read_answer(tt_json_get(ask, "answer"));
    char bytes[32];
    fprintf(page->out,
            "<section><h2>What was said</h2><p>Every frame of the virtual Ethernet was captured. "
            "Nobody was told an address: the devices announced themselves, and the rest is CoAP "
            "between them. The plan&rsquo;s %s bytes took %.0f ms. The TV, which holds no model, "
            "found the watch and asked it about the first picture: <b>%s</b>, after %.1f ms and "
            "%.0f frames between the two.</p>\n",
            grouped(tt_json_get_number(page->plan, "plan_bytes"), bytes),
            tt_json_get_number(page->results, "transfer_ms"),
            answer < CLASSES ? tt_fashion_mnist_classes[answer] : "?",
            tt_json_get_number(ask, "ms"), tt_json_get_number(ask, "frames"));
    if (end > start)
        write_timeline(page, &all, start, end);
    fputs("<div class='two'><div>", page->out);
    write_sequence(page, &all, "The plan to the watch", "plan", PLAN_ARROWS);
    write_sequence(page, &all, "One question to the watch", "classify", ARROWS_MAX);
    fputs("</div><div>", page->out);
    write_sequence(page, &all, "The TV, which has no model, asks the watch", "ask", ARROWS_MAX);
    fputs("</div></div></section>\n", page->out);
}

static bool read_json(const report *page, const char *name, tt_json **root)
{
    char path[PATH_MAX_BYTES], sentence[PATH_MAX_BYTES + 128];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    path_in(page, name, path);
    if (tt_json_read(path, root, &why) == TT_OK)
        return true;
    fprintf(stderr, "tutti-report: %s\n", sentence);
    return false;
}

// ---- the figures again, for whoever compares runs

static void print_lines(const report *page)
{
    printf("bench demo.accuracy_float %.2f percent\n",
           100 * tt_json_get_number(page->plan, "accuracy_float"));
    printf("bench demo.accuracy_int8 %.2f percent\n",
           100 * tt_json_get_number(page->plan, "accuracy_int8"));
    printf("bench demo.accuracy_watch %.2f percent\n",
           tt_json_get_number(page->results, "accuracy_watch"));
    printf("bench demo.watch_equal %.0f of_%.0f\n", tt_json_get_number(page->results, "equal"),
           tt_json_get_number(page->results, "images"));
    printf("bench demo.train %.0f images/s\n",
           tt_json_get_number(page->history, "images_per_second"));
    printf("bench demo.plan %.0f bytes\n", tt_json_get_number(page->plan, "plan_bytes"));
    printf("bench demo.watch_inference %.0f instructions\n",
           tt_json_get_number(page->results, "watch_inference"));
    printf("bench demo.watch_rtt %.2f ms\n", tt_json_get_number(page->results, "rtt_ms_median"));
    for (const tt_json *at = tt_json_get(page->results, "devices")->item; at != NULL;
         at = at->next) {
        const char *kind = tt_json_get_text(at, "kind");
        printf("bench demo.%s_flash %.0f bytes\n", kind, tt_json_get_number(at, "flash"));
        printf("bench demo.%s_ram %.0f bytes\n", kind, tt_json_get_number(at, "ram"));
    }
}

int main(int count, char **words)
{
    static report page;
    char path[PATH_MAX_BYTES], sentence[512];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (count != 2) {
        fprintf(stderr, "tutti-report: expected one folder, such as build/demo\n");
        return 2;
    }
    page.folder = words[1];
    if (strlen(page.folder) > FOLDER_MAX) {
        fprintf(stderr, "tutti-report: expected a folder's path of at most %d bytes\n", FOLDER_MAX);
        return 2;
    }
    if (!read_json(&page, "history.json", &page.history) ||
        !read_json(&page, "plan.json", &page.plan) ||
        !read_json(&page, "results.json", &page.results))
        return 4;
    if (tt_fashion_mnist_load(&page.train, &page.test, NULL, &why) != TT_OK) {
        fprintf(stderr, "tutti-report: %s\n", sentence);
        return 4;
    }
    path_in(&page, "report.html", path);
    tt_file_out out;
    if (tt_file_begin(&out, "report", path) != TT_EXIT_OK)
        return 1;
    page.out = out.stream;
    write_head(&page);
    write_figures(&page);
    write_training(&page);
    write_answers(&page);
    write_devices(&page);
    write_messages(&page);
    fputs("<footer>Made by the demonstration itself, from its own measurements; every figure is of "
          "this run.</footer>"
          "\n</main></body></html>\n",
          page.out);
    if (tt_file_commit(&out) != TT_EXIT_OK)
        return 1;
    print_lines(&page);
    tt_json_free(page.history);
    tt_json_free(page.plan);
    tt_json_free(page.results);
    tt_dataset_free(&page.train);
    tt_dataset_free(&page.test);
    return 0;
}
