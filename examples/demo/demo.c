// The part of the demonstration that asks the devices: one more node on the fleet's bus.
//
//     tutti-demo FOLDER [IMAGES] [OTHERS]
//
// FOLDER holds fashion.plan and reference.bin (tutti compile), fleet.pcap and fleet/ (tutti up). It
// finds the devices, sends the plan to each that runs one, asks the watch about IMAGES test images
// and the others about OTHERS, compares the whole answer by the reference's, asks the TV
// to ask the watch, and writes results.json. A kind that the fleet does not have is left out, all
// but the watch and the TV.

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/print.h"
#include "cli/say.h"
#include "examples/demo/capture.h"
#include "examples/demo/demo.h"
#include "tutti/bytes.h"
#include "tutti/cbor.h"

#define FOLDER_MAX (DEMO_PATH_BYTES - 64) // leaves room for each file's name
#define CLASSES 10
#define FIND_TIMEOUT TT_SECONDS(30)
#define CALL_TIMEOUT TT_SECONDS(30)
#define SETTLE_TIME TT_MS(5)
#define MODEL_PATH "ai/models/fashion"
#define ASK_PATH "ai/ask/fashion"

// What the build makes of each kind, below its folder, and what it is for; the rest a device says
// itself, or it is measured.
static const struct {
    const char *image;
    bool runs_plan;
} kinds[TT_KINDS] = {
    [TT_WATCH] = {"../../../cortex-m4/products/watch/watch.elf", true},
    [TT_CAR] = {"../../../riscv64/products/car/car.elf", true},
    [TT_TV] = {"../../../aarch64/products/tv/tv.elf", false},
    [TT_LINUX] = {"../../products/linux/tutti-node", true},
};

static double seconds_since_1970(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

_Noreturn void demo_fail(const demonstration *demo, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    tt_say_error(
        "demo: %s\ndemo: the devices' consoles are %s/fleet/*.log, the frames %s/fleet.pcap",
        sentence, demo->folder, demo->folder);
    exit(1);
}

void demo_path(const demonstration *demo, const char *name, char path[DEMO_PATH_BYTES])
{
    snprintf(path, DEMO_PATH_BYTES, "%s/%s", demo->folder, name);
}

static void load(demonstration *demo)
{
    char path[DEMO_PATH_BYTES], sentence[512];
    size_t bytes;
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_fashion_mnist_load(&demo->train, &demo->test, NULL, &why) != TT_OK)
        demo_fail(demo, "%s", sentence);
    demo_path(demo, "fashion.plan", path);
    if (tt_file_read("demo", path, (size_t)1 << 20, &demo->plan, &demo->plan_bytes) != TT_EXIT_OK)
        exit(TT_EXIT_MISSING);
    demo_path(demo, "reference.bin", path);
    if (tt_file_read("demo", path, DEMO_IMAGES_MAX * CLASSES, &demo->reference, &bytes) !=
        TT_EXIT_OK)
        exit(TT_EXIT_MISSING);
    demo->reference_count = bytes / CLASSES;
}

// ---- asking

static void check_code(const demonstration *demo, const char *what, tt_status status,
                       const tt_answer *answer, tt_code expected)
{
    char code[40];
    if (status != TT_OK)
        demo_fail(demo, "%s: %s", what, tt_status_text(status));
    if (answer->code != expected)
        demo_fail(demo, "%s was answered %s: %.*s", what, tt_code_text(answer->code, code),
                  (int)answer->length, (const char *)answer->payload);
}

// The bytes or text under `key` in a CBOR map; false where there are none.
static bool find_string(const tt_answer *map, const char *key, tt_cbor_item *item)
{
    tt_reader reader;
    tt_reader_init(&reader, map->payload, map->length);
    return tt_cbor_find(&reader, key) == TT_OK && tt_cbor_next(&reader, item) == TT_OK &&
           (item->type == TT_CBOR_BYTES || item->type == TT_CBOR_TEXT);
}

// The text under `key` in a CBOR map, cut to its place; "" where there is none.
static void copy_text(const tt_answer *map, const char *key, char text[DEMO_TEXT_BYTES])
{
    tt_cbor_item item;
    if (!find_string(map, key, &item))
        item = (tt_cbor_item){.bytes = (const uint8_t *)""};
    snprintf(text, DEMO_TEXT_BYTES, "%.*s", (int)item.length, (const char *)item.bytes);
}

