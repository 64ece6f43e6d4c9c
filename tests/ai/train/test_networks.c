// Networks as nobody should build them: each is refused with a sentence, or trained and run as any
// other; whatever else one adds to its graph changes nothing.

#include <math.h>
#include <unistd.h>

#include "tests/ai/train/made_up.h"

static bool with_weights = true; // the builders below: a dense layer
static uint8_t element = TT_F32;

static tt_value dense(tt_graph *g, tt_value image, int64_t classes)
{
    int64_t pixels = tt_graph_type(g, image)->size[1] * tt_graph_type(g, image)->size[2];
    tt_value x = tt_reshape(g, image, 2, (int64_t[]){tt_graph_type(g, image)->size[0], pixels});
    tt_value w = with_weights ? tt_parameter(g, "w", TT_TYPE(element, pixels, classes))
                              : tt_iota(g, TT_TYPE(TT_F32, pixels, classes), 1);
    return tt_matmul(g, x, tt_convert(g, w, TT_F32));
}

static tt_value build_dense(tt_graph *g, tt_value image)
{
    return dense(g, image, 3);
}

static tt_value build_none(tt_graph *g, tt_value image)
{
    (void)g, (void)image;
    return TT_NONE;
}

static tt_value build_beyond(tt_graph *g, tt_value image)
{
    (void)image;
    return (tt_value){.node = tt_graph_count(g)};
}

static tt_value build_unfit(tt_graph *g, tt_value image)
{
    return tt_add(g, image, tt_number(g, TT_F64, 1));
}

static tt_value build_no_batch(tt_graph *g, tt_value image)
{
    (void)image;
    return tt_parameter(g, "w", TT_TYPE(TT_F32, 1, 3)); // the same logits for one image
}

// Whose graph can only be built for one image.
static tt_value build_for_one(tt_graph *g, tt_value image)
{
    tt_value x = tt_reshape(g, image, 2, (int64_t[]){1, 8});
    return tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 8, 3)));
}

// Whose parameters are others for a batch.
static tt_value build_more_parameters(tt_graph *g, tt_value image)
{
    tt_value x = dense(g, image, 3);
    return tt_graph_type(g, image)->size[0] == 1
               ? x
               : tt_add(g, x, tt_parameter(g, "b", TT_TYPE(TT_F32, 3)));
}

static tt_value build_fewer_parameters(tt_graph *g, tt_value image)
{
    tt_value x = dense(g, image, 3);
    return tt_graph_type(g, image)->size[0] > 1
               ? x
               : tt_add(g, x, tt_parameter(g, "b", TT_TYPE(TT_F32, 3)));
}

static tt_value build_wider_parameters(tt_graph *g, tt_value image)
{
    int64_t batch = tt_graph_type(g, image)->size[0];
    return tt_add(g, dense(g, image, 3), tt_parameter(g, "b", TT_TYPE(TT_F32, batch, 3)));
}

static tt_value build_f64(tt_graph *g, tt_value image)
{
    return tt_convert(g, dense(g, image, 3), TT_F64);
}

static tt_value build_with_input(tt_graph *g, tt_value image)
{
    return tt_add(g, dense(g, image, 3), tt_input(g, "noise", TT_TYPE(TT_F32, 3)));
}

static tt_value build_with_state(tt_graph *g, tt_value image)
{
    tt_value count = tt_state(g, "count", TT_SCALAR(TT_F32));
    tt_graph_assign(g, count, tt_add(g, count, tt_number(g, TT_F32, 1)));
    return tt_add(g, dense(g, image, 3), count);
}

static tt_value build_with_image(tt_graph *g, tt_value image)
{
    return tt_add(g, dense(g, image, 3), tt_parameter(g, "image", TT_TYPE(TT_F32, 3)));
}

static tt_value build_with_name(tt_graph *g, tt_value image, const char *name)
{
    return tt_add(g, dense(g, image, 3), tt_parameter(g, name, TT_TYPE(TT_F32, 3)));
}

static tt_value build_with_label(tt_graph *g, tt_value image)
{
    return build_with_name(g, image, "label");
}

