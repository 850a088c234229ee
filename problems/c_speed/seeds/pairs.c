#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    long n;
    uint64_t x;
    if (scanf("%ld %lu", &n, &x) != 2) {
        return 1;
    }
    int *values = malloc((size_t)n * sizeof *values);
    if (values == NULL) {
        return 1;
    }
    for (long i = 0; i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        values[i] = (int)((x >> 33) % 1000);
    }
    long count = 0;
    for (long i = 0; i < n; i++) {
        for (long j = i + 1; j < n; j++) {
            if (abs(values[i] - values[j]) <= 10) {
                count++;
            }
        }
    }
    printf("%ld\n", count);
    free(values);
    return 0;
}
