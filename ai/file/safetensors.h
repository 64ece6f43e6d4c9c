// What reading and writing safetensors share.

#ifndef TUTTI_AI_FILE_SAFETENSORS_H
#define TUTTI_AI_FILE_SAFETENSORS_H

#include "tutti/tensor.h"

#define TT_SAFETENSORS_METADATA "__metadata__" // the name that is no tensor's

extern const char *const tt_safetensors_types[TT_ELEMENTS]; // "F64"

#endif
