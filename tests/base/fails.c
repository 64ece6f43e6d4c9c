// A program on a host in which a check fails: what it says, and how it ends, is looked at.

#include <stdio.h>

#include "tutti/check.h"

int main(int count, char **words)
{
    (void)words;
    printf("before"); // not yet written when the check fails
    TT_CHECK(count == 2);
    return 0;
}
