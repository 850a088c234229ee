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
    long n, total = 0;
    if (scanf("%ld", &n) != 1) {
        return 1;
    }
    for (long m = 1; m <= n; m++) {
        total += divisors(m);
    }
    printf("%ld\n", total);
    return 0;
}
