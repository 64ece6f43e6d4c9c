// Models and trainings in safetensors files: what both have in common.

#ifndef TUTTI_AI_TRAIN_FILE_H
#define TUTTI_AI_TRAIN_FILE_H

#include "ai/train/training.h"

#define TT_GRAPH_KEY "graph" // the network's text form, for one image
#define TT_CRC_KEY "crc"     // of all else that the file holds

// ---- saving

// A file in the making; its status stays what went wrong first.
typedef struct tt_maker {
    tt_tensor_file file;
    tt_status status;
} tt_maker;

void tt_maker_note(tt_maker *maker, const char *key, const char *value);
void tt_maker_number(tt_maker *maker, const char *key, uint64_t value);
// All of a graph's buffers of that kind, from the session.
void tt_maker_buffers(tt_maker *maker, const tt_session *session, const tt_graph *graph,
                      tt_buffer_kind kind);
void tt_maker_graph(tt_maker *maker, const tt_graph *graph);
// Adds the CRC, refuses what is no finite number, makes the bytes; frees the maker.
tt_status tt_maker_finish(tt_maker *maker, uint8_t **bytes, size_t *length, tt_text *why);

// ---- loading

// A sentence begins with the path, a success leaves none: what may follow the path goes to `rest`.
typedef struct tt_opened {
    tt_tensor_file *file;
    char *sentence;
    tt_text rest;
} tt_opened;

tt_status tt_model_file_open(tt_opened *opened, const char *path, tt_text *why);
tt_status tt_model_file_close(tt_opened *opened, tt_status status, tt_text *why);

// Every tensor that the graph's buffers of that kind need is there, of their types and finite.
tt_status tt_model_file_expect(const tt_tensor_file *file, const tt_graph *graph,
                               tt_buffer_kind kind, tt_text *why);
// Then: their bytes into the session.
void tt_model_file_take(const tt_tensor_file *file, const tt_graph *graph, tt_buffer_kind kind,
                        tt_session *session);
// A stated CRC is right; a file of another program may state none.
tt_status tt_model_file_check(const tt_tensor_file *file, tt_text *why);
tt_status tt_model_file_refuse(tt_text *why, const char *key, const char *found);
bool tt_model_file_number(const char *text, uint64_t most, uint64_t *number);

#endif
