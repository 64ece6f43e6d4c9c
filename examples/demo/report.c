// Draws build/demo/report.html: one self-contained page from what the demonstration wrote.
//
//     tutti-report FOLDER
//
// FOLDER holds history.json (tutti train), plan.json (tutti compile), results.json (tutti-demo) and
// fleet.pcap (the switch); the images come from the data set. Nothing in the page refers to a
// network.
//
// What is measured by the host's clock is called so, and stands beside no emulated processor: how
// fast QEMU runs says nothing of a device.

#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "examples/demo/chart.h"
#include "examples/demo/report.h"

#define FOLDER_MAX (REPORT_PATH_BYTES - 64) // leaves room for each file's name
#define CLOCK_BOARD "mps2-an386"
#define CLOCK_MHZ 25.0 // of that board: Arm, application note 386 for the MPS2, "Clocks"

extern const char demo_style[]; // report.css, from the build

void report_path(const report *page, const char *name, char path[REPORT_PATH_BYTES])
{
    snprintf(path, REPORT_PATH_BYTES, "%s/%s", page->folder, name);
}

const char *report_grouped(double value, char text[32])
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

unsigned report_answer(const tt_json *item)
{
    bool is_class =
        item->kind == TT_JSON_NUMBER && item->number >= 0 && item->number < REPORT_CLASSES;
    return is_class ? (unsigned)item->number : REPORT_CLASSES;
}

// The first device of a kind; an empty value where none took part.
static const tt_json *device_of(const report *page, const char *kind)
{
    const tt_json *at = tt_json_get(page->results, "devices")->item;
    while (at != NULL && strcmp(tt_json_get_text(at, "kind"), kind) != 0)
        at = at->next;
    return at != NULL ? at : tt_json_get(page->results, "");
}

// The least time for one inference: one cycle an instruction. 0 where the board's clock or the
// instructions are not known.
static double least_ms(const report *page)
{
    const char *board = tt_json_get_text(device_of(page, "watch"), "board");
    return strcmp(board, CLOCK_BOARD) == 0
               ? tt_json_get_number(page->results, "watch_inference") / (CLOCK_MHZ * 1e3)
               : 0;
}

// ---- head

static void write_emulator(const report *page)
{
    const char *version = tt_json_get_text(tt_json_get(page->results, "host"), "emulator");
    fputs("QEMU", page->out);
    if (version[0] != '\0')
        fputc(' ', page->out);
    demo_escape(page->out, version);
}

static void write_head(const report *page)
{
    FILE *out = page->out;
    const tt_json *watch = device_of(page, "watch");
    char images[32], equal[32], bytes[32];
    fprintf(out,
            "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
            "<meta name='color-scheme' content='light dark'>\n"
            "<title>Tutti: from real images to an answer on a watch</title>\n"
            "<style>\n%s</style></head>\n<body><main>\n<header>"
            "<p class='eyebrow'>Tutti &middot; the demonstration, emulated under QEMU</p>\n"
            "<h1>From real images to an answer on a watch</h1>\n"
            "<p class='lead'>A network learned on a server to tell clothes apart, was compiled to "
            "a plan of %s bytes, and was sent over the bus to a watch that had announced itself. "
            "The watch, emulated under QEMU, answered %s questions; %s of its output tensors equal "
            "the reference, bit for bit.</p>\n<p class='made'>",
            demo_style, report_grouped(tt_json_get_number(page->plan, "plan_bytes"), bytes),
            report_grouped(tt_json_get_number(page->results, "images"), images),
            report_grouped(tt_json_get_number(page->results, "equal"), equal));
    demo_escape(out, tt_json_get_text(page->results, "date"));
    fputs(" &middot; version ", out);
    demo_escape(out, tt_json_get_text(watch, "version"));
    fputs(", commit ", out);
    demo_escape(out, tt_json_get_text(watch, "commit"));
    fputs(" &middot; <a href='#made'>how it was made</a></p></header>\n", out);
}

// ---- figures

static void figure(FILE *out, const char *style, const char *number, const char *unit,
                   const char *meaning)
{
    fprintf(out, "<div class='figure %s'><b>%s<small>%s</small></b><span>%s</span></div>\n", style,
            number, unit, meaning);
}

// A share of images, always with their number.
static void write_accuracy(FILE *out, double percent, int decimals, const char *what, double images)
{
    char number[32], meaning[128], count[32];
    snprintf(number, sizeof(number), "%.*f", decimals, percent);
    snprintf(meaning, sizeof(meaning), "%s, of %s test images", what,
             report_grouped(images, count));
    figure(out, "", number, "%", meaning);
}

