// Inputs and parameters for a graph that comes without.

#include "cli/feed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/element.h"
#include "cli/data.h"
#include "cli/say.h"
#include "tutti/check.h"
#include "tutti/random.h"

// A generator of a buffer's own, so that it does not hang on the others.
static tt_random random_of(unsigned seed, const char *name)
{
    tt_random random;
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    tt_random_seed(&random, hash ^ seed);
    return random;
}

static double uniform(tt_random *random)
{
    return (double)(tt_random_u64(random) >> 11) * 0x1p-53;
}

static void fill(const tt_type *type, void *data, tt_random *random, uint64_t below)
{
    tt_element element = (tt_element)type->element;
    int64_t count = tt_type_count(type);
    for (int64_t i = 0; i < count; i++) {
        double number =
            tt_element_is_float(element) ? uniform(random) : (double)tt_random_below(random, below);
        if (element == TT_I8)
            number -= 128;
        tt_cell_store(element, data, i, tt_cell_of_number(element, number));
    }
}

// Weights as He et al. have their spread, so that a deep network neither dies nor explodes; what
// has one axis or none, biases, scales and variances, between 0 and 1.
static void fill_parameter(const tt_type *type, void *data, tt_random *random)
{
    int64_t count = tt_type_count(type);
    fill(type, data, random, 4);
    if (!tt_element_is_float((tt_element)type->element) || type->rank < 2 || count == 0)
        return;
    double reach = sqrt(6.0 / ((double)count / (double)type->size[0]));
    for (int64_t i = 0; i < count; i++) {
        tt_cell cell = tt_cell_load((tt_element)type->element, data, i);
        cell.f = (2 * cell.f - 1) * reach;
        tt_cell_store((tt_element)type->element, data, i,
                      tt_cell_fit((tt_element)type->element, cell));
    }
}

// What moves elements, but leaves them as they are.
static bool only_moves(tt_op op)
{
    return op == TT_OP_RESHAPE || op == TT_OP_STOP || op == TT_OP_CONVERT ||
           op == TT_OP_TRANSPOSE || op == TT_OP_BROADCAST || op == TT_OP_SLICE || op == TT_OP_FLIP;
}

// How many slices the buffer's elements choose from, where it is known that they are indices; else
// 4, or all that a byte can be.
static uint64_t limit_of(const tt_graph *graph, const tt_buffer *buffer)
{
    uint64_t limit = UINT64_MAX;
    for (uint32_t at = 0; at < tt_graph_count(graph); at++) {
        const tt_operation *node = tt_graph_node(graph, at);
        if (node->op != TT_OP_GATHER && node->op != TT_OP_SCATTER)
            continue;
        const tt_value *in = tt_graph_inputs(graph, at);
        tt_value index = in[1];
        while (only_moves((tt_op)tt_graph_node(graph, index.node)->op))
            index = tt_graph_inputs(graph, index.node)[0];
        int64_t axis = tt_graph_attribute(graph, at, 0, NULL)[0];
        uint64_t size = (uint64_t)tt_graph_type(graph, in[0])->size[axis];
        if (tt_same(index, buffer->value) && size < limit)
            limit = size > 0 ? size : 1;
    }
    if (limit != UINT64_MAX)
        return limit;
    return buffer->type.element == TT_BOOL                                  ? 2
           : buffer->type.element == TT_I8 || buffer->type.element == TT_U8 ? 256
                                                                            : 4;
}

static tt_exit no_memory(const char *command)
{
    tt_say_error("tutti %s: no memory is left", command);
    return TT_EXIT_FAILED;
}

// ---- inputs

// The file for an input, "image=image.npy", or NULL.
static const char *file_of(const tt_words *files, const char *name)
{
    size_t length = strlen(name);
    for (unsigned i = 0; i < files->count; i++)
        if (strncmp(files->words[i], name, length) == 0 && files->words[i][length] == '=')
            return files->words[i] + length + 1;
    return NULL;
}

static tt_exit expect_inputs(const char *command, const tt_graph *graph, const tt_words *files)
{
    for (unsigned i = 0; i < files->count; i++) {
        bool known = false;
        if (strchr(files->words[i], '=') == NULL) {
            tt_say_error("tutti %s: --input takes NAME=FILE, not '%s'", command, files->words[i]);
            return TT_EXIT_USAGE;
        }
        for (uint32_t k = 0; k < tt_graph_buffer_count(graph); k++) {
            const tt_buffer *buffer = tt_graph_buffer(graph, k);
            tt_words one = {{files->words[i]}, 1};
            known |= buffer->kind == TT_INPUT && file_of(&one, buffer->name) != NULL;
        }
        if (!known) {
            tt_say_error("tutti %s: the model has no input that --input '%s' names", command,
                         files->words[i]);
            return TT_EXIT_USAGE;
        }
    }
    return TT_EXIT_OK;
}

