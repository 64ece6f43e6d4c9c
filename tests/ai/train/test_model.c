// Models: of networks of one's own, run, evaluated, saved, and opened from what their file states.

#include <math.h>
#include <unistd.h>

#include "tests/ai/train/made_up.h"
#include "tutti/tensor_file.h"

static char path[300];

// The logits are the image's first three pixels, weighed.
static tt_value build_own(tt_graph *graph, tt_value image)
{
    tt_value x = tt_reshape(graph, image, 2, (int64_t[]){-1, 20});
    tt_value weights = tt_parameter(graph, "weights", TT_TYPE(TT_F32, 20, 3));
    return tt_matmul(graph, x, weights);
}

static const tt_network own = {
    .name = "own", .rows = 4, .columns = 5, .classes = 3, .build = build_own};

static tt_model *make_own(void)
{
    tt_model *model;
    REQUIRE(tt_model_new(&own, NULL, &model, NULL) == TT_OK);
    float *weights = tt_session_bytes(tt_model_session(model), "weights", NULL);
    for (int i = 0; i < 3; i++)
        weights[i * 3 + i] = 1;
    return model;
}

static uint8_t images[103][4][5], labels[103];

// The last batch is not full.
static tt_dataset own_data(void)
{
    for (size_t i = 0; i < 103; i++) {
        labels[i] = (uint8_t)(i % 3);
        images[i][0][i % 3] = 255;
    }
    labels[9] = 1; // wrong: it is 0
    labels[102] = 2;
    return (tt_dataset){
        .count = 103, .rows = 4, .columns = 5, .images = &images[0][0][0], .labels = labels};
}

static void check_own(tt_model *model)
{
    tt_dataset data = own_data();
    double accuracy = 0;
    size_t confusion[9] = {0};
    EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, confusion, NULL), TT_OK);
    EXPECT(accuracy == 101.0 / 103);
    static const size_t expected[9] = {33, 0, 0, 1, 34, 0, 1, 0, 34};
    EXPECT(memcmp(confusion, expected, sizeof(expected)) == 0);
    float logits[103][3];
    EXPECT_EQUAL(tt_model_run(model, data.images, 103, logits[0], NULL), TT_OK);
    for (size_t i = 0; i < 103; i++)
        for (size_t c = 0; c < 3; c++)
            EXPECT(logits[i][c] == (c == i % 3 ? 1 : 0));
    char buffer[100];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    data.rows = 3;
    EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, NULL, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "the model expects 4x5 images to test with; the data set has 103 of 3x5");
    EXPECT_EQUAL(tt_model_parameter_elements(model), 60);
    EXPECT_EQUAL(tt_model_multiplications(model), 60);
}

static void save(const tt_model *model)
{
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_model_save(model, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
}

// What is opened knows nothing of the function that built the network.
static void test_own_network(void)
{
    tt_model *model = make_own(), *opened;
    check_own(model);
    save(model);
    REQUIRE(tt_model_open(path, NULL, &opened, NULL) == TT_OK);
    check_own(opened);
    EXPECT(tt_model_network(opened)->build == NULL);
    tt_graph *graph;
    char buffer[100];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_graph(opened, 2, &graph, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "the network is for one image at a time, not 2");
    REQUIRE(tt_model_graph(opened, 1, &graph, &why) == TT_OK);
    tt_graph_free(graph);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_graph(model, 0, &graph, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "the network is for one image or more, not 0");
    tt_model_free(opened);
    tt_model_free(model);

    // The demonstration's is known again, and takes many images at a time.
    REQUIRE(tt_model_new(NULL, NULL, &model, NULL) == TT_OK);
    tt_model_initialise(model, 5);
    save(model);
    REQUIRE(tt_model_open(path, NULL, &opened, NULL) == TT_OK);
    EXPECT(tt_model_network(opened)->build == tt_classifier.build);
    EXPECT_EQUAL(tt_model_multiplications(opened), 981888);
    tt_dataset data = make_data(60, 1);
    static float a[60][10], b[60][10];
    EXPECT_EQUAL(tt_model_run(model, data.images, 60, a[0], NULL), TT_OK);
    EXPECT_EQUAL(tt_model_run(opened, data.images, 60, b[0], NULL), TT_OK);
    EXPECT(memcmp(a, b, sizeof(a)) == 0 && a[59][9] != 0);
    tt_dataset_free(&data);
    tt_model_free(opened);
    tt_model_free(model);
}

static void refuse_open(const char *sentence)
{
    char buffer[600];
    tt_text why;
    tt_model *model = (tt_model *)&why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_open(path, NULL, &model, &why), TT_INVALID);
    EXPECT(model == NULL);
    EXPECT(strncmp(buffer, path, strlen(path)) == 0);
    EXPECT_TEXT(buffer + strlen(path), sentence);
}

