// A program on a host: the sentence on standard error, then the signal ABRT, which leaves a core
// dump where the user wants one. No stdio: the program may have failed in the middle of it.

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "tutti/text.h"

void tt_check_end(const char *file, int line, const char *condition)
{
    char sentence[512];
    tt_text text;
    tt_text_init(&text, sentence, sizeof(sentence));
    tt_text_add(&text, "check failed: ");
    tt_text_add(&text, file);
    tt_text_add(&text, ":");
    tt_text_add_unsigned(&text, (uint64_t)line);
    tt_text_add(&text, ": ");
    tt_text_add(&text, condition);
    sentence[text.length] = '\n'; // where the terminator was
    ssize_t written = write(STDERR_FILENO, sentence, text.length + 1);
    (void)written; // nobody is left to be told
    abort();
}
