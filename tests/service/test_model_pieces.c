// The model service by its handler alone: plans piece by piece as a bus may give them, limits from
// both sides, and what the answers say besides their code.

#include "tests/bus/devices.h"
#include "tutti/bytes.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/convert.h"
#include "tutti/model_service.h"

#define SLOT_BYTES 4096
#define ARENA_BYTES 4096
#define PATH "ai/models/small"

static device *const watch = &devices[0];
static const tt_endpoint *const one = &devices[1].endpoint, *const two = &devices[2].endpoint;
static tt_model_service service;
static uint8_t slots[2][SLOT_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static char text[200]; // of the newest answer

typedef struct plan {
    uint8_t *bytes;
    size_t length;
} plan;

static plan small; // 4 bytes in, 3 out

// One product, all weights 1/2.
static plan make_plan(int64_t inputs, int64_t outputs)
{
    plan made;
    tt_quantised *quantised;
    tt_session *session;
    static float weights[2048], calibration[2048];
    tt_graph *graph = tt_graph_new();
    REQUIRE(inputs * outputs <= 2048 && inputs <= 2048);
    tt_value image = tt_input(graph, "image", TT_TYPE(TT_F32, 1, 1, 1, inputs));
    for (int64_t i = 0; i < inputs * outputs; i++)
        weights[i] = 0.5f;
    for (int64_t i = 0; i < inputs; i++)
        calibration[i] = 1;
    tt_value row = tt_reshape(graph, image, 2, (int64_t[]){1, inputs});
    tt_value product =
        tt_matmul(graph, row, tt_constant(graph, TT_TYPE(TT_F32, inputs, outputs), weights));
    tt_graph_result(graph, "logits", product);
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1}, &session, NULL) == TT_OK);
    REQUIRE(tt_quantise(session, graph, "image", "logits", calibration, 1, &quantised, NULL) ==
            TT_OK);
    REQUIRE(tt_quantised_emit(quantised, &made.bytes, &made.length, NULL) == TT_OK);
    tt_quantised_free(quantised);
    tt_session_free(session);
    tt_graph_free(graph);
    return made;
}

static tt_status init(uint8_t *first, uint8_t *second, void *memory)
{
    devices_init();
    tt_model_options options = {.bus = &watch->bus,
                                .platform = &watch->platform,
                                .slots = {first, second},
                                .slot_bytes = SLOT_BYTES,
                                .arena = memory,
                                .arena_bytes = ARENA_BYTES};
    return tt_model_service_init(&service, &options);
}

static tt_response handle(tt_request request)
{
    static uint8_t space[TT_BUS_BLOCK_MAX];
    request.query = "";
    request.space = space;
    request.window_length = TT_BUS_BLOCK_MAX;
    request.accept = TT_FORMAT_NONE;
    tt_response response = {.content_format = TT_FORMAT_NONE, .max_age_seconds = 60};
    service.collection.handler(&service.collection, time_now, &request, &response);
    TT_CHECK(response.length < sizeof(text));
    if (response.length > 0)
        memcpy(text, response.payload, response.length);
    text[response.length] = '\0';
    return response;
}

static tt_response put(const tt_endpoint *peer, const char *path, const void *bytes, size_t length,
                       size_t offset, size_t size, bool last)
{
    return handle((tt_request){.method = TT_PUT,
                               .peer = peer,
                               .path = path,
                               .payload = bytes,
                               .length = length,
                               .offset = offset,
                               .size = size,
                               .last = last});
}

static tt_code put_whole(const tt_endpoint *peer, const plan *p)
{
    return put(peer, PATH, p->bytes, p->length, 0, p->length, true).code;
}

static tt_response ask_for(tt_method method)
{
    return handle((tt_request){.method = method, .peer = one, .path = PATH, .last = true});
}

static void test_init(void)
{
    EXPECT_EQUAL(init(NULL, slots[1], arena), TT_INVALID);
    EXPECT_EQUAL(init(slots[0], slots[1], NULL), TT_INVALID);
    EXPECT_EQUAL(init(slots[0] + 1, NULL, arena), TT_INVALID);
    EXPECT_EQUAL(init(slots[0], slots[1] + 2, arena), TT_INVALID);
    EXPECT_EQUAL(init(slots[0], NULL, arena + 1), TT_INVALID);
    EXPECT_EQUAL(init(slots[0], NULL, arena), TT_OK);
}

// A sender need not tell how much comes; what does not fit is found out at the slot's end.
static void test_untold_size(void)
{
    static uint8_t piece[1024];
    init(slots[0], slots[1], arena);
    for (size_t offset = 0; offset < SLOT_BYTES; offset += sizeof(piece))
        EXPECT_EQUAL(put(one, PATH, piece, sizeof(piece), offset, 0, false).code, TT_CONTINUE);
    tt_response response = put(one, PATH, piece, 1, SLOT_BYTES, 0, false);
    EXPECT_EQUAL(response.code, TT_ENTITY_TOO_LARGE);
    EXPECT_EQUAL(response.size_max, SLOT_BYTES);
    EXPECT_TEXT(text, "plan refused: 4097 bytes or more, this device takes at most 4096");
    EXPECT_EQUAL(put_whole(two, &small), TT_CREATED); // nothing is under way any more
}

