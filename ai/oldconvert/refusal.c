// The sentence of a refused value.

#include "ai/oldconvert/refusal.h"
#include "ai/oldgraph/primitive.h"

tt_status tt_refuse_value(tt_text *why, const tt_value *value, const char *what, tt_status status)
{
    tt_text_add(why, "value %");
    tt_text_add_unsigned(why, value->id);
    tt_text_add(why, " (");
    tt_text_add(why, value->primitive->name);
    tt_text_add(why, "): ");
    tt_text_add(why, what);
    return status;
}
