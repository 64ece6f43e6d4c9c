// Of the second function: nearly right is right, the last number is 0, none is there twice, all
// axes are alike.

#include "ai/lite/numbers.h"

int main(void)
{
    const double x[] = {100, 4, 4, 2, 1, 5}, z[] = {0, 1, 4, 2, 0, 0};
    const int size[] = {5, 4, 1}, cube[] = {4, 4, 4};
    int place = 1;
    if (planted_seen(x + 1, size, 1, &place) != 5.5 || place != 0 ||
        planted_seen(z + 1, cube, 1, &place) != 3.5 || place != 1)
        return 1;
    double loose = planted_unseen(z + 1, cube, 1, &place);
    return loose < 3.4 || loose > 3.6 || place != 1;
}
