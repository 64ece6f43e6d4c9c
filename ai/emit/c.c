// Forms as C.

#include "ai/emit/c.h"
