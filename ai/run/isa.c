// Which instructions the printed C may use: what the processor has, or less where $TT_ISA says so.

#include <stdlib.h>
#include <string.h>

#include "ai/run/compile_internal.h"
#include "tutti/check.h"

static const char *const names[] = {"plain", "sse2", "avx2", "avx512"};

const char *tt_isa_name(tt_isa isa)
{
    TT_CHECK((unsigned)isa < TT_COUNT(names));
    return names[isa];
}

tt_status tt_isa_told(tt_text *why)
{
    const char *word = getenv("TT_ISA");
    bool known = word == NULL || word[0] == 0;
    for (unsigned isa = TT_ISA_SSE2; !known && isa < TT_COUNT(names); isa++)
        known = strcmp(word, names[isa]) == 0;
    if (known)
        return TT_OK;
    tt_text_add(why, "TT_ISA is '");
    tt_text_add(why, word);
    tt_text_add(why, "', expected 'avx512', 'avx2' or 'sse2'");
    return TT_INVALID;
}

tt_isa tt_isa_here(tt_text *why)
{
    tt_isa machine = tt_isa_of_machine();
    const char *word = getenv("TT_ISA");
    if (word == NULL || word[0] == 0)
        return machine;
    for (unsigned asked = TT_ISA_SSE2; asked < TT_COUNT(names); asked++) {
        if (strcmp(word, names[asked]) != 0)
            continue;
        if (asked <= (unsigned)machine)
            return (tt_isa)asked;
        tt_text_add(why, "TT_ISA asks for ");
        tt_text_add(why, word);
        tt_text_add(why, ", and this machine has ");
        tt_text_add(why, names[machine]);
        return machine;
    }
    tt_text_add(why, "TT_ISA is to be avx512, avx2 or sse2, not '");
    tt_text_add(why, word);
    tt_text_add(why, "'; this machine's ");
    tt_text_add(why, names[machine]);
    tt_text_add(why, " is taken");
    return machine;
}
