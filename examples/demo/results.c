// results.json, from which the report is drawn: the devices' answers and sizes, and what a figure
// is worth only together with: date, host, compilers, emulator.

#define _GNU_SOURCE // memmem

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/json.h"
#include "cli/say.h"
#include "examples/demo/capture.h"
#include "examples/demo/demo.h"

#define IMAGE_BYTES_MAX ((size_t)64 << 20)
#define TIMELINE_AFTER_PLAN_S 1.0 // of questions that the report's timeline still shows

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

// ---- images

// gcc signs what it compiles, in .comment: "GCC: (15:12.2.rel1-1) 12.2.1 20221205"; in brackets is
// the packager's own version. "" where it did not.
static void find_compiler(const uint8_t *image, size_t length, char compiler[DEMO_TEXT_BYTES])
{
    static const char sign[] = "GCC: (";
    const char *found = memmem(image, length, sign, sizeof(sign) - 1);
    char said[DEMO_TEXT_BYTES] = "";
    compiler[0] = '\0';
    if (found == NULL)
        return;
    size_t left = length - (size_t)(found - (const char *)image);
    memcpy(said, found, left < sizeof(said) ? left : sizeof(said) - 1);
    const char *number = strstr(said, ") ");
    if (number != NULL)
        snprintf(compiler, DEMO_TEXT_BYTES, "gcc %.*s", (int)strcspn(number + 2, " "), number + 2);
}

void demo_measure_image(demonstration *demo, tt_kind kind, const char *path)
{
    demo_participant *who = &demo->participants[kind];
    uint8_t *bytes;
    size_t length;
    char sentence[256];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_file_read("demo", path, IMAGE_BYTES_MAX, &bytes, &length) != TT_EXIT_OK)
        exit(TT_EXIT_MISSING);
    if (tt_elf_measure(bytes, length, &who->sizes, &why) != TT_OK)
        demo_fail(demo, "%s: %s", path, sentence);
    if (tt_elf_find_size(bytes, length, "tt_product_slots", &who->slot_bytes, NULL) != TT_OK)
        who->slot_bytes = 0; // it runs no models
    find_compiler(bytes, length, who->compiler);
    free(bytes);
    tt_say("  %-6s flash %8llu bytes, RAM %8llu bytes, of it for models %llu", tt_kind_names[kind],
           (unsigned long long)who->sizes.flash, (unsigned long long)who->sizes.ram,
           (unsigned long long)who->slot_bytes);
}

// ---- the host

// The value behind `key` and any of " \t:=\"" in a text file such as /proc/cpuinfo; "" without one.
static void read_value(const char *path, const char *key, char value[DEMO_TEXT_BYTES])
{
    char line[512];
    FILE *file = fopen(path, "r");
    value[0] = '\0';
    while (file != NULL && value[0] == '\0' && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *from = line + strlen(key) + strspn(line + strlen(key), " \t:=\"");
            snprintf(value, DEMO_TEXT_BYTES, "%.*s", (int)strcspn(from, "\"\n"), from);
        }
    if (file != NULL)
        fclose(file);
}

