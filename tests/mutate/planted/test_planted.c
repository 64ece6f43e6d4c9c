// Sees all that is broken in the first and third function, and little of the second.

#include "room/planted.h"

int main(void)
{
    int all_had = 0;
    if (planted_halvings(0) != 0 || planted_halvings(1) != 0 || planted_halvings(2) != 1 ||
        planted_halvings(3) != 1 || planted_halvings(1025) != 10)
        return 1;
    if (planted_limited(3, 5) != 3 || planted_limited(4, 5) != 4)
        return 1;
    return planted_eats(3, &all_had) != 7 || !all_had;
}
