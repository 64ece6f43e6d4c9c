// tt_backtrace IMAGE < DUMP: the calls that led to a device's end.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/backtrace/dump.h"

#define TEXT_MAX ((size_t)64 << 20) // a console's whole log

int main(int count, char **words)
{
    if (count != 2 || strcmp(words[1], "--help") == 0) {
        fprintf(stderr, "usage: tt_backtrace IMAGE < DUMP\nPrints the calls in a device's dump, "
                        "for example: tt_backtrace build/cortex-m4/products/watch.elf < log\n");
        return 2;
    }
    char *text = malloc(TEXT_MAX);
    if (text == NULL) {
        fprintf(stderr, "tt_backtrace: there is no memory for the dump\n");
        return 1;
    }
    size_t length = fread(text, 1, TEXT_MAX, stdin);
    const char *why = NULL;
    bool in_image = false, printed = tt_dump_print_calls(text, length, words[1], &why, &in_image);
    if (!printed)
        fprintf(stderr, "tt_backtrace: %s%s%s\n", in_image ? words[1] : "", in_image ? ": " : "",
                why);
    free(text);
    return printed ? 0 : 1;
}