static void write_host(tt_json_writer *json)
{
    char text[DEMO_TEXT_BYTES];
    struct utsname names;
    time_t now = time(NULL);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", gmtime(&now));
    tt_json_text(json, "date", text);
    tt_json_open(json, "host", '{');
    read_value("/proc/cpuinfo", "model name", text); // of the first core
    if (text[0] == '\0' && uname(&names) == 0)       // not every machine tells its model
        snprintf(text, sizeof(text), "%s", names.machine);
    tt_json_text(json, "cpu", text);
    tt_json_number(json, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    double load[3]; // over 1, 5 and 15 minutes: what else ran
    if (getloadavg(load, 3) == 3)
        tt_json_number(json, "load", load[1]);
    read_value("/etc/os-release", "PRETTY_NAME", text);
    tt_json_text(json, "os", text);
    tt_json_text(json, "compiler", COMPILER);
    const char *emulator = getenv("EMULATOR");
    tt_json_text(json, "emulator", emulator != NULL ? emulator : "");
    tt_json_close(json, '}');
}

// ---- the devices

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double demo_median_ms(const demo_participant *who)
{
    static double sorted[DEMO_IMAGES_MAX];
    memcpy(sorted, who->rtt_ms, who->images * sizeof(sorted[0]));
    qsort(sorted, who->images, sizeof(sorted[0]), by_size);
    return who->images > 0 ? sorted[who->images / 2] : 0;
}

static void write_device(tt_json_writer *json, const demonstration *demo, tt_kind kind)
{
    const demo_participant *who = &demo->participants[kind];
    char address[TT_ENDPOINT_TEXT_MAX];
    tt_text text;
    tt_text_init(&text, address, sizeof(address));
    tt_endpoint_format(&who->peer.endpoint, &text);
    tt_json_open(json, NULL, '{');
    tt_json_text(json, "kind", tt_kind_names[kind]);
    tt_json_text(json, "name", who->peer.name);
    tt_json_text(json, "address", address);
    tt_json_text(json, "board", who->identity.board);
    tt_json_text(json, "cpu", who->identity.cpu);
    tt_json_text(json, "version", who->identity.version);
    tt_json_text(json, "commit", who->identity.commit);
    tt_json_text(json, "compiler", who->compiler);
    tt_json_word(json, "emulated", kind == TT_LINUX ? "false" : "true");
    tt_json_number(json, "flash", (double)who->sizes.flash);
    tt_json_number(json, "ram", (double)who->sizes.ram);
    tt_json_number(json, "slots", (double)who->slot_bytes);
    tt_json_number(json, "images", who->images);
    tt_json_number(json, "equal", who->equal);
    tt_json_number(json, "host_ms_median", demo_median_ms(who));
    tt_json_close(json, '}');
}

static void write_window(tt_json_writer *json, const char *key, const demo_window *shown)
{
    tt_json_open(json, key, '[');
    tt_json_number(json, NULL, shown->start);
    tt_json_number(json, NULL, shown->end);
    tt_json_close(json, ']');
}

// The time of the capture's first frame, which is when the fleet started to speak.
static double capture_start(const demonstration *demo)
{
    char path[DEMO_PATH_BYTES];
    bool nanoseconds;
    demo_frame frame = {.time_s = 0};
    demo_path(demo, "fleet.pcap", path);
    FILE *file = demo_capture_open(path, &nanoseconds);
    if (file == NULL || !demo_capture_next(file, nanoseconds, &frame))
        demo_fail(demo, "%s holds no frame", path);
    fclose(file);
    return frame.time_s;
}

void demo_write_results(const demonstration *demo)
{
    const demo_participant *watch = &demo->participants[TT_WATCH];
    char path[DEMO_PATH_BYTES], address[TT_ENDPOINT_TEXT_MAX] = "";
    demo_path(demo, "results.json", path);
    tt_file_out out;
    if (tt_file_begin(&out, "demo", path) != TT_EXIT_OK)
        exit(1);
    tt_endpoint own[TT_ADDRESSES_MAX];
    tt_platform *platform = demo->client.platform;
    size_t count = platform->operations->addresses(platform, own, TT_ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++)
        if (!tt_endpoint_is_ipv4(&own[i])) {
            tt_text text;
            tt_text_init(&text, address, sizeof(address));
            tt_endpoint_format(&own[i], &text);
            break;
        }
    tt_json_writer json = {.file = out.stream};
    tt_json_open(&json, NULL, '{');
    write_host(&json);
    tt_json_number(&json, "images", watch->images);
    tt_json_number(&json, "equal", watch->equal);
    tt_json_number(&json, "accuracy_watch", 100.0 * watch->right / watch->images);
    tt_json_number(&json, "host_ms_median", demo_median_ms(watch));
    tt_json_number(&json, "host_transfer_ms", demo->transfer_ms);
    const char *instructions = getenv("WATCH_INSTRUCTIONS");
    if (instructions != NULL)
        tt_json_number(&json, "watch_inference", strtod(instructions, NULL));
    tt_json_text(&json, "client", address);
    tt_json_open(&json, "devices", '[');
    for (unsigned i = 0; i < TT_KINDS; i++)
        if (demo->participants[i].present)
            write_device(&json, demo, (tt_kind)i);
    tt_json_close(&json, ']');
    tt_json_open(&json, "ask", '{');
    tt_json_number(&json, "answer", demo->ask_answer);
    tt_json_number(&json, "host_ms", demo->ask_ms);
    tt_json_number(&json, "frames", demo->ask_frames);
    tt_json_close(&json, '}');
    tt_json_open(&json, "windows", '{');
    tt_json_number(&json, "start", capture_start(demo));
    tt_json_number(&json, "end", demo->transfer.end + TIMELINE_AFTER_PLAN_S);
    write_window(&json, "plan", &demo->transfer);
    write_window(&json, "classify", &demo->classify);
    write_window(&json, "ask", &demo->ask);
    tt_json_close(&json, '}');
    tt_json_open(&json, "answers", '[');
    for (unsigned i = 0; i < watch->images; i++)
        tt_json_number(&json, NULL, watch->answers[i]);
    tt_json_close(&json, ']');
    tt_json_close(&json, '}');
    fputc('\n', out.stream);
    if (tt_file_commit(&out) != TT_EXIT_OK)
        exit(1);
}