static tt_value build_with_momentum(tt_graph *g, tt_value image)
{
    return build_with_name(g, image, "optimiser.momentum.w");
}

static tt_value build_odd_name(tt_graph *g, tt_value image)
{
    return build_with_name(g, image, "a \"quoted\"\\\n\x01 name\xc3\xa9");
}

// Of a parameter that has no element.
static tt_value build_empty(tt_graph *g, tt_value image)
{
    tt_value nothing = tt_parameter(g, "empty", TT_TYPE(TT_F32, 0, 3));
    return tt_add(g, dense(g, image, 3), tt_reduce(g, TT_OP_SUM, nothing, 1, (int64_t[]){0}));
}

static tt_value build_one_class(tt_graph *g, tt_value image)
{
    return dense(g, image, 1);
}

static tt_value build_64(tt_graph *g, tt_value image)
{
    return dense(g, image, 64);
}

static tt_value build_65(tt_graph *g, tt_value image)
{
    return dense(g, image, 65);
}

// A result and an assignment of its own, before the logits.
static tt_value build_more(tt_graph *g, tt_value image)
{
    tt_value logits = dense(g, image, 3), w = tt_graph_find(g, "w");
    tt_graph_result(g, "first", tt_sum_all(g, image));
    tt_graph_result(g, "logits", image);
    tt_graph_assign(g, w, tt_scale(g, w, 2));
    return logits;
}

static tt_value build_integers(tt_graph *g, tt_value image)
{
    tt_value bias = tt_parameter(g, "table", TT_TYPE(TT_I32, 3));
    return tt_add(g, dense(g, image, 3), tt_convert(g, bias, TT_F32));
}

static tt_network network_of(tt_value (*build)(tt_graph *, tt_value), int64_t classes)
{
    return (tt_network){.name = "odd", .rows = 2, .columns = 4, .classes = classes, .build = build};
}

static uint8_t pixels[64][8], labels[64];

static tt_dataset data_of(size_t classes)
{
    for (size_t i = 0; i < 64; i++) {
        labels[i] = (uint8_t)(i % classes);
        for (size_t k = 0; k < 8; k++)
            pixels[i][k] =
                (uint8_t)((31 * i + 17 * k) % 64 + (k % classes == i % classes ? 190u : 0));
    }
    return (tt_dataset){64, 2, 4, pixels[0], labels};
}

static tt_train_options training_of(const tt_network *network)
{
    tt_train_options options = options_of(TT_SGD);
    options.network = network;
    options.batch = 8;
    options.epochs = 8;
    options.evaluate_each_epoch = true;
    return options;
}

static void refuse_model(const tt_network *network, const char *sentence)
{
    char buffer[300];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_model *model = (tt_model *)&why;
    EXPECT_EQUAL(tt_model_new(network, NULL, &model, &why), TT_INVALID);
    EXPECT(model == NULL);
    EXPECT_TEXT(buffer, sentence);
    tt_model_free(model);
}

static void refuse_training(const tt_network *network, tt_status status, const char *sentence)
{
    char buffer[300];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_train_options options = training_of(network);
    tt_training *training = (tt_training *)&why;
    EXPECT_EQUAL(tt_training_new(&options, &training, &why), status);
    EXPECT(training == NULL);
    EXPECT_TEXT(buffer, sentence);
    tt_training_free(training);
}

#define EXPECTED ", expected f32[1,N] for the N classes of the network, 1 to 64"

