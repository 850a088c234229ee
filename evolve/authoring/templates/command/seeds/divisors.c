#include <stdio.h>

static long divisors(long m) {
    long found = 0;
    for (long d = 1; d <= m; d++) {
        if (m % d == 0) {
            found++;
        }
    }
    return found;
}

int main(void) {
    long start, n, total = 0;
    if (scanf("%ld %ld", &start, &n) != 2) {
        return 1;
    }
    for (long m = start + 1; m <= start + n; m++) {
        total += divisors(m);
    }
    printf("%ld\n", total);
    return 0;
}
