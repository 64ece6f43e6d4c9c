// What the planted room offers.

unsigned planted_halvings(unsigned n);           // how often n can be halved until it is 1 or 0
int planted_limited(int n, int limit);           // n, but not more than the limit
int planted_eats(unsigned pieces, int *all_had); // takes so many pieces of memory for a moment