static void test_refused_models(void)
{
    static const struct {
        tt_value (*build)(tt_graph *, tt_value);
        int64_t classes;
        const char *sentence;
    } cases[] = {
        {build_none, 3, "logits: is no value of this graph"},
        {build_beyond, 3, "logits: is no value of this graph"},
        {build_unfit, 3,
         "add: input 0 is f32[1,2,4,1], input 1 is f64[]; there is no conversion that was not "
         "asked for"},
        {build_dense, 4, "the network gives logits of f32[1,3]" EXPECTED},
        {build_dense, 0, "the network gives logits of f32[1,3]" EXPECTED},
        {build_65, 65, "the network gives logits of f32[1,65]" EXPECTED},
        {build_f64, 3, "the network gives logits of f64[1,3]" EXPECTED},
        {build_with_input, 3, "the network has an input 'noise' besides its image"},
        {build_with_state, 3, "the network has a state 'count', which a model does not keep"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tt_network network = network_of(cases[i].build, cases[i].classes);
        refuse_model(&network, cases[i].sentence);
    }
    tt_network network = network_of(build_with_image, 3);
    char buffer[300];
    tt_text why;
    tt_model *model;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_new(&network, NULL, &model, &why), TT_EXISTS);
    EXPECT_TEXT(buffer, "parameter: there is a buffer 'image' already");
    network = network_of(NULL, 3);
    refuse_model(&network, "the network has no function that builds it");
    network = network_of(build_dense, 3);
    network.rows = -1;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_new(&network, NULL, &model, &why), TT_INVALID);
    EXPECT(buffer[0] != '\0');
    network.rows = (int64_t)1 << 40;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT(tt_model_new(&network, NULL, &model, &why) == TT_TOO_LARGE);
    EXPECT(buffer[0] != '\0');
}

// What is a model of one image, but no network that can be trained.
static void test_refused_trainings(void)
{
    tt_network network = network_of(build_no_batch, 3);
    refuse_training(&network, TT_INVALID,
                    "the network gives logits of f32[1,3], expected f32[8,3]");
    network = network_of(build_for_one, 3);
    refuse_training(&network, TT_INVALID,
                    "reshape: f32[8,2,4,1] and f32[1,8] have not as many elements");
    network = network_of(build_more_parameters, 3);
    refuse_training(&network, TT_INVALID,
                    "the network has other parameters for 8 images than for one");
    network = network_of(build_fewer_parameters, 3);
    refuse_training(&network, TT_INVALID,
                    "the network has other parameters for 8 images than for one");
    network = network_of(build_wider_parameters, 3);
    refuse_training(&network, TT_INVALID,
                    "the network has other parameters for 8 images than for one");
    network = network_of(build_with_label, 3);
    refuse_training(&network, TT_EXISTS, "input: there is a buffer 'label' already (loss)");
    network = network_of(build_with_momentum, 3);
    refuse_training(&network, TT_EXISTS,
                    "state: there is a buffer 'optimiser.momentum.w' already (optimiser)");
    with_weights = false;
    network = network_of(build_dense, 3);
    refuse_training(&network, TT_INVALID, "the network has no parameter that could be trained");
    with_weights = true;
}

// A network that cannot be built for several images says why when it is run on them, too.
static void test_refused_runs(void)
{
    static tt_value (*const builders[])(tt_graph *, tt_value) = {build_for_one, build_no_batch,
                                                                 build_more_parameters};
    static const char *const sentences[] = {
        "reshape: f32[50,2,4,1] and f32[1,8] have not as many elements",
        "the network gives logits of f32[1,3], expected f32[50,3]",
        "the network has other parameters for 50 images than for one",
    };
    tt_dataset data = data_of(3);
    for (int i = 0; i < 3; i++) {
        char buffer[300];
        tt_text why;
        tt_model *model;
        double accuracy = -1;
        tt_network network = network_of(builders[i], 3);
        tt_text_init(&why, buffer, sizeof(buffer));
        REQUIRE(tt_model_new(&network, NULL, &model, NULL) == TT_OK);
        EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, NULL, &why), TT_INVALID);
        EXPECT_TEXT(buffer, sentences[i]);
        EXPECT(accuracy == -1);
        data.count = 1;
        EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, NULL, NULL), TT_OK);
        data.count = 64;
        tt_model_free(model);
    }
}

