// Whether a form is one, and its text.

#include "ai/lower/form.h"
