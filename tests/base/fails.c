// A program on a host in which a check fails: what it says, and how it ends, is looked at. With one
// word nothing fails; two words are the file and the condition of a check.

#include <stdio.h>

#include "tutti/check.h"

int main(int count, char **words)
{
    printf("before"); // not yet written when the check fails
    if (count == 3)
        tt_check_failed(words[1], 1234567, words[2]);
    TT_CHECK(count == 2);
    return 0;
}
