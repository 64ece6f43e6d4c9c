// Functions of floats as instructions.

#include "ai/lower/functions.h"