static void identify(demonstration *demo, demo_participant *who)
{
    uint8_t payload[1024];
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_call call = {.peer = who->peer.endpoint,
                    .method = TT_GET,
                    .path = "device",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_CBOR,
                    .timeout = CALL_TIMEOUT};
    tt_status status = tt_client_ask(&demo->client, &call, &answer);
    check_code(demo, "GET /device", status, &answer, TT_CONTENT);
    copy_text(&answer, "board", who->identity.board);
    copy_text(&answer, "cpu", who->identity.cpu);
    copy_text(&answer, "version", who->identity.version);
    copy_text(&answer, "commit", who->identity.commit);
}

// The image of a kind lies beside this program, in the build's folder.
static void measure(demonstration *demo, tt_kind kind, const char *program)
{
    char path[DEMO_PATH_BYTES];
    const char *slash = strrchr(program, '/');
    snprintf(path, sizeof(path), "%.*s/%s", slash != NULL ? (int)(slash - program) : 1,
             slash != NULL ? program : ".", kinds[kind].image);
    demo_measure_image(demo, kind, path);
}

static void find(demonstration *demo, tt_kind kind)
{
    demo_participant *who = &demo->participants[kind];
    const char *name = tt_kind_names[kind];
    bool needed = kind == TT_WATCH || kind == TT_TV;
    tt_time patience = needed ? FIND_TIMEOUT : TT_SECONDS(3);
    const tt_peer *peer =
        tt_client_await(&demo->client, name, NULL, tt_client_now(&demo->client) + patience);
    if (peer == NULL && needed)
        demo_fail(demo, "no %s was found in 30 s", name);
    if (peer == NULL)
        return;
    char address[TT_ENDPOINT_TEXT_MAX];
    tt_text text;
    tt_text_init(&text, address, sizeof(address));
    tt_endpoint_format(&peer->endpoint, &text);
    who->present = true;
    who->peer = *peer;
    identify(demo, who);
    tt_say("  %-6s is %-14s at %s: %s, %s", name, peer->name, address, who->identity.board,
           who->identity.cpu);
}

static void on_progress(tt_call *call, size_t sent)
{
    tt_say_progress(false, "  sent %zu of %zu bytes", sent, call->length);
}

static double send_plan(demonstration *demo, demo_participant *to)
{
    uint8_t payload[512];
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_call call = {.peer = to->peer.endpoint,
                    .method = TT_PUT,
                    .path = MODEL_PATH,
                    .payload = demo->plan,
                    .length = demo->plan_bytes,
                    .content_format = TT_FORMAT_OCTETS,
                    .accept = TT_FORMAT_NONE,
                    .timeout = CALL_TIMEOUT,
                    .on_progress = on_progress};
    double start = clock_ms();
    tt_status status = tt_client_ask(&demo->client, &call, &answer);
    tt_code expected = answer.code == TT_CREATED ? TT_CREATED : TT_CHANGED;
    check_code(demo, "the plan", status, &answer, expected);
    double taken_ms = clock_ms() - start;
    tt_say("  %zu bytes to %s in %.0f ms", demo->plan_bytes, to->peer.name, taken_ms);
    return taken_ms;
}

// Asks for one image at `path`; the answer's payload is copied to `answer`. Returns milliseconds.
static double post_image(demonstration *demo, const tt_endpoint *peer, const char *path,
                         const char *query, size_t image, tt_answer *answer)
{
    size_t pixels = demo->test.rows * demo->test.columns;
    tt_call call = {.peer = *peer,
                    .method = TT_POST,
                    .path = path,
                    .query = query,
                    .payload = demo->test.images + image * pixels,
                    .length = pixels,
                    .content_format = TT_FORMAT_OCTETS,
                    .accept = TT_FORMAT_NONE,
                    .timeout = CALL_TIMEOUT};
    double start = clock_ms();
    tt_status status = tt_client_ask(&demo->client, &call, answer);
    double taken_ms = clock_ms() - start;
    check_code(demo, path, status, answer, TT_CONTENT);
    return taken_ms;
}