// Where it is told, nothing is lost: the only model of a device with one slot stays.
static void test_told_size(void)
{
    init(slots[0], NULL, arena);
    EXPECT_EQUAL(put(one, PATH, small.bytes, 16, 0, small.length, false).code, TT_CONTINUE);
    EXPECT(!service.overwritten); // there was none
    EXPECT_EQUAL(put_whole(one, &small), TT_CREATED);
    EXPECT_EQUAL(put(one, PATH, small.bytes, 16, 0, SLOT_BYTES + 1, false).code,
                 TT_ENTITY_TOO_LARGE);
    EXPECT_EQUAL(ask_for(TT_GET).code, TT_CONTENT);
    EXPECT_EQUAL(put(two, PATH, small.bytes, 0, 0, SLOT_BYTES, false).code, TT_CONTINUE);
    EXPECT_EQUAL(ask_for(TT_GET).code, TT_CONTENT); // nothing was written yet
    EXPECT_EQUAL(put(two, PATH, small.bytes, 16, 0, SLOT_BYTES, false).code, TT_CONTINUE);
    tt_response response = ask_for(TT_GET);
    EXPECT_EQUAL(response.code, TT_UNAVAILABLE);
    EXPECT_EQUAL(response.max_age_seconds, 1);
    // Larger than it was told to be.
    EXPECT_EQUAL(put(two, PATH, small.bytes, SLOT_BYTES - 15, 16, 20, false).code,
                 TT_ENTITY_TOO_LARGE);
    EXPECT_EQUAL(ask_for(TT_GET).code, TT_PATH_NOT_FOUND); // it has cost the old one
}

// One sender that begins another plan gives the first up.
static void test_two_plans(void)
{
    init(slots[0], slots[1], arena);
    EXPECT_EQUAL(put(one, "ai/models/a", small.bytes, 16, 0, 0, false).code, TT_CONTINUE);
    EXPECT_EQUAL(put(one, "ai/models/b", small.bytes, 32, 0, 0, false).code, TT_CONTINUE);
    tt_response response = put(one, "ai/models/a", small.bytes + 16, 16, 16, 0, false);
    EXPECT_EQUAL(response.code, TT_ENTITY_INCOMPLETE);
    EXPECT_TEXT(text, "this transfer was not begun here; start over");
    EXPECT_EQUAL(put(two, "ai/models/b", small.bytes + 32, 16, 32, 0, false).code,
                 TT_ENTITY_INCOMPLETE); // another's
    EXPECT_EQUAL(put(one, "ai/models/b", small.bytes + 32, small.length - 32, 32, 0, true).code,
                 TT_CREATED);
    EXPECT_EQUAL(put(one, "ai/models/b", small.bytes, 16, small.length, 0, false).code,
                 TT_ENTITY_INCOMPLETE); // it is whole already

    response = put(one, "ai/models/a", small.bytes, 16, 0, 0, false);
    EXPECT_EQUAL(response.code, TT_FORBIDDEN);
    EXPECT_EQUAL(response.max_age_seconds, 60);
    EXPECT_TEXT(text, "this device holds one model, and it is b; delete that first");
}

static void test_limits(void)
{
    static const struct {
        size_t inputs, outputs;
        tt_code code;
        const char *sentence;
    } cases[] = {
        {TT_MODEL_INPUT_MAX, 1, TT_CREATED, ""},
        {TT_MODEL_INPUT_MAX + 1, 1, TT_ENTITY_TOO_LARGE,
         "plan refused: its input has 1025 bytes, at most 1024 are supported"},
        {1, TT_MODEL_OUTPUT_MAX, TT_CREATED, ""},
        {1, TT_MODEL_OUTPUT_MAX + 1, TT_ENTITY_TOO_LARGE,
         "plan refused: its output has 257 bytes, at most 256 are supported"},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        plan p = make_plan(cases[i].inputs, cases[i].outputs);
        init(slots[0], slots[1], arena);
        // In two pieces, as far as a slot goes.
        EXPECT_EQUAL(put(one, PATH, p.bytes, 1000, 0, p.length, false).code, TT_CONTINUE);
        EXPECT_EQUAL(put(one, PATH, p.bytes + 1000, p.length - 1000, 1000, 0, true).code,
                     cases[i].code);
        EXPECT_TEXT(text, cases[i].sentence);
        EXPECT_EQUAL(ask_for(TT_GET).code,
                     cases[i].code == TT_CREATED ? TT_CONTENT : TT_PATH_NOT_FOUND);
        free(p.bytes);
    }
    for (uint32_t more = 0; more <= 4; more += 4) { // an arena of just the size that there is
        plan p = make_plan(4, 3);
        tt_writer writer;
        tt_writer_init(&writer, p.bytes + 24, 4);
        tt_write_le32(&writer, ARENA_BYTES + more);
        tt_writer_init(&writer, p.bytes + 12, 4);
        tt_write_le32(&writer, tt_crc32(0, p.bytes + 16, p.length - 16));
        init(slots[0], slots[1], arena);
        EXPECT_EQUAL(put_whole(one, &p), more == 0 ? TT_CREATED : TT_ENTITY_TOO_LARGE);
        free(p.bytes);
    }
}