static void write_watch_figures(const report *page)
{
    FILE *out = page->out;
    const tt_json *watch = device_of(page, "watch");
    double images = tt_json_get_number(page->results, "images"), least = least_ms(page);
    double instructions = tt_json_get_number(page->results, "watch_inference");
    char number[64], group[32], meaning[160];
    fputs("<h2 class='group'>The watch <small>", out);
    demo_escape(out, tt_json_get_text(watch, "board"));
    fputs(", ", out);
    demo_escape(out, tt_json_get_text(watch, "cpu"));
    fputs(", emulated under ", out);
    write_emulator(page);
    fputs("</small></h2>\n<div class='figures'>\n", out);
    snprintf(number, sizeof(number), "of %s", report_grouped(images, group));
    figure(out, "proud", report_grouped(tt_json_get_number(page->results, "equal"), group), number,
           "output tensors equal the reference, whole");
    figure(out, "", report_grouped(tt_json_get_number(watch, "flash"), group), "bytes",
           "flash: code, constants and initial values");
    snprintf(meaning, sizeof(meaning), "RAM, stacks included; %s of it are room for models",
             report_grouped(tt_json_get_number(watch, "slots"), group));
    figure(out, "", report_grouped(tt_json_get_number(watch, "ram"), group), "bytes", meaning);
    figure(out, "", report_grouped(tt_json_get_number(page->plan, "arena_bytes"), group), "bytes",
           "arena: what this network works in");
    write_accuracy(out, tt_json_get_number(page->results, "accuracy_watch"), 1, "right", images);
    figure(out, "", report_grouped(tt_json_get_number(page->plan, "plan_bytes"), group), "bytes",
           "the plan: weights and steps in one file");
    if (instructions > 0) {
        snprintf(number, sizeof(number), "%.2f", instructions / 1e6);
        figure(out, "", number, "M", "instructions for one image, counted by QEMU");
    }
    if (least > 0) {
        snprintf(number, sizeof(number), "&ge; %.0f", least);
        snprintf(meaning, sizeof(meaning),
                 "for one image at the board&rsquo;s %.0f MHz, if each instruction took one cycle",
                 CLOCK_MHZ);
        figure(out, "", number, "ms", meaning);
    }
    fputs("</div>\n", out);
}

static void write_server_figures(const report *page)
{
    FILE *out = page->out;
    double images = tt_json_get_number(page->plan, "images"), seconds = 0;
    const tt_json *host = tt_json_get(page->results, "host");
    char number[32], group[32], count[32], meaning[96];
    for (const tt_json *at = tt_json_get(page->history, "epochs")->item; at != NULL; at = at->next)
        seconds = tt_json_get_number(at, "seconds"); // since the start: the last is the whole
    fputs("<h2 class='group'>The server <small>", out);
    demo_escape(out, tt_json_get_text(host, "cpu"));
    fprintf(out, ", %.0f core%s, not emulated</small></h2>\n<div class='figures'>\n",
            tt_json_get_number(host, "cores"), tt_json_get_number(host, "cores") == 1 ? "" : "s");
    write_accuracy(out, 100 * tt_json_get_number(page->plan, "accuracy_float"), 2, "right in float",
                   images);
    write_accuracy(out, 100 * tt_json_get_number(page->plan, "accuracy_int8"), 2, "right in int8",
                   images);
    figure(out, "", report_grouped(tt_json_get_number(page->history, "images_per_second"), group),
           "/s", "images learned from, in training");
    snprintf(number, sizeof(number), "%.0f", seconds);
    snprintf(meaning, sizeof(meaning), "of training: %zu &times; %s images, seed %.0f",
             tt_json_count(tt_json_get(page->history, "epochs")),
             report_grouped(tt_json_get_number(page->history, "images"), count),
             tt_json_get_number(page->history, "seed"));
    figure(out, "", number, "s", meaning);
    fputs("</div>\n", out);
}

// ---- how it was made

static void open_fact(FILE *out, const char *name)
{
    fprintf(out, "<div><dt>%s</dt><dd>", name);
}

static void close_fact(FILE *out)
{
    fputs("</dd></div>\n", out);
}

static void write_fact(FILE *out, const char *name, const char *text)
{
    open_fact(out, name);
    demo_escape(out, text[0] != '\0' ? text : "not known");
    close_fact(out);
}

// Of the host's programs, and of each image.
static void write_compilers(const report *page)
{
    open_fact(page->out, "compilers");
    demo_escape(page->out, tt_json_get_text(tt_json_get(page->results, "host"), "compiler"));
    fputs(" on the host", page->out);
    for (const tt_json *at = tt_json_get(page->results, "devices")->item; at != NULL; at = at->next)
        if (tt_json_get(at, "emulated")->kind == TT_JSON_TRUE) {
            fputs("; ", page->out);
            demo_escape(page->out, tt_json_get_text(at, "compiler"));
            fputs(" for the ", page->out);
            demo_escape(page->out, tt_json_get_text(at, "kind"));
        }
    close_fact(page->out);
}