static void write_graph(const char *text)
{
    tt_tensor_file file = {0};
    tt_tensor weights = {TT_ELEMENT_F32, 2, {2, 2}, (float[]){1, 2, 3, 4}};
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_tensor_file_describe(&file, "graph", text) == TT_OK);
    REQUIRE(tt_tensor_file_add(&file, "w", &weights) == TT_OK);
    REQUIRE(tt_safetensors_make(&file, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    tt_tensor_file_free(&file);
}

// What a file states is hostile until it is a network of images.
static void test_odd_files(void)
{
    write_graph("%0 = lion");
    refuse_open(": line 1: there is no operation 'lion'");
    write_graph("%0 = input \"picture\" : f32[1,2,1,1]\nresult \"logits\" = %0");
    refuse_open(": the network has no input 'image' of f32[1,rows,columns,1]");
    write_graph("%0 = input \"image\" : f32[2,2,1,1]\nresult \"logits\" = %0");
    refuse_open(": the network has no input 'image' of f32[1,rows,columns,1]");
    write_graph("%0 = input \"image\" : f32[1,2,1,1]\nresult \"logits\" = %0");
    refuse_open(": the network gives logits of f32[1,2,1,1], expected f32[1,N] for the N classes "
                "of the network, 1 to 64");
    write_graph("%0 = input \"image\" : f32[1,2,1,1]");
    refuse_open(": the network gives logits of no type, expected f32[1,N] for the N classes of the "
                "network, 1 to 64");
    write_graph("%0 = input \"image\" : f32[1,2,1,1]\n%1 = parameter \"v\" : f32[2,2]\n"
                "%2 = reshape %0 sizes=[1,2] : f32[1,2]\n%3 = matmul %2 %1 : f32[1,2]\n"
                "result \"logits\" = %3");
    refuse_open(": is no checkpoint of this network: tensor v is missing, expected f32[2,2]");
    // A network of one's own, with a result and an assignment that nobody asked for.
    write_graph("%0 = input \"image\" : f32[1,2,1,1]\n%1 = parameter \"w\" : f32[2,2]\n"
                "%2 = reshape %0 sizes=[1,2] : f32[1,2]\n%3 = matmul %2 %1 : f32[1,2]\n"
                "%4 = add %1 %1 : f32[2,2]\nresult \"twice\" = %4\nresult \"logits\" = %3\n"
                "assign \"w\" = %4");
    tt_model *model;
    float logits[2][2];
    REQUIRE(tt_model_open(path, NULL, &model, NULL) == TT_OK);
    for (int i = 0; i < 2; i++)
        EXPECT_EQUAL(tt_model_run(model, (uint8_t[]){255, 0, 0, 255}, 2, logits[0], NULL), TT_OK);
    EXPECT(logits[0][0] == 1 && logits[0][1] == 2 && logits[1][0] == 3 && logits[1][1] == 4);
    tt_model_free(model);
}

// He's weights: the deviation of each layer, biases of zero, the seed decides.
static void test_initial_weights(void)
{
    static const struct {
        const char *name;
        int64_t inputs;
    } layers[] = {{"conv2.weights", 108}, {"conv3.weights", 216}, {"dense1.weights", 1568}};
    tt_model *model;
    REQUIRE(tt_model_new(NULL, NULL, &model, NULL) == TT_OK);
    tt_model_initialise(model, 1);
    for (size_t i = 0; i < 3; i++) {
        tt_type type;
        const float *w = tt_session_bytes(tt_model_session(model), layers[i].name, &type);
        double sum = 0, squares = 0, count = (double)tt_type_count(&type), within = 0;
        double deviation = sqrt(2.0 / (double)layers[i].inputs);
        for (int64_t k = 0; k < tt_type_count(&type); k++) {
            sum += (double)w[k];
            squares += (double)w[k] * (double)w[k];
            within += fabs((double)w[k]) < deviation;
        }
        EXPECT(fabs(sum / count) < 5 * deviation / sqrt(count));
        EXPECT(fabs(sqrt(squares / count) / deviation - 1) < 4 / sqrt(2 * count));
        EXPECT(fabs(within / count - 0.6827) < 5 * 0.47 / sqrt(count)); // as of normal numbers
    }
    const float *bias = tt_session_bytes(tt_model_session(model), "conv3.bias", NULL);
    const float *weights = tt_session_bytes(tt_model_session(model), "conv1.weights", NULL);
    float first = weights[0];
    for (int i = 0; i < 32; i++)
        EXPECT(bias[i] == 0);
    tt_model_initialise(model, 2);
    EXPECT(weights[0] != first);
    tt_model_initialise(model, 1);
    EXPECT(weights[0] == first);
    tt_model_free(model);
}

int main(void)
{
    char folder[] = "/tmp/tutti-model-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/model.safetensors", folder);
    test_own_network();
    test_odd_files();
    test_initial_weights();
    unlink(path);
    rmdir(folder);
    return test_result();
}
