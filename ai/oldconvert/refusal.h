// How the quantiser and the emitter say which value of a graph they cannot take, and why.

#ifndef TUTTI_AI_CONVERT_REFUSAL_H
#define TUTTI_AI_CONVERT_REFUSAL_H

#include "tutti/oldgraph.h"

// Adds "value %2 (exp): WHAT" to `why`; returns `status`.
tt_status tt_refuse_value(tt_text *why, const tt_value *value, const char *what, tt_status status);

#endif
