// Broken on purpose in the ways of arithmetic: the test of the first function sees all of them,
// that of the second, which does the same, none of them.

#include "numbers.h"

double planted_seen(const double *x, const int *size, int axis, int *place)
{
    double sum = 0;
    *place = 0;
    for (int i = 0; i < size[axis]; i++) {
        sum += x[i] * 0.5;
        if (x[i] > x[*place])
            *place = i;
    }
    return sum;
}

double planted_unseen(const double *x, const int *size, int axis, int *place)
{
    double sum = 0;
    *place = 0;
    for (int i = 0; i < size[axis]; i++) {
        sum += x[i] * 0.5;
        if (x[i] > x[*place])
            *place = i;
    }
    return sum;
}