// Trains, saves, opens what was saved, and gives the two's answers, which are the same.
static double trained(const tt_network *network, size_t classes)
{
    tt_dataset data = data_of(classes);
    tt_train_options options = training_of(network);
    static float a[64 * 64], b[64 * 64];
    char buffer[300], path[] = "/tmp/tutti-odd-XXXXXX";
    tt_text why;
    tt_model *opened;
    uint8_t *bytes;
    size_t length;
    double accuracy = -1;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_training *training = new_training(&options), *again = new_training(&options);
    EXPECT_EQUAL(tt_training_run(training, &data, &data, &why), TT_OK);
    EXPECT_EQUAL(tt_training_save(training, &bytes, &length, &why), TT_OK);
    EXPECT_TEXT(buffer, "");
    int file = mkstemp(path);
    REQUIRE(file >= 0);
    close(file);
    write_file(path, bytes, length);
    free(bytes);
    tt_model *model = tt_training_model(training);
    EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, NULL, NULL), TT_OK);
    EXPECT_EQUAL(tt_model_run(model, pixels[0], 64, a, NULL), TT_OK);
    REQUIRE(tt_model_open(path, NULL, &opened, &why) == TT_OK);
    EXPECT_EQUAL(tt_model_run(opened, pixels[0], 64, b, NULL), TT_OK);
    for (size_t i = 0; i < 64 * classes; i++)
        EXPECT(fabsf(a[i] - b[i]) <= 1e-5f * (1 + fabsf(a[i])));
    EXPECT_EQUAL(tt_training_load(again, path, &why), TT_OK);
    EXPECT(same_bits(training, again));
    EXPECT_TEXT(buffer, "");
    remove(path);
    tt_model_free(opened);
    tt_training_free(again);
    tt_training_free(training);
    return accuracy;
}

static void test_odd_but_sound(void)
{
    tt_network network = network_of(build_dense, 3);
    double accuracy = trained(&network, 3);
    EXPECT(accuracy > 0.5);
    network = network_of(build_more, 3); // what it adds is not run
    EXPECT(trained(&network, 3) == accuracy);
    network = network_of(build_odd_name, 3);
    EXPECT(trained(&network, 3) > 0.5);
    network = network_of(build_empty, 3);
    EXPECT(trained(&network, 3) > 0.5);
    network = network_of(build_one_class, 1);
    EXPECT(trained(&network, 1) == 1);
    network = network_of(build_64, 64);
    EXPECT(trained(&network, 64) >= 0);
    static const uint8_t elements[] = {TT_F64, TT_BF16, TT_F16};
    network = network_of(build_dense, 3);
    for (int i = 0; i < 3; i++) {
        element = elements[i];
        EXPECT(trained(&network, 3) > 0.5);
    }
    element = TT_F32;
}

// First weights are there whatever their type, and the same but for rounding.
static void test_first_weights(void)
{
    static const uint8_t elements[] = {TT_F32, TT_F64, TT_F16, TT_BF16};
    tt_network network = network_of(build_dense, 3);
    tt_dataset data = data_of(3);
    float logits[4][64][3];
    for (int i = 0; i < 4; i++) {
        tt_model *model;
        element = elements[i];
        REQUIRE(tt_model_new(&network, NULL, &model, NULL) == TT_OK);
        tt_model_initialise(model, 3);
        EXPECT_EQUAL(tt_model_run(model, data.images, 64, logits[i][0], NULL), TT_OK);
        for (int k = 0; k < 64 * 3; k++)
            EXPECT(fabsf(logits[i][k / 3][k % 3] - logits[0][k / 3][k % 3]) <=
                   (i < 2 ? 1e-5f : 0.05f));
        EXPECT(logits[i][5][1] != 0);
        tt_model_free(model);
    }
    element = TT_F32;
}