// All that GET tells, and that it counts answers.
static void test_description(void)
{
    init(slots[0], slots[1], arena);
    EXPECT_EQUAL(put_whole(one, &small), TT_CREATED);
    for (unsigned answered = 0; answered < 3; answered++) {
        tt_response response = ask_for(TT_GET);
        EXPECT_EQUAL(response.content_format, TT_FORMAT_CBOR);
        char told[300], expected[300];
        tt_text found;
        tt_reader reader;
        tt_text_init(&found, told, sizeof(told));
        tt_reader_init(&reader, response.payload, response.length);
        EXPECT_EQUAL(tt_cbor_diagnose(&reader, &found), TT_OK);
        const tt_plan_header *header = &service.plan.header;
        uint32_t crc = small.bytes[12] | (uint32_t)small.bytes[13] << 8 |
                       (uint32_t)small.bytes[14] << 16 | (uint32_t)small.bytes[15] << 24;
        snprintf(expected, sizeof(expected),
                 "{\"name\": \"small\", \"bytes\": %zu, \"crc\": %u, \"input\": [1, 1, 4], "
                 "\"output\": [1, 1, 3], \"scale\": 0.007843, \"zero_point\": -128, "
                 "\"arena\": %u, \"answered\": %u}",
                 small.length, (unsigned)crc, (unsigned)header->arena_bytes, answered);
        EXPECT_TEXT(told, expected);
        ask(&(asked){0}, &devices[1], watch, TT_POST, PATH, NULL, "abcd", 4);
        finish_work(watch);
    }
}

// A sender may be slow as long as it is not silent: until then nobody else comes in between.
static void test_slow_sender(void)
{
    init(slots[0], slots[1], arena);
    tt_time began = time_now;
    for (size_t offset = 0; offset < 48; offset += 16) {
        EXPECT_EQUAL(put(one, PATH, small.bytes + offset, 16, offset, 0, false).code, TT_CONTINUE);
        time_now += TT_BUS_TRANSFER_YIELD - 1;
        EXPECT_EQUAL(put_whole(two, &small), TT_UNAVAILABLE);
    }
    EXPECT_EQUAL(put(one, PATH, small.bytes + 48, small.length - 48, 48, 0, true).code, TT_CREATED);
    // With a longer pause it gives way to another, and has to start over.
    EXPECT_EQUAL(put(one, PATH, small.bytes, 16, 0, 0, false).code, TT_CONTINUE);
    time_now += TT_BUS_TRANSFER_YIELD;
    EXPECT_EQUAL(put(two, PATH, small.bytes, 16, 0, 0, false).code, TT_CONTINUE);
    EXPECT_EQUAL(put(one, PATH, small.bytes + 16, 16, 16, 0, false).code, TT_ENTITY_INCOMPLETE);
    EXPECT_EQUAL(put(two, PATH, small.bytes + 16, small.length - 16, 16, 0, true).code, TT_CHANGED);
    time_now = began;
}

// While its plan is being written over, a model can be deleted; that ends the upload, too.
static void test_delete_unwhole(void)
{
    init(slots[0], NULL, arena);
    EXPECT_EQUAL(put_whole(one, &small), TT_CREATED);
    EXPECT_EQUAL(put(one, PATH, small.bytes, 16, 0, 0, false).code, TT_CONTINUE);
    EXPECT_EQUAL(ask_for(TT_POST).code, TT_UNAVAILABLE);
    EXPECT_EQUAL(ask_for(TT_DELETE).code, TT_DELETED);
    EXPECT_EQUAL(ask_for(TT_GET).code, TT_PATH_NOT_FOUND);
    EXPECT_EQUAL(put(one, PATH, small.bytes + 16, 16, 16, 0, false).code, TT_ENTITY_INCOMPLETE);
    EXPECT_EQUAL(put_whole(two, &small), TT_CREATED);
}

int main(void)
{
    small = make_plan(4, 3);
    test_init();
    test_untold_size();
    test_told_size();
    test_two_plans();
    test_slow_sender();
    test_limits();
    test_description();
    test_delete_unwhole();
    free(small.bytes);
    return test_result();
}