static tt_exit read_input(const char *command, const char *path, const tt_buffer *buffer,
                          void *data)
{
    static char sentence[TT_SENTENCE_MAX];
    char has[TT_TYPE_TEXT_BYTES], wants[TT_TYPE_TEXT_BYTES];
    tt_tensor_file file = {0};
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_npy_read(&file, path, &why);
    if (status != TT_OK)
        return tt_data_refuse(command, status, sentence);
    tt_type type = tt_tensor_type(&file.entries[0].tensor);
    bool fits = tt_type_equal(&type, &buffer->type);
    if (fits)
        memcpy(data, file.entries[0].tensor.data,
               (size_t)tt_type_count(&type) * tt_element_bytes((tt_element)type.element));
    else
        tt_say_error("tutti %s: %s holds %s, input '%s' is %s", command, path,
                     tt_type_text(&type, has), buffer->name, tt_type_text(&buffer->type, wants));
    tt_tensor_file_free(&file);
    return fits ? TT_EXIT_OK : TT_EXIT_FAILED;
}

static tt_exit make_input(tt_feed *feed, const char *command, const tt_graph *graph, uint32_t at,
                          unsigned seed, const tt_words *files)
{
    const tt_buffer *buffer = tt_graph_buffer(graph, at);
    const char *path = file_of(files, buffer->name);
    tt_random random = random_of(seed, buffer->name);
    char type[TT_TYPE_TEXT_BYTES];
    int64_t bytes =
        tt_type_count(&buffer->type) * (int64_t)tt_element_bytes((tt_element)buffer->type.element);
    if (bytes > TT_TENSOR_FILE_MAX) {
        tt_say_error("tutti %s: input '%s' is %s, larger than the %lld bytes that fit", command,
                     buffer->name, tt_type_text(&buffer->type, type),
                     (long long)TT_TENSOR_FILE_MAX);
        return TT_EXIT_FAILED;
    }
    if ((feed->data[at] = calloc(1, bytes > 0 ? (size_t)bytes : 1)) == NULL)
        return no_memory(command);
    if (path != NULL)
        return read_input(command, path, buffer, feed->data[at]);
    fill(&buffer->type, feed->data[at], &random, limit_of(graph, buffer));
    return TT_EXIT_OK;
}

// ---- parameters

static tt_exit set_kept(const char *command, const tt_opened *opened, const tt_buffer *buffer,
                        unsigned seed, tt_session *session)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_random random = random_of(seed, buffer->name);
    int64_t count = tt_type_count(&buffer->type);
    tt_text_init(&why, sentence, sizeof(sentence));
    const tt_tensor *tensor = tt_opened_tensor(opened, buffer, &why);
    if (tensor == NULL && sentence[0] != '\0')
        return tt_data_refuse_file(command, opened->path, TT_INVALID, sentence);
    if (tensor == NULL && buffer->kind != TT_PARAMETER)
        return TT_EXIT_OK;
    void *made = NULL;
    if (tensor == NULL) {
        made = calloc((size_t)count + 1, tt_element_bytes((tt_element)buffer->type.element));
        if (made == NULL)
            return no_memory(command);
        fill_parameter(&buffer->type, made, &random);
    }
    tt_status status =
        tt_session_write(session, buffer->name, 0, count, tensor != NULL ? tensor->data : made);
    TT_CHECK(status == TT_OK);
    free(made);
    return TT_EXIT_OK;
}

tt_exit tt_feed_programs(tt_feed *feed, const char *command, const tt_opened *opened, unsigned seed,
                         const tt_words *files, tt_session *const *sessions,
                         tt_program *const *programs, unsigned count)
{
    const tt_graph *graph = opened->graph;
    tt_exit result = expect_inputs(command, graph, files);
    feed->count = tt_graph_buffer_count(graph);
    feed->data = calloc(feed->count + 1u, sizeof(*feed->data));
    if (result == TT_EXIT_OK && feed->data == NULL)
        result = no_memory(command);
    for (uint32_t i = 0; result == TT_EXIT_OK && i < feed->count; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind == TT_INPUT)
            result = make_input(feed, command, graph, i, seed, files);
        for (unsigned k = 0; result == TT_EXIT_OK && k < count; k++)
            if (buffer->kind == TT_INPUT) // one that the simplified graph lacks is not needed
                tt_program_set(programs[k], buffer->name, feed->data[i]);
            else if (tt_session_read(sessions[k], buffer->name != NULL ? buffer->name : "", NULL) !=
                     NULL)
                result = set_kept(command, opened, buffer, seed, sessions[k]);
    }
    return result;
}

void tt_feed_free(tt_feed *feed)
{
    for (uint32_t i = 0; feed->data != NULL && i < feed->count; i++)
        free(feed->data[i]);
    free(feed->data);
    *feed = (tt_feed){0};
}