// A weight that is no number is refused in every floating type, wherever it stands; the greatest
// number is one.
static void test_infinite_weights(void)
{
    static const struct {
        uint8_t element;
        uint64_t infinite, none, greatest;
    } cases[] = {
        {TT_F64, 0x7ff0000000000000, 0xfff8000000000000, 0x7fefffffffffffff},
        {TT_F32, 0x7f800000, 0xffc00000, 0x7f7fffff},
        {TT_F16, 0x7c00, 0xfe00, 0x7bff},
        {TT_BF16, 0x7f80, 0xffc0, 0x7f7f},
    };
    tt_network network = network_of(build_dense, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tt_model *model;
        element = cases[i].element;
        size_t each = element == TT_F64 ? 8 : element == TT_F32 ? 4 : 2;
        REQUIRE(tt_model_new(&network, NULL, &model, NULL) == TT_OK);
        uint8_t *w = tt_session_bytes(tt_model_session(model), "w", NULL);
        for (size_t place = 0; place < 24; place++)
            for (int k = 0; k < 3; k++) {
                const uint64_t bits[] = {cases[i].infinite, cases[i].none, cases[i].greatest};
                uint8_t *bytes;
                size_t length;
                memset(w, 0, 24 * each);
                memcpy(w + place * each, &bits[k], each); // of a little-endian machine
                EXPECT_EQUAL(tt_model_save(model, &bytes, &length, NULL),
                             k < 2 ? TT_TOO_LARGE : TT_OK);
                EXPECT((bytes != NULL) == (k == 2));
                free(bytes);
            }
        tt_model_free(model);
    }
    element = TT_F32;
}

// Parameters that are no floating-point numbers have no gradient.
static void test_integers(void)
{
    tt_network network = network_of(build_integers, 3);
    refuse_training(&network, TT_INVALID,
                    "the network's parameter 'table' is i32[3], of which no gradient can be taken");
}

// Logits that are no numbers are no answer, whichever comes first.
static void test_no_number(void)
{
    tt_network network = network_of(build_dense, 3);
    tt_dataset data = data_of(3);
    tt_model *model;
    REQUIRE(tt_model_new(&network, NULL, &model, NULL) == TT_OK);
    float *w = tt_session_bytes(tt_model_session(model), "w", NULL);
    for (int place = 0; place < 3; place++) {
        size_t confusion[9] = {0}, sum = 0;
        double accuracy = -1;
        memset(w, 0, 8 * 3 * sizeof(*w));
        w[place] = NAN;
        EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, confusion, NULL), TT_OK);
        EXPECT(accuracy == 0);
        for (int i = 0; i < 9; i++)
            sum += confusion[i];
        EXPECT_EQUAL(sum, 0);
    }
    // Of equal ones the first is the answer.
    size_t confusion[9] = {0};
    double accuracy = -1;
    memset(w, 0, 8 * 3 * sizeof(*w));
    EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, confusion, NULL), TT_OK);
    EXPECT(accuracy == 22.0 / 64);
    EXPECT_EQUAL(confusion[0] + confusion[3] + confusion[6], 64);
    tt_model_free(model);
}

// The greatest batch, as many epochs as there may be, and a warm-up longer than all of them.
static void test_limits(void)
{
    static uint8_t many[TT_BATCH_MAX + 1][8], of[TT_BATCH_MAX + 1];
    for (size_t i = 0; i <= TT_BATCH_MAX; i++) {
        of[i] = (uint8_t)(i % 3);
        many[i][i % 3] = 255;
    }
    tt_dataset data = {TT_BATCH_MAX + 1, 2, 4, many[0], of};
    tt_network network = network_of(build_dense, 3);
    tt_train_options options = training_of(&network);
    options.batch = TT_BATCH_MAX;
    options.epochs = TT_EPOCHS_MAX;
    options.warm_up = TT_EPOCHS_MAX;
    options.learning_rate = 1e6;
    options.stop_after = 3;
    tt_training *training = new_training(&options);
    EXPECT_EQUAL(tt_training_run(training, &data, &data, NULL), TT_OK);
    EXPECT_EQUAL(tt_training_epochs_done(training), 3);
    double accuracy;
    EXPECT_EQUAL(tt_model_evaluate(tt_training_model(training), &data, &accuracy, NULL, NULL),
                 TT_OK);
    EXPECT(accuracy == 1);
    tt_training_free(training);
}

int main(void)
{
    test_limits();
    test_refused_models();
    test_refused_trainings();
    test_refused_runs();
    test_odd_but_sound();
    test_first_weights();
    test_infinite_weights();
    test_integers();
    test_no_number();
    return test_result();
}