// The whole output tensor for one image.
static double classify(demonstration *demo, const tt_endpoint *peer, size_t image,
                       int8_t logits[CLASSES])
{
    uint8_t payload[512];
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    double taken_ms = post_image(demo, peer, MODEL_PATH, NULL, image, &answer);
    if (answer.length != CLASSES)
        demo_fail(demo, "expected an output tensor of %d bytes, got %zu", CLASSES, answer.length);
    memcpy(logits, payload, CLASSES);
    return taken_ms;
}

static unsigned greatest(const int8_t logits[CLASSES])
{
    unsigned best = 0;
    for (unsigned i = 1; i < CLASSES; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

// Lets the acknowledgement of the last answer reach the capture, so that it falls into the right
// window.
static void settle(demonstration *demo)
{
    tt_time end = tt_client_now(&demo->client) + SETTLE_TIME;
    while (tt_client_now(&demo->client) < end)
        tt_client_turn(&demo->client, end);
}

static void ask_images(demonstration *demo, demo_participant *who, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int8_t logits[CLASSES];
        if (i == 1) { // the first one warms caches and tables
            settle(demo);
            demo->classify.start = seconds_since_1970();
        }
        who->rtt_ms[i] = classify(demo, &who->peer.endpoint, i, logits);
        if (i == 1) {
            settle(demo);
            demo->classify.end = seconds_since_1970();
        }
        who->answers[i] = (uint8_t)greatest(logits);
        who->equal += memcmp(logits, demo->reference + i * CLASSES, CLASSES) == 0;
        who->right += who->answers[i] == demo->test.labels[i];
        who->images = i + 1;
        if (i % 10 == 9)
            tt_say_progress(false, "  %u of %u images, %u equal, %.1f %% right", i + 1, count,
                            who->equal, 100.0 * who->right / (i + 1));
    }
}

static void check_answers(const demonstration *demo, const demo_participant *who)
{
    tt_say("  %-14s %u of %u output tensors equal the reference, %.1f %% right, %.2f ms of the "
           "host a question",
           who->peer.name, who->equal, who->images, 100.0 * who->right / who->images,
           demo_median_ms(who));
    if (who->equal != who->images)
        demo_fail(demo, "%u of %u output tensors of the %s differ from the reference",
                  who->images - who->equal, who->images, who->peer.kind);
}

// ---- device to device

// Bus frames between two devices in the capture within a window of time.
static unsigned frames_between(const demonstration *demo, const tt_endpoint *a,
                               const tt_endpoint *b, const demo_window *within)
{
    char path[DEMO_PATH_BYTES];
    uint8_t x[6], y[6];
    unsigned count;
    demo_mac_of(a, x);
    demo_mac_of(b, y);
    demo_path(demo, "fleet.pcap", path);
    if (!demo_capture_between(path, x, y, within->start, within->end, &count))
        demo_fail(demo, "%s is no capture", path);
    return count;
}

// The watch that the TV says it asked: in a fleet of several it may be another than ours.
static const tt_peer *named_watch(demonstration *demo, const tt_cbor_item *device)
{
    char name[TT_NAME_MAX];
    if (device->length >= sizeof(name))
        demo_fail(demo, "the TV names a device with %zu bytes", (size_t)device->length);
    memcpy(name, device->bytes, device->length);
    name[device->length] = '\0';
    const tt_peer *peer = tt_node_find(&demo->client.node, tt_kind_names[TT_WATCH], name);
    if (peer == NULL)
        demo_fail(demo, "the TV says it asked %s, and no watch has that name", name);
    return peer;
}

static void ask_tv(demonstration *demo)
{
    demo_participant *tv = &demo->participants[TT_TV];
    uint8_t payload[512];
    tt_answer answer = {.payload = payload, .capacity = sizeof(payload)};
    tt_cbor_item device, logits;
    settle(demo);
    demo->ask.start = seconds_since_1970();
    demo->ask_ms = post_image(demo, &tv->peer.endpoint, ASK_PATH, "kind=watch", 0, &answer);
    settle(demo);
    demo->ask.end = seconds_since_1970();
    if (!find_string(&answer, "device", &device) || !find_string(&answer, "logits", &logits))
        demo_fail(demo, "the TV's answer names no device or has no logits");
    if (logits.length != CLASSES || memcmp(logits.bytes, demo->reference, CLASSES) != 0)
        demo_fail(demo, "the TV's answer differs from the reference");
    const tt_peer *asked = named_watch(demo, &device);
    demo->ask_answer = greatest((const int8_t *)logits.bytes);
    demo->ask_frames = frames_between(demo, &tv->peer.endpoint, &asked->endpoint, &demo->ask);
    tt_say("  %s asked %s: %s (it is: %s), %.1f ms, %u frames between the two", tv->peer.name,
           asked->name, tt_fashion_mnist_classes[demo->ask_answer],
           tt_fashion_mnist_classes[demo->test.labels[0]], demo->ask_ms, demo->ask_frames);
    if (demo->ask_frames < 2)
        demo_fail(demo,
                  "expected a question and an answer between TV and watch in the capture, found %u "
                  "frames",
                  demo->ask_frames);
}

// ---- the steps

static void run(demonstration *demo, unsigned images, unsigned others, const char *program)
{
    demo_participant *watch = &demo->participants[TT_WATCH];
    tt_say("- who is there");
    for (unsigned kind = 0; kind < TT_KINDS; kind++)
        find(demo, (tt_kind)kind);
    for (unsigned kind = 0; kind < TT_KINDS; kind++)
        if (demo->participants[kind].present)
            measure(demo, (tt_kind)kind, program);

    tt_say("- the plan to the watch: PUT /" MODEL_PATH ", block by block");
    demo->transfer.start = seconds_since_1970();
    demo->transfer_ms = send_plan(demo, watch);
    demo->transfer.end = seconds_since_1970();

    tt_say("- %u test images to the watch: POST /" MODEL_PATH, images);
    ask_images(demo, watch, images);
    check_answers(demo, watch);
    demo_window classified = demo->classify; // the others' questions are not drawn

    for (unsigned kind = 0; kind < TT_KINDS; kind++) {
        demo_participant *who = &demo->participants[kind];
        if (kind == TT_WATCH || !kinds[kind].runs_plan || !who->present)
            continue;
        tt_say("- the plan and %u images to the %s", others, tt_kind_names[kind]);
        send_plan(demo, who);
        ask_images(demo, who, others);
        check_answers(demo, who);
    }
    demo->classify = classified;

    tt_say("- the TV, which has no model, finds the watch and asks it: POST /" ASK_PATH);
    ask_tv(demo);
    demo_write_results(demo);
}

static unsigned read_count(const char *word, unsigned otherwise)
{
    char *end;
    unsigned long count = word != NULL ? strtoul(word, &end, 10) : otherwise;
    if (word != NULL && (*end != '\0' || count < 2 || count > DEMO_IMAGES_MAX)) {
        tt_say_error("tutti-demo: expected a count from 2 to %d, not '%s'", DEMO_IMAGES_MAX, word);
        exit(TT_EXIT_USAGE);
    }
    return (unsigned)count;
}

int main(int count, char **words)
{
    static demonstration demo;
    if (count < 2 || count > 4) {
        tt_say_error("tutti-demo: expected FOLDER [IMAGES] [OTHERS]");
        return TT_EXIT_USAGE;
    }
    demo.folder = words[1];
    if (strlen(demo.folder) > FOLDER_MAX) {
        tt_say_error("tutti-demo: expected a folder's path of at most %d bytes", FOLDER_MAX);
        return TT_EXIT_USAGE;
    }
    unsigned images = read_count(count > 2 ? words[2] : NULL, 1000);
    unsigned others = read_count(count > 3 ? words[3] : NULL, 100);
    load(&demo);
    if (demo.reference_count < images || demo.reference_count < others)
        demo_fail(&demo, "reference.bin holds %zu answers, %u are needed", demo.reference_count,
                  images);
    char net[DEMO_PATH_BYTES], program[DEMO_PATH_BYTES];
    demo_path(&demo, "fleet", net);
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[length > 0 ? length : 0] = '\0';
    tt_exit result = tt_client_open(&demo.client, "demo", net, false, NULL, NULL);
    if (result == TT_EXIT_OK)
        run(&demo, images, others, program);
    return result;
}
