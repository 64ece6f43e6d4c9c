// Models in files that nobody's training made: whatever graph, name or size a file states, it is
// refused with a sentence, or is a model, in bounded time.

#include <math.h>
#include <time.h>
#include <unistd.h>

#include "tests/ai/train/made_up.h"
#include "tutti/tensor_file.h"

static char path[300];

static void write_tensors(tt_tensor_file *file, const char *graph)
{
    uint8_t *bytes;
    size_t length;
    if (graph != NULL)
        REQUIRE(tt_tensor_file_describe(file, "graph", graph) == TT_OK);
    REQUIRE(tt_safetensors_make(file, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    tt_tensor_file_free(file);
}

static void add(tt_tensor_file *file, const char *name, tt_element element, int64_t rows,
                int64_t columns)
{
    static const uint8_t zeros[1024];
    tt_tensor tensor = {element, 2, {rows, columns}, zeros};
    REQUIRE(tt_tensor_file_add(file, name, &tensor) == TT_OK);
}

#define IMAGE "%0 = input \"image\" : f32[1,2,1,1]\n%1 = parameter \"w\" : f32[2,2]\n"
#define DENSE "%2 = reshape %0 sizes=[1,2] : f32[1,2]\n%3 = matmul %2 %1 : f32[1,2]\n"
#define LOGITS "result \"logits\" = %3\n"

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Opens a file of that graph and a tensor "w", and runs what was opened.
static tt_status open_and_run(const char *graph, char *sentence, size_t capacity)
{
    tt_tensor_file file = {0};
    tt_text why;
    tt_model *model;
    add(&file, "w", TT_F32, 2, 2);
    write_tensors(&file, graph);
    tt_text_init(&why, sentence, capacity);
    double begin = now_s();
    tt_status status = tt_model_open(path, NULL, &model, &why);
    EXPECT((status == TT_OK) == (model != NULL));
    if (status == TT_OK) {
        float logits[3 * TT_CLASSES_MAX];
        EXPECT_EQUAL(tt_model_run(model, (uint8_t[]){1, 2, 3, 4, 5, 6}, 3, logits, &why), TT_OK);
        tt_model_free(model);
    }
    EXPECT(now_s() - begin < 20); // likewise
    return status;
}

static void test_graphs(void)
{
    static const struct {
        tt_status status;
        const char *graph, *sentence;
    } cases[] = {
        {TT_OK, IMAGE DENSE LOGITS, ""},
        {TT_OK, // whatever stands first
         "%0 = parameter \"w\" : f32[2,2]\n%1 = input \"image\" : f32[1,2,1,1]\n"
         "%2 = reshape %1 sizes=[1,2] : f32[1,2]\n%3 = matmul %2 %0 : f32[1,2]\n" LOGITS,
         ""},
        {TT_INVALID, "", "the network has no input 'image'"},
        // What is called image is none.
        {TT_INVALID,
         "%0 = parameter \"image\" : f32[1,2,1,1]\n%1 = parameter \"w\" : f32[2,2]\n" DENSE LOGITS,
         "the network has no input 'image' of f32[1,rows,columns,1]"},
        {TT_INVALID,
         "%0 = state \"image\" : f32[1,2,1,1]\n%1 = parameter \"w\" : f32[2,2]\n" DENSE LOGITS,
         "the network has no input 'image' of f32[1,rows,columns,1]"},
        // Two colours, no axis of colours, bytes, two images.
        {TT_INVALID,
         "%0 = input \"image\" : f32[1,1,1,2]\n%1 = parameter \"w\" : f32[2,2]\n" DENSE LOGITS,
         "the network has no input 'image' of f32[1,rows,columns,1]"},
        {TT_INVALID,
         "%0 = input \"image\" : f32[1,2,1]\n%1 = parameter \"w\" : f32[2,2]\n" DENSE LOGITS,
         "the network has no input 'image' of f32[1,rows,columns,1]"},
        {TT_INVALID,
         "%0 = input \"image\" : u8[1,2,1,1]\n%1 = parameter \"w\" : f32[2,2]\n"
         "%2 = convert %0 element=f32 : f32[1,2,1,1]\n%3 = reshape %2 sizes=[1,2] : f32[1,2]\n"
         "result \"logits\" = %3\n",
         "the network has no input 'image' of f32[1,rows,columns,1]"},
        {TT_INVALID, IMAGE DENSE LOGITS LOGITS, "there is a result 'logits' already"},
        {TT_INVALID, IMAGE DENSE LOGITS "%4 = input \"noise\" : f32[2]\n",
         "the network has an input 'noise' besides its image"},
        {TT_INVALID, IMAGE DENSE LOGITS "%4 = state \"s\" : f32[2]\n",
         "the network has a state 's', which a model does not keep"},
        {TT_INVALID, IMAGE DENSE LOGITS "%4 = parameter \"w\" : f32[2]\n", "'w' already"},
        {TT_INVALID, IMAGE DENSE LOGITS "%4 = parameter \"v\" : i8[2]\n",
         "tensor v is missing, expected i8[2]"},
        {TT_INVALID, "%0 = input \"image\" : f32[1,2,1,1]\n%1 = parameter \"w\" : f64[2,2]\n",
         "the network gives logits of no type"},
        {TT_INVALID,
         "%0 = input \"image\" : f32[1,2,1,1]\n%1 = parameter \"w\" : f64[2,2]\n"
         "%2 = reshape %0 sizes=[1,2] : f32[1,2]\nresult \"logits\" = %2\n",
         "tensor w is f32[2,2], expected f64[2,2]"},
        // Too much of anything.
        {TT_TOO_LARGE, IMAGE DENSE LOGITS "%4 = parameter \"v\" : f32[1099511627776]\n", ": "},
        {TT_TOO_LARGE,
         "%0 = input \"image\" : f32[1,16777216,16777216,1]\n"
         "%1 = sum %0 axes=[1,2,3] : f32[1,1,1,1]\n%2 = reshape %1 sizes=[1,1] : f32[1,1]\n"
         "result \"logits\" = %2\n",
         ": "},
        {TT_TOO_LARGE,
         IMAGE DENSE
         "%4 = iota element=f32 sizes=[4194304,2,1048576] axis=0 : f32[4194304,2,1048576]\n"
         "%5 = sum %4 axes=[0,2] : f32[1,2,1]\n%6 = reshape %5 sizes=[1,2] : f32[1,2]\n"
         "%7 = add %3 %6 : f32[1,2]\nresult \"logits\" = %7\n",
         ": "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sentence[600];
        tt_status status = open_and_run(cases[i].graph, sentence, sizeof(sentence));
        if (status != cases[i].status || strstr(sentence, cases[i].sentence) == NULL)
            printf("case %zu: %d, %s\n", i, status, sentence);
        EXPECT_EQUAL(status, cases[i].status);
        EXPECT(strstr(sentence, cases[i].sentence) != NULL);
        EXPECT(status == TT_OK || strncmp(sentence, path, strlen(path)) == 0);
    }
}

// Text of every kind: cut anywhere, and with any byte changed.
static void test_damaged_text(void)
{
    static const char good[] = IMAGE DENSE LOGITS;
    char text[sizeof(good)], sentence[600];
    for (size_t i = 0; i + 1 < sizeof(good); i++) {
        memcpy(text, good, sizeof(good));
        text[i] = '\0';
        EXPECT(i + 2 >= sizeof(good) || open_and_run(text, sentence, sizeof(sentence)) != TT_OK);
        static const char bytes[] = {'0', '9', '\n', '"', ' ', ']', 'z', '\x01'};
        for (size_t k = 0; k < sizeof(bytes); k++) {
            memcpy(text, good, sizeof(good));
            text[i] = bytes[k];
            open_and_run(text, sentence, sizeof(sentence));
        }
    }
}

// As many parameters as there may be are no long wait, and more are refused before one is.
static void test_many_parameters(size_t count, tt_status expected)
{
    size_t room = count * 80 + 400, at = 0;
    char *text = malloc(room), name[32], sentence[600];
    REQUIRE(text != NULL);
    tt_tensor_file file = {0};
    at += (size_t)snprintf(text, room, "%s", IMAGE DENSE LOGITS);
    add(&file, "w", TT_F32, 2, 2);
    for (size_t i = 1; i < count; i++) {
        snprintf(name, sizeof(name), "p%zu", i);
        at += (size_t)snprintf(text + at, room - at, "%%%zu = parameter \"%s\" : f32[1,1]\n", i + 3,
                               name);
        add(&file, name, TT_F32, 1, 1);
    }
    write_tensors(&file, text);
    free(text);
    tt_model *model;
    uint8_t *bytes;
    size_t length;
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    double begin = now_s();
    EXPECT_EQUAL(tt_model_open(path, NULL, &model, &why), expected);
    if (model != NULL) {
        EXPECT_EQUAL(tt_model_save(model, &bytes, &length, NULL), TT_OK);
        free(bytes);
    } else {
        EXPECT_TEXT(sentence + strlen(path),
                    ": the network has 20000 parameters, expected at most 4096");
    }
    EXPECT(now_s() - begin < 60); // under a sanitizer; else less than one
    tt_model_free(model);
}

// Whatever a name is made of, it is printed, and read again.
static void test_names(void)
{
    static const char *const names[] = {"optimiser.step", "a \"b\" \\ c", "line\nline",
                                        "image.",         "\xc3\xa9",     "crc",
                                        "graph",          "__metadata",   "\x01"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        tt_graph *g = tt_graph_new();
        tt_value x =
            tt_reshape(g, tt_input(g, "image", TT_TYPE(TT_F32, 1, 2, 1, 1)), 2, (int64_t[]){1, 2});
        x = tt_matmul(g, x, tt_parameter(g, names[i], TT_TYPE(TT_F32, 2, 2)));
        tt_graph_result(g, "logits", x);
        char *text = tt_graph_print(g), sentence[600];
        tt_tensor_file file = {0};
        tt_text why;
        tt_model *model;
        tt_text_init(&why, sentence, sizeof(sentence));
        add(&file, names[i], TT_F32, 2, 2);
        write_tensors(&file, text);
        EXPECT_EQUAL(tt_model_open(path, NULL, &model, &why), TT_OK);
        EXPECT_TEXT(sentence, "");
        tt_model_free(model);
        free(text);
        tt_graph_free(g);
    }
}

int main(void)
{
    char folder[] = "/tmp/tutti-hostile-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    test_graphs();
    test_damaged_text();
    test_many_parameters(TT_PARAMETERS_MAX, TT_OK);
    test_many_parameters(20000, TT_TOO_LARGE);
    test_names();
    unlink(path);
    rmdir(folder);
    return test_result();
}
