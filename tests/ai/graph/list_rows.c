// Prints the table of operations as docs/ai.md shows it, which test_ai_page.sh compares.

#include <stdio.h>

#include "ai/graph/row.h"

int main(void)
{
    printf("| operation | inputs | attributes | what it computes | derivative "
           "|\n|---|---|---|---|---|\n");
    for (int op = 0; op < TT_OP_COUNT; op++) {
        const tt_row *row = tt_row_of((tt_op)op);
        printf("| `%s` | ", row->name);
        if (row->inputs_max > row->inputs_min)
            printf("%u and more |", row->inputs_min);
        else
            printf("%u |", row->inputs_min);
        for (unsigned i = 0; i < TT_ATTRIBUTES_MAX && row->attributes[i].name != NULL; i++)
            printf("%s %s", i > 0 ? "," : "", row->attributes[i].name);
        printf(" | %s%s | %s |\n", (row->flags & TT_ROW_HOST) != 0 ? "host: " : "", row->help,
               row->derivative != NULL ? "yes"
               : row->constant         ? "none flows"
                                       : "");
    }
    return 0;
}
