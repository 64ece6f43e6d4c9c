// Half the sum of size[axis] numbers, and the place of the first greatest of them.

double planted_seen(const double *x, const int *size, int axis, int *place);
double planted_unseen(const double *x, const int *size, int axis, int *place);