static void write_samples(const report *page)
{
    FILE *out = page->out;
    char count[32];
    open_fact(out, "samples");
    fprintf(out, "learned from %s images",
            report_grouped(tt_json_get_number(page->history, "images"), count));
    fprintf(out, ", ranges for int8 from %s of them",
            report_grouped(tt_json_get_number(page->plan, "calibration_images"), count));
    fprintf(out, "; accuracy on the server of %s test images",
            report_grouped(tt_json_get_number(page->plan, "images"), count));
    const char *before = "; questions about the first of them: ";
    for (const tt_json *at = tt_json_get(page->results, "devices")->item; at != NULL;
         at = at->next) {
        if (tt_json_get_number(at, "images") == 0)
            continue;
        fputs(before, out);
        demo_escape(out, tt_json_get_text(at, "kind"));
        fprintf(out, " %s", report_grouped(tt_json_get_number(at, "images"), count));
        before = ", ";
    }
    fputs("; one run, nothing chosen afterwards", out);
    close_fact(out);
}

static void write_made(const report *page)
{
    FILE *out = page->out;
    const tt_json *host = tt_json_get(page->results, "host"), *watch = device_of(page, "watch");
    char count[32];
    fputs("<section id='made'><h2>How it was made</h2><p>By the demonstration itself, in one run; "
          "every figure is of this run. Version, commit, board and CPU are what the devices say of "
          "themselves.</p><dl class='card facts'>\n",
          out);
    write_fact(out, "date", tt_json_get_text(page->results, "date"));
    open_fact(out, "Tutti");
    fputs("version ", out);
    demo_escape(out, tt_json_get_text(watch, "version"));
    fputs(", commit ", out);
    demo_escape(out, tt_json_get_text(watch, "commit"));
    close_fact(out);
    open_fact(out, "host");
    demo_escape(out, tt_json_get_text(host, "cpu"));
    fprintf(out, ", %.0f cores, ", tt_json_get_number(host, "cores"));
    demo_escape(out, tt_json_get_text(host, "os"));
    fprintf(out, "; on average %.1f programs wanted to run in the five minutes before the end",
            tt_json_get_number(host, "load"));
    close_fact(out);
    open_fact(out, "emulator");
    write_emulator(page);
    fputs(", for every device but the Linux node, which is a process of the host", out);
    close_fact(out);
    write_compilers(page);
    open_fact(out, "seed");
    fprintf(out, "%.0f, of weights and order", tt_json_get_number(page->history, "seed"));
    close_fact(out);
    write_samples(page);
    if (least_ms(page) > 0) {
        open_fact(out, "time");
        fprintf(out,
                "QEMU is not the board: how long an answer takes here is the host&rsquo;s doing. "
                "What holds is the count: %s instructions an image. At %.0f MHz and one "
                "instruction a cycle that is at least %.0f ms; waits for memory and "
                "instructions of several cycles come on top. No board was measured.",
                report_grouped(tt_json_get_number(page->results, "watch_inference"), count),
                CLOCK_MHZ, least_ms(page));
        close_fact(out);
    }
    fputs("</dl></section>\n", out);
}

static bool read_json(const report *page, const char *name, tt_json **root)
{
    char path[REPORT_PATH_BYTES], sentence[REPORT_PATH_BYTES + 128];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    report_path(page, name, path);
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
    if (least_ms(page) > 0)
        printf("bench demo.watch_least_at_25_MHz %.1f ms\n", least_ms(page));
    printf("bench demo.watch_arena %.0f bytes\n", tt_json_get_number(page->plan, "arena_bytes"));
    printf("bench demo.emulated_rtt %.2f ms_of_the_host\n",
           tt_json_get_number(page->results, "host_ms_median"));
    for (const tt_json *at = tt_json_get(page->results, "devices")->item; at != NULL;
         at = at->next) {
        const char *kind = tt_json_get_text(at, "kind");
        printf("bench demo.%s_flash %.0f bytes\n", kind, tt_json_get_number(at, "flash"));
        printf("bench demo.%s_ram %.0f bytes\n", kind, tt_json_get_number(at, "ram"));
        printf("bench demo.%s_ram_without_models %.0f bytes\n", kind,
               tt_json_get_number(at, "ram") - tt_json_get_number(at, "slots"));
    }
}

int main(int count, char **words)
{
    static report page;
    char path[REPORT_PATH_BYTES], sentence[512];
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
    report_path(&page, "report.html", path);
    tt_file_out out;
    if (tt_file_begin(&out, "report", path) != TT_EXIT_OK)
        return 1;
    page.out = out.stream;
    write_head(&page);
    write_watch_figures(&page);
    write_server_figures(&page);
    report_write_training(&page);
    report_write_answers(&page);
    report_write_devices(&page);
    report_write_messages(&page);
    write_made(&page);
    fputs("</main></body></html>\n", page.out);
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
